"""Trainings of a configuration, as the loop asks for them: the seeds that are missing, and which short one is ahead."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ..errors import DivergedError
from ..training.trials import TrialResult
from .acceptance import ALPHA, compare
from .course import Course, Wanted
from .rounds import Configuration


def ahead_of(outcomes: Sequence[TrialResult | DivergedError]) -> int | None:
    """Which of some short trainings goes on: the first, unless another is better beyond noise on the same examples.

    A short training favours small and quick models (four epochs of a WaveNet on MNIST-1D were no better than of a
    linear model, nineteen had a seventh of its error), so it overrules the recipe's order only where it is sure.
    """
    sound = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, TrialResult)]
    if not sound:
        return None
    errors = {i: outcome.validation_errors for i, outcome in enumerate(outcomes) if isinstance(outcome, TrialResult)}
    better = [i for i in sound[1:] if compare([errors[i]], [errors[sound[0]]]).p_examples < ALPHA]
    return min(better, key=lambda i: (float(errors[i].mean()), i)) if better else sound[0]


def error_of(outcome: TrialResult | DivergedError) -> float:
    return outcome.errors["validation"].value if isinstance(outcome, TrialResult) else float("inf")


def with_seeds(
    course: Course,
    name: str,
    one: Configuration,
    seeds: int,
    likely: Callable[[], Iterable[Wanted]] = tuple,
) -> Configuration | DivergedError:
    """Train the seeds that are still missing, all at once; one that diverges speaks for its configuration."""
    outcomes = course.train(missing_seeds(name, one, seeds), likely=likely)
    diverged = next((outcome for outcome in outcomes if isinstance(outcome, DivergedError)), None)
    return diverged or replace(one, results=(*one.results, *map(sound, outcomes)))


def missing_seeds(name: str, one: Configuration, seeds: int) -> list[Wanted]:
    """The trainings that a configuration lacks to have so many seeds."""
    return [(name, one.params, number) for number in range(len(one.results), seeds)]


def sound(outcome: TrialResult | DivergedError) -> TrialResult:
    """The result of a trial without which there is nothing to improve."""
    if isinstance(outcome, DivergedError):
        raise outcome
    return outcome
