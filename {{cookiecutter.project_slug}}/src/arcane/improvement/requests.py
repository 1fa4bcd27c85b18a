"""What only a person can do, as concrete requests: how many, of which kind, which ids, what it buys (RECIPE 5.2).

Which kind: the classes that a classification gets wrong most, or the range of targets that a regression is furthest
from. What it buys: a share of the validation error, always with a band.
"""

from collections.abc import Mapping, Sequence
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
SHOWN = 50
"""Ids in a request: as many as a person looks through in one sitting."""


@dataclass(frozen=True)
class Gain:
    """What a request is expected to take off the validation error.

    Attributes:
        low: As a share of the error; the gain may also be nothing.
        high: The same.
        source: Where the band comes from, in words.
    """

    low: float
    high: float
    source: str

    def __str__(self) -> str:
        return f"{100 * self.low:.2g} to {100 * self.high:.2g} %"


ASSUMED = Gain(0.05, 0.22, "learning curves of like problems")
"""Of a doubling of the training data: error falls about as a power of the number of examples, with exponents of 0.07 to
0.35 in Hestness et al. 2017 (arXiv:1712.00409)."""


def measured_gain(size: Mapping[str, Any] | None) -> Gain | None:
    """What a doubling buys by this project's own curve; None where that was not measured.

    Args:
        size: The content of reports/size.json.
    """
    gain = ((size or {}).get("doubling") or {}).get("gain") or {}
    low, high = gain.get("low"), gain.get("high")
    if low is None or high is None:
        return None
    return Gain(max(0.0, float(low)), max(0.0, float(high)), "this project's learning curve")


@dataclass(frozen=True)
class Request:
    """Something asked of a person.

    Attributes:
        kind: `collect`, `label`, `check-labels`, `collect-like-validation` or `features`.
        message: What, how many, and what it is expected to buy.
        classes: Classes concerned, the most concerned first; for a regression the range of targets, in words.
        ids: Examples concerned.
        count: How many examples.
        gain: What it is expected to buy; None where nothing is known about that.
    """

    kind: str
    message: str
    classes: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    count: int = 0
    gain: Gain | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"classes": list(self.classes), "ids": list(self.ids)}


def requests_for(
    decomposition: Decomposition,
    train: Examples,
    validation: Examples,
    outputs: np.ndarray,
    *,
    doubling: Gain | None = None,
    unlabelled: Sequence[str] = (),
) -> tuple[Request, ...]:
    """The requests that would help most, given what limits the model.

    Args:
        decomposition: Of the incumbent.
        train: The training split.
        validation: The validation split.
        outputs: On validation, averaged over the incumbent's seeds: probabilities float [N, K], or estimates float [N].
        doubling: What twice the data buys (`measured_gain`); None assumes what like problems show.
        unlabelled: Ids of examples that are there without a label, those that would help most first.
    """
    if decomposition.dominant == "none":
        return ()
    largest = decomposition.families[0]
    check = _check_targets if validation.spec.regression else _check_labels
    requests = [check(validation, outputs)]
    weakest = (_weakest_range if validation.spec.regression else _weakest_classes)(validation, outputs)
    if largest == "over-fitting" or decomposition.dominant == "undecided":
        if unlabelled:
            requests.append(_label(train, unlabelled, doubling or ASSUMED))
        requests.append(_collect(train, weakest, doubling or ASSUMED))
    if largest == "distribution shift":
        requests.append(_collect_like_validation(train, validation, weakest, _share(decomposition, "data_mismatch")))
    if largest == "under-fitting":
        gain = _share(decomposition, "bias")
        buys = f" At most it takes the bias, {100 * gain.high:.2g} % of the error; whether it does, only a try says."
        requests.append(
            Request("features", f"The model under-fits: {_MORE_INPUT[train.spec.modality]}{buys}", gain=gain)
        )
    return tuple(request for request in requests if request is not None)


def most_useful_first(outputs: Sequence[np.ndarray]) -> np.ndarray:
    """Rows whose label would teach most, first: those that the model is least sure of.

    For classes the smallest margin between the two most probable ones (T. Scheffer, C. Decomain and S. Wrobel, Active
    hidden Markov models for information extraction, IDA 2001), averaged over the seeds; for a number the seeds'
    disagreement about it (query by committee), so that with one seed the order says nothing.

    Args:
        outputs: A seed's each: probabilities float [N, K], or estimates float [N].

    Returns:
        int64 [N].
    """
    every = np.stack(outputs).astype(np.float64)
    if every.ndim == 2:
        return np.argsort(-every.std(axis=0).round(9), kind="stable")
    highest = np.sort(every.mean(axis=0), axis=1)
    margins = highest[:, -1] - (highest[:, -2] if highest.shape[1] > 1 else 0.0)
    return np.argsort(margins.round(6), kind="stable")


def _share(decomposition: Decomposition, name: str) -> Gain:
    """From nothing to the whole of a gap, as a share of the validation error."""
    gap = decomposition.gaps[name]
    error = decomposition.errors["validation"].value
    most = min(1.0, max(0.0, gap.value) / error) if gap is not None and error > 0 else 0.0
    return Gain(0.0, most, f"the measured {name.replace('_', ' ')}, of which it may take nothing or all")


_WRONG_LABELS = "the share of the error that these examples make: all of it goes if every label is wrong"

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


def _collect(train: Examples, weakest: tuple[str, ...], gain: Gain) -> Request:
    # Only multiples count. A doubling is the smallest step that says how steep the curve is here.
    count = len(train.labels)
    named = f", first of {', '.join(weakest)}" if weakest else ""
    return Request(
        "collect",
        f"Collect and label {count:,} more training examples{named}: a doubling. By {gain.source} it takes {gain} off "
        "the error, and it shows how steep the curve is here.",
        weakest,
        count=count,
        gain=gain,
    )


def _label(train: Examples, unlabelled: Sequence[str], gain: Gain) -> Request:
    """Label what lies there; its gain by the power law that a doubling's gain implies."""
    count = len(unlabelled)
    doublings = float(np.log2(1 + count / len(train.labels)))
    low, high = (1 - (1 - each) ** doublings for each in (gain.low, gain.high))
    bought = Gain(low, high, gain.source)
    return Request(
        "label",
        f"Label the {count:,} examples that are there without a label, in the order given. By {gain.source} it takes "
        f"{bought} off the error.",
        ids=tuple(unlabelled[:SHOWN]),
        count=count,
        gain=bought,
    )


def _collect_like_validation(train: Examples, validation: Examples, weakest: tuple[str, ...], gain: Gain) -> Request:
    # A tenth: enough for a subset of the training split to be weighted by, small enough to be asked for.
    count = max(len(validation.labels), len(train.labels) // 10)
    named = f", first of {', '.join(weakest)}" if weakest else ""
    return Request(
        "collect-like-validation",
        f"Collect {count:,} training examples from where validation and test come from{named}: the two distributions "
        f"differ, and that makes {100 * gain.high:.2g} % of the error.",
        weakest,
        count=count,
        gain=gain,
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
        tuple(validation.ids[i] for i in suspect[:SHOWN]),
        len(suspect),
        Gain(0.0, len(suspect) / int((predicted != validation.labels).sum()), _WRONG_LABELS),
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
        tuple(validation.ids[i] for i in suspect[:SHOWN]),
        len(suspect),
        Gain(0.0, float((residuals[suspect] ** 2).sum() / (residuals**2).sum()), _WRONG_LABELS),
    )
