"""Models that answer without being trained: their calls are part of another one's loss, and no gradient is meant."""

from .trace import Trace

RECENT = 8
"""Steps after its optimiser's last one at which a model is trained no more; a critic takes five and more in a row."""


def leave_teachers(trace: Trace, reached: set[int]) -> None:
    """Take calls back from training whose model had been trained before, or which no gradient reached in eval mode.

    Args:
        trace: What was seen.
        reached: Models that a gradient reached in a backward pass that was looked at.
    """
    stepped = [o for o in trace.optimisers.values() if o.steps]
    if not reached or any(o.name == "by hand" for o in stepped):
        return
    last = {
        key: max((o.last for o in stepped if not o.held.isdisjoint(model.parameters)), default=None)
        for key, model in trace.models.items()
    }
    for call in trace.learned:
        until = last[call.model]
        over = until is not None and call.step > until + RECENT
        asked = until is None and call.model not in reached and not call.training
        call.learned = not (over or asked)
