"""How sensitive a model is to its seed: how far the error spreads, and on which examples trainings disagree."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data.loading import Examples
from ..data.rates import measured, rounded
from .example_errors import errors_of

IDS = 12


def seed_sensitivity(outputs: Sequence[np.ndarray], examples: Examples, scale: float = 1.0) -> dict[str, Any] | None:
    """The block `seeds` of reports/errors.json; None of a single training.

    Args:
        outputs: Of each seed: probabilities float `[N, K]`, or estimates float `[N]`.
        examples: What they are about.
        scale: Of a regression: standard deviation of the training split's targets.
    """
    if len(outputs) < 2:
        return None
    each = np.stack([errors_of(said, examples, scale) for said in outputs]).astype(np.float64)
    means = each.mean(axis=1)
    deviation = float(means.std(ddof=1))
    low, high = _deviation_interval(deviation, len(means))
    content: dict[str, Any] = {
        "n": len(outputs),
        "mean": float(means.mean()),
        "deviation": deviation,
        "low": low,
        "high": high,
        "by_chance": float(each.mean(axis=0).std(ddof=1)) / len(examples) ** 0.5 if len(examples) > 1 else 0.0,
    }
    if examples.spec.regression:
        apart = np.std(np.stack(outputs).astype(np.float64), axis=0, ddof=1)
        content["unstable"] = None
        content["apart"] = float(np.sqrt((apart**2).mean()))
    else:
        answers = np.stack([said.argmax(axis=1) for said in outputs])
        apart = (answers != answers[0]).any(axis=0).astype(np.float64) * (1 + each.std(axis=0))
        content["unstable"] = measured(apart > 0).as_json()
    order = sorted(np.flatnonzero(apart), key=lambda i: (-round(float(apart[i]), 6), examples.ids[i]))[:IDS]
    return content | {"ids": [examples.ids[i] for i in order], "sentence": _sentence(content, examples)}


def _deviation_interval(deviation: float, count: int) -> tuple[float, float]:
    """95 % interval of a normal distribution's standard deviation: of three seeds it reaches to six times the value."""
    from scipy.stats import chi2

    squares = (count - 1) * deviation**2
    return float((squares / chi2.ppf(0.975, count - 1)) ** 0.5), float((squares / chi2.ppf(0.025, count - 1)) ** 0.5)


def _sentence(content: dict[str, Any], examples: Examples) -> str:
    spread = f"{100 * content['mean']:.3g} ± {100 * content['deviation']:.2g} %"
    if content["unstable"] is None:
        unit = f" {examples.spec.target.unit}" if examples.spec.target and examples.spec.target.unit else ""
        return (
            f"Over {content['n']} seeds the error is {spread} of the variance; two trainings' estimates of one example "
            f"lie about {rounded(content['apart'])}{unit} apart (standard deviation)."
        )
    share = f"{100 * content['unstable']['value']:.3g} %"
    return f"Over {content['n']} seeds the error is {spread}; on {share} of the examples the trainings disagree."
