"""What every source of examples offers; a new one is a class with a name, its classes and `examples`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ...errors import UserError
from ...spec import Feature, Modality, Target


@dataclass(frozen=True)
class Example:
    """One example, as a source gives it.

    Attributes:
        inputs: An image: uint8 `[H, W]` or `[H, W, C]`, decoded, in its own size. A sequence: float32 `[L]` or
            `[C, L]`, in its own length. A row of a table: float32 `[F]`, categories as their codes (`Feature`). In the
            last two NaN stands for a missing value.
        label: One of the source's classes; a number where the source has a target; None where there is none.
        path: POSIX path relative to the project's root, where it is a file.
        row: Its number in the source, where it is none.
        source_split: "train" or "test", where the source brings its own.
        group: What it shares with others; a group stays in one split.
        time: When it was taken; ISO 8601, so that the texts' order is the time's.
        domain: The distribution it came from.
        extra: Anything else that the manifest shall carry.
    """

    inputs: np.ndarray
    label: str | float | None
    path: str | None = None
    row: int | None = None
    source_split: str | None = None
    group: str | None = None
    time: str | None = None
    domain: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Source(ABC):
    """A source of examples.

    Attributes:
        name: What the manifest calls it.
        modality: The kind of data.
        classes: Every class, in the order of the network's outputs; empty where there is a target.
        target: What a regression estimates; None where classes are told apart.
        features: The columns of a table.
        total: How many examples there are, for progress; None where that is not known beforehand.
        notes: What a person should hear about how the source was read; complete once `examples` ended.
    """

    name: str
    modality: ClassVar[Modality] = "image"
    classes: tuple[str, ...] = ()
    target: Target | None = None
    features: tuple[Feature, ...] = ()
    total: int | None = None
    notes: tuple[str, ...] = ()

    @abstractmethod
    def examples(self) -> Iterator[Example]:
        """Every example, in the same order each time.

        Raises:
            UserError: Something cannot be read; names all of it.
        """

    def shape(self) -> tuple[int, ...]:
        """The shape that all examples are brought to: `(C, H, W)`, `(C, L)` or `(F,)`; by default that of the first."""
        for example in self.examples():
            inputs = example.inputs
            if self.modality == "image":
                return (inputs.shape[2] if inputs.ndim == 3 else 1), *inputs.shape[:2]
            return (1, *inputs.shape) if self.modality == "sequence" and inputs.ndim == 1 else inputs.shape
        raise UserError(f"source {self.name}: gives no example")
