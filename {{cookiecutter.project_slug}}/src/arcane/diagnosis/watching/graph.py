"""Reads how a loss was made: which scores it compares with which targets, with which sign, and what lies between."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .measuring import LOSSES, SQUARED, layer
from .trace import Node, Trace

VIEWS = frozenset({
    "view", "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "t", "T", "contiguous", "to", "float",
    "double", "half", "bfloat16", "type", "type_as", "clone", "getitem", "expand", "movedim",
    "unflatten", "cpu", "cuda",
    "view_as", "reshape_as", "select", "narrow", "swapaxes", "moveaxis", "ravel", "expand_as", "mT", "index_select",
    "as_subclass", "atleast_1d", "alias", "requires_grad", "masked_select", "take", "unbind", "split", "chunk",
})  # fmt: skip
"""Operations that only lay values out anew, or choose among them."""

CUTS = frozenset(
    {"detach", "data", "detach_copy", "argmax", "to_int", "item", "round", "sign", "bernoulli", "gt", "ge"}
)
"""Operations that no gradient goes through."""

DEEPEST = 4000


@dataclass(frozen=True)
class Scored:
    """A loss term.

    Attributes:
        kind: A torch loss's name; `squared` or `absolute` for a difference by hand, `picked` for scores of the labels'
            classes picked by hand (a log-likelihood, whose sign is the other way round).
        node: The operation.
        outputs: What the model gave, as the loss got it.
        targets: What it is compared with.
        sign: 1 or -1: how it enters what is minimised.
        alone: Whether it is all of the loss.
        clamps: Bounds between it and the loss.
        summed: The sum over rows, where there is one that no division follows.
        weighted: Whether it is multiplied by numbers of either sign, one a row (a policy's gradient).
    """

    kind: str
    node: Node
    outputs: Node
    targets: Node | None = None
    sign: int = 1
    alone: bool = True
    clamps: tuple[Node, ...] = ()
    summed: Node | None = None
    scaled: bool = False
    weighted: bool = False


def source(node: Node) -> Node:
    """What a tensor was before it was laid out anew."""
    for _ in range(DEEPEST):
        if node.name not in VIEWS or not node.inputs:
            break
        node = node.inputs[0]
    return node


def terms(root: Node) -> list[Scored]:
    """The loss terms under the tensor that backward was called on."""
    return list(_terms(root, Scored("", root, root), set()))


def _terms(node: Node, so_far: Scored, seen: set[int]) -> Iterator[Scored]:
    if id(node) in seen or len(seen) > DEEPEST:
        return
    seen.add(id(node))
    name = node.name
    if name in LOSSES and node.inputs:
        targets = node.inputs[1] if len(node.inputs) > 1 else None
        summed = so_far.summed or (node if node.options.get("reduction") == "sum" and not so_far.scaled else None)
        yield replace(so_far, kind=name, node=node, outputs=node.inputs[0], targets=targets, summed=summed)
        return
    by_hand = _by_hand(node)
    if by_hand:
        kind, difference = by_hand
        scores, targets = difference.inputs[:2]
        if not scores.layers:
            scores, targets = targets, scores
        yield replace(so_far, kind=kind, node=difference, outputs=scores, targets=targets)
        return
    if "likelihood.parameters" in node.facts:
        yield replace(so_far, kind="log_prob", node=node, outputs=node)
    if "input.low" in node.facts and name in ("gather", "getitem", "take_along_dim", "index_select"):
        yield replace(so_far, kind="picked", node=node, outputs=node.inputs[0], targets=node.inputs[-1])
        return
    yield from _further(node, so_far, seen)


def _further(node: Node, so_far: Scored, seen: set[int]) -> Iterator[Scored]:
    name, number = node.name, _constant(node)
    one = [i for i in node.inputs if i.layers or i.wants_gradient]
    if name == "neg":
        so_far = replace(so_far, sign=-so_far.sign)
    elif name in ("mul", "div"):
        if number is not None:
            so_far = replace(
                so_far, sign=so_far.sign * (-1 if number < 0 else 1), scaled=name == "div" or abs(number) < 1
            )
        elif len(node.inputs) > 1:
            weights = [i for i in node.inputs if not (i.layers or i.wants_gradient)]
            hot = [i for i in node.inputs if source(i).name in ("log_softmax", "log")]
            if name == "mul" and hot and weights and weights[0].shape == hot[0].shape and len(hot[0].shape) > 1:
                yield replace(so_far, kind="picked", node=node, outputs=hot[0], targets=weights[0])
                return
            if not weights or (weights[0].shape not in ((), (1,)) and name == "mul"):
                so_far = replace(so_far, alone=False, weighted=True)
            so_far = replace(so_far, scaled=so_far.scaled or name == "div")
    elif name in ("rsub",) and number is not None:
        so_far = replace(so_far, sign=-so_far.sign)
    elif name in ("add", "sub", "stack", "cat", "addcmul", "logaddexp") and len(one) > 1:
        so_far = replace(so_far, alone=False)
        if name == "sub":
            yield from _terms(node.inputs[0], so_far, seen)
            yield from _terms(node.inputs[1], replace(so_far, sign=-so_far.sign), seen)
            return
    elif name in ("clamp", "clamp_max", "clamp_min", "minimum", "hardtanh", "relu"):
        so_far = replace(so_far, clamps=(*so_far.clamps, node))
    elif name == "sum":
        so_far = replace(so_far, summed=None if so_far.scaled else node)
    elif name == "mean":
        so_far = replace(so_far, scaled=True)
    elif name not in VIEWS and name not in ("add", "sub", "nanmean", "to", "where", "masked_fill"):
        return
    for given in node.inputs:
        if given.layers or given.wants_gradient:
            yield from _terms(given, so_far, seen)


def _by_hand(node: Node) -> tuple[str, Node] | None:
    """A squared or absolute difference between scores and targets."""
    if (node.name in ("pow", "square") and node.inputs and node.option("exponent", 1, 2) in (2, 2.0)) or (
        node.name == "mul" and len(node.inputs) > 1 and node.inputs[0] is node.inputs[1]
    ):
        inner, kind = node.inputs[0], "squared"
    elif node.name == "abs" and node.inputs:
        inner, kind = node.inputs[0], "absolute"
    else:
        return None
    return (kind, inner) if inner.name in ("sub", "rsub") and "input.low" in inner.facts else None


def _constant(node: Node) -> float | None:
    for name in ("1", "0", "other", "alpha", "value"):
        value = node.options.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def losses(trace: Trace, most: int = 40) -> list[Scored]:
    """The loss terms of the recorded backward passes."""
    return [term for backward in trace.backwards[:most] for term in terms(backward.root)]


def is_squared(term: Scored) -> bool:
    return term.kind in SQUARED or term.kind in ("squared", "absolute")


def logits_of(term: Scored) -> Node | None:
    """Of a classification loss, what should be logits: before a log-softmax of the program's own, where it has one."""
    if term.kind in ("cross_entropy", "binary_cross_entropy_with_logits", "multi_margin_loss"):
        node = source(term.outputs)
        return source(node.inputs[0]) if node.name == "log_softmax" and node.inputs else node
    if term.kind in ("nll_loss", "picked"):
        node = source(term.outputs)
        if node.name == "log" and node.inputs:
            node = source(node.inputs[0])
            if node.name in ("add", "clamp", "clamp_min") and node.inputs:
                node = source(node.inputs[0])
            return source(node.inputs[0]) if node.name == "softmax" and node.inputs else None
        return source(node.inputs[0]) if node.name == "log_softmax" and node.inputs else None
    return None


def flowing(node: Node) -> Iterator[Node]:
    """Every tensor that a gradient reaches from this one, itself first: a target network's are not among them."""
    return ancestors(node, lambda other: other.wants_gradient)


def ancestors(node: Node, among: Callable[[Node], bool] = lambda _: True) -> Iterator[Node]:
    """Every tensor that a tensor was made from, itself first."""
    left, seen = [node], set()
    while left:
        here = left.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        yield here
        left += [given for given in here.inputs if among(given)]


def layers_before(node: Node) -> Iterator[tuple[Node, list[Node]]]:
    """Layers in a graph, each with the operations between it and the layer before, in order from the input."""
    for found in ancestors(node):
        if layer(found):
            between, given = [], _data_input(found)
            for _ in range(DEEPEST):
                if given is None or layer(given) or not given.inputs:
                    break
                between.append(given)
                given = given.inputs[0] if len([i for i in given.inputs if i.layers]) == 1 else None
            if given is not None and layer(given):
                yield found, [given, *reversed(between)]


def _data_input(node: Node) -> Node | None:
    return next((i for i in node.inputs if i.layers), None)
