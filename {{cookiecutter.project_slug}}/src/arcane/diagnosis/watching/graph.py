"""Reads how a loss was made: which scores it compares with which targets, with which sign, and what lies between."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .formulas import DEEPEST, VIEWS, bernoulli_by_hand, by_hand_of, cross_entropy_by_hand, penalty, sides, source
from .measuring import LOSSES, SQUARED, layer
from .trace import Node, Trace

CUTS = frozenset(
    {"detach", "data", "detach_copy", "argmax", "to_int", "item", "round", "sign", "bernoulli", "gt", "ge"}
)
"""Operations that no gradient goes through."""

RISING = frozenset({"sqrt", "log", "log1p", "exp"})
"""Functions that leave the sign of a loss as it is: the root of a mean square."""

ODD = frozenset({
    "cosh", "softplus", "maximum", "max", "tanh", "square", "pow", "norm", "sigmoid", "abs", "logsigmoid",
    "log_sigmoid",
})  # fmt: skip
"""Functions between a difference and a loss that say nothing of its sign: log(cosh(d)), a quantile's max(q d, ...)."""


@dataclass(frozen=True)
class Scored:
    """A loss term.

    Attributes:
        kind: A torch loss's name, also where its formula is written out; `squared` or `absolute` for a difference by
            hand, `difference` behind any other function, `picked` for scores of the labels' classes picked by hand and
            `bernoulli` for y log p + (1 - y) log(1 - p) (log-likelihoods, whose sign is the other way round).
        node: The operation.
        outputs: What the model gave, as the loss got it.
        targets: What it is compared with.
        sign: 1 or -1: how it enters what is minimised.
        alone: Whether it is all of the loss.
        clamps: Bounds between it and the loss.
        summed: The sum over rows, where there is one that no division follows.
        weighted: Whether it is multiplied by numbers of either sign, one a row (a policy's gradient).
        odd: Whether a function of unknown direction lies between it and the loss.
        logged: Whether a logarithm lies between it and the loss: scores that are picked first.
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
    odd: bool = False
    logged: bool = False


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
    by_hand = by_hand_of(node)
    if by_hand:
        kind, difference = by_hand
        scores, targets = sides(difference)
        yield replace(so_far, kind=kind, node=difference, outputs=scores, targets=targets)
        return
    entropy = cross_entropy_by_hand(node)
    if entropy:
        picked, sign = entropy
        yield replace(
            so_far, kind="cross_entropy", node=picked, outputs=picked.inputs[0], targets=picked.inputs[-1],
            sign=so_far.sign * sign,
        )  # fmt: skip
        return
    if name == "add" and (bernoulli := bernoulli_by_hand(node)):
        likely, given, product = bernoulli
        yield replace(so_far, kind="bernoulli", node=product, outputs=likely, targets=given)
        return
    if "likelihood.parameters" in node.facts:
        yield replace(so_far, kind="log_prob", node=node, outputs=node)
    if "input.low" in node.facts and name in ("gather", "getitem", "take_along_dim", "index_select"):
        yield replace(so_far, kind="picked", node=node, outputs=node.inputs[0], targets=node.inputs[-1])
        return
    yield from _further(node, so_far, seen)


def _further(node: Node, so_far: Scored, seen: set[int]) -> Iterator[Scored]:
    name, number = node.name, _constant(node)
    one = [i for i in node.inputs if (i.layers or i.wants_gradient) and not penalty(i)]
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
        node.facts["bounds.all"] = float(so_far.alone)
        so_far = replace(so_far, clamps=(*so_far.clamps, node))
    elif name == "sum":
        so_far = replace(so_far, summed=None if so_far.scaled else node)
    elif name == "mean":
        so_far = replace(so_far, scaled=True)
    elif name in ODD:
        so_far = replace(so_far, odd=True)
    elif name in RISING:
        so_far = replace(so_far, summed=None, scaled=True, logged=so_far.logged or name == "log")
    elif name not in VIEWS and name not in ("add", "sub", "nanmean", "to", "where", "masked_fill"):
        return
    if so_far.odd and name in ("sub", "rsub") and "input.low" in node.facts:
        scores, targets = sides(node)
        yield replace(so_far, kind="difference", node=node, outputs=scores, targets=targets)
        return
    for given in node.inputs:
        if (given.layers or given.wants_gradient) and not penalty(given):
            yield from _terms(given, so_far, seen)


def _constant(node: Node) -> float | None:
    for name in ("1", "0", "other", "alpha", "value"):
        value = node.options.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def losses(trace: Trace, most: int = 40) -> list[Scored]:
    """The loss terms of the recorded backward passes."""
    read = trace.read_losses
    for backward in trace.backwards[:most]:
        if id(backward.root) not in read:
            read[id(backward.root)] = terms(backward.root)
    return [term for backward in trace.backwards[:most] for term in read[id(backward.root)]]


def given(trace: Trace) -> bool:
    """Whether targets are given to the program, not made by a model of it (bootstrapped values, a teacher)."""
    return not any(taught(t) for t in losses(trace, 12))


def owners(trace: Trace) -> dict[int, int]:
    """Of each model the one that its weights come from: a copy that nothing is learnt by (an average of weights, a
    checkpoint) stands for the model of its form that learnt before; a teacher, who makes targets, for itself.
    """
    if not given(trace):
        return {key: key for key in trace.models}
    trained = {call.model for call in trace.learned}
    held = frozenset().union(*(o.held for o in trace.optimisers.values()))  # a layer of a model that learns as a whole
    trained |= {key for key, m in trace.models.items() if held & m.parameters.keys()}
    return {key: key if key in trained or not m.copy_of else m.copy_of for key, m in trace.models.items()}


def taught(term: Scored) -> bool:
    """Whether a term's targets come from a model; what a model's own call was given beside its inputs is data."""
    targets = term.targets
    return targets is not None and bool(targets.layers or targets.calls - term.outputs.calls)


def is_squared(term: Scored) -> bool:
    return term.kind in SQUARED or term.kind in ("squared", "absolute", "difference")


def logits_of(term: Scored) -> Node | None:
    """Of a classification loss, what should be logits: before a log-softmax of the program's own, where it has one."""
    if term.kind in ("cross_entropy", "binary_cross_entropy_with_logits", "multi_margin_loss"):
        node = source(term.outputs)
        return source(node.inputs[0]) if node.name == "log_softmax" and node.inputs else node
    if term.kind == "bernoulli":
        node = source(term.outputs)
        squashed = source(node.inputs[0]) if node.name == "log" and node.inputs else node
        while squashed.name in ("add", "clamp", "clamp_min", "rsub", "sub") and squashed.inputs:
            squashed = source(squashed.inputs[0])
        return source(squashed.inputs[0]) if squashed.name == "sigmoid" and squashed.inputs else None
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


