"""What the model gives: logits, each row its own example's, the same whenever the same is asked in eval mode."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ...data.findings import Finding
from ..aims import Classes
from ..bench import Bench
from .check import Check

TOLERANCE = 1e-3


def _sums_to_one(values: Tensor, dim: int) -> bool:
    return bool(((values.sum(dim) - 1).abs() < TOLERANCE).all())


def look_at_scores(bench: Bench) -> Iterator[Finding]:
    """What the loss function gets, from a training step."""
    if not isinstance(bench.aim, Classes):
        return
    seen, n = bench.trained, len(bench.batch()[1])
    where = bench.location("training_step")
    scores = seen.scores[1].double() if seen.scores else None
    if scores is not None and (scores.shape != (n, bench.aim.count) or not bool(scores.isfinite().all())):
        scores = None
    wrong_dim = 0 in seen.softmax_dims and n != bench.aim.count
    if scores is not None and not wrong_dim:
        for values in (scores, scores.exp()):
            positive = bool((values >= 0).all())
            wrong_dim |= positive and _sums_to_one(values, 0) and not _sums_to_one(values, 1)
    if wrong_dim:
        yield Finding(
            "softmax-wrong-dim",
            "error",
            f"A softmax runs over the {n} examples of the batch instead of over the {bench.aim.count} classes.",
            "Use dim=1, or leave the softmax out: cross entropy wants logits.",
            evidence={"dim": 0.0},
            expected="dim 1",
            location=where,
        )
        return
    if scores is None or seen.scores is None or seen.scores[0] != "cross_entropy":
        return
    low, high, zeros = float(scores.min()), float(scores.max()), float((scores == 0).double().mean())
    if low == high:
        return  # a head that starts at zero
    rectified = low == 0 and zeros > 0.1 and not _sums_to_one(scores, 1)
    if low >= 0 and high <= 1 + TOLERANCE and not rectified:
        kind = "softmax" if _sums_to_one(scores, 1) else "sigmoid"
        yield Finding(
            "loss-expects-logits",
            "error",
            f"cross_entropy gets probabilities ({low:.3g} to {high:.3g}), as after a {kind}, and applies its own "
            "softmax to them.",
            f"Give cross_entropy the logits; take the {kind} out.",
            evidence={"lowest": low, "highest": high},
            expected="logits, negative ones among them",
            location=where,
        )
    elif rectified:
        yield Finding(
            "activation-on-logits",
            "error",
            f"{100 * zeros:.0f} % of the logits are exactly 0 and none is negative: "
            "a rectifier follows the last layer.",
            "Take the activation off the last layer: a class that scores 0 gets no gradient.",
            evidence={"zeros": zeros},
            expected="logits of both signs",
            location=bench.location("forward"),
        )


def look_at_evaluation(bench: Bench) -> Iterator[Finding]:
    """The same examples twice in eval mode, with another random state."""
    inputs, _ = bench.batch()
    task = bench.copy(train=False)
    first = bench.outputs(task, inputs).double()
    torch.manual_seed(bench.seed + 1)
    with torch.no_grad():
        second = task(inputs.clone()).double()
    apart = _apart(first, second)
    bench.measurements["evaluation_repeat_difference"] = apart
    if apart <= TOLERANCE:
        return
    dropped = bench.evaluated.dropped
    yield Finding(
        "dropout-active-in-evaluation" if dropped else "evaluation-not-deterministic",
        "error",
        f"In eval mode the same examples give outputs that differ by {100 * apart:.3g} % of their spread"
        + (": dropout is still at work." if dropped else "."),
        "Use nn.Dropout, or give F.dropout training=self.training."
        if dropped
        else "Draw random numbers only where self.training is true.",
        evidence={"difference": apart},
        expected="0",
        location=bench.location("forward"),
    )


def look_at_mixing(bench: Bench) -> Iterator[Finding]:
    """Row 0's output, with the other rows exchanged."""
    (inputs, _), (others, _) = bench.batch(), bench.batch(number=1)
    task = bench.copy(train=False)
    exchanged = torch.cat([inputs[:1], others[1 : len(inputs)], inputs[len(others) :]])[: len(inputs)]
    before, after = bench.outputs(task, inputs).double(), bench.outputs(task, exchanged).double()
    if not bool(before.isfinite().all()):
        return
    apart = float((before[0] - after[0]).abs().max()) / max(float(before.std()), 1e-12)
    bench.measurements["mixing_difference"] = apart
    if apart > TOLERANCE and _apart(before, bench.outputs(task, inputs).double()) <= TOLERANCE:
        yield Finding(
            "examples-mixed",
            "error",
            f"In eval mode an example's output changes by {100 * apart:.3g} % of the outputs' spread when the others "
            "of its batch are exchanged.",
            "Look for a reshape, a mean or a softmax over the batch dimension; batch statistics belong to training "
            "alone.",
            evidence={"difference": apart},
            expected="0",
            location=bench.location("forward"),
        )


def _apart(first: Tensor, second: Tensor) -> float:
    """Largest difference, in standard deviations of the outputs."""
    if not bool(first.isfinite().all()):
        return 0.0
    return float((first - second).abs().max()) / max(float(first.std()), 1e-12)


OUTPUTS = (
    Check(
        ("softmax-wrong-dim", "loss-expects-logits", "activation-on-logits"),
        "The loss applies its own softmax; one more, a wrong one or a rectifier flattens its gradient.",
        "What cross_entropy gets: rows within 0.001 of a sum of one, all within [0, 1], or no negative and a tenth "
        "exact "
        "zeros. 640 logits of any network at initialisation hold negative ones. Log-probabilities pass: a second "
        "log-softmax changes nothing.",
        look_at_scores,
    ),
    Check(
        ("dropout-active-in-evaluation", "evaluation-not-deterministic"),
        "An evaluation that draws random numbers measures another model each time.",
        "0.001 standard deviations of the outputs; rounding stays below 0.00001.",
        look_at_evaluation,
    ),
    Check(
        ("examples-mixed",),
        "A prediction that depends on its neighbours in the batch is another one in use.",
        "0.001 standard deviations of the outputs, in eval mode; rounding stays below 0.00001.",
        look_at_mixing,
    ),
)
