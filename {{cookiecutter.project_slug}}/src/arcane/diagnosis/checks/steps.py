"""A couple of batches in eval mode, then in train mode, before anything long (RECIPE 3.1)."""

from collections.abc import Iterator
from typing import Any

import torch

from ...data.findings import Finding
from ..bench import Bench
from .check import Check


def look_at_steps(bench: Bench) -> Iterator[Finding]:
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
                if outputs is not None and outputs.shape != (len(batch[1]), bench.classes):
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
            # A step that calls self() on parts of the batch, to accumulate gradients, is right.
            if shape is None or shape[1:] != (bench.classes,) or (seen.calls == 1 and shape[0] != len(batch[1])):
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


def _outputs(task: Any, images: torch.Tensor) -> torch.Tensor | None:
    """What forward gives, None where it fails too."""
    try:
        with torch.no_grad():
            outputs = task(images)
    except Exception:
        return None
    return outputs if isinstance(outputs, torch.Tensor) else None


def _wrong_shape(bench: Bench, step: str, n: int, outputs: torch.Tensor | None) -> Finding:
    if outputs is None:
        message = f"{step} does not call self(images), or forward gives no tensor: errors cannot be counted from it."
    else:
        message = f"forward gives {list(outputs.shape)} for {n} images of {bench.classes} classes."
    return Finding(
        "output-shape-mismatch",
        "error",
        message,
        f"Let {step} call self(images), and let forward return a row for each image and a column for each class.",
        evidence={} if outputs is None else {f"size_{i}": float(size) for i, size in enumerate(outputs.shape)},
        expected=f"[{n}, {bench.classes}]",
        location=bench.location("forward"),
    )


STEPS = (
    Check(
        ("step-failed", "output-shape-mismatch", "train-mode-in-evaluation"),
        "What fails on two batches fails after an hour as well.",
        "No threshold: two batches must pass in eval mode, then in train mode.",
        look_at_steps,
        blocking=True,
    ),
)
