"""Formulas that take numbers from 0 to 1 for granted: shares of a row, several marks in one, the overlap of masks."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import ancestors, losses, source
from ..reaching import reach
from ..trace import Node, Trace
from .check import PassiveCheck, found

ROWS = (0, -2, (0,), [0], (-2,), [-2])
"""Ways to name the first of two dimensions."""


def look_at_shares_by_hand(trace: Trace) -> Iterator[Finding]:
    """exp(z) / exp(z).sum(0): a softmax that is written out, over the examples."""
    for backward in trace.backwards[:6]:
        for node in ancestors(backward.root):
            if node.name != "div" or len(node.inputs) != 2 or len(node.shape) != 2 or node.shape[0] == node.shape[1]:
                continue
            top, whole = node.inputs[0], source(node.inputs[1])
            if top.name != "exp" or not top.layers or whole.name != "sum" or whole.option("dim", 1) not in ROWS:
                continue
            rows = {trace.calls[number].rows for number in node.calls}
            if rows == {node.shape[0]} and _same(source(whole.inputs[0]), top):
                yield found(
                    "softmax-wrong-dim", "error",
                    f"Exponentials {list(node.shape)} are divided by their sums over dimension 0, which counts "
                    "examples, not classes.",
                    "Sum over the classes (dim=1, keepdim=True), or use log_softmax(dim=1).", node.place, "dim 1",
                    dim=0, size=node.shape[0],
                )  # fmt: skip
                return


def _same(first: Node, second: Node) -> bool:
    """Whether two tensors are one, or made of one in the same way."""
    return first is second or (first.name == second.name and first.inputs == second.inputs != ())


def look_at_several_marks(trace: Trace) -> Iterator[Finding]:
    """Rows that sum to one, against rows in which several places are marked, or none."""
    for term in losses(trace):
        facts, shape = term.node.facts, term.outputs.shape
        behind = source(term.outputs)
        each = term.kind in ("binary_cross_entropy", "mse_loss", "squared") and term.targets is not None
        if not each or behind.name != "softmax" or len(shape) != 2 or behind.option("dim", 1) not in (1, -1):
            continue
        if facts.get("target.whole") == 1 and facts.get("target.high") == 1 and facts.get("target.sum_off_1", 0) >= 1:
            yield found(
                "output-range-cannot-reach-targets", "error",
                f"The outputs are a softmax, {shape[1]} shares that sum to one; the targets mark several classes, or "
                "none, in a row, each with a 1.",
                "Use a sigmoid for each class, or binary_cross_entropy_with_logits on the logits.", behind.place,
                "each class for itself", sum_off=facts["target.sum_off_1"],
            )  # fmt: skip
            return


def look_at_overlap(trace: Trace) -> Iterator[Finding]:
    """2 sum(p t) / (sum(p) + sum(t)), the overlap of masks, of outputs that have no bounds: its divisor may be 0."""
    for backward in trace.backwards[:6]:
        for node in ancestors(backward.root):
            if node.name != "div" or len(node.inputs) != 2:
                continue
            outputs = _overlapping(node.inputs[0])
            if outputs is None or not _counts(node.inputs[1], outputs):
                continue
            (low, high), _ = reach(outputs)
            if low < 0 and high > 1:
                yield found(
                    "loss-expects-probabilities", "error",
                    "The overlap of outputs and targets (Dice, or intersection over union) gets outputs without "
                    "bounds: below 0 they take away from the sums that it divides by.",
                    "Put a sigmoid (several classes: a softmax) before it.", node.place, "probabilities, 0 to 1",
                )  # fmt: skip
                return


def _overlapping(node: Node, deep: int = 6) -> Node | None:
    """The outputs of sum(outputs * targets), behind sums, factors and small numbers."""
    node = source(node)
    if deep and node.name in ("add", "mul", "sum", "rmul") and node.inputs:
        pair = node.inputs if node.name == "mul" and len(node.inputs) == 2 else ()
        if pair and bool(pair[0].layers) != bool(pair[1].layers) and pair[0].shape == pair[1].shape != ():
            made = pair[0] if pair[0].layers else pair[1]
            return source(made) if len(made.shape) > 1 else None
        return next((f for i in node.inputs if i.layers and (f := _overlapping(i, deep - 1))), None)
    return None


def _counts(node: Node, outputs: Node, deep: int = 8) -> bool:
    """Whether a divisor is the sum of these outputs and of other numbers, each as they are."""
    sums, left = [], [node]
    while left and deep:
        here, deep = source(left.pop()), deep - 1
        if here.name in ("add", "sub") and here.inputs:
            left += here.inputs
        elif here.name == "sum" and here.inputs:
            sums.append(source(here.inputs[0]))
    return any(one is outputs for one in sums) and any(not one.layers for one in sums)


PORTIONS = (
    PassiveCheck(
        ("softmax-wrong-dim",),
        "Probabilities that sum to one over the batch rank examples, not classes.",
        "No threshold: exponentials over their sums along dimension 0, which is as long as the batch.",
        look_at_shares_by_hand,
    ),
    PassiveCheck(
        ("output-range-cannot-reach-targets",),
        "Of shares that sum to one, no two can be 1.",
        "No threshold: a softmax, and rows of whole targets whose sum is 0, 2 or more.",
        look_at_several_marks,
    ),
    PassiveCheck(
        ("loss-expects-probabilities",),
        "An overlap of unbounded scores has no best value.",
        "No threshold: what the outputs can reach, in a quotient of sum(outputs * targets) and sum(outputs) + "
        "sum(targets).",
        look_at_overlap,
    ),
)
