"""What enters the loss: logits or probabilities, in which range, against which kind of target."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import Scored, ancestors, flowing, is_squared, logits_of, losses, source
from ..reaching import reach
from ..trace import Node, Trace
from .check import PassiveCheck, found

BOUNDED = ("relu", "relu6", "tanh", "hardtanh", "softplus", "hardswish", "log_sigmoid", "logsigmoid", "softsign")
LEAKY = ("leaky_relu", "elu", "gelu", "silu", "selu", "celu", "mish", "prelu")


def look_at_probabilities(trace: Trace) -> Iterator[Finding]:
    """Softmax or sigmoid before a loss that applies its own."""
    for term in losses(trace):
        logits = logits_of(term)
        facts = term.node.facts
        if logits is None:
            continue
        squashed = logits.name in ("softmax", "sigmoid")
        if term.kind == "cross_entropy" and not squashed and logits.name not in ("log_softmax", "data"):
            low, high = facts.get("input.low", -1), facts.get("input.high", 2)
            squashed = low >= 0 and high <= 1.001 and facts.get("input.sum_off_1", 1) < 1e-3
        if squashed:
            twice = "softmax" if term.kind in ("cross_entropy", "nll_loss", "picked") else "sigmoid"
            yield found(
                "loss-expects-logits", "error",
                f"The loss ({named(term)}) gets what went through a {logits.name}, and applies a "
                f"{twice} of its own to "
                "it.",
                f"Give the loss the logits: take the {logits.name} out before it (and keep it for predictions).",
                logits.place or term.node.place, "logits of both signs",
                lowest=facts.get("input.low", 0), highest=facts.get("input.high", 1),
            )  # fmt: skip
            return


def look_at_log_probabilities(trace: Trace) -> Iterator[Finding]:
    """A negative log-likelihood of what are no log-probabilities."""
    for term in losses(trace):
        if term.kind not in ("nll_loss", "picked", "kl_div", "binary_cross_entropy", "bernoulli"):
            continue
        facts, behind = term.node.facts, source(term.outputs)
        low, high = facts.get("input.low", 0.0), facts.get("input.high", 0.0)
        what = None
        if (
            term.kind == "nll_loss" and facts.get("input.exp_sum_off_1", 0) > 0.02 and behind.name != "log_softmax"
        ) or (term.kind == "kl_div" and high > 1e-4):
            what = "probabilities" if low >= 0 and high <= 1.001 else "scores that went through no log-softmax"
        elif term.kind == "picked" and term.alone and term.sign < 0 and facts.get("target.whole", 0) == 1:
            if behind.name in ("softmax", "sigmoid"):
                what = None if term.logged else "probabilities"
            elif scores(behind):
                what = "scores that went through no log-softmax"
        elif term.kind == "bernoulli" and behind.name == "log" and scores(within(behind)):
            what = "scores that went through no sigmoid"
        if what:
            yield found(
                "loss-expects-probabilities", "error",
                f"The loss ({named(term)}) expects log-probabilities and gets {what} ({low:.3g} to {high:.3g}).",
                "Put log_softmax before it, or use cross_entropy on the logits.",
                term.node.place, "log-probabilities, none above 0", lowest=low, highest=high,
            )  # fmt: skip
            return
    for backward in trace.backwards[:12]:
        for node in ancestors(backward.root):
            if node.name == "log" and node.facts.get("made_not_finite") and scores(within(node)):
                yield found(
                    "loss-expects-probabilities", "error",
                    "The loss takes the logarithm of raw outputs, which may be negative.",
                    "Put a softmax or sigmoid before the logarithm, or use a loss that takes logits.",
                    node.place, "probabilities",
                )  # fmt: skip
                return


def within(logarithm: Node) -> Node:
    """What a logarithm is taken of, behind a small number or a bound that keeps it from zero."""
    node = source(logarithm.inputs[0])
    while node.name in ("add", "clamp", "clamp_min", "rsub", "sub", "maximum") and node.inputs:
        inner = [i for i in node.inputs if i.layers]
        if len(inner) != 1 or scores(node):
            break
        node = source(inner[0])
    return node


def scores(node: Node) -> bool:
    """Whether a layer gave it as it is: a linear map, with its bias."""
    if node.name == "add" and any(i.name == "parameter" for i in node.inputs):
        node = next((source(i) for i in node.inputs if i.layers), node)
    return node.name in ("linear", "matmul", "addmm", "conv1d", "conv2d", "conv3d", "bmm", "einsum")


def look_at_activations(trace: Trace) -> Iterator[Finding]:
    """A rectifier or the like on the logits."""
    for term in losses(trace):
        logits = undropped(logits_of(term))
        if logits is None or logits.name not in (*BOUNDED, *LEAKY) or not logits.layers:
            continue
        yield found(
            "activation-on-logits", "error" if logits.name in BOUNDED else "warning",
            f"The logits that the loss ({named(term)}) gets went through a {logits.name} "
            f"({term.node.facts.get('input.low', 0):.3g} to {term.node.facts.get('input.high', 0):.3g}).",
            "Take the activation off the last layer: logits need both signs and any size.",
            logits.place, "logits as the last layer gives them",
            lowest=term.node.facts.get("input.low", 0), highest=term.node.facts.get("input.high", 0),
        )  # fmt: skip
        return


def undropped(node: Node | None) -> Node | None:
    """Behind a dropout, and a division by a temperature of what is never negative."""
    for _ in range(4):
        if node is None or not node.inputs:
            return node
        inner = source(node.inputs[0])
        scaled = node.name in ("div", "mul") and len(node.inputs) == 1 and inner.name in ("relu", "relu6", "softplus")
        if "dropout" not in node.name and not scaled:
            return node
        node = inner
    return node


def look_at_range(trace: Trace) -> Iterator[Finding]:
    """Targets that the last activation cannot reach."""
    given = [t for t in losses(trace) if is_squared(t) and t.targets is not None and not t.targets.wants_gradient]
    pairs = [(t.outputs, t.node.facts, "target.") for t in given if t.outputs.wants_gradient]
    pairs = pairs or list(_estimates(trace))
    if not pairs:
        return
    (low, high), by = reach(pairs[0][0])
    least, most = (f(facts.get(name + k, 0.5) for _, facts, name in pairs) for f, k in ((min, "low"), (max, "high")))
    beyond = max(low - least, most - high)
    span = max(most - least, 1e-9)
    if beyond > 0.02 * span:
        yield found(
            "output-range-cannot-reach-targets", "error",
            f"The outputs come from a {by.name} and reach {low:g} to {high:g}; the targets run from {least:.3g} to "
            f"{most:.3g}.",
            "Take the activation off the last layer, or scale the targets into its range.",
            by.place, f"targets within {low:g} to {high:g}", lowest=least, highest=most,
        )  # fmt: skip


def _estimates(trace: Trace) -> Iterator[tuple[Node, dict[str, float], str]]:
    """Outputs less what other outputs let expect, without a gradient (a critic's errors)."""
    for backward in trace.backwards[:40]:
        for node in flowing(backward.root):
            if "taught.low" in node.facts:
                yield next(i for i in node.inputs if i.wants_gradient), node.facts, "taught."


def look_at_kind(trace: Trace) -> Iterator[Finding]:
    """A loss of another kind than the targets."""
    for term in losses(trace):
        facts, shape = term.node.facts, term.outputs.shape
        message = advice = ""
        if term.kind in ("cross_entropy", "nll_loss") and len(shape) > 1 and shape[1] == 1:
            message = f"{term.kind} over a single column of outputs is 0 whatever they are"
            advice = "Use binary_cross_entropy_with_logits for two classes, mse_loss for numbers."
        elif term.kind == "cross_entropy" and term.targets is not None and term.targets.shape == shape:
            rows = facts.get("target.sum_off_1", 0.0)
            quantities = facts.get("target.low", 0) < -1e-6 or facts.get("target.high", 0) > 1.001
            if quantities and facts.get("target.marked", 0) < 1:
                message = f"cross_entropy gets targets from {facts['target.low']:.3g} to {facts['target.high']:.3g}"
                message += ", which are no probabilities"
                advice = "Use mse_loss for quantities, class numbers or probabilities for classes."
            elif len(shape) == 2 and facts.get("target.whole", 0) == 1 and rows > 0.5 and facts["target.marked"] < 1:
                message = "cross_entropy gets targets with several classes, or none, marked in a row"
                advice = "Use binary_cross_entropy_with_logits where an example may have several labels."
        elif term.kind.startswith("binary") and facts.get("target.high", 0) > 1 and _several(facts):
            message = f"{term.kind} gets targets up to {facts['target.high']:g}: it knows 0 and 1"
            advice = "Use cross_entropy with one output a class."
        elif is_squared(term) and _classes_as_numbers(term, trace):
            message = (
                f"{named(term)} treats class numbers as quantities ({int(facts.get('target.distinct', 0))} whole "
                "numbers, which the program compares for equality)"
            )
            advice = "Use cross_entropy with one output a class."
        if message:
            yield found(
                "loss-target-mismatch", "error", message + ".", advice, term.node.place, "a loss of the task's kind",
                target_low=facts.get("target.low", 0), target_high=facts.get("target.high", 0),
            )  # fmt: skip
            return


def _several(facts: dict[str, float]) -> bool:
    """Whether targets are more than two classes; two that are numbered from 1 are out of range instead."""
    return facts.get("target.whole", 0) == 1 and facts.get("target.distinct", 0) > 2


def _classes_as_numbers(term: Scored, trace: Trace) -> bool:
    facts, targets = term.node.facts, term.targets
    if targets is None or facts.get("target.whole", 0) < 1 or not 2 <= facts.get("target.distinct", 0) <= 100:
        return False
    if facts.get("target.low", -1) < 0 or facts.get("target.high", 0) < 2:
        return False
    whole = targets.dtype.startswith("int") or any(n.dtype.startswith("int") for n in ancestors(targets))
    return (whole or facts.get("target.high", 0) == facts["target.distinct"] - 1) and _counted_as_right(trace)


RIGHT = ("accuracy_score", "balanced_accuracy_score", "f1_score", "confusion_matrix", "classification_report")


def _counted_as_right(trace: Trace) -> bool:
    """Whether the program itself counts answers as right or wrong: by equality, or under a name that says so."""
    return (
        any(node.name == "eq" for node in trace.compared)
        or any(made.kind in RIGHT for made in trace.outside.judged)
        or any(report.name.split()[-1:] and "acc" in report.name.split()[-1] for report in trace.reports)
    )


def named(term: Scored) -> str:
    return {
        "squared": "a squared difference", "absolute": "an absolute difference", "picked": "a log-likelihood",
        "difference": "a difference", "bernoulli": "a log-likelihood",
    }.get(term.kind, term.kind)  # fmt: skip


LOSS = (
    PassiveCheck(
        ("loss-expects-logits",),
        "A softmax applied twice flattens the gradient; training works, slowly and badly.",
        "No threshold: the operation before the loss; or rows within [0, 1] that sum to one within 0.001.",
        look_at_probabilities,
    ),
    PassiveCheck(
        ("loss-expects-probabilities",),
        "The likelihood of scores that are no log-probabilities has no lower bound.",
        "Exponentials that do not sum to one within 0.02 where nll_loss gets them; values above 0 in kl_div.",
        look_at_log_probabilities,
    ),
    PassiveCheck(
        ("activation-on-logits",),
        "A class whose logit is cut off gets no gradient, and the others cannot rule it out.",
        "No threshold: the operation that makes the logits. A scaled tanh (a soft cap) passes.",
        look_at_activations,
    ),
    PassiveCheck(
        ("output-range-cannot-reach-targets",),
        "The error on what lies out of range cannot fall.",
        "Targets beyond the last activation's range by more than 2 % of their own.",
        look_at_range,
    ),
    PassiveCheck(
        ("loss-target-mismatch",),
        "A loss of another kind trains something else.",
        "No threshold: one column, several marks in a row, class numbers beyond 1 in a binary loss, or whole numbers "
        "that the program itself compares for equality.",
        look_at_kind,
    ),
)
