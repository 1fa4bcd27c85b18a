"""A person's own sequences: `.npz` arrays, Parquet with lists of numbers, or the `.ts` files of UCR and UEA."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...config import Data
from ...errors import UserError
from ...spec import Modality
from .arrays import array_header, array_names, read_array, rows_of
from .base import Example, Source, files_inside
from .columns import LARGEST, MOST_CLASSES, Seen, iso_times, present
from .labels import Labels, labels_of
from .reading import batches, column_names, split_of
from .table_files import times_are_years
from .ts_files import read_header, read_series

if TYPE_CHECKING:
    import polars as pl

AT_ONCE = 1024
SPLITS = frozenset({"train", "test"})


@dataclass(frozen=True)
class Part:
    """Some sequences.

    Attributes:
        series: Each float `[C, L]`.
        labels: A cell a sequence.
        others: `group`, `time`, `domain`, `split`: a cell a sequence, where the file has them.
    """

    series: list[np.ndarray]
    labels: "pl.Series"
    others: dict[str, "pl.Series"]


class SequenceFiles(Source):
    """The sequences in `root/path`, file after file, sorted by name; `row` counts through all of them from 0.

    A file named by a split (`GunPoint_TRAIN.ts`, `test.npz`) brings that split.

    Args:
        root: The project's root.
        data: `path`, `target`, `task`, `unit`, `group`, `time`, `domain`.

    Raises:
        UserError: A file cannot be read, the channels differ, or the labels are none.
    """

    name = "own"
    modality: ClassVar[Modality] = "sequence"

    def __init__(self, root: Path, data: Data):
        self.root, self.data = root.resolve(), data
        self.files = files_inside(self.root, data.path, tuple(FORMS))
        endings = sorted({path.suffix.lower() for path in self.files})
        if len(endings) > 1:
            raise UserError(f"{self.files[0].parent}: {' and '.join(endings)} files together; keep those of one kind")
        self.read = FORMS[endings[0]]
        self._look()

    def _look(self) -> None:
        where = self.files[0].relative_to(self.root).as_posix()
        labels, times = Seen(self.data.target or "label", MOST_CLASSES), Seen(self.data.time or "time", MOST_CLASSES)
        shapes: dict[int, str] = {}
        shortest, longest, infinite = np.inf, 0, 0
        for path in self.files:
            row = 0
            for part in self.read(path, self.data):
                labels.add(part.labels, row, path.name)
                if "time" in part.others:
                    times.add(part.others["time"], row, path.name)
                for series in part.series:
                    shapes.setdefault(series.shape[0], f"{path.name}, row {row}")
                    shortest, longest = min(shortest, series.shape[1]), max(longest, series.shape[1])
                    infinite += int((np.abs(series) > LARGEST).sum())
                    row += 1
        self.total = labels.rows
        if not self.total or not longest:
            raise UserError(f"{where}: no sequence in it")
        if len(shapes) > 1:
            found = " and ".join(f"{channels} ({at})" for channels, at in shapes.items())
            raise UserError(f"{self.files[0].parent}: sequences of different numbers of channels: {found}")
        self.labels = self._declared() or labels_of(labels, self._with_task(), where)
        self.classes, self.target = self.labels.classes, self.labels.target
        self.years = times_are_years(times, where)
        self._shape = (next(iter(shapes)), longest)
        if shortest < longest:
            self.notes += (f"sequences are {shortest} to {longest} steps long; shorter ones end in NaN",)
        if infinite:
            self.notes += (f"{infinite:,} infinite values, or such as float32 cannot hold, became missing",)

    def _with_task(self) -> Data:
        """The params, with the task that a `.ts` file's header names where they leave it open."""
        first = self.files[0]
        if self.data.task != "auto" or first.suffix.lower() != ".ts" or not read_header(first).regression:
            return self.data
        return self.data.model_copy(update={"task": "regression"})

    def _declared(self) -> Labels | None:
        """The classes in the order of the `.ts` files' headers, where they have any."""
        if self.files[0].suffix.lower() != ".ts" or self.data.task == "regression":
            return None
        classes = {path: read_header(path).classes for path in self.files}
        first = classes[self.files[0]]
        for path, here in classes.items():
            if set(here) != set(first):
                raise UserError(f"{path}: other classes than {self.files[0].name}: {', '.join(here[:20])}")
        if len(first) == 1:
            raise UserError(f"{self.files[0]}: found one class ({first[0]}), expected two or more")
        return Labels("label", "text", first) if first else None

    def shape(self) -> tuple[int, int]:
        """The channels, and the steps of the longest sequence."""
        return self._shape

    def examples(self) -> Iterator[Example]:
        """Yields the sequences in the files' order, each `[C, L]` of its own length; infinite values are NaN.

        `extra` counts a sequence's infinite values, where it has any.
        """
        row = 0
        for path in self.files:
            named = split_of(path)
            for part in self.read(path, self.data):
                labels = self.labels.of(part.labels)
                others = {
                    name: (iso_times(cells, self.years) if name == "time" else present(cells)).to_list()
                    for name, cells in part.others.items()
                }
                for at, (series, label) in enumerate(zip(part.series, labels, strict=True)):
                    infinite = np.abs(series) > LARGEST
                    split = others["split"][at] if "split" in others else named
                    if split is not None and split not in SPLITS:
                        raise UserError(f"{path}, row {row}: split `{split}`; expected train, test, or nothing")
                    yield Example(
                        np.where(infinite, np.nan, series).astype(np.float32),
                        label,
                        row=row,
                        source_split=split,
                        group=others["group"][at] if "group" in others else None,
                        time=others["time"][at] if "time" in others else None,
                        domain=others["domain"][at] if "domain" in others else None,
                        extra={"infinite": int(infinite.sum())} if infinite.any() else {},
                    )
                    row += 1


