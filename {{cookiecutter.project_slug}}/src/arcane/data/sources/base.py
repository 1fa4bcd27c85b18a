"""What every source of examples offers; a new one is a class with a name, its classes and `examples`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ...errors import UserError


@dataclass(frozen=True)
class Example:
    """One example, as a source gives it.

    Attributes:
        image: uint8 `[H, W]` or `[H, W, C]`, decoded, in its own size.
        label: One of the source's classes, or None.
        path: POSIX path relative to the project's root, where it is a file.
        row: Its number in the source, where it is none.
        source_split: "train" or "test", where the source brings its own.
        group: What it shares with others; a group stays in one split.
        time: When it was taken.
        domain: The distribution it came from.
        extra: Anything else that the manifest shall carry.
    """

    image: np.ndarray
    label: str | None
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
        classes: Every class, in the order of the network's outputs.
        modality: The kind of data.
        total: How many examples there are, for progress; None where that is not known beforehand.
        notes: What a person should hear about how the source was read; complete once `examples` ended.
    """

    name: str
    classes: tuple[str, ...]
    modality: ClassVar[str] = "image"
    total: int | None = None
    notes: tuple[str, ...] = ()

    @abstractmethod
    def examples(self) -> Iterator[Example]:
        """Every example, in the same order each time.

        Raises:
            UserError: Something cannot be read; names all of it.
        """

    def shape(self) -> tuple[int, int, int]:
        """`(C, H, W)` that all images are brought to; by default that of the first."""
        for example in self.examples():
            height, width = example.image.shape[:2]
            return (example.image.shape[2] if example.image.ndim == 3 else 1), height, width
        raise UserError(f"source {self.name}: gives no example")
