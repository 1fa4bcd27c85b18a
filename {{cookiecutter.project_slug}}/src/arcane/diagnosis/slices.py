"""Weak slices: parts of the examples, named by what is known of them, on which a model errs more than on the rest.

Every slice is tested one-sided against the rest of the examples: rates by Fisher's exact test, a regression's errors by
Wilcoxon's rank sum, which a few large errors cannot sway. Holm's correction keeps the chance of any false slice below
5 %: below 4 % for single columns and below 1 % for pairs of columns. Of slices that overlap, the one of the smallest
p-value stands for those that say nothing beyond it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..data.rates import Average, Measured, Rate, design_effect, measured, rounded
from .described import Column
from .intervals import Gap, difference
from .multiplicity import holm
from .slice_candidates import GROUP, SUPPORT, Candidate, paired_slices, single_slices
from .slice_power import Power, power_of

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
    """

    candidate: Candidate
    error: Measured
    rest: Measured
    p_value: float
    p_adjusted: float
    ids: tuple[str, ...]
    also: tuple[str, ...] = ()

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
            f"{_points(gap.high)})"
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
    """

    found: tuple[Slice, ...]
    tested: int
    columns: tuple[str, ...]
    error: Measured
    power: Power | None = field(default=None)

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
        exact = isinstance(self.error, Rate)
        return {
            "found": [each.as_json() for each in self.found],
            "tested": self.tested,
            "columns": list(self.columns),
            "alpha": ALPHA,
            "correction": "holm",
            "test": "Fisher's exact test, one-sided" if exact else "Wilcoxon's rank-sum test, one-sided",
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
    groups: np.ndarray | None = None,
    scale: float = 1.0,
    unit: str = "",
) -> Slices:
    """Search the columns, and pairs of the coarse ones, for slices on which the errors are larger.

    Args:
        errors: Of each example, as `Evaluation.errors`: bool `[N]`, or float `[N]`.
        columns: What is known of the examples.
        ids: N ids.
        groups: int `[N]`: examples of one group count as fewer than they are (`design_effect`), but for slices named
            by the group itself.
        scale: Of a regression: standard deviation of the training split's targets.
        unit: Of a regression's target.
    """
    each = np.asarray(errors)
    effect = 1.0 if groups is None else design_effect(each, groups)
    singles, pairs = single_slices(columns), paired_slices(columns)
    tested = [
        *_tested(each, singles, SINGLE, effect),
        *_tested(each, pairs, PAIRS, effect),
    ]
    significant = sorted(
        ((p, adjusted, candidate) for p, adjusted, alpha, candidate in tested if adjusted <= alpha),
        key=lambda entry: (entry[0], len(entry[2].columns), entry[2].name),
    )
    every = measured(each, scale, unit, groups)

    def made(p: float, adjusted: float, candidate: Candidate) -> Slice:
        inside = np.zeros(len(each), bool)
        inside[candidate.rows] = True
        inner, outer = (
            measured(each[part], scale, unit, None if groups is None else groups[part]) for part in (inside, ~inside)
        )
        return Slice(candidate, inner, outer, p, adjusted, _worst(each, candidate.rows, ids))

    weak = [found for entry in significant if _much_worse(found := made(*entry))]
    total = len(singles) + len(pairs)
    return Slices(
        merged(weak, each, effect)[:FOUND],
        total,
        tuple(column.name for column in columns),
        every,
        power_of(every, len(singles), SINGLE) if singles else None,
    )


def _tested(
    errors: np.ndarray, candidates: Sequence[Candidate], alpha: float, effect: float
) -> list[tuple[float, float, float, Candidate]]:
    """p-value, Holm's, the level, and the candidate."""
    p_values = slice_p(errors, candidates, effect)
    return [
        (p, adjusted, alpha, candidate)
        for p, adjusted, candidate in zip(p_values, holm(p_values), candidates, strict=True)
    ]