def reached(root: Node) -> frozenset[int]:
    """The calls of modules that a gradient reaches: not a teacher's, whose answer was detached; all where none is."""
    inside = (max(n.calls) for n in flowing(root) if n.calls and (n.module or n.name == "model"))
    return frozenset(inside) or root.calls


def ancestors(
    node: Node, among: Callable[[Node], bool] = lambda _: True, beyond: Callable[[Node], bool] = lambda _: True
) -> Iterator[Node]:
    """Every tensor that a tensor was made from, itself first: those `among`, and what lies `beyond` some of them."""
    left, seen = [node], set()
    while left:
        here = left.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        yield here
        left += [given for given in here.inputs if among(given)] if beyond(here) else []


def layers_before(node: Node) -> Iterator[tuple[Node, list[Node]]]:
    """Layers in a graph, each with the operations between it and the layer before, in order from the input."""
    for found in ancestors(node):
        if layer(found):
            between, given = [], _data_input(found)
            for _ in range(DEEPEST):
                if given is None or layer(given) or not given.inputs:
                    break
                between.append(given)
                given = _data_input(given) if len([i for i in given.inputs if i.layers]) == 1 else None
            if given is not None and layer(given):
                yield found, [given, *reversed(between)]


def _data_input(node: Node) -> Node | None:
    return next((i for i in node.inputs if i.layers), None)
