"""Which examples and which classes a model gets wrong; from probabilities alone, without the model."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.rates import Rate

WORST = 36
"""Examples shown: a gallery of six by six that a person looks through in a minute."""


@dataclass(frozen=True)
class WorstExample:
    """An example that the model is furthest from.

    Attributes:
        id: The example's id.
        label: Its label's name.
        predicted: The class with the highest probability.
        probability: That class's probability.
        loss: Minus the logarithm of the label's probability, in nats.
    """

    id: str
    label: str
    predicted: str
    probability: float
    loss: float


@dataclass(frozen=True)
class ErrorAnalysis:
    """What a model gets wrong.

    Attributes:
        classes: Names of the classes.
        confusion: int [K, K]; a row is a label, a column a prediction.
        per_class: The error rate of each class that has examples, by name.
        worst: The examples with the highest loss, highest first, at most `WORST`.
    """

    classes: tuple[str, ...]
    confusion: np.ndarray
    per_class: dict[str, Rate]
    worst: tuple[WorstExample, ...]

    def as_json(self, split: str = "validation") -> dict[str, Any]:
        """The fields of reports/errors.json."""
        return {
            "split": split,
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "per_class": [{"class": name, "wrong": r.wrong, **r.as_json()} for name, r in self.per_class.items()],
            "worst": [asdict(example) for example in self.worst],
        }


def analyse_errors(
    probabilities: np.ndarray, labels: np.ndarray, ids: Sequence[str], classes: Sequence[str]
) -> ErrorAnalysis:
    """Count and rank the errors.

    Args:
        probabilities: float [N, K], a row sums to one.
        labels: int [N].
        ids: N ids; ties in the loss are broken by them, so that the order is the same everywhere.
        classes: K names.
    """
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    # Six digits: a float32 probability carries no more, and reports must not differ in the last bit.
    given = np.clip(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-12, 1.0)
    losses = np.round(-np.log(given) + 0.0, 6)
    order = sorted(range(len(labels)), key=lambda i: (-losses[i], ids[i]))[:WORST]
    return ErrorAnalysis(
        tuple(classes),
        confusion,
        {
            name: Rate(int(row.sum() - row[k]), int(row.sum()))
            for k, (name, row) in enumerate(zip(classes, confusion, strict=True))
            if row.sum()
        },
        tuple(
            WorstExample(
                ids[i],
                classes[labels[i]],
                classes[predicted[i]],
                round(float(probabilities[i, predicted[i]]), 6),
                float(losses[i]),
            )
            for i in order
        ),
    )
