"""What a distribution over classes is made of, whose log_prob a loss adds up: it normalises by itself."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..formulas import source
from ..graph import ancestors
from ..trace import Node, Trace
from .check import PassiveCheck, found
from .loss import BOUNDED

DEEPEST = 10


def look_at_likelihoods(trace: Trace) -> Iterator[Finding]:
    """A softmax, or another bounded function, before the distribution's own; or one over the examples."""
    for backward in trace.backwards[:4]:
        for node in ancestors(backward.root):
            if "likelihood.parameters" not in node.facts:
                continue
            finding = _of(trace, *_normalised(node))
            if finding is not None:
                yield finding
                return


def _normalised(node: Node) -> tuple[str, Node | None]:
    """What a distribution over classes was given, `logits` or `probs`, and that tensor."""
    for _ in range(DEEPEST):
        if node.name == "log_softmax":
            return "logits", source(node.inputs[0])
        if node.name == "div" and len(node.inputs) == 2:
            whole = source(node.inputs[1])
            if whole.name == "sum" and source(whole.inputs[0]) is source(node.inputs[0]):
                return "probs", source(node.inputs[0])
        learnt = [i for i in node.inputs if i.wants_gradient]
        if len(learnt) != 1:
            break
        node = learnt[0]
    return "", None


def _of(trace: Trace, kind: str, node: Node | None) -> Finding | None:
    if node is None or not node.layers:
        return None
    if kind == "logits" and node.name in ("softmax", "sigmoid"):
        return found(
            "loss-expects-logits", "error",
            f"A distribution over classes gets as logits what went through a {node.name}, and applies a softmax of its "
            "own: no class can become likely.",
            f"Give it the logits, or what went through the {node.name} as probs.", node.place, "logits of both signs",
        )  # fmt: skip
    if kind == "logits" and node.name in BOUNDED:
        return found(
            "activation-on-logits", "error",
            f"The logits of a distribution over classes went through a {node.name}.",
            "Take the activation off the last layer: logits need both signs and any size.", node.place,
            "logits as the last layer gives them",
        )  # fmt: skip
    rows = {trace.calls[number].rows for number in node.calls}
    over_rows = node.name == "softmax" and node.option("dim", 1) in (0, -2) and len(node.shape) == 2
    if kind == "probs" and over_rows and rows == {node.shape[0]} and node.shape[0] != node.shape[1]:
        return found(
            "softmax-wrong-dim", "error",
            f"The softmax that a distribution over classes gets runs over dimension 0 of {list(node.shape)}, which "
            "counts examples, not classes.",
            "Use dim=-1.", node.place, "dim 1", dim=0, size=node.shape[0],
        )  # fmt: skip
    return None


LIKELIHOODS = PassiveCheck(
    ("loss-expects-logits", "activation-on-logits", "softmax-wrong-dim"),
    "A policy that is squashed twice can never make up its mind.",
    "No threshold: what torch.distributions normalises, behind a log_prob in the loss.",
    look_at_likelihoods,
)