def slice_p(errors: np.ndarray, candidates: Sequence[Candidate], effect: float = 1.0) -> list[float]:
    """One-sided p-values: are a slice's errors larger than those of the rest?

    Args:
        errors: bool or float `[N]`.
        candidates: Parts of them.
        effect: By how much groups swell the variance; slices named by the group are tested as they are.
    """
    if not candidates:
        return []
    sizes = np.array([len(candidate.rows) for candidate in candidates], np.float64)
    effects = np.array([1.0 if GROUP in candidate.columns else effect for candidate in candidates])
    if errors.dtype == bool:
        wrong = np.array([int(errors[candidate.rows].sum()) for candidate in candidates], np.float64)
        return _fisher(wrong, sizes, float(errors.sum()), float(len(errors)), effects)
    from scipy.stats import rankdata

    ranks = rankdata(errors)
    sums = np.array([ranks[candidate.rows].sum() for candidate in candidates])
    return _rank_sum(sums, sizes, ranks, effects)


def _fisher(wrong: np.ndarray, sizes: np.ndarray, all_wrong: float, n: float, effects: np.ndarray) -> list[float]:
    """Upper tail of the hypergeometric distribution; counts of groups are first divided by their effect."""
    from scipy.stats import hypergeom

    inside, outside = np.floor(wrong / effects), np.ceil((all_wrong - wrong) / effects)
    right, others = np.ceil((sizes - wrong) / effects), np.floor((n - sizes - all_wrong + wrong) / effects)
    drawn, total = inside + right, inside + right + outside + others
    return [float(p) for p in hypergeom.sf(inside - 1, total, inside + outside, drawn)]


def _rank_sum(sums: np.ndarray, sizes: np.ndarray, ranks: np.ndarray, effects: np.ndarray) -> list[float]:
    """Normal approximation with ties in the variance: from `SUPPORT` examples on it is exact to a few percent."""
    from scipy.special import ndtr

    n = len(ranks)
    variance = sizes * (n - sizes) / n * ranks.var(ddof=1) * effects
    apart = sums - sizes * (n + 1) / 2 - 0.5
    return [float(p) for p in ndtr(-apart / np.sqrt(np.maximum(variance, 1e-300)))]


def _much_worse(found: Slice) -> bool:
    return found.error.value >= WORSE * found.rest.value


def merged(weak: Sequence[Slice], errors: np.ndarray, effect: float = 1.0) -> tuple[Slice, ...]:
    """Slices in order of their p-values; one that is no longer weak without the examples of those before it joins the
    one that it shares most examples with.

    Args:
        weak: By p-value.
        errors: bool or float `[N]`.
        effect: As `slice_p`.
    """
    kept: list[Slice] = []
    covered = np.zeros(len(errors), bool)
    for found in weak:
        rows = found.candidate.rows
        if kept and not _weak_without(rows, covered, errors, effect):
            shared = [len(np.intersect1d(rows, other.candidate.rows, assume_unique=True)) for other in kept]
            at = int(np.argmax(shared))
            kept[at] = replace(kept[at], also=(*kept[at].also, found.candidate.name))
            continue
        kept.append(found)
        covered[rows] = True
    return tuple(kept)


def _weak_without(rows: np.ndarray, covered: np.ndarray, errors: np.ndarray, effect: float) -> bool:
    left, place = ~covered, np.cumsum(~covered) - 1
    inside = rows[left[rows]]
    if len(inside) < SUPPORT or len(inside) == left.sum():
        return False
    remaining = Candidate("", (), place[inside])
    return slice_p(errors[left], [remaining], effect)[0] <= SINGLE


def _worst(errors: np.ndarray, rows: np.ndarray, ids: Sequence[str]) -> tuple[str, ...]:
    order = sorted(rows, key=lambda row: (-float(errors[row]), ids[row]))[:IDS]
    return tuple(ids[row] for row in order if errors[row] > 0)


def _points(value: float) -> str:
    return f"{100 * value:.3g} %"
