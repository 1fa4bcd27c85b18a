"""Likely label errors: labels that a model which has not seen them finds hard to believe.

Classes: confident learning (C. Northcutt, L. Jiang, I. Chuang, Confident learning: estimating uncertainty in dataset
labels, Journal of Artificial Intelligence Research 70 (2021) 1373–1411), by cleanlab. Numbers: residuals far beyond the
others. The test split is never looked at: what is corrected there would be corrected by a model.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.rates import rounded
from .judged import Judged

SHOWN = 50

SURE, TIMES = 0.5, 10
"""A label is doubted only where another class is this probable, and so many times as probable as the label: of clean
data at most 0.2 % then is (digits, MNIST-1D, a table), where cleanlab's rules alone doubt 21 % of MNIST-1D's clean
labels, because the model that judges errs on 40 % of them. Of digits' flipped labels as many are found as without."""

APART = 6.0
"""Robust standard deviations beyond which a target is doubted: of a normal distribution nothing lies there, of
Laplace's 0.2 %, of Student's with three degrees of freedom 0.7 %."""


@dataclass(frozen=True)
class Doubted:
    """An example whose class is doubted.

    Attributes:
        id: The example's id.
        split: Where it stands.
        label: Its class.
        suggested: The class that the model finds most probable.
        probability: That class's probability.
        quality: From 0, surely wrong, to 1.
    """

    id: str
    split: str
    label: str
    suggested: str
    probability: float
    quality: float


@dataclass(frozen=True)
class DoubtedTarget:
    """An example whose target is doubted.

    Attributes:
        id: The example's id.
        split: Where it stands.
        target: Its target.
        expected: What the model expects.
        apart: Robust standard deviations between them.
    """

    id: str
    split: str
    target: float
    expected: float
    apart: float


@dataclass(frozen=True)
class Conflict:
    """Two examples that are nearly the same, and are labelled differently."""

    id: str
    other: str
    label: str | float
    other_label: str | float


@dataclass(frozen=True)
class LabelErrors:
    """Which labels are likely wrong.

    Attributes:
        candidates: The likely errors, the likeliest first; all of them.
        looked_at: Examples looked at.
        splits: Theirs.
        model: What judged, and in how many `folds`.
        error: Its own error out of fold, a share of the examples or of the variance.
        near: Near-duplicates with different labels, the first of `near_count`.
    """

    candidates: tuple[Doubted | DoubtedTarget, ...]
    looked_at: int
    splits: tuple[str, ...]
    model: str
    folds: int
    error: float
    near: tuple[Conflict, ...]
    near_count: int
    unit: str = ""

    @property
    def share(self) -> float:
        return len(self.candidates) / self.looked_at if self.looked_at else 0.0

    @property
    def sentence(self) -> str:
        where = " and ".join(self.splits)
        said = [f"None of {self.looked_at:,} labels of {where} looks wrong."]
        if not self.looked_at:
            said = ["Too few examples to say which labels look wrong."]
        elif self.candidates:
            first = self.candidates[0]
            count = f"{len(self.candidates):,} of {self.looked_at:,} labels of {where} ({100 * self.share:.2g} %)"
            if isinstance(first, Doubted):
                doubt = (
                    f"{count} look wrong: the likeliest is {first.id}, labelled {first.label!r}, which looks like "
                    f"{first.suggested!r}."
                )
                own = f" The model that judged ({self.model}) errs on {100 * self.error:.3g} % itself"
                said = [doubt + own + (": some of these are hard, not wrong." if self.error > 0.1 else ".")]
            else:
                unit = f" {self.unit}" if self.unit else ""
                said = [
                    f"{count} lie far from what their inputs suggest: {first.id} is {rounded(first.target)}{unit}, "
                    f"expected {rounded(first.expected)}{unit}."
                ]
        if self.near_count:
            said.append(f"{self.near_count:,} near-duplicates carry another label than the example that they resemble.")
        return " ".join(said)

    def as_json(self) -> dict[str, Any]:
        """The block `label_errors` of reports/errors.json."""
        return {
            "looked_at": self.looked_at,
            "splits": list(self.splits),
            "model": self.model,
            "folds": self.folds,
            "error": self.error,
            "count": len(self.candidates),
            "share": self.share,
            "candidates": [asdict(each) for each in self.candidates[:SHOWN]],
            "near": [asdict(each) for each in self.near[:SHOWN]],
            "near_count": self.near_count,
            "sentence": self.sentence,
        }


