"""A measured error is never carried without its interval: a count out of a count, or a mean of examples' errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Rate:
    """`wrong` out of `n`: the error of a classifier.

    Attributes:
        wrong: How many were wrong.
        n: Out of how many; at least one.
        effect: By how much groups of like examples swell the variance (`design_effect`): `n` count as `n / effect`.
    """

    wrong: int
    n: int
    effect: float = 1.0

    def __post_init__(self) -> None:
        if self.n < 1 or not 0 <= self.wrong <= self.n:
            raise ValueError(f"a rate needs 0 <= wrong <= n and n >= 1, not {self.wrong} of {self.n}")

    @property
    def value(self) -> float:
        """The rate, between 0 and 1."""
        return self.wrong / self.n

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Wilson's score interval, which holds its coverage near 0 and 1 where the normal one collapses."""
        return wilson(self.value, self.n / self.effect, confidence)

    def as_json(self) -> dict[str, Any]:
        """The rate as reports carry it: `value`, `low`, `high` (95 %) and `n`."""
        low, high = self.interval()
        return {"value": self.value, "low": low, "high": high, "n": self.n}


@dataclass(frozen=True)
class Average:
    """The mean of `n` examples' errors: the error of a regression.

    An example's error is its squared difference over the variance of the training split's targets, so that the mean is
    the share of the variance that the model leaves unexplained: 0 is perfect, 1 no better than the training mean. It
    may exceed 1.

    Attributes:
        value: The mean.
        deviation: Standard deviation (n - 1) of the examples' errors.
        n: How many; at least one.
        scale: Standard deviation of the training split's targets, in their unit.
        unit: The targets' unit.
        effect: As a rate's.
    """

    value: float
    deviation: float
    n: int
    scale: float = 1.0
    unit: str = ""
    effect: float = 1.0

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's t interval of the mean on the logarithm's scale (delta method): it stays above 0 and leans
        upwards, as means of squared errors do."""
        from scipy.stats import t

        n = self.n / self.effect
        if self.n < 2 or self.value <= 0 or self.deviation == 0:
            return self.value, self.value
        factor = float(np.exp(t.ppf(0.5 + confidence / 2, max(n - 1, 1)) * self.deviation / (self.value * n**0.5)))
        return self.value / factor, self.value * factor

    def in_units(self, value: float) -> float:
        """A mean squared error, as a share of the variance, to its root in the targets' unit."""
        return self.scale * max(value, 0.0) ** 0.5

    def as_json(self) -> dict[str, Any]:
        """As reports carry it: a rate's fields, and `rmse` {`value`, `low`, `high`, `unit`} in the targets' unit."""
        low, high = self.interval()
        rmse: dict[str, Any] = dict(
            zip(("value", "low", "high"), map(self.in_units, (self.value, low, high)), strict=True)
        )
        return {"value": self.value, "low": low, "high": high, "n": self.n, "rmse": rmse | {"unit": self.unit}}


Measured = Rate | Average


def rounded(value: float, digits: int = 3) -> str:
    """A number as people write it, without an exponent where none is needed: `54.1`, `12,300`, `0.00123`."""
    return f"{float(f'{value:.{digits}g}'):,.12g}"


def wilson(value: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a rate.

    Args:
        value: The rate, in [0, 1].
        n: Examples; a fraction where they count less than their number (`design_effect`). With such an effective
            number the interval keeps its coverage (C. Franco, R. J. A. Little, T. A. Louis, E. V. Slud, Comparative
            study of confidence intervals for proportions in complex sample surveys, Journal of Survey Statistics and
            Methodology 7 (2019) 334–364).
        confidence: Its level.
    """
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
    centre = (value + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (value * (1 - value) / n + z**2 / (4 * n**2)) ** 0.5
    return (0.0 if value == 0 else max(0.0, centre - half)), (1.0 if value == 1 else min(1.0, centre + half))


def design_effect(errors: np.ndarray | Sequence[float], groups: np.ndarray | Sequence[int]) -> float:
    """By how much groups of like examples swell the variance of the mean error; at least 1.

    The variance of the mean when whole groups are drawn, over what it would be were the examples independent
    (L. Kish, Survey Sampling, 1965). Few groups say little about it, so it grows by the square of Student's quantile
    over the normal one (E. L. Korn, B. I. Graubard, Confidence intervals for proportions with small expected number of
    positive counts estimated from survey data, Survey Methodology 24 (1998) 193–201). Where no error varies, a group
    is taken as one example.

    Args:
        errors: Of each example, `[n]`.
        groups: Which group each belongs to, `[n]`.
    """
    from scipy.special import ndtri, stdtrit

    each = np.asarray(errors, np.float64)
    _, codes = np.unique(np.asarray(groups), return_inverse=True)
    n, count = len(each), int(codes.max()) + 1
    if count == n:
        return 1.0
    if count == 1:
        return float(n)
    few = float(stdtrit(count - 1, 0.975) / ndtri(0.975)) ** 2
    if np.ptp(each) == 0:
        return n / count * few
    sums = np.bincount(codes, each - each.mean())
    drawn_in_groups = count / (count - 1) * float((sums**2).sum()) / n**2
    return max(1.0, drawn_in_groups / (float(each.var()) / n) * few)


def measured(
    errors: np.ndarray | Sequence[float],
    scale: float | None = None,
    unit: str = "",
    groups: np.ndarray | Sequence[int] | None = None,
) -> Measured:
    """The error on a set of examples, out of each example's.

    Args:
        errors: bool `[n]`, wrong or not; or float `[n]`, squared differences over the training targets' variance.
        scale: For floats: the training targets' standard deviation.
        unit: For floats: the targets' unit.
        groups: Which group each example belongs to, `[n]`; None where they are independent.
    """
    each = np.asarray(errors)
    effect = 1.0 if groups is None else design_effect(each, groups)
    if each.dtype == bool:
        return Rate(int(each.sum()), len(each), effect)
    deviation = float(each.std(ddof=1)) if len(each) > 1 else 0.0
    return Average(float(each.mean()), deviation, len(each), 1.0 if scale is None else scale, unit, effect)
