"""Columns of a table: constant, holed, infinite, identifiers, copies of one another."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..findings import Finding, Severity
from .given import Check, Given, listed
from .values import MANY_MISSING, infinite_values

# Columns are compared and counted on at most so many rows, evenly drawn.
ROWS = 20_000
# An identifier's values are all different in at least this share of the rows; below 20 rows chance does it.
DIFFERENT, FEWEST = 0.95, 20
# Whole numbers that are all different are a count of the rows where they fill their range at least so far.
FILLED = 0.5
# How far a correlation may be from 1 for two columns to be one: what rounding to float32 leaves. The closest honest
# pair of the shipped tables, radius and perimeter in breast_cancer, is at 0.998.
SAME = 1e-6
MOST_COLUMNS = 4096


@dataclass
class Totals:
    """What all rows say of each column: int64 or float64 `[F]`."""

    rows: int
    missing: np.ndarray
    infinite: np.ndarray
    low: np.ndarray
    high: np.ndarray


def totals(given: Given) -> Totals:
    """Counts over the whole table, a block at a time."""
    size = given.spec.size
    found = Totals(0, np.zeros(size, int), np.zeros(size, int), np.full(size, np.inf), np.full(size, -np.inf))
    for block in given.blocks():
        absent, finite = np.isnan(block), np.isfinite(block)
        found.rows += len(block)
        found.missing += absent.sum(axis=0)
        found.infinite += (~finite & ~absent).sum(axis=0)
        found.low = np.minimum(found.low, np.where(finite, block, np.inf).min(axis=0))
        found.high = np.maximum(found.high, np.where(finite, block, -np.inf).max(axis=0))
    return found


def cells(given: Given) -> Iterator[Finding]:
    """`constant-column`, `missing-values`, `infinite-values`: told by counting all cells."""
    all_rows = totals(given)
    if not all_rows.rows:
        return
    constant = (all_rows.low >= all_rows.high) & (all_rows.missing % all_rows.rows == 0) & (all_rows.infinite == 0)
    if constant.any():
        yield _of_columns(
            "constant-column",
            "warning",
            "have one value in all rows",
            "Leave them out (data.ignore): they tell nothing, and nothing is learnt for new data that differs in them.",
            given,
            constant,
        )
    share = all_rows.missing / all_rows.rows
    if (share > 0).any():
        worst = int(share.argmax())
        yield _of_columns(
            "missing-values",
            "warning" if share[worst] > MANY_MISSING else "note",
            f"lack values, {given.spec.features[worst].name} in {share[worst]:.1%} of the rows",
            "See why they are missing: where that goes with the target, it gives the target away. Leave out columns "
            "that are mostly empty (data.ignore).",
            given,
            share > 0,
            count=int(all_rows.missing.max()),
            evidence={"largest_share": float(share[worst]), "share": float(share.mean())},
        )
    if all_rows.infinite.any():
        names = [given.spec.features[at].name for at in np.flatnonzero(all_rows.infinite)]
        rows = np.flatnonzero(given.measured(_infinite_cells))
        yield infinite_values(int(all_rows.infinite.sum()), f"the columns {listed(names)}", given.of_assets(rows))


def _infinite_cells(table: np.ndarray) -> np.ndarray:
    return np.isinf(table).sum(axis=1)


def identifier_column(given: Given) -> Iterator[Finding]:
    """`identifier-column`: a column that names the row: all values differ, as texts or as a count of the rows."""
    _, table = given.sample(ROWS)
    if len(table) < FEWEST:
        return
    named = np.zeros(given.spec.size, bool)
    for at, feature in enumerate(given.spec.features):
        values = table[np.isfinite(table[:, at]), at]
        different = np.unique(values)
        if len(values) < FEWEST or len(different) < DIFFERENT * len(values):
            continue
        whole = bool((values == np.round(values)).all())
        # In a sample of m of n rows, a count of the rows has m values spread over n.
        filled = len(different) >= FILLED * (float(different[-1]) - float(different[0]) + 1) * len(table) / len(
            given.frame
        )
        named[at] = feature.kind == "category" or (whole and filled)
    if named.any():
        yield _of_columns(
            "identifier-column",
            "warning",
            "name the row: nearly every value is another",
            "Leave them out (data.ignore), or give them as data.group where they name what rows share: a network "
            "learns them by heart, and new rows have new ones.",
            given,
            named,
        )


def duplicate_columns(given: Given) -> Iterator[Finding]:
    """`duplicate-columns`: a column is another one again, at most in another unit."""
    _, table = given.sample(ROWS)
    size = given.spec.size
    if len(table) < 3 or size > MOST_COLUMNS:
        return
    finite = np.isfinite(table)
    filled = np.where(finite, table, 0).astype(np.float64)
    mean = filled.sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
    centred = np.where(finite, filled - mean, 0)
    length = np.sqrt((centred**2).sum(axis=0))
    varies = length > 1e-6 * np.maximum(np.abs(mean), 1e-30) * len(table) ** 0.5
    unit = centred[:, varies] / length[varies]
    alike = np.triu(np.abs(unit.T @ unit) > 1 - SAME, 1)
    columns = np.flatnonzero(varies)
    pairs = [
        (int(columns[a]), int(columns[b]))
        for a, b in np.argwhere(alike)
        if (finite[:, columns[a]] == finite[:, columns[b]]).all() and _comparable(given, columns[a], columns[b])
    ]
    if pairs:
        copies = np.zeros(size, bool)
        copies[[b for _, b in pairs]] = True
        first, second = (given.spec.features[at].name for at in pairs[0])
        yield _of_columns(
            "duplicate-columns",
            "warning",
            f"are another column again, at most in another unit: {second} is {first}",
            "Leave one of each pair out (data.ignore): what is said twice weighs twice.",
            given,
            copies,
        )


def _comparable(given: Given, first: int, second: int) -> bool:
    features = given.spec.features
    return features[first].kind == features[second].kind


def _of_columns(
    code: str,
    severity: Severity,
    what: str,
    advice: str,
    given: Given,
    found: np.ndarray,
    count: int | None = None,
    evidence: dict[str, float] | None = None,
) -> Finding:
    names = [given.spec.features[at].name for at in np.flatnonzero(found)]
    return Finding(
        code,
        severity,
        f"{len(names)} of {given.spec.size} columns {what}: {listed(names)}",
        advice,
        count=len(given.frame) if count is None else count,
        evidence={"columns": len(names), **(evidence or {})},
    )


COLUMNS = (
    Check(("constant-column", "missing-values", "infinite-values"), cells, ("tabular",)),
    Check(("identifier-column",), identifier_column, ("tabular",)),
    Check(("duplicate-columns",), duplicate_columns, ("tabular",)),
)
