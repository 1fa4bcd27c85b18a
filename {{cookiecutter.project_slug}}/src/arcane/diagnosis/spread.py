"""Whether a regression's estimates are spread as its targets are: the calibration of numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.rates import rounded
from .intervals import Gap

DRAWS = 400
"""Bootstrap draws of an interval: its ends then vary by a tenth of its width."""


@dataclass(frozen=True)
class Spread:
    """Whether a regression's estimates are spread as they should be.

    Attributes:
        slope: Of target on estimate: 1 where an estimate that is one unit higher means a target one unit higher; below
            1 the estimates are spread too widely.
        offset: Mean of estimate − target, in the target's unit.
        unit: The target's.
    """

    slope: Gap
    offset: Gap
    unit: str

    @property
    def direction(self) -> str:
        if self.slope.high < 1:
            return "too-wide"
        return "too-narrow" if self.slope.low > 1 else "calibrated"

    @property
    def sentence(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        slope = f"slope {rounded(self.slope.value)} ({rounded(self.slope.low)} to {rounded(self.slope.high)})"
        spread = {
            "too-wide": f"The estimates are spread too widely: a unit more means {slope} more in truth.",
            "too-narrow": f"The estimates are spread too narrowly: a unit more means {slope} more in truth.",
            "calibrated": f"The estimates are spread as the targets are, as far as can be seen ({slope}).",
        }[self.direction]
        offset = self.offset
        if not offset.sure:
            return f"{spread} They lean neither up nor down beyond chance."
        way = "high" if offset.value > 0 else "low"
        return (
            f"{spread} On average they are {rounded(abs(offset.value))}{unit} too {way} "
            f"({rounded(min(abs(offset.low), abs(offset.high)))} to {rounded(max(abs(offset.low), abs(offset.high)))})."
        )

    def as_json(self) -> dict[str, Any]:
        """The block `calibration` of reports/errors.json."""
        return {
            "slope": self.slope.as_json(),
            "offset": self.offset.as_json(),
            "unit": self.unit,
            "direction": self.direction,
            "sentence": self.sentence,
        }


def spread(estimates: np.ndarray, targets: np.ndarray, unit: str = "", *, seed: int = 0) -> Spread | None:
    """Whether a regression's estimates are spread as they should be; None where they do not vary.

    Args:
        estimates: float `[N]`.
        targets: float `[N]`.
        unit: The target's.
        seed: Of the bootstrap, which draws examples.
    """
    said, truth = estimates.astype(np.float64), targets.astype(np.float64)
    n = len(said)
    if n < 3 or np.ptp(said) == 0:
        return None
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(0, n, n) for _ in range(DRAWS)]
    slopes = [slope for rows in drawn if (slope := _slope(said[rows], truth[rows])) is not None]
    low, high = np.quantile(slopes, (0.025, 0.975))
    middle = _slope(said, truth)
    assert middle is not None
    return Spread(Gap(middle, float(low), float(high)), mean_of(said - truth, drawn), unit)


def _slope(said: np.ndarray, truth: np.ndarray) -> float | None:
    centred = said - said.mean()
    squares = float(centred @ centred)
    return float(centred @ (truth - truth.mean())) / squares if squares > 0 else None


def mean_of(values: np.ndarray, drawn: list[np.ndarray]) -> Gap:
    """A mean with its bootstrap interval.

    Args:
        values: float `[N]`.
        drawn: The rows of each draw.
    """
    means = [float(values[rows].mean()) for rows in drawn]
    low, high = np.quantile(means, (0.025, 0.975))
    return Gap(float(values.mean()), float(low), float(high))
