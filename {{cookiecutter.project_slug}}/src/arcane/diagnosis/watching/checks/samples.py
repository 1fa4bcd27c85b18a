"""Draws from a distribution that the model makes, where a gradient should go through and does not."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..formulas import source
from ..graph import ancestors, losses
from ..measuring import layer
from ..trace import Node, Trace
from .check import PassiveCheck, found


def look_at_samples(trace: Trace) -> Iterator[Finding]:
    """What was drawn from a normal distribution of the model's own enters a further layer."""
    if trace.taking_turns or any(t.weighted or t.kind == "log_prob" for t in losses(trace, 12)):
        return  # a policy's gradient goes another way
    for backward in trace.backwards[:6]:
        entered = {id(_whole(i)) for n in ancestors(backward.root) if n.wants_gradient and layer(n) for i in n.inputs}
        for node in ancestors(backward.root):
            made = any(i.layers and i.wants_gradient for i in node.inputs)
            if node.name == "normal" and made and id(node) in entered:  # its gradient is nought, where it has one
                yield found(
                    "gradient-does-not-flow", "error",
                    "What the model draws from its own normal distribution has no gradient: what comes after the draw "
                    "teaches nothing to what comes before.",
                    "Draw with rsample(), or mean + deviation * torch.randn_like(deviation).",
                    node.place, "a draw that a gradient goes through", step=backward.step,
                )  # fmt: skip
                return


def look_at_returned(trace: Trace) -> Iterator[Finding]:
    """What layers gave leaves torch within a model, and new tensors of its shape enter the next layer."""
    gone = {(number, node.shape): node for node in trace.left if len(node.shape) > 1 for number in node.calls}
    if not gone or trace.taking_turns:
        return
    for backward in trace.backwards[:6]:
        for node in ancestors(backward.root):
            fresh = [source(i) for i in node.inputs if not i.layers] if node.module and layer(node) else []
            fresh = [i for i in fresh if not i.inputs and i.name in MADE_ANEW and i.dtype.startswith("float")]
            fresh = [i for i in fresh if not any(i is source(s) for s in _given(trace, node))]
            left = next((gone[n, i.shape] for i in fresh for n in node.calls if (n, i.shape) in gone), None)
            if left is not None:
                yield found(
                    "gradient-does-not-flow", "error",
                    f"What the model made, of shape {list(left.shape)}, leaves torch within it, and comes back as a "
                    "new tensor: what comes after teaches nothing to what comes before.",
                    "Stay with torch's own functions; no numpy(), tolist() or item() on the way.",
                    left.place, "a gradient that goes through", step=backward.step,
                )  # fmt: skip
                return


MADE_ANEW = ("data", "tensor", "as_tensor")
"""`data` is what no operation that torch tells of has made: `from_numpy` is none."""


def _given(trace: Trace, node: Node) -> list[Node]:
    """What the calls behind a tensor were given."""
    return [given for number in node.calls if (given := trace.calls[number].source) is not None]


def _whole(node: Node) -> Node:
    """A draw behind what it was laid beside."""
    node = source(node)
    return source(node.inputs[0]) if node.name in ("cat", "stack") and node.inputs else node


SAMPLES = (
    PassiveCheck(
        ("gradient-does-not-flow",),
        "An encoder that its decoder's loss does not reach learns from the other terms alone.",
        "No threshold: torch.normal, or a distribution's sample(), of parameters that want a gradient, before a layer.",
        look_at_samples,
    ),
    PassiveCheck(
        ("gradient-does-not-flow",),
        "An encoder that its decoder's loss does not reach learns from the other terms alone.",
        "No threshold: within one call of a model, what layers gave leaves torch, and a new tensor of the same shape "
        "enters a layer.",
        look_at_returned,
    ),
)
