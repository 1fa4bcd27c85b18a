"""What enters the loss, with which sign, and what becomes of it."""

import math
from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import Scored, ancestors, is_squared, logits_of, losses, source
from ..trace import Trace
from .check import PassiveCheck, found

RANGES = {
    "sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf), "relu6": (0.0, 6.0), "hardsigmoid": (0.0, 1.0), "hardtanh": (-1.0, 1.0),
}  # fmt: skip
BOUNDED = ("relu", "relu6", "tanh", "hardtanh", "softplus", "hardswish", "log_sigmoid", "logsigmoid", "softsign")
LEAKY = ("leaky_relu", "elu", "gelu", "silu", "selu", "celu", "mish", "prelu")
NATS, VARIANCES = 2.0, 3.0
"""As in the active examination: default initialisations start within 1 nat of ln K and below 1.3 variances."""


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
                f"The loss ({_named(term)}) gets what went through a {logits.name}, and applies a "
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
        if term.kind not in ("nll_loss", "picked", "kl_div", "binary_cross_entropy"):
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
                what = "probabilities"
            elif behind.name == "linear":
                what = "scores that went through no log-softmax"
        if what:
            yield found(
                "loss-expects-probabilities", "error",
                f"The loss ({_named(term)}) expects log-probabilities and gets {what} ({low:.3g} to {high:.3g}).",
                "Put log_softmax before it, or use cross_entropy on the logits.",
                term.node.place, "log-probabilities, none above 0", lowest=low, highest=high,
            )  # fmt: skip
            return
    for backward in trace.backwards[:12]:
        for node in ancestors(backward.root):
            if node.name == "log" and node.facts.get("made_not_finite") and source(node.inputs[0]).name == "linear":
                yield found(
                    "loss-expects-probabilities", "error",
                    "The loss takes the logarithm of raw outputs, which may be negative.",
                    "Put a softmax or sigmoid before the logarithm, or use a loss that takes logits.",
                    node.place, "probabilities",
                )  # fmt: skip
                return


def look_at_activations(trace: Trace) -> Iterator[Finding]:
    """A rectifier or the like on the logits."""
    for term in losses(trace):
        logits = logits_of(term)
        if logits is None or logits.name not in (*BOUNDED, *LEAKY) or not logits.layers:
            continue
        yield found(
            "activation-on-logits", "error" if logits.name in BOUNDED else "warning",
            f"The logits that the loss ({_named(term)}) gets went through a {logits.name} "
            f"({term.node.facts.get('input.low', 0):.3g} to {term.node.facts.get('input.high', 0):.3g}).",
            "Take the activation off the last layer: logits need both signs and any size.",
            logits.place, "logits as the last layer gives them",
            lowest=term.node.facts.get("input.low", 0), highest=term.node.facts.get("input.high", 0),
        )  # fmt: skip
        return


