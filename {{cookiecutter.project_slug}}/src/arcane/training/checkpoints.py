"""Where an interrupted training goes on from: two files, each whole or not there, each with its checksum.

Knows bytes and states; what a state holds is the trainer's business.
"""

import hashlib
import io
import logging
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..files import replacing

logger = logging.getLogger("arcane.training")

LAST, PREVIOUS = "last.ckpt", "previous.ckpt"
MAGIC = b"arcane checkpoint 1\n"
DIGEST_BYTES = 32
ABANDONED_DAYS = 30.0


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        folder: Where they lie; made when the first is written.
        identity: What is trained, on what and how; the checkpoint of something else is not used.
    """

    folder: Path
    identity: str

    def save(self, state: dict[str, Any]) -> None:
        """Keep a state; the one before stays as `previous.ckpt`.

        Written beside, flushed to the disk and renamed: a kill at any instant leaves one that is whole.

        Args:
            state: Tensors, numbers, texts, lists and dictionaries.
        """
        buffer = io.BytesIO()
        torch.save({"identity": self.identity, "state": state}, buffer)
        payload = buffer.getbuffer()
        self.folder.mkdir(parents=True, exist_ok=True)
        last = self.folder / LAST
        if last.exists():
            last.replace(self.folder / PREVIOUS)
        with replacing(last, "wb") as file:
            file.write(MAGIC + hashlib.sha256(payload).digest())
            file.write(payload)

    def load(self) -> dict[str, Any] | None:
        """The newest state that is whole; None where there is none. One that is damaged is named in the log."""
        for name in (LAST, PREVIOUS):
            path = self.folder / name
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            head = len(MAGIC) + DIGEST_BYTES
            if content[: len(MAGIC)] != MAGIC or content[len(MAGIC) : head] != hashlib.sha256(content[head:]).digest():
                logger.warning("%s: damaged (its checksum does not fit); it is not used", path)
                continue
            kept = torch.load(io.BytesIO(content[head:]), map_location="cpu", weights_only=True)
            if kept["identity"] != self.identity:
                logger.warning("%s: belongs to another training; it is not used", path)
                continue
            return kept["state"]
        return None

    def clear(self) -> None:
        """Remove them, and what a kill left half-written: the training has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)


def prune(folder: Path, ended: Callable[[str], bool], days: float = ABANDONED_DAYS) -> list[str]:
    """Remove the checkpoints that nobody will go on from.

    Args:
        folder: Holds a folder of checkpoints a training.
        ended: Whether the training of that folder's name has its result.
        days: Without a new checkpoint, after which a training counts as given up.

    Returns:
        The names that were removed.
    """
    removed = []
    for place in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            newest = max((file.stat().st_mtime for file in place.iterdir()), default=place.stat().st_mtime)
        except OSError:  # another process works on it
            continue
        if ended(place.name) or time.time() - newest > days * 86_400:
            shutil.rmtree(place, ignore_errors=True)
            removed.append(place.name)
    return removed


def random_states(device: torch.device) -> dict[str, Any]:
    """The states of python's, numpy's and torch's generators (of the CPU and of `device`), fit for a checkpoint."""
    version, numbers, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "mps": torch.mps.get_rng_state() if device.type == "mps" else None,
    }


def restore_random_states(states: dict[str, Any], device: torch.device) -> None:
    """Set the generators as `random_states` found them."""
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(states["mps"])
