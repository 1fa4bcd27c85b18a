"""The captured model, its rows and its loss, as a task that the active examination takes.

Only what is sound is examined: one model with one input tensor, one loss of a known kind, one optimiser.
"""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...data.findings import Finding
from ...data.loading import Examples
from ...spec import Spec, Target
from ..limits import Settings
from .captures import Captures
from .graph import Scored, terms
from .trace import Trace

FEWEST = 64
"""Rows without which training a copy on a batch says little."""

ASKED = ("examples-mixed", "learning-rate-too-high", "learning-rate-too-low")
"""What only an active look can tell; the rest was seen while the program ran. Labels are asked about in `pairing`."""

LARGEST = 3_000_000
"""Numbers of a model that is trained again on a batch, within seconds on one core."""


class CapturedTask(nn.Module):
    """A captured model with its loss and optimiser; has what the examination asks of a LightningModule.

    It is none, because importing Lightning takes 5 seconds, which a program that does not use it need not pay for.

    Args:
        model: The copy from before the first step.
        shape: Of one row of its inputs; rows come flattened.
        dtype: Of its inputs.
        kind: `cross_entropy` or `mse_loss`.
        optimiser: Class and arguments.
    """

    def __init__(self, model: nn.Module, shape: tuple[int, ...], dtype: torch.dtype, kind: str, optimiser: tuple):
        super().__init__()
        self.automatic_optimization = True
        self.model, self.shape, self.kind, self.made_by = model, shape, kind, optimiser
        self.inputs_dtype = dtype

    def forward(self, rows: Tensor) -> Tensor:
        outputs = self.model(rows.reshape(len(rows), *self.shape).to(self.inputs_dtype))
        return outputs if self.kind == "cross_entropy" else outputs.reshape(len(rows))

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        outputs, labels = self(batch[0]), batch[1]
        return F.cross_entropy(outputs, labels) if self.kind == "cross_entropy" else F.mse_loss(outputs, labels)

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        return self.training_step(batch, index)

    def configure_optimizers(self) -> Any:
        kind, arguments = self.made_by
        return kind([p for p in self.parameters() if p.requires_grad], **arguments)


def examine_captured(trace: Trace, captures: Captures, settings: Settings | None = None) -> list[Finding]:
    """What the active examination finds on the copies; nothing where the capture is not sound."""
    from ..checks import CHECKS
    from ..examine import examine

    made = captured_task(trace, captures)
    if made is None:
        return []
    task, examples = made
    where = next((call.place for call in trace.learned), None)
    checks = [check for check in CHECKS if set(check.codes) & set(ASKED)]
    found = examine(task, examples, seed=1, checks=checks, settings=settings).findings
    shown = where.shown if where else None
    return [
        Finding(f.code, f.severity, f.message, f.advice, evidence=f.evidence, expected=f.expected, location=shown)
        for f in found
        if f.code in ASKED
    ]


def captured_task(trace: Trace, captures: Captures) -> tuple[CapturedTask, Examples] | None:
    """The capture as a task with examples, None where it is not sound."""
    optimisers = [o for o in trace.optimisers.values() if o.steps]
    if len(optimisers) != 1 or captures.optimiser is None or len(captures.models) != 1 or not trace.backwards:
        return None
    ((key, model),) = captures.models.items()
    term = _only_term(trace)
    if (
        term is None
        or sum(p.numel() for p in model.parameters()) > LARGEST
        or any(m.loaded for m in trace.models.values())
    ):
        return None
    if not all(wants for _, _, wants in trace.models[key].parameters.values()):
        return None
    calls = [c for c in trace.learned if c.number in captures.inputs and len(c.labels) and c.model == key]
    calls = [c for c in calls if len(c.labels) == len(captures.inputs[c.number])]
    if not calls or len({captures.inputs[c.number].shape[1:] for c in calls}) > 1:
        return None
    inputs = torch.cat([captures.inputs[c.number] for c in calls])
    labels = np.concatenate([c.labels for c in calls])
    _, first = np.unique(np.concatenate([c.keys for c in calls]), return_index=True)
    first.sort()
    if len(first) < FEWEST or not bool(inputs.to(torch.float32).isfinite().all()):
        return None
    kind = "cross_entropy" if term.kind == "cross_entropy" else "mse_loss"
    task = CapturedTask(model, tuple(inputs.shape[1:]), inputs.dtype, kind, captures.optimiser)
    return task, _examples(inputs[first], labels[first], term, kind)


def _only_term(trace: Trace) -> Scored | None:
    """The loss, where it is one plain term on outputs that one call gave."""
    found = [terms(b.root) for b in trace.backwards[:8]]
    if any(len(f) != 1 for f in found):
        return None
    term = found[0][0]
    facts, shape = term.node.facts, term.outputs.shape
    plain = term.alone and not term.odd and term.sign > 0 and not term.clamps and len(term.outputs.calls) == 1
    if not plain or term.targets is None or term.targets.layers or len(term.node.inputs) > 2:
        return None
    if term.kind == "cross_entropy":
        good = len(shape) == 2 and term.targets.shape == shape[:1] and not term.node.option("label_smoothing", 9, 0)
    else:
        good = term.kind in ("mse_loss", "squared") and len(shape) in (1, 2) and (len(shape) == 1 or shape[1] == 1)
        good = good and term.targets.shape == shape and facts.get("target.distinct", 0) > 4
    return term if good else None


def _examples(inputs: Tensor, labels: np.ndarray, term: Scored, kind: str) -> Examples:
    rows = inputs.reshape(len(inputs), -1).to(torch.float32).numpy()
    if kind == "cross_entropy":
        spec = Spec("sequence", (1, rows.shape[1]), tuple(str(k) for k in range(term.outputs.shape[1])))
        labels = labels.astype(np.int64)
    else:
        spec = Spec("sequence", (1, rows.shape[1]), target=Target("target", ""))
        labels = labels.astype(np.float32)
    ids = tuple(f"{i:032x}" for i in range(len(rows)))
    return Examples(ids, rows[:, None, :], labels, spec)
