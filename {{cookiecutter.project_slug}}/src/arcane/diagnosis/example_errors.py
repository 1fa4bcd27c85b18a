"""Each example's error, out of what a model said about it."""

import numpy as np

from ..data.loading import Examples


def errors_of(outputs: np.ndarray, examples: Examples, scale: float = 1.0) -> np.ndarray:
    """Each example's error, as `Evaluation.errors`: bool `[N]`, the most probable class is not the label; or float64
    `[N]`, the squared difference over the training targets' variance.

    Args:
        outputs: Probabilities float `[N, K]`, or a regression's estimates float `[N]`.
        examples: What they are about.
        scale: Of a regression: standard deviation of the training split's targets.
    """
    if examples.spec.regression:
        return ((outputs.astype(np.float64) - examples.labels) / scale) ** 2
    return outputs.argmax(axis=1) != examples.labels


def losses_of(outputs: np.ndarray, examples: Examples, scale: float = 1.0) -> np.ndarray:
    """How hard each example was: float64 `[N]`, minus the logarithm of its class's probability, or the squared error.

    Args:
        outputs: As `errors_of`.
        examples: What they are about.
        scale: As `errors_of`.
    """
    if examples.spec.regression:
        return errors_of(outputs, examples, scale)
    said = outputs[np.arange(len(examples)), examples.labels].astype(np.float64)
    return -np.log(np.maximum(said, np.finfo(np.float64).tiny))
