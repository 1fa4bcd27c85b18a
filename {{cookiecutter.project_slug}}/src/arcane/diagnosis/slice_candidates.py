"""Parts of the examples that could be weak: named by a column, or by two."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from .described import Column

SUPPORT = 20
"""Fewest examples of a slice: of fewer no error rate is worth a look."""

LARGEST = 0.5
"""Largest share of the examples: beyond it the rest is the slice."""

PAIRED_COLUMNS, PAIRED_LEVELS = 8, 8
"""Columns that are paired, and most levels of each: 28 pairs of 64 slices are tested at once with the single ones."""

GROUP = "group"


@dataclass(frozen=True)
class Candidate:
    """A part of the examples.

    Attributes:
        name: `domain = night`, `age from 60 to 80`.
        columns: What it is named by.
        rows: int64, which examples it holds, ascending.
    """

    name: str
    columns: tuple[str, ...]
    rows: np.ndarray


def single_slices(columns: Iterable[Column]) -> list[Candidate]:
    """The levels of categories; of numbers five parts of equal size and the outermost tenths; what is absent."""
    return [candidate for column in columns for candidate in _parts(column, fine=True) if _fits(candidate, column)]


def paired_slices(columns: Iterable[Column]) -> list[Candidate]:
    """What two columns' levels share; of numbers their lower, middle and upper third."""
    coarse = [
        (column, parts)
        for column in columns
        if column.name != GROUP and 1 < len(parts := [*_parts(column, fine=False)]) <= PAIRED_LEVELS
    ][:PAIRED_COLUMNS]
    found = []
    for (one, first), (other, second) in combinations(coarse, 2):
        for a in first:
            for b in second:
                rows = np.intersect1d(a.rows, b.rows, assume_unique=True)
                both = Candidate(f"{a.name} and {b.name}", (one.name, other.name), rows)
                if _fits(both, one) and len(rows) < min(len(a.rows), len(b.rows)):
                    found.append(both)
    return found


def _fits(candidate: Candidate, column: Column) -> bool:
    return SUPPORT <= len(candidate.rows) <= LARGEST * len(column.values)


def _parts(column: Column, fine: bool) -> Iterable[Candidate]:
    if not column.number:
        order = np.argsort(column.values, kind="stable")
        codes, starts = np.unique(column.values[order], return_index=True)
        for code, rows in zip(codes, np.split(order, starts[1:]), strict=True):
            if len(rows) >= SUPPORT:
                name = f"{column.name} = {column.levels[code]}" if code >= 0 else f"{column.name} is absent"
                yield Candidate(name, (column.name,), rows)
        return
    known = np.isfinite(column.values)
    if (absent := np.flatnonzero(~known)).size:
        yield Candidate(f"{column.name} is absent", (column.name,), absent)
    if not known.any():
        return
    shares = np.linspace(0, 1, 6 if fine else 4)
    edges = np.quantile(column.values[known], shares)
    spans = [*pairwise(edges)]
    if fine:
        low, high = np.quantile(column.values[known], (0.1, 0.9))
        spans += [(edges[0], low), (high, edges[-1])]
    seen = set()
    for start, end in spans:
        # Equal values stay in one part: each part but the first begins after its lower edge.
        above = column.values >= start if start == edges[0] else column.values > start
        rows = np.flatnonzero(known & above & (column.values <= end))
        if len(rows) and (key := (int(rows[0]), len(rows), float(end))) not in seen:
            seen.add(key)
            yield Candidate(_span(column.name, column.values[rows]), (column.name,), rows)


def _span(name: str, values: np.ndarray) -> str:
    if name == "time":
        from datetime import UTC, datetime

        try:
            first, last = (datetime.fromtimestamp(float(v), UTC).date() for v in (values.min(), values.max()))
            return f"time from {first} to {last}"
        except (OverflowError, ValueError, OSError):
            pass
    return f"{name} from {values.min():.4g} to {values.max():.4g}"
