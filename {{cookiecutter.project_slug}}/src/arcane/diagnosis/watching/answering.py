"""Labels of evaluation that never met the outputs inside torch: out of the loader, out of a tensor, or in a metric."""

import numpy as np

from .conversions import MET
from .trace import Call, Trace


def label_asked(trace: Trace) -> None:
    """Give calls of evaluation the labels that came beside their rows, or that a metric compared them with."""
    calls = [c for c in trace.calls if not (c.learned or c.gradient) and c.rows]
    for call in calls:
        if not len(call.labels) and len(call.beside) == call.rows:
            call.labels = call.beside
    for judged in trace.outside.judged:
        if judged.kind in MET:
            continue  # which side holds the targets is not known
        before = [c for c in calls if c.time < judged.time and c.step == judged.step]
        block: list[Call] = []
        while (
            before
            and sum(c.rows for c in block) < len(judged.first)
            and (not block or before[-1].place == block[-1].place)
        ):
            block.insert(0, before.pop())
        if not block or sum(c.rows for c in block) != len(judged.first) or any(len(c.labels) for c in block):
            continue
        parts = np.split(judged.first, np.cumsum([c.rows for c in block])[:-1])
        for call, part in zip(block, parts, strict=True):
            call.labels = part
