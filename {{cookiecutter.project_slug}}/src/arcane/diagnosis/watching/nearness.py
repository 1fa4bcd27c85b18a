"""Evaluation rows that are almost rows of training: copies that were changed a little before the rows were split."""

from collections.abc import Iterator

import numpy as np

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .graph import given, owners
from .reading import moved, pictured, view
from .sides import kept_rows, rows_of
from .trace import Trace

FEWEST, FEATURES = 60, 8
"""Rows of a side, and features that vary: in fewer dimensions neighbours are near by chance."""

JUMP, MOST_COPIES = 0.3, 6
"""Of the distance to the next nearest row: how near copies are, of which there are so many at most. Neighbours in time,
or on a line, come ever further away, without such a jump."""

VARIED, CONTINUOUS = 0.5, 0.8
"""Share of different values in a continuous feature, and of such features: rows of a few kinds lie in heaps."""


def look_at_copies_nearby(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Distances of evaluation's rows to training's, each over the next one."""
    learned = [c for c in trace.learned if kept_rows(c, captures) and not c.input_gradient]
    if not learned or not given(trace) or trace.taking_turns:
        return
    owner, model = owners(trace), learned[0].model
    seen = {key for c in trace.learned if c.model == model for key in c.keys.tolist()}
    asked = [c for c in trace.asked if not c.gradient and kept_rows(c, captures) and owner[c.model] == model]
    rows, other = rows_of([c for c in learned if c.model == model], captures), rows_of(asked, captures, seen)
    if rows is None or other is None or rows.shape[1:] != other.shape[1:] or not rows.is_floating_point():
        return
    seen_as = view("values", rows)
    features = seen_as.of(rows)
    varied = features.std(0) > 0.1
    if min(len(rows), len(other)) < FEWEST or varied.sum() < FEATURES:
        return
    if pictured(rows) is None:
        distinct = np.array([len(np.unique(column)) for column in features.T[varied]])
        if (distinct > VARIED * len(rows)).mean() < CONTINUOUS:
            return
    distances = np.minimum.reduce([_distances(seen_as.of(part), features) for part in moved(other)])
    ordered = np.sort(distances, 1)[:, : MOST_COPIES + 1]
    near = (ordered[:, :-1] < JUMP * ordered[:, 1:]).any(1)
    if near.mean() > trace.limit("near_copies"):
        place = asked[0].place
        yield found(
            "train-validation-overlap", "warning",
            f"{100 * near.mean():.0f} % of {len(other)} rows that are evaluated are nearly equal to a training row, "
            "much nearer than the next ones: changed copies of one row lie on both sides.",
            "Split first, then make copies of the training rows alone; keep what belongs to one source together.",
            place, "no near copies", share=float(near.mean()), rows=len(other),
        )  # fmt: skip


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2 * first @ second.T
    return np.sqrt(np.maximum(squares, 0))
