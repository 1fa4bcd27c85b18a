"""Weak slices: parts of the examples, named by what is known of them, on which a model errs more than on the rest.

Every slice is tested one-sided against the rest of the examples (`slice_tests`): by what is wrong, and by the losses.
Holm's correction keeps the chance of any false slice below 5 %: below 4 % for single columns and below 1 % for pairs of
columns. Of slices that overlap, the one of the smallest p-value stands for those that say nothing beyond it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..data.rates import Average, Measured, Rate, measured, rounded
from .described import Column
from .intervals import Gap, difference
from .multiplicity import holm
from .slice_candidates import SUPPORT, Candidate, paired_slices, single_slices
from .slice_power import Power, power_of
from .slice_tests import By, Evidence, slice_p

SINGLE, PAIRS = 0.04, 0.01
ALPHA = SINGLE + PAIRS
"""Chance that any slice is reported where none is weaker."""

WORSE = 1.2
"""Least error of a slice over that of the rest: of a million examples a difference of nothing passes any test."""

FOUND, IDS = 20, 12
"""Slices reported, and ids shown of each."""


@dataclass(frozen=True)
class Slice:
    """A weak slice.

    Attributes:
        candidate: Which examples.
        error: Theirs.
        rest: That of all others.
        p_value: One-sided, of the slice against the rest.
        p_adjusted: Holm's.
        ids: The worst of its examples.
        also: Names of overlapping slices that say nothing beyond it.
        by: What the smaller p-value rests on.
    """

    candidate: Candidate
    error: Measured
    rest: Measured
    p_value: float
    p_adjusted: float
    ids: tuple[str, ...]
    also: tuple[str, ...] = ()
    by: By = "errors"

    @property
    def difference(self) -> Gap:
        return difference(self.error, self.rest)

    @property
    def sentence(self) -> str:
        gap = self.difference
        if isinstance(self.error, Average) and isinstance(self.rest, Average):
            unit = f" {self.error.unit}" if self.error.unit else ""
            here, there = (rounded(each.in_units(each.value)) for each in (self.error, self.rest))
            return (
                f"{self.candidate.name} ({self.error.n:,} examples): RMSE {here}{unit} against {there}{unit} on the "
                f"rest; {_points(gap.value)} of the variance more ({_points(gap.low)} to {_points(gap.high)})"
            )
        return (
            f"{self.candidate.name} ({self.error.n:,} examples): {_points(self.error.value)} wrong against "
            f"{_points(self.rest.value)} of the rest, {_points(gap.value)} more ({_points(gap.low)} to "
            f"{_points(gap.high)}){'; its losses are larger beyond chance' if self.by == 'losses' else ''}"
        )

    def as_json(self) -> dict[str, Any]:
        """The slice as reports/errors.json carries it."""
        wrong = {"wrong": self.error.wrong} if isinstance(self.error, Rate) else {}
        return {
            "name": self.candidate.name,
            "columns": list(self.candidate.columns),
            "n": self.error.n,
            "share": self.error.n / (self.error.n + self.rest.n),
            "error": self.error.as_json(),
            "rest": self.rest.as_json(),
            "difference": self.difference.as_json(),
            **wrong,
            "p_value": self.p_value,
            "p_adjusted": self.p_adjusted,
            "by": self.by,
            "ids": list(self.ids),
            "also": list(self.also),
            "sentence": self.sentence,
        }


@dataclass(frozen=True)
class Slices:
    """What a search for weak slices found.

    Attributes:
        found: The weak slices, the surest first.
        tested: How many were tested.
        columns: What they were named by.
        error: Of all examples.
        power: What such a search can find; None where there was nothing to test.
        test: What was asked of each slice.
    """

    found: tuple[Slice, ...]
    tested: int
    columns: tuple[str, ...]
    error: Measured
    power: Power | None = None
    test: str = ""

    @property
    def sentence(self) -> str:
        can = f" {self.power.sentence}" if self.power else ""
        if not self.tested:
            return f"No slice has {SUPPORT} examples or more, so none was tested."
        looked = (
            f"{self.tested:,} slices of {self.error.n:,} examples tested; by chance alone any is named in at most 5 %"
        )
        if not self.found:
            return f"No slice is weaker than the rest beyond chance ({looked}).{can}"
        more = f" (and {len(self.found) - 1} more)" if len(self.found) > 1 else ""
        return f"Weakest: {self.found[0].sentence}{more} ({looked})."

    def as_json(self) -> dict[str, Any]:
        """The block `slices` of reports/errors.json."""
        return {
            "found": [each.as_json() for each in self.found],
            "tested": self.tested,
            "columns": list(self.columns),
            "alpha": ALPHA,
            "correction": "holm",
            "test": self.test,
            "n": self.error.n,
            "error": self.error.as_json(),
            "power": self.power.as_json() if self.power else None,
            "sentence": self.sentence,
        }


def weak_slices(
    errors: np.ndarray,
    columns: Sequence[Column],
    ids: Sequence[str],
    *,
    losses: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    scale: float = 1.0,
    unit: str = "",
) -> Slices:
    """Search the columns, and pairs of the coarse ones, for slices on which the errors are larger.

    Args:
        errors: Of each example, as `Evaluation.errors`: bool `[N]`, or float `[N]`.
        columns: What is known of the examples.
        ids: N ids.
        losses: float `[N]`, the larger the worse, such as minus the logarithm of the true class's probability: what
            tells a near miss from a far one. None: of a regression its errors; else only what is wrong is known.
        groups: int `[N]`: examples of one group count as fewer than they are (`design_effect`), but for slices named
            by the group itself.
        scale: Of a regression: standard deviation of the training split's targets.
        unit: Of a regression's target.
    """
    evidence = Evidence.of(errors, losses, groups)
    each = evidence.errors
    singles, pairs = single_slices(columns), paired_slices(columns)
    tested = [*_tested(evidence, singles, SINGLE), *_tested(evidence, pairs, PAIRS)]
    significant = sorted(
        (entry for entry in tested if entry.adjusted <= entry.alpha),
        key=lambda entry: (entry.p, len(entry.candidate.columns), entry.candidate.name),
    )
    every = measured(each, scale, unit, groups)

    def made(entry: _Tested) -> Slice:
        rows = entry.candidate.rows
        inside = np.zeros(len(each), bool)
        inside[rows] = True
        inner, outer = (
            measured(each[part], scale, unit, None if groups is None else groups[part]) for part in (inside, ~inside)
        )
        worst = _worst(evidence, rows, ids)
        return Slice(entry.candidate, inner, outer, entry.p, entry.adjusted, worst, by=entry.by)

    weak = [found for entry in significant if _much_worse(found := made(entry))]
    total = len(singles) + len(pairs)
    return Slices(
        merged(weak, evidence)[:FOUND],
        total,
        tuple(column.name for column in columns),
        every,
        power_of(every, len(singles), SINGLE, evidence) if singles else None,
        _test_in_words(evidence),
    )


@dataclass(frozen=True)
class _Tested:
    """A candidate, its p-value with what that rests on, Holm's, and the level that it is held against."""

    candidate: Candidate
    p: float
    by: By
    adjusted: float
    alpha: float


