"""With which sign a policy learns: log-likelihoods of what was drawn, times how much better it went than expected."""

import re
from collections.abc import Iterator

from ....data.findings import Finding
from ..formulas import VIEWS
from ..graph import source, terms
from ..measuring import SQUARED
from ..trace import Node, Trace
from .check import PassiveCheck, found

GAINS = re.compile(r"reward|return|advantage|payoff|\badv\b|\bgains?\b")
COSTS = re.compile(r"cost|penalt|regret")

PASSED = VIEWS | {"add", "mean", "sum", "stack", "cat", "nanmean", "div", "mul"}
"""Operations that a larger log-likelihood makes larger."""

KEPT = VIEWS | {"detach", "data", "stack", "cat", "clamp"}
"""Operations that leave numbers what they are."""

LARGEST, DEEPEST = 400, 30


def look_at_gains(trace: Trace) -> Iterator[Finding]:
    """What went better than expected is made less likely."""
    for backward in trace.backwards[:12]:
        signs, node = [], None
        for product, weight, sign in _products(backward.root):
            turned, lines = _measured(weight)
            lines += [product.place.source] if product.place else []
            said = " ".join(line.partition("=")[2] or line for line in lines).lower()
            if not GAINS.search(said) or COSTS.search(said):
                return
            signs.append(sign * turned)
            node = node or product
        if node is not None and all(sign > 0 for sign in signs):
            yield found(
                "loss-sign-flipped", "error",
                "The program minimises log-likelihoods times rewards: what was rewarded becomes less likely.",
                "Minimise the negative of their product, with what was gained less what was expected.", node.place,
                "the negative", sign=1,
            )  # fmt: skip
            return


def look_at_critics(trace: Trace) -> Iterator[Finding]:
    """Squared errors of what a model expects, that enter with a minus."""
    if any(c.input_gradient for c in trace.learned):
        return  # an attack makes errors large
    for backward in trace.backwards[:12]:
        signs = {sign: node for node, sign in _errors(backward.root)}
        if -1 in signs and 1 not in signs:
            yield found(
                "loss-sign-flipped", "error",
                "The squared error of what the model expects enters the loss with a minus: it is made as large as can "
                "be.",
                "Add it to the loss.", signs[-1].place, "an error that is minimised", sign=-1,
            )  # fmt: skip
            return


def _errors(root: Node) -> Iterator[tuple[Node, int]]:
    """Squares of outputs less what other outputs let expect, in a loss, and the sign of each."""
    left, seen = [(root, 1)], set()
    while left and len(seen) < LARGEST:
        node, sign = left.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        learnt = [i for i in node.inputs if i.wants_gradient]
        if _error(node):
            yield node, sign
        else:
            left += _signed(node, learnt, sign)


def _error(node: Node) -> bool:
    if node.name == "square" or (node.name == "pow" and node.option("exponent", 1) in (2, 2.0)):
        return "taught.low" in node.inputs[0].facts
    both = node.name in SQUARED and len(node.inputs) > 1 and all(i.layers for i in node.inputs)
    return both and sum(i.wants_gradient for i in node.inputs) == 1


def _signed(node: Node, learnt: list[Node], sign: int) -> list[tuple[Node, int]]:
    """What an operation is made of, each with the sign with which it enters; nothing where that is not known."""
    if node.name == "neg":
        return [(i, -sign) for i in learnt]
    if node.name in ("sub", "rsub"):
        minus = None if len(node.inputs) < 2 and node.name == "sub" else node.inputs[1 if node.name == "sub" else 0]
        return [(i, -sign if i is minus else sign) for i in learnt]
    if node.name in PASSED and (len(learnt) < 2 or node.name not in ("mul", "div")):
        number = next((v for k in ("0", "1", "other") if isinstance(v := node.options.get(k), int | float)), 1)
        return [(i, -sign if node.name in ("mul", "div") and number < 0 else sign) for i in learnt]
    return []


def _products(root: Node) -> Iterator[tuple[Node, Node, int]]:
    """Log-likelihoods times given numbers of either sign in a loss: the product, the numbers, and the sign."""
    left, seen = [(root, 1)], set()
    while left and len(seen) < LARGEST:
        node, sign = left.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        learnt = [i for i in node.inputs if i.wants_gradient]
        given = [i for i in node.inputs if not i.wants_gradient]
        if node.name == "mul" and len(learnt) == len(given) == 1 and given[0].shape not in ((), (1,)):
            inner = [t for t in terms(learnt[0]) if t.kind == "log_prob" or (t.kind == "picked" and _log(t.outputs))]
            if len({t.sign for t in inner}) == 1:
                yield node, given[0], sign * inner[0].sign
        else:
            left += _signed(node, learnt, sign)


def _log(node: Node) -> bool:
    return source(node).name in ("log_softmax", "log", "logsigmoid", "log_sigmoid")


def _measured(weight: Node) -> tuple[int, list[str]]:
    """1 where numbers grow with what was gained, -1 where it was taken from what a model expected; their lines."""
    sign, lines = 1, []
    for _ in range(DEEPEST):
        lines += [weight.place.source] if weight.place else []
        name, given = weight.name, weight.inputs
        if name in ("sub", "rsub") and len(given) == 2 and _plain(given[0]) != _plain(given[1]):
            expected = given[1] if _plain(given[1]) else given[0]
            return sign * (1 if (expected is given[1]) == (name == "sub") else -1), lines
        if not given or not (name in KEPT or name in ("sub", "div", "neg", "add", "mul")):
            break
        sign, weight = (-sign if name == "neg" else sign), given[0]
    return sign, lines


def _plain(node: Node) -> bool:
    """Whether numbers are what a model gave, as it gave them."""
    for _ in range(DEEPEST):
        if node.name not in KEPT or not node.inputs:
            break
        node = node.inputs[0]
    return bool(node.layers) and node.name in ("linear", "addmm", "matmul", "model")


POLICY = (
    PassiveCheck(
        ("loss-sign-flipped",),
        "What is maximised instead of minimised gets worse at every step.",
        "No threshold: log-likelihoods times numbers, on lines that call these a reward, return, advantage or gain and "
        "not a cost; what was gained less what a model expected, or the other way round.",
        look_at_gains,
    ),
    PassiveCheck(
        ("loss-sign-flipped",),
        "A critic whose error is maximised expects anything but what comes.",
        "No threshold: squares of outputs less other outputs that no gradient goes through, with a minus.",
        look_at_critics,
    ),
)
