"""Is the floor reached: is what remains of the error not the model's to mend?

Knows errors by example and arithmetic; when to ask is the loop's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..data.loading import Examples
from ..data.rates import Measured
from ..diagnosis.intervals import Repeated
from .acceptance import ALPHA, compare, mean_error


@dataclass(frozen=True)
class Floor:
    """An error below which no model is expected to get, such as a share of wrong labels.

    Attributes:
        value: The estimate.
        low: Lower end of its 95 % interval.
        high: Upper end.
        source: Where it comes from, in words that follow "by".
    """

    value: float
    low: float
    high: float
    source: str


def errors_by_chance(train: Examples, validation: Examples) -> np.ndarray:
    """The errors on validation of always naming the most frequent class, bool [n], or of always estimating the mean of
    the training targets, float [n] in shares of their variance."""
    if train.spec.regression:
        targets = train.labels.astype(np.float64)
        return (validation.labels - targets.mean()) ** 2 / max(float(targets.var()), 1e-12)
    return validation.labels != np.bincount(train.labels).argmax()


def no_better_than_chance(
    errors: list[np.ndarray], chance: np.ndarray, others: Mapping[str, np.ndarray] | None = None
) -> bool:
    """Whether neither a model nor any other kind of model errs less than chance, beyond noise.

    Args:
        errors: Of the model, by seed: bool or float [n].
        chance: Of a constant answer on the same examples.
        others: Of simple models on the same examples, by name: where one of them finds something, there is something.
    """
    tried = [errors, *([each] for each in (others or {}).values())]
    return all(compare(each, [chance]).p_examples >= ALPHA for each in tried)


def said_of_chance(error: float, chance: np.ndarray, regression: bool) -> str:
    """The floor in words, where nothing beats a constant answer."""
    constant = "estimating the mean" if regression else "naming the most frequent class"
    return (
        f"The floor is reached: the validation error, {100 * error:.3g} %, is no better than that of always "
        f"{constant}, {100 * float(mean_error([chance])):.3g} %, nor is that of simpler models. The inputs do not "
        f"tell the {'targets' if regression else 'labels'}, or the two do not belong together: look at the data."
    )


def said_of_floor(floor: Floor, error: Measured | Repeated | None, goal: float) -> str:
    """Where the floor lies against the goal and the error; empty where it allows the goal."""
    if floor.low <= goal:
        return ""
    here = ""
    if error is not None and error.value <= floor.high:
        here = f" The validation error, {100 * error.value:.3g} %, is there already."
    return (
        f"The floor lies above the goal: about {100 * floor.value:.3g} % ({100 * floor.low:.3g} to "
        f"{100 * floor.high:.3g}) cannot be learnt, by {floor.source}; the goal is {100 * goal:.3g} %.{here}"
    )
