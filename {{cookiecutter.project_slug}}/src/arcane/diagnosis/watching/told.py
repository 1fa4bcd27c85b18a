"""Labels that stand among the inputs: a column of a table that is the label, by other numbers."""

from collections.abc import Iterator

import numpy as np

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .sides import Side, sides_of
from .trace import Trace

FEWEST_COLUMNS, OF_A_CLASS = 3, 10
"""Columns of a table, and rows of its rarest class, without which a column may be the label by chance or on purpose (a
truth table)."""


def look_at_told(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """A column that has one value for each class, in training and in evaluation."""
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


def _codes(side: Side, column: int) -> tuple[float, ...] | None:
    """The value of each class, where each has one of its own and the column knows no others."""
    values = side.rows[:, column].double().numpy()
    codes = [np.unique(values[side.labels == k]) for k in np.unique(side.labels)]
    single = all(len(code) == 1 for code in codes)
    return tuple(float(c[0]) for c in codes) if single and len(np.unique(values)) == len(codes) > 1 else None
