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
            except torch.OutOfMemoryError:
                yield from look_at_memory(bench, len(batch[1]))
                return
            except Exception as error:
                yield _failed(bench, task, step, mode, batch, error)
                return
            shape = None if seen.outputs is None else tuple(seen.outputs.shape)
            right = bench.aim.shape(len(batch[1]))
            # A step that calls self() on parts of the batch, to accumulate gradients, is right.
            if not shape or shape[1:] != right[1:] or (seen.calls == 1 and shape != right):
                yield _wrong_shape(bench, step, len(batch[1]), seen.outputs)
                return
            wrong_mode = _wrong_mode(bench, step, mode == "train", seen.training, task.training)
            if wrong_mode:
                yield wrong_mode
                break


def _wrong_mode(bench: Bench, step: str, wanted: bool, at_forward: bool | None, after: bool) -> Finding | None:
    """The mode that `fit` set must hold while a step runs, and after it."""
    if after == wanted and at_forward in (wanted, None):
        return None
    if wanted:
        return Finding(
            "eval-mode-in-training",
            "error",
            "training_step runs the task in eval mode: no dropout, and batch norm learns no statistics.",
            "Do not call self.eval() in training_step, nor leave it behind in what it calls; fit sets the mode.",
            location=bench.location(step),
        )
    return Finding(
        "train-mode-in-evaluation",
        "error",
        "validation_step leaves the task in train mode: dropout and batch statistics then disturb the evaluation."
        if after
        else "validation_step runs the task in train mode: dropout and batch statistics disturb the evaluation.",
        "Do not call self.train() in validation_step; fit sets the mode.",
        location=bench.location(step),
    )


def _broadcast(bench: Bench) -> Finding | None:
    """Looked for before the shapes: of [n, 1] estimates it is the mechanism that harms."""
    n = len(bench.batch()[1])
    try:
        seen = bench.watch(bench.copy(train=True), bench.batch())
    except Exception:
        return None
    if not isinstance(bench.aim, Numbers) or seen.broadcast is None:
        return None
    first, second = map(list, seen.broadcast)
    return Finding(
        "accidental-broadcast",
        "error",
        f"The loss subtracts {second} from {first}: that broadcasts to [{n}, {n}], and every estimate is compared with "
        "every target.",
        "Let forward return one number an example, [n], as `outputs[:, 0]` or `outputs.squeeze(1)`.",
        evidence={"n": float(n)},
        expected=f"[{n}] against [{n}]",
        location=bench.place(seen, "broadcast", "training_step"),
    )


def _failed(bench: Bench, task: Any, step: str, mode: str, batch: tuple, error: Exception) -> Finding:
    """A step that raised: by what its loss function was given, where that tells; else as it is."""
    n, where = len(batch[1]), bench.raised_at(error) or bench.location(step)
    outputs = _outputs(task, batch[0])
    if outputs is not None and outputs.shape != bench.aim.shape(n):
        return _wrong_shape(bench, step, n, outputs)
    return _wrong_labels(bench, step, where) or Finding(
        "step-failed",
        "error",
        f"{step} fails on a batch of {n} in {mode} mode: {type(error).__name__}: {error}",
        "Mend the step; no training can start.",
        location=where,
    )


def _wrong_labels(bench: Bench, step: str, where: str | None) -> Finding | None:
    """Labels that the loss function cannot take."""
    seen = bench.attempted
    if seen is None or seen.scores is None or seen.targets is None or not isinstance(bench.aim, Classes):
        return None
    (name, scores), targets = seen.scores, seen.targets
    kind = str(targets.dtype).removeprefix("torch.")
    if name in ("cross_entropy", "nll_loss"):
        whole = not targets.is_floating_point()
        if whole and targets.ndim == 1:
            low, high = int(targets.min()), int(targets.max())
            if low < 0 or high >= scores.shape[1]:
                return Finding(
                    "label-out-of-range",
                    "error",
                    f"{name} in {step} gets labels from {low} to {high} for {scores.shape[1]} outputs.",
                    "Count classes from 0, and give the model an output for each of them.",
                    evidence={"lowest": float(low), "highest": float(high), "outputs": float(scores.shape[1])},
                    expected=f"0 to {scores.shape[1] - 1}",
                    location=where,
                )
        if (whole and targets.ndim > 1) or (not whole and targets.ndim == 1) or targets.dtype == torch.int32:
            return _wrong_format(
                name, step, kind, list(targets.shape), "int64 indices [n], or shares float [n, K]", where
            )
    if name.startswith("binary"):
        if name == "binary_cross_entropy" and not bool(((scores >= 0) & (scores <= 1)).all()):
            return expects_probabilities(name, float(scores.min()), float(scores.max()), where)
        if not targets.is_floating_point() or targets.shape != scores.shape:
            return _wrong_format(name, step, kind, list(targets.shape), f"float {list(scores.shape)}", where)
    return None


