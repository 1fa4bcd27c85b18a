"""Intervals of sums and differences of errors, over examples and over trainings; arithmetic on measured errors."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..data.rates import Average, Measured, Rate, wilson

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Gap:
    """A difference between errors with its 95 % interval; negative differences are kept as measured."""

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0

    def as_json(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Repeated:
    """One error, measured on the same examples for several trainings that differ in their seed alone.

    Its value is their mean, and its interval holds two kinds of chance: which examples were drawn, and how the
    trainings fell out. The truth that it aims at is the mean error over all seeds, not that of one trained model.

    Attributes:
        runs: The error of each training, at least one, all of a kind and on the same number of examples.
    """

    runs: tuple[Measured, ...]

    @property
    def value(self) -> float:
        return float(np.mean([run.value for run in self.runs]))

    @property
    def n(self) -> int:
        return self.runs[0].n

    @property
    def deviation(self) -> float | None:
        """Standard deviation between the trainings (n - 1); None for one."""
        return float(np.std([run.value for run in self.runs], ddof=1)) if len(self.runs) > 1 else None

    @property
    def sampled(self) -> Measured:
        """The mean as one error on these examples: seeds add no examples. A rate's count is rounded.

        A mean over seeds varies less from example to example than the errors of one model do, so its interval is
        rather too wide than too narrow.
        """
        first = self.runs[0]
        if isinstance(first, Rate):
            return replace(first, wrong=round(self.value * self.n))
        deviation = float(np.mean([run.deviation for run in self.runs if isinstance(run, Average)]))
        return replace(first, value=self.value, deviation=deviation)

    def interval(self) -> tuple[float, float]:
        gap = contrast({"it": 1.0}, {"it": self})
        return max(0.0, gap.low), gap.high

    def as_json(self) -> dict[str, Any]:
        """As an error, with `seeds`, `by_seed` and `deviation` between them."""
        low, high = self.interval()
        content = self.sampled.as_json() | {"value": self.value, "low": low, "high": high}
        first = self.runs[0]
        if isinstance(first, Average):
            content["rmse"] = {
                "value": first.in_units(self.value),
                "low": first.in_units(low),
                "high": first.in_units(high),
                "unit": first.unit,
            }
        return content | {
            "seeds": len(self.runs),
            "by_seed": [run.value for run in self.runs],
            "deviation": self.deviation,
        }


@dataclass(frozen=True)
class Claim:
    """An error that somebody states: without an interval, unless it is said on how many examples it was seen."""

    value: float
    n: int | None = None

    def interval(self) -> tuple[float, float]:
        return (self.value, self.value) if self.n is None else wilson(self.value, self.n)

    def as_json(self) -> dict[str, Any]:
        low, high = self.interval()
        return {"value": self.value, "low": low, "high": high, "n": self.n}


Error = Measured | Repeated | Claim


def contrast(
    weights: Mapping[str, float],
    errors: Mapping[str, Error],
    *,
    grown: Mapping[str, float] | None = None,
    seeds: int | None = None,
) -> Gap:
    """A weighted sum of errors on different examples, with its interval.

    Over examples it is the MOVER interval of a linear function of independent estimates, made of the interval of each
    (G. Y. Zou, W. Huang, X. Zhang, A note on confidence interval estimation for a linear function of binomial
    proportions, Computational Statistics and Data Analysis 53 (2009) 1080–1085; for other means G. Y. Zou, A. Donner,
    Statistics in Medicine 27 (2008) 1693–1702). Of one difference of two rates it is method 10 of R. G. Newcombe,
    Statistics in Medicine 17 (1998) 873–890, which keeps its coverage near 0.

    Over seeds it is paired: the sum is formed for each training, and its variance between trainings added, with Welch
    and Satterthwaite's degrees of freedom (F. E. Satterthwaite, Biometrics Bulletin 2 (1946) 110–114). So what is
    common to a training's errors cancels.

    Args:
        weights: By name; names that two gaps share are to be summed before, as one error is not two.
        errors: By name, at least those of `weights`.
        grown: What if an error were measured on so many times as many examples?
        seeds: What if there were so many trainings?
    """
    value, below, above = 0.0, 0.0, 0.0
    for name, weight in weights.items():
        error = errors[name]
        low, high = _over_examples(error, (grown or {}).get(name, 1.0))
        down, up = (error.value - low, high - error.value) if weight > 0 else (high - error.value, error.value - low)
        value += weight * error.value
        below += (weight * down) ** 2
        above += (weight * up) ** 2
    between = between_seeds(weights, errors)
    count = _seeds(weights, errors) if seeds is None else seeds
    return Gap(
        value,
        value - _widened(math.sqrt(below), between, count),
        value + _widened(math.sqrt(above), between, count),
    )


def between_seeds(weights: Mapping[str, float], errors: Mapping[str, Error]) -> float | None:
    """Standard deviation of the weighted sum between trainings; None where it is not known."""
    count = _seeds(weights, errors)
    if count < 2:
        return None
    sums = np.zeros(count)
    for name, weight in weights.items():
        error = errors[name]
        sums += weight * (np.array([run.value for run in error.runs]) if isinstance(error, Repeated) else error.value)
    return float(sums.std(ddof=1))


def _seeds(weights: Mapping[str, float], errors: Mapping[str, Error]) -> int:
    counts = {len(error.runs) for name in weights if isinstance(error := errors[name], Repeated)}
    return min(counts, default=1)


def _over_examples(error: Error, factor: float) -> tuple[float, float]:
    """The interval were there `factor` times as many examples and trainings no matter of chance."""
    if isinstance(error, Claim):
        return error.interval()
    sampled = error.sampled if isinstance(error, Repeated) else error
    if isinstance(sampled, Average):
        return replace(sampled, n=max(1, round(sampled.n * factor))).interval()
    return wilson(error.value, sampled.n * factor / sampled.effect)


def _widened(half: float, deviation: float | None, seeds: int) -> float:
    """Half an interval over examples, with the chance of trainings added to it."""
    if not deviation or seeds < 2:
        return half
    from scipy.special import ndtri, stdtrit

    of_examples = (half / float(ndtri(0.5 + CONFIDENCE / 2))) ** 2
    of_seeds = deviation**2 / seeds
    freedom = (of_examples + of_seeds) ** 2 * (seeds - 1) / of_seeds**2
    return float(stdtrit(freedom, 0.5 + CONFIDENCE / 2)) * math.sqrt(of_examples + of_seeds)


def difference(first: Error, second: Error) -> Gap:
    """`first` − `second`, measured on different examples: see `contrast`."""
    return contrast({"first": 1.0, "second": -1.0}, {"first": first, "second": second})
