"""Losses that are written out as formulas: which operations of a graph are one, with its scores and its targets."""

from collections.abc import Collection

from .trace import Node

COUNTS = frozenset({"index_put", "setitem", "bincount", "scatter_add", "index_add"})
"""Ways to count answers, as in a confusion matrix; but for `bincount`, what comes first holds the counts."""
KEEPING = frozenset({"float", "double", "to_int", "to", "cpu", "type", "view", "reshape"})
TOGETHER = frozenset({"and", "or", "logical_and", "logical_or", "bitwise_and", "bitwise_or"})
COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
VIEWS = frozenset({
    "view", "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "t", "T", "contiguous", "to", "float",
    "double", "half", "bfloat16", "type", "type_as", "clone", "getitem", "expand", "movedim",
    "unflatten", "cpu", "cuda",
    "view_as", "reshape_as", "select", "narrow", "swapaxes", "moveaxis", "ravel", "expand_as", "mT", "index_select",
    "as_subclass", "atleast_1d", "alias", "requires_grad", "masked_select", "take", "unbind", "split", "chunk",
})  # fmt: skip
"""Operations that only lay values out anew, or choose among them."""

LOGARITHMS = ("log_softmax", "log", "logsigmoid", "log_sigmoid", "log1p")
DEEPEST = 4000


def source(node: Node) -> Node:
    """What a tensor was before it was laid out anew."""
    for _ in range(DEEPEST):
        if node.name not in VIEWS or not node.inputs:
            break
        node = node.inputs[0]
    return node


def sides(difference: Node) -> tuple[Node, Node]:
    """Scores and targets of a difference, whichever way round it is."""
    first, second = difference.inputs[:2]
    return (first, second) if first.layers else (second, first)


def by_hand_of(node: Node) -> tuple[str, Node] | None:
    """A squared or absolute difference between scores and targets: kind and the subtraction."""
    twice = len(node.inputs) > 1 and node.inputs[0] is node.inputs[1]
    if not node.inputs:
        return None
    if (node.name in ("pow", "square") and node.option("exponent", 1, 2) in (2, 2.0)) or (
        node.name in ("mul", "matmul", "dot", "vdot", "inner") and twice
    ):
        inner, kind = node.inputs[0], "squared"
    elif node.name in ("abs", "norm", "linalg_norm", "vector_norm", "linalg_vector_norm"):
        inner, kind = node.inputs[0], "absolute"
    else:
        return None
    return (kind, inner) if inner.name in ("sub", "rsub") and "input.low" in inner.facts else None


def cross_entropy_by_hand(node: Node) -> tuple[Node, int] | None:
    """logsumexp(z) - z[label]: the picking, and 1; -1 for the difference the other way round."""
    if node.name != "sub" or len(node.inputs) < 2:
        return None
    for (whole, picked), sign in (((node.inputs[0], node.inputs[1]), 1), ((node.inputs[1], node.inputs[0]), -1)):
        whole, picked = source(whole), _picking(picked)
        if whole.name == "logsumexp" and picked is not None and source(whole.inputs[0]) is source(picked.inputs[0]):
            return picked, sign
    return None


def _picking(node: Node) -> Node | None:
    for _ in range(6):
        if node.name in ("gather", "getitem", "take_along_dim") and "input.low" in node.facts:
            return node
        if node.name not in VIEWS or not node.inputs:
            return None
        node = node.inputs[0]
    return None


def bernoulli_by_hand(node: Node) -> tuple[Node, Node, Node] | None:
    """y log p + (1 - y) log(1 - p): the first logarithm, y, and their product."""
    products = [source(i) for i in node.inputs]
    if len(products) != 2 or any(p.name != "mul" or len(p.inputs) < 2 for p in products):
        return None
    logs = [next((i for i in p.inputs if source(i).name in LOGARITHMS and i.layers), None) for p in products]
    given = [next((i for i in p.inputs if not i.layers), None) for p in products]
    if None in logs or None in given:
        return None
    complement = [g is not None and source(g).name in ("rsub", "sub") for g in given]
    first = 1 if complement[0] and not complement[1] else 0
    return logs[first], given[first], products[first]  # type: ignore[return-value]


def penalty(node: Node) -> bool:
    """Whether a number is made of parameters alone: a weight decay that is written out."""
    if node.layers or not node.wants_gradient or node.name == "parameter":
        return False
    left, seen, known = [node], set(), False
    while left:
        here = left.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        if not here.inputs and here.name != "parameter":
            return False
        known = known or here.name == "parameter"
        left += here.inputs
        if len(seen) > DEEPEST:
            return False
    return known


def source_of_rows(node: Node) -> tuple[Node | None, Node]:
    """Of a layer that data enters: the tensor whose rows these are, and the parameter; slices of columns or of time
    are the same rows, a choice of rows is not.
    """
    data = [i for i in node.inputs if not i.layers and source(i).name != "parameter"]
    parameter = next((source(i) for i in node.inputs if source(i).name == "parameter"), node)
    if not data:
        return None, parameter
    root = data[0]
    while root.name in VIEWS and len(root.inputs) == 1 and root.shape and root.inputs[0].shape[:1] == root.shape[:1]:
        root = root.inputs[0]
    return root, parameter


def reductions(node: Node, losses: Collection[str], deep: int = 8) -> tuple[str, ...]:
    """What a number was made by, behind sums and factors: `mean` or `sum`; empty where by neither, or by both."""
    node = source(node)
    number = any(isinstance(node.options.get(k), int | float) for k in ("0", "1", "other"))
    if node.name in ("add", "sub", "neg", "rsub") or (node.name == "mul" and number):
        parts = [reductions(given, losses, deep - 1) for given in node.inputs] if deep else [()]
        return parts[0] if len(set(parts)) == 1 else ()
    if node.name in ("mean", "div"):
        return ("mean",)
    how = node.name if node.name not in losses else str(node.options.get("reduction", "mean"))
    return (how,) if how in ("mean", "sum") else ()


def of_gradient(node: Node) -> bool:
    """Whether a tensor is a parameter's `.grad`, or what lies in it."""
    while node.name in ("data", "detach") and node.inputs:
        node = node.inputs[0]
    return node.name == "grad"


def errors(node: Node) -> bool:
    """Whether an operation makes errors, one a row, of a difference of outputs and targets."""
    squared = node.name in ("square", "abs") or (node.name == "pow" and node.option("exponent", 1) == 2)
    return squared and len(node.shape) == 1 and node.inputs[0].name == "sub" and "target.low" in node.inputs[0].facts
