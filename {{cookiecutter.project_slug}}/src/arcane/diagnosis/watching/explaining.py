"""Backward passes and calls that are neither training nor evaluation: explanations, attacks, samples, pools."""

from itertools import islice
from typing import TYPE_CHECKING, Any

from .graph import ancestors, terms
from .measuring import RANDOM
from .places import Place
from .trace import Node

if TYPE_CHECKING:
    from .trace import Trace

MOST_NODES = 300

POOL = 3
"""Rows asked about and learnt from afterwards for the first time, once training had met rows again, that show a pool:
of a set that is held out there is none."""


def explains(recorder: Any, root: Node | None, place: Place | None, calls: frozenset[int]) -> bool:
    """Whether a backward pass trains nothing: a model that has learnt is asked for the gradient of its inputs, or of
    answers that meet no targets (saliency, Grad-CAM, an attack), in eval mode, at a line that trained nothing before.
    """
    trace = recorder.trace
    called = [call for call in (trace.calls[number] for number in calls) if call.gradient]
    if not called or place in recorder.trained_at or any(c.training for c in called):
        return False
    if not all(trace.models[c.model].form in recorder.calling.learnt for c in called):
        return False
    if all(c.input_gradient for c in called):
        return True
    return root is not None and all(term.targets is None for term in terms(root))


def imagined(source: Node) -> bool:
    """Whether a call's inputs are no data: drawn at random, or made by an earlier call (sampling, step by step)."""
    if source.layers:
        return True
    nodes = list(islice(ancestors(source), MOST_NODES))
    leaves = {node.name for node in nodes if not node.inputs}
    return len(nodes) < MOST_NODES and bool(leaves & RANDOM) and not leaves & {"data", "unseen"}


def pools(trace: "Trace") -> set[tuple]:
    """Lines, with those above them, that ask about rows which are learnt from later: to choose or to label them.

    Only where no label met the answers: active learning, pseudo-labels.
    """
    first: dict[int, int] = {}
    met_again = len(trace.calls)
    for call in trace.learned:
        known = [key in first for key in call.keys.tolist()]
        if known and sum(known) > 0.5 * len(known):
            met_again = min(met_again, call.number)
        for key in call.keys.tolist():
            first.setdefault(key, call.number)
    found = set()
    for call in trace.calls[met_again:]:
        if call.shown and not (call.scored or call.learned or call.gradient):
            later = sum(first.get(key, -1) > call.number for key in call.keys.tolist())
            if later >= POOL:
                found.add((call.place, call.callers))
    return found
