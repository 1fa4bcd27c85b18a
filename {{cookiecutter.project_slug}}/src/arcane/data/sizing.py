"""How much data does a goal need? Learning curves in several forms, combined, and the answer with its band.

Decides from measured points alone; how they are measured is `diagnosis.learning_curve`'s business.

The method, and where its parts come from:

- Forms: T. Viering and M. Loog, The Shape of Learning Curves: a Review, IEEE TPAMI 45 (2023) 7799–7819
  (arXiv:2103.10948), table 1; F. Mohr et al., LCDB 1.0, ECML PKDD 2022, who find that no single form wins.
- Fit: every form is `a + b g(n)`, so that for each shape `g` on a grid the best floor a ≥ 0 and height b ≥ 0 have a
  closed form (variable projection: Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973) 413–432). That finds the global
  optimum, the same on every machine, where a descent needs starts and luck.
- Combination: each bootstrap replicate draws its form by Akaike's weights (Burnham and Anderson, Model Selection and
  Multimodel Inference, 2002, section 2.9), so that the band holds the uncertainty of the form too.
- Measured on 576 curves of LCDB (221 data sets, six learners; none of it is shipped here) the 90 % band held the error
  at 2.8 times the size in 95 %, with a median relative error of 8 %; at 11 times in 94 %, at 32 times in 93 %.
  Choices were made there; tests/benchmarks/size.py of the template measures on other data.
- A like problem's curve is shown beside the project's own, not used: on 598 curves of LCDB the residuals of the fit
  correlated at 0.05 with how far another data set's curve fell, and averaging the two raised the median relative error
  from 8 to 10 %.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ..errors import UserError

CONFIDENCE = 0.9
REPLICATES = 400
SEED = 0
LEAST_POINTS = 4
"""Sizes that a fit needs: the forms have up to four parameters."""
HORIZON = 1000
"""Times the data at hand: what the curve does not reach by then counts as out of reach."""
FAR = 10
"""Times the data at hand from which a number is said to lie far outside what was measured."""
MISFIT, FADING = 0.02, 0.5
"""Relative deviation of real curves from every form, times N / n to the power of the second: what happens at a
hundredth of the data says little about what comes next. On LCDB's curves that still fall steeply, against a misfit that
is the same everywhere, the band held 96 instead of 94 % at the same width, and the median relative error was 19.7, not
20.2 %."""
PRIOR_WEIGHT = 4.0
"""Degrees of freedom that the spread pooled over all sizes is worth against a size's own."""
UNKNOWN_SPREAD = 0.1
"""Relative standard deviation between seeds where none was measured twice; LCDB's median near 200 examples is 0.08."""


@dataclass(frozen=True)
class Point:
    """The error measured at one size.

    Attributes:
        examples: Training examples.
        errors: Of each seed (its own subset, weights and order), on the same held-out examples.
        held_out: How many examples the errors were measured on.
        deviation: Standard deviation of the held-out examples' errors; None where they are right or wrong.
    """

    examples: int
    errors: tuple[float, ...]
    held_out: int
    deviation: float | None = None

    @property
    def mean(self) -> float:
        return float(np.mean(self.errors))