def label_errors(judged: Judged | None, split_of: dict[str, str], near: tuple[Conflict, ...] = ()) -> LabelErrors:
    """Which labels are likely wrong, by a model that was not fitted on them.

    Args:
        judged: None where there was too little to judge.
        split_of: The split of each id; train and validation.
        near: Near-duplicates with different labels.
    """
    splits = tuple(dict.fromkeys(split_of.values()))
    if judged is None:
        return LabelErrors((), 0, splits, "", 0, 0.0, near, len(near))
    found = _doubted_targets(judged, split_of) if judged.examples.spec.regression else _doubted(judged, split_of)
    target = judged.examples.spec.target
    return LabelErrors(
        tuple(found),
        len(judged.examples),
        splits,
        judged.model,
        judged.folds,
        float(judged.errors.mean()),
        near,
        len(near),
        target.unit if target else "",
    )


def doubt(outputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each label's quality, and whether it is likely wrong.

    Args:
        outputs: Out-of-fold probabilities float `[N, K]`; classes without examples have 0 everywhere.
        labels: int `[N]`.

    Returns:
        float64 `[N]` from 0 to 1, and bool `[N]`.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    classes, codes = np.unique(labels, return_inverse=True)
    given = outputs[:, classes]
    given = np.clip(given, 1e-6, None)
    given /= given.sum(axis=1, keepdims=True)
    quality = get_label_quality_scores(codes, given, method="normalized_margin")
    wrong = np.asarray(find_label_issues(codes, given, filter_by="both", n_jobs=1), bool)
    most, said = given.max(axis=1), given[np.arange(len(codes)), codes]
    return np.asarray(quality, np.float64), wrong & (most >= SURE) & (most >= TIMES * said)


def _doubted(judged: Judged, split_of: dict[str, str]) -> list[Doubted]:
    examples, outputs = judged.examples, judged.outputs
    quality, wrong = doubt(outputs, examples.labels)
    best = outputs.argmax(axis=1)
    quality = np.round(quality, 6)
    order = sorted(np.flatnonzero(wrong), key=lambda i: (quality[i], examples.ids[i]))
    return [
        Doubted(
            examples.ids[i],
            split_of[examples.ids[i]],
            examples.classes[examples.labels[i]],
            examples.classes[best[i]],
            round(float(outputs[i, best[i]]), 6),
            float(quality[i]),
        )
        for i in order
    ]


def distances(estimates: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """How far each target lies from its estimate, in robust standard deviations (1.4826 median absolute deviations).

    Args:
        estimates: Out of fold, float `[N]`.
        targets: float `[N]`.
    """
    off = targets.astype(np.float64) - estimates
    off = off - np.median(off)
    spread = 1.4826 * float(np.median(np.abs(off)))
    # Where more than half of the targets are hit exactly, the mean takes the median's place.
    spread = spread or 1.2533 * float(np.abs(off).mean()) or 1.0
    return np.abs(off) / spread


def _doubted_targets(judged: Judged, split_of: dict[str, str]) -> list[DoubtedTarget]:
    examples = judged.examples
    apart = np.round(distances(judged.outputs, examples.labels), 4)
    order = sorted(np.flatnonzero(apart > APART), key=lambda i: (-apart[i], examples.ids[i]))
    return [
        DoubtedTarget(
            examples.ids[i],
            split_of[examples.ids[i]],
            float(f"{examples.labels[i]:.6g}"),
            float(f"{judged.outputs[i]:.6g}"),
            float(apart[i]),
        )
        for i in order
    ]
