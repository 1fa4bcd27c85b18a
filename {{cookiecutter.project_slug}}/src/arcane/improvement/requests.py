"""What only a person can do, as concrete requests: how many, of which kind, which ids (RECIPE 5.2).

Which kind: the classes that a classification gets wrong most, or the range of targets that a regression is furthest
from.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.loading import Examples
from ..diagnosis.decomposition import Decomposition
from ..spec import Modality

CONFIDENT = 0.9
"""Mean probability from which a wrong answer is worth a look at the label."""

OUTLYING = 4.0
"""Standard deviations (by the median, which outliers do not move) from which a residual is worth a look at the target:
of normal residuals 6 in 100,000 are as far out."""

QUARTERS = 4


@dataclass(frozen=True)
class Request:
    """Something asked of a person.

    Attributes:
        kind: `collect`, `check-labels`, `collect-like-validation` or `features`.
        message: What, how many, and what it is expected to buy.
        classes: Classes concerned, the most concerned first; for a regression the range of targets, in words.
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
    decomposition: Decomposition, train: Examples, validation: Examples, outputs: np.ndarray
) -> tuple[Request, ...]:
    """The requests that would help most, given what limits the model.

    Args:
        decomposition: Of the incumbent.
        train: The training split.
        validation: The validation split.
        outputs: On validation, averaged over the incumbent's seeds: probabilities float [N, K], or estimates float [N].
    """
    if decomposition.dominant == "none":
        return ()
    largest = decomposition.families[0]
    check = _check_targets if validation.spec.regression else _check_labels
    requests = [check(validation, outputs)]
    weakest = (_weakest_range if validation.spec.regression else _weakest_classes)(validation, outputs)
    if largest == "over-fitting" or decomposition.dominant == "undecided":
        requests.append(_collect(train, weakest))
    if largest == "distribution shift":
        requests.append(_collect_like_validation(train, validation, weakest))
    if largest == "under-fitting":
        requests.append(Request("features", f"The model under-fits: {_MORE_INPUT[train.spec.modality]}"))
    return tuple(request for request in requests if request is not None)


_MORE_INPUT: dict[Modality, str] = {
    "image": "larger images or further inputs may carry what it lacks (`data.resolution`).",
    "sequence": "longer or finer sequences, or further channels, may carry what it lacks.",
    "tabular": "further columns may carry what it lacks.",
}


def _weakest_classes(validation: Examples, probabilities: np.ndarray) -> tuple[str, ...]:
    """Classes with more validation errors than their share, most errors first, at most five."""
    wrong = np.bincount(
        validation.labels[probabilities.argmax(axis=1) != validation.labels], minlength=len(validation.classes)
    )
    order = sorted(range(len(wrong)), key=lambda k: (-wrong[k], k))
    return tuple(validation.classes[k] for k in order if wrong[k] > wrong.mean())[:5]


def _weakest_range(validation: Examples, estimates: np.ndarray) -> tuple[str, ...]:
    """The quarter of the targets with the largest mean squared residual, in words; nothing where no quarter stands out.

    A quarter stands out with half as much again as the mean of all.
    """
    targets = validation.labels.astype(np.float64)
    squares = (estimates.astype(np.float64) - targets) ** 2
    edges = np.quantile(targets, np.linspace(0, 1, QUARTERS + 1))
    place = np.clip(np.searchsorted(edges, targets, side="right") - 1, 0, QUARTERS - 1)
    means = [squares[place == k].mean() if (place == k).any() else 0.0 for k in range(QUARTERS)]
    worst = int(np.argmax(means))
    if means[worst] <= 1.5 * squares.mean():
        return ()
    target = validation.spec.target
    name, unit = (target.name, f" {target.unit}" if target.unit else "") if target else ("target", "")
    return (f"{name} from {edges[worst]:.3g} to {edges[worst + 1]:.3g}{unit}",)


def _collect(train: Examples, weakest: tuple[str, ...]) -> Request:
    # Error falls about as a power of the number of examples, so only multiples count. A doubling is the smallest step
    # that says how steep the curve is here; Hestness et al. 2017 (arXiv:1712.00409) saw exponents of 0.07 to 0.35,
    # hence 5 to 22 % of the error.
    count = len(train.labels)
    named = f", first of {', '.join(weakest)}" if weakest else ""
    return Request(
        "collect",
        f"Collect and label {count:,} more training examples{named}: a doubling. "
        "By learning curves of like problems it takes 5 to 22 % off the error, and it shows how steep the curve is "
        "here.",
        weakest,
        count=count,
    )


def _collect_like_validation(train: Examples, validation: Examples, weakest: tuple[str, ...]) -> Request:
    # A tenth: enough for a subset of the training split to be weighted by, small enough to be asked for.
    count = max(len(validation.labels), len(train.labels) // 10)
    return Request(
        "collect-like-validation",
        f"Collect {count:,} training examples from where validation and test come from: the two distributions differ.",
        weakest,
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


def _check_targets(validation: Examples, estimates: np.ndarray) -> Request | None:
    """Examples whose target lies far outside what the other residuals let expect."""
    residuals = np.abs(estimates.astype(np.float64) - validation.labels)
    spread = 1.4826 * float(np.median(residuals))  # the median absolute deviation, scaled to a normal's deviation
    suspect = np.flatnonzero(residuals > OUTLYING * spread).tolist() if spread else []
    suspect.sort(key=lambda i: (-round(float(residuals[i]), 6), validation.ids[i]))
    if not suspect:
        return None
    return Request(
        "check-labels",
        f"Look at the targets of {len(suspect)} validation examples that the model, over all seeds, misses by more "
        f"than {OUTLYING:g} times the usual; a wrong one is mended by its line in data/manifest.jsonl.",
        (),
        tuple(validation.ids[i] for i in suspect[:50]),
        len(suspect),
    )