@dataclass(frozen=True)
class Band:
    """A value with the 90 % band around it; infinite where no number of examples is enough."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float | None]:
        """The three numbers; None stands for infinity."""
        return {name: number if math.isfinite(number) else None for name, number in asdict(self).items()}


@dataclass(frozen=True)
class Form:
    """A family of curves, `a + b g(x)`, where x is the size as a share of the largest one measured.

    Attributes:
        name: For people.
        formula: In the survey's notation.
        floor: Whether a may exceed 0.
        parameters: How many numbers are fitted.
        shape: `g`, decreasing: x `[..., P]` and shape parameters `[..., 2]` to `[..., P]`.
        grid: Shape parameters `[G, 2]` to try, given the smallest x.
    """

    name: str
    formula: str
    floor: bool
    parameters: int
    shape: Callable[[np.ndarray, np.ndarray], np.ndarray]
    grid: Callable[[float], np.ndarray]


def _pairs(first: np.ndarray, second: Sequence[float] | np.ndarray = (0.0,)) -> np.ndarray:
    return np.array([(one, two) for one in first for two in second])


# Exponents seen in the wild lie between 0.07 and 0.35 for deep networks (Hestness et al. 2017, arXiv:1712.00409); small
# tables are steeper. The grids go well beyond, and an optimum at their ends only means "very flat" or "very steep".
FORMS: tuple[Form, ...] = (
    Form(
        "power law",
        "b n^-c",
        False,
        2,
        lambda x, t: x ** -t[..., :1],
        lambda smallest: _pairs(np.linspace(0.02, 2.0, 67)),
    ),
    Form(
        "power law with floor",
        "a + b n^-c",
        True,
        3,
        lambda x, t: x ** -t[..., :1],
        lambda smallest: _pairs(np.linspace(0.05, 2.5, 60)),
    ),
    Form(
        "shifted power law with floor",
        "a + b (n + d)^-c",
        True,
        4,
        lambda x, t: ((x + t[..., 1:]) / (1 + t[..., 1:])) ** -t[..., :1],
        lambda smallest: _pairs(np.linspace(0.2, 4.0, 24), np.geomspace(smallest / 2, 1.0, 6)),
    ),
    Form(
        "stretched exponential with floor",
        "a + b exp(-(c n)^d)",
        True,
        4,
        lambda x, t: np.exp(-((t[..., :1] * x) ** t[..., 1:])),
        # Up to the plain exponential; as a form of its own, with a parameter less, that one took too much weight and
        # made steep curves of LCDB level off too soon (median deviation +3.5 % against +0.9 %).
        lambda smallest: _pairs(np.geomspace(0.05, 40 / smallest, 30), (0.25, 0.5, 0.75, 1.0)),
    ),
    Form(
        "Hill curve with floor",
        "a + b / (1 + (n / c)^d)",
        True,
        4,
        lambda x, t: 1 / (1 + (x / t[..., :1]) ** t[..., 1:]),
        lambda smallest: _pairs(np.geomspace(smallest / 8, 4.0, 16), (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)),
    ),
)


@dataclass(frozen=True)
class Fitted:
    """One form, fitted to the points and to each replicate of them.

    Attributes:
        form: Which.
        shapes: Shape parameters `[R, 2]`.
        floors: a `[R]`.
        heights: b `[R]`.
        criteria: Akaike's criterion `[R]`, up to a constant.
    """

    form: Form
    shapes: np.ndarray
    floors: np.ndarray
    heights: np.ndarray
    criteria: np.ndarray

    def errors(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The curves of replicates `rows` at `x` `[P]`: `[len(rows), P]`."""
        return self.floors[rows, None] + self.heights[rows, None] * self.form.shape(x[None], self.shapes[rows])


@dataclass(frozen=True)
class Needed:
    """How many training examples the goal needs.

    Attributes:
        status: `reached` (the data at hand is enough), `reachable`, `out-of-reach` by data alone, or `undecided`
            (some of the fitted curves get there and some never do).
        examples: The median over the replicates, with the band.
        reaching: The share of replicates that reach the goal within the horizon.
    """

    status: Literal["reached", "reachable", "out-of-reach", "undecided"]
    examples: Band
    reaching: float

    def as_json(self) -> dict[str, Any]:
        whole = {name: None if n is None else round(n) for name, n in self.examples.as_json().items()}
        return {"status": self.status, **whole, "reaching": round(self.reaching, 4)}


