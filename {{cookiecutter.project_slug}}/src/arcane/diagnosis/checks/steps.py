"""A couple of batches in eval mode, then in train mode, before anything long (RECIPE 3.1)."""

from collections.abc import Iterator
from typing import Any

import torch

from ...data.findings import Finding
from ..aims import Classes, Numbers
from ..bench import Bench
from .check import Check


def look_at_steps(bench: Bench) -> Iterator[Finding]:
    broadcast = _broadcast(bench)
    if broadcast:
        yield broadcast
        return
    task = bench.copy(train=False)
    for mode, step in (("eval", "validation_step"), ("train", "training_step")):
        task.train(mode == "train")
        for number in range(2):
            batch = bench.batch(number=number)
            try:
                with torch.set_grad_enabled(mode == "train"):
                    seen = bench.watch(task, batch, step)
            except Exception as error:
                outputs = _outputs(task, batch[0])
                if outputs is not None and outputs.shape != bench.aim.shape(len(batch[1])):
                    yield _wrong_shape(bench, step, len(batch[1]), outputs)
                    return
                yield Finding(
                    "step-failed",
                    "error",
                    f"{step} fails on a batch of {len(batch[1])} in {mode} mode: {type(error).__name__}: {error}",
                    "Mend the step; no training can start.",
                    location=bench.raised_at(error) or bench.location(step),
                )
                return
            shape = None if seen.outputs is None else tuple(seen.outputs.shape)
            right = bench.aim.shape(len(batch[1]))
            # A step that calls self() on parts of the batch, to accumulate gradients, is right.
            if not shape or shape[1:] != right[1:] or (seen.calls == 1 and shape != right):
                yield _wrong_shape(bench, step, len(batch[1]), seen.outputs)
                return
        if mode == "eval" and task.training:
            yield Finding(
                "train-mode-in-evaluation",
                "error",
                "validation_step leaves the task in train mode: dropout and batch statistics then disturb the "
                "evaluation.",
                "Do not call self.train() in validation_step; fit sets the mode.",
                location=bench.location("validation_step"),
            )


def _broadcast(bench: Bench) -> Finding | None:
    """Looked for before the shapes: of [n, 1] estimates it is the mechanism that harms."""
    n = len(bench.batch()[1])
    try:
        shapes = bench.watch(bench.copy(train=True), bench.batch()).broadcast
    except Exception:
        return None
    if not isinstance(bench.aim, Numbers) or shapes is None:
        return None
    first, second = map(list, shapes)
    return Finding(
        "accidental-broadcast",
        "error",
        f"The loss subtracts {second} from {first}: that broadcasts to [{n}, {n}], and every estimate is compared with "
        "every target.",
        "Let forward return one number an example, [n], as `outputs[:, 0]` or `outputs.squeeze(1)`.",
        evidence={"n": float(n)},
        expected=f"[{n}] against [{n}]",
        location=bench.location("training_step"),
    )


def _outputs(task: Any, inputs: torch.Tensor) -> torch.Tensor | None:
    """What forward gives, None where it fails too."""
    try:
        with torch.no_grad():
            outputs = task(inputs)
    except Exception:
        return None
    return outputs if isinstance(outputs, torch.Tensor) else None


def _wrong_shape(bench: Bench, step: str, n: int, outputs: torch.Tensor | None) -> Finding:
    if outputs is None:
        message = f"{step} does not call self(inputs), or forward gives no tensor: errors cannot be counted from it."
    else:
        of_classes = f" of {bench.aim.count} classes" if isinstance(bench.aim, Classes) else ""
        message = f"forward gives {list(outputs.shape)} for {n} examples{of_classes}."
    each = "a row for each example and a column for each class" if isinstance(bench.aim, Classes) else "one number each"
    return Finding(
        "output-shape-mismatch",
        "error",
        message,
        f"Let {step} call self(inputs), and let forward return {each}.",
        evidence={} if outputs is None else {f"size_{i}": float(size) for i, size in enumerate(outputs.shape)},
        expected=str(list(bench.aim.shape(n))),
        location=bench.location("forward"),
    )


STEPS = (
    Check(
        ("accidental-broadcast", "step-failed", "output-shape-mismatch", "train-mode-in-evaluation"),
        "What fails on two batches fails after an hour as well.",
        "No threshold: two batches must pass in eval mode, then in train mode; and no [n, 1] is subtracted from [n] "
        "where one of them alone wants a gradient.",
        look_at_steps,
        blocking=True,
    ),
)
