"""Splits an error into what the goal, the training error and the held-out errors can explain (RECIPE 4.1).

Knows measured errors and arithmetic only; where they were measured is the caller's business.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from ..data.rates import Average, Measured, Rate, rounded
from .intervals import Claim, Error, Gap, Repeated, contrast, difference

__all__ = ["FAMILIES", "Decides", "Decomposition", "Gap", "decompose", "difference", "in_units"]

Dominant = Literal["bias", "variance", "data_mismatch", "none", "undecided"]

FAMILIES = {"bias": "under-fitting", "variance": "over-fitting", "data_mismatch": "distribution shift"}
"""The family of actions that answers each gap (RECIPE 5.1)."""

_LARGEST_FACTOR, _MOST_SEEDS = 1000, 50
"""What would decide is looked for up to here: beyond it nobody would pay for the answer."""

Weights = dict[str, float]


@dataclass(frozen=True)
class Decides:
    """What would tell the two largest gaps apart, if the errors stayed as they are.

    Attributes:
        examples: By split, how many in all would do with the trainings that there are; None where no number would.
        seeds: How many trainings would do with the examples that there are; None where no number up to 50 would, or
            where there is one training, which says nothing about others.
        both: Whether it takes both at once, as neither alone would do.
        sentence: The same in words.
    """

    examples: dict[str, int] | None
    seeds: int | None
    both: bool
    sentence: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Decomposition:
    """The errors, the gaps between them, and which gap to work on.

    Attributes:
        goal: The error to reach; also the estimate of what cannot be avoided.
        errors: By split: train, validation and, where there are any, train_val and test.
        gaps: `bias`, `variance` and `data_mismatch`; the last is None without a train_val split.
        dominant: The gap to work on, `none` at the goal, `undecided` where the data cannot order the two largest.
        verdict: The same in a sentence.
        decides: What would decide, where it is undecided.
        validation_overfit: test − validation, where there is a test error.
        claim: The goal with its interval.
    """

    goal: float
    errors: dict[str, Measured | Repeated]
    gaps: dict[str, Gap | None]
    dominant: Dominant
    verdict: str
    decides: Decides | None
    validation_overfit: Gap | None
    claim: Claim

    @property
    def families(self) -> tuple[str, ...]:
        """The families of actions, the one that answers the largest gap first; those without a gap come last."""
        return tuple(FAMILIES[name] for name in _by_size(self.gaps))

    @property
    def parts(self) -> dict[str, Gap]:
        """The terms of RECIPE 4.1 that were measured: they sum to the last error, that of test where it is known."""
        low, high = self.claim.interval()
        measured = {name: gap for name, gap in self.gaps.items() if gap is not None}
        if self.validation_overfit is not None:
            measured["validation_overfit"] = self.validation_overfit
        return {"irreducible": Gap(self.goal, low, high)} | measured

    @property
    def largest_part(self) -> str:
        """The largest of `parts`, or `undecided` where it does not exceed each other one beyond noise."""
        weights = {"irreducible": {"goal": 1.0}} | _weights(self.errors)
        return _largest({name: weights[name] for name in self.parts}, {"goal": self.claim} | self.errors) or "undecided"

    def as_json(self) -> dict[str, Any]:
        """`errors`, `gaps`, `dominant`, `verdict`, `decides`, `largest_part` as reports/diagnosis.json holds them."""
        return {
            "errors": {"goal": self.claim.as_json()} | {name: error.as_json() for name, error in self.errors.items()},
            "gaps": {name: gap.as_json() if gap else None for name, gap in self.gaps.items()},
            "dominant": self.dominant,
            "verdict": self.verdict,
            "decides": self.decides.as_json() if self.decides else None,
            "largest_part": self.largest_part,
        }


def decompose(
    goal: float | Claim,
    train: Measured | Repeated,
    validation: Measured | Repeated,
    train_val: Measured | Repeated | None = None,
    test: Measured | Repeated | None = None,
) -> Decomposition:
    """Say where the distance between the validation error and the goal comes from.

    bias = train − goal; variance = train_val − train, or validation − train where there is no train_val;
    data mismatch = validation − train_val; validation over-fitting = test − validation. The verdict:

    - `none` when the validation error is at or below the goal;
    - the largest gap, where the 95 % interval of its difference to each other gap lies above 0;
    - `undecided` otherwise (RECIPE 4.2).

    It is the interval of the difference that counts, not whether those of two gaps overlap. Gaps share errors: bias −
    variance is 2 train − goal − validation, in which train is counted twice, and for two gaps that share nothing two
    overlapping intervals are a weaker test than the difference's own (N. Schenker, J. F. Gentleman, On judging the
    significance of differences by examining the overlap between confidence intervals, The American Statistician 55
    (2001) 182–186).

    Args:
        goal: The error to reach, a claim, in (0, 1); for a regression the share of the variance that may stay
            unexplained.
        train: Error on the training split, in eval mode and without augmentation.
        validation: Error on the validation split.
        train_val: Error on held-out examples from the training distribution, where that is another one.
        test: Error on the test split, where it was opened; the verdict does not use it.
    """
    claim = goal if isinstance(goal, Claim) else Claim(goal)
    errors: dict[str, Measured | Repeated] = {"train": train, "validation": validation}
    errors |= {name: error for name, error in (("train_val", train_val), ("test", test)) if error is not None}
    known: dict[str, Error] = {"goal": claim, **errors}
    weights = _weights(errors)
    overfit = weights.pop("validation_overfit", None)
    gaps = {name: contrast(weights[name], known) if name in weights else None for name in FAMILIES}
    dominant = cast(Dominant, "none" if validation.value <= claim.value else _largest(weights, known) or "undecided")
    decides = _what_decides(weights, known) if dominant == "undecided" else None
    return Decomposition(
        claim.value,
        errors,
        gaps,
        dominant,
        _verdict(claim.value, errors, gaps, dominant, decides, weights, known),
        decides,
        contrast(overfit, known) if overfit else None,
        claim,
    )


def _weights(errors: Mapping[str, Any]) -> dict[str, Weights]:
    """Each measured gap as a weighted sum of errors."""
    held_out = "train_val" if "train_val" in errors else "validation"
    gaps = {"bias": {"train": 1.0, "goal": -1.0}, "variance": {held_out: 1.0, "train": -1.0}}
    if "train_val" in errors:
        gaps["data_mismatch"] = {"validation": 1.0, "train_val": -1.0}
    if "test" in errors:
        gaps["validation_overfit"] = {"test": 1.0, "validation": -1.0}
    return gaps


def _minus(first: Weights, second: Weights) -> Weights:
    names = dict.fromkeys([*first, *second])
    found = {name: first.get(name, 0.0) - second.get(name, 0.0) for name in names}
    return {name: weight for name, weight in found.items() if weight}


def _ordered(weights: Mapping[str, Weights], errors: Mapping[str, Error]) -> list[str]:
    """Names, largest value first; equals in the recipe's order."""
    return sorted(weights, key=lambda name: contrast(weights[name], errors).value, reverse=True)


