"""Packed examples, as training reads them: labels from the manifest, images from the assets."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError
from .assets import ASSETS, Assets, read_assets
from .manifest import MANIFEST, Record, read_manifest
from .splits import SPLITS, read_splits


@dataclass(frozen=True)
class Examples:
    """Examples of one split, in the order of their ids.

    Attributes:
        ids: Content ids.
        images: uint8, `[N, C, H, W]`.
        labels: int64, `[N]`, indices into `classes`.
        classes: Class names, in the source's order.
    """

    ids: tuple[str, ...]
    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)


def load_split(root: Path, split: str) -> Examples:
    """The examples of one split.

    Raises:
        UserError: As `load_splits`.
    """
    return load_splits(root, [split])[split]


def load_splits(root: Path, names: Iterable[str]) -> dict[str, Examples]:
    """The examples of several splits; manifest and index are read once.

    A label corrected in the manifest takes effect here, without packing again.

    Args:
        root: The project's root.
        names: Splits, such as "train" and "validation".

    Raises:
        UserError: A file is missing or damaged, there is no such split, an example is not packed, or its label is no
            class.
    """
    assets = read_assets(root / ASSETS)
    records = {record.id: record for record in read_manifest(root / MANIFEST)}
    assigned = read_splits(root / SPLITS)
    members: dict[str, list[str]] = {}
    for identifier, split in assigned.items():
        members.setdefault(split, []).append(identifier)
    loaded = {}
    for name in names:
        if name not in members:
            raise UserError(f"{root / SPLITS}: no split `{name}`; there are {', '.join(sorted(members)) or 'none'}")
        loaded[name] = _examples(sorted(members[name]), records, assets)
    return loaded


def _examples(ids: list[str], records: dict[str, Record], assets: Assets) -> Examples:
    missing = [identifier for identifier in ids if identifier not in records or identifier not in assets.row_of]
    if missing:
        raise UserError(
            f"{len(missing)} examples of the splits are not in the manifest or not packed, such as {missing[0]}; "
            "the files are of different states: `dvc repro` brings them together"
        )
    index = {name: number for number, name in enumerate(assets.classes)}
    labels = np.array([_label_index(records[identifier], index) for identifier in ids], np.int64)
    # Packed in the order of ids, so ascending ids are ascending rows.
    rows = np.array([assets.row_of[identifier] for identifier in ids], np.int64)
    return Examples(tuple(ids), assets.images(rows), labels, assets.classes)


def _label_index(record: Record, index: dict[str, int]) -> int:
    if record.label in index:
        return index[record.label]
    if record.label is None:
        raise UserError(f"{MANIFEST}: {record.id} ({record.where}) has no label, but stands in a split; split again")
    raise UserError(f"{MANIFEST}: {unknown_label(record, tuple(index))}")


def unknown_label(record: Record, classes: tuple[str, ...]) -> str:
    """A sentence that names the example, its unknown label and the nearest class."""
    near = difflib.get_close_matches(record.label or "", classes, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"the classes are {', '.join(classes[:20])}"
    return f"{record.id} ({record.where}) has the label {record.label!r}, which is no class: {hint}"
