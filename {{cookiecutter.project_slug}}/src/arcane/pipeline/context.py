"""What a stage is given, and what it says about itself."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from ..config import Project
from .places import WithSlots
from .record import Record

SCHEMA = 1
"""Of the files that stages write."""


class Voice(Protocol):
    """Whoever tells the person how work proceeds."""

    def say(self, text: str) -> None: ...

    def progress(self, text: str, done: float, total: float) -> None: ...


@dataclass(frozen=True)
class Context:
    """What a stage is given.

    Attributes:
        project: The project.
        record: The pipeline run in the tracker.
        voice: Told how it goes.
        with_slots: Calls a body with the places for trials; how they run in parallel is the caller's business.
    """

    project: Project
    record: Record
    voice: Voice
    with_slots: WithSlots

    @property
    def root(self) -> Path:
        return self.project.root

    @cached_property
    def device(self) -> str:
        from ..training.devices import choose_device

        return choose_device(self.project.params.run.device)


@dataclass(frozen=True)
class Result:
    """What a stage says about itself in a line."""

    summary: str


@contextmanager
def said(voice: Voice) -> Iterator[None]:
    """Let the person hear what the rooms below log."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            voice.say(f"  {record.getMessage()}")

    logger, handler = logging.getLogger("arcane"), Handler(logging.INFO)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def counted(voice: Voice, what: str) -> Callable[[int, int | None], None]:
    """A progress callback that may not know the total."""

    def progress(done: int, total: int | None) -> None:
        if total:
            voice.progress(what, done, total)

    return progress
