"""What a search for weak slices can find: the chance to find a planted one, and how many examples would be enough."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ..data.rates import Average, Measured, Rate, rounded

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


def power_of(error: Measured, tests: int, alpha: float) -> Power:
    """What a search among examples with this error can find.

    Args:
        error: Of all examples; its `effect` makes them count for fewer.
        tests: How many slices are tested.
        alpha: Chance of any false one.
    """
    level = alpha / max(1, tests)

    def chance(n: float) -> float:
        if isinstance(error, Rate):
            return rate_power(error.value, n / error.effect, level)
        return rank_power(n / error.effect, level)

    found = chance(error.n)
    needed = _least(chance, error.n)
    of_what = "unexplained variance" if isinstance(error, Average) else "error"
    can = f"A slice of a tenth of them with twice the {of_what} would be found in {100 * found:.0f} of 100 cases"
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


def rank_power(n: float, level: float) -> float:
    """The same for the rank sum, of normal errors whose variance in the slice is `FACTOR` times that of the rest.

    Of two such squared errors the slice's is the larger with probability 2/π · arctan √factor: 0.61 for twice.
    """
    from scipy.special import ndtr, ndtri

    larger = 2 / math.pi * math.atan(math.sqrt(FACTOR))
    inside, outside = SHARE * n, (1 - SHARE) * n
    if inside < 1:
        return 0.0
    spread = math.sqrt((n + 1) / (12 * inside * outside))
    return float(ndtr((larger - 0.5) / spread + float(ndtri(level))))


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
