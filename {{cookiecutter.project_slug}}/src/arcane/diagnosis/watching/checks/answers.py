"""What became of a model's answers outside of torch, before a metric got them: units, decisions, whose rows they are.

The answers are known as they left torch, and the labels as they lay beside the rows; a metric's two sides are followed
back to them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ....data.findings import Finding
from ..conversions import Judged
from ..graph import logits_of, losses, source
from ..trace import Call, Score, Trace
from .check import PassiveCheck, found
from .judging import FEWEST, changed_places, pieces

OF_UNITS = frozenset({
    "r2_score", "mean_squared_error", "mean_absolute_error", "root_mean_squared_error", "explained_variance_score",
    "mean_absolute_percentage_error", "sub",
})  # fmt: skip
"""Metrics of quantities: both sides have to be in the same unit."""

SIDED = frozenset({"r2_score", "explained_variance_score", "mean_absolute_percentage_error"})
"""Those that are others when targets and predictions change places."""

EXACT = 1e-5
"""Of a side's deviation: what may be left over where it is called a scaled copy; single precision leaves less."""

LEAST_MOVED = 0.05
"""Of the rows: others than these have another label where an order is called another one."""


@dataclass(frozen=True)
class Line:
    """One side is `slope` times another plus `offset`."""

    slope: float
    offset: float


def line_between(given: np.ndarray, made: np.ndarray) -> Line | None:
    """How one array was scaled to make another of the same order; None where it was not."""
    if len(given) != len(made) or len(given) < FEWEST or not (np.isfinite(given).all() and np.isfinite(made).all()):
        return None
    spread = float(given.std())
    if spread <= 1e-9 * max(1.0, float(np.abs(given).max())) or made.std() == 0:
        return None
    slope = float(((given - given.mean()) * (made - made.mean())).mean()) / spread**2
    offset = float(made.mean() - slope * given.mean())
    left = float(np.abs(slope * given + offset - made).max())
    return Line(slope, offset) if left <= EXACT * max(float(made.std()), 1e-12) + 1e-7 * np.abs(made).max() else None


def scaled_answers(trace: Trace, made: Judged, side: np.ndarray) -> Line | None:
    """How a side of a metric was made of the model's answers."""
    lines = (line_between(values, side) for values in pieces(trace, made, "value"))
    return next((line for line in lines if line is not None), None)


def block_before(trace: Trace, made: Judged, rows: int) -> list[Call]:
    """The last calls of evaluation before a metric that hold so many rows together; empty where none do."""
    block: list[Call] = []
    calls = [c for c in trace.calls if c.time < made.time and c.step == made.step and not (c.gradient or c.learned)]
    while calls and sum(c.rows for c in block) < rows and (not block or calls[-1].place == block[-1].place):
        block.insert(0, calls.pop())
    return block if sum(c.rows for c in block) == rows else []


def labels_before(trace: Trace, made: Judged, rows: int) -> np.ndarray:
    """The labels of the rows that were asked about last, in their order; empty where they are not known."""
    parts = [c.beside if len(c.beside) == c.rows else c.labels for c in block_before(trace, made, rows)]
    labels = np.concatenate(parts) if parts else np.empty(0)
    return labels if len(labels) == rows else np.empty(0)


def look_at_units(trace: Trace) -> Iterator[Finding]:
    """Answers and targets that were scaled in two ways, or by one side alone."""
    if not _learnt_as_answered(trace):
        return
    for made in trace.outside.judged:
        if made.kind not in OF_UNITS or not made.step or len(made.first) != len(made.second):
            continue
        labels = labels_before(trace, made, len(made.first))
        for targets, said in ((made.first, made.second), (made.second, made.first)):
            answers, truth = scaled_answers(trace, made, said), line_between(labels, targets)
            if answers is None or scaled_answers(trace, made, targets) is not None:
                continue
            if truth is None:
                yield from _bent(made, labels, targets) or _beyond_learnt(trace, made, targets, answers)
                continue
            apart = abs(truth.slope - answers.slope) > 0.01 * abs(truth.slope) or (
                abs(truth.offset - answers.offset) > 0.05 * targets.std()
            )
            if apart and _in_units_of_training(trace, labels):
                yield found(
                    "metric-wrong", "error",
                    f"{_named(made)} sets targets, which are {truth.slope:.4g} times the labels that the model learns, "
                    f"against answers that are {answers.slope:.4g} times the model's.",
                    "Bring both back to the same unit (inverse_transform), or neither.", made.place,
                    "the same scale on both sides", targets=truth.slope, answers=answers.slope,
                )  # fmt: skip
                return