def _wrong_format(name: str, step: str, kind: str, shape: list[int], expected: str, where: str | None) -> Finding:
    return Finding(
        "label-format-mismatch",
        "error",
        f"{name} in {step} gets labels as {kind} {shape}.",
        "Give indices to cross_entropy and nll_loss, and targets as float to the others.",
        expected=expected,
        location=where,
    )


def expects_probabilities(name: str, low: float, high: float, where: str | None) -> Finding:
    """For `binary_cross_entropy` and `nll_loss`, which apply nothing to what they get."""
    wanted = "log-probabilities" if name == "nll_loss" else "probabilities"
    instead = "cross_entropy" if name == "nll_loss" else "binary_cross_entropy_with_logits"
    return Finding(
        "loss-expects-probabilities",
        "error",
        f"{name} gets numbers from {low:.3g} to {high:.3g} that are no {wanted}: it applies no softmax or sigmoid.",
        f"Use {instead}, which takes logits.",
        evidence={"lowest": low, "highest": high},
        expected=wanted,
        location=where,
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


def look_at_memory(bench: Bench, planned: int | None = None) -> Iterator[Finding]:
    """Run a step of the planned size; where memory is too small, look for the size that fits."""
    if planned is None:
        planned = int(bench.planned("batch_size", 64)) // int(bench.planned("accumulate", 1)) or 1
        if planned <= 64:
            return  # the batches before were as large
    size = planned = min(planned, len(bench.train))
    while size:
        try:
            bench.watch(bench.copy(train=True), bench.batch(size)).loss.backward()
        except torch.OutOfMemoryError:
            size //= 2
            if bench.device.type == "cuda":
                torch.cuda.empty_cache()
            continue
        except RuntimeError:
            return  # what else goes wrong is for other checks
        break
    if size < planned:
        yield Finding(
            "out-of-memory",
            "error",
            f"A training step of {planned} examples does not fit in memory; "
            + (f"{size} do." if size else "one example alone does not either."),
            f"Set train.accumulate to {-(-planned // size)} (the step stays the same), or train.batch_size to {size}."
            if size
            else "Use a smaller model.width, model.depth or data.resolution.",
            evidence={"batch": float(planned), "fits": float(size)},
            expected=f"a batch of {planned}",
            location=bench.location("training_step"),
        )


def look_at_backward(bench: Bench) -> Iterator[Finding]:
    """A validation step, with gradients allowed: it must leave no gradient and move no weight."""
    task = bench.copy(train=False)
    before = [p.detach().clone() for p in task.parameters()]
    try:
        bench.watch(task, bench.batch(), "validation_step")
    except Exception:
        return  # `look_at_steps` says what fails
    graded = sum(p.grad is not None and bool(p.grad.count_nonzero()) for p in task.parameters())
    changed = sum(not torch.equal(p.detach(), old) for p, old in zip(task.parameters(), before, strict=True))
    if graded or changed:
        yield Finding(
            "backward-in-evaluation",
            "error",
            f"validation_step leaves gradients on {graded} parameters and changes {changed}: the model learns from the "
            "validation data, or the next training step gets its gradients.",
            "Take backward() and the optimiser out of validation_step.",
            evidence={"with_gradient": float(graded), "changed": float(changed)},
            expected="0 and 0",
            location=bench.location("validation_step"),
        )


STEPS = (
    # First: evaluation without gradients fails at a backward pass, which says less.
    Check(("backward-in-evaluation",), look_at_backward, blocking=True),
    Check(
        (
            "accidental-broadcast", "label-out-of-range", "label-format-mismatch", "loss-expects-probabilities",
            "step-failed", "output-shape-mismatch", "train-mode-in-evaluation", "eval-mode-in-training",
            "out-of-memory",
        ),
        look_at_steps,
        blocking=True,
    ),
    Check(("out-of-memory",), look_at_memory, blocking=True),
)  # fmt: skip
