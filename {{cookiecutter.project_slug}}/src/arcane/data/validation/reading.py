"""The manifest with every column that a finding goes by."""

import mmap
from pathlib import Path
from typing import TYPE_CHECKING

from ..manifest import read_manifest

if TYPE_CHECKING:
    import polars as pl

# Names that only some lines have, perhaps the last alone.
NAMES = ("conflicting_labels", "source_overlap", "height", "width", "mode")


def read_for_validation(path: Path) -> "pl.DataFrame":
    """Read the manifest; all of its lines are searched for further names only where some must be there.

    That search costs thrice the reading; a look for the names in the bytes, a twentieth of it.

    Raises:
        UserError: As `read_manifest`.
    """
    frame = read_manifest(path)
    lacking = [name for name in NAMES if name not in frame.columns]
    return read_manifest(path, infer=None) if _mentioned(path, lacking) else frame


def _mentioned(path: Path, names: list[str]) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return any(text.find(f'"{name}":'.encode()) >= 0 for name in names)
