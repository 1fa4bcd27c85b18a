"""The program's own failure, read as evidence."""

import re
from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import losses
from ..measuring import LOSSES
from ..trace import Crash, Trace
from .check import PassiveCheck, found

READINGS: tuple[tuple[str, str, str, str], ...] = (
    (r"out of memory|not enough memory|can't allocate memory|MemoryError", "out-of-memory",
     "The memory did not suffice for a batch of {rows} rows.",
     "Try half the batch ({half}), or accumulate gradients over smaller ones; sum losses with .item()."),
    (r"Target -?\d+ is out of bounds|index -?\d+ is out of bounds for dimension|Assertion `t", "label-out-of-range",
     "A label lies beyond the model's columns: {message}", "Number classes from 0, and give the last "
     "layer one column a "
     "class."),
    (r"Expected more than 1 value per channel", "batch-norm-batch-too-small",
     "Batch norm met a batch of a single value a channel.", "Use drop_last=True or a larger batch, or group norm."),
    (r"does not require grad and does not have a grad_fn", "gradient-does-not-flow",
     "The loss has no gradient: nothing between it and the parameters recorded one.",
     "Look for detach(), no_grad(), .data, argmax, numpy or a new tensor made of the loss."),
    (r"optimizer got an empty parameter list", "parameter-not-registered",
     "The model has no parameters: its layers are kept where it does not see them.",
     "Keep layers as attributes or in nn.ModuleList; a plain list hides them."),
    (r"multi-target not supported|0D or 1D target tensor expected", "label-format-mismatch",
     "cross_entropy got one-hot rows where it wants class numbers: {message}", "Give labels.argmax(1), int64 [n]."),
    (r"all elements of (input|target) should be between 0 and 1", "loss-expects-probabilities",
     "binary_cross_entropy got values outside of 0 to 1.", "Use binary_cross_entropy_with_logits on raw outputs."),
    (r"Tried to step \d+ times", "schedule-stepped-wrongly",
     "The schedule was stepped more often than it was made for: {message}",
     "Make it for as many steps as are taken, and step it at the rhythm that it was made for."),
)  # fmt: skip
TYPES = re.compile(
    r"expected (scalar type|dtype)|Expected (floating|all tensors)|not implemented for|dtype|'Long'|Found dtype"
)
SHAPES = re.compile(r"shape|size|dimension|expected input\[|Expected (input|target)|mat1 and mat2", re.IGNORECASE)


def look_at_crash(trace: Trace) -> Iterator[Finding]:
    crash = trace.crash
    if crash is None or crash.kind in ("KeyboardInterrupt", "SystemExit"):
        return
    text = f"{crash.kind}: {crash.message}"
    first = crash.message.strip().splitlines()[0] if crash.message.strip() else crash.kind
    for pattern, code, message, advice in READINGS:
        if re.search(pattern, text):
            if code == "loss-expects-probabilities" and ("target" in first or crash.spoilt):
                code, message, advice = _outside(crash)
            fill = {"rows": crash.rows, "half": max(1, crash.rows // 2), "message": first}
            yield found(code, "error", message.format(**fill), advice.format(**fill), crash.place, rows=crash.rows)
            return
    yield from _shapes(trace, crash, first)


def _outside(crash: Crash) -> tuple[str, str, str]:
    """What a binary cross entropy did not take: code, message and advice."""
    if crash.spoilt:
        message = "binary_cross_entropy got outputs that are NaN: what came before made them so."
        return "loss-not-finite", message, "Look for a step that is too long, a logarithm or a division before it."
    if crash.quantities:
        message = "binary_cross_entropy got targets outside of 0 to 1, which a probability cannot become."
        return "output-range-cannot-reach-targets", message, "Scale the targets into 0 to 1, or use another loss."
    return "label-out-of-range", "binary_cross_entropy got targets outside of 0 to 1.", "Number the classes 0 and 1."


IN_A_LOSS = re.compile(r"result type \w+ can't be cast|with (a|two) bool tensors?|must match the dtype|same dtype")


def _in_a_loss(crash: Crash) -> bool:
    """Whether it failed inside a loss that no function mode sees from within: floats against labels of another type."""
    floats = [kind.startswith(("float", "bfloat")) for kind in crash.dtypes[:2]]
    return bool(IN_A_LOSS.search(crash.message)) and len(floats) == 2 and any(floats) and not all(floats)


def _over_rows(trace: Trace, crash: Crash) -> bool:
    """Whether predictions that met labels are as many as the model has columns, and not as many as rows."""
    columns = {term.outputs.shape[-1] for term in losses(trace) if len(term.outputs.shape) > 1}
    flat = [shape[0] for shape in crash.shapes[:2] if len(shape) == 1]
    return len(flat) == 2 and any(n in columns for n in flat) and crash.rows in flat


def _shapes(trace: Trace, crash: Crash, first: str) -> Iterator[Finding]:
    if crash.kind not in ("RuntimeError", "ValueError"):
        return
    at_loss = crash.function in LOSSES or _in_a_loss(crash)
    if at_loss and (TYPES.search(first) or IN_A_LOSS.search(first)) and len(crash.dtypes) > 1:
        yield found(
            "label-format-mismatch", "error",
            f"{crash.function} got outputs of {crash.dtypes[0]} and targets of {crash.dtypes[1]}: {first}",
            "Class numbers are int64 (.long()) for cross_entropy; targets of other losses are float32 (.float()).",
            crash.place, "targets of the loss's type",
        )  # fmt: skip
    elif crash.function in ("eq", "ne") and _over_rows(trace, crash):
        yield found(
            "metric-wrong", "error",
            f"Predictions of shape {list(crash.shapes[0])} are compared with labels of shape {list(crash.shapes[1])}: "
            "one is the argmax over dimension 0, over the rows, not the classes.",
            "Use argmax(dim=1).", crash.place, "one prediction a row", dim=0,
        )  # fmt: skip
    elif SHAPES.search(first) and crash.shapes:
        shapes = " and ".join(str(list(shape)) for shape in crash.shapes[:2])
        yield found(
            "output-shape-mismatch", "error", f"{crash.function} failed on {shapes}: {first}",
            "Print the shapes before this line; let each layer take what the one before gives.",
            crash.place, "shapes that fit",
        )  # fmt: skip


CRASH = (
    PassiveCheck(
        (
            "out-of-memory", "label-out-of-range", "batch-norm-batch-too-small", "gradient-does-not-flow",
            "parameter-not-registered", "label-format-mismatch", "loss-expects-probabilities",
            "schedule-stepped-wrongly", "output-shape-mismatch", "loss-not-finite", "output-range-cannot-reach-targets",
        ),
        "A traceback says what failed; this says what it is called.",
        "No threshold: the exception's own words, and the operation that raised it.",
        look_at_crash,
    ),
)  # fmt: skip