def look_at_range(trace: Trace) -> Iterator[Finding]:
    """Targets that the last activation cannot reach."""
    terms = [t for t in losses(trace) if is_squared(t) and source(t.outputs).name in RANGES]
    terms = [t for t in terms if t.targets is not None and not t.targets.layers]
    if not terms:
        return
    name = source(terms[0].outputs).name
    low, high = RANGES[name]
    least, most = (f(t.node.facts.get(f"target.{k}", 0.5) for t in terms) for f, k in ((min, "low"), (max, "high")))
    beyond = max(low - least, most - high)
    span = max(most - least, 1e-9)
    if beyond > 0.02 * span:
        yield found(
            "output-range-cannot-reach-targets", "error",
            f"The outputs end in a {name}, which reaches {low:g} to {high:g}; the targets run from {least:.3g} to "
            f"{most:.3g}.",
            "Take the activation off the last layer, or scale the targets into its range.",
            source(terms[0].outputs).place, f"targets within {low:g} to {high:g}", lowest=least, highest=most,
        )  # fmt: skip


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
            if len(shape) == 2 and facts.get("target.whole", 0) == 1 and rows > 0.5:
                message = "cross_entropy gets targets with several classes, or none, marked in a row"
                advice = "Use binary_cross_entropy_with_logits where an example may have several labels."
        elif term.kind.startswith("binary") and facts.get("target.high", 0) > 1 and _several(facts):
            message = f"{term.kind} gets targets up to {facts['target.high']:g}: it knows 0 and 1"
            advice = "Use cross_entropy with one output a class."
        elif is_squared(term) and _classes_as_numbers(term, trace):
            message = (
                f"{_named(term)} treats class numbers as quantities ({int(facts.get('target.distinct', 0))} whole "
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
    return whole and any(node.name == "eq" for node in trace.compared)


def look_at_sign(trace: Trace) -> Iterator[Finding]:
    """A loss that is maximised."""
    several = len([o for o in trace.optimisers.values() if o.steps]) > 1
    uphill = [o for o in trace.optimisers.values() if o.maximise and o.steps]
    terms = losses(trace)
    for term in terms:
        right = -1 if term.kind == "picked" else 1
        if term.kind == "picked" and (term.node.facts.get("target.whole", 0) < 1 or not _log(term)):
            continue
        if not term.alone or several or term.kind in ("hinge_embedding_loss", "log_prob"):
            continue
        flipped = term.sign != right
        if flipped != bool(uphill):
            yield found(
                "loss-sign-flipped", "error",
                f"The {'optimiser maximises' if uphill else 'program minimises the negative of'} a loss "
                f"({_named(term)}) that falls as the outputs get better.",
                "Take maximize=True out." if uphill else "Turn the sign of the loss.",
                uphill[0].made if uphill else term.node.place, "the loss itself is minimised", sign=term.sign,
            )  # fmt: skip
            return


def look_at_likelihood(trace: Trace) -> Iterator[Finding]:
    """A distribution's log_prob that is minimised."""
    if len([o for o in trace.optimisers.values() if o.steps]) > 1 or any(o.maximise for o in trace.optimisers.values()):
        return
    for backward in trace.backwards[:12]:
        found_ones = [t for t in _terms(backward) if t.kind == "log_prob" and not t.weighted and not t.clamps]
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


def _log(term: Scored) -> bool:
    return source(term.outputs).name in ("log_softmax", "log", "logsigmoid", "log_sigmoid")


def look_at_clipping(trace: Trace) -> Iterator[Finding]:
    """Bounds on the loss itself, beyond which it has no gradient."""
    hit, seen, first = 0, 0, None
    for term in losses(trace):
        bounds = [
            c for c in term.clamps if c.name != "clamp_min" and (c.option("max", 2) is not None or len(c.inputs) > 1)
        ]
        if bounds and term.alone:
            seen += 1
            hit += bounds[0].facts.get("changed", 0) > 0
            first = first or bounds[0]
    if first is not None:
        yield found(
            "loss-clipped", "error" if hit else "warning",
            f"The loss is cut at a bound, and was beyond it at {hit} of {seen} steps looked at: there "
            "it has no gradient.",
            "Clip the gradients (clip_grad_norm_), not the loss.",
            first.place, "the loss as it is", cut=hit, steps=seen,
        )  # fmt: skip


def look_at_sum(trace: Trace) -> Iterator[Finding]:
    """A sum over the batch, whose gradient grows with the batch."""
    for term in losses(trace):
        rows = term.outputs.shape[0] if term.outputs.shape else 1
        if term.summed is None or not term.alone or rows < 2 or term.kind in ("ctc_loss", "log_prob"):
            continue
        whole = term.summed.shape == ()
        if whole and trace.optimisers and all(o.plain for o in trace.optimisers.values()):
            yield found(
                "loss-sum-reduction", "warning",
                f"The loss is a sum over the {rows} rows of a batch: its gradient, and so the "
                "learning rate that works, "
                "grows with the batch.",
                "Use the mean (reduction='mean').",
                term.summed.place, "a mean over the batch", rows=rows,
            )  # fmt: skip
            return


def look_at_start(trace: Trace) -> Iterator[Finding]:
    """The first loss against what knowing nothing costs."""
    first = [t for b in trace.backwards if b.step == 0 for t in _terms(b)]
    if any(model.loaded for model in trace.models.values()):
        return
    for term in first:
        facts = term.node.facts
        value = facts.get("value.mean")
        if term.kind == "cross_entropy" and value is not None and len(term.outputs.shape) > 1 and not term.summed:
            chance = math.log(max(2, term.outputs.shape[1]))
            if value > chance + NATS:
                yield found(
                    "loss-at-init-off", "warning",
                    f"The loss starts at {value:.3g}, where a model that knows nothing has ln "
                    f"{term.outputs.shape[1]} = "
                    f"{chance:.3g}.",
                    "Start the last layer with small weights, and look at the scale of the inputs.",
                    term.node.place, f"about {chance:.3g}", loss=value, chance=chance,
                )  # fmt: skip
                return
        std, mean = facts.get("target.std", 0.0), facts.get("target.mean", 0.0)
        if term.kind in ("mse_loss", "squared") and std > 0 and facts.get("target.numel", 0) >= 8:
            apart = facts.get("input.mean", 0.0) - mean
            variances = (apart**2 + facts.get("input.std", 0.0) ** 2 + std**2) / std**2
            if variances > VARIANCES:
                yield found(
                    "loss-at-init-off", "warning",
                    f"The squared error starts at about {variances:.3g} times the targets' variance, "
                    "where a model that "
                    "says their mean has 1.",
                    "Standardise the targets with the training split's statistics, and look at the inputs' scale.",
                    term.node.place, f"about 1, at most {VARIANCES:g}", variances=variances,
                )  # fmt: skip
                return


def _terms(backward: object) -> list[Scored]:
    from ..graph import terms

    return terms(backward.root)  # type: ignore[attr-defined]


def look_at_finite(trace: Trace) -> Iterator[Finding]:
    """NaN or infinity in the loss."""
    values = trace.losses
    bad = [i for i, v in enumerate(values) if not math.isfinite(v)]
    sized = [e for e in trace.events if e.kind == "backward"]
    bad = [i for i in bad if sized[i].calls or trace.calls == []]
    if not bad:
        return
    scalar = [b for b in trace.backwards if b.root.shape in ((), (1,)) and not math.isfinite(b.loss)]
    origin = next((n for b in scalar for n in ancestors(b.root) if n.facts.get("made_not_finite")), None)
    if (
        not scalar
        and sized[bad[0]].loss != sized[bad[0]].loss
        and trace.backwards
        and all(b.root.shape not in ((), (1,)) for b in trace.backwards)
    ):
        return
    yield found(
        "loss-not-finite", "error" if bad[-1] >= len(values) - 2 else "warning",
        f"The loss is NaN or infinite from backward pass {bad[0] + 1} on ({len(bad)} of {len(values)})"
        + (f"; it came from a {origin.name} of finite values." if origin else "."),
        "Keep logarithms, divisions and roots away from 0 (use log_softmax, add a small number), or lower the learning "
        "rate.",
        (origin.place if origin else None) or sized[bad[0]].place, "finite values", first=bad[0] + 1, count=len(bad),
    )  # fmt: skip


def _named(term: Scored) -> str:
    return {"squared": "a squared difference", "absolute": "an absolute difference", "picked": "a log-likelihood"}.get(
        term.kind, term.kind
    )


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
        ("loss-clipped",),
        "Beyond the bound nothing is learnt, and these are the examples that matter.",
        "No threshold: an upper bound between the whole loss and backward; an error where it was reached.",
        look_at_clipping,
    ),
    PassiveCheck(
        ("loss-sum-reduction",),
        "Another batch size is then another learning rate.",
        "No threshold: a sum to one number that no division follows; terms among others pass (a VAE's are sums).",
        look_at_sum,
    ),
)

SYMPTOMS = (
    PassiveCheck(
        ("loss-not-finite",),
        "From there on every weight is NaN.",
        "An error where it lasts to the end.",
        look_at_finite,
        symptom=True,
    ),
    PassiveCheck(
        ("loss-at-init-off",),
        "A loss that starts wrong tells of a mistake before any training.",
        "More than 2 nats above ln K, or above 3 variances of the targets; loaded weights pass.",
        look_at_start,
        symptom=True,
    ),
)
