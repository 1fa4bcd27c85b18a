"""Optimisers and schedules: what they hold, how far they go, and when the rate changes."""

import re
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import flowing
from ..trace import Optimiser, Schedule, Trace
from .check import PassiveCheck, found


def look_at_parameters(trace: Trace) -> Iterator[Finding]:
    """Parameters that want a gradient and are in no optimiser, and optimisers of other parameters."""
    stepped = [o for o in trace.optimisers.values() if o.steps]
    if not any(c.learned for c in trace.calls) and trace.calls:
        return  # the loss hangs on no model: the gradients' check says so
    if not stepped or any(o.name == "by hand" for o in stepped):
        yield from _left_by_hand(trace, stepped)
        return
    held = frozenset().union(*(o.held for o in stepped))
    yield from _unknown(trace, stepped)
    used: dict[int, str] = {}
    for backward in trace.backwards:
        models = {trace.calls[n].model for n in backward.root.calls}
        known = {k: v for m in models for k, v in trace.models[m].parameters.items()}
        for node in flowing(backward.root):
            if node.name == "parameter" and node.wants_gradient and node.key in known:
                used[node.key] = known[node.key][0]
    own = {key for model in trace.models.values() for key in model.parameters}
    missing = {key: name for key, name in used.items() if key not in held}
    for optimiser in stepped:
        idle = [w for w in optimiser.weights.values() if w.seen and w.absent == w.seen]
        foreign = [k for k, w in optimiser.weights.items() if w.seen and w.absent == w.seen and k not in used]
        unknown = [k for k in foreign if k not in own]
        if foreign and idle and optimiser.steps >= 3 and (len(unknown) > 0 or len(foreign) == len(optimiser.weights)):
            if not missing and len(foreign) < len(optimiser.weights):
                continue  # a part that is not used (yet) is no other model's
            yield found(
                "optimiser-holds-foreign-parameters", "error",
                f"{len(foreign)} of {len(optimiser.held)} parameters of the optimiser never take part "
                "in the loss, while "
                f"{len(missing)} that do are in no optimiser: it was made for another model, or before the model was "
                "changed.",
                "Make the optimiser after the model is complete, from that model's parameters.",
                optimiser.made or optimiser.place, "the trained model's parameters", foreign=len(foreign),
                missing=len(missing),
            )  # fmt: skip
            return
    if not missing:
        return
    if _none_held(trace, held):
        yield found(
            "optimiser-holds-foreign-parameters", "error",
            f"At the last steps no parameter that takes part in the loss is held by an optimiser ({len(held)} others "
            "are): the model that is trained now is not the one that the optimiser was made for.",
            "Make the optimiser after the model is complete, from that model's parameters.",
            stepped[0].made or stepped[0].place, "the trained model's parameters", missing=len(missing),
        )  # fmt: skip
        return
    names = list(missing.values())
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    loaded = any(model.loaded for model in trace.models.values())
    yield found(
        "parameter-not-in-optimiser", "note" if loaded else "error",
        f"{len(names)} parameters take part in the loss and want a gradient, but no optimiser holds them: {shown}.",
        "Give them to the optimiser, or freeze them on purpose with requires_grad_(False).",
        stepped[0].made or stepped[0].place, "0", parameters=len(names),
    )  # fmt: skip


