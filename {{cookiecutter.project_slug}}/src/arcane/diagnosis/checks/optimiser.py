"""What moves the weights: the schedule against the planned steps, and the order of a step that a task takes by hand."""

import warnings
from collections.abc import Iterator

from torch.optim.lr_scheduler import ReduceLROnPlateau

from ...data.findings import Finding
from ...errors import UserError
from ..bench import Bench
from .check import Check

MOST_STEPS = 20_000
"""Steps of a schedule that are tried out: 10 us each. A longer plan is not looked at."""


def look_at_schedule(bench: Bench) -> Iterator[Finding]:
    """Step the schedule alone through the planned training, and look at the learning rate's course."""
    epochs, batch = bench.planned("epochs"), bench.planned("batch_size")
    task, where = bench.copy(train=True), bench.location("configure_optimizers")
    planned = int(epochs) * -(-len(bench.train) // int(batch)) if epochs and batch else None
    if planned is not None:
        task.planned_steps = planned
    try:
        own = bench.configured(task)
    except UserError as error:
        if "interval" not in str(error):
            raise
        yield _wrongly(f"{error}.", 0.0, "interval: step", where)
        return
    if not own.schedulers or planned is None or planned > MOST_STEPS or bench.manual:
        return
    scheduler, group = own.schedulers[0], own.optimizers[0].param_groups[0]
    if isinstance(scheduler, ReduceLROnPlateau):
        yield _wrongly(
            "ReduceLROnPlateau waits for a metric, and is stepped after every batch without one.", 0.0, "", where
        )
        return
    rates = [float(group["lr"])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no optimiser steps between: only the rate is wanted
        for step in range(planned - 1):
            try:
                scheduler.step()
            except ValueError as error:
                yield _wrongly(
                    f"It ends after {step + 1} of {planned} steps: {error}.", step + 1, f"{planned} steps", where
                )
                return
            rates.append(float(group["lr"]))
    yield from _course(bench, rates, where)


def _course(bench: Bench, rates: list[float], where: str | None) -> Iterator[Finding]:
    peak, n = max(rates), len(rates)
    at_end = next((i for i, rate in enumerate(reversed(rates)) if rate > 0.01 * peak), n)
    low, rises = False, 0
    for rate in rates:
        if low and rate > 0.5 * peak:
            low, rises = False, rises + 1
        low |= rate < 0.1 * peak
    bench.measurements |= {"schedule_idle_share": at_end / n, "schedule_cycles": float(rises)}
    if at_end > bench.limit("schedule_idle_share") * n:
        yield _wrongly(
            f"After {n - at_end} of {n} steps it has brought the learning rate under 1 % of its peak, for good.",
            at_end / n,
            "a schedule as long as the training",
            where,
        )
    elif rises > bench.limit("schedule_cycles"):
        yield _wrongly(
            f"In {n} steps it goes down and comes back up {rises} times.",
            rises,
            "a schedule as long as the training",
            where,
        )


def _wrongly(what: str, measured: float, expected: str, where: str | None) -> Finding:
    return Finding(
        "schedule-stepped-wrongly",
        "warning",
        f"The schedule is stepped after every batch. {what}",
        "Count its length in steps, epochs times the batches of an epoch: `total_steps(self)` of arcane.training.",
        evidence={"measured": float(measured)},
        expected=expected,
        location=where,
    )


def look_at_order(bench: Bench) -> Iterator[Finding]:
    """Steps that a task takes by hand: zero_grad, backward, clip, step."""
    order = bench.order_by_hand
    where = bench.location("training_step")
    if order.stale:
        yield Finding(
            "gradients-accumulate",
            "error",
            f"In {order.steps} optimiser steps, {order.stale} used gradients that an earlier step had used already: "
            "they add up.",
            "Call optimizer.zero_grad() before each backward pass, or after each step.",
            evidence={"stale": float(order.stale), "steps": float(order.steps)},
            expected="0",
            location=where,
        )
    if order.clipped_late:
        yield Finding(
            "clip-after-step",
            "error",
            f"{order.clipped_late} of {order.steps} steps clip the gradient after the optimiser has used it.",
            "Clip between backward() and step().",
            evidence={"late": float(order.clipped_late), "steps": float(order.steps)},
            expected="0",
            location=where,
        )


OPTIMISER = (
    Check(("gradients-accumulate", "clip-after-step"), look_at_order),
    Check(("schedule-stepped-wrongly",), look_at_schedule),
)
