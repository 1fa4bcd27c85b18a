"""Packed examples, as training reads them: labels from the manifest, inputs from the assets."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..spec import Spec
from .assets import ASSETS, Assets, read_assets
from .manifest import MANIFEST, read_manifest
from .room import inputs_of
from .splits import SPLITS, read_splits

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Examples:
    """Examples of one split, in the order of their ids.

    Attributes:
        ids: Content ids.
        inputs: `[N, *spec.shape]`: uint8 images; float32 sequences and tables, NaN where something is absent.
            Mapped from a file where they are too many for the memory (`room.inputs_of`).
        labels: `[N]`: int64 indices into the classes, or float32 targets of a regression.
        spec: What an example is.
    """

    ids: tuple[str, ...]
    inputs: np.ndarray
    labels: np.ndarray
    spec: Spec

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the source's order; empty for a regression."""
        return self.spec.classes

    def subset(self, rows: np.ndarray) -> "Examples":
        """The examples of `rows` (int64 indices, or bool `[N]`), in that order."""
        chosen = np.arange(len(self))[rows]
        return Examples(tuple(self.ids[row] for row in chosen), self.inputs[chosen], self.labels[chosen], self.spec)

    def __len__(self) -> int:
        return len(self.ids)


def load_split(root: Path, split: str) -> Examples:
    """The examples of one split.

    Raises:
        UserError: As `load_splits`.
    """
    return load_splits(root, [split])[split]


def measured_splits(root: Path) -> tuple[str, ...]:
    """The splits that tell where an error comes from: train_val is among them where the data has several domains.

    Raises:
        UserError: The splits are missing or damaged.
    """
    there = set(read_splits(root / SPLITS)["split"].unique())
    return tuple(name for name in ("train", "train_val", "validation") if name in there or name != "train_val")


def load_splits(root: Path, names: Iterable[str], most: int | None = None) -> dict[str, Examples]:
    """The examples of several splits; manifest and index are read once.

    A label corrected in the manifest takes effect here, without packing again.

    Args:
        root: The project's root.
        names: Splits, such as "train" and "validation".
        most: Of each split at most so many: those with the smallest ids, which are hashes, so a random draw.

    Raises:
        UserError: A file is missing or damaged, there is no such split, an example is not packed, or its label is no
            class.
    """
    import polars as pl

    assets = read_assets(root / ASSETS)
    assigned = read_splits(root / SPLITS)
    frame = assigned.join(
        read_manifest(root / MANIFEST).select("id", "label", "path", "row"), on="id", how="left", maintain_order="left"
    )
    loaded = {}
    for name in names:
        part = frame.filter(pl.col("split") == name).sort("id")
        if part.is_empty():
            there = ", ".join(sorted(frame["split"].unique())) or "none"
            raise UserError(f"{root / SPLITS}: no split `{name}`; there are {there}")
        loaded[name] = _examples(part if most is None else part.head(most), assets)
    return loaded


def load_fold(root: Path, fold: int) -> dict[str, Examples]:
    """`train` and `validation` where one fold of the two validates and everything else of them trains.

    Raises:
        UserError: As `load_splits`, or there is no such fold.
    """
    import polars as pl

    assets, assigned = read_assets(root / ASSETS), read_splits(root / SPLITS)
    if "fold" not in assigned.columns or fold not in assigned["fold"]:
        raise UserError(f"{root / SPLITS}: no fold {fold}; `data.folds` in params.yaml asks for folds")
    used = assigned.filter(pl.col("split").is_in(["train", "validation"]))
    frame = used.join(
        read_manifest(root / MANIFEST).select("id", "label", "path", "row"), on="id", how="left", maintain_order="left"
    ).sort("id")
    here = pl.col("fold").eq_missing(fold)
    return {"train": _examples(frame.filter(~here), assets), "validation": _examples(frame.filter(here), assets)}


def groups_of(root: Path, ids: Iterable[str]) -> np.ndarray | None:
    """Which group each example belongs to, as numbers int64 `[N]`; None where the data has no groups.

    An example without a group is one of its own.
    """
    import polars as pl

    known = read_manifest(root / MANIFEST).select("id", "group")
    if known["group"].null_count() == len(known):
        return None
    named = pl.DataFrame({"id": list(ids)}).join(known, on="id", how="left", maintain_order="left")
    # Groups and ids are told apart by a letter: a group may be called as an example is.
    keys = named.select(pl.coalesce("g" + pl.col("group").cast(pl.String), "i" + pl.col("id")))
    return keys.to_series().rank("dense").cast(pl.Int64).to_numpy()


def _examples(part: "pl.DataFrame", assets: Assets) -> Examples:
    import polars as pl

    ids = part["id"].to_list()
    missing = [identifier for identifier in ids if identifier not in assets.row_of]
    if missing:
        raise UserError(
            f"{len(missing)} examples of the splits are not in the manifest or not packed, such as {missing[0]}; "
            "the files are of different states: `dvc repro` brings them together"
        )
    if assets.spec.regression:
        labels, bad = part["label"].cast(pl.Float64, strict=False).to_numpy(), part["label"].is_null().to_numpy()
        labels = labels.astype(np.float32)
    else:
        index = {name: number for number, name in enumerate(assets.spec.classes)}
        codes = part["label"].cast(pl.String).replace_strict(index, default=-1, return_dtype=pl.Int64)
        labels, bad = codes.to_numpy().astype(np.int64), (codes == -1).to_numpy()
    if bad.any():
        raise UserError(f"{MANIFEST}: {_trouble(part.row(int(bad.argmax()), named=True), assets)}")
    rows = np.array([assets.row_of[identifier] for identifier in ids], np.int64)
    return Examples(tuple(ids), inputs_of(assets, rows), labels, assets.spec)


def _trouble(row: dict[str, Any], assets: Assets) -> str:
    where = row["path"] if row["path"] is not None else f"row {row['row']}"
    if row["label"] is None:
        return f"{row['id']} ({where}) has no label, but stands in a split; split again"
    return unknown_label(row["id"], where, str(row["label"]), assets.spec.classes)


def unknown_label(identifier: str, where: str, label: str, classes: tuple[str, ...]) -> str:
    """A sentence that names the example, its unknown label and the nearest class."""
    near = difflib.get_close_matches(label, classes, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"the classes are {', '.join(classes[:20])}"
    return f"{identifier} ({where}) has the label {label!r}, which is no class: {hint}"
