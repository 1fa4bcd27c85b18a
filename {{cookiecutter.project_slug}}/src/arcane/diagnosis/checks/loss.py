"""The loss before any step: finite, of the right size, not growing with the batch, and falling towards the labels."""

import math
from collections.abc import Iterator

import torch

from ...data.findings import Finding
from ..aims import Classes
from ..bench import Bench
from .check import Check

ROOM = 2.0
"""How far above ln K a loss may start, in nats: default initialisations of PyTorch and He's reach 1."""

VARIANCES = 3.0
"""Times the targets' variance that a regression's squared error may start at: He's initialisation of the last layer
reaches 2, targets that are not standardised have 1 + (mean / deviation)², 4.9 on the diabetes data."""

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
    task = bench.copy(train=False)
    small = [float(bench.watch(task, piece).loss.detach()) for piece in pieces]
    return sum(small) / len(small), float(bench.watch(bench.copy(train=False), (inputs, labels)).loss.detach())


def _start_of_classes(bench: Bench, aim: Classes, loss: float) -> Iterator[Finding]:
    shares = torch.bincount(bench.batch()[1], minlength=aim.count).double() / len(bench.batch()[1])
    prior = float(-(shares[shares > 0] * shares[shares > 0].log()).sum())
    chance = math.log(aim.count)
    bench.measurements |= {"chance_loss": chance, "prior_entropy": prior}
    if bench.trained.scores and loss > chance + ROOM:
        yield Finding(
            "loss-at-init-off",
            "warning",
            f"The loss starts at {loss:.3g}, where a model that knows nothing has ln {aim.count} = {chance:.3g}.",
            "Start the last layer with small weights and zero biases, and look at the scale of the inputs.",
            evidence={"loss": loss, "chance": chance, "prior_entropy": prior},
            expected=f"about {chance:.3g}, at most {chance + ROOM:.3g}",
            location=bench.location("training_step"),
        )


def _start_of_numbers(bench: Bench) -> Iterator[Finding]:
    """The estimates themselves are looked at, in the target's unit, so that the loss may be any."""
    labels, outputs = bench.batch()[1], bench.evaluated.outputs
    if outputs is None or outputs.shape != labels.shape:
        return
    variances = float(bench.aim.loss(outputs.double(), labels.double()))
    bench.measurements["variances_at_init"] = variances
    if variances > VARIANCES:
        yield Finding(
            "loss-at-init-off",
            "warning",
            f"The squared error starts at {variances:.3g} times the targets' variance, where a model that knows "
            "nothing, and says their mean, has 1.",
            "Standardise the targets with the training split's statistics, start the last layer with small weights and "
            "zero biases, and look at the scale of the inputs.",
            evidence={"variances": variances},
            expected=f"about 1, at most {VARIANCES:g}",
            location=bench.location("forward"),
        )


def look_at_sign(bench: Bench) -> Iterator[Finding]:
    """Compare the direction of the task's gradient with that of the aim's loss on the same outputs."""
    task = bench.copy(train=False)
    inputs, labels = bench.batch()
    parameters = [p for p in task.parameters() if p.requires_grad]
    loss = bench.watch(task, (inputs, labels)).loss
    if not loss.requires_grad or not bool(loss.isfinite()):
        return
    own = torch.autograd.grad(loss, parameters, allow_unused=True)
    reference = torch.autograd.grad(bench.aim.loss(task(inputs.clone()), labels), parameters, allow_unused=True)
    pairs = [(a.flatten(), b.flatten()) for a, b in zip(own, reference, strict=True) if a is not None and b is not None]
    if not pairs:
        return
    ours, theirs = (torch.cat(side) for side in zip(*pairs, strict=True))
    cosine = float(torch.nn.functional.cosine_similarity(ours.double(), theirs.double(), dim=0))
    optimizer, _ = bench.optimiser(task)
    uphill = any(group.get("maximize") for group in optimizer.param_groups)
    cosine *= -1 if uphill else 1
    bench.measurements["gradient_cosine"] = cosine
    if cosine < -0.5:
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


LOSS = (
    Check(
        ("loss-not-finite", "loss-sum-reduction", "loss-at-init-off"),
        "A loss that starts wrong, or depends on the batch's size, tells of a mistake before any training.",
        "Four times the batch gives 3.2 to 4.8 times the loss (a mean stays within 0.8 to 1.25); a start more than 2 "
        "nats "
        "above ln K (the template's models start within 0.1, default initialisations within 1), or for a regression "
        "above 3 times the targets' variance. A start below passes: pre-trained models and scaled losses have it.",
        look_at_loss,
    ),
    Check(
        ("loss-sign-flipped",),
        "With the wrong sign the error rises as fast as it should fall.",
        "Cosine below -0.5: right losses gave 0.9 to 1, a flipped sign -1, losses of another kind -0.47 and up.",
        look_at_sign,
    ),
)
