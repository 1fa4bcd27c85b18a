"""What every source of examples offers; a new one is a class with a name, its classes and `examples`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
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
        key: What the example's id is made of, where that is not `inputs`: a table's categories are coded anew when a
            value is added, and the ids of old rows must not change with the codes.
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
    key: bytes | None = None


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


def place_inside(root: Path, path: str) -> Path:
    """The place of a person's own data, which may be missing.

    Raises:
        UserError: It lies outside the project.
    """
    place = root / path
    if not place.resolve().is_relative_to(root):
        raise UserError(
            f"data.path: {path} lies outside the project; copy the data into {root / 'data/raw'} (paths must hold on "
            "every machine that clones the project)"
        )
    return place


def files_inside(root: Path, path: str, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of a person's own data, sorted by path: those with one of the endings in a folder, or the file itself.

    Hidden files are passed over, and so are those in sub-folders.

    Args:
        root: The project's root, resolved.
        path: The folder or the file, relative to it.
        suffixes: Endings in lower case, with their dots.

    Raises:
        UserError: It lies outside the project or is not there, a file is a link that leads out, or there is none.
    """
    place = place_inside(root, path)
    if not place.exists():
        raise UserError(f"data.path: {place} is not there; put the data there ({', '.join(suffixes)})")
    inside = sorted(place.iterdir()) if place.is_dir() else [place]
    files = [each for each in inside if each.suffix.lower() in suffixes and not each.name.startswith(".")]
    leading_out = [each for each in files if not each.resolve().is_relative_to(root) or not each.is_file()]
    if leading_out:
        shown = leading_out[0].relative_to(root).as_posix()
        raise UserError(f"{shown}: no file, or a link that leads out of the project; replace it by a copy")
    if not files:
        raise UserError(f"data.path: no file in {place} ends in {', '.join(suffixes)}; put the data there")
    return files
