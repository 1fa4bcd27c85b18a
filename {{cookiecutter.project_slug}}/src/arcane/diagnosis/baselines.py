"""Models that cost seconds and that any network must beat (RECIPE 3.6): a constant, lines, neighbours and trees."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from .. import __version__
from ..data.assets import ASSETS
from ..data.loading import Examples
from ..data.manifest import MANIFEST
from ..data.rates import Measured, measured
from ..data.splits import SPLITS
from ..data.statistics import statistics_of
from ..files import digest, replacing
from .features import categories, flat, preparation

LINEAR_EXAMPLES = 10_000
"""Largest training set for the baselines; see `fit_baselines`."""

NEIGHBOUR_NUMBERS = 4_000_000
"""Largest number of examples times numbers in each that nearest neighbours look through: 10,000 answers then take 3 s
on a core."""

BINS = 255
"""Most levels of a category that scikit-learn's boosted trees take as such."""

KEPT = Path(".arcane/baselines")

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline.

    Attributes:
        name: `majority` or `mean`, `linear`, `neighbours`, `trees`.
        predict: From inputs [N, *spec.shape] to labels int64 [N], or estimates float64 [N].
        fitted_on: Examples that it was fitted on.
        scale: Standard deviation of the training split's targets, for a regression.
    """

    name: str
    predict: Predict
    fitted_on: int
    scale: float = 1.0

    def errors(self, examples: Examples) -> np.ndarray:
        """Each example's error, as `Evaluation.errors`: bool `[n]`, or float64 `[n]` of a regression."""
        predicted = self.predict(examples.inputs)
        if examples.spec.target is None:
            return predicted != examples.labels
        return ((predicted - examples.labels.astype(np.float64)) / self.scale) ** 2

    def measure(self, examples: Examples) -> Measured:
        """Its error on `examples`."""
        unit = examples.spec.target.unit if examples.spec.target else ""
        return measured(self.errors(examples), self.scale, unit)


