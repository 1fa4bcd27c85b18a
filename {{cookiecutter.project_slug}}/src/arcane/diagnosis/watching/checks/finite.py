"""NaN and infinity in what a model gets, at whichever step."""

import math
from collections.abc import Iterator

from ....data.findings import Finding
from ..trace import Call, Trace
from .check import PassiveCheck, found

ADVICE = "Look for missing values, a division by a standard deviation of zero, or a logarithm in the preprocessing."


def look_at_rows(trace: Trace) -> Iterator[Finding]:
    """Inputs that are not finite, where the loss is not either: a model that knows what is absent has a finite one."""
    first = next((e for e in trace.events if e.kind == "backward" and not math.isfinite(e.loss)), None)
    broken = [c for c in trace.calls if c.not_finite and c.gradient]
    own = [c for c in broken if first is not None and c.step == first.step and c.time < first.time]
    if own:
        yield _said(own[-1], "training", len(broken))
        return
    asked = [c for c in trace.asked if len(c.keys)]
    broken = [c for c in asked if c.not_finite]
    learned = [c for c in trace.learned if len(c.keys)]
    if broken and len(learned) >= 3 and not any(c.not_finite for c in learned):
        yield _said(broken[0], "evaluation", len(broken))


def _said(call: Call, phase: str, calls: int) -> Finding:
    return found(
        "input-not-finite", "error",
        f"{100 * call.not_finite:.3g} % of the values that the model gets in {phase} are NaN or infinite, in {calls} "
        "calls looked at.",
        ADVICE, call.place, "0", not_finite=call.not_finite, calls=calls,
    )  # fmt: skip


FINITE = (
    PassiveCheck(
        ("input-not-finite",),
        "One NaN makes the loss and then every weight NaN; in evaluation, the metric.",
        "No threshold: rows that are not finite where their loss is the first that is not, or in evaluation alone.",
        look_at_rows,
    ),
)