def _bent(made: Judged, labels: np.ndarray, targets: np.ndarray) -> list[Finding]:
    """Targets that grow with the labels that a model learns, but not in proportion: a logarithm was taken of one."""
    if len(labels) != len(targets) or len(labels) < FEWEST or len(np.unique(labels)) < 0.5 * len(labels):
        return []
    order = np.argsort(labels, kind="stable")
    grown = bool((np.diff(targets[order]) >= 0).all()) and np.corrcoef(labels, targets)[0, 1] < STRAIGHT
    return [found(
        "metric-wrong", "error",
        f"{_named(made)} gets targets that grow with the labels that the model learns, but not in proportion (a "
        "logarithm or an exponential lies between); the answers are as the model gives them, up to a scale.",
        "Bring both back to the same unit (expm1 of what was learnt as log1p), or neither.", made.place,
        "the same unit on both sides", rows=len(targets),
    )] if grown else []  # fmt: skip


STRAIGHT = 0.9999
"""Correlation from which on two rows of numbers are in proportion, up to rounding."""


def _beyond_learnt(trace: Trace, made: Judged, targets: np.ndarray, answers: Line) -> Iterator[Finding]:
    """Targets of a metric that are far from all that a model learnt, whose answers they meet as they are."""
    learnt = np.concatenate([c.labels for c in trace.learned if len(c.labels)] or [np.empty(0)])
    raw = abs(answers.slope - 1) < EXACT and abs(answers.offset) < EXACT * max(1.0, float(np.abs(targets).max()))
    if not raw or len(learnt) < FEWEST or (learnt == learnt.round()).all() or learnt.std() == 0:
        return
    wider, away = targets.std() / learnt.std(), abs(targets.mean() - learnt.mean()) / learnt.std()
    if wider > trace.limit("unit_ratio") or away > trace.limit("unit_ratio"):
        yield found(
            "metric-wrong", "error",
            f"{_named(made)} sets the model's answers, as they are, against targets of mean {targets.mean():.4g} and "
            f"deviation {targets.std():.4g}; the model learns targets of mean {learnt.mean():.4g} and deviation "
            f"{learnt.std():.4g}.",
            "Bring both back to the same unit (inverse_transform), or neither.", made.place,
            "the same scale on both sides", wider=float(wider), away=float(away),
        )  # fmt: skip


def _learnt_as_answered(trace: Trace) -> bool:
    """Whether the loss gets what a model gives as it is: else a program may scale answers back outside of torch."""
    made = [source(term.outputs) for term in losses(trace, 6)]
    return bool(made) and all(node.module or node.name == "model" for node in made)


def _in_units_of_training(trace: Trace, labels: np.ndarray) -> bool:
    """Whether evaluation's labels are as large as those that the model learns."""
    learnt = [c.labels for c in trace.learned if len(c.labels)]
    own = np.concatenate(learnt) if learnt else np.empty(0)
    if len(own) < FEWEST or own.std() == 0:
        return False
    return 0.5 < labels.std() / own.std() < 2 and abs(labels.mean() - own.mean()) < own.std()


def _named(made: Judged) -> str:
    return "A difference" if made.kind == "sub" else "An equality" if made.kind == "eq" else made.kind


def look_at_places(trace: Trace) -> Iterator[Finding]:
    """Answers, scaled, where a metric expects the targets."""
    for made in trace.outside.judged:
        if made.kind not in SIDED or not made.step or len(made.first) != len(made.second):
            continue
        if scaled_answers(trace, made, made.first) and not scaled_answers(trace, made, made.second):
            yield changed_places(made)
            return


def look_at_rows(trace: Trace) -> Iterator[Finding]:
    """Answers in the order of the calls, and targets in another one."""
    for made in trace.outside.judged:
        if not made.step or len(made.first) != len(made.second) or len(made.first) < FEWEST:
            continue
        labels = labels_before(trace, made, len(made.first))
        for targets, said in ((made.first, made.second), (made.second, made.first)):
            if not len(labels) or not says(trace, made, said) or says(trace, made, targets):
                continue
            line = line_between(np.sort(labels), np.sort(targets))
            if line is None or line.slope <= 0:
                continue
            moved = np.abs(line.slope * labels + line.offset - targets) > 1e-3 * targets.std()
            if moved.mean() > LEAST_MOVED:
                yield found(
                    "metric-wrong", "error",
                    f"{_named(made)} gets the targets in another order than the rows that the model was asked about: "
                    f"{100 * moved.mean():.0f} % of the {len(targets)} answers meet another row's target.",
                    "Keep the targets that come with each batch, or do not shuffle the evaluation.", made.place,
                    "each answer with its own target", rows=len(targets), moved=float(moved.mean()),
                )  # fmt: skip
                return


