"""Errors out of folds: where the data is small, every example of train and validation measures once (RECIPE 1.3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..config import Params
from ..data.rates import Measured, design_effect, measured
from ..training.trials import Trial, TrialResult
from .decomposition import Decomposition, decompose
from .intervals import Claim, Repeated

CAVEAT = (
    "Folds share most of their training examples, so their errors are not independent, and no estimate of the variance "
    "is free of bias (Y. Bengio, Y. Grandvalet, No unbiased estimator of the variance of k-fold cross-validation, JMLR "
    "5 (2004) 1089–1105). The interval takes each fold for a group of like examples, and the folds for few groups."
)


@dataclass(frozen=True)
class Answers:
    """What the trainings said about the examples that each did not see, fold by fold.

    Attributes:
        ids: The examples'.
        errors: bool `[N]`, or float64 `[N]` of a regression.
        outputs: Probabilities float32 `[N, K]`, or estimates float32 `[N]`.
        folds: How many trainings.
    """

    ids: tuple[str, ...]
    errors: np.ndarray
    outputs: np.ndarray
    folds: int


@dataclass(frozen=True)
class OutOfFold:
    """What k trainings say about the examples that each did not see.

    Attributes:
        error: Over all folds, every example once; `effect` holds what folds differ beyond chance.
        by_fold: Each fold's own error.
        train: Each training's error on what it was trained on, as one.
        train_val: On train_val, where the data has it.
        cost: Examples seen in training.
        answers: On which examples what was said; None where their ids were not given.
    """

    error: Measured
    by_fold: tuple[Measured, ...]
    train: Measured
    train_val: Measured | None
    cost: int
    answers: Answers | None = None

    def decomposed(self, goal: float | Claim) -> Decomposition:
        """Where the error comes from, with this one in validation's place."""
        return decompose(goal, self.train, self.error, self.train_val)

    def as_json(self, goal: float | Claim) -> dict[str, Any]:
        """`folds` of reports/diagnosis.json."""
        values = [error.value for error in self.by_fold]
        return self.decomposed(goal).as_json() | {
            "k": len(values),
            "n": self.error.n,
            "by_fold": values,
            "deviation": float(np.std(values, ddof=1)),
            "seen": self.cost,
            "caveat": CAVEAT,
        }


def fold_trials(params: Params, count: int, resolution: int | None) -> list[Trial]:
    """A training a fold, each with a seed of its own: what folds differ by is then the chance of both."""
    seeds = [(params.seed + fold) % 2**32 for fold in range(count)]
    return [Trial(f"fold {fold}", params, seed, resolution=resolution, fold=fold) for fold, seed in enumerate(seeds)]


def out_of_fold(results: Sequence[TrialResult], groups: np.ndarray | None = None, ids: Sequence[str] = ()) -> OutOfFold:
    """Put the folds together.

    Args:
        results: Of `fold_trials`, in the order of the folds; at least two.
        groups: Which group each example belongs to, fold by fold in the order of its errors; None where there are none.
        ids: The examples' in the same order.
    """
    errors = [result.validation_errors for result in results]
    folds = np.repeat(np.arange(len(errors)), [len(each) for each in errors])
    together = np.concatenate(errors)
    effect = design_effect(together, folds)
    if groups is not None:
        effect = max(effect, design_effect(together, groups))
    by_fold = tuple(result.errors["validation"] for result in results)
    there = {name: Repeated(tuple(each.errors[name] for each in results)).sampled for name in results[0].errors}
    scale, unit = getattr(by_fold[0], "scale", None), getattr(by_fold[0], "unit", "")
    pooled = replace(measured(together, scale, unit), effect=effect)
    cost = sum(result.seen for result in results)
    answers = None
    if ids:
        outputs = np.concatenate([result.validation_outputs for result in results])
        answers = Answers(tuple(ids), together, outputs, len(results))
    return OutOfFold(pooled, by_fold, there["train"], there.get("train_val"), cost, answers)
