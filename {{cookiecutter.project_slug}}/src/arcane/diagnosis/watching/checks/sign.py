"""With which sign a loss is minimised: read from its formula, from its push on the outputs, and from where it goes."""

import math
from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import Scored, ancestors, logits_of, losses, source, taught, terms
from ..trace import Node, Trace
from .check import PassiveCheck, found
from .loss import named
from .policy import POLICY


def look_at_sign(trace: Trace) -> Iterator[Finding]:
    """A loss that is maximised."""
    several = trace.taking_turns
    # Beside an optimiser, steps by hand are no training of their own (a look at the worst weights nearby, and back).
    alone = len(trace.optimisers) == 1
    uphill = [o for key, o in trace.optimisers.items() if o.maximise and o.steps and (key or alone)]
    terms = losses(trace)
    for term in terms:
        right = -1 if term.kind in ("picked", "bernoulli") else 1
        if term.kind == "picked" and (term.node.facts.get("target.whole", 0) < 1 or not (_log(term) or _likely(term))):
            continue
        if not term.alone or several or term.odd or term.kind in ("hinge_embedding_loss", "log_prob", "difference"):
            continue
        flipped = term.sign != right
        if flipped != bool(uphill):
            yield found(
                "loss-sign-flipped", "error",
                f"The {'optimiser maximises' if uphill else 'program minimises the negative of'} a loss "
                f"({named(term)}) that falls as the outputs get better.",
                "Go against the gradient: no maximize=True, and no plus in a step by hand."
                if uphill
                else "Turn the sign of the loss.",
                (uphill[0].made or uphill[0].place) if uphill else term.node.place,
                "the loss itself is minimised", sign=term.sign,
            )  # fmt: skip
            return


BINARY = ("binary_cross_entropy_with_logits", "binary_cross_entropy")


def look_at_push(trace: Trace) -> Iterator[Finding]:
    """A loss of whatever formula that pushes outputs away from the targets that they meet."""
    # Rewards have either sign; the weights of a focal loss have one.
    sampled = any(t.kind == "log_prob" or (t.weighted and t.kind not in BINARY) for t in losses(trace, 12))
    if trace.taking_turns or sampled or any(o.maximise for o in trace.optimisers.values()):
        return
    values = [value for _, value in trace.pushes]
    if len(values) >= 3 and max(values) < trace.limit("push_correlation"):
        yield found(
            "loss-sign-flipped", "error",
            f"At each of the first {len(values)} steps looked at, the gradient pushes the outputs away from the "
            f"targets that they meet (correlation {max(values):.2f} or less).",
            "Turn the sign of the loss, or of the term that holds the targets.", trace.pushes[0][0],
            "a push towards the targets", correlation=max(values),
        )  # fmt: skip


SUPERVISED = frozenset({
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss", "l1_loss",
})  # fmt: skip


def look_at_parts(trace: Trace) -> Iterator[Finding]:
    """A part of a loss that is maximised, and does get worse."""
    if trace.taking_turns or any(o.maximise for o in trace.optimisers.values()):
        return
    parts = [[t for t in terms(b.root) if t.kind in SUPERVISED and not (t.odd or t.weighted)] for b in trace.backwards]
    parts = [[t for t in own if t.sign < 0 and not t.alone and not taught(t)] for own in parts]
    if len(parts) < 5 or not all(parts) or any(c.input_gradient for c in trace.learned):
        return
    first, last = (own[0].node.facts.get("value.mean", 0.0) for own in (parts[0], parts[-1]))
    if last > 1.2 * first + 0.1:
        yield found(
            "loss-sign-flipped", "error",
            f"A {named(parts[0][0])} enters the loss with a minus, and grows from {first:.3g} to {last:.3g}.",
            "Turn the sign of this part.", parts[0][0].node.place, "each part is minimised", first=first, last=last,
        )  # fmt: skip


