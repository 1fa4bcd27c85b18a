"""Splits an error into what the goal, the training error and the validation error can explain (RECIPE 4.1).

Knows measured errors and arithmetic only; where they were measured is the caller's business.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..data.rates import Average, Measured, Rate, rounded

Dominant = Literal["bias", "variance", "data_mismatch", "none", "undecided"]

FAMILIES = {"bias": "under-fitting", "variance": "over-fitting", "data_mismatch": "distribution shift"}
"""The family of actions that answers each gap (RECIPE 5.1)."""

_LARGEST_FACTOR = 1000


@dataclass(frozen=True)
class Gap:
    """A difference between two errors with its 95 % interval; negative differences are kept as measured."""

    value: float
    low: float
    high: float

    def overlaps(self, other: "Gap") -> bool:
        return self.low <= other.high and other.low <= self.high

    def as_json(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True)
class Decomposition:
    """The errors, the gaps between them, and which gap to work on.

    Attributes:
        goal: The error to reach; also the estimate of what cannot be avoided.
        errors: By split: train, validation and, where there is one, train_val.
        gaps: `bias`, `variance` and `data_mismatch`; the last is None without a train_val split.
        dominant: The gap to work on, `none` at the goal, `undecided` where the data cannot order the two largest.
        verdict: The same in a sentence.
    """

    goal: float
    errors: dict[str, Measured]
    gaps: dict[str, Gap | None]
    dominant: Dominant
    verdict: str

    @property
    def families(self) -> tuple[str, ...]:
        """The families of actions, the one that answers the largest gap first; those without a gap come last."""
        return tuple(FAMILIES[name] for name in _by_size(self.gaps))

    def as_json(self) -> dict[str, Any]:
        """`errors`, `gaps`, `dominant` and `verdict` as reports/diagnosis.json holds them."""
        goal = {"value": self.goal, "low": self.goal, "high": self.goal, "n": None}
        return {
            "errors": {"goal": goal} | {name: error.as_json() for name, error in self.errors.items()},
            "gaps": {name: gap.as_json() if gap else None for name, gap in self.gaps.items()},
            "dominant": self.dominant,
            "verdict": self.verdict,
        }


def difference(first: Measured, second: Measured) -> Gap:
    """`first` − `second` for two independent samples, from the interval of each.

    For rates it is method 10 of R. G. Newcombe, Interval estimation for the difference between independent proportions,
    Statistics in Medicine 17 (1998) 873–890, which keeps its coverage near 0. G. Y. Zou and A. Donner, Construction of
    confidence limits about effect measures, Statistics in Medicine 27 (2008) 1693–1702, show that the same
    construction serves any two independent estimates with intervals of their own. For two averages it is then Welch's
    interval of a difference of means, but for each mean having its own t quantile and leaning upwards as squared
    errors do.
    """
    value = first.value - second.value
    (low_1, high_1), (low_2, high_2) = first.interval(), second.interval()
    return Gap(
        value,
        value - math.hypot(first.value - low_1, high_2 - second.value),
        value + math.hypot(high_1 - first.value, second.value - low_2),
    )


def decompose(goal: float, train: Measured, validation: Measured, train_val: Measured | None = None) -> Decomposition:
    """Say where the distance between the validation error and the goal comes from.

    bias = train − goal; variance = train_val − train, or validation − train where there is no train_val;
    data mismatch = validation − train_val. The verdict:

    - `none` when the validation error is at or below the goal;
    - `undecided` when the 95 % intervals of the two largest gaps overlap (RECIPE 4.2). Bias and variance share the
      train error with opposite signs, so separate intervals ask for slightly more than a direct test of their
      difference would: the rule errs on the side of not knowing;
    - otherwise the largest gap.

    Args:
        goal: The error to reach, a claim without an interval, in (0, 1); for a regression the share of the variance
            that may stay unexplained.
        train: Error on the training split, in eval mode and without augmentation.
        validation: Error on the validation split.
        train_val: Error on held-out examples from the training distribution, where that is another one.
    """
    errors: dict[str, Measured] = {"train": train, "validation": validation}
    errors |= {"train_val": train_val} if train_val else {}
    gaps = _gaps(goal, train, validation, train_val)
    dominant = _dominant(goal, validation, gaps)
    return Decomposition(goal, errors, gaps, dominant, _verdict(goal, errors, gaps, dominant))


def _gaps(goal: float, train: Measured, validation: Measured, train_val: Measured | None) -> dict[str, Gap | None]:
    low, high = train.interval()
    return {
        "bias": Gap(train.value - goal, low - goal, high - goal),
        "variance": difference(train_val or validation, train),
        "data_mismatch": difference(validation, train_val) if train_val else None,
    }


def _by_size(gaps: dict[str, Gap | None]) -> list[str]:
    """Names of the gaps, largest first; equals in the recipe's order; those not measured last."""
    return sorted(gaps, key=lambda name: -math.inf if (gap := gaps[name]) is None else gap.value, reverse=True)


