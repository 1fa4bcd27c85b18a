"""Weights that were trained before: whether they get the inputs that they know."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import ancestors
from ..trace import Call, Trace
from .check import PassiveCheck, found

LIBRARIES = {"torchvision": 0.35, "timm": 0.2}
"""Whose weights want normalised pictures, and the least deviation of such: timm's may be halves, not ImageNet's own."""


def look_at_pretrained(trace: Trace) -> Iterator[Finding]:
    """Weights of a library want its normalisation, before the model or inside of it."""
    for key, model in trace.models.items():
        calls: list[Call] = [c for c in trace.calls if c.model == key and c.std > 0][:20]
        if model.library not in LIBRARIES or not calls:
            continue
        low, high, mean, std = _entering(trace, key) or (
            min(c.low for c in calls), max(c.high for c in calls),
            float(np.mean([c.mean for c in calls])), float(np.mean([c.std for c in calls])),
        )  # fmt: skip
        raw = low >= 0 or high > 6 or std < LIBRARIES[model.library] or abs(mean) > 1.5
        if raw:
            yield found(
                "pretrained-normalisation-mismatch", "error",
                f"Weights loaded by {model.library} get inputs from {low:.3g} to {high:.3g} (mean "
                f"{mean:.3g}, deviation "
                f"{std:.3g}); they were trained on about -2.1 to 2.6.",
                "Use the weights' own transforms (`weights.transforms()`), or ImageNet's mean and "
                "deviation by channel.",
                calls[0].place, "mean about 0, deviation about 1", mean=mean, std=std,
            )  # fmt: skip
            return


def _entering(trace: Trace, key: int) -> tuple[float, float, float, float] | None:
    """Bounds, mean and deviation of what reaches the first layer, behind what the model itself does to its inputs."""
    nodes = [n for b in trace.backwards[:12] for n in ancestors(b.root) if n.layers == 1 and "entering.low" in n.facts]
    nodes = [n for n in nodes if n.name == "conv2d"]  # behind a frozen body, a head's first layer is another one
    facts = [n.facts for n in nodes if any(trace.calls[number].model == key for number in n.calls)]
    if not facts:
        return None
    mean, std = (float(np.mean([f[f"entering.{name}"] for f in facts])) for name in ("mean", "std"))
    return min(f["entering.low"] for f in facts), max(f["entering.high"] for f in facts), mean, std


def look_at_history(trace: Trace) -> Iterator[Finding]:
    """Weights that were trained in this program on inputs of one scale, and then get those of another."""
    turns = [e.subject for e in trace.events if e.kind == "step"]
    if not turns or any(m.embeds for m in trace.models.values()):
        return
    stage = (lambda call: 0) if trace.taking_turns else (lambda call: turns[min(call.step, len(turns) - 1)])
    parts: dict[tuple[int, int], list[Call]] = defaultdict(list)
    fixed = _fixed(trace)
    for call in trace.calls:
        if call.std > 0 and (call.learned or not call.scored or (call.model in fixed and call.step < trace.steps)):
            parts[call.model, stage(call)].append(call)
    for (key, first), calls in parts.items():
        known = [c for c in calls if c.learned][:40]
        if len(known) < 4:
            continue
        for (other, second), later in parts.items():
            later = [c for c in later if c.number > known[-1].number][:40]
            if len(later) < 3 or (other, second) == (key, first) or not _inherits(trace, other, key):
                continue
            if other == key and len({c.step for c in later}) == 1 and not any(c.learned for c in later):
                continue  # asked about after its own last step: an evaluation, which numpy scores
            if not _alike(known[-1].shape, later[0].shape):
                continue  # a part from the middle, a decoder of codes, is asked for what the whole never gets
            mean, std = (float(np.mean([getattr(c, name) for c in known])) for name in ("mean", "std"))
            new_mean, new_std = (float(np.mean([getattr(c, name) for c in later])) for name in ("mean", "std"))
            shift, ratio = abs(new_mean - mean) / std, max(new_std / std, std / new_std)
            most, widest = trace.limit("watched_shift"), trace.limit("watched_scale")
            if shift > most or ratio > widest:
                yield found(
                    "pretrained-normalisation-mismatch",
                    "error" if shift > 2 * most or ratio > max(2.0, widest) else "warning",
                    f"Weights that were trained on inputs of mean {mean:.3g} and deviation {std:.3g} get those of "
                    f"mean {new_mean:.3g} and deviation {new_std:.3g}.",
                    "Prepare inputs as they were prepared when these weights were trained.", later[0].place,
                    f"mean {mean:.3g}, deviation {std:.3g}", shift=shift, ratio=ratio,
                )  # fmt: skip
                return


def _fixed(trace: Trace) -> set[int]:
    """Models that learn nothing, and are called at every other step or more: backbones that others learn behind."""
    steps = {m: {c.step for c in trace.calls if c.model == m} for m in trace.models}
    learn = {c.model for c in trace.learned}
    return {m for m, at in steps.items() if m not in learn and at and len(at) >= 0.5 * (max(at) - min(at) + 1) > 2}


def _inherits(trace: Trace, heir: int, model: int) -> bool:
    """Whether a model works with most of another's weights: the same ones, or loaded copies."""
    own, known = set(trace.models[heir].parameters), set(trace.models[model].parameters)
    if heir < 0 or model < 0:
        return False
    return trace.models[heir].origin == model or (bool(own) and len(own & known) >= 0.5 * min(len(own), len(known)))


def _alike(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Whether rows may be of one kind: as many dimensions, and as many channels or columns."""
    return len(first) == len(second) and (first[1:2] == second[1:2] or first[-1:] == second[-1:])


PRETRAINED = (
    PassiveCheck(
        ("pretrained-normalisation-mismatch",),
        "Pre-trained weights see other colours than they were trained on; fine-tuning hides it.",
        "torchvision's weights with inputs that are never negative, beyond 6, or of a deviation below 0.35.",
        look_at_pretrained,
    ),
    PassiveCheck(
        ("pretrained-normalisation-mismatch",),
        "Weights know the inputs that they were trained on; on others they answer at random, or worse.",
        "Weights trained in the program itself, then used in another stage, as a part, a teacher or from a file: means "
        "apart by more than 0.7 deviations, or deviations by a factor above 1.7; an error at twice that or a factor 2.",
        look_at_history,
    ),
)
