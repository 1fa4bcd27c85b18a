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
    """

    wrong: int
    n: int

    def __post_init__(self) -> None:
        if self.n < 1 or not 0 <= self.wrong <= self.n:
            raise ValueError(f"a rate needs 0 <= wrong <= n and n >= 1, not {self.wrong} of {self.n}")

    @property
    def value(self) -> float:
        """The rate, between 0 and 1."""
        return self.wrong / self.n

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Wilson's score interval, which holds its coverage near 0 and 1 where the normal one collapses."""
        from scipy.stats import binomtest

        interval = binomtest(self.wrong, self.n).proportion_ci(confidence, method="wilson")
        return float(interval.low), float(interval.high)

    def of_size(self, factor: float) -> "Rate":
        """The same rate on `factor` times as many examples."""
        return Rate(round(self.wrong * factor), round(self.n * factor))

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
    """

    value: float
    deviation: float
    n: int
    scale: float = 1.0
    unit: str = ""

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's t interval of the mean on the logarithm's scale (delta method): it stays above 0 and leans
        upwards, as means of squared errors do."""
        from scipy.stats import t

        if self.n < 2 or self.value <= 0 or self.deviation == 0:
            return self.value, self.value
        factor = float(np.exp(t.ppf(0.5 + confidence / 2, self.n - 1) * self.deviation / (self.value * self.n**0.5)))
        return self.value / factor, self.value * factor

    def of_size(self, factor: float) -> "Average":
        """The same mean of `factor` times as many examples."""
        return Average(self.value, self.deviation, round(self.n * factor), self.scale, self.unit)

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


def measured(errors: np.ndarray | Sequence[float], scale: float | None = None, unit: str = "") -> Measured:
    """The error on a set of examples, out of each example's.

    Args:
        errors: bool `[n]`, wrong or not; or float `[n]`, squared differences over the training targets' variance.
        scale: For floats: the training targets' standard deviation.
        unit: For floats: the targets' unit.
    """
    each = np.asarray(errors)
    if each.dtype == bool:
        return Rate(int(each.sum()), len(each))
    deviation = float(each.std(ddof=1)) if len(each) > 1 else 0.0
    return Average(float(each.mean()), deviation, len(each), 1.0 if scale is None else scale, unit)
