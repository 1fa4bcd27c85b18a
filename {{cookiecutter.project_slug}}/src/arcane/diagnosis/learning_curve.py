"""Measures a learning curve: which sizes, seeds and epochs a budget allows, the trials, and the points that they give.

Knows trials only through `submit(trial) -> future`. What the points mean is decided in `data.sizing`.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..config import Params
from ..data.rates import Average
from ..data.sizing import LEAST_POINTS, Point
from ..errors import DivergedError, UserError
from ..training.fit import Epoch
from ..training.trials import Trial, TrialResult

STEPS = 8
"""Sizes in a ladder: 128 to 1 by halves, where the data is large enough."""
SMALLEST = 8
MANY_SEEDS, FEW_SEEDS = 5, 3
"""Seeds up to an eighth of the data, where they are cheap and luck is large, and above."""
EPOCHS_POWER = 0.5
"""A subset of n out of N is trained for (N / n) to this power times as many epochs. See `epochs_for`."""
UNFINISHED = 0.05
"""Share that the training loss lost over the last fifth of the epochs, from which training had not ended."""

Submit = Callable[[Trial], "Future[TrialResult]"]


@dataclass(frozen=True)
class Step:
    """One size of a plan.

    Attributes:
        examples: Training examples.
        seeds: How many trainings.
        epochs: Of each.
    """

    examples: int
    seeds: int
    epochs: int

    @property
    def work(self) -> int:
        """Examples seen by one training."""
        return self.examples * self.epochs


@dataclass(frozen=True)
class Measurement:
    """A measured curve.

    Attributes:
        points: For `data.sizing.fit_curve`.
        train_errors: Mean training error at each point.
        steps: The plan that was followed.
        spent: Examples seen by its trials, those that an earlier command kept included; not the baseline's, which its
            stage paid for.
        unfinished: The training loss was still falling when training on the whole split ended.
    """

    points: tuple[Point, ...]
    train_errors: tuple[float, ...]
    steps: tuple[Step, ...]
    spent: int
    unfinished: bool

    def as_json(self) -> dict[str, Any]:
        return {
            "plan": [asdict(step) for step in self.steps],
            "spent": self.spent,
            "train_errors": list(self.train_errors),
            "unfinished": self.unfinished,
        }


def ladder(examples: int, outputs: int = 1) -> list[int]:
    """Sizes to train on, each half of the next, up to the whole; closer together where that gives fewer than six.

    Args:
        examples: The training split's.
        outputs: Classes; a size holds two examples a class at least.
    """
    smallest = max(SMALLEST, 2 * outputs)
    ratio = 2.0 if examples / 2**5 >= smallest else 2.0**0.5
    sizes = [round(examples / ratio**step) for step in range(STEPS)]
    return sorted({size for size in sizes if size >= smallest} | {examples})


def epochs_for(examples: int, whole: int, epochs: int) -> int:
    """Epochs of a subset, so that what its curve shows is data and not too short a training.

    The same epochs starve small subsets of steps: the 50 digits' CNN of tests/benchmarks/size.py erred on 73 % after
    the epochs of 400 examples, on 26 % after √8 times as many and on 23 % after 8 times as many (the same steps). The
    root gives nearly the curve of the same steps at half its work.
    """
    return max(epochs, round(epochs * (whole / examples) ** EPOCHS_POWER))


def plan(examples: int, outputs: int, epochs: int, budget: int, paid: bool = True) -> tuple[Step, ...]:
    """The sizes and seeds that a budget allows: every size once, from the largest, then further seeds in turn.

    Args:
        examples: The training split's.
        outputs: Classes, or 1.
        epochs: Of the whole training split.
        budget: Examples that may be seen.
        paid: The first training on the whole split costs nothing: it is the baseline's.

    Raises:
        UserError: The split or the budget is too small for a curve.
    """
    sizes = ladder(examples, outputs)
    if len(sizes) < LEAST_POINTS:
        raise UserError(
            f"{examples:,} training examples are too few for a learning curve: it needs {LEAST_POINTS} sizes of at "
            f"least {max(SMALLEST, 2 * outputs)}"
        )
    work = {size: size * epochs_for(size, examples, epochs) for size in sizes}
    seeds = dict.fromkeys(sizes, 0)
    left = budget
    for turn in range(MANY_SEEDS):
        wanted = sizes[::-1] if turn == 0 else sizes if turn < FEW_SEEDS else [s for s in sizes if s <= examples / 8]
        for size in wanted:
            cost = 0 if paid and turn == 0 and size == examples else work[size]
            if seeds[size] == turn and cost <= left:
                seeds[size] += 1
                left -= cost
    steps = tuple(Step(size, seeds[size], epochs_for(size, examples, epochs)) for size in sizes if seeds[size])
    if len(steps) < LEAST_POINTS or steps[-1].examples < examples:
        least = sum(work[size] for size in sizes[-LEAST_POINTS:]) - (work[examples] if paid else 0)
        raise UserError(
            f"a budget of {budget:,} examples seen is too small for a learning curve: {LEAST_POINTS} sizes of these "
            f"{examples:,} training examples take {least:,} (`size --budget {least}`, or `improve.budget` in "
            "params.yaml)"
        )
    return steps


def work_of(steps: Sequence[Step], paid: bool = True) -> int:
    """Examples seen by a plan."""
    return sum(step.seeds * step.work for step in steps) - (steps[-1].work if paid else 0)


def measure(
    params: Params,
    steps: Sequence[Step],
    submit: Submit,
    name: str = "size",
    paid: bool = True,
    on_trial: Callable[[int], None] | None = None,
) -> Measurement:
    """Train a plan's trials and gather the points.

    A seed stands for one nested order of the examples and for the weights: its subsets lie within one another. The
    first is the project's own, so that its training on the whole split is the baseline's, kept since its stage.

    Args:
        params: The project's own.
        steps: Of `plan`; the last is the whole split.
        submit: Runs a trial.
        name: What the trials are called.
        paid: As in `plan`.
        on_trial: Called after each trial with the examples seen so far.

    Raises:
        UserError: Too few trainings ended well; or what a trial raises.
    """
    whole = steps[-1].examples
    futures = {}
    # Large ones first: in several slots the last to end are then short.
    for step in reversed(steps):
        changed = params.changed({"train.epochs": step.epochs}) if step.examples < whole else params
        subset = step.examples if step.examples < whole else None
        for seed in range(params.seed, params.seed + step.seeds):
            trial = Trial(f"{name} {step.examples:,} seed {seed}", changed, seed, examples=subset)
            futures[step.examples, seed] = submit(trial)
    results: dict[int, list[TrialResult]] = {step.examples: [] for step in steps}
    seen = 0
    for (size, _), future in futures.items():
        try:
            result = future.result()
        except DivergedError:  # a small subset may; its seed tells nothing about data
            continue
        results[size].append(result)
        seen += result.seen
        if on_trial:
            on_trial(seen)
    return gathered(results, tuple(steps), work_of(steps, paid))


def gathered(results: Mapping[int, Sequence[TrialResult]], steps: tuple[Step, ...], spent: int) -> Measurement:
    """The points of the trainings that ended.

    Raises:
        UserError: They ended at too few sizes.
    """
    sizes = sorted(size for size, ended in results.items() if ended)
    if len(sizes) < LEAST_POINTS:
        raise UserError(
            f"training ended with a finite loss at {len(sizes)} of {len(results)} sizes only; a learning curve needs "
            f"{LEAST_POINTS}: lower `train.learning_rate`"
        )
    whole = results[sizes[-1]][0]
    return Measurement(
        tuple(point(size, results[size]) for size in sizes),
        tuple(float(np.mean([result.errors["train"].value for result in results[size]])) for size in sizes),
        steps,
        spent,
        unfinished(whole.curve, whole.errors["train"].value, whole.errors["validation"].value),
    )


def point(examples: int, results: Sequence[TrialResult]) -> Point:
    """The validation errors of one size's seeds."""
    errors = [result.errors["validation"] for result in results]
    deviations = [error.deviation for error in errors if isinstance(error, Average)]
    return Point(
        examples,
        tuple(error.value for error in errors),
        errors[0].n,
        float(np.mean(deviations)) if deviations else None,
    )


def unfinished(curve: Sequence[Epoch], train_error: float, validation_error: float) -> bool:
    """Whether longer training would lower the error: the loss still fell, and the training examples are not learnt.

    A network that knows its training examples by heart lowers their loss for ever; that says nothing. So training
    error must also be most of validation error. All four curves of tests/benchmarks/size.py whose band missed were of
    this kind, six of 32 in all: with more data they are also trained for more steps, and err far less than they say.
    """
    if len(curve) < 5 or train_error < validation_error / 2:
        return False
    before, last = curve[-1 - len(curve) // 5].train_loss, curve[-1].train_loss
    return last < (1 - UNFINISHED) * before
