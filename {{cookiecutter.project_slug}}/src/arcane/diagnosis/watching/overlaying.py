"""Targets that are pictures themselves: whether they belong to their inputs, asked where a program learns nothing."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .graph import Scored, given, losses
from .masks import belongs, said_of
from .trace import Call, Trace

FEWEST, SMALLEST = 60, 6
"""Pairs that are read, and the least height and width of their pictures."""

KNOWN = frozenset({"mse_loss", "squared", "binary_cross_entropy", "binary_cross_entropy_with_logits"})


def look_at_overlays(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Held against the pictures' own mean, and against each other's targets: both are needed, since what lies around a
    pixel does not tell all that a model may learn.
    """
    learned = [c for c in trace.learned if c.number in captures.targets and c.step < trace.steps]
    pairs = _pairs(learned, captures) if given(trace) and not trace.taking_turns else None
    if pairs is None or _learns(trace, pairs[1]):
        return
    if not _related(*pairs, 0.01):
        asked = _pairs([c for c in trace.asked if c.number in captures.targets], captures)
        yield found(
            "labels-out-of-order", "error" if asked is not None and _related(*asked, 0.001) else "warning",
            "What lies around a pixel says no more of the targets of its own picture than of another one's "
            f"({len(pairs[0])} pictures); nor does the program learn any.",
            "Inputs and targets were likely paired in another order: sort, shuffle and index both together.",
            learned[0].place, "more than of another picture's", pictures=len(pairs[0]),
        )  # fmt: skip


def _related(pictures: Tensor, targets: Tensor, least: float) -> bool:
    """Whether what lies around a pixel says something of the targets of its own picture."""
    half = len(pictures) // 2
    return belongs(said_of(pictures[:half], targets[:half], pictures[half:]), targets[half:], least)


def _pairs(calls: list[Call], captures: Captures) -> tuple[Tensor, Tensor] | None:
    """Inputs [n, C, H, W] and targets [n, 1, H, W], the first ones; None where they are too few or of several sizes."""
    calls = [c for c in calls if captures.inputs[c.number].dim() == 4]
    sizes = {(captures.inputs[c.number].shape[1:], captures.targets[c.number].shape[1:]) for c in calls}
    if len(sizes) != 1:
        return None
    pictures = torch.cat([captures.inputs[c.number] for c in calls])[:200].float()
    targets = torch.cat([captures.targets[c.number] for c in calls])[:200].double()
    same = targets.shape == pictures.shape and torch.equal(targets.float(), pictures)
    targets = targets.mean(1, keepdim=True) if targets.dim() == 4 else targets[:, None]
    sound = bool(pictures.isfinite().all()) and bool(targets.isfinite().all()) and float(targets.std()) > 0
    large = len(pictures) >= FEWEST and min(pictures.shape[2:]) >= SMALLEST
    return (pictures, targets) if sound and large and not same else None


def _learns(trace: Trace, targets: Tensor) -> bool:
    """Whether the loss falls below what the mean of all target pictures costs."""
    own = [
        t for t in losses(trace, len(trace.backwards)) if t.kind in KNOWN and (t.summed is None or t.summed is t.node)
    ]
    values = [value for t in own if (value := _value(t, trace)) is not None]
    if len(values) < 8:
        return True  # nothing to tell it by
    mean = targets.mean(0, keepdim=True)
    if own[0].kind in ("mse_loss", "squared"):
        ignorance = float(((targets - mean) ** 2).mean())
    else:
        share = mean.clamp(1e-6, 1 - 1e-6)
        ignorance = float(-(share * share.log() + (1 - share) * (1 - share).log()).mean())
    return float(np.median(values[-3:])) < trace.limit("learnt_share") * ignorance


def _value(term: Scored, trace: Trace) -> float | None:
    """What a term costs: of a loss function its own result, of a whole loss what backward started from."""
    if "value.mean" in term.node.facts:
        return term.node.facts["value.mean"] / (math.prod(term.outputs.shape) if term.summed is not None else 1)
    own = [b.loss for b in trace.backwards if term.alone and term.outputs.calls <= b.root.calls]
    return own[0] if len(own) == 1 and np.isfinite(own[0]) else None
