"""Functions that a program writes out, called what they are: a softmax of exponentials, a rectifier by a clamp."""

from .formulas import source
from .trace import Node


def name_written(node: Node) -> None:
    """Give a node that is a function of another name that name."""
    name_softmax(node)
    low = node.option("min", 1) if node.name == "clamp" else node.option("min", 1) if node.name == "clamp_min" else None
    high = node.option("max", 2)
    # Of single numbers, and one a row, it is a loss that is clamped.
    if low == 0 and high is None and len(node.inputs) == 1 and len(node.shape) > 1:
        node.name, node.options = "relu", {}


def name_softmax(node: Node) -> None:
    """Give a node that is a softmax, or its logarithm, that name, its scores and its dimension."""
    if len(node.inputs) != 2 or node.name not in ("sub", "div"):
        return
    first, total = node.inputs[0], source(node.inputs[1])
    if node.name == "sub":
        total = source(total.inputs[0]) if total.name == "log" and total.inputs else total
    if not total.inputs or total.name not in (("sum",) if node.name == "div" else ("sum", "logsumexp")):
        return
    inner, scores = total.inputs[0], first
    if total.name == "sum":
        if inner.name != "exp" or (node.name == "div" and first.name != "exp"):
            return
        inner = inner.inputs[0]
        scores = first.inputs[0] if node.name == "div" else first
    dim = _dimension(total)
    if inner is scores and dim is not None and node.shape == scores.shape:
        node.name = "log_softmax" if node.name == "sub" else "softmax"
        node.inputs, node.options = (_unshifted(scores),), {"dim": dim}


def _dimension(total: Node) -> int | None:
    """The one dimension that is summed over; None where there are several."""
    dim = total.option("dim", 1, total.options.get("axis"))
    if isinstance(dim, tuple | list) and len(dim) == 1:
        dim = dim[0]
    if dim is None and len(total.inputs[0].shape) == 1:
        dim = 0
    return dim if isinstance(dim, int) and not isinstance(dim, bool) else None


def _unshifted(scores: Node) -> Node:
    """Scores before their largest one was taken off, so that no exponential overflows."""
    if scores.name == "sub" and len(scores.inputs) == 2:
        largest = source(scores.inputs[1])
        while largest.name in ("detach", "data") and largest.inputs:
            largest = source(largest.inputs[0])
        if largest.name in ("max", "amax") and largest.inputs and largest.inputs[0] is scores.inputs[0]:
            return scores.inputs[0]
    return scores
