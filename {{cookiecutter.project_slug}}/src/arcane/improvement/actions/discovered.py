"""What must be trained or measured before a change can be named: pre-trained weights, tuned values, useless columns."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...config import Params
from ...spec import Spec
from ..search.space import Space, default_space, parse_space
from .action import Context, Discovery, Means

TRIALS = 12
"""Of a tuning: with pruning they cost about five trainings."""
DIMENSIONS = 4
REGULARISERS = ("train.learning_rate", "model.dropout", "train.weight_decay", "train.label_smoothing")
REPEATS = 5
MOST_DROPPED = 0.5


def pretrain(params: Params, context: Context, means: Means) -> Discovery:
    """Train the same network on a like data set, and start from there."""
    found = means.proxy(params) if means.proxy is not None else None
    if found is None:
        return Discovery({}, said="There is no like data set to train on first; `model.pretrained` takes a folder.")
    folder, seen = found
    said = f"The weights are in {Path(folder).as_posix()}."
    return Discovery({"model.pretrained": folder}, seen, said=said, trials=1)


def tune_what_matters(params: Params, context: Context, means: Means) -> Discovery:
    """Search `search.space`, or the most sensitive dimensions around the params."""
    space = parse_space(params.search.space, params) or default_space(params, context.spec, DIMENSIONS)
    return _tuned(params, context, means, space)


def tune_regularisation(params: Params, context: Context, means: Means) -> Discovery:
    """Search how much to regularise."""
    space = tuple(each for each in default_space(params, context.spec) if each.name in REGULARISERS)
    return _tuned(params, context, means, space)


def _tuned(params: Params, context: Context, means: Means, space: Space) -> Discovery:
    from ..search.tuning import Plan, tune

    method = params.search.method if params.search.method != "manual" else "bayes"
    plan = Plan(method, space, TRIALS, means.budget, True, params.search.sampler)
    # In memory: trials are kept by content, so a loop that goes on finds theirs and proposes the same.
    found = tune(params, plan, context.examples, means.submit, name="tune")
    if found.best is None:
        return Discovery({}, found.spent, said="No trial was completed within the budget.")
    complete = sum(tried.state == "complete" for tried in found.told)
    said = f"The best of {len(found.told)} trials, of which {complete} were trained to the end."
    return Discovery(dict(found.best.values), found.spent, complete, said, len(found.told))


def drop_features(params: Params, context: Context, means: Means) -> Discovery:
    """Leave out the columns that the model does as well without."""
    if means.predict is None:
        return Discovery({})
    gains = permutation_importance(means.predict, means.validation.inputs, means.validation.labels, context.spec)
    names = [feature.name for feature in context.spec.features]
    useless = useless_columns(gains, [names.index(name) for name in params.model.ignore])
    if not useless:
        return Discovery({}, said="Every column helps on validation.")
    dropped = (*params.model.ignore, *(names[column] for column in useless))
    shown = ", ".join(names[column] for column in useless[:5])
    return Discovery({"model.ignore": sorted(dropped)}, said=f"Validation does as well without {shown}.")


def permutation_importance(
    predict: Callable[[np.ndarray], np.ndarray], inputs: np.ndarray, labels: np.ndarray, spec: Spec
) -> np.ndarray:
    """How much worse each example's loss gets when a column is shuffled among the examples.

    L. Breiman, Random forests, Machine Learning 45 (2001) 5–32, measured on examples that were not trained on; by the
    loss, which moves where the error does not.

    Args:
        predict: Outputs for inputs: probabilities `[N, K]`, or estimates `[N]`.
        inputs: `[N, F]`.
        labels: Of the same examples.
        spec: Of the table.

    Returns:
        float `[F, N]`: the loss with the column shuffled minus the loss without, mean over `REPEATS` shuffles; larger
        for a column that helps more.
    """
    before = example_losses(predict(inputs), labels, spec)
    gains = np.zeros((inputs.shape[1], len(inputs)))
    for column in range(inputs.shape[1]):
        for repeat in range(REPEATS):
            order = np.random.default_rng([repeat, column]).permutation(len(inputs))
            shuffled = inputs.copy()
            shuffled[:, column] = inputs[order, column]
            gains[column] += (example_losses(predict(shuffled), labels, spec) - before) / REPEATS
    return gains


def example_losses(outputs: np.ndarray, labels: np.ndarray, spec: Spec) -> np.ndarray:
    """Cross entropy (in nats, probabilities from 1e-6 on), or the squared error, of each example: float `[N]`."""
    if spec.regression:
        return (outputs.astype(np.float64) - labels) ** 2
    return -np.log(np.clip(outputs[np.arange(len(labels)), labels].astype(np.float64), 1e-6, 1))


def useless_columns(gains: np.ndarray, gone: list[int]) -> list[int]:
    """Columns without which the loss is no worse: mean gain at most a standard error above zero, the least useful
    first, at most half of those that are left.

    Args:
        gains: float `[F, N]` (`permutation_importance`).
        gone: Columns that are left out already.
    """
    means, errors = gains.mean(axis=1), gains.std(axis=1, ddof=1) / gains.shape[1] ** 0.5
    left = [column for column in range(len(gains)) if column not in gone]
    useless = [column for column in left if means[column] <= errors[column]]
    return sorted(useless, key=lambda column: means[column])[: int(MOST_DROPPED * len(left))]
