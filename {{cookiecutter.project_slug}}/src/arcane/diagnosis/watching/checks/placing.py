"""Outputs of many places and their targets, laid out anew on the way to the loss: whether each place meets its own."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import Scored, losses
from ..trace import Node, Trace
from .check import PassiveCheck, found

LARGEST = 2_000_000
"""Numbers of an output that is laid out again."""

SAME = frozenset({
    "contiguous", "to", "float", "double", "half", "bfloat16", "to_int", "type", "clone", "detach", "cpu", "cuda",
    "log_softmax", "softmax", "div", "mul", "requires_grad",
})  # fmt: skip
"""Operations that leave each value, or what becomes of it, where it was."""


def look_at_places(trace: Trace) -> Iterator[Finding]:
    """Lay out numbers of places as the program lays out its outputs and targets."""
    for term in losses(trace, 3):
        said = _crossed(term) if term.kind in ("cross_entropy", "nll_loss") and term.targets is not None else ""
        if said:
            yield found(
                "labels-out-of-order", "error", said,
                "Bring the classes last with transpose or permute before view, and flatten outputs and targets in the "
                "same order.",
                term.node.place, "for each place its own target", outputs=term.outputs.shape[0],
            )  # fmt: skip
            return


def _crossed(term: Scored) -> str:
    """How the places of the outputs that the loss gets differ from those of the targets; nothing where they agree."""
    start, ways = _walked(term.outputs, lambda node: False)
    at = 1 if start.name.startswith("conv") else -1
    if len(start.shape) != 3 or math.prod(start.shape) > LARGEST or not term.targets:
        return ""
    lead = tuple(size for i, size in enumerate(start.shape) if i != at % 3)
    numbers = np.arange(math.prod(lead)).reshape(lead)
    laid = _laid_out(np.broadcast_to(np.expand_dims(numbers, at), start.shape), ways)
    if laid is None or laid.shape != term.outputs.shape or min(lead) < 2:
        return ""
    laid = np.moveaxis(laid, 1 if laid.ndim > 1 else 0, -1)
    if not (laid == laid[..., :1]).all():
        return _mixed(start, at, ways, term)
    first, turns = _walked(term.targets, lambda node: node.shape in (lead, lead[::-1]))
    if lead[0] == lead[1] or first.shape not in (lead, lead[::-1]):
        return ""
    wanted = _laid_out(numbers if first.shape == lead else numbers.T, turns)
    if wanted is None or wanted.shape != laid.shape[:-1] or (wanted == laid[..., 0]).all():
        return ""
    return (
        f"Outputs {list(start.shape)} reach the loss by a {_words(ways)}, targets {list(first.shape)} by a "
        f"{_words(turns)}: {100 * float((wanted != laid[..., 0]).mean()):.0f} % of the outputs meet the target of "
        "another place."
    )


def _mixed(start: Node, at: int, ways: list[Node], term: Scored) -> str:
    """What is said of values of several places that the loss takes for classes.

    Of one channel they may be: which of the places it is.
    """
    shape = [1, 1, 1]
    shape[at] = start.shape[at]
    channels = np.broadcast_to(np.arange(start.shape[at]).reshape(shape), start.shape)
    laid = _laid_out(channels, ways)
    laid = None if laid is None else np.moveaxis(laid, 1 if laid.ndim > 1 else 0, -1)
    if laid is None or (laid == laid[..., :1]).all():
        return ""
    return (
        f"Outputs {list(start.shape)} are laid out as {list(term.outputs.shape)} by a {_words(ways)}: what the loss "
        "takes for the classes of a place are values of several places."
    )


def _walked(node: Node, stop: Callable[[Node], bool]) -> tuple[Node, list[Node]]:
    """The tensor that was laid out anew, back to a stop, and the operations since, the first one first."""
    ways: list[Node] = []
    while not stop(node) and len(node.inputs) == 1 and (node.name in WAYS or _kept(node)):
        ways.append(node)
        node = node.inputs[0]
    return node, ways[::-1]


def _kept(node: Node) -> bool:
    return node.name in SAME and node.inputs[0].shape == node.shape


def _words(ways: list[Node]) -> str:
    return " and a ".join(way.name for way in ways if way.name in WAYS) or "way of their own"


def _numbers(node: Node) -> list[int]:
    """The whole numbers among an operation's arguments, in order, whether in a tuple or not."""
    given = [value for name, value in node.options.items() if name.isdigit() or name in ("shape", "dims", "size")]
    flat = [n for value in given for n in (value if isinstance(value, tuple | list) else [value])]
    return [n for n in flat if isinstance(n, int)]


def _pair(node: Node) -> tuple[int, int]:
    numbers = [v for v in node.options.values() if isinstance(v, int)]
    return numbers[0], numbers[1]


WAYS: dict[str, Callable[[np.ndarray, Node], np.ndarray]] = {
    **dict.fromkeys(("view", "reshape", "flatten", "squeeze", "unsqueeze", "ravel", "unflatten", "view_as"),
                    lambda values, node: values.reshape(node.shape)),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), lambda values, node: values.swapaxes(*_pair(node))),
    **dict.fromkeys(("movedim", "moveaxis"), lambda values, node: np.moveaxis(values, *_pair(node))),
    "permute": lambda values, node: values.transpose(_numbers(node)),
    "t": lambda values, node: values.T,
    "T": lambda values, node: values.T,
    "mT": lambda values, node: values.swapaxes(-1, -2),
}  # fmt: skip
"""How numpy does what torch did."""


def _laid_out(values: np.ndarray, ways: list[Node]) -> np.ndarray | None:
    """The same operations on other values; None where one was called in a way that is not known."""
    for way in ways:
        try:
            values = WAYS[way.name](values, way) if way.name in WAYS else values
        except (ValueError, IndexError, TypeError):
            return None
        if values.shape != way.shape:
            return None
    return values


PLACING = PassiveCheck(
    ("labels-out-of-order",),
    "A view that is taken for a transposition gives each place the target of another one.",
    "No threshold: numbers of places, laid out as outputs [n, T, K] and targets [n, T] are, differ at the loss; of as "
    "many rows as places nothing is said.",
    look_at_places,
)
