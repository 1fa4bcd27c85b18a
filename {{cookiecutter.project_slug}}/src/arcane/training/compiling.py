"""A task's forward pass through `torch.compile` for whole batches of training; plain elsewhere, and where it fails."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from .memory import out_of_memory

logger = logging.getLogger("arcane.training")


def compiled_forward(task: Any, device: torch.device, batch_size: int) -> Callable[..., Any]:
    """The task's forward pass, compiled for training on batches of one size.

    Evaluations and the rest of an epoch have other sizes, and each would be compiled anew; they run as they are. On
    CUDA the pass is recorded as a graph, whose outputs are copied: the next step writes over them.

    Args:
        task: On its device.
        device: That device.
        batch_size: Of a whole batch.
    """
    plain = task.forward
    cuda = device.type == "cuda"
    fast = torch.compile(plain, dynamic=False, mode="reduce-overhead" if cuda else "default")
    failed = False

    def forward(*inputs: Any, **options: Any) -> Any:
        nonlocal failed
        if failed or not task.training or len(inputs[0]) != batch_size:
            return plain(*inputs, **options)
        try:
            outputs = fast(*inputs, **options)
        except Exception as error:
            if out_of_memory(error):
                raise
            failed = True
            logger.warning("run.compile: goes on without torch.compile (%s)", first_line(error))
            return plain(*inputs, **options)
        return outputs.clone() if cuda and isinstance(outputs, torch.Tensor) else outputs

    return forward


def first_line(error: BaseException) -> str:
    """An error in a line: compilers say much."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].strip()[:200]}" if lines else type(error).__name__


@contextmanager
def compiling(task: Any, device: torch.device, batch_size: int, wanted: bool) -> Iterator[None]:
    """Let a task's forward pass be the compiled one for a while, where it is wanted."""
    if not wanted:
        yield
        return
    task.__dict__["forward"] = compiled_forward(task, device, batch_size)
    try:
        yield
    finally:
        task.__dict__.pop("forward", None)
