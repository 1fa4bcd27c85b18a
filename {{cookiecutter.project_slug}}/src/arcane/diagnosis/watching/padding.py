"""Sequences that are filled up to one length: whether what fills them is counted as answers."""

from collections.abc import Iterator

import numpy as np

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .graph import given
from .summaries import filling
from .trace import Trace


def look_at_padding(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Places that are padding, among those whose right answers an evaluation counts."""
    counted = {s.call: s for s in trace.scores if s.kind in ("correct", "accuracy")}
    calls = [c for c in trace.asked if c.number in counted and c.number in captures.targets and not c.gradient]
    calls = [c for c in calls if not captures.inputs[c.number].is_floating_point()]
    calls = [c for c in calls if counted[c.number].rows == captures.inputs[c.number].numel()]
    if not calls or not given(trace):
        return
    filled = [filling(captures.inputs[c.number].numpy()) for c in calls]
    wanted = np.concatenate([captures.targets[c.number].numpy()[at] for c, at in zip(calls, filled, strict=True)])
    places = sum(at.size for at in filled)
    # A label that is no class is never right; then only the number that is divided by can be wrong.
    share = len(wanted) / max(1, places)
    if share > trace.limit("padding_counted") and len(np.unique(wanted)) == 1 and wanted[0] >= 0:
        score = counted[calls[0].number]
        yield found(
            "metric-wrong", "error",
            f"{100 * share:.0f} % of the {places} answers that evaluation counts belong to padding, "
            f"whose label is always {wanted[0]}: what fills the sequences is easy, and makes the share of right "
            "answers larger.",
            "Count the places that are no padding: (predicted == labels)[mask].", score.place, "answers of the data",
            share=share,
        )  # fmt: skip
