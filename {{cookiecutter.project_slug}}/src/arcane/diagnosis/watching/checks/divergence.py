"""The sign of a Kullback-Leibler divergence that is written out: exp(a) - a has a lowest point, a - exp(a) has none."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..formulas import VIEWS
from ..graph import source
from ..trace import Node, Trace
from .check import PassiveCheck, found

DEEPEST = 200
"""Terms of a loss that are looked at."""


def look_at_divergence(trace: Trace) -> Iterator[Finding]:
    """A divergence that is maximised: it grows without end, and hides behind what else the loss holds."""
    if trace.taking_turns or any(o.maximise for o in trace.optimisers.values()):
        return
    for backward in trace.backwards[:6]:
        parts = [(source(node), sign) for node, sign in _signed(backward.root)]
        for node, sign in parts:
            if node.name not in ("exp", "log") or not node.inputs or not node.layers:
                continue
            inner, right = source(node.inputs[0]), 1 if node.name == "exp" else -1
            alone = any(other is inner and turned == -sign for other, turned in parts)
            if alone and sign != right:
                yield found(
                    "loss-sign-flipped", "error",
                    "The loss holds a divergence with a minus: its formula has no lower end, and the optimiser makes "
                    "it as large as it can.",
                    "Add the divergence (-0.5 * (1 + logvar - mu**2 - logvar.exp())).", node.place,
                    "a divergence that is minimised", sign=sign,
                )  # fmt: skip
                return


def _signed(root: Node) -> list[tuple[Node, int]]:
    """The terms that a loss is the sum of, through means and factors, each with its sign."""
    terms: list[tuple[Node, int]] = []
    left = [(root, 1)]
    for _ in range(DEEPEST):
        if not left:
            break
        node, sign = left.pop()
        name, number = node.name, _number(node)
        if not node.layers or not node.inputs:
            continue
        if name in ("add", "sub") and len(node.inputs) > 1:
            left += [(node.inputs[0], sign), (node.inputs[1], -sign if name == "sub" else sign)]
        elif name in ("add", "sub", "mean", "sum", *VIEWS) and not _chosen(node):
            left.append((node.inputs[0], sign))
        elif name in ("neg", "rsub"):
            left += [(node.inputs[0], -sign), *((other, sign) for other in node.inputs[1:])]
        elif name in ("mul", "div") and number is not None and len(node.inputs) == 1:
            left.append((node.inputs[0], sign if number > 0 else -sign))
        elif name in ("mul", "div") and len(node.inputs) == 2 and not node.inputs[1].layers:
            left.append((node.inputs[0], sign))
        terms.append((node, sign))
    return terms


def _chosen(node: Node) -> bool:
    """Whether values were chosen, so that it is no longer the tensor itself."""
    return node.name in ("getitem", "select", "narrow", "unbind", "split", "chunk", "masked_select", "take")


def _number(node: Node) -> float | None:
    values = (node.options.get(name) for name in ("1", "0", "other"))
    return next((float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)), None)


DIVERGENCE = (
    PassiveCheck(
        ("loss-sign-flipped",),
        "A divergence that is maximised grows without end.",
        "No threshold: in a sum, a tensor and its exponential or logarithm of opposite signs, the wrong way round.",
        look_at_divergence,
    ),
)
