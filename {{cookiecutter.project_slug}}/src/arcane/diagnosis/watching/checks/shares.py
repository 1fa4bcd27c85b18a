"""Logarithms of shares (log-softmax, also written out) that a loss adds up: minimised, the right ones get smaller."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..formulas import DEEPEST, VIEWS, penalty, source
from ..trace import Node, Trace
from .check import PassiveCheck, found

KEEPING = VIEWS | {"sum", "mean", "nansum", "nanmean", "where", "masked_fill", "add", "stack", "cat", "gather"}
"""Operations that a larger share makes larger."""


def look_at_shares(trace: Trace) -> Iterator[Finding]:
    """A loss that is nothing but logarithms of shares, with a plus."""
    if trace.taking_turns or any(o.maximise for o in trace.optimisers.values()):
        return
    for backward in trace.backwards[:6]:
        shares = list(_shares(backward.root))
        if shares and all(sign > 0 for _, sign in shares):
            yield found(
                "loss-sign-flipped", "error",
                "The program minimises the logarithm of shares (at most 0): what it should make likely becomes less "
                "likely.",
                "Minimise its negative.", shares[0][0].place, "the negative log-likelihood", sign=1,
            )  # fmt: skip
            return


def _shares(root: Node) -> Iterator[tuple[Node, int]]:
    """Logarithms of shares and the sign with which they enter; 0 where what lies between is not understood."""
    left, seen = [(root, 1)], set()
    while left and len(seen) < DEEPEST:
        node, sign = left.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        data = [i for i in node.inputs if not (i.layers or i.wants_gradient)]
        learnt = [i for i in node.inputs if (i.layers or i.wants_gradient) and not penalty(i)]
        number = _constant(node)
        if _logarithm(node):
            yield node, sign
        elif node.name in ("sub", "rsub") and len(node.inputs) > 1:
            for i, one in enumerate(node.inputs[:2]):
                flip = -1 if (i == 1) == (node.name == "sub") else 1
                left += [(one, flip * sign)] if one in learnt else []
        elif node.name == "neg" or (node.name in ("mul", "div") and number is not None and number < 0):
            left += [(one, -sign) for one in learnt]
        elif node.name in KEEPING or (node.name in ("mul", "div") and (number is not None or _weighs(node, data))):
            left += [(one, sign) for one in learnt]
        else:
            yield node, 0


def _weighs(node: Node, data: list[Node]) -> bool:
    """Whether outputs are multiplied with given numbers, or divided by them, of which none is negative."""
    return len(data) == 1 and node.facts.get("given.low", -1.0) >= 0


def _constant(node: Node) -> float | None:
    given = (node.options.get(name) for name in ("1", "0", "other"))
    return next((float(v) for v in given if isinstance(v, int | float) and not isinstance(v, bool)), None)


def _logarithm(node: Node) -> bool:
    """Whether a tensor is the logarithm of shares: at most 0, and the larger the better for whom it is about."""
    if not node.inputs:
        return False
    if node.name in ("log_softmax", "logsigmoid", "log_sigmoid"):
        return bool(node.layers)
    if node.name == "log":
        of = source(node.inputs[0])
        while of.name in ("add", "clamp", "clamp_min") and of.inputs:
            of = source(of.inputs[0])
        whole = of.name == "div" and len(of.inputs) > 1 and source(of.inputs[1]).name in ("sum", "add")
        return bool(of.layers) and (of.name in ("softmax", "sigmoid") or (whole and _exponential(of.inputs[0])))
    if node.name == "sub" and len(node.inputs) > 1 and node.inputs[0].layers:
        norm = source(node.inputs[1])
        if norm.name == "logsumexp":
            return True
        return norm.name == "log" and source(norm.inputs[0]).name == "sum" and _exponential(source(norm.inputs[0]))
    return False


def _exponential(node: Node) -> bool:
    for _ in range(6):
        if node.name == "exp":
            return True
        if node.name not in KEEPING | {"mul"} or not node.inputs:
            return False
        node = node.inputs[0]
    return False


SHARES = (
    PassiveCheck(
        ("loss-sign-flipped",),
        "What is maximised instead of minimised gets worse at every step.",
        "No threshold: the whole loss is logarithms of shares, summed with weights that are not negative, without a "
        "minus.",
        look_at_shares,
    ),
)