def _left_by_hand(trace: Trace, stepped: list[Optimiser]) -> Iterator[Finding]:
    """Tensors that get a gradient in every backward pass, and that the steps by hand never change."""
    if len(stepped) != 1 or stepped[0].steps < 5 or len(trace.backwards) < 5 or trace.modular:
        return
    shapes: dict[int, tuple[int, ...]] = {}
    passes = []
    for backward in trace.backwards[:12]:
        rows = {trace.calls[number].rows for number in backward.root.calls}
        nodes = [n for n in flowing(backward.root) if n.name == "parameter" and n.wants_gradient and not n.calls]
        passes.append({n.key for n in nodes})
        shapes |= {n.key: n.shape for n in nodes if n.shape[:1] not in {(r,) for r in rows}}
    missing = set.intersection(*passes) & set(shapes) - stepped[0].held
    if missing and stepped[0].held & set.union(*passes):
        shown = ", ".join(str(list(shapes[key])) for key in sorted(missing, key=lambda k: shapes[k])[:4])
        yield found(
            "parameter-not-in-optimiser", "error",
            f"{len(missing)} tensors take part in the loss and want a gradient, but no step changes them: of shape "
            f"{shown}.",
            "Change all parameters in the step, or take requires_grad off on purpose.",
            stepped[0].place, "0", parameters=len(missing),
        )  # fmt: skip


def _unknown(trace: Trace, stepped: list[Optimiser]) -> Iterator[Finding]:
    """An optimiser none of whose parameters any model holds that was called, while backward passes reach others."""
    called = {key for model in trace.models.values() for key in model.parameters}
    held = frozenset().union(*(o.held for o in stepped))
    learned = {c.model for c in trace.learned}
    left = [m for k, m in trace.models.items() if k in learned and not held & set(m.parameters)]
    twice = [b for a in stepped for b in stepped if a is not b and a.held == b.held]
    if twice and left:
        yield found(
            "optimiser-holds-foreign-parameters", "error",
            f"Two optimisers hold the same {len(twice[-1].held)} parameters, and none holds those of {left[0].name}, "
            "which is trained as well.",
            f"Make one of them from the parameters of {left[0].name}.", twice[-1].made or twice[-1].place,
            "each model's parameters in one optimiser", foreign=len(twice[-1].held),
        )  # fmt: skip
        return
    for optimiser in stepped:
        idle = [w for w in optimiser.weights.values() if w.seen >= 3 and w.absent == w.seen]
        reached = [n for b in trace.backwards[-2:] for n in flowing(b.root) if n.name in ("parameter", "unseen")]
        if not idle or len(idle) < len(optimiser.weights) or optimiser.held & called or not reached:
            continue
        if not any(n.key in optimiser.held for n in reached):
            yield found(
                "optimiser-holds-foreign-parameters", "error",
                f"None of the {len(optimiser.held)} parameters of the optimiser ever gets a gradient, and no model "
                "that is called holds them: the loss goes back to others.",
                "Make the optimiser from the tensors that the loss is made of.",
                optimiser.made or optimiser.place, "the trained model's parameters", foreign=len(optimiser.held),
            )  # fmt: skip
            return


def _none_held(trace: Trace, held: frozenset[int]) -> bool:
    """Whether the last backward passes that were recorded reach no parameter of any optimiser."""
    last = [{n.key for n in flowing(b.root) if n.name == "parameter"} for b in trace.backwards[-2:]]
    return len(last) == 2 and all(keys and not keys & held for keys in last)