def fit_baselines(train: Examples, *, seed: int = 0, limit: int = LINEAR_EXAMPLES) -> dict[str, Baseline]:
    """Fit the baselines on the training split alone.

    - `majority`, or `mean` for a regression;
    - `linear`: logistic regression (L-BFGS, at most 100 iterations; L2 with C = 0.01 for the many like numbers of
      images and sequences, 1 for tables) or ridge regression (alpha 1), on `features.preparation`;
    - `neighbours`: the five nearest of the same numbers;
    - `trees`, but for images: boosted trees (100, by histograms) for tables, whose missing values and categories they
      take as they are; for sequences 100 extremely randomised trees, which cost a sixth of the boosted ones there.

    Above `limit` training examples all but the first are fitted on a subset, stratified by class and drawn with
    `seed`; above `NEIGHBOUR_NUMBERS` numbers the neighbours on a smaller one.

    Args:
        train: The training split.
        seed: Of the subset and the trees.
        limit: Largest number of examples.

    Returns:
        The baselines by name, in that order.
    """
    constant = _constant(train)
    scale = statistics_of(train).target_std
    found = {constant.name: constant}
    models = {"linear": _linear, "neighbours": _neighbours, "trees": _trees}
    if train.spec.modality == "image":
        del models["trees"]
    for name, model in models.items():
        most = min(limit, max(100, NEIGHBOUR_NUMBERS // train.spec.size)) if name == "neighbours" else limit
        chosen = train.subset(_subset(_strata(train), most, seed))
        if len(np.unique(chosen.labels)) < 2:
            found[name] = Baseline(name, constant.predict, len(chosen), scale)
            continue
        found[name] = Baseline(name, _fitted(model(chosen, seed), chosen), len(chosen), scale)
    return found


def kept_errors(
    root: Path, train: Examples, parts: Mapping[str, Examples], seed: int = 0
) -> dict[str, dict[str, np.ndarray]]:
    """The errors of each baseline on each of `parts`, fitted anew only where the data or the splits changed.

    They are kept in `.arcane/baselines/`, which may be deleted at any time.

    Args:
        root: The project's folder.
        train: The training split.
        parts: What to measure on, by split.
        seed: As `fit_baselines`.

    Returns:
        By baseline, in the order of `fit_baselines`, and by split: each example's error, in the split's order.
    """
    folder = root / KEPT / _key(root, seed)
    found = {split: _read(folder / f"{split}.npz", len(part)) for split, part in parts.items()}
    if lacking := [split for split, errors in found.items() if errors is None]:
        fitted = fit_baselines(train, seed=seed)
        for split in lacking:
            found[split] = {name: model.errors(parts[split]) for name, model in fitted.items()}
            with replacing(folder / f"{split}.npz", "wb") as file:
                np.savez(file, **found[split])  # type: ignore[arg-type]
    by_split = {split: errors for split, errors in found.items() if errors is not None}
    names = next(iter(by_split.values()))
    return {name: {split: errors[name] for split, errors in by_split.items()} for name in names}


def _key(root: Path, seed: int) -> str:
    """A hash of all that the errors depend on: data, splits, engine, scikit-learn, seed."""
    import sklearn

    files = [root / MANIFEST, root / ASSETS / "index.json", root / SPLITS]
    return digest(*files, f"arcane {__version__}, scikit-learn {sklearn.__version__}, seed {seed}")[:32]


def _read(file: Path, examples: int) -> dict[str, np.ndarray] | None:
    """What was kept; None where there is nothing, or it is damaged."""
    try:
        with np.load(file, allow_pickle=False) as kept:
            errors = {name: kept[name] for name in kept.files}
    except (OSError, ValueError, EOFError, BadZipFile):
        return None
    return errors if errors and all(len(each) == examples for each in errors.values()) else None


def _constant(train: Examples) -> Baseline:
    if train.spec.regression:
        statistics = statistics_of(train)
        mean = statistics.target_mean
        return Baseline("mean", lambda inputs: np.full(len(inputs), mean), len(train), statistics.target_std)
    most = int(np.bincount(train.labels, minlength=len(train.classes)).argmax())
    return Baseline("majority", lambda inputs: np.full(len(inputs), most, dtype=np.int64), len(train))


def _fitted(model: Any, train: Examples) -> Predict:
    with warnings.catch_warnings():
        # Stopping at 100 iterations is a choice, not a failure.
        warnings.filterwarnings("ignore", message=".*lbfgs failed to converge.*")
        model.fit(flat(train.inputs), train.labels)
    kind = np.float64 if train.spec.regression else np.int64

    def predict(inputs: np.ndarray) -> np.ndarray:
        with warnings.catch_warnings():
            # A category's level that the training split lacks is no level at all.
            warnings.filterwarnings("ignore", message="Found unknown categories.*")
            return np.asarray(model.predict(flat(inputs)), kind)

    return predict


def _linear(train: Examples, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline

    strength = 1.0 if train.spec.modality == "tabular" else 0.01
    model = Ridge(1.0) if train.spec.regression else LogisticRegression(C=strength, max_iter=100, tol=1e-3)
    return make_pipeline(preparation(train.spec), model)


def _neighbours(train: Examples, seed: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    from sklearn.pipeline import make_pipeline

    model = KNeighborsRegressor if train.spec.regression else KNeighborsClassifier
    return make_pipeline(preparation(train.spec), model(min(5, len(train)), algorithm="brute"))


def _trees(train: Examples, seed: int) -> Any:
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        ExtraTreesRegressor,
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    if train.spec.modality == "sequence":
        if train.spec.regression:
            return ExtraTreesRegressor(max_features=1 / 3, random_state=seed)
        return ExtraTreesClassifier(random_state=seed)
    boosting = HistGradientBoostingRegressor if train.spec.regression else HistGradientBoostingClassifier
    # Codes go from 0, for a value that is not known, to the number of levels.
    coded = [place for place in categories(train.spec) if len(train.spec.features[place].levels) < BINS]
    return boosting(categorical_features=coded or None, early_stopping=False, random_state=seed)


def _strata(train: Examples) -> np.ndarray:
    """What a subset keeps in proportion: the class, or for a regression the tenth of the targets."""
    if not train.spec.regression:
        return train.labels
    return np.searchsorted(np.quantile(train.labels, np.linspace(0.1, 0.9, 9)), train.labels)


def _subset(labels: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Indices of at most `limit` examples with the classes in proportion, sorted."""
    if len(labels) <= limit:
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    return np.sort(by_class[np.linspace(0, len(labels) - 1, limit).astype(np.int64)])