def ts_parts(path: Path, data: Data) -> Iterator[Part]:
    """A `.ts` file's sequences."""
    import polars as pl

    series = read_series(path, read_header(path))
    while some := list(islice(series, AT_ONCE)):
        labels = pl.Series([label for _, label in some], dtype=pl.String)
        yield Part([values for values, _ in some], labels, {})


def npz_parts(path: Path, data: Data) -> Iterator[Part]:
    """An `.npz` file's sequences.

    Arrays: `x`, `[n, L]` or `[n, C, L]`, or all values in one row, `[sum of lengths]`; `y`; and where there are any
    `lengths`, `group`, `time`, `domain`, `split`, each `[n]`. The params may give other names.

    Raises:
        UserError: An array is missing, of another shape, or holds anything but numbers.
    """
    import polars as pl

    names = array_names(path)
    label = data.target or "y"
    asked = {"group": data.group, "time": data.time, "domain": data.domain}
    for name in ("x", label, *(each for each in asked.values() if each)):
        if name not in names:
            raise UserError(f"{path}: no array `{name}` (it has {', '.join(names)}); expected `x` and `{label}`")
    shape, dtype = array_header(path, "x")
    if dtype.kind not in "fiub":
        raise UserError(f"{path}, array `x`: holds {dtype}, expected real numbers")
    lengths = read_array(path, "lengths") if "lengths" in names else None
    labels = read_array(path, label)
    count = len(labels) if labels.ndim == 1 else -1
    _check_shapes(path, shape, lengths, count, label)
    others = {}
    for role in ("group", "time", "domain", "split"):
        name = asked.get(role) or role
        if name in names:
            others[role] = read_array(path, name)
            if others[role].shape != (count,):
                raise UserError(f"{path}, array `{name}`: shape {others[role].shape}, expected ({count},)")
    series = _ragged(path, lengths) if len(shape) == 1 else _rectangular(path, lengths)
    start = 0
    while some := list(islice(series, AT_ONCE)):
        stop = start + len(some)
        yield Part(
            some, pl.Series(labels[start:stop]), {n: pl.Series(cells[start:stop]) for n, cells in others.items()}
        )
        start = stop


def _check_shapes(path: Path, shape: tuple[int, ...], lengths: np.ndarray | None, count: int, label: str) -> None:
    if count < 0:
        raise UserError(f"{path}, array `{label}`: expected a label a sequence, one dimension")
    if lengths is not None and (lengths.shape != (count,) or lengths.dtype.kind not in "iu" or (lengths < 1).any()):
        raise UserError(f"{path}, array `lengths`: expected {count} whole numbers from 1, one a sequence")
    if len(shape) == 1 and lengths is None:
        raise UserError(f"{path}, array `x`: one row of {shape[0]} values; `lengths` must say where each series ends")
    if len(shape) == 1 and lengths is not None and int(lengths.sum()) != shape[0]:
        raise UserError(f"{path}: `lengths` add up to {int(lengths.sum())}, but `x` has {shape[0]} values")
    if len(shape) not in (1, 2, 3) or (len(shape) > 1 and shape[0] != count):
        raise UserError(
            f"{path}, array `x`: shape {shape}, and `{label}` has {count} labels; expected [{count}, steps] or "
            f"[{count}, channels, steps]"
        )
    if len(shape) > 1 and lengths is not None and count and int(lengths.max()) > shape[-1]:
        raise UserError(f"{path}: `lengths` go up to {int(lengths.max())}, but `x` has {shape[-1]} steps")


def _rectangular(path: Path, lengths: np.ndarray | None) -> Iterator[np.ndarray]:
    place = 0
    for rows in rows_of(path, "x"):
        for row in rows if rows.ndim == 3 else rows[:, None]:
            yield row[:, : lengths[place]] if lengths is not None else row
            place += 1