def says(trace: Trace, made: Judged, side: np.ndarray) -> bool:
    """Whether a side of a metric is what the model answered, or decided, in the order of its calls."""
    if scaled_answers(trace, made, side):
        return True
    names = ("half", "sign", "argmax")
    return any(np.array_equal(values, side) for name in names for values in pieces(trace, made, name))


def counted_outside(trace: Trace) -> list[Score]:
    """Right answers that numpy counted: where what the model answered, or decided, is compared with something else."""
    counts = []
    for made in trace.outside.judged:
        whole = made.kind == "eq" and made.step and len(made.first) == len(made.second)
        if whole and says(trace, made, made.first) != says(trace, made, made.second):
            block = block_before(trace, made, len(made.first))
            right = float((made.first == made.second).sum())
            if block:
                counts.append(
                    Score("correct", right, len(made.first), made.step, made.time, block[-1].number, made.place)
                )
    return counts


def look_at_decisions(trace: Trace) -> Iterator[Finding]:
    """Logits that were cut at 0.5 outside of torch."""
    binary = [t for t in losses(trace) if t.kind in ("binary_cross_entropy_with_logits", "bernoulli")]
    if not any(logits_of(t) is not None for t in binary):
        return
    for made in trace.outside.judged:
        if not made.step or made.kind == "sub" or _searched(trace, made):
            continue
        for side in (made.first, made.second):
            for values, half, sign in zip(*(pieces(trace, made, n) for n in ("value", "half", "sign")), strict=False):
                logits = values.min() < 0 or values.max() > 1
                if logits and len(side) >= FEWEST and np.array_equal(half, side) and not np.array_equal(sign, side):
                    yield found(
                        "metric-wrong", "error",
                        "Logits are compared with 0.5, the threshold of probabilities; that of logits is 0.",
                        "Compare with 0, or put a sigmoid before it.", made.place, "a threshold of 0", threshold=0.5,
                    )  # fmt: skip
                    return


def _searched(trace: Trace, made: Judged) -> bool:
    """Whether a line judges several decisions about the same answers: it looks for a threshold."""
    others = [m for m in trace.outside.judged if (m.place, m.step, m.kind) == (made.place, made.step, made.kind)]
    return any(not np.array_equal(m.second, made.second) for m in others)


def look_at_single_columns(trace: Trace) -> Iterator[Finding]:
    """The largest of one column."""
    for node in trace.compared:
        if node.name == "argmax" and any(not trace.calls[n].gradient for n in node.calls):
            yield found(
                "metric-wrong", "error",
                f"The argmax of outputs of shape {list(node.inputs[0].shape)} over their one column is always 0.",
                "Compare a single output with a threshold: 0 for logits, 0.5 for probabilities.", node.place,
                "a decision that depends on the output", columns=1,
            )  # fmt: skip
            return


ANSWERS = (
    PassiveCheck(
        ("metric-wrong",),
        "A number between two units is no error of anything.",
        "No threshold: both sides are, to single precision, scaled copies of the answers and of the labels, and the "
        "scales differ by 1 %, or the offsets by a twentieth of a deviation.",
        look_at_units,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "A share of variance changes with the places of targets and predictions.",
        "No threshold: the first side is a scaled copy of what the model answered, and the second is none.",
        look_at_places,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "Answers that meet other rows' targets are right by chance.",
        "The targets are the labels of the rows that were asked about, in another order for 5 % of them.",
        look_at_rows,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "The threshold of probabilities makes other decisions on logits.",
        "No threshold of its own: decisions that are those of 0.5, and not those of 0, on numbers beyond 0 to 1.",
        look_at_decisions,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "A decision that is always the same one has the accuracy of a share.",
        "No threshold: the argmax of a model's outputs in evaluation, over a dimension of one.",
        look_at_single_columns,
    ),
)
