"""What a quick model says about examples that it was not fitted on: k folds, so that every example is judged once.

The model is scikit-learn's and costs seconds; it judges labels and slices, never the network. Knows no files.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data.loading import Examples
from ..spec import Spec
from .features import flat, preparation

FOLDS = 5

MOST = 10_000
"""Examples looked at: five fits on 8,000 digits cost 6 s on a core."""

LARGEST_CLASSES = 200
"""Classes looked at, the largest first: cleanlab counts every pair of classes."""

LANDMARKS = 500
"""Of the kernel's approximation: on digits 500 err as 1,000 do."""

TREES = 100


@dataclass(frozen=True)
class Judged:
    """A quick model's word on every example.

    Attributes:
        examples: Those looked at.
        outputs: Probabilities float64 `[N, K]`, or estimates float64 `[N]`.
        errors: bool `[N]`; or float64 `[N]`, squared differences over the targets' variance.
        model: Its name, for people.
        folds: How many.
    """

    examples: Examples
    outputs: np.ndarray
    errors: np.ndarray
    model: str
    folds: int


def judge_examples(examples: Examples, groups: np.ndarray | None = None, *, seed: int = 0) -> Judged | None:
    """Fit a quick model on all folds but one, and let it judge that one.

    Args:
        examples: Any; of classes with fewer examples than folds none are looked at, and of more examples than `MOST`
            so many, evenly over their order.
        groups: int `[N]`: examples of one group stay in one fold.
        seed: Of the folds and the model.

    Returns:
        None where there are too few examples or classes to judge.
    """
    rows = looked_at(examples)
    if len(rows) < 10 * FOLDS:
        return None
    chosen = examples.subset(rows)
    folds = _folds(chosen, None if groups is None else groups[rows], seed)
    outputs = _judged(chosen, folds, seed)
    if outputs is None:
        return None
    if chosen.spec.regression:
        off = outputs - chosen.labels.astype(np.float64)
        errors = off**2 / max(float(chosen.labels.astype(np.float64).var()), 1e-300)
    else:
        errors = outputs.argmax(axis=1) != chosen.labels
    name = "kernel logistic regression" if chosen.spec.modality == "image" else "extremely randomised trees"
    name = "kernel ridge regression" if chosen.spec.modality == "image" and chosen.spec.regression else name
    return Judged(chosen, outputs, errors, name, FOLDS)


def looked_at(examples: Examples) -> np.ndarray:
    """Rows of the examples that are judged, ascending."""
    rows = np.arange(len(examples))
    if not examples.spec.regression:
        sizes = np.bincount(examples.labels, minlength=len(examples.classes))
        largest = np.argsort(-sizes, kind="stable")[:LARGEST_CLASSES]
        kept = largest[sizes[largest] >= FOLDS]
        if len(kept) < 2:
            return rows[:0]
        rows = rows[np.isin(examples.labels, kept)]
    if len(rows) > MOST:
        rows = rows[np.linspace(0, len(rows) - 1, MOST).astype(np.int64)]
    return rows


def _folds(examples: Examples, groups: np.ndarray | None, seed: int) -> np.ndarray:
    """The fold of each example, with the classes (or the tenths of the targets) in proportion."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    labels = examples.labels
    if examples.spec.regression:
        labels = np.searchsorted(np.quantile(labels, np.linspace(0.1, 0.9, 9)), labels)
    fold = np.empty(len(labels), np.int64)
    grouped = groups is not None and FOLDS <= len(np.unique(groups)) < len(labels)
    make = StratifiedGroupKFold if grouped else StratifiedKFold
    folds = make(FOLDS, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(folds.split(labels, labels, groups if grouped else None)):
        fold[held_out] = number
    return fold


def _judged(examples: Examples, fold: np.ndarray, seed: int) -> np.ndarray | None:
    points, labels, spec = flat(examples.inputs), examples.labels, examples.spec
    if not spec.regression:
        classes, labels = np.unique(labels, return_inverse=True)
        outputs = np.zeros((len(labels), len(spec.classes)))
    else:
        classes, outputs = np.zeros(0, np.int64), np.zeros(len(labels))
    for number in range(FOLDS):
        held_out = fold == number
        if not spec.regression and len(np.unique(labels[~held_out])) < 2:
            return None
        model = quick_model(spec, points[~held_out], seed).fit(points[~held_out], labels[~held_out])
        if spec.regression:
            outputs[held_out] = model.predict(points[held_out])
        else:
            outputs[np.ix_(held_out, classes[model.classes_])] = model.predict_proba(points[held_out])
    return outputs


def quick_model(spec: Spec, points: np.ndarray, seed: int) -> Any:
    """An unfitted model: for images a linear one on an approximated Gaussian kernel, else trees.

    The kernel's width is the spread of the points (scikit-learn's `gamma="scale"`). Trees of at least three examples a
    leaf give probabilities that a few wrong labels do not sway.

    Args:
        spec: What the examples are.
        points: `flat` inputs that it will be fitted on.
        seed: Of the landmarks and the trees.
    """
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline

    if spec.modality == "image":
        spread = float(points.var(axis=0, dtype=np.float64).sum()) or 1.0
        kernel = Nystroem(gamma=1 / spread, n_components=min(LANDMARKS, len(points)), random_state=seed)
        return make_pipeline(kernel, Ridge(1.0) if spec.regression else LogisticRegression(C=10, max_iter=200))
    if spec.regression:
        trees: Any = ExtraTreesRegressor(TREES, max_features=1 / 3, min_samples_leaf=3, random_state=seed)
    else:
        trees = ExtraTreesClassifier(TREES, min_samples_leaf=3, random_state=seed)
    return make_pipeline(preparation(spec), trees)
