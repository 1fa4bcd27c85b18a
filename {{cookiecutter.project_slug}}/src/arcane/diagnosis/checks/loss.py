"""The loss before any step: finite, of the right size, not growing with the batch, and falling towards the labels."""

import math
from collections.abc import Iterator

import torch

from ...data.findings import Finding
from ..aims import Classes
from ..bench import Bench
from .check import Check

SMALL, LARGE = 16, 64


def look_at_loss(bench: Bench) -> Iterator[Finding]:
    loss = float(bench.trained.loss.detach())
    where = bench.location("training_step")
    if not math.isfinite(loss):
        yield Finding(
            "loss-not-finite",
            "error",
            f"The loss of the first training step is {loss}.",
            "Look for a logarithm of zero, a division by zero, or inputs that are not finite.",
            expected="a finite number",
            location=where,
        )
        return
    bench.measurements["loss_at_init"] = loss
    small, large = _by_batch_size(bench)
    ratio = large / small if small > 0 else 1.0
    if len(bench.train) >= LARGE and 3.2 < ratio < 4.8:
        yield Finding(
            "loss-sum-reduction",
            "warning",
            f"The loss grows with the batch: {small:.3g} for {SMALL} examples, {large:.3g} for {LARGE}.",
            "Use reduction='mean', so that the learning rate means the same for every batch size.",
            evidence={"loss_16": small, "loss_64": large, "ratio": ratio},
            expected="a ratio of about 1",
            location=where,
        )
        return
    yield from _start_of_classes(bench, bench.aim, loss) if isinstance(bench.aim, Classes) else _start_of_numbers(bench)


def _by_batch_size(bench: Bench) -> tuple[float, float]:
    """The mean loss of small batches, and the loss of all their examples at once: others would differ by chance."""
    inputs, labels = bench.batch(LARGE)
    pieces = zip(inputs.split(SMALL), labels.split(SMALL), strict=True)
    small = [float(bench.watch(bench.copy(train=False), piece).loss.detach()) for piece in pieces]
    return sum(small) / len(small), float(bench.watch(bench.copy(train=False), (inputs, labels)).loss.detach())


def _start_of_classes(bench: Bench, aim: Classes, loss: float) -> Iterator[Finding]:
    shares = torch.bincount(bench.batch()[1], minlength=aim.count).double() / len(bench.batch()[1])
    prior = float(-(shares[shares > 0] * shares[shares > 0].log()).sum())
    chance = math.log(aim.count)
    bench.measurements |= {"chance_loss": chance, "prior_entropy": prior}
    most = chance + bench.limit("loss_at_init_nats")
    if bench.trained.scores and loss > most:
        yield Finding(
            "loss-at-init-off",
            "warning",
            f"The loss starts at {loss:.3g}, where a model that knows nothing has ln {aim.count} = {chance:.3g}.",
            "Start the last layer with small weights and zero biases, and look at the scale of the inputs.",
            evidence={"loss": loss, "chance": chance, "prior_entropy": prior},
            expected=f"about {chance:.3g}, at most {most:.3g}",
            location=bench.location("training_step"),
        )


def _start_of_numbers(bench: Bench) -> Iterator[Finding]:
    """The estimates themselves are looked at, in the target's unit, so that the loss may be any."""
    labels, outputs = bench.batch()[1], bench.evaluated.outputs
    if outputs is None or outputs.shape != labels.shape:
        return
    variances = float(bench.aim.loss(outputs.double(), labels.double()))
    bench.measurements["variances_at_init"] = variances
    if variances > bench.limit("loss_at_init_variances"):
        yield Finding(
            "loss-at-init-off",
            "warning",
            f"The squared error starts at {variances:.3g} times the targets' variance, where a model that knows "
            "nothing, and says their mean, has 1.",
            "Standardise the targets with the training split's statistics, start the last layer with small weights and "
            "zero biases, and look at the scale of the inputs.",
            evidence={"variances": variances},
            expected=f"about 1, at most {bench.limit('loss_at_init_variances'):g}",
            location=bench.location("forward"),
        )


MANUAL_COSINE = -0.2
"""For a task that takes its steps itself, whose move is seen in place of its gradient: Adam's first is the gradient's
sign, at a cosine of 0.3 to 0.8 with it."""


def look_at_sign(bench: Bench) -> Iterator[Finding]:
    """Compare the direction of the task's gradient with that of the aim's loss on the same outputs."""
    task = bench.copy(train=False)
    inputs, labels = bench.batch()
    parameters = [p for p in task.parameters() if p.requires_grad]
    reference = torch.autograd.grad(bench.aim.loss(task(inputs.clone()), labels), parameters, allow_unused=True)
    before = [p.detach().clone() for p in parameters]
    loss = bench.watch(task, (inputs, labels)).loss
    if not bool(loss.isfinite()) or not (bench.manual or loss.requires_grad):
        return
    own = (
        [old - p.detach() for old, p in zip(before, parameters, strict=True)]
        if bench.manual
        else torch.autograd.grad(loss, parameters, allow_unused=True)
    )
    pairs = [(a.flatten(), b.flatten()) for a, b in zip(own, reference, strict=True) if a is not None and b is not None]
    if not pairs:
        return
    ours, theirs = (torch.cat(side) for side in zip(*pairs, strict=True))
    cosine = float(torch.nn.functional.cosine_similarity(ours.double(), theirs.double(), dim=0))
    groups = [group for optimizer in bench.configured(task).optimizers for group in optimizer.param_groups]
    uphill = not bench.manual and any(group.get("maximize") for group in groups)
    cosine *= -1 if uphill else 1
    bench.measurements["gradient_cosine"] = cosine
    if cosine < (MANUAL_COSINE if bench.manual else bench.limit("sign_cosine")):
        yield Finding(
            "loss-sign-flipped",
            "error",
            f"A step along the task's gradient takes the outputs away from the labels (cosine {cosine:.2f} with the "
            f"gradient of the {bench.aim.reference}).",
            "The optimiser maximises a loss: take maximize=True out." if uphill else "Turn the sign of the loss.",
            evidence={"cosine": cosine},
            expected="above 0",
            location=bench.location("configure_optimizers" if uphill else "training_step"),
        )


def look_at_clipping(bench: Bench) -> Iterator[Finding]:
    clipped = bench.trained.clipped
    bench.measurements["loss_clipped_share"] = clipped
    if clipped > bench.limit("loss_clipped_share"):
        yield Finding(
            "loss-clipped",
            "error",
            f"A clamp changes {100 * clipped:.3g} % of the losses: these examples give no gradient.",
            "Take the clamp off the loss; clip the gradient's norm (train.clip) where steps are too large.",
            evidence={"share": clipped},
            expected="0",
            location=bench.place(bench.trained, "clamp", "training_step"),
        )


LOSS = (
    Check(("loss-clipped",), look_at_clipping),
    Check(("loss-not-finite", "loss-sum-reduction", "loss-at-init-off"), look_at_loss),
    Check(("loss-sign-flipped",), look_at_sign),
)