def _largest(
    weights: Mapping[str, Weights],
    errors: Mapping[str, Error],
    grown: Mapping[str, float] | None = None,
    seeds: int | None = None,
) -> str | None:
    """The name of the sum that exceeds each other one beyond noise, or None.

    It has to win every comparison, so their number needs no correction (an intersection–union test: R. L. Berger,
    Technometrics 24 (1982) 295–300).
    """
    first, *others = _ordered(weights, errors)
    differences = (_minus(weights[first], weights[other]) for other in others)
    return first if all(contrast(each, errors, grown=grown, seeds=seeds).low > 0 for each in differences) else None


def _what_decides(weights: Mapping[str, Weights], errors: Mapping[str, Error]) -> Decides:
    """How many examples, or how many seeds, would separate the largest gap from the others.

    An interval over examples shrinks as 1 / √n and one over seeds as t / √seeds, so the number follows from the
    variances; it is found by bisection, as Wilson's intervals are not symmetric.
    """
    examples, seeds = _enough_examples(weights, errors), None
    if any(isinstance(error, Repeated) and len(error.runs) > 1 for error in errors.values()):
        enough = (count for count in range(2, _MOST_SEEDS + 1) if _largest(weights, errors, seeds=count))
        seeds = next(enough, None)
        for count in () if examples or seeds else (5, 10, 20, _MOST_SEEDS):
            if examples := _enough_examples(weights, errors, count):
                return Decides(examples, count, True, _decides_in_words(examples, count, errors, " and "))
    return Decides(examples, seeds, False, _decides_in_words(examples, seeds, errors, ", or "))


