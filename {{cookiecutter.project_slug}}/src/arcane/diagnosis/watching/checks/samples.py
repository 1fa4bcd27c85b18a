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
)
