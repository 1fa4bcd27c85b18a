"""The two sides of a program, as far as they were kept: rows with labels of training, and rows with labels that only
evaluation had.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from .captures import Captures
from .graph import given, is_squared, owners, terms
from .places import Place
from .reading import Fit, View, fitted, folded, kinds, margins, moved, ridge, view
from .trace import Call, Node, Trace

MOST = 800
"""Rows of a side that are read."""

FEWEST = 50
"""Rows of a side without which nothing is said."""

MOST_CLASSES, MOST_MODELS = 50, 4


@dataclass(frozen=True)
class Side:
    """Rows [n, ...], each once, their class numbers [n] from 0, and where they came from."""

    rows: Tensor
    labels: np.ndarray
    place: Place | None


@dataclass(frozen=True)
class Sides:
    """Training and evaluation of one model, in a way of looking at rows (`kind`).

    Attributes:
        train: Rows that were learnt from.
        asked: Rows that were not.
        names: The labels that the numbers stand for.
        fixed: Whether training rows come again bit for bit.
        keys: Of all rows that were learnt from.
        marked: Whether the labels are the first of several marks.
    """

    train: Side
    asked: Side
    names: np.ndarray
    fixed: bool
    keys: frozenset[int]
    kind: str = "values"
    marked: bool = False

    def coded(self, side: Side) -> np.ndarray:
        return np.eye(len(self.names))[side.labels]

    @cached_property
    def view(self) -> View:
        """By what evaluation's rows are like: they are seldom changed."""
        return view(self.kind, self.asked.rows)

    @cached_property
    def own_view(self) -> View:
        return view(self.kind, self.train.rows)

    @cached_property
    def asked_within(self) -> np.ndarray:
        """Scores of evaluation's rows by the others of evaluation."""
        return folded(self.view.of(self.asked.rows), self.coded(self.asked))

    @cached_property
    def train_within(self) -> np.ndarray:
        """Scores of training's rows by the others of training."""
        return folded(self.own_view.of(self.train.rows), self.coded(self.train))

    def train_by_asked(self, rows: Tensor | None = None) -> np.ndarray:
        """Scores of training's rows, or of what was made of them, by evaluation's."""
        centre, weights = self._known
        return centre + self.view.of(self.train.rows if rows is None else rows) @ weights

    @cached_property
    def _known(self) -> Fit:
        """Fitted on evaluation's rows, moved ones too."""
        parts = [self.view.of(rows) for rows in moved(self.asked.rows)]
        return fitted(np.concatenate(parts), np.tile(self.coded(self.asked), (len(parts), 1)))

    def asked_by_train(self) -> np.ndarray:
        return ridge(self.own_view.of(self.train.rows), self.coded(self.train), self.own_view.of(self.asked.rows))

    @property
    def sure(self) -> float:
        """The margin that half of evaluation's rows that are read rightly have."""
        right = self.asked_within.argmax(1) == self.asked.labels
        return float(np.median(margins(self.asked_within)[right])) if right.any() else float("inf")


def right(scores: np.ndarray, side: Side) -> float:
    """Share of a side's rows whose best class is their label."""
    return float((scores.argmax(1) == side.labels).mean())


def above_chance(scores: np.ndarray, side: Side, least: float = 0.01) -> bool:
    """Whether rows are read rightly more often than the answers' and the labels' shares give."""
    from scipy.stats import binomtest

    said, count = scores.argmax(1), scores.shape[1]
    chance = float((np.bincount(said, minlength=count) * np.bincount(side.labels, minlength=count)).sum())
    chance /= len(said) ** 2
    agreed = int((said == side.labels).sum())
    return bool(binomtest(agreed, len(said), chance, alternative="greater").pvalue < least)


