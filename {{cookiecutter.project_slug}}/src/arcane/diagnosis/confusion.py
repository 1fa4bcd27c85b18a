"""Which examples a classification gets wrong, and what it takes them for; from what the model said alone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.rates import Rate

WORST = 36
"""Examples shown: a gallery of six by six that a person looks through in a minute."""

MATRIX = 100
"""Most classes whose confusion matrix a report keeps: 10,000 classes would be 100 million numbers."""

PAIRS = 20
"""Confused pairs kept."""


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
class Confused:
    """Examples of one class that the model takes for another.

    Attributes:
        label: The class that they are of.
        predicted: The class that they are taken for.
        rate: How many, out of all examples of their class.
    """

    label: str
    predicted: str
    rate: Rate

    def as_json(self) -> dict[str, Any]:
        """The pair as reports carry it."""
        return {"label": self.label, "predicted": self.predicted, "count": self.rate.wrong, **self.rate.as_json()}


@dataclass(frozen=True)
class ErrorAnalysis:
    """What a model gets wrong.

    Attributes:
        classes: Names of the classes.
        confusion: int [K, K]; a row is a label, a column a prediction. None above `MATRIX` classes.
        confused: The most frequent confusions, at most `PAIRS`.
        per_class: The error rate of each class that has examples, by name.
        worst: The examples with the highest loss, highest first, at most `WORST`.
    """

    classes: tuple[str, ...]
    confusion: np.ndarray | None
    confused: tuple[Confused, ...]
    per_class: dict[str, Rate]
    worst: tuple[WorstExample, ...]

    def as_json(self, split: str = "validation") -> dict[str, Any]:
        """The fields of reports/errors.json."""
        return {
            "split": split,
            "classes": list(self.classes),
            "confusion": None if self.confusion is None else self.confusion.tolist(),
            "confused": [pair.as_json() for pair in self.confused],
            "per_class": [{"class": name, "wrong": r.wrong, **r.as_json()} for name, r in self.per_class.items()],
            "worst": [asdict(example) for example in self.worst],
        }


def analyse_errors(
    probabilities: np.ndarray, labels: np.ndarray, ids: Sequence[str], classes: Sequence[str]
) -> ErrorAnalysis:
    """Count and rank the errors of a classification.

    Args:
        probabilities: float [N, K], a row sums to one.
        labels: int [N].
        ids: N ids; ties in the loss are broken by them, so that the order is the same everywhere.
        classes: K names.
    """
    predicted = probabilities.argmax(axis=1)
    losses = example_losses(probabilities, labels)
    order = sorted(range(len(labels)), key=lambda i: (-losses[i], ids[i]))[:WORST]
    sizes = np.bincount(labels, minlength=len(classes))
    wrong = np.bincount(labels[predicted != labels], minlength=len(classes))
    return ErrorAnalysis(
        tuple(classes),
        _matrix(labels, predicted, len(classes)) if len(classes) <= MATRIX else None,
        confused_pairs(labels, predicted, classes),
        {classes[k]: Rate(int(wrong[k]), int(sizes[k])) for k in np.flatnonzero(sizes).tolist()},
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


def example_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Minus the logarithm of each label's probability, in nats: float64 [N].

    Args:
        probabilities: float [N, K].
        labels: int [N].
    """
    # Six digits: a float32 probability carries no more, and reports must not differ in the last bit.
    given = np.clip(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-12, 1.0)
    return np.round(-np.log(given) + 0.0, 6)


def confused_pairs(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> tuple[Confused, ...]:
    """The most frequent confusions first, then by name; its cost grows with the examples, not with the classes squared.

    Args:
        labels: int [N].
        predicted: int [N].
        classes: Names.
    """
    sizes = np.bincount(labels, minlength=len(classes))
    off = labels != predicted
    codes, counts = np.unique(labels[off].astype(np.int64) * len(classes) + predicted[off], return_counts=True)
    pairs = [(*divmod(int(code), len(classes)), int(count)) for code, count in zip(codes, counts, strict=True)]
    first = sorted(pairs, key=lambda pair: (-pair[2], classes[pair[0]], classes[pair[1]]))[:PAIRS]
    return tuple(Confused(classes[k], classes[taken], Rate(count, int(sizes[k]))) for k, taken, count in first)


def _matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    return confusion
