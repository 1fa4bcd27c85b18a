"""Models that cost seconds and that any network must beat (RECIPE 3.6): the majority class and a linear model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..data.loading import Examples
from ..data.rates import Rate

LINEAR_EXAMPLES = 10_000
"""Largest training set for the linear baseline; see `fit_baselines`."""


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline.

    Attributes:
        name: `majority` or `linear`.
        predict: From images uint8 [N, C, H, W] to labels int64 [N].
        fitted_on: Examples that it was fitted on.
    """

    name: str
    predict: Callable[[np.ndarray], np.ndarray]
    fitted_on: int

    def rate(self, examples: Examples) -> Rate:
        """Its error on `examples`."""
        return Rate(int((self.predict(examples.inputs) != examples.labels).sum()), len(examples.labels))


def fit_baselines(train: Examples, *, seed: int = 0, limit: int = LINEAR_EXAMPLES) -> dict[str, Baseline]:
    """Fit the baselines on the training split alone.

    The linear model is logistic regression (L-BFGS, L2 with C = 0.01, at most 100 iterations) on pixels standardised
    with the training split's statistics. Above `limit` training examples it is fitted on a subset stratified by class
    and drawn with `seed`.

    Args:
        train: The training split.
        seed: Of the subset.
        limit: Largest number of examples for the linear model.

    Returns:
        `majority` and `linear` by name.
    """
    return {"majority": _majority(train), "linear": _linear(train, seed, limit)}


def _majority(train: Examples) -> Baseline:
    most = int(np.bincount(train.labels, minlength=len(train.classes)).argmax())
    return Baseline("majority", lambda images: np.full(len(images), most, dtype=np.int64), len(train.labels))


def _linear(train: Examples, seed: int, limit: int) -> Baseline:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chosen = _subset(train.labels, limit, seed)
    pixels, labels = _flat(train.inputs[chosen]), train.labels[chosen]
    if len(np.unique(labels)) < 2:
        return Baseline("linear", _majority(train).predict, len(labels))
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=100, tol=1e-3))
    import warnings

    with warnings.catch_warnings():
        # Stopping at 100 iterations is a choice, not a failure.
        warnings.filterwarnings("ignore", message=".*lbfgs failed to converge.*")
        model.fit(pixels, labels)
    return Baseline("linear", lambda images: np.asarray(model.predict(_flat(images)), np.int64), len(labels))


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32)


def _subset(labels: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Indices of at most `limit` examples with the classes in proportion, sorted."""
    if len(labels) <= limit:
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    return np.sort(by_class[np.linspace(0, len(labels) - 1, limit).astype(np.int64)])
