"""Rows that were mixed with others of their batch, under labels that were not."""

from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import given, terms
from ..trace import Trace
from .check import PassiveCheck, found
from .order import classes, labelled

FEWEST, WHOLE = 3, 0.95
"""Calls that are mixed before anything is said, and the weight of other rows from which on rows only changed places."""


def look_at_mixing(trace: Trace) -> Iterator[Finding]:
    """Mixed rows in training that have one label each."""
    if not given(trace) or trace.taking_turns or not classes(trace):
        return
    if any(sum(t.targets is not None for t in terms(b.root)) != 1 for b in trace.backwards[:12]):
        return  # a loss for each of the labels
    calls = [c for c in labelled(trace) if c.watched and 0 < c.others < WHOLE and not c.input_gradient]
    calls = [c for c in calls if (c.labels == c.labels.round()).all()]
    share = float(np.mean([c.others for c in calls])) if len(calls) >= FEWEST else 0.0
    if share > trace.limit("mixed_share"):
        yield found(
            "augmentation-breaks-labels", "error",
            f"{100 * share:.0f} % of what a training row brings to the model is of other rows of its batch, but its "
            "label is its own alone.",
            "Mix the labels as the rows (a loss for each, by its weight), or leave the mixing out.", calls[0].place,
            "rows that are mostly their own", share=share, calls=len(calls),
        )  # fmt: skip


MIXING = PassiveCheck(
    ("augmentation-breaks-labels",),
    "A row that is half another one has half its label.",
    "No chance: rows on the line to another row of the loader's batch, to a millionth, or values that stand in another "
    "row's column; together more than 0.3 of a row, under one label.",
    look_at_mixing,
)
