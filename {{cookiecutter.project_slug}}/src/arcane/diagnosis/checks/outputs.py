"""What the model gives: logits, each row its own example's, the same whenever the same is asked in eval mode."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ...data.findings import Finding
from ..aims import Classes, Numbers
from ..bench import Bench
from .check import Check
from .steps import expects_probabilities

TOLERANCE = 1e-3


def _sums_to_one(values: Tensor, dim: int) -> bool:
    return bool(((values.sum(dim) - 1).abs() < TOLERANCE).all())


ACTIVATIONS = {
    "Relu": "a rectifier",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Elu": "ELU",
    "LeakyRelu": "a leaky rectifier",
}
"""Operations of the graph that belong between layers, not on logits. Any values can come of them, so the operation
itself is looked for."""


def look_at_scores(bench: Bench) -> Iterator[Finding]:
    """What the loss function gets, from a training step."""
    if not isinstance(bench.aim, Classes):
        return
    seen, n = bench.trained, len(bench.batch()[1])
    where = bench.place(seen, "loss", "training_step")
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
            location=bench.place(seen, "softmax", "training_step"),
        )
        return
    if scores is None or seen.scores is None:
        return
    name, low, high = seen.scores[0], float(scores.min()), float(scores.max())
    if name == "nll_loss" and float(scores.logsumexp(1).abs().max()) > TOLERANCE:
        yield expects_probabilities(name, low, high, where)
    if name not in ("cross_entropy", "binary_cross_entropy_with_logits") or low == high:
        return  # a head that starts at zero gives equal scores
    zeros = float((scores == 0).double().mean())
    of_one = _sums_to_one(scores, 1)
    rectified = seen.scores_from in ACTIVATIONS or (low == 0 and zeros > 0.1 and not of_one)
    if seen.scores_from in ("Softmax", "Sigmoid") or (low >= 0 and high <= 1 + TOLERANCE and not rectified):
        kind = "softmax" if of_one else "sigmoid"
        yield Finding(
            "loss-expects-logits",
            "error",
            f"{name} gets probabilities ({low:.3g} to {high:.3g}), as after a {kind}, and applies its own "
            f"{'softmax' if name == 'cross_entropy' else 'sigmoid'} to them.",
            f"Give {name} the logits; take the {kind} out.",
            evidence={"lowest": low, "highest": high},
            expected="logits, negative ones among them",
            location=where,
        )
    elif rectified:
        kind = ACTIVATIONS.get(seen.scores_from, "a rectifier")
        yield Finding(
            "activation-on-logits",
            "error",
            f"The logits come out of {kind} ({low:.3g} to {high:.3g}, {100 * zeros:.0f} % exactly 0): an activation "
            "follows the last layer.",
            "Take the activation off the last layer: logits must reach any number, and a class that scores 0 gets no "
            "gradient.",
            evidence={"zeros": zeros, "lowest": low, "highest": high},
            expected="logits of both signs",
            location=bench.location("forward"),
        )


def look_at_target(bench: Bench) -> Iterator[Finding]:
    """The kind of loss against the kind of task."""
    seen = bench.trained
    if seen.scores is None or seen.targets is None:
        return
    name, targets = seen.scores[0], seen.targets
    labels = bench.batch()[1]
    of_numbers = name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")
    if isinstance(bench.aim, Classes) and of_numbers and bench.aim.count > 2:
        if targets.numel() != labels.numel() or not bool((targets.reshape(-1).double() % 1 == 0).all()):
            return  # one-hot targets: odd, but a loss for classes
        what = f"{name} compares the outputs with the numbers of the classes, as if class 4 lay nearer to 3 than to 0"
        advice = "Use cross_entropy on one output a class."
    elif (
        isinstance(bench.aim, Numbers)
        and not of_numbers
        and bool((targets.double() % 1 != 0).any() | (targets > 1).any())
    ):
        what, advice = (
            f"{name} is a loss for classes, and the targets are numbers",
            "Use mse_loss, l1_loss or huber_loss.",
        )
    else:
        return
    yield Finding(
        "loss-target-mismatch",
        "error",
        f"{what}.",
        advice,
        expected="cross entropy" if isinstance(bench.aim, Classes) else "a loss of differences",
        location=bench.place(seen, "loss", "training_step"),
    )


HUGE = 1e4


def look_at_range(bench: Bench) -> Iterator[Finding]:
    """Push the last layer's outputs to both extremes: targets beyond what then comes out cannot be learnt."""
    if not isinstance(bench.aim, Numbers) or not bench.plain.layers:
        return
    last, inputs = bench.plain.layers[-1].weight, bench.batch()[0]
    ends = []
    for sign in (1.0, -1.0):
        task = bench.copy(train=False)
        owner = _owner(task, last.shape)
        if owner is None:
            return
        handle = owner.register_forward_hook(lambda module, given, out, sign=sign: torch.full_like(out, sign * HUGE))
        try:
            ends.append(bench.outputs(task, inputs).double())
        finally:
            handle.remove()
    both = torch.cat([end.flatten() for end in ends])
    if not bool(both.isfinite().all()):
        return
    low, high = float(both.min()), float(both.max())
    targets = torch.from_numpy(bench.train.labels).double()
    room = 0.05 * bench.aim.deviation
    share = float(((targets < low - room) | (targets > high + room)).double().mean())
    bench.measurements["unreachable_share"] = share
    if share > bench.limit("unreachable_share") and high > low:
        yield Finding(
            "output-range-cannot-reach-targets",
            "error",
            f"Whatever the last layer gives, the outputs stay within {low:.4g} to {high:.4g}; {100 * share:.3g} % of "
            f"the targets ({float(targets.min()):.4g} to {float(targets.max()):.4g}) lie outside.",
            "Take the activation off the output, or scale the targets into its range.",
            evidence={"lowest": low, "highest": high, "share": share},
            expected="outputs that reach every target",
            location=bench.location("forward"),
        )


