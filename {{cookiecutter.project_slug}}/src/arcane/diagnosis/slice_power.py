"""What a search for weak slices can find: the chance to find a planted one, and how many examples would be enough."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.rates import Average, Measured, Rate, rounded
from .slice_tests import Evidence, savage_scores

SHARE, FACTOR, WANTED = 0.1, 2.0, 0.9
"""The slice that the power is stated for: a tenth of the examples with twice the error, found in nine of ten cases."""

MOST = 10_000_000


@dataclass(frozen=True)
class Power:
    """The power of a search.

    Attributes:
        share: Of the examples, that the slice holds.
        factor: Its error over the rest's.
        chance: That it is found among these examples.
        needed: Examples of which it would be found in nine of ten cases; None beyond ten million.
        sentence: The same in words.
    """

    share: float
    factor: float
    chance: float
    needed: int | None
    sentence: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def power_of(error: Measured, tests: int, alpha: float, evidence: Evidence | None = None) -> Power:
    """What a search among examples with this error can find.

    Of a classification the planted slice holds twice as many wrong examples, which are wrong as those that there are;
    one that is harder throughout is found sooner. Of a regression its losses are doubled.

    Args:
        error: Of all examples; its `effect` makes them count for fewer.
        tests: How many slices are tested.
        alpha: Chance of any false one.
        evidence: The errors themselves; None, or one without losses: what is wrong is counted, and no more.
    """
    level = alpha / max(1, tests)
    losses = None if evidence is None else evidence.losses
    of_losses = Scored.doubled(error.value, losses, evidence.errors) if evidence and losses is not None else None
    effect = evidence.loss_effect if evidence else 1.0

    def chance(n: float) -> float:
        if of_losses is None:
            return rate_power(error.value, n / error.effect, level)
        if not isinstance(error, Rate):
            return score_power(of_losses, n / effect, level)
        # Both tests are asked at half the level: either may find it, and the chance of that is at least the larger.
        counted = rate_power(error.value, n / error.effect, level / 2)
        return max(counted, score_power(of_losses, n / effect, level / 2))

    found = chance(error.n)
    needed = _least(chance, error.n)
    of_what = "unexplained variance" if isinstance(error, Average) else "error"
    at_least = "at least " if isinstance(error, Rate) and of_losses is not None and found < WANTED else ""
    cases = f"{at_least}{100 * found:.0f} of 100 cases"
    can = f"A slice of a tenth of them with twice the {of_what} would be found in {cases}"
    if found >= WANTED:
        enough = "."
    else:
        count = f"some {rounded(needed, 2)}" if needed else f"more than {MOST:,}"
        enough = f"; {count} examples would find it in 90."
    return Power(SHARE, FACTOR, found, needed, can + enough)


def rate_power(error: float, n: float, level: float) -> float:
    """Chance that the one-sided test of two proportions passes at `level`, by the normal approximation.

    Args:
        error: Of all examples, slice and rest together.
        n: How many.
        level: Of one test, after the correction.
    """
    from scipy.special import ndtr, ndtri

    rest = error / (1 + SHARE * (FACTOR - 1))
    weak = min(1.0, FACTOR * rest)
    inside, outside = SHARE * n, (1 - SHARE) * n
    if weak <= rest or inside < 1:
        return 0.0
    under_null = math.sqrt(error * (1 - error) * (1 / inside + 1 / outside))
    # Fisher's test is discrete: half an example more is asked of the slice, as a correction for continuity does.
    asked = -float(ndtri(level)) * under_null + 0.5 / inside
    spread = math.sqrt(weak * (1 - weak) / inside + rest * (1 - rest) / outside)
    return float(ndtr((weak - rest - asked) / spread)) if spread else 1.0


@dataclass(frozen=True)
class Scored:
    """Savage scores of the losses, as a planted slice would have them and as the others do.

    Attributes:
        slice_mean, rest_mean: Their means.
        slice_variance, rest_variance: Their variances.
        variance, skewness: Of all scores.
    """

    slice_mean: float
    slice_variance: float
    rest_mean: float
    rest_variance: float
    variance: float
    skewness: float

    @classmethod
    def doubled(cls, error: float, losses: np.ndarray, errors: np.ndarray) -> "Scored | None":
        """With the slice's error doubled; None where nothing, or everything, is wrong.

        Args:
            error: Mean of all errors.
            losses: float `[N]`.
            errors: bool `[N]`: the slice holds more of the wrong ones; or float `[N]`: its losses are doubled.
        """
        scores = savage_scores(losses)
        spread = float(scores.std())
        if not spread:
            return None
        skewness = float(np.mean((scores - scores.mean()) ** 3)) / spread**3
        if errors.dtype != bool:
            place = np.searchsorted(np.sort(losses), 2 * losses, side="right")
            above = -np.log1p(-np.minimum(place, len(losses) - 0.5) / len(losses))
            return cls(float(above.mean()), float(above.var()), float(scores.mean()), spread**2, spread**2, skewness)
        if errors.all() or not errors.any():
            return None
        wrong, right = scores[errors], scores[~errors]
        apart = float(wrong.mean() - right.mean())

        def mixed(share: float) -> tuple[float, float]:
            within = share * float(wrong.var()) + (1 - share) * float(right.var())
            return float(right.mean()) + share * apart, within + share * (1 - share) * apart**2

        rest = error / (1 + SHARE * (FACTOR - 1))
        return cls(*mixed(min(1.0, FACTOR * rest)), *mixed(rest), spread**2, skewness)


def score_power(scored: Scored, n: float, level: float) -> float:
    """Chance that the one-sided test of the scores' sum passes at `level`.

    Args:
        scored: The scores' moments.
        n: How many examples.
        level: Of one test, after the correction.
    """
    from scipy.special import ndtr
    from scipy.stats import pearson3

    inside, outside = SHARE * n, (1 - SHARE) * n
    if inside < 1:
        return 0.0
    skewness = (1 - 2 * SHARE) * math.sqrt(n / (inside * outside)) * scored.skewness
    asked = float(pearson3.isf(level, skewness)) * math.sqrt(scored.variance * (1 / inside + 1 / outside))
    spread = math.sqrt(scored.slice_variance / inside + scored.rest_variance / outside)
    return float(ndtr((scored.slice_mean - scored.rest_mean - asked) / spread)) if spread else 1.0


def _least(chance: Callable[[float], float], start: int) -> int | None:
    """The fewest examples with the wanted chance, to 2 %."""
    high = float(max(start, 10))
    low = 10.0
    while chance(high) < WANTED:
        low, high = high, high * 2
        if high > MOST:
            return None
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if chance(middle) >= WANTED else (middle, high)
    return math.ceil(high)
