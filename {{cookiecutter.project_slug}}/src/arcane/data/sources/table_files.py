"""A person's own table: CSV, TSV or Parquet files of the same columns, typed by what all their cells hold."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...config import Data
from ...errors import UserError
from ...spec import Feature, Modality
from .base import Example, Source, files_inside
from .columns import (
    EXACT_WHOLE,
    LARGEST,
    MOST_CLASSES,
    MOST_LEVELS,
    Column,
    Seen,
    is_category,
    iso_times,
    numbers,
    present,
)
from .labels import labels_of
from .reading import FIRST_ROW, SUFFIXES, batches, column_names, delimiter_of, is_text_file, split_of

if TYPE_CHECKING:
    import polars as pl

SHOWN = 8
# Of a column with so large a share of numbers, the other cells are mistakes rather than texts.
MOSTLY_NUMBERS = 0.9


@dataclass(frozen=True)
class Roles:
    """Which column is what.

    Attributes:
        target: The labels.
        features: What the network sees, in the table's order.
        group, time, domain: See `Example`; None where there is no such column.
    """

    target: str
    features: tuple[str, ...]
    group: str | None = None
    time: str | None = None
    domain: str | None = None

    @property
    def names(self) -> list[str]:
        """Every column that is read."""
        others = (self.target, self.group, self.time, self.domain)
        return list(dict.fromkeys([*self.features, *(name for name in others if name)]))


class TableFiles(Source):
    """The tables in `root/path`, one after the other, sorted by name; `row` counts through all of them from 0.

    A file named by a split (`train.csv`, `x_test.parquet`) brings that split. Columns become features by what all
    cells hold: numbers; yes and no (1 and 0); dates (days since 1970); texts of at most 1,000 values, each seen twice
    on average (categories). Other columns are left out, and `notes` says so.

    Args:
        root: The project's root.
        data: `path`, `target`, `task`, `unit`, `group`, `time`, `domain`, `ignore`.

    Raises:
        UserError: A file cannot be read, the files' columns differ, a column named in the params is missing, or the
            labels are none.
    """

    name = "own"
    modality: ClassVar[Modality] = "tabular"

    def __init__(self, root: Path, data: Data):
        self.root = root.resolve()
        self.files = files_inside(self.root, data.path, SUFFIXES)
        names, notes = common_columns(self.files)
        self.roles, more = roles_of(names, data, self._where())
        seen = self._look(self.roles.names, data.time)
        self.total = seen[self.roles.target].rows
        if not self.total:
            raise UserError(f"{self._where()}: a header, but no row below it")
        self.labels = labels_of(seen[self.roles.target], data, self._where())
        self.classes, self.target = self.labels.classes, self.labels.target
        self.years = bool(data.time) and times_are_years(seen[data.time], self._where())
        self.columns, left_out = columns_of([seen[name] for name in self.roles.features], self._where())
        if not self.columns:
            raise UserError(f"{self._where()}: no column is left to learn from; " + "; ".join([*more, *left_out]))
        self.features = tuple(
            Feature(column.name, "category" if column.kind == "text" else "number", column.levels)
            for column in self.columns
        )
        self.notes = (*notes, *more, *left_out, *self._splits(), *about(seen, self.columns, self.labels.column))

    def _where(self) -> str:
        first = self.files[0].relative_to(self.root).as_posix()
        return first if len(self.files) == 1 else f"{first} and {len(self.files) - 1} more"

    def _splits(self) -> list[str]:
        own = [path.name for path in self.files if split_of(path) == "train" and "train" not in path.stem.lower()]
        return [f"{', '.join(own)}: taken as training data; the split stage makes the validation split"] if own else []

    def _look(self, names: list[str], time: str | None) -> dict[str, Seen]:
        commas = any(is_text_file(path) and delimiter_of(path) != "," for path in self.files)
        looked_at_whole = {self.roles.target, time}
        seen = {
            name: Seen(name, MOST_CLASSES if name in looked_at_whole else MOST_LEVELS, comma=commas) for name in names
        }
        for path in self.files:
            row = FIRST_ROW if is_text_file(path) else 0
            for batch in batches(path, names):
                for name, each in seen.items():
                    each.add(batch[name], row, path.name if len(self.files) > 1 else "")
                row += len(batch)
        return seen

    def shape(self) -> tuple[int]:
        """One number a feature."""
        return (len(self.columns),)

    def examples(self) -> Iterator[Example]:
        """Yields the rows in the files' order; cells that are missing or infinite are NaN.

        `extra` counts a row's infinite cells, where it has any.
        """
        row = 0
        for path in self.files:
            split = split_of(path)
            for batch in batches(path, self.roles.names):
                yield from self._of_batch(batch, row, split)
                row += len(batch)

    def _of_batch(self, batch: "pl.DataFrame", first: int, split: str | None) -> Iterator[Example]:
        values = np.stack([column.values(batch[column.name]) for column in self.columns], 1)
        keys = np.stack([column.keys(values[:, at]) for at, column in enumerate(self.columns)], 1)
        infinite = (np.abs(values) > LARGEST).sum(1)
        values[np.abs(values) > LARGEST] = np.nan
        inputs = values.astype(np.float32)
        labels = self.labels.of(batch[self.roles.target])
        nothing = [None] * len(batch)
        groups, domains = (
            present(batch[name]).to_list() if name else nothing for name in (self.roles.group, self.roles.domain)
        )
        times = iso_times(batch[self.roles.time], self.years).to_list() if self.roles.time else nothing
        for at, label in enumerate(labels):
            yield Example(
                inputs[at],
                label,
                row=first + at,
                source_split=split,
                group=groups[at],
                time=times[at],
                domain=domains[at],
                extra={"infinite": int(infinite[at])} if infinite[at] else {},
                key=keys[at].tobytes(),
            )


def common_columns(files: list[Path]) -> tuple[list[str], list[str]]:
    """The columns that the files share, in the first one's order, and what to say about them.

    Raises:
        UserError: The files' columns differ, or text and Parquet are mixed.
    """
    if len({is_text_file(path) for path in files}) > 1:
        raise UserError(f"{files[0].parent}: text and Parquet files together; keep those of one kind")
    first = column_names(files[0])
    for path in files[1:]:
        here = column_names(path)
        lacking, further = sorted(set(first) - set(here)), sorted(set(here) - set(first))
        if lacking or further:
            found = f"lacks `{lacking[0]}`" if lacking else f"has `{further[0]}`"
            raise UserError(
                f"{path}: {found}, unlike {files[0].name}; all tables in {path.parent} need the same columns "
                "(rows without labels to predict for belong elsewhere)"
            )
    unnamed = [str(place) for place, name in enumerate(first, 1) if not name]
    notes = [f"column {', '.join(unnamed)} has no name (a row's number, often); left out"] if unnamed else []
    return [name for name in first if name], notes


def roles_of(names: list[str], data: Data, where: str) -> tuple[Roles, list[str]]:
    """Give each column its role by the params.

    Without `data.target` that is the column `label` or `target`, else the last.

    Raises:
        UserError: A column named in the params is not there, or has two roles.
    """
    asked = {"target": data.target, "group": data.group, "time": data.time, "domain": data.domain}
    for role, name in [*asked.items(), *(("ignore", name) for name in data.ignore)]:
        if name and name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else f"it has {_some(names)}"
            raise UserError(f"data.{role}: {where} has no column `{name}`: {hint}")
    taken = [name for name in asked.values() if name] + list(data.ignore)
    twice = [name for name in taken if taken.count(name) > 1]
    if twice:
        raise UserError(f"data: the column `{twice[0]}` is named for two roles (target, group, time, domain, ignore)")
    free = [name for name in names if name not in taken]
    target, notes = data.target, []
    if target is None:
        target = next((name for name in ("label", "target") if name in free), None)
        if target is None and free:
            target = free[-1]
            notes.append(f"the last column, `{target}`, is taken for the labels; data.target names another")
    if target is None:
        raise UserError(f"{where}: no column is left for the labels; data.target names it")
    features = tuple(name for name in free if name != target)
    if not features:
        raise UserError(
            f"{where}: found one column, `{target}`, expected features and a label; columns are separated by a comma, "
            "a semicolon or a tab"
        )
    return Roles(target, features, data.group, data.time, data.domain), notes


def times_are_years(seen: Seen, where: str) -> bool:
    """Whether a column of times holds years of four digits; else it holds dates.

    Raises:
        UserError: It holds neither.
    """
    if seen.kind == "date" or not seen.known:
        return False
    import polars as pl

    if seen.kind == "number" and seen.whole and seen.levels is not None:
        years = numbers(pl.Series(sorted(seen.levels), dtype=pl.String), "number", seen.comma)
        if years.is_between(1000, 9999).all():
            return True
    raise UserError(
        f"{where}: column `{seen.name}`: {seen.undated or 'its cells'} is no date; data.time needs dates, such as "
        "2024-01-31 or 2024-01-31 18:30:00, or years"
    )


def columns_of(features: list[Seen], where: str) -> tuple[list[Column], list[str]]:
    """The columns that become features, and what to say about the others.

    Raises:
        UserError: A column of numbers has a few cells that are none.
    """
    kept, notes = [], []
    for seen in features:
        if seen.kind == "other":
            notes.append(f"`{seen.name}` holds lists or other nested values; left out")
        elif seen.kind != "text":
            kept.append(Column(seen.name, seen.kind, comma=seen.comma))
        elif is_category(seen):
            kept.append(Column(seen.name, "text", tuple(sorted(seen.levels or ()))))
        elif seen.fits["number"] >= MOSTLY_NUMBERS * seen.present:
            raise UserError(
                f"{where}: column `{seen.name}`: {seen.fits['number']:,} of {seen.present:,} cells are numbers, but "
                f"not {seen.odd}; empty such cells, or name the column in data.ignore"
            )
        else:
            different = f"over {seen.most:,}" if seen.levels is None else f"{len(seen.levels):,}"
            notes.append(
                f"`{seen.name}` holds {different} different texts in {seen.present:,} cells, too many for a category; "
                "left out"
            )
    return kept, notes


def about(seen: dict[str, Seen], columns: list[Column], target: str) -> list[str]:
    """What a person should hear about the cells themselves."""
    used = [seen[column.name] for column in columns]
    dates = [each.name for each in used if each.kind == "date"]
    # Beyond 64 bits a number is a measure that happens to be whole, such as 1e30.
    large = [e.name for e in used if e.kind == "number" and e.whole and EXACT_WHOLE < e.largest <= 2**63]
    infinite = {each.name: each.infinite for each in (*used, seen[target]) if each.kind == "number" and each.infinite}
    commas = [each.name for each in used if each.kind == "number" and each.commas]
    mixed = [each for each in used if each.kind == "text" and each.fits["number"] >= MOSTLY_NUMBERS * each.present]
    notes = []
    if dates:
        notes.append(f"dates became days since 1970-01-01, as float32 to about 3 minutes: {_some(dates)}")
    if commas:
        notes.append(f"a comma was read as the decimal point: {_some(commas)}")
    if large:
        notes.append(f"whole numbers beyond 16,777,216 (2^24) are rounded, as float32 holds 24 bits: {_some(large)}")
    if infinite:
        shown = [f"{name} ({count:,})" for name, count in infinite.items()]
        notes.append(f"infinite values, or such as float32 cannot hold, became missing: {_some(shown)}")
    notes += [f"`{each.name}` is taken for a category: most cells are numbers, but not {each.odd}" for each in mixed]
    return notes


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
