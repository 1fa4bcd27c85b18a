"""Labels of evaluation that never met the outputs inside torch: out of the loader, out of a tensor, or in a metric."""

import numpy as np

from .checks.answers import says
from .conversions import MET, Judged
from .trace import Call, Trace


def _targets(trace: Trace, judged: Judged) -> np.ndarray:
    """Which side of a metric holds the targets; of two that meet in numpy, the one beside what the model decided."""
    if judged.kind not in MET:
        return judged.first
    if judged.kind != "eq" or len(judged.first) != len(judged.second):
        return np.empty(0)
    decided = [says(trace, judged, side) for side in (judged.first, judged.second)]
    return (judged.second if decided[0] else judged.first) if sum(decided) == 1 else np.empty(0)


def label_asked(trace: Trace) -> None:
    """Give calls of evaluation the labels that came beside their rows, or that a metric compared them with."""
    calls = [c for c in trace.calls if not (c.learned or c.gradient) and c.rows]
    marked = any(len(c.classes) for c in trace.learned)
    for call in calls:
        if not marked:
            call.classes = np.empty(0)  # what lay beside the rows, a mask of them, was no target
        if not len(call.labels) and len(call.beside) == call.rows:
            call.labels = call.beside
    for judged in trace.outside.judged:
        targets = _targets(trace, judged)
        if not len(targets):
            continue
        before = [c for c in calls if c.time < judged.time and c.step == judged.step]
        block: list[Call] = []
        while (
            before and sum(c.rows for c in block) < len(targets) and (not block or before[-1].place == block[-1].place)
        ):
            block.insert(0, before.pop())
        if not block or sum(c.rows for c in block) != len(targets) or any(len(c.labels) for c in block):
            continue
        parts = np.split(targets, np.cumsum([c.rows for c in block])[:-1])
        for call, part in zip(block, parts, strict=True):
            call.labels = part
