"""How many examples measure well enough: to tell two models apart, and to know one model's error.

Two yardsticks with the same questions: `OfRates` for classes, `OfAverages` for a regression. Each states what it
assumes about models that nobody has trained yet. Examples count as independent; those of one group are not.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..rates import Average, Rate

POWER = 0.8
CONFIDENCE = 0.95
ALPHA = 0.05


@dataclass(frozen=True)
class Yardstick(ABC):
    """What sizes are measured by.

    Attributes:
        error: The error whose interval is planned.
        compared_by: The test that tells two models apart.
    """

    error: float
    compared_by: ClassVar[str]

    @abstractmethod
    def power(self, n: int, difference: float) -> float:
        """The chance that the test on `n` examples tells apart two models whose errors differ by `difference`."""

    @abstractmethod
    def roughly_needed(self, difference: float) -> float:
        """`pairs_needed` in closed form, by a normal approximation: where the search for it starts."""

    @abstractmethod
    def interval_width(self, n: int) -> float:
        """Width of the 95 % interval of the assumed error, measured on `n` examples."""

    @abstractmethod
    def examples_for_width(self, width: float) -> int:
        """The fewest examples that make the 95 % interval of the assumed error `width` wide."""

    @abstractmethod
    def assumed(self, difference: float) -> str:
        """What is assumed of two models whose errors differ by `difference`, as the end of a sentence."""

    @abstractmethod
    def as_json(self) -> dict[str, float]:
        """All that is assumed, by name."""

    def pairs_needed(self, difference: float) -> int:
        """The fewest examples on which the test tells errors apart that differ by `difference`, with power 0.8."""
        rough = self.roughly_needed(difference)
        below, above = max(1, int(rough / 1.1)), int(rough * 1.1) + 8
        while below > 1 and self.power(below, difference) >= POWER:
            below //= 2
        while self.power(above, difference) < POWER:
            above *= 2
        while above - below > 1:
            middle = (above + below) // 2
            below, above = (below, middle) if self.power(middle, difference) >= POWER else (middle, above)
        return above

    def smallest_difference(self, n: int) -> float:
        """The smallest difference in error that the test detects on `n` examples with power 0.8; 1 where none is."""
        from scipy.optimize import brentq

        if n < 2 or self.power(n, 1.0) < POWER:
            return 1.0
        root: Any = brentq(lambda difference: self.power(n, difference) - POWER, 1e-7, 1.0, xtol=1e-9)
        return float(root)


@dataclass(frozen=True)
class OfRates(Yardstick):
    """Sizes where an example is right or wrong.

    Models are compared by McNemar's test, two-sided at 5 %: |b - c| / √(b + c) > 1.96, with b and c the examples that
    one model alone has wrong. Telling 0.90 from 0.91 at a discordance of 0.05 takes 3,891.

    Attributes:
        discordance: Share of the examples on which one model is right and the other wrong; a difference above it is
            taken to be all of it. Median over pairs of nine scikit-learn models, 5-fold on digits, breast cancer and
            wine: 0.025 to 0.034 for pairs closer than 0.01, and 1.1 to 1.6 times the difference for pairs further apart
            than 0.025.
    """

    error: float = 0.10
    discordance: float = 0.05
    compared_by: ClassVar[str] = "paired test (McNemar), 5 % two-sided"

    def power(self, n: int, difference: float) -> float:
        """As `Yardstick.power`, over both the number of disagreements and whose they are: exact sums of binomials.

        The closed form misses where few disagree: at n = 100 it promises 0.80 and has 0.95, at 500 it has 0.84, from
        1,000 on 0.81 and less.
        """
        from scipy.stats import binom, norm

        size = norm.ppf(1 - ALPHA / 2)
        discordance = max(self.discordance, difference)
        low, high = binom.ppf([1e-10, 1 - 1e-10], n, discordance)
        disagree = np.arange(max(low, 1), high + 1)
        losses = (disagree + size * np.sqrt(disagree)) / 2  # rejected above this b, or above this c
        share = (discordance + difference) / (2 * discordance)
        rejected = sum(binom.sf(np.floor(losses), disagree, each) for each in (share, 1 - share))
        return float((binom.pmf(disagree, n, discordance) * rejected).sum())

    def roughly_needed(self, difference: float) -> float:
        """As `Yardstick.roughly_needed`; statsmodels has no such function. 3,922.1 for 0.01 at 0.05.

        R. J. Connor, Sample size for testing differences in proportions for the paired-sample design, Biometrics 43
        (1987) 207-211.
        """
        from scipy.stats import norm

        discordance = max(self.discordance, difference)
        spread = norm.ppf(1 - ALPHA / 2) * math.sqrt(discordance)
        spread += norm.ppf(POWER) * math.sqrt(discordance - difference**2)
        return float((spread / difference) ** 2)

    def interval_width(self, n: int) -> float:
        """As `Yardstick.interval_width`, by Wilson's interval."""
        low, high = Rate(round(self.error * n), n).interval(CONFIDENCE)
        return high - low

    def examples_for_width(self, width: float) -> int:
        """As `Yardstick.examples_for_width`, by the normal interval: z²·p·(1-p)/(width/2)².

        A half-width of 0.01 at 0.10 takes 3,457.3, so 3,458.
        """
        from statsmodels.stats.proportion import samplesize_confint_proportion

        return math.ceil(samplesize_confint_proportion(self.error, width / 2, alpha=1 - CONFIDENCE, method="normal"))

    def assumed(self, difference: float) -> str:
        return f"if they disagree on {max(self.discordance, difference):.1%} of the examples"

    def as_json(self) -> dict[str, float]:
        return {"power": POWER, "alpha": ALPHA, "discordance": self.discordance, "error": self.error}


