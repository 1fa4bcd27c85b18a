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
