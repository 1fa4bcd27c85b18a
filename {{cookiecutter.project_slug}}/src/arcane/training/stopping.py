"""When training ends before its time: it is asked to, or validation has not become better for long."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Stopped(KeyboardInterrupt):
    """Training was asked to stop and did, between two steps."""


class Hearing:
    """What this process does when it is asked to stop.

    A signal reaches the main thread alone. Trainings in other threads, and pools that train in processes, say here whom
    to tell; whoever has the main thread makes it hear.

    Attributes:
        told: Called, in any order, when the first signal comes.
        training: Trainings in the main thread: while there are some, what the signal does beside waits for them.
        waiting: A signal that waits so.
    """

    def __init__(self) -> None:
        self.told: dict[object, Callable[[], object]] = {}
        self.training = 0
        self.waiting: int | None = None


HEARING = Hearing()


@contextmanager
def telling(tell: Callable[[], object]) -> Iterator[None]:
    """Have `tell` called when the process is asked to stop, in the middle of whatever the main thread does."""
    token = object()
    HEARING.told[token] = tell
    try:
        yield
    finally:
        HEARING.told.pop(token, None)


def hear() -> dict[int, Any]:
    """Let Ctrl-C and SIGTERM tell whoever asked for it, and then do what they did before. In other threads: nothing.

    Where nobody else handles it, SIGTERM then raises `Stopped`, so that the process ends in order.

    Returns:
        The handlers that were there, for `deafen`; of a signal that is heard already, none.
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is not threading.main_thread():
        return before
    for number in (signal.SIGINT, signal.SIGTERM):
        previous = signal.getsignal(number)
        # None: a handler that is not Python's, which Python could not put back.
        if previous is not None and previous != signal.SIG_IGN and not hasattr(previous, "told_first"):
            before[number] = previous
            signal.signal(number, _relay(previous))
    return before


def deafen(before: dict[int, Any]) -> None:
    """Put back what `hear` found, where nobody has put another handler there since."""
    for number, previous in before.items():
        if hasattr(signal.getsignal(number), "told_first"):
            signal.signal(number, previous)


def _relay(previous: Any) -> Any:
    def relay(number: int, frame: Any) -> None:
        again = HEARING.waiting is not None
        for tell in list(HEARING.told.values()):
            tell()
        if HEARING.training and not again:
            HEARING.waiting = number
            return
        if callable(previous):
            previous(number, frame)
            return
        raise KeyboardInterrupt if again else Stopped("asked to stop; what has ended is kept")

    relay.told_first = True  # type: ignore[attr-defined]
    return relay


@contextmanager
def stop_on_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set while it lasts; a second one ends what runs at once.

    In the main thread a process's own handlers (Prefect has one) get the signal afterwards. In another thread the event
    is set where the main thread hears (`hear`).

    Raises:
        Stopped: At the end, where the signal came too late to stop anything.
    """
    stop = threading.Event()
    main = threading.current_thread() is threading.main_thread()
    before = hear()
    HEARING.training += main
    try:
        with telling(stop.set):
            yield stop
    finally:
        HEARING.training -= main
        deafen(before)
        if main and not HEARING.training and HEARING.waiting is not None:
            number, HEARING.waiting = HEARING.waiting, None
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_DFL, signal.default_int_handler):
                os.kill(os.getpid(), number)  # whose handler it is may have more to do
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
