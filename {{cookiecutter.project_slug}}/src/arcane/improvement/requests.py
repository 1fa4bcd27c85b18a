"""What only a person can do, as concrete requests: how many, which classes, which ids (RECIPE 5.2)."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.loading import Examples
from ..diagnosis.decomposition import Decomposition

CONFIDENT = 0.9
"""Mean probability from which a wrong answer is worth a look at the label."""


@dataclass(frozen=True)
class Request:
    """Something asked of a person.

    Attributes:
        kind: `collect`, `check-labels`, `collect-like-validation` or `features`.
        message: What, how many, and what it is expected to buy.
        classes: Classes concerned, the most concerned first.
        ids: Examples concerned.
        count: How many examples.
    """

    kind: str
    message: str
    classes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    count: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"classes": list(self.classes), "ids": list(self.ids)}


def requests_for(
    decomposition: Decomposition, train: Examples, validation: Examples, probabilities: np.ndarray
) -> tuple[Request, ...]:
    """The requests that would help most, given what limits the model.

    Args:
        decomposition: Of the incumbent.
        train: The training split.
        validation: The validation split.
        probabilities: float [N, K] on validation, averaged over the incumbent's seeds.
    """
    if decomposition.dominant == "none":
        return ()
    largest = decomposition.families[0]
    requests = [_check_labels(validation, probabilities)]
    if largest == "over-fitting" or decomposition.dominant == "undecided":
        requests.append(_collect(train, validation, probabilities))
    if largest == "distribution shift":
        requests.append(_collect_like_validation(train, validation, probabilities))
    if largest == "under-fitting":
        requests.append(
            Request(
                "features",
                "The model under-fits: larger images or further inputs may carry what it lacks (`data.resolution`).",
            )
        )
    return tuple(request for request in requests if request is not None)


def _weakest(validation: Examples, probabilities: np.ndarray) -> tuple[str, ...]:
    """Classes with more validation errors than their share, most errors first, at most five."""
    wrong = np.bincount(
        validation.labels[probabilities.argmax(axis=1) != validation.labels], minlength=len(validation.classes)
    )
    order = sorted(range(len(wrong)), key=lambda k: (-wrong[k], k))
    return tuple(validation.classes[k] for k in order if wrong[k] > wrong.mean())[:5]


def _collect(train: Examples, validation: Examples, probabilities: np.ndarray) -> Request:
    # Error falls about as a power of the number of examples, so only multiples count. A doubling is the smallest step
    # that says how steep the curve is here; Hestness et al. 2017 (arXiv:1712.00409) saw exponents of 0.07 to 0.35,
    # hence 5 to 22 % of the error.
    count = len(train.labels)
    classes = _weakest(validation, probabilities)
    named = f", first of {', '.join(classes)}" if classes else ""
    return Request(
        "collect",
        f"Collect and label {count:,} more training examples{named}: a doubling. "
        "By learning curves of like problems it takes 5 to 22 % off the error, and it shows how steep the curve is "
        "here.",
        classes,
        count=count,
    )


def _collect_like_validation(train: Examples, validation: Examples, probabilities: np.ndarray) -> Request:
    # A tenth: enough for a subset of the training split to be weighted by, small enough to be asked for.
    count = max(len(validation.labels), len(train.labels) // 10)
    return Request(
        "collect-like-validation",
        f"Collect {count:,} training examples from where validation and test come from: the two distributions differ.",
        _weakest(validation, probabilities),
        count=count,
    )


def _check_labels(validation: Examples, probabilities: np.ndarray) -> Request | None:
    predicted = probabilities.argmax(axis=1)
    sure = probabilities.max(axis=1)
    suspect = np.flatnonzero((predicted != validation.labels) & (sure >= CONFIDENT)).tolist()
    suspect.sort(key=lambda i: (-round(float(sure[i]), 6), validation.ids[i]))
    if not suspect:
        return None
    classes = dict.fromkeys(validation.classes[validation.labels[i]] for i in suspect)
    return Request(
        "check-labels",
        f"Look at the labels of {len(suspect)} validation examples that the model, over all seeds, is at least "
        f"{CONFIDENT:.0%} sure are something else; a wrong label is mended by its line in data/manifest.jsonl.",
        tuple(classes),
        tuple(validation.ids[i] for i in suspect[:50]),
        len(suspect),
    )
