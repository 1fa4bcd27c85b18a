"""How a DataLoader's batch is put together: its first items are listened to, the others go by as fast as without us."""

from collections.abc import Callable
from typing import Any

from torch.utils.data import Dataset, Subset

from .trace import Node

HEARD = 8
"""Items of a batch whose making is recorded: what is done to each is done in the same lines. Of a program that turns
digits by torchvision 64 in a batch, recording all of them took four times what the program itself did."""


class Items:
    """A data set for one batch.

    Args:
        dataset: The program's own.
        recorder: Does not listen while items beyond the first ones are made.
    """

    def __init__(self, dataset: Any, recorder: Any):
        self.dataset, self.recorder, self.given = dataset, recorder, 0

    def __getitem__(self, index: Any) -> Any:
        self.given += 1
        recorder = self.recorder
        if self.given <= HEARD or recorder.deaf:
            return self.dataset[index]
        on, recorder.deaf = recorder.on, True
        recorder.look(False)
        try:
            return self.dataset[index]
        finally:
            recorder.deaf = False
            recorder.look(on)


def heard_in_part(original: Callable, recorder: Any) -> Callable:
    """A fetcher's `fetch` that listens to a batch's first items."""

    def fetch(this: Any, index: Any) -> Any:
        several = getattr(this, "auto_collation", False) and len(index) > HEARD
        if not several or not recorder.listening() or not _one_by_one(this.dataset):
            return original(this, index)
        whole = this.dataset
        this.dataset = Items(whole, recorder)
        try:
            return original(this, index)
        finally:
            this.dataset = whole

    return fetch


def _one_by_one(dataset: Any) -> bool:
    """Whether a fetcher asks a data set for one item after the other; a plain subset does it in its own loop."""
    while type(dataset) is Subset:
        dataset = dataset.dataset
    return isinstance(dataset, Dataset) and not hasattr(dataset, "__getitems__")


def of_heard(name: str, inputs: tuple[Node, ...]) -> tuple[Node, ...]:
    """What a batch was put together from, without items that nobody listened to."""
    if name != "stack" or len(inputs) <= HEARD or any(i.layers or i.wants_gradient for i in inputs):
        return inputs
    heard = tuple(node for node in inputs[:HEARD] if node.inputs or "drawn" in node.facts)
    return heard or inputs