def _two_largest(gaps: dict[str, Gap | None]) -> tuple[Gap, Gap]:
    first, second, *_ = (gap for name in _by_size(gaps) if (gap := gaps[name]) is not None)
    return first, second


def _dominant(goal: float, validation: Measured, gaps: dict[str, Gap | None]) -> Dominant:
    if validation.value <= goal:
        return "none"
    first, second = _two_largest(gaps)
    if first.overlaps(second):
        return "undecided"
    return cast(Dominant, _by_size(gaps)[0])


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def _interval(low: float, high: float) -> str:
    return f"[{100 * low:.3g}, {100 * high:.3g}] %"


def in_units(error: Measured, value: float) -> str:
    """An error's value in the unit of a regression's target, ` (RMSE 54.1 points)`; nothing for a classification."""
    if not isinstance(error, Average):
        return ""
    return f" (RMSE {rounded(error.in_units(value))}{' ' + error.unit if error.unit else ''})"


def _verdict(goal: float, errors: dict[str, Measured], gaps: dict[str, Gap | None], dominant: Dominant) -> str:
    validation = errors["validation"]
    low, high = validation.interval()
    of_variance = " of the variance" if isinstance(validation, Average) else ""
    aim = f"{_percent(goal)}{in_units(validation, goal)}"
    if dominant == "none":
        measured = f"{_percent(validation.value)} {_interval(low, high)}{of_variance}"
        in_target = in_units(validation, validation.value)
        reached = f"The validation error, {measured}{in_target}, is at the goal of {aim}"
        if high <= goal:
            return f"{reached} beyond doubt: the goal is too weak to say what to work on next; set a harder one."
        if low < goal:
            return f"{reached}, though its interval reaches above it: more validation examples would make it a claim."
        return f"{reached}."
    names = _by_size(gaps)
    first, second = _two_largest(gaps)
    label = {name: name.replace("_", " ") for name in names}
    stands = (
        f"the validation error is {_percent(validation.value)}{of_variance}{in_units(validation, validation.value)}"
    )
    if dominant == "undecided":
        where = f"{stands[0].upper()}{stands[1:]}, the goal {aim}. " if of_variance else ""
        return (
            f"{label[names[0]].capitalize()} ({_percent(first.value)} {_interval(first.low, first.high)}) and "
            f"{label[names[1]]} ({_percent(second.value)} {_interval(second.low, second.high)}) cannot be told apart "
            f"yet: their intervals overlap. {where}{_what_would_decide(goal, errors)}"
        )
    rest = ", ".join(f"{label[n]} {_percent(gap.value)}" for n in names[1:] if (gap := gaps[n]) is not None)
    return (
        f"{FAMILIES[dominant].capitalize()} first: {label[dominant]} is {_percent(first.value)} "
        f"{_interval(first.low, first.high)}, against {rest}; {stands}, the goal {aim}."
    )


def _what_would_decide(goal: float, errors: dict[str, Measured]) -> str:
    """How many examples would separate the two largest gaps, if the errors stayed as they are."""
    factor = factor_that_decides(goal, errors)
    if factor is None:
        return "They are so close that no realistic number of examples would order them: work on both."
    counts = " and ".join(f"{math.ceil(error.n * factor):,} for {name}" for name, error in errors.items())
    kept = "rates" if isinstance(errors["validation"], Rate) else "errors"
    return f"At these {kept} about {rounded(factor, 2)} times as many examples ({counts}) would decide."


def factor_that_decides(goal: float, errors: dict[str, Measured]) -> float | None:
    """By how much every split must grow until the intervals of the two largest gaps part; None if they never do.

    Args:
        goal: The error to reach.
        errors: By split, which are kept as they are.
    """

    def decided(factor: float) -> bool:
        grown = {name: error.of_size(factor) for name, error in errors.items()}
        first, second = _two_largest(_gaps(goal, grown["train"], grown["validation"], grown.get("train_val")))
        return not first.overlaps(second)

    if not decided(_LARGEST_FACTOR):
        return None
    low, high = 1.0, float(_LARGEST_FACTOR)
    while high / low > 1.05:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high