@dataclass(frozen=True)
class OfAverages(Yardstick):
    """Sizes where an example has an error of its own (`rates.Average`): squared, as a share of the target's variance.

    Models are compared by a t test on the examples' differences, two-sided at 5 %.

    Attributes:
        error: The mean error assumed. Eight scikit-learn regressors, 5-fold on diabetes: 0.50 to 0.58.
        spread: Standard deviation of the examples' errors over their mean; √2 for normal residuals. Diabetes: 1.31 to
            1.44.
        correlation: Of two models' errors over the examples. Diabetes: median 0.83, from 0.78 to 0.97 between
            models of different kind.
    """

    error: float = 0.5
    spread: float = math.sqrt(2)
    correlation: float = 0.8
    compared_by: ClassVar[str] = "paired t test, 5 % two-sided"

    @property
    def deviation(self) -> float:
        """Standard deviation of the difference of two models' errors on one example."""
        return self.error * self.spread * math.sqrt(2 * (1 - self.correlation))

    def power(self, n: int, difference: float) -> float:
        from statsmodels.stats.power import TTestPower

        power = float(TTestPower().power(difference / self.deviation, n, ALPHA))
        return 1.0 if math.isnan(power) else power  # scipy's noncentral t gives up where the power is 1 in all digits

    def roughly_needed(self, difference: float) -> float:
        from scipy.stats import norm

        return float(((norm.ppf(1 - ALPHA / 2) + norm.ppf(POWER)) * self.deviation / difference) ** 2)

    def interval_width(self, n: int) -> float:
        low, high = Average(self.error, self.error * self.spread, n).interval(CONFIDENCE)
        return high - low

    def examples_for_width(self, width: float) -> int:
        """As `Yardstick.examples_for_width`: (z·spread / asinh(width/2/error))².

        `Average.interval` solved for n, with the normal in place of the t quantile.
        """
        from scipy.stats import norm

        return math.ceil((norm.ppf(0.5 + CONFIDENCE / 2) * self.spread / math.asinh(width / 2 / self.error)) ** 2)

    def assumed(self, difference: float) -> str:
        return (
            f"if the examples' errors have a mean of {self.error} and a standard deviation of "
            f"{self.error * self.spread:.2f}, correlated by {self.correlation} between the two"
        )

    def as_json(self) -> dict[str, float]:
        return {
            "power": POWER,
            "alpha": ALPHA,
            "error": self.error,
            "spread": self.spread,
            "correlation": self.correlation,
        }