def _tested(evidence: Evidence, candidates: Sequence[Candidate], alpha: float) -> list[_Tested]:
    found = slice_p(evidence, candidates)
    adjusted = holm([p for p, _ in found])
    rows = zip(candidates, found, adjusted, strict=True)
    return [_Tested(candidate, p, by, corrected, alpha) for candidate, (p, by), corrected in rows]


def _test_in_words(evidence: Evidence) -> str:
    counts = "Fisher's exact test of what is wrong" if evidence.errors.dtype == bool else ""
    scores = "permutation test of the losses' Savage scores" if evidence.losses is not None else ""
    both = "; the smaller p-value counts twice" if counts and scores else ""
    return f"{' and '.join(filter(None, (counts, scores)))}, one-sided{both}"


def _much_worse(found: Slice) -> bool:
    return found.error.value > found.rest.value and found.error.value >= WORSE * found.rest.value


def merged(weak: Sequence[Slice], evidence: Evidence) -> tuple[Slice, ...]:
    """Slices in order of their p-values; one that is no longer weak without the examples of those before it joins the
    one that it shares most examples with.

    Args:
        weak: By p-value.
        evidence: Of all examples.
    """
    kept: list[Slice] = []
    covered = np.zeros(len(evidence.errors), bool)
    for found in weak:
        rows = found.candidate.rows
        if kept and not _weak_without(rows, covered, evidence):
            shared = [len(np.intersect1d(rows, other.candidate.rows, assume_unique=True)) for other in kept]
            at = int(np.argmax(shared))
            kept[at] = replace(kept[at], also=(*kept[at].also, found.candidate.name))
            continue
        kept.append(found)
        covered[rows] = True
    return tuple(kept)


def _weak_without(rows: np.ndarray, covered: np.ndarray, evidence: Evidence) -> bool:
    left, place = ~covered, np.cumsum(~covered) - 1
    inside = rows[left[rows]]
    if len(inside) < SUPPORT or len(inside) == left.sum():
        return False
    remaining = Candidate("", (), place[inside])
    return slice_p(evidence.where(left), [remaining])[0][0] <= SINGLE


def _worst(evidence: Evidence, rows: np.ndarray, ids: Sequence[str]) -> tuple[str, ...]:
    errors = evidence.errors
    by = errors if evidence.losses is None else evidence.losses
    order = sorted(rows[errors[rows] > 0], key=lambda row: (-float(by[row]), ids[row]))[:IDS]
    return tuple(ids[row] for row in order)


def _points(value: float) -> str:
    return f"{100 * value:.3g} %"