@dataclass(frozen=True)
class Curve:
    """A learning curve, known by its points and by replicates of its fit.

    Attributes:
        points: What was measured, smallest size first.
        weights: Of each form: the share of replicates that drew it.
        drawn: The fitted form and the rows of its replicates, for each form.
    """

    points: tuple[Point, ...]
    weights: dict[str, float]
    drawn: tuple[tuple[Fitted, np.ndarray], ...]

    @property
    def examples(self) -> int:
        """The largest size measured."""
        return self.points[-1].examples

    def replicates(self, examples: Sequence[float] | np.ndarray) -> np.ndarray:
        """Errors `[R, P]` of all replicates at the given numbers of training examples `[P]`."""
        x = np.asarray(examples, float) / self.examples
        return np.concatenate([fitted.errors(x, rows) for fitted, rows in self.drawn])

    def at(self, examples: float) -> Band:
        """The error to expect from so many training examples."""
        return band(self.replicates([examples])[:, 0])

    def gain(self, factor: float = 2.0) -> Band:
        """The share of the error that so many times the data takes off."""
        now, then = self.replicates([self.examples, factor * self.examples]).T
        return band(1 - then / np.maximum(now, 1e-12))

    @property
    def floor(self) -> Band:
        """The error that is left at the horizon, where more data changes next to nothing."""
        return self.at(HORIZON * self.examples)

    def needed(self, goal: float) -> Needed:
        """How many training examples bring the error to `goal`."""
        first, last = self.points[0].examples, HORIZON * self.examples
        sizes = np.geomspace(first, last, 400)
        reached = self.replicates(sizes) <= goal
        step = np.where(reached.any(axis=1), reached.argmax(axis=1), len(sizes))
        numbers = np.append(sizes, np.inf)[step]
        examples = band(numbers)
        reaching = float(np.isfinite(numbers).mean())
        if math.isinf(examples.low):
            return Needed("out-of-reach", examples, reaching)
        if math.isinf(examples.high):
            return Needed("undecided", examples, reaching)
        return Needed("reached" if examples.high <= self.examples else "reachable", examples, reaching)

    def as_json(self, goal: float) -> dict[str, Any]:
        """Everything that a reader of the curve needs; the band is on a grid up to thirty times the largest size."""
        sizes = np.unique(np.geomspace(self.points[0].examples, 30 * self.examples, 61).round())
        bands = [(size, band(errors)) for size, errors in zip(sizes, self.replicates(sizes).T, strict=True)]
        return {
            "points": [asdict(point) | {"errors": list(point.errors)} for point in self.points],
            "forms": [
                {"name": form.name, "formula": form.formula, "weight": round(self.weights[form.name], 4)}
                for form in FORMS
            ],
            "band": [{"examples": int(size), **rounded(each)} for size, each in bands],
            "confidence": CONFIDENCE,
            "needed": self.needed(goal).as_json(),
            "floor": {"examples": HORIZON * self.examples, **rounded(self.floor)},
            "doubling": {
                "examples": 2 * self.examples,
                **rounded(self.at(2 * self.examples)),
                "gain": rounded(self.gain(2)),
            },
        }


def read_points(content: Sequence[Mapping[str, Any]]) -> list[Point]:
    """The points that `Curve.as_json` wrote.

    Raises:
        KeyError, TypeError: They are of another form.
    """
    return [
        Point(int(each["examples"]), tuple(map(float, each["errors"])), int(each["held_out"]), each["deviation"])
        for each in content
    ]


def rounded(each: Band) -> dict[str, float | None]:
    """A band to a millionth: what lies beyond differs between machines' mathematics libraries."""
    return {name: None if number is None else round(number, 6) for name, number in each.as_json().items()}


def band(values: np.ndarray) -> Band:
    """Median and 90 % band of the replicates' values; order statistics, so that infinite ones count as they are."""
    tail = (1 - CONFIDENCE) / 2
    low, middle, high = np.quantile(values, (tail, 0.5, 1 - tail), method="inverted_cdf")
    return Band(float(middle), float(low), float(high))