def _ragged(path: Path, lengths: np.ndarray | None) -> Iterator[np.ndarray]:
    left = np.empty(0)
    parts = rows_of(path, "x")
    for length in lengths if lengths is not None else ():
        while len(left) < length:
            left = np.concatenate([left, next(parts)])
        yield left[:length][None]
        left = left[length:]


def parquet_parts(path: Path, data: Data) -> Iterator[Part]:
    """A Parquet file's sequences: each column of lists of numbers is a channel.

    Raises:
        UserError: There is no such column or no label, or a row's channels differ in length.
    """

    names = [name for name in column_names(path) if name not in data.ignore]
    asked = {"group": data.group, "time": data.time, "domain": data.domain}
    for name in (data.target, *asked.values()):
        if name and name not in names:
            raise UserError(f"{path}: no column `{name}`; it has {', '.join(names[:20])}")
    for batch, start in _with_start(batches(path, names)):
        channels = _channels(path, batch, names)
        plain = [name for name in names if name not in channels]
        free = [name for name in plain if name not in asked.values()]
        label = data.target or next((name for name in ("label", "target") if name in free), (free or [None])[-1])
        if label is None or label in channels:
            raise UserError(f"{path}: no column is left for the labels; data.target names it")
        roles = {role: name or role for role, name in (*asked.items(), ("split", None))}
        others = {role: batch[name] for role, name in roles.items() if name in plain and name != label}
        yield Part(_of_lists(path, batch, channels, start), batch[label], others)


def _channels(path: Path, batch: "pl.DataFrame", names: list[str]) -> list[str]:
    import polars as pl

    channels = [name for name in names if isinstance(batch[name].dtype, pl.List | pl.Array)]
    if not channels:
        raise UserError(f"{path}: no column holds lists of numbers; expected one, or one a channel")
    return channels


def _with_start(parts: "Iterator[pl.DataFrame]") -> "Iterator[tuple[pl.DataFrame, int]]":
    start = 0
    for part in parts:
        yield part, start
        start += len(part)


def _of_lists(path: Path, batch: "pl.DataFrame", channels: list[str], start: int) -> list[np.ndarray]:
    import polars as pl

    flat, ends = [], []
    for name in channels:
        lists = batch[name].cast(pl.List(batch[name].dtype.inner))  # type: ignore[attr-defined]
        if not (lists.dtype.inner.is_numeric() or lists.dtype.inner == pl.Boolean):  # type: ignore[attr-defined]
            raise UserError(f"{path}: column `{name}` holds lists of {lists.dtype.inner}, expected numbers")  # type: ignore[attr-defined]
        lengths = lists.list.len().fill_null(0).cast(pl.Int64).to_numpy()
        if (lengths == 0).any():
            raise UserError(f"{path}, row {start + int((lengths == 0).argmax())}: `{name}` holds no value")
        if ends and (np.diff(ends[0], prepend=0) != lengths).any():
            row = int((np.diff(ends[0], prepend=0) != lengths).argmax())
            raise UserError(
                f"{path}, row {start + row}: `{name}` has {lengths[row]} steps, `{channels[0]}` another number; the "
                "channels of a row are equally long"
            )
        flat.append(pl.Series(lists.to_arrow().flatten()).cast(pl.Float64).to_numpy())
        ends.append(np.cumsum(lengths))
    return [
        np.stack([channel[stop - length : stop] for channel in flat])
        for stop, length in zip(ends[0].tolist(), np.diff(ends[0], prepend=0).tolist(), strict=True)
    ]


def unlabelled_series(path: Path) -> Iterator[np.ndarray]:
    """The sequences of a file, float `[C, L]` each, whatever it says of their labels.

    Raises:
        UserError: It cannot be read, or has no sequences.
    """
    ending = path.suffix.lower()
    if ending == ".ts":
        yield from (values for values, _ in read_series(path, read_header(path)))
    elif ending == ".npz":
        names = array_names(path)
        if "x" not in names:
            raise UserError(f"{path}: no array `x` (it has {', '.join(names)})")
        lengths = read_array(path, "lengths") if "lengths" in names else None
        yield from (_ragged if len(array_header(path, "x")[0]) == 1 else _rectangular)(path, lengths)
    else:
        names = column_names(path)
        for batch, start in _with_start(batches(path, names)):
            yield from _of_lists(path, batch, _channels(path, batch, names), start)


FORMS: dict[str, Callable[[Path, Data], Iterator[Part]]] = {
    ".ts": ts_parts,
    ".npz": npz_parts,
    ".parquet": parquet_parts,
    ".pq": parquet_parts,
}
