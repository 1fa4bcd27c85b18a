"""Which values outputs can take at all, whatever the weights are: intervals, followed through the operations."""

import math

from .formulas import VIEWS
from .trace import Node

Interval = tuple[float, float]
ANY: Interval = (-math.inf, math.inf)
RANGES: dict[str, Interval] = {
    "sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf), "relu6": (0.0, 6.0), "hardsigmoid": (0.0, 1.0), "hardtanh": (-1.0, 1.0),
    "exp": (0.0, math.inf), "abs": (0.0, math.inf), "square": (0.0, math.inf), "log_softmax": (-math.inf, 0.0),
    "cosine_similarity": (-1.0, 1.0), "sqrt": (0.0, math.inf), "softsign": (-1.0, 1.0),
    "logsigmoid": (-math.inf, 0.0), "log_sigmoid": (-math.inf, 0.0), "norm": (0.0, math.inf),
    "vector_norm": (0.0, math.inf), "linalg_vector_norm": (0.0, math.inf), "cos": (-1.0, 1.0), "sin": (-1.0, 1.0),
}  # fmt: skip
"""What activations give, of any input."""

CHOOSING = VIEWS | {"mean", "nanmean", "max", "min", "amax", "amin", "gather", "median", "flip", "roll", "repeat",
                    "dropout_off", "contiguous", "detach"}  # fmt: skip
"""Operations whose results lie between values that they are given."""

DEEP = 24


def reach(node: Node, deep: int = 0) -> tuple[Interval, Node]:
    """The values that a tensor can take, and the operation that bounds them.

    Args:
        node: The tensor.
        deep: How many operations were followed so far.
    """
    if deep > DEEP:
        return ANY, node
    if node.name in RANGES:
        return RANGES[node.name], node
    if node.name in ("clamp", "clip", "clamp_min", "clamp_max"):
        return _clamped(node), node
    inputs = [i for i in node.inputs if i.layers]
    if node.name == "pow":
        exponent = node.option("exponent", 1)
        return ((0.0, math.inf) if exponent in (2, 2.0, 4, 4.0) else ANY), node
    if not inputs or (len(inputs) > 1 and node.name not in ("add", "cat", "stack", "where", "mul")):
        return ANY, node
    found = [reach(one, deep + 1) for one in inputs]
    (low, high), by = found[0]
    if node.name in CHOOSING:
        return (low, high), by
    if node.name in ("cat", "stack", "where"):
        whole = len(inputs) == len(node.inputs) - (node.name == "where")
        return ((min(r[0][0] for r in found), max(r[0][1] for r in found)) if whole else ANY), by
    if node.name == "sum":
        return (0.0 if low >= 0 else -math.inf, 0.0 if high <= 0 else math.inf), by
    if len(inputs) > 1:
        (other_low, other_high), _ = found[1]
        if len(inputs) == len(node.inputs) == 2 and node.name == "add":
            return (low + other_low, high + other_high), by
        positive = len(inputs) == len(node.inputs) == 2 and low >= 0 and other_low >= 0
        return ((low * other_low, math.inf) if positive else ANY), by
    return _moved(node, (low, high)), by


def _clamped(node: Node) -> Interval:
    if node.name == "clamp_max":
        return ANY
    low, high = node.option("min", 1), node.option("max", 2)
    return (
        float(low) if isinstance(low, int | float) else -math.inf,
        float(high) if isinstance(high, int | float) and node.name != "clamp_min" else math.inf,
    )


def _moved(node: Node, within: Interval) -> Interval:
    """An interval after one operation with a number, or with given numbers of one sign."""
    low, high = within
    number = next(
        (float(v) for k in ("0", "1", "other", "value") if isinstance(v := node.options.get(k), int | float)
         and not isinstance(v, bool)), None,
    )  # fmt: skip
    if node.name == "neg":
        return -high, -low
    if number is None:
        kept = node.name in ("mul", "div") and low >= 0 and node.facts.get("given.low", -1.0) >= 0
        return (0.0, math.inf) if kept else ANY
    if node.name == "add":
        return low + number, high + number
    if node.name == "sub":
        return low - number, high - number
    if node.name == "rsub":
        return number - high, number - low
    if node.name in ("mul", "div") and number:
        ends = [end * (number if node.name == "mul" else 1 / number) for end in within]
        return min(ends), max(ends)
    if node.name == "masked_fill":
        return min(low, number), max(high, number)
    return ANY