def look_at_fall(trace: Trace) -> Iterator[Finding]:
    """A loss without a lower end."""
    values = [v for v in trace.losses if math.isfinite(v)]
    if len(values) < 10 or trace.taking_turns:
        return
    last = sum(values[-3:]) / 3
    if last < -trace.limit("endless_fall") * max(1.0, *(abs(v) for v in values[:3])) and last <= min(
        values[: len(values) // 2]
    ):
        yield found(
            "loss-sign-flipped", "error",
            f"The loss falls without end, from {values[0]:.3g} to {values[-1]:.3g}: a part of it has the wrong sign.",
            "Turn the sign of the part that has no lower end.", trace.learned[0].place if trace.learned else None,
            "a loss with a lower end", first=values[0], last=last,
        )  # fmt: skip


PASSED = ("mul", "div", "neg", "masked_fill", "where", "add", "fill_diagonal", "index_fill")


def look_at_distances(trace: Trace) -> Iterator[Finding]:
    """Distances as logits: of a softmax, the largest wins."""
    for term in losses(trace):
        right = -1 if term.kind == "picked" else 1
        if term.kind not in ("cross_entropy", "nll_loss", "picked") or term.sign != right:
            continue
        node, sign = logits_of(term), 1
        while node is not None and node.inputs and node.name in PASSED:
            factor = next((v for k in ("1", "0", "other") if isinstance(v := node.options.get(k), int | float)), 1)
            sign *= -1 if node.name == "neg" or (node.name in ("mul", "div") and factor < 0) else 1
            node = source(next((i for i in node.inputs if i.layers), node.inputs[0]))
        if node is not None and sign > 0 and _distance(node):
            yield found(
                "loss-sign-flipped", "error",
                f"The logits of the loss ({named(term)}) are distances: the farthest is taken for the likeliest.",
                "Turn their sign, or use a similarity (a product, a cosine).",
                node.place, "logits that grow with likeness", sign=sign,
            )  # fmt: skip
            return


def _distance(node: Node) -> bool:
    if node.name in ("cdist", "pairwise_distance"):
        return True
    if node.name in ("sqrt", "sum", "mean") and node.inputs:
        inner = source(node.inputs[0])
        squared = inner.name in ("pow", "square") or (inner.name == "mul" and len(set(map(id, inner.inputs))) == 1)
        return _distance(inner) or (squared and bool(inner.inputs) and source(inner.inputs[0]).name in ("sub", "rsub"))
    return node.name in ("norm", "vector_norm", "linalg_vector_norm") and source(node.inputs[0]).name == "sub"


def look_at_likelihood(trace: Trace) -> Iterator[Finding]:
    """A distribution's log_prob that is minimised."""
    if trace.taking_turns or any(o.maximise for o in trace.optimisers.values()):
        return
    for backward in trace.backwards[:12]:
        found_ones = [t for t in terms(backward.root) if t.kind == "log_prob" and not t.weighted and not t.clamps]
        # Of samples that the distribution itself gave (a posterior's), the sign depends on what else there is.
        sides = [(t.node.facts["likelihood.parameters"], t.node.facts["likelihood.value"]) for t in found_ones]
        clear = [t for t, (parameters, value) in zip(found_ones, sides, strict=True) if parameters != value]
        if clear and len(clear) == len(found_ones) and all(t.sign > 0 for t in clear):
            yield found(
                "loss-sign-flipped", "error",
                "The program minimises a log-likelihood (log_prob), which grows as the model gets better.",
                "Minimise its negative.", clear[0].node.place, "the negative log-likelihood", sign=1,
            )  # fmt: skip
            return


def look_at_bends(trace: Trace) -> Iterator[Finding]:
    """The smaller of two multiples of one error: a quantile's loss, turned over, falls without end."""
    for backward in trace.backwards[:4]:
        for node in ancestors(backward.root):
            if node.name not in ("minimum", "min") or len(node.inputs) != 2 or not node.layers:
                continue
            errors = [_error(given) for given in node.inputs]
            if errors[0] is not None and errors[0] is errors[1]:
                yield found(
                    "loss-sign-flipped", "error",
                    "The loss takes the smaller of two multiples of one error: it falls without end as errors grow.",
                    "Take the larger one (torch.maximum).", node.place, "a loss with a lower end", sign=-1,
                )  # fmt: skip
                return


def _error(node: Node) -> Node | None:
    """The difference of outputs and targets behind a multiple of it."""
    for _ in range(6):
        node = source(node)
        if node.name in ("sub", "rsub") and "input.low" in node.facts:
            return node
        if node.name not in ("mul", "div", "neg") or not node.inputs:
            return None
        node = next((i for i in node.inputs if i.layers), node.inputs[0])
    return None


def _likely(term: Scored) -> bool:
    """Whether probabilities are picked by labels as they are: their mean grows as the outputs get better."""
    return source(term.outputs).name == "softmax" and term.alone


def _log(term: Scored) -> bool:
    return term.logged or source(term.outputs).name in ("log_softmax", "log", "logsigmoid", "log_sigmoid")


SIGN = (
    PassiveCheck(
        ("loss-sign-flipped",),
        "What is maximised instead of minimised gets worse at every step.",
        "No threshold: the sign between a whole loss of a known kind and backward. Terms among others, and programs "
        "with several optimisers, pass.",
        look_at_sign,
    ),
    PassiveCheck(
        ("loss-sign-flipped",),
        "What is maximised instead of minimised gets worse at every step.",
        "No threshold: the sign of a distribution's log_prob, of data or under a fixed distribution; where it is "
        "multiplied by numbers of either sign (a policy's gradient), it passes.",
        look_at_likelihood,
    ),
    PassiveCheck(
        ("loss-sign-flipped",),
        "What is maximised instead of minimised gets worse at every step.",
        "No threshold: a distance, not its negative, as the logits of a softmax.",
        look_at_distances,
    ),
    PassiveCheck(
        ("loss-sign-flipped",),
        "What is maximised instead of minimised gets worse at every step.",
        "No threshold: the minimum of two multiples of one difference of outputs and targets.",
        look_at_bends,
    ),
    *POLICY,
    PassiveCheck(
        ("loss-sign-flipped",),
        "What is maximised instead of minimised gets worse at every step.",
        "Correlation of the push on the outputs with their targets below -0.3 at each of the first steps, or of three.",
        look_at_push,
    ),
    PassiveCheck(
        ("loss-sign-flipped",),
        "A part that is maximised undoes what the others learn.",
        "A part of a known kind with given targets that enters with a minus, and grows by a fifth.",
        look_at_parts,
    ),
    PassiveCheck(
        ("loss-sign-flipped",),
        "A loss without a lower end has no best model.",
        "A hundred times its size at the start, below zero, at the end.",
        look_at_fall,
    ),
)