def sides_of(trace: Trace, captures: Captures) -> list[list[Sides]]:
    """Of each model both sides, in each way of looking at them; without those that are too small or have no classes."""
    if not given(trace) or trace.taking_turns:
        return []
    if not all(_of_one_row(b.root) for b in trace.backwards[:4]):
        return []  # labels of two rows at once (mixup) are none of one
    models = list(dict.fromkeys(c.model for c in trace.learned if kept(c, captures)))
    return [pairs for model in models[:MOST_MODELS] if (pairs := _sides_of(trace, captures, model))]


def _of_one_row(root: Node) -> bool:
    """Whether a loss has one task's targets, or those of a task of classes beside quantities."""
    given_ = [t for t in terms(root) if t.targets is not None]
    named = [t for t in given_ if t.kind in ("cross_entropy", "nll_loss")]
    return len(given_) == 1 or (len(named) == 1 and all(t in named or is_squared(t) for t in given_))


def _sides_of(trace: Trace, captures: Captures, model: int) -> list[Sides]:
    owner = owners(trace)
    all_keys = [key for c in trace.learned if c.model == model for key in c.keys.tolist()]
    learned = [c for c in trace.learned if c.model == model and kept(c, captures) and not c.input_gradient]
    asked = [c for c in trace.calls if not (c.learned or c.gradient) and kept(c, captures)]
    asked = [c for c in asked if owner[c.model] == model]
    train, other = side_of(learned, captures, set()), side_of(asked, captures, set(all_keys))
    if train is None or other is None or train[0].shape[1:] != other[0].shape[1:]:
        return []
    labels = np.concatenate([train[1], other[1]])
    names, numbers = np.unique(labels, return_inverse=True)
    if not 2 <= len(names) <= min(MOST_CLASSES, len(other[1]) // 10) or (labels != labels.round()).any():
        return []
    if len(np.unique(other[1])) < 2:
        return []
    own, rest = numbers[: len(train[1])], numbers[len(train[1]) :]
    fixed = len(set(all_keys)) < 0.95 * len(all_keys)
    pair = (Side(train[0], own, learned[0].place), Side(other[0], rest, asked[0].place))
    marked = not any(len(c.labels) for c in learned)
    return [Sides(*pair, names, fixed, frozenset(all_keys), kind, marked) for kind in kinds(train[0])]


def kept_rows(call: Call, captures: Captures) -> bool:
    """Whether a call's rows were kept and told apart."""
    return call.number in captures.inputs and call.rows == len(call.keys) > 0


def kept(call: Call, captures: Captures) -> bool:
    """Whether a call's rows were kept, and each has a label."""
    return kept_rows(call, captures) and len(call.named) == call.rows


def rows_of(calls: list[Call], captures: Captures, but: Collection[int] = ()) -> Tensor | None:
    """The rows of calls, each once, without those known; None where they are of several forms, or no numbers."""
    chosen = _once(calls, captures, but)
    return chosen[0] if chosen is not None and bool(chosen[0].isfinite().all()) else None


def side_of(calls: list[Call], captures: Captures, but: Collection[int]) -> tuple[Tensor, np.ndarray] | None:
    """Rows and labels of calls, each row once, without those known; None where they are too few or no numbers."""
    chosen = _once(calls, captures, but)
    if chosen is None or len(chosen[1]) < FEWEST:
        return None
    rows, first = chosen
    labels = np.concatenate([c.named for c in calls])[first]
    return (rows, labels) if np.isfinite(labels).all() and bool(rows.isfinite().all()) else None


def _once(calls: list[Call], captures: Captures, but: Collection[int]) -> tuple[Tensor, np.ndarray] | None:
    """Different rows, evenly chosen among all, and their numbers."""
    if not calls or len({captures.inputs[c.number].shape[1:] for c in calls}) > 1:
        return None
    _, first = np.unique(np.concatenate([c.keys for c in calls]), return_index=True)
    first.sort()
    keys = np.concatenate([c.keys for c in calls])[first].tolist()
    first = first[[key not in but for key in keys]]
    first = first[:: max(1, len(first) // MOST)][:MOST]
    return torch.cat([captures.inputs[c.number] for c in calls])[first], first