def look_at_rate(trace: Trace) -> Iterator[Finding]:
    """How far steps go, and what the loss does."""
    for optimiser in trace.optimisers.values():
        ratios = [w.ratios for w in optimiser.weights.values() if w.ratios and len(w.shape) > 1]
        if not ratios or optimiser.steps < 5 or not optimiser.plain:
            continue
        steps = min(map(len, ratios))
        typical = np.array([np.median([r[i] for r in ratios]) for i in range(steps)])
        rate = optimiser.rates[0] if optimiser.rates else 0.0
        losses = np.array([v for v in trace.losses if np.isfinite(v)])
        if not len(losses):
            continue
        # Of the first steps: a rate that kills every unit leaves steps of length 0 behind.
        far, near = float(np.median(typical[:4])), float(typical.max())
        start = min(losses[0], losses[: max(1, len(losses) // 20)].mean())  # a spike at once is no fall later
        fell = losses[-max(1, len(losses) // 5) :].mean() < start - 0.1 * abs(start)
        worse = losses[-max(1, len(losses) // 5) :].mean() > 1.5 * abs(losses[0]) + 0.5
        if (far > trace.limit("step_largest") and not fell) or (worse and far > 0.05):
            yield found(
                "learning-rate-too-high", "error",
                f"{_at(rate)} step changes the weights by {100 * far:.0f} % of their size, and the "
                f"loss {'rises' if worse else 'does not fall'} ({losses[0]:.3g} to {losses[-1]:.3g}).",
                "Lower it, to a tenth or a hundredth (3e-4 for Adam, 0.01 to 0.1 for SGD).",
                optimiser.made, "steps of about 0.1 % of the weights", rate=rate, ratio=far,
            )  # fmt: skip
            return
        still = losses[-max(1, len(losses) // 5) :].mean() > 0.98 * losses[: max(1, len(losses) // 20)].mean()
        if near < trace.limit("step_least") and still and optimiser.steps >= 10 and losses[0] > 0:
            yield found(
                "learning-rate-too-low", "warning",
                f"{_at(rate)} step changes the weights by {near:.1g} of their size at most, and the "
                f"loss stays where it is ({losses[0]:.3g} to {losses[-1]:.3g}).",
                "Raise it (3e-4 for Adam, 0.01 to 0.1 for SGD).",
                optimiser.made, "steps of about 0.001 of the weights", rate=rate, ratio=near,
            )  # fmt: skip
            return


def _at(rate: float) -> str:
    return f"At a learning rate of {rate:g} a" if rate else "A"


def look_at_schedule(trace: Trace) -> Iterator[Finding]:
    for number, schedule in trace.schedules.items():
        optimiser = trace.optimisers.get(schedule.subject)
        if optimiser is None or optimiser.steps < 3:
            continue
        said = _said(schedule, optimiser, trace, number)
        if said:
            message, advice, severity = said
            yield found(
                "schedule-stepped-wrongly", severity, message, advice, schedule.place, "the rhythm "
                "that it was made for",
                schedule_steps=schedule.steps, optimiser_steps=optimiser.steps,
            )  # fmt: skip
            return


def _said(schedule: Schedule, optimiser: Optimiser, trace: Trace, number: int):
    rates = np.array(optimiser.rates)
    nested = schedule.steps == 0 and any(s.steps for n, s in trace.schedules.items() if n != number)
    if schedule.steps == 0:
        if nested or not trace.ended:
            return None
        return (
            f"The {schedule.name} is made but never stepped: the rate stays as it starts.",
            "Call scheduler.step() after each epoch (or step, as it was made for).", "error",
        )  # fmt: skip
    if schedule.first == 0 and schedule.steps > 1:
        return (
            f"The {schedule.name} is stepped before the first optimiser step: the first rate is "
            "skipped, and all others "
            "come one early.",
            "Call optimizer.step() first, then scheduler.step().", "error",
        )  # fmt: skip
    if wrong := _follows(schedule):
        return (
            f"The {schedule.name} follows {wrong} in mode '{schedule.mode}': it takes better for worse.",
            "Use mode='min' for a loss or an error, mode='max' for an accuracy.", "error",
        )  # fmt: skip
    every_step = schedule.steps >= 0.9 * optimiser.steps and optimiser.steps >= 8
    if (
        schedule.planned
        and schedule.steps > trace.limit("schedule_overrun") * schedule.planned + 1
        and schedule.name == "CosineAnnealingLR"
    ):
        return (
            f"The {schedule.name} was made for {schedule.planned} steps and was stepped "
            f"{schedule.steps} times: the rate "
            "rises again.",
            "Make T_max the number of times that it is stepped.", "error",
        )  # fmt: skip
    if (
        schedule.planned
        and trace.ended
        and schedule.steps < trace.limit("schedule_cut") * schedule.planned
        and trace.crash is None
    ):
        per = optimiser.steps >= 0.8 * schedule.planned
        return (
            f"The {schedule.name} was made for {schedule.planned} steps, but stepped {schedule.steps} times in "
            f"{optimiser.steps} optimiser steps: its course is cut off.",
            "Step it after each optimiser step." if per else "Make it for the steps that are taken.",
            "error" if per else "warning",
        )  # fmt: skip
    if every_step and len(rates) >= 8 and rates[0] > 0:
        half = rates[len(rates) // 2]
        if half < 1e-3 * rates.max() and schedule.name not in ("OneCycleLR", "LambdaLR", "CosineAnnealingLR"):
            return (
                f"The {schedule.name} is stepped at each of {optimiser.steps} optimiser steps, and the rate falls from "
                f"{rates.max():.3g} to {half:.1g} half-way: it was made for epochs.",
                "Step it once an epoch, outside of the loop over batches.", "error",
            )  # fmt: skip
    if every_step and len(rates) >= 40:
        early = rates[len(rates) // 8]
        if (
            schedule.name in ("StepLR", "MultiStepLR", "ExponentialLR")
            and 0 < early <= trace.limit("schedule_early") * rates[0]
        ):
            return (
                f"The {schedule.name} is stepped at each of {optimiser.steps} optimiser steps, and the rate falls from "
                f"{rates[0]:.3g} to {early:.1g} in the first eighth of them: it was made for epochs.",
                "Step it once an epoch, outside of the loop over batches.", "error",
            )  # fmt: skip
        rising = rates[-1] >= rates.max() and (np.diff(rates) >= 0).all() and rates[-1] > rates[len(rates) // 2]
        if trace.ended and rising and rates[-1] < trace.limit("schedule_warm") * optimiser.initial:
            return (
                f"The {schedule.name} is still rising when the program ends, at {rates[-1]:.1g} of a rate of "
                f"{optimiser.initial:.3g}: the warm-up is longer than the training.",
                "Make the warm-up a tenth of the steps that are taken, or less.", "error",
            )  # fmt: skip
    return None


LOSSES = re.compile(r"loss|err|mse|mae|nll|perplexity|\bppl")
SCORES = re.compile(r"acc|f1|auc|r2|iou|dice|bleu|correct|-")  # a "score" may be either


def _follows(schedule: Schedule) -> str:
    """What a schedule that follows a metric is given, in the line's own words, where its mode is the other one."""
    given = re.search(r"\.step\((.*)\)", schedule.place.source.lower()) if schedule.mode and schedule.place else None
    if given is None:
        return ""
    loss, score = bool(LOSSES.search(given[1])), bool(SCORES.search(given[1]))
    wrong = (schedule.mode == "max" and loss and not score) or (
        schedule.mode == "min" and score and not loss and "-" not in given[1]
    )
    return f"`{given[1]}`" if wrong else ""


OPTIMISER = (
    PassiveCheck(
        ("optimiser-holds-foreign-parameters", "parameter-not-in-optimiser"),
        "A layer that no optimiser holds stays random, and the rest learns around it.",
        "No threshold: by identity, in the loss's graph. Frozen parameters are left out on purpose; beside loaded "
        "weights it is a note.",
        look_at_parameters,
    ),
    PassiveCheck(
        ("schedule-stepped-wrongly",),
        "A rate that dies early or never falls leaves the model half trained.",
        "Never stepped; before the first step; 1.2 times or a third of its planned length; a thousandth of the rate "
        "half-way, or a tenth after an eighth, when stepped with every batch; a warm-up that ends at a twentieth; the "
        "other mode than the metric's.",
        look_at_schedule,
    ),
)

RATE = PassiveCheck(
    ("learning-rate-too-high", "learning-rate-too-low"),
    "The rate is the parameter that matters most.",
    "Median step above 0.3 of the weights while the loss does not fall, or above 0.05 while it rises by half; below "
    "1e-5 while it stays (0.001 is usual). Round numbers, tried on the correct programs of the zoo.",
    look_at_rate,
    symptom=True,
)
