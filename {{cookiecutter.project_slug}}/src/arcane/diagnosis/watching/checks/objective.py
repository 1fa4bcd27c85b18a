"""With which sign, bounds and sums a loss is minimised, and what becomes of it."""

import math
from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import Scored, ancestors, losses, taught
from ..measuring import SQUARED
from ..trace import Trace
from .check import PassiveCheck, found


def look_at_clipping(trace: Trace) -> Iterator[Finding]:
    """Bounds on the loss itself, beyond which it has no gradient."""
    hit, seen, first, known = 0, 0, None, set()
    for term in losses(trace):
        bounds = [
            c for c in term.clamps if c.name != "clamp_min" and (c.option("max", 2) is not None or len(c.inputs) > 1)
        ]
        if bounds and (term.alone or term.odd or bounds[0].facts.get("bounds.all")) and id(bounds[0]) not in known:
            known.add(id(bounds[0]))
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
        if term.kind not in ("cross_entropy", "mse_loss", "squared") and (not term.alone or taught(term)):
            continue
        classes = _classes(term)
        whole = term.summed or term.node.options.get("reduction") == "sum"  # a sum that a division follows
        if classes and value is not None and not whole and len(term.node.inputs) < 3:
            chance = math.log(classes)
            if value > chance + trace.limit("loss_at_init_nats"):
                yield found(
                    "loss-at-init-off", "warning",
                    f"The loss starts at {value:.3g}, where knowing nothing costs ln {classes} = {chance:.3g}.",
                    "Start the last layer with small weights, and look at the scale of the inputs.",
                    term.node.place, f"about {chance:.3g}", loss=value, chance=chance,
                )  # fmt: skip
                return
        std, mean = facts.get("target.std", 0.0), facts.get("target.mean", 0.0)
        if term.kind in (*SQUARED, "squared", "absolute") and std > 0 and facts.get("target.numel", 0) >= 8:
            apart = facts.get("input.mean", 0.0) - mean
            variances = (apart**2 + facts.get("input.std", 0.0) ** 2 + std**2) / std**2
            if variances > trace.limit("loss_at_init_variances"):
                yield found(
                    "loss-at-init-off", "warning",
                    f"The squared error starts at about {variances:.3g} times the targets' variance, "
                    "where a model that "
                    "says their mean has 1.",
                    "Standardise the targets with the training split's statistics, and look at the inputs' scale.",
                    term.node.place, f"about 1, at most {trace.limit('loss_at_init_variances'):g}", variances=variances,
                    outputs=facts.get("input.std", 0.0) / std,
                )  # fmt: skip
                return


def _classes(term: Scored) -> int:
    """How many classes a loss tells apart, 0 where it is of another kind; weights of classes make it another loss."""
    if term.kind in ("cross_entropy", "nll_loss") and len(term.outputs.shape) > 1:
        return max(2, term.outputs.shape[1])
    return 2 if term.kind.startswith("binary_cross_entropy") and term.node.options.get("reduction") != "sum" else 0


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