def _enough_examples(
    weights: Mapping[str, Weights], errors: Mapping[str, Error], seeds: int | None = None
) -> dict[str, int] | None:
    """By split, how many in all would do: of the held-out ones alone where that is enough, else of train too."""
    held_out = [name for name in errors if name not in ("goal", "train", "test")]
    for splits in (held_out, ["train", *held_out]):
        factor = _smallest_factor(weights, errors, splits, seeds)
        if factor is not None:
            return {name: math.ceil((errors[name].n or 0) * factor) for name in splits}
    return None


def _smallest_factor(
    weights: Mapping[str, Weights], errors: Mapping[str, Error], splits: list[str], seeds: int | None
) -> float | None:
    """By how much `splits` must grow until the largest gap is sure; None where they never grow enough."""

    def decided(factor: float) -> bool:
        return _largest(weights, errors, dict.fromkeys(splits, factor), seeds) is not None

    if not decided(_LARGEST_FACTOR):
        return None
    low, high = 1.0, float(_LARGEST_FACTOR)
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high


def _decides_in_words(
    examples: dict[str, int] | None, seeds: int | None, errors: Mapping[str, Error], together: str
) -> str:
    kept = "errors" if any(isinstance(_of_examples(error), Average) for error in errors.values()) else "rates"
    ways = []
    if examples:
        listed = [f"{n:,} {name} examples (now {errors[name].n or 0:,})" for name, n in examples.items()]
        ways.append(" and ".join(listed))
    if seeds:
        trained = max(len(error.runs) for error in errors.values() if isinstance(error, Repeated))
        ways.append(f"{seeds} seeds (now {trained})")
    if not ways:
        return "They are so close that no realistic number of examples would order them: work on both."
    return f"At these {kept} {together.join(ways)} would decide."


def _of_examples(error: Error) -> Rate | Average | None:
    return None if isinstance(error, Claim) else error.sampled if isinstance(error, Repeated) else error


def _by_size(gaps: dict[str, Gap | None]) -> list[str]:
    """Names of the gaps, largest first; equals in the recipe's order; those not measured last."""
    return sorted(gaps, key=lambda name: -math.inf if (gap := gaps[name]) is None else gap.value, reverse=True)


def _two_largest(gaps: dict[str, Gap | None]) -> tuple[Gap, Gap]:
    first, second, *_ = (gap for name in _by_size(gaps) if (gap := gaps[name]) is not None)
    return first, second


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def _interval(low: float, high: float) -> str:
    return f"[{100 * low:.3g}, {100 * high:.3g}] %"


def in_units(error: Measured | Repeated, value: float) -> str:
    """An error's value in the unit of a regression's target, ` (RMSE 54.1 points)`; nothing for a classification."""
    of_examples = _of_examples(error)
    if not isinstance(of_examples, Average):
        return ""
    unit = f" {of_examples.unit}" if of_examples.unit else ""
    return f" (RMSE {rounded(of_examples.in_units(value))}{unit})"


def _verdict(
    goal: float,
    errors: dict[str, Measured | Repeated],
    gaps: dict[str, Gap | None],
    dominant: Dominant,
    decides: Decides | None,
    weights: Mapping[str, Weights],
    known: Mapping[str, Error],
) -> str:
    validation = errors["validation"]
    low, high = validation.interval()
    of_variance = " of the variance" if isinstance(_of_examples(validation), Average) else ""
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
    if decides is not None:
        apart = contrast(_minus(weights[names[0]], weights[names[1]]), known)
        where = f"{stands[0].upper()}{stands[1:]}, the goal {aim}. " if of_variance else ""
        return (
            f"{label[names[0]].capitalize()} ({_percent(first.value)} {_interval(first.low, first.high)}) and "
            f"{label[names[1]]} ({_percent(second.value)} {_interval(second.low, second.high)}) cannot be told apart "
            f"yet: their difference is {_percent(apart.value)} {_interval(apart.low, apart.high)}. "
            f"{where}{decides.sentence}"
        )
    rest = ", ".join(f"{label[n]} {_percent(gap.value)}" for n in names[1:] if (gap := gaps[n]) is not None)
    return (
        f"{FAMILIES[dominant].capitalize()} first: {label[dominant]} is {_percent(first.value)} "
        f"{_interval(first.low, first.high)}, against {rest}; {stands}, the goal {aim}."
    )
