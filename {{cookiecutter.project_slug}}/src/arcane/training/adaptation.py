"""Brings training nearer to the domain that counts, by that domain's inputs alone (RECIPE 5.1, distribution shift c).

`importance` draws the training examples anew, `coral` moves their inputs, `batch-norm` settles a trained network's
statistics. Which examples are of the target domain is the caller's business; their labels are never asked for.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ..config import Train
from ..data.loading import Examples
from ..errors import UserError
from ..spec import Spec
from .synthesis import synthesised

MOST_WEIGHT = 20.0
"""A training example counts at most so many times the mean: a few with all the weight would be the whole data."""
FOLDS = 5
COMPONENTS = 32
BATCH = 512


def fitted_to(train: Examples, target: np.ndarray, params: Train, seed: int) -> Examples:
    """The training examples that a network is to learn from, once synthesis and adaptation have had their say.

    Args:
        train: The training split.
        target: Inputs of the domain that counts, `[M, *spec.shape]`.
        params: `synthesis` and `adaptation`.
        seed: Of what is drawn.

    Returns:
        As many examples, of the same kind.
    """
    if params.synthesis == "target":
        train = synthesised(train, target, seed)
    if params.adaptation == "importance":
        train = train.subset(resampled(importance_weights(train.inputs, target, train.spec), seed))
    if params.adaptation == "coral":
        train = replace(train, inputs=aligned(train.inputs, target, train.spec))
    return train


def refuse_without_target(params: Train, has_target: bool) -> None:
    """Stop where there is no other domain to adapt to.

    Raises:
        UserError: There is none.
    """
    for name, value in (("train.synthesis", params.synthesis), ("train.adaptation", params.adaptation)):
        if value != "none" and not has_target:
            raise UserError(
                f"{name} is `{value}`, but the data has one domain: it needs `data.target_domain`, and examples of "
                "others to train on; set it to none"
            )


def rows_of(inputs: np.ndarray) -> np.ndarray:
    """Examples as rows of numbers, float64 `[N, size]`; what is absent is NaN."""
    return inputs.reshape(len(inputs), -1).astype(np.float64)


def filled(rows: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The rows with column means in place of what is absent."""
    return np.where(np.isnan(rows), means, rows)


def importance_weights(source: np.ndarray, target: np.ndarray, spec: Spec) -> np.ndarray:
    """How much more often an example like each of `source` is met in the target domain, float `[N]`, mean 1.

    The odds of a classifier that tells the two apart are the ratio of their densities, up to their sizes (S. Bickel,
    M. Brückner and T. Scheffer, Discriminative learning for differing training and test distributions, ICML 2007). Odds
    are taken out of fold: a classifier that has seen an example is too sure of it.

    Args:
        source: Training inputs `[N, *spec.shape]`.
        target: Of the domain that counts `[M, *spec.shape]`.
        spec: What an example is.
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import PolynomialFeatures, StandardScaler

    rows = np.concatenate([rows_of(source), rows_of(target)])
    rows = filled(rows, np.nan_to_num(np.nanmean(rows, axis=0)))
    of_target = np.arange(len(rows)) >= len(source)
    steps: list[Any] = [StandardScaler()]
    if rows.shape[1] > COMPONENTS:
        steps += [PCA(COMPONENTS, random_state=0), StandardScaler()]
    else:
        # With squares and products the odds of two normal distributions are exact.
        steps += [PolynomialFeatures(2, include_bias=False), StandardScaler()]
    steps.append(LogisticRegression(C=0.1, max_iter=1000))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    chance = cross_val_predict(make_pipeline(*steps), rows, of_target, cv=folds, method="predict_proba")[:, 1]
    chance = np.clip(chance[: len(source)], 1e-6, 1 - 1e-6)
    weights = chance / (1 - chance)
    weights = np.minimum(weights / weights.mean(), MOST_WEIGHT)
    return weights / weights.mean()


def resampled(weights: np.ndarray, seed: int) -> np.ndarray:
    """As many rows as there are weights, each about `weight` times (systematic sampling: to within one of it).

    Returns:
        int64 `[N]`, ascending.
    """
    offset = np.random.default_rng(seed).random()
    places = (np.arange(len(weights)) + offset) * weights.sum() / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(weights), places, side="right"), len(weights) - 1)


def aligned(source: np.ndarray, target: np.ndarray, spec: Spec) -> np.ndarray:
    """The source's inputs with the target's mean and covariance: correlation alignment (CORAL).

    B. Sun, J. Feng and K. Saenko, Return of frustratingly easy domain adaptation, AAAI 2016 (arXiv:1511.05547), here
    with Ledoit and Wolf's shrinkage in place of a fixed ridge. Categories of a table stay, what is absent stays absent.

    Args:
        source: `[N, *spec.shape]`.
        target: `[M, *spec.shape]`.
        spec: What an example is.
    """
    from sklearn.covariance import ledoit_wolf

    numbers = np.array([feature.kind == "number" for feature in spec.features] or [True] * spec.size)
    rows, others = rows_of(source)[:, numbers], rows_of(target)[:, numbers]
    mean, aim = np.nan_to_num(np.nanmean(rows, axis=0)), np.nan_to_num(np.nanmean(others, axis=0))
    scale = np.nanstd(rows, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    ours, theirs = (filled(rows, mean) - mean) / scale, (filled(others, aim) - aim) / scale
    moved = ours @ _power(ledoit_wolf(ours)[0], -0.5) @ _power(ledoit_wolf(theirs)[0], 0.5) * scale + aim
    result = rows_of(source)
    result[:, numbers] = np.where(np.isnan(rows), np.nan, moved)
    if source.dtype == np.uint8:
        result = np.clip(np.rint(result), 0, 255)
    return result.reshape(source.shape).astype(source.dtype)


def _power(covariance: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.maximum(values, 1e-8) ** exponent) @ vectors.T


def settle_batch_norm(task: Any, target: np.ndarray) -> None:
    """Replace the running statistics of batch normalisation by those of the target domain, in place.

    Y. Li et al., Revisiting batch normalization for practical domain adaptation (arXiv:1603.04779).

    Args:
        task: Trained; in eval mode afterwards, as before.
        target: Inputs of the domain that counts, `[M, *spec.shape]`.

    Raises:
        UserError: The network has no batch normalisation.
    """
    layers = [module for module in task.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not layers:
        raise UserError("train.adaptation is `batch-norm`, which needs model.normalization: batch")
    kept = [layer.momentum for layer in layers]
    task.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over the batches
        layer.train()
    try:
        with torch.no_grad():
            for part in torch.tensor(target).split(BATCH):
                if len(part) > 1:
                    task(part.to(task.device))
    finally:
        for layer, momentum in zip(layers, kept, strict=True):
            layer.momentum = momentum
        task.eval()
