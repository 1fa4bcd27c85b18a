"""When training ends before its time: it is asked to, or validation has not become better for long."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Stopped(KeyboardInterrupt):
    """Training was asked to stop and did, between two steps."""


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set while it lasts; a second one ends what runs at once.

    Where that is not possible (outside the main thread) or the process has handlers of its own, they stay.

    Raises:
        Stopped: At the end, where the signal came too late to stop anything.
    """
    stop = threading.Event()

    def ask(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                before[number] = signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if stop.is_set():
        raise Stopped("stopped when a training had ended; what it found is kept")


class Patience:
    """Keeps the weights of the epoch with the least validation error, and says when to wait no longer.

    Args:
        epochs: Without a new best, after which training ends.
    """

    def __init__(self, epochs: int):
        self.epochs = epochs
        self.error, self.epoch, self.last = float("inf"), 0, 0
        self.weights: dict[str, torch.Tensor] = {}

    @property
    def over(self) -> bool:
        return self.last - self.epoch >= self.epochs

    def take(self, epoch: int, error: float, weights: dict[str, torch.Tensor]) -> None:
        """An epoch, from 1, has ended with this validation error; of equal ones the first is the best."""
        self.last = epoch
        if error < self.error:
            self.error, self.epoch = error, epoch
            self.weights = {name: tensor.detach().clone() for name, tensor in weights.items()}

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"error": self.error, "epoch": self.epoch, "last": self.last, "weights": self.weights}

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from `state`."""
        self.error, self.epoch, self.last = state["error"], state["epoch"], state["last"]
        self.weights = {name: tensor.to(device) for name, tensor in state["weights"].items()}
