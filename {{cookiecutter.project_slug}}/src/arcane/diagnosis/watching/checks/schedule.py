"""When the learning rate changes, and in which rhythm."""

import re
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..trace import Optimiser, Schedule, Trace
from .check import PassiveCheck, found


def look_at_schedule(trace: Trace) -> Iterator[Finding]:
    stepped = [o for o in trace.optimisers.values() if o.steps >= 3]
    for number, schedule in trace.schedules.items():
        optimiser = trace.optimisers.get(schedule.subject)
        if optimiser is None or optimiser.steps < 3:
            if schedule.steps > 1 and (optimiser is None or not optimiser.steps) and len(stepped) == 1:
                yield found(
                    "schedule-stepped-wrongly", "error",
                    f"The {schedule.name} sets the rate of an optimiser that takes no step; the one that does keeps "
                    "its rate.",
                    "Make it for the optimiser that is stepped.", schedule.place, "the optimiser that is stepped",
                    schedule_steps=schedule.steps, optimiser_steps=stepped[0].steps,
                )  # fmt: skip
                return
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
    yield from _by_hand(trace)


def _by_hand(trace: Trace) -> Iterator[Finding]:
    """A rate that the program sets itself, and that is nothing from half-way on."""
    scheduled = {schedule.subject for schedule in trace.schedules.values() if schedule.steps}
    for number, optimiser in trace.optimisers.items():
        rates = np.array(optimiser.rates)
        if number in scheduled or len(rates) < 8 or rates[0] <= 0:
            continue
        if rates[len(rates) // 2 :].max() < 1e-3 * rates.max():
            yield found(
                "schedule-stepped-wrongly", "error",
                f"The rate falls from {rates.max():.3g} to {rates[len(rates) // 2]:.1g} half-way through "
                f"{optimiser.steps} steps: the rest of them change nothing.",
                "Let it fall by epochs where it was made for them.", optimiser.place, "a rate that lasts",
                optimiser_steps=optimiser.steps,
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
    if schedule.first == 0 and schedule.steps > 1 and not _accumulates(trace):
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
    if len(rates) >= 8 and rates[0] > 0:
        half = rates[len(rates) // 2]
        # A rate that comes back up has a rhythm of its own.
        if half < 1e-3 * rates.max() and rates[len(rates) // 2 :].max() < 1e-2 * rates.max():
            return (
                f"The {schedule.name} is stepped {schedule.steps} times in {optimiser.steps} optimiser steps, and the "
                f"rate falls from {rates.max():.3g} to {half:.1g} half-way: it was made for epochs.",
                "Step it once an epoch, outside of the loop over batches.", "error",
            )  # fmt: skip
    if every_step and len(rates) >= 40:
        early, mean = rates[len(rates) // 8], rates.mean() / rates.max()
        dies = 0 < early <= trace.limit("schedule_early") * rates[0] or mean < trace.limit("schedule_mean")
        if schedule.name in DECAYS and dies:
            return (
                f"The {schedule.name} is stepped at each of {optimiser.steps} optimiser steps, and the rate falls from "
                f"{rates[0]:.3g} to {early:.1g} in the first eighth of them, and to {rates[-1]:.1g}: it was made for "
                "epochs.",
                "Step it once an epoch, outside of the loop over batches.", "error",
            )  # fmt: skip
        rising = rates[-1] >= rates.max() and (np.diff(rates) >= 0).all() and rates[-1] > rates[len(rates) // 2]
        if trace.ended and rising and rates[-1] < trace.limit("schedule_warm") * optimiser.initial:
            return (
                f"The {schedule.name} is still rising when the program ends, at {rates[-1]:.1g} of a rate of "
                f"{optimiser.initial:.3g}: the warm-up is longer than the training.",
                "Make the warm-up a tenth of the steps that are taken, or less.", "error",
            )  # fmt: skip
    if not every_step and schedule.steps >= FEWEST_EPOCHS and trace.ended and rates.min() > 0:
        rises = (np.diff(rates) >= 0).all() and rates[-1] > rates[-1 - optimiser.steps // schedule.steps]
        if rises and rates[-1] < trace.limit("schedule_warm_epochs") * optimiser.initial:
            return (
                f"The {schedule.name} is stepped {schedule.steps} times in {optimiser.steps} optimiser steps and is "
                f"still rising when the program ends, at {rates[-1]:.1g} of a rate of {optimiser.initial:.3g}: its "
                "warm-up was made for steps.",
                "Step it after each optimiser step.", "error",
            )  # fmt: skip
    return None


FEWEST_EPOCHS = 3
"""Times that a schedule is stepped, below which it may be a trial run."""


def _accumulates(trace: Trace) -> bool:
    """Whether several batches are added up before the first step, and the schedule is stepped with each of them."""
    first = next((e.time for e in trace.events if e.kind == "step"), 0)
    passes = [e.time for e in trace.events if e.kind == "backward" and e.time < first]
    return len(passes) > 1 and any(passes[0] < e.time < passes[1] for e in trace.events if e.kind == "schedule")


DECAYS = ("StepLR", "MultiStepLR", "ExponentialLR", "LambdaLR", "MultiplicativeLR", "ReduceLROnPlateau")
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


SCHEDULE = (
    PassiveCheck(
        ("schedule-stepped-wrongly",),
        "A rate that dies early or never falls leaves the model half trained.",
        "Never stepped; before the first step; 1.2 times or a third of its planned length; a thousandth of the rate "
        "half-way, or a tenth after an eighth, when stepped with every batch; a warm-up that ends at a twentieth; the "
        "other mode than the metric's.",
        look_at_schedule,
    ),
)
