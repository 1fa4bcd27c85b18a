"""What DataLoaders hand out: which labels lie beside the rows that a model is asked about."""

import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from .mixing import share_of_others
from .summaries import first_mark, labels_of

DEEPEST, MOST, LARGEST = 3, 16, 1 << 16
"""Levels of a batch that are looked into, tensors of it, and numbers of one."""


class Delivery:
    """The last batch that a loader handed out, by weak references."""

    def __init__(self) -> None:
        self.batch: list[weakref.ref[Tensor]] = []

    def came(self, batch: Any) -> None:
        """A loader hands out a batch."""
        self.batch = [weakref.ref(tensor) for tensor in _tensors(batch)[:MOST]]

    def labels(self, rows: Tensor) -> np.ndarray:
        """What lies beside these rows, one number each; empty where that is not one thing alone. Asked once a batch."""
        batch, self.batch = [tensor for ref in self.batch if (tensor := ref()) is not None], []
        beside = [t for t in batch if t is not rows and t.dim() and len(t) == len(rows) and t.numel() == len(t)]
        return labels_of(beside[0], len(rows)) if len(beside) == 1 and rows.dim() > 1 else np.empty(0)

    def marks(self, rows: Tensor) -> np.ndarray:
        """Whether each row has the first of several marks that lie beside it; empty where none do."""
        batch = [tensor for ref in self.batch if (tensor := ref()) is not None and tensor is not rows]
        found = [first_mark(t, len(rows)) for t in batch if t.dim() == 2 and rows.dim() > 1 and t.numel() <= LARGEST]
        found = [marks for marks in found if len(marks)]
        return found[0] if len(found) == 1 else np.empty(0)

    def others(self, rows: Tensor) -> float:
        """How far rows, which the program made of the last batch, are made of other rows of it."""
        batch = [tensor for ref in self.batch if (tensor := ref()) is not None]
        if any(tensor is rows for tensor in batch) or not rows.is_floating_point() or rows.dim() < 2:
            return 0.0
        like = next((t for t in batch if t.shape == rows.shape and t.is_floating_point()), None)
        return share_of_others(like, rows) if like is not None else 0.0


def _tensors(value: Any, depth: int = 0) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple) and depth < DEEPEST:
        return [tensor for item in value[:MOST] for tensor in _tensors(item, depth + 1)]
    return []