def _owner(task: Any, shape: torch.Size) -> nn.Module | None:
    """The last module that holds a weight of that shape."""
    found = [m for m in task.modules() if getattr(m, "weight", None) is not None and m.weight.shape == shape]
    return found[-1] if found else None


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
    if apart <= bench.limit("evaluation_difference"):
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
        location=bench.place(bench.evaluated, "dropout" if dropped else "", "forward"),
    )


def look_at_mixing(bench: Bench) -> Iterator[Finding]:
    """Row 0's output, with the other rows exchanged: in eval mode, and in train mode but for dropout and batch norm."""
    (inputs, _), (others, _) = bench.batch(), bench.batch(number=1)
    exchanged = torch.cat([inputs[:1], others[1 : len(inputs)], inputs[len(others) :]])[: len(inputs)]
    limit = bench.limit("evaluation_difference")
    for mode in ("eval", "train"):
        task = bench.copy(train=False)
        if mode == "train":
            task = bench.still(task)
        before, after, again = (bench.given(task, each).double() for each in (inputs, exchanged, inputs))
        if not bool(before.isfinite().all()):
            return
        apart = float((before[0] - after[0]).abs().max()) / max(float(before.std()), 1e-12)
        bench.measurements[f"mixing_difference_{mode}"] = apart
        if apart > limit and _apart(before, again) <= limit:
            yield Finding(
                "examples-mixed",
                "error",
                f"In {mode} mode an example's output changes by {100 * apart:.3g} % of the outputs' spread when the "
                "others of its batch are exchanged.",
                "Look for a reshape, a mean or a softmax over the batch dimension; only batch norm may look at the "
                "batch, and only in training.",
                evidence={"difference": apart},
                expected="0",
                location=bench.location("forward"),
            )
            return


def _apart(first: Tensor, second: Tensor) -> float:
    """Largest difference, in standard deviations of the outputs."""
    if not bool(first.isfinite().all()):
        return 0.0
    return float((first - second).abs().max()) / max(float(first.std()), 1e-12)


OUTPUTS = (
    Check(
        ("softmax-wrong-dim", "loss-expects-probabilities", "loss-expects-logits", "activation-on-logits"),
        look_at_scores,
    ),
    Check(("loss-target-mismatch",), look_at_target),
    Check(("output-range-cannot-reach-targets",), look_at_range),
    Check(("dropout-active-in-evaluation", "evaluation-not-deterministic"), look_at_evaluation),
    Check(("examples-mixed",), look_at_mixing),
)