def fit_curve(points: Sequence[Point], pool: int | None = None, seed: int = SEED) -> Curve:
    """Fit every form to the points and to replicates of them.

    Args:
        points: At least four sizes. Sizes need not be sorted.
        pool: How many training examples the subsets were drawn from. Subsets that fill much of one pool share its luck
            however many seeds are averaged. None: each seed drew afresh.
        seed: Of the replicates.

    Raises:
        UserError: There are too few sizes.
    """
    points = tuple(sorted(points, key=lambda point: point.examples))
    if len({point.examples for point in points}) < LEAST_POINTS:
        raise UserError(
            f"a learning curve needs {LEAST_POINTS} sizes of training data, not {len(points)}: "
            "there is too little data or too small a budget"
        )
    x = np.array([point.examples for point in points]) / points[-1].examples
    noise = covariance(points, pool)
    normal = np.random.default_rng(seed).standard_normal((REPLICATES, len(points)))
    observed = np.array([point.mean for point in points])
    # Replicates are the points with their noise once more: for a fit that is linear in a and b, the optimum of each is
    # a draw from its posterior ("randomise, then optimise": Bardsley et al., SIAM J. Sci. Comput. 36 (2014) A1895).
    replicated = observed + normal @ np.linalg.cholesky(noise).T
    whitening = np.linalg.inv(np.linalg.cholesky(noise))
    fits = [fit_form(form, x, replicated, whitening) for form in FORMS]
    drawn = draw_forms(np.stack([fit.criteria for fit in fits]))
    rows = [np.flatnonzero(drawn == index) for index in range(len(FORMS))]
    weights = {form.name: len(own) / REPLICATES for form, own in zip(FORMS, rows, strict=True)}
    return Curve(points, weights, tuple(zip(fits, rows, strict=True)))


def covariance(points: Sequence[Point], pool: int | None) -> np.ndarray:
    """How the points' means vary and vary together: `[P, P]`.

    Three parts: the held-out examples, which all points share; the seeds; and that no form is exact.

    Held-out examples: if those that a better model gets wrong are among those that a worse one gets wrong, the curve is
    an empirical distribution function over difficulty, and the covariance of two of its values p ≤ q is p (1 - q) / m
    (a Brownian bridge). For squared errors the variance stands in for p (1 - p).
    """
    errors = smoothed(points)
    spread = seed_variance(points, errors)
    seeds = np.array([len(point.errors) for point in points])
    sizes = np.array([point.examples for point in points])
    shared = 0.0 if pool is None else np.minimum(sizes / pool, 1.0)
    # Subsets of n of N examples have n in common out of N: so much of their luck does not average out over seeds.
    of_mean = spread * (1 / seeds + (1 - 1 / seeds) * shared)
    held_out = np.array([point.held_out for point in points])
    m = np.minimum.outer(held_out, held_out)
    if points[0].deviation is None:
        bridge = np.minimum.outer(errors, errors) * np.maximum(1 - np.maximum.outer(errors, errors), 0.01) / m
    else:
        variance = np.array([max(point.deviation or 0.0, 1e-6) ** 2 for point in points])
        bridge = np.minimum.outer(variance, variance) / m
    misfit = MISFIT * (sizes.max() / sizes) ** FADING * errors
    return bridge + np.diag(of_mean + misfit**2)


def smoothed(points: Sequence[Point]) -> np.ndarray:
    """Errors `[P]` fit for a variance: none wrong out of m does not mean that none can be, so at least half of one."""
    least = [0.5 / point.held_out if point.deviation is None else 1e-6 for point in points]
    return np.maximum([point.mean for point in points], least)


def seed_variance(points: Sequence[Point], errors: np.ndarray) -> np.ndarray:
    """The variance between seeds at each size, `[P]`: its own and the pooled one (as a share of the error), weighed."""
    freedom = np.array([len(point.errors) - 1 for point in points])
    own = np.array([np.var(point.errors, ddof=1) if len(point.errors) > 1 else 0.0 for point in points])
    if freedom.any():
        pooled = float((freedom * own).sum() / (freedom * errors).sum()) * errors
    else:
        pooled = (UNKNOWN_SPREAD * errors) ** 2
    pooled = np.maximum(pooled, 1e-5 * errors)
    return (PRIOR_WEIGHT * pooled + freedom * own) / (PRIOR_WEIGHT + freedom)


