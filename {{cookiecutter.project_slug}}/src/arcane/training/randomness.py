"""Random numbers as a function of where training is (seed, epoch, step): a resumed run has nothing to replay."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce

import numpy as np
import torch

MASK = 2**64 - 1


def key(*numbers: int) -> int:
    """32 well mixed bits that depend on every number and on their order (splitmix64, Steele et al. 2014)."""
    return reduce(stirred, numbers, 0) & 0xFFFFFFFF


def keys(*numbers: int) -> Callable[[int], int]:
    """`key(*numbers, last)` as a function of the last: a quarter of the work at each step."""
    state = reduce(stirred, numbers, 0)
    return lambda last: stirred(state, last) & 0xFFFFFFFF


def stirred(state: int, number: int) -> int:
    """64 bits that depend on both."""
    state = (state + number + 0x9E3779B97F4A7C15) & MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
    return state ^ (state >> 31)


def reseed(device: torch.device, seed: int) -> None:
    """Seed torch's global generators of the CPU and of `device`, which augmentation and dropout draw from.

    Cheap enough for every step: 1.2 us here, where `torch.manual_seed` takes 240 (it also queues a call, with its
    stack, for each CUDA device that is not there yet).
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def random_state_kept(device: torch.device) -> Iterator[None]:
    """Give python, numpy and torch (CPU and `device`) the random state back that they had."""
    python, arrays = random.getstate(), np.random.get_state()
    devices = [device.index or 0] if device.type == "cuda" else []
    tensors = torch.mps.get_rng_state() if device.type == "mps" else None
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)
        if tensors is not None:
            torch.mps.set_rng_state(tensors)


def order(n: int, *numbers: int) -> torch.Tensor:
    """A permutation of `range(n)` that depends on `numbers` alone, whatever the device."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(key(*numbers)))
