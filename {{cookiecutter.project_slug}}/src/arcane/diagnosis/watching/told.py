"""Labels that stand among the inputs: a column of a table that is the label, by other numbers."""

from collections.abc import Iterator

import numpy as np

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .graph import given
from .sides import Side, kept, side_of, sides_of
from .trace import Trace

FEWEST_COLUMNS, OF_A_CLASS = 3, 10
"""Columns of a table, and rows of its rarest class, without which a column may be the label by chance or on purpose (a
truth table)."""


def look_at_told(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """A column that has one value for each class, in training and in evaluation; or that orders rows as targets do."""
    yield from _ordered(trace, captures)
    for pairs in sides_of(trace, captures):
        train, asked = pairs[0].train, pairs[0].asked
        if train.rows.dim() != 2 or train.rows.shape[1] < FEWEST_COLUMNS or not train.rows.is_floating_point():
            continue
        counts = np.bincount(train.labels, minlength=len(pairs[0].names))
        if len(pairs[0].names) < 2 or counts.min() < OF_A_CLASS:
            continue
        told = [c for c in range(train.rows.shape[1]) if _codes(train, c) == _codes(asked, c) is not None]
        if told:
            yield found(
                "input-ignored", "error",
                f"Column {told[0]} of the inputs is the label: it has one value for each of the {len(counts)} classes, "
                f"in all {len(train.labels) + len(asked.labels)} rows looked at. Nothing else has to be learnt.",
                "Take the target, and what was made of it, out of the inputs.", train.place,
                "inputs that are known before the label is", column=told[0], rows=len(train.labels),
            )  # fmt: skip
            return


def _ordered(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """A column that grows with a quantity that is learnt, over all rows: the target itself, or its logarithm."""
    learned = [c for c in trace.learned if kept(c, captures) and not c.input_gradient]
    learned = [c for c in learned if c.model == learned[0].model]
    chosen = side_of(learned, captures, ()) if learned and given(trace) and not trace.taking_turns else None
    if chosen is None or chosen[0].dim() != 2 or chosen[0].shape[1] < FEWEST_COLUMNS:
        return
    rows, targets = chosen[0].double().numpy(), chosen[1]
    if not chosen[0].is_floating_point() or len(np.unique(targets)) < 0.9 * len(targets):
        return
    near = ROUNDING * targets.std()
    for column, values in enumerate(rows.T):
        if np.array_equal(values, targets):
            continue  # an input that is to be given back
        grown = np.diff(targets[np.argsort(values, kind="stable")])
        if len(np.unique(values)) > 0.9 * len(values) and ((grown >= -near).all() or (grown <= near).all()):
            yield found(
                "input-ignored", "error",
                f"Column {column} of the inputs puts all {len(targets)} rows looked at in the order of their targets: "
                "it is the target, or was made of it. Nothing else has to be learnt.",
                "Take the target, and what was made of it, out of the inputs.", learned[0].place,
                "inputs that are known before the target is", column=column, rows=len(targets),
            )  # fmt: skip
            return


ROUNDING = 1e-4
"""Of the targets' deviation: by so much two may stand the other way round in single precision."""


def _codes(side: Side, column: int) -> tuple[float, ...] | None:
    """The value of each class, where each has one of its own and the column knows no others."""
    values = side.rows[:, column].double().numpy()
    codes = [np.unique(values[side.labels == k]) for k in np.unique(side.labels)]
    single = all(len(code) == 1 for code in codes)
    return tuple(float(c[0]) for c in codes) if single and len(np.unique(values)) == len(codes) > 1 else None
