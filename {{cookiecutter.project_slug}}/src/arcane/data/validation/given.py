"""What a check is given: the manifest, the packed inputs, and what several checks need of them, made once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...config import Data
from ...spec import MODALITIES, Modality, Spec
from ..assets import Assets
from ..findings import SHOWN_IDS, Finding

if TYPE_CHECKING:
    import polars as pl

# Inputs are read in blocks of about this size, so that nothing needs the whole set in memory.
BLOCK_BYTES = 16 * 2**20
NOUNS: dict[Modality, str] = {"image": "images", "sequence": "sequences", "tabular": "rows"}


@dataclass(frozen=True)
class Check:
    """A check.

    Attributes:
        codes: The findings that it may make.
        look: Looks.
        modalities: The kinds of data that it can look at.
    """

    codes: tuple[str, ...]
    look: Callable[["Given"], Iterator[Finding]]
    modalities: tuple[Modality, ...] = MODALITIES


@dataclass(frozen=True)
class Given:
    """What checks look at.

    Attributes:
        frame: The manifest.
        assets: The packed inputs.
        data: The params.
        splits: `id` and `split`, where there are some.
    """

    frame: "pl.DataFrame"
    assets: Assets
    data: Data
    splits: "pl.DataFrame | None" = None

    @property
    def spec(self) -> Spec:
        return self.assets.spec

    @property
    def noun(self) -> str:
        """What examples are called."""
        return NOUNS[self.spec.modality]

    @cached_property
    def labelled(self) -> "pl.DataFrame":
        return self.frame.filter(self.frame["label"].is_not_null())

    @cached_property
    def class_sizes(self) -> dict[str, int]:
        """Examples of each class, in the classes' order."""
        import polars as pl

        counted = self.labelled.group_by(pl.col("label").cast(pl.String)).len()
        sizes = dict(counted.iter_rows())
        return {label: sizes.get(label, 0) for label in self.spec.classes}

    @cached_property
    def placed(self) -> "pl.DataFrame":
        """The manifest with `asset`, the row of the packed inputs (null where there is none), in its order."""
        packed = self.assets.examples.select("id").with_row_index("asset")
        if packed["id"].equals(self.frame["id"]):  # after one ingest; of 10 million the join takes 6 s
            return self.frame.with_columns(packed["asset"])
        return self.frame.join(packed, on="id", how="left", maintain_order="left")

    @cached_property
    def near_pairs(self) -> "pl.DataFrame":
        """The manifest's near-duplicates; the older one's `id`, `label` and `source_split` with `_older` appended."""
        return near_pairs(self.frame)

    def of_assets(self, rows: np.ndarray) -> "pl.DataFrame":
        """The manifest's examples whose inputs are in `rows` (int64) of the assets, in the manifest's order."""
        import polars as pl

        return self.placed.filter(pl.col("asset").is_in(pl.Series(rows, dtype=pl.UInt32).implode()))

    def sample(self, count: int, among: "pl.DataFrame | None" = None) -> tuple["pl.DataFrame", np.ndarray]:
        """At most `count` packed examples, evenly over the manifest, which is in the order of a hash: as good as drawn.

        Args:
            count: How many.
            among: Rows of `placed` to choose from; None for all.

        Returns:
            Their rows, in the order of the assets, and their inputs `[n, *spec.shape]`.
        """
        there = self.placed if among is None else among
        there = there.filter(there["asset"].is_not_null())
        if len(there) > count:
            there = there[np.linspace(0, len(there) - 1, count).astype(np.int64)]
        there = there.sort("asset")
        return there, self.assets.inputs(there["asset"].to_numpy().astype(np.int64))

    def blocks(self) -> Iterator[np.ndarray]:
        """The packed inputs in their order, some at a time: `[n, *spec.shape]`."""
        count = max(1, BLOCK_BYTES // max(1, self.spec.size * np.dtype(self.spec.dtype).itemsize))
        for number, (_, size) in enumerate(self.assets.shards):
            shard = self.assets.shard(number)
            for offset in range(0, size, count):
                yield np.asarray(shard[offset : offset + count])

    def measured(self, measure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """What `measure` says of each example, for all packed inputs: `[N, ...]`."""
        none = np.empty((0, *self.spec.shape), self.spec.dtype)
        return np.concatenate([measure(none), *(measure(block) for block in self.blocks())])


def near_pairs(frame: "pl.DataFrame") -> "pl.DataFrame":
    """The manifest's near-duplicates; the older one's `id`, `label` and `source_split` with `_older` appended."""
    import polars as pl

    younger = frame.filter(pl.col("near").is_not_null())
    older = frame.select("id", "label", "source_split").rename(lambda name: f"{name}_older")
    older = older.join(younger.select("near").unique(), left_on="id_older", right_on="near", how="semi")
    joined = younger.join(older, left_on="near", right_on="id_older", how="inner", maintain_order="left")
    return joined.with_columns(id_older=pl.col("near"))


def first_ids(examples: "pl.DataFrame") -> tuple[str, ...]:
    """Ids for a finding: the first 50."""
    return tuple(examples["id"].head(SHOWN_IDS))


def where(examples: "pl.DataFrame") -> str:
    """How a person finds the first of these: its path or its row."""
    row: dict[str, Any] = examples.row(0, named=True)
    if row["path"] is not None:
        return str(row["path"])
    return f"row {row['row']}" if row["row"] is not None else str(row["id"])


def listed(names: list[str], most: int = 20) -> str:
    """The first of some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
