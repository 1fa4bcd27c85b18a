"""One batch, over-fitted (RECIPE 3.3): what cannot learn 32 examples will not learn more; how it fails tells why."""

from collections.abc import Iterator

import torch

from ...data.findings import Finding
from ..bench import Bench, Course
from .check import Check

SUSPECTS = {
    "rises": (
        "a flipped sign of the loss or the gradient",
        "a learning rate that is too high",
        "a softmax over the wrong dimension",
    ),
    "explodes": ("numerical trouble", "a learning rate that is too high"),
    "not-finite": ("a logarithm or division that meets zero", "a learning rate that is too high"),
    "oscillates": ("a learning rate that is too high", "labels that are shuffled against the inputs", "augmentation"),
    "plateaus": (
        "a learning rate that is too low",
        "gradients that do not reach the whole model",
        "a wrong input to the loss (softmax or a rectifier instead of logits)",
        "corrupt data or labels",
    ),
    "falls": (
        "a learning rate that is too low",
        "regularisation that is too strong",
        "labels that contradict each other",
    ),
}
"""By how the loss went, the likeliest first."""


def look_at_rate(bench: Bench) -> Iterator[Finding]:
    course = bench.own_course
    bench.measurements |= {"overfit_error": course.error, "overfit_steps": float(len(course.losses))}
    if course.fitted or bench.remedied is None:
        return
    rate, _ = bench.remedied
    own = bench.configured(bench.copy(train=True)).learning_rate
    evidence = {
        "learning_rate": own,
        "rate_that_learns": rate,
        "error": course.error,
        "steps": float(len(course.losses)),
    }
    if course.shape in ("rises", "explodes", "oscillates", "not-finite") or (
        course.shape == "plateaus" and own > 10 * rate
    ):
        yield Finding(
            "learning-rate-too-high",
            "error",
            f"At a learning rate of {own:g} the loss on one batch {_went(course)}, which leaves "
            f"{bench.aim.left(course.error)}; Adam at {rate:g} learns the batch.",
            f"Lower train.learning_rate, towards {rate:g} for Adam.",
            evidence=evidence,
            expected="one batch learnt",
            location=bench.location("configure_optimizers"),
        )
    elif course.shape == "plateaus":
        yield Finding(
            "learning-rate-too-low",
            "warning",
            f"At a learning rate of {own:g} the loss on one batch hardly moves in {len(course.losses)} steps; Adam at "
            f"{rate:g} "
            "learns the batch.",
            f"Raise train.learning_rate, towards {rate:g} for Adam.",
            evidence=evidence,
            expected="one batch learnt",
            location=bench.location("configure_optimizers"),
        )


def look_at_zeroed(bench: Bench) -> Iterator[Finding]:
    """Train for the same few steps on the same labels with every input zero."""
    inputs, labels = bench.balanced
    course, rate = bench.own_course, None
    if not course.fitted and bench.remedied:
        rate, course = bench.remedied
    if course.shape == "not-finite" or course.not_finite or len(labels.unique()) < 2:
        return
    zeroed = bench.learn((torch.zeros_like(inputs), labels), rate, steps=len(course.losses))
    bench.measurements["zeroed_error"] = zeroed.error
    outputs = bench.outputs(course.task, inputs)
    blind = bool(outputs.isfinite().all()) and float((outputs - outputs[:1]).abs().max()) <= 1e-6 * float(
        outputs.abs().max()
    )
    if zeroed.error <= course.error and (course.fitted or (blind and bench.trained.first_input is None)):
        yield Finding(
            "input-ignored",
            "error",
            f"With every input zeroed the same training leaves {bench.aim.left(zeroed.error)} on a batch, with the "
            f"real ones {100 * course.error:.0f} %: the inputs make no difference.",
            "Look for inputs that are overwritten on their way, and for labels that reach the model.",
            evidence={"error": course.error, "zeroed_error": zeroed.error},
            expected="a higher error without the inputs",
            location=bench.location("forward"),
        )
    elif blind and not course.fitted:
        yield Finding(
            "constant-output",
            "error",
            "After training on one batch the outputs are the same for every example.",
            "Look for dead units (a rate or initialisation that is too large) and for an output that does not use its "
            "input.",
            evidence={"error": course.error},
            expected="outputs that differ between examples",
            location=bench.location("forward"),
        )


def look_at_overfitting(bench: Bench) -> Iterator[Finding]:
    course = bench.own_course
    if course.fitted or bench.remedied:
        return
    by_reference = bench.reference_course
    bench.measurements["reference_error"] = by_reference.error
    if by_reference.fitted:
        where, hint = (
            "training_step",
            f"with plain {bench.aim.reference} the same model learns it, so look at the step and the loss first",
        )
    else:
        where, hint = "forward", f"plain {bench.aim.reference} does not help, so look at the model and its inputs first"
    yield Finding(
        "cannot-overfit-batch",
        "error",
        f"{len(bench.balanced[1])} examples cannot be learnt: {len(course.losses)} steps leave "
        f"{bench.aim.left(course.error)}, and the loss {_went(course)}; {hint}.",
        f"Suspects, likeliest first: {'; '.join(SUSPECTS[course.shape])}.",
        evidence={"error": course.error, "steps": float(len(course.losses)), "reference_error": by_reference.error},
        expected=f"at most {bench.aim.left(bench.enough)}",
        location=bench.location(where),
    )


def _went(course: Course) -> str:
    verb = {"plateaus": "stays where it is", "not-finite": "becomes NaN or infinite"}.get(course.shape, course.shape)
    return f"{verb} ({course.losses[0]:.3g} to {course.losses[-1]:.3g})"


LEARNING = (
    Check(("learning-rate-too-high", "learning-rate-too-low"), look_at_rate),
    Check(("input-ignored", "constant-output"), look_at_zeroed),
    Check(("cannot-overfit-batch",), look_at_overfitting, symptom=True),
)
