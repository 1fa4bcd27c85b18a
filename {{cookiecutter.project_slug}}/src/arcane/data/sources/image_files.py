"""Images that are a file each: listed without reading them, so that ingest decodes only what it has not seen yet."""

import json
import os
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UserError
from ..decoding import headers, images
from ..images import SUFFIXES
from ..manifest import is_text
from .base import Example, Source

if TYPE_CHECKING:
    import polars as pl

SMALLEST, LARGEST = 32, 128
SHOWN = 20
# Columns of a listing that become an example's own.
FACTS = ("label", "group", "time", "domain", "source_split")


class ImageFiles(Source):
    """A source whose every example is an image file of its own.

    Attributes:
        root: The project's root, resolved.
        files: A row a file: `path` (POSIX, relative to the root), `size`, `mtime_ns`, `ctime_ns`, `label`, and any of
            `group`, `time`, `domain`, `source_split` and `extra` (further names as the text of a JSON object).
    """

    name = "own"
    root: Path

    @property
    @abstractmethod
    def files(self) -> "pl.DataFrame": ...

    def shape(self) -> tuple[int, int, int]:
        """As `shape_of`, from the headers of all files."""
        import polars as pl

        found = [header for header in headers(self.root, self.files["path"].to_list()) if header is not None]
        return self.shape_of(pl.DataFrame(found, schema=["height", "width", "grey"], orient="row"))

    def shape_of(self, sizes: "pl.DataFrame") -> tuple[int, int, int]:
        """The size that all share, else a square of the median short side, kept within 32 and 128.

        One channel where every file is grey, else three.

        Args:
            sizes: `height`, `width` and `grey` of every file that can be read.

        Raises:
            UserError: No file can be read.
        """
        import polars as pl

        if sizes.is_empty():
            raise UserError(f"source {self.name}: none of the {len(self.files)} files can be read as an image")
        channels = 1 if sizes["grey"].all() else 3
        counts = sizes.group_by("height", "width").len()
        if len(counts) == 1:
            return channels, int(counts["height"][0]), int(counts["width"][0])
        short = sizes.select(pl.min_horizontal("height", "width").median()).item()
        side = int(np.clip(short, SMALLEST, LARGEST))
        sides = pl.concat([counts["height"], counts["width"]])
        note = (
            f"images come in {len(counts)} sizes (sides {sides.min()} to {sides.max()}); all are scaled to {side} by "
            f"{side}, the middle kept; set data.resolution for another size"
        )
        if note not in self.notes:
            self.notes = (*self.notes, note)
        return channels, side, side

    def examples(self) -> Iterator[Example]:
        """Yields the images in the order of `files`.

        Raises:
            UserError: Files are empty, truncated or no images: all of them are named.
        """
        unreadable: list[str] = []
        facts = [name for name in (*FACTS, "extra") if name in self.files.columns]
        rows = self.files.select("path", *facts).iter_rows(named=True)
        for row, image in zip(rows, images(self.root, self.files["path"].to_list()), strict=True):
            if isinstance(image, UserError):
                unreadable.append(str(image))
            else:
                yield Example(image, **row | {"extra": json.loads(row.get("extra") or "{}")})
        refuse_unreadable(unreadable, len(self.files))


def refuse_unreadable(errors: list[str], total: int) -> None:
    """Raise one UserError that names all files that cannot be read."""
    if errors:
        raise UserError(
            f"{len(errors)} of {total} image files cannot be read; replace or remove them:\n  " + "\n  ".join(errors)
        )


@dataclass
class Scan:
    """What lies in a folder and below it; hidden files and folders are passed over.

    Attributes:
        paths: Image files by their endings; POSIX, relative to the project's root.
        states: Size, time of change and time of the state's change (ns) of each.
        passed_over: Files that are no images by their endings.
        leading_out: Links to folders, to nothing, or out of the project.
    """

    paths: list[str] = field(default_factory=list)
    states: list[tuple[int, int, int]] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    leading_out: list[str] = field(default_factory=list)

    def frame(self, **facts: list[str]) -> "pl.DataFrame":
        """The images: `path`, `size`, `mtime_ns`, `ctime_ns` and further facts of each, sorted by path.

        Raises:
            UserError: A name is not UTF-8.
        """
        import polars as pl

        odd = [] if is_text("".join(self.paths)) else [repr(path) for path in self.paths if not is_text(path)]
        if odd:
            raise UserError(f"file names that are not UTF-8: {some(odd)}; rename them")
        states = np.array(self.states, np.int64).reshape(-1, 3)
        columns = {name: states[:, place] for place, name in enumerate(("size", "mtime_ns", "ctime_ns"))}
        return pl.DataFrame({"path": pl.Series(self.paths, dtype=pl.String), **columns, **facts}).sort("path")

    def refuse_links(self) -> None:
        """Raise a UserError where links lead out."""
        if self.leading_out:
            raise UserError(
                f"links to folders, to nothing, or out of the project ({len(self.leading_out)}): "
                f"{some(sorted(self.leading_out))}; replace them by copies"
            )


def scan(root: Path, folder: Path, found: Scan) -> None:
    """Look through a folder, and add what lies there to `found`.

    Args:
        root: The project's root, resolved.
        folder: Inside it.
        found: Grows.
    """
    prefix = folder.relative_to(root).as_posix()
    prefix = "" if prefix == "." else prefix + "/"
    folders, others, paths, states = [], [], found.paths, found.states
    # By its descriptor: finding each file by its whole path takes a tenth longer. What most entries are is asked first.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with os.scandir(descriptor) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith(SUFFIXES) and name[0] != "." and entry.is_file(follow_symlinks=False):
                    state = entry.stat()
                    paths.append(prefix + name)
                    states.append((state.st_size, state.st_mtime_ns, state.st_ctime_ns))
                else:
                    others.append(entry)
            for entry in others:
                name = entry.name
                if name[0] == ".":
                    continue
                if entry.is_symlink() and _leads_out(root, folder / name):
                    found.leading_out.append(prefix + name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                elif not name.lower().endswith(SUFFIXES):
                    found.passed_over.append(prefix + name)
                elif entry.is_file():
                    state = entry.stat()
                    paths.append(prefix + name)
                    states.append((state.st_size, state.st_mtime_ns, state.st_ctime_ns))
    finally:
        os.close(descriptor)
    for name in sorted(folders):
        scan(root, folder / name, found)


def _leads_out(root: Path, link: Path) -> bool:
    # A link to a folder could close a circle, and its files would be counted twice.
    return link.is_dir() or not link.exists() or not link.resolve().is_relative_to(root)


def some(names: list[str]) -> str:
    """The first 20 of some names, and how many more there are."""
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
