"""Two models on the same examples: the difference of their errors with its interval, whether chance explains it, and
which examples changed sides."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.loading import Examples
from ..data.rates import Average, Measured, design_effect, measured, rounded, wilson
from .example_errors import errors_of
from .intervals import Gap

ALPHA = 0.05
DRAWS = 2000
"""Bootstrap draws; and sign flips, of which the smallest p-value is then 0.0005."""

SHOWN = 200
"""Examples listed, those that weigh most first; the counts are of all."""


@dataclass(frozen=True)
class Flip:
    """An example about which the two models say different things.

    Attributes:
        id: The example's id.
        label: Its class's name, or its target.
        first, second: What each model says: a class's name, or an estimate.
        change: `mended` where the second is right or nearer, `broken` where the first is, `other` where both are wrong.
    """

    id: str
    label: str | float
    first: str | float
    second: str | float
    change: str

    def as_json(self) -> dict[str, Any]:
        return vars(self).copy()


@dataclass(frozen=True)
class Comparison:
    """Two models on the same examples.

    Attributes:
        names: Theirs.
        split: The examples' split.
        errors: The error of each.
        difference: The second's error minus the first's, with its paired 95 % interval; negative where it is better.
        p_value: Two-sided; `test` says of which test.
        mended, broken: Examples that only the first, only the second gets wrong; of a regression, that the second
            estimates nearer, farther.
        flips: Examples about which they differ, at most `SHOWN`.
        differ: How many there are.
    """

    names: tuple[str, str]
    split: str
    errors: tuple[Measured, Measured]
    difference: Gap
    p_value: float
    test: str
    mended: int
    broken: int
    flips: tuple[Flip, ...]
    differ: int

    @property
    def sentence(self) -> str:
        (one, two), (first, second), gap = self.names, self.errors, self.difference
        better = two if gap.value < 0 else one
        less, (near, far) = abs(gap.value), sorted((abs(gap.low), abs(gap.high)))
        on = f"{first.n:,} {self.split} examples"
        if isinstance(first, Average) and isinstance(second, Average):
            unit = f" {first.unit}" if first.unit else ""
            rmse = [rounded(each.in_units(each.value)) for each in (first, second)]
            said = f"On {on} {one} has RMSE {rmse[0]}{unit}, {two} {rmse[1]}{unit}"
            share, sides = " of the variance", f"{two} is nearer on {self.mended:,} and farther on {self.broken:,}"
        else:
            said = f"On {on} {one} errs on {_percent(first.value)}, {two} on {_percent(second.value)}"
            share, sides = "", f"{two} mends {self.mended:,} of {one}'s errors and makes {self.broken:,} new ones"
        p = f"p = {self.p_value:.2g}, {self.test}"
        if self.p_value <= ALPHA and gap.sure:
            return (
                f"{said}: {better} is better by {_percent(less)}{share} ({_percent(near)} to {_percent(far)}; {p}). "
                f"{sides}."
            )
        span = f"{_signed(gap.low)} to {_signed(gap.high)}"
        return (
            f"{said}. The difference, {_signed(gap.value)}{share} ({span}; {p}), is within what chance does. {sides}."
        )

    def as_json(self) -> dict[str, Any]:
        """What `compare --json` writes."""
        return {
            "split": self.split,
            "n": self.errors[0].n,
            "first": self.names[0],
            "second": self.names[1],
            "errors": {"first": self.errors[0].as_json(), "second": self.errors[1].as_json()},
            "difference": self.difference.as_json(),
            "p_value": self.p_value,
            "test": self.test,
            "mended": self.mended,
            "broken": self.broken,
            "differ": self.differ,
            "flipped": [flip.as_json() for flip in self.flips],
            "sentence": self.sentence,
        }


def compare(
    names: tuple[str, str],
    outputs: tuple[np.ndarray, np.ndarray],
    examples: Examples,
    split: str,
    *,
    scale: float = 1.0,
    groups: np.ndarray | None = None,
) -> Comparison:
    """Compare two models on the same examples.

    Args:
        names: Of the models.
        outputs: Of each: probabilities float `[N, K]`, or estimates float `[N]`.
        examples: What they are about.
        split: Theirs.
        scale: Of a regression: standard deviation of the training split's targets.
        groups: int `[N]`: examples of one group are drawn, and flipped, together.
    """
    first, second = (errors_of(said, examples, scale) for said in outputs)
    unit = examples.spec.target.unit if examples.spec.target else ""
    steps = second.astype(np.float64) - first.astype(np.float64)
    p_value, test = _p_value(first, second, steps, groups)
    gap = paired_interval(first, second, groups) if first.dtype == bool else _drawn_interval(steps, groups)
    flips = _flips(outputs, examples, steps)
    return Comparison(
        names,
        split,
        (measured(first, scale, unit, groups), measured(second, scale, unit, groups)),
        gap,
        p_value,
        test,
        int((steps < 0).sum()),
        int((steps > 0).sum()),
        tuple(flips[:SHOWN]),
        len(flips),
    )


def _p_value(first: np.ndarray, second: np.ndarray, steps: np.ndarray, groups: np.ndarray | None) -> tuple[float, str]:
    if groups is not None:
        _, codes = np.unique(groups, return_inverse=True)
        return sign_flip_p(np.bincount(codes, steps)), "sign flips of groups"
    if first.dtype == bool:
        return mcnemar_p(int((first & ~second).sum()), int((second & ~first).sum())), "McNemar's exact test"
    return sign_flip_p(steps), "sign flips"


def mcnemar_p(only_first: int, only_second: int) -> float:
    """McNemar's exact two-sided test: of the examples that one model alone gets wrong, is each as often the one?

    Args:
        only_first: Examples that the first model alone gets wrong.
        only_second: That the second alone does.
    """
    from scipy.stats import binomtest

    different = only_first + only_second
    return float(binomtest(only_first, different).pvalue) if different else 1.0


def sign_flip_p(steps: np.ndarray) -> float:
    """Two-sided paired permutation test of a mean difference: under the null each sign is as likely as the other.

    Args:
        steps: float `[N]`, the second's errors minus the first's.
    """
    from scipy.stats import permutation_test

    moved = steps[steps != 0]
    if not len(moved):
        return 1.0
    found = permutation_test(
        (moved,),
        lambda values, axis: values.sum(axis=axis),
        permutation_type="samples",
        n_resamples=DRAWS,
        batch=max(1, 2_000_000 // len(moved)),
        rng=np.random.default_rng(0),
        vectorized=True,
    )
    return float(found.pvalue)


def paired_interval(first: np.ndarray, second: np.ndarray, groups: np.ndarray | None = None) -> Gap:
    """`second` − `first`: the difference of two rates on the same examples.

    Method 10 of R. G. Newcombe, Improved confidence intervals for the difference between binomial proportions based on
    paired data, Statistics in Medicine 17 (1998) 2635–2650: Wilson's interval of each, and their correlation.

    Args:
        first, second: bool `[N]`, true where wrong.
        groups: int `[N]`; the interval grows by the root of the difference's design effect.
    """
    n = len(first)
    both, neither = int((first & second).sum()), int((~first & ~second).sum())
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    p, q = float(second.mean()), float(first.mean())
    (low_p, high_p), (low_q, high_q) = wilson(p, n), wilson(q, n)
    phi = _correlation(both, only_first, only_second, neither)
    below = (p - low_p) ** 2 - 2 * phi * (p - low_p) * (high_q - q) + (high_q - q) ** 2
    above = (high_p - p) ** 2 - 2 * phi * (high_p - p) * (q - low_q) + (q - low_q) ** 2
    steps = second.astype(np.float64) - first.astype(np.float64)
    wider = 1.0 if groups is None else design_effect(steps, groups) ** 0.5
    return Gap(
        p - q,
        max(-1.0, p - q - wider * math.sqrt(max(0.0, below))),
        min(1.0, p - q + wider * math.sqrt(max(0.0, above))),
    )


def _correlation(both: int, only_first: int, only_second: int, neither: int) -> float:
    """Newcombe's phi: with his correction for continuity where it is positive, 0 where a margin is empty."""
    n = both + only_first + only_second + neither
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if not margins:
        return 0.0
    product = both * neither - only_first * only_second
    if product > 0:
        product = max(product - n / 2, 0)
    return product / math.sqrt(margins)


