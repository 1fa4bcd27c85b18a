"""Examples as columns that a person can name: what the manifest says of them, and what their inputs show at a glance.

Slices and shifts are looked for in these columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.loading import Examples
from ..errors import UserError

if TYPE_CHECKING:
    import polars as pl

NOT_DESCRIBING = frozenset(
    {"id", "label", "path", "row", "near", "duplicates", "conflicting_labels", "source_overlap", "time", "source_split"}
)
"""Columns of the manifest that name an example, or that another finding is about."""

VALUES = 10
"""Numbers of at most so many different values are categories: the number of a camera is no quantity."""

CHANNELS = 8
"""Channels of a sequence that are described each."""


@dataclass(frozen=True)
class Column:
    """One thing known of each example.

    Attributes:
        name: As a person calls it.
        values: int64 `[N]`, places in `levels` or -1 where nothing is known; of a number float64 `[N]`, NaN there.
        levels: The names of a category's values; empty for a number.
    """

    name: str
    values: np.ndarray
    levels: tuple[str, ...] = ()

    @property
    def number(self) -> bool:
        return not self.levels

    def of(self, rows: np.ndarray) -> "Column":
        """The column of some of the examples: int64 or bool rows."""
        return Column(self.name, self.values[rows], self.levels)


def described(examples: Examples, manifest: "pl.DataFrame | None" = None) -> list[Column]:
    """Everything that is known of examples, as columns; a column in which nothing varies is left out.

    Args:
        examples: Their labels and inputs are described.
        manifest: As `read_manifest` gives it, with at least these examples' rows; None: only labels and inputs.
    """
    columns = [*_label(examples)]
    if manifest is not None:
        columns += _of_manifest(rows_of(examples, manifest))
    taken = {column.name for column in columns}
    for column in _of_inputs(examples):
        name = f"{column.name} (input)" if column.name in taken else column.name
        columns.append(Column(name, column.values, column.levels))
    return [column for column in columns if len(np.unique(column.values[_known(column)])) > 1]


def rows_of(examples: Examples, manifest: "pl.DataFrame") -> "pl.DataFrame":
    """The manifest's rows of these examples, in their order."""
    import polars as pl

    return pl.DataFrame({"id": examples.ids}, schema={"id": pl.String}).join(
        manifest, on="id", how="left", maintain_order="left"
    )


def _known(column: Column) -> np.ndarray:
    return np.isfinite(column.values) if column.number else column.values >= 0


def _label(examples: Examples) -> Iterator[Column]:
    if examples.spec.target is None:
        yield Column("class", examples.labels.astype(np.int64), examples.classes)
    else:
        yield Column(examples.spec.target.name, examples.labels.astype(np.float64))


def _of_manifest(rows: "pl.DataFrame") -> Iterator[Column]:
    import polars as pl

    for name in rows.columns:
        values = rows[name]
        if name in NOT_DESCRIBING or values.null_count() == len(rows) or isinstance(values.dtype, pl.List | pl.Struct):
            continue
        if values.dtype.is_numeric() and values.n_unique() > VALUES:
            yield Column(name, values.cast(pl.Float64).fill_null(float("nan")).to_numpy())
        else:
            yield category(name, values.cast(pl.String).to_list())
    yield from _time(rows["time"])


def _time(times: "pl.Series") -> Iterator[Column]:
    """Times as numbers, so that they are cut into earlier and later ones; nothing where they do not compare."""
    from ..data.splits.times import moments

    if times.null_count() < len(times):
        try:
            yield Column("time", moments(times).fill_null(float("nan")).to_numpy())
        except UserError:
            return


def category(name: str, values: list[Any]) -> Column:
    """A column of texts, None where nothing is known."""
    levels = sorted({value for value in values if value is not None})
    place = {level: number for number, level in enumerate(levels)}
    return Column(name, np.array([place.get(value, -1) for value in values], np.int64), tuple(levels))


def _of_inputs(examples: Examples) -> Iterator[Column]:
    looks = {"image": _of_images, "sequence": _of_sequences, "tabular": _of_rows}
    yield from looks[examples.spec.modality](examples)


def _of_images(examples: Examples) -> Iterator[Column]:
    """Mean, spread and mean step between neighbouring pixels, in grey levels from 0 to 255."""
    light = np.empty((3, len(examples)))
    for start in range(0, len(examples), 1024):  # as floats, images take four times their bytes
        part = slice(start, start + 1024)
        images = examples.inputs[part].astype(np.float32).mean(axis=1)
        light[0, part], light[1, part] = images.mean(axis=(1, 2)), images.std(axis=(1, 2))
        steps = [np.abs(np.diff(images, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2) if images.shape[axis] > 1]
        light[2, part] = np.mean(steps, axis=0) if steps else 0.0
    for name, values in zip(("brightness", "contrast", "sharpness"), light, strict=True):
        yield Column(name, values)
    if examples.inputs.shape[1] == 3:
        means = examples.inputs.mean(axis=(2, 3))
        yield Column("colourfulness", means.max(axis=1) - means.min(axis=1))


def _of_sequences(examples: Examples) -> Iterator[Column]:
    there = np.isfinite(examples.inputs)
    yield Column("length", there.any(axis=1).sum(axis=1).astype(np.float64))
    counts = np.maximum(there.sum(axis=2), 1)
    values = np.where(there, examples.inputs, 0).astype(np.float64)
    level = values.sum(axis=2) / counts
    spread = np.sqrt(np.where(there, (values - level[:, :, None]) ** 2, 0).sum(axis=2) / counts)
    for channel in range(min(CHANNELS, examples.inputs.shape[1])):
        suffix = f" of channel {channel}" if examples.inputs.shape[1] > 1 else ""
        yield Column(f"mean level{suffix}", level[:, channel])
        yield Column(f"spread{suffix}", spread[:, channel])


def _of_rows(examples: Examples) -> Iterator[Column]:
    for place, feature in enumerate(examples.spec.features):
        values = examples.inputs[:, place].astype(np.float64)
        if feature.kind == "category":  # codes are 0 for what is not known, then 1 + the level's place
            codes = np.where(np.isfinite(values), np.nan_to_num(values), 0).astype(np.int64) - 1
            yield Column(feature.name, codes, feature.levels)
        elif len(np.unique(values[np.isfinite(values)])) <= VALUES:
            shown = [None if not np.isfinite(value) else f"{value:.6g}" for value in values]
            yield category(feature.name, shown)
        else:
            yield Column(feature.name, values)
