"""With which sign, bounds and sums a loss is minimised, and what becomes of it."""

import math
import re
from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import Scored, ancestors, logits_of, losses, source
from ..trace import Node, Trace
from .check import PassiveCheck, found
from .loss import named

NATS, VARIANCES = 2.0, 3.0
"""As in the active examination: default initialisations start within 1 nat of ln K and below 1.3 variances."""


def look_at_sign(trace: Trace) -> Iterator[Finding]:
    """A loss that is maximised."""
    several = trace.taking_turns
    uphill = [o for o in trace.optimisers.values() if o.maximise and o.steps]
    terms = losses(trace)
    for term in terms:
        right = -1 if term.kind in ("picked", "bernoulli") else 1
        if term.kind == "picked" and (term.node.facts.get("target.whole", 0) < 1 or not _log(term)):
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


GAINS = re.compile(r"reward|return|advantage|payoff|\badv\b|\bgains?\b")


def look_at_rewards(trace: Trace) -> Iterator[Finding]:
    """A log-likelihood times what the program's own words call a reward, minimised."""
    for backward in trace.backwards[:12]:
        weighted = [t for t in _terms(backward) if t.weighted and t.kind in ("log_prob", "picked")]
        weighted = [t for t in weighted if t.kind == "log_prob" or _log(t)]
        lines = [t.node.place.source.partition("=")[2] or t.node.place.source for t in weighted if t.node.place]
        if weighted and all(t.sign > 0 for t in weighted) and any(GAINS.search(line.lower()) for line in lines):
            yield found(
                "loss-sign-flipped", "error",
                "The program minimises log-likelihoods times rewards: what was rewarded becomes less likely.",
                "Minimise the negative of their product.", weighted[0].node.place, "the negative", sign=1,
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
        if bounds and (term.alone or term.odd):
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
        if term.summed is None or not term.alone or term.odd or rows < 2 or term.kind in ("ctc_loss", "log_prob"):
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
                    outputs=facts.get("input.std", 0.0) / std,
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


OBJECTIVE = (
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
    PassiveCheck(
        ("loss-sign-flipped",),
        "What is maximised instead of minimised gets worse at every step.",
        "No threshold: log-likelihoods times numbers, on a line that calls these a reward, return, advantage or gain.",
        look_at_rewards,
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