def _drawn_interval(steps: np.ndarray, groups: np.ndarray | None) -> Gap:
    """The mean's bootstrap interval; whole groups are drawn where there are some."""
    rng = np.random.default_rng(0)
    codes = np.arange(len(steps)) if groups is None else np.unique(groups, return_inverse=True)[1]
    sums, sizes = np.bincount(codes, steps), np.bincount(codes)
    means = []
    for _ in range(DRAWS):
        drawn = rng.integers(0, len(sums), len(sums))
        means.append(float(sums[drawn].sum() / sizes[drawn].sum()))
    low, high = np.quantile(means, (0.025, 0.975))
    return Gap(float(steps.mean()), float(low), float(high))


def _flips(outputs: tuple[np.ndarray, np.ndarray], examples: Examples, steps: np.ndarray) -> list[Flip]:
    """What the models disagree on: examples that change sides first, then by how much, then by id."""
    ids, labels, classes = examples.ids, examples.labels, examples.classes
    if examples.spec.regression:
        said: list[Any] = [[float(f"{value:.6g}") for value in each] for each in outputs]
        differ, names = np.flatnonzero(steps != 0), [float(f"{value:.6g}") for value in labels]
    else:
        answers = [each.argmax(axis=1) for each in outputs]
        said = [[classes[k] for k in each] for each in answers]
        differ, names = np.flatnonzero(answers[0] != answers[1]), [classes[k] for k in labels]
    order = sorted(differ, key=lambda i: (-round(abs(float(steps[i])), 9), ids[i]))
    change = {-1: "mended", 0: "other", 1: "broken"}
    return [Flip(ids[i], names[i], said[0][i], said[1][i], change[int(np.sign(steps[i]))]) for i in order]


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def _signed(value: float) -> str:
    return f"{100 * value:+.3g} %"