def fit_form(form: Form, x: np.ndarray, errors: np.ndarray, whitening: np.ndarray) -> Fitted:
    """Generalised least squares of one form to many curves at once, over its whole grid of shapes.

    Args:
        form: The form.
        x: Sizes `[P]`, the largest is 1.
        errors: `[R, P]`.
        whitening: `[P, P]`; makes the points' noise independent and of unit variance.
    """
    grid = form.grid(float(x[0]))
    shapes = form.shape(x[None], grid) @ whitening.T
    ones, targets = whitening @ np.ones(len(x)), errors @ whitening.T
    squared, total = (shapes * shapes).sum(axis=1)[:, None], (targets * targets).sum(axis=1)[None]
    along = shapes @ targets.T  # [G, R]
    heights = np.maximum(along / squared, 0)
    floors = np.zeros_like(heights)
    misfit = total - heights * (2 * along - heights * squared)
    if form.floor:
        of_ones, cross, flat = ones @ ones, (shapes @ ones)[:, None], (targets @ ones)[None]
        determinant = of_ones * squared - cross * cross
        solvable = determinant > 1e-9 * of_ones * squared
        determinant = np.where(solvable, determinant, 1.0)
        a = (flat * squared - cross * along) / determinant
        b = (of_ones * along - cross * flat) / determinant
        inside = solvable & (a >= 0) & (b >= 0)
        both = total - 2 * (a * flat + b * along) + a * a * of_ones + 2 * a * b * cross + b * b * squared
        floors, heights = np.where(inside, a, floors), np.where(inside, b, heights)
        misfit = np.where(inside, both, misfit)
        # Outside, the optimum lies on an edge: no floor (above), or nothing but a floor.
        level = np.maximum(flat / of_ones, 0)
        constant = np.broadcast_to(total - level * (2 * flat - level * of_ones), misfit.shape)
        better = ~inside & (constant < misfit)
        floors, heights = np.where(better, level, floors), np.where(better, 0.0, heights)
        misfit = np.where(better, constant, misfit)
    best = misfit.argmin(axis=0)
    rows = np.arange(len(errors))
    return Fitted(form, grid[best], floors[best, rows], heights[best, rows], misfit[best, rows] + 2.0 * form.parameters)


def draw_forms(criteria: np.ndarray) -> np.ndarray:
    """For each replicate the index of a form, drawn by Akaike's weights; one even step of chance for each replicate.

    Args:
        criteria: `[F, R]`.
    """
    weights = np.exp(-0.5 * (criteria - criteria.min(axis=0)))
    weights /= weights.sum(axis=0)
    count = criteria.shape[1]
    chance = (np.random.default_rng(SEED + 1).permutation(count) + 0.5) / count
    return np.minimum((weights.cumsum(axis=0) < chance).sum(axis=0), len(weights) - 1)


def answer(curve: Curve, goal: float, show: Callable[[float], str]) -> str:
    """How much data the goal needs, in a sentence.

    Args:
        curve: This project's.
        goal: The error to reach.
        show: How an error is written, such as `1.2 %`.
    """
    needed, floor, now = curve.needed(goal), curve.floor, curve.examples
    low, high = rough(needed.examples.low), rough(needed.examples.high)
    left = (
        f"{HORIZON:,} times the {now:,} training examples would leave an error of {show(round(floor.value, 6))} "
        f"(90 % band {show(round(floor.low, 6))} to {show(round(floor.high, 6))})"
    )
    if needed.status == "out-of-reach":
        return f"The goal of {show(goal)} is out of reach by data alone: even {left}."
    if needed.status == "undecided":
        already = needed.examples.low <= now
        those = "the ones at hand may be enough already" if already else f"with {low} training examples or more"
        return (
            f"Whether data alone reaches the goal of {show(goal)} is undecided: {needed.reaching:.0%} of the fitted "
            f"curves get there ({those}), the others never do; {left}."
        )
    span = f"up to {high}" if needed.examples.low <= curve.points[0].examples else f"{low} to {high}"
    if needed.status == "reached":
        return f"The goal of {show(goal)} needs {span} training examples (90 % band): the {now:,} are enough."
    there = f"the {now:,} at hand may be enough already" if needed.examples.low <= now else f"there are {now:,}"
    far = ", much of it far outside what was measured" if needed.examples.high > FAR * now else ""
    return f"The goal of {show(goal)} needs {span} training examples (90 % band{far}); {there}."


def rough(examples: float) -> str:
    """A number of examples to two figures: no band is known better."""
    if math.isinf(examples):
        return "no number of"
    return f"{int(float(f'{examples:.2g}')):,}"
