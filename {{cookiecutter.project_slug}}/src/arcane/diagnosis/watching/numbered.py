"""Regression read across: whether targets of training and of evaluation follow from their rows in the same way."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .graph import given, owners
from .places import Place
from .reading import folded, ridge, view
from .sides import FEWEST, kept, side_of
from .trace import Trace
from .turning import turns

READ, NOTHING = 0.5, 0.02
"""Share of the targets' variance that a plain reader explains: enough to rely on it, and next to nothing."""


@dataclass(frozen=True)
class Numbers:
    """Rows [n, ...] and targets [n] of a side, standardised by evaluation's."""

    rows: Tensor
    targets: np.ndarray


def look_at_numbers(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Ridge regression within each side, and from one to the other."""
    learned = [c for c in trace.learned if kept(c, captures) and not c.input_gradient]
    if not learned or not given(trace) or trace.taking_turns or any(len(c.classes) for c in learned):
        return
    owner, model = owners(trace), learned[0].model
    seen = {key for c in trace.learned if c.model == model for key in c.keys.tolist()}
    asked = [c for c in trace.calls if not (c.learned or c.gradient) and kept(c, captures)]
    asked = [c for c in asked if owner[c.model] == model]
    first, second = side_of([c for c in learned if c.model == model], captures, ()), side_of(asked, captures, seen)
    if first is None or second is None or first[0].shape[1:] != second[0].shape[1:]:
        return
    (rows, targets), (other, wanted) = first, second
    if not rows.is_floating_point() or len(np.unique(wanted)) < FEWEST // 2:
        return
    train, evaluation = Numbers(rows, targets), Numbers(other, wanted)
    known = _explained(folded(view("values", other).of(other), wanted[:, None])[:, 0], wanted)
    own = _explained(folded(view("values", rows).of(rows), targets[:, None])[:, 0], targets)
    across = _explained(_asked(evaluation, rows), targets), _explained(_asked(train, other), wanted)
    place, where = learned[0].place, asked[0].place
    for broken, sound, side, at in ((own, known, "training", place), (known, own, "evaluation", where)):
        if broken < NOTHING and sound >= READ and max(across) < NOTHING and not _related(train, evaluation, side):
            yield found(
                "labels-out-of-order", "error",
                f"A plain model explains {100 * sound:.0f} % of the targets' variance on the other side, but nothing "
                f"in {side}: there, rows and targets belong to different examples.",
                "Take rows and targets in one order: one permutation, one index, one shuffle for both.",
                at, "the same relation on both sides", explained=sound,
            )  # fmt: skip
            return
    if known >= READ:
        yield from _turned(trace, train, evaluation, place)


def _related(train: Numbers, evaluation: Numbers, side: str) -> bool:
    """Whether nearest neighbours of the side in question have like targets."""
    chosen = train if side == "training" else evaluation
    features = view("values", chosen.rows).of(chosen.rows)
    squares = (features**2).sum(1)
    distances = squares[:, None] + squares[None] - 2 * features @ features.T
    np.fill_diagonal(distances, np.inf)
    from scipy.stats import spearmanr

    return bool(spearmanr(chosen.targets[distances.argmin(1)], chosen.targets, alternative="greater").pvalue < 0.01)


def _asked(known: Numbers, rows: Tensor) -> np.ndarray:
    seen = view("values", known.rows)
    return ridge(seen.of(known.rows), known.targets[:, None], seen.of(rows))[:, 0]


def _explained(said: np.ndarray, targets: np.ndarray) -> float:
    """Squared correlation: a side may be scaled otherwise."""
    if said.std() == 0 or targets.std() == 0:
        return 0.0
    correlation = float(np.corrcoef(said, targets)[0, 1])
    return correlation**2 if correlation > 0 else 0.0


def _turned(trace: Trace, train: Numbers, evaluation: Numbers, place: Place | None) -> Iterator[Finding]:
    """Rows that were turned, whose targets were not."""
    seen = view("values", evaluation.rows)
    within = folded(seen.of(evaluation.rows), evaluation.targets[:, None])[:, 0]
    usual = float(np.sqrt(np.mean((within - evaluation.targets) ** 2)))
    off = np.abs(_asked(evaluation, train.rows) - train.targets)
    lost = off > 3 * usual
    healthy = float((np.abs(within - evaluation.targets) > 3 * usual).mean())
    if lost.mean() < trace.limit("crossed_share") + 2 * healthy or lost.sum() < 15:
        return
    for name, turn in turns(train.rows).items():
        back = np.abs(_asked(evaluation, turn(train.rows)) - train.targets)[lost]
        if (back < 1.5 * usual).mean() >= 0.7:
            yield found(
                "augmentation-breaks-labels", "error",
                f"{100 * lost.mean():.0f} % of the training rows have targets that belong to what they are when "
                f"{name}: they were turned, and their targets were not.",
                "Change the targets with the rows, or leave this augmentation out.", place,
                "targets that belong to their rows", share=float(lost.mean()),
            )  # fmt: skip
            return
