"""Brings batches of examples to the device: from there, where all of them fit, else from the host while a step runs.

Either way gives the same batches in the same order. Must not know what is done with them.
"""

import queue
import threading
from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.loading import Examples
from .memory import fits, free_memory

Batch = tuple[Tensor, Tensor]
AHEAD = 3  # batches that wait: a disk's hiccup is bridged, and memory holds few


def on_device(examples: Examples, device: torch.device) -> Batch:
    """All inputs and labels as tensors there; inputs that do not fit there stay on the host.

    Inputs that lie in a file (`data.room`) are mapped, not read: a batch is read when it is asked for.
    """
    labels = torch.tensor(examples.labels, device=device)
    inputs = plain(examples.inputs)
    mapped = isinstance(examples.inputs, np.memmap)
    if mapped or (device.type != "cpu" and not fits(examples.inputs.nbytes, free_memory(device))):
        return inputs, labels
    return inputs.to(device, copy=True), labels


def plain(array: np.ndarray) -> Tensor:
    """The same memory as a tensor with the strides of its shape.

    NumPy lets the stride of an axis of length one be anything; oneDNN takes a lone channel for another layout by it,
    and the last bits differ.
    """
    return torch.from_numpy(np.require(array, requirements=["C", "W"]).reshape(-1)).view(array.shape)


class Feed:
    """The batches of one split.

    Args:
        examples: The split.
        device: Where batches are wanted.

    Attributes:
        inputs: All of them, on the device or, where they do not fit, on the host.
        labels: All of them, on the device.
        resident: Whether the inputs lie on the device; else a thread gathers batches ahead of the step that needs them.
    """

    def __init__(self, examples: Examples, device: torch.device):
        self.device = device
        self.inputs, self.labels = on_device(examples, device)
        self.resident = self.inputs.device == self.labels.device and not isinstance(examples.inputs, np.memmap)

    def batch(self, rows: Tensor) -> Batch:
        """The examples of `rows` (int64, where the inputs lie), on the device."""
        if self.resident:
            return self.inputs[rows], self.labels[rows]
        inputs = self.inputs[rows]
        if self.device.type == "cuda":
            inputs = inputs.pin_memory()  # only from there does a copy run beside the step
        return inputs.to(self.device, non_blocking=True), self.labels[rows.to(self.device)]

    def batches(self, rows: Sequence[Tensor]) -> Generator[Batch, None, None]:
        """The batches of several `rows`, in their order."""
        if self.resident:
            return (self.batch(part) for part in rows)
        return self._ahead(rows)

    def _ahead(self, rows: Sequence[Tensor]) -> Generator[Batch, None, None]:
        ready: queue.Queue[Batch | BaseException] = queue.Queue(AHEAD)
        ended = threading.Event()

        def put(item: Batch | BaseException) -> None:
            while not ended.is_set():
                try:
                    return ready.put(item, timeout=0.1)
                except queue.Full:
                    continue

        def gather() -> None:
            try:
                for part in rows:
                    if ended.is_set():
                        return
                    put(self.batch(part))
            except BaseException as error:  # raised where the batch is waited for
                put(error)

        thread = threading.Thread(target=gather, name="batches ahead", daemon=True)
        thread.start()
        try:
            for _ in rows:
                item = ready.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            ended.set()
            thread.join()
