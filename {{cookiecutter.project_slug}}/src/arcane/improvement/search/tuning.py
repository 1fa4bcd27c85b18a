"""Tunes params: a study whose trials are trainings, and the question whether what it found is truly better.

Knows trials only through `submit(trial) -> future`. The test split is not met here.
"""

import contextvars
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...config import Params
from ...errors import DivergedError, UserError
from ...files import digest
from ...training.trials import Trial, TrialResult
from ..acceptance import compare
from .bayes import Bayes, Sampler
from .methods import CoarseToFine, Listed, Method, Random, Tried, Values, best_of, grid
from .pruning import ladder
from .space import Space
from .store import Store
from .study import Outcome, Study

SEEDS = 3
"""Of the best and of the start, for the comparison: as many as the improvement loop asks of a winner."""
WAITING = 64

Submit = Callable[[Trial], Any]
"""Starts a trial; its future has `result()`."""


@dataclass(frozen=True)
class Plan:
    """What a search does.

    Attributes:
        method: `manual`, `grid`, `random`, `coarse-to-fine` or `bayes`.
        space: What is searched; of `manual`, the dimensions that its list names.
        trials: At most so many.
        budget: Examples that they may see; None for any.
        prune: Whether a trial must earn its later epochs (`pruning`).
        sampler: Of `bayes`.
        points: Of `manual`.
    """

    method: str
    space: Space
    trials: int
    budget: int | None = None
    prune: bool = True
    sampler: Sampler = "tpe"
    points: tuple[Values, ...] = ()

    def proposer(self, seed: int) -> Method:
        """The method, ready to propose."""
        if self.method == "manual":
            return Listed("manual", self.points)
        if self.method == "grid":
            return grid(self.space)
        if self.method == "random":
            return Random(self.space, seed)
        if self.method == "coarse-to-fine":
            return CoarseToFine(self.space, seed)
        return Bayes(self.space, seed, self.sampler)

    def study_name(self, params: Params, data: str) -> str:
        """All that shapes the course but its length: a study with another space, other params or data is another."""
        shape = repr((self.space, self.prune, self.sampler if self.method == "bayes" else "", self.points))
        fixed = params.model.model_dump_json() + params.train.model_dump_json()
        return f"{self.method}-{digest(shape, fixed, str(params.seed), data)[:12]}"


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        told: Its trials, in order.
        best: The complete one with the least validation error; None where none was completed.
        params: With the best trial's values; the start's where there is none.
        spent: Examples seen.
        importance: By parameter, how much it decides (`Store.importance`); empty where that is unknown.
    """

    told: tuple[Tried, ...]
    best: Tried | None
    params: Params
    spent: int
    importance: dict[str, float]


def tune(
    params: Params,
    plan: Plan,
    examples: int,
    submit: Submit,
    *,
    data: str = "",
    storage: str | Path | None = None,
    on_trial: Callable[[Tried], None] = lambda tried: None,
    name: str = "search",
) -> Found:
    """Search around `params`.

    Every trial is trained with the project's seed, so that two differ by their values alone.

    Args:
        params: What is tuned; all that the space does not name stays as it is.
        plan: What to try.
        examples: Size of the training split.
        submit: Starts a trial.
        data: The version of the data: another one begins another study.
        storage: Where the study is kept; None keeps it in memory.
        on_trial: Called with each trial as it is told, those that earlier runs told too.
        name: Of the trials, for people.

    Raises:
        UserError: The storage cannot be opened, or a trial fails for a reason of the person's.
    """

    def lengths(values: Values) -> tuple[int, ...]:
        return ladder(_changed(params, values).train.epochs) if plan.prune else ()

    rungs = max(1, len(lengths({})))

    def trial_of(number: int, values: Values, rung: int) -> Trial:
        changed = _changed(params, values)
        steps = lengths(values)
        if not steps or rung == rungs - 1:
            return Trial(f"{name}, trial {number}", changed, params.seed)
        epochs = steps[min(rung, len(steps) - 1)]
        return Trial(f"{name}, trial {number}, {epochs} epochs", changed.changed({"train.epochs": epochs}), params.seed)

    waiting = ThreadPoolExecutor(WAITING, thread_name_prefix="search")

    def evaluate(number: int, values: Values, rung: int) -> "Future[Outcome]":
        future = submit(trial_of(number, values, rung))
        # In a copy of this context: Prefect finds the run that a future belongs to by it.
        return waiting.submit(contextvars.copy_context().run, _outcome, future)

    store = Store(storage, plan.study_name(params, data), plan.space)
    study = Study(
        plan.proposer(params.seed),
        store,
        evaluate,
        rungs,
        lambda values, rung: trial_of(0, values, rung).params.train.epochs * examples,
        plan.trials,
        plan.budget,
        on_trial,
    )
    try:
        told = study.run()
    finally:
        waiting.shutdown(wait=False, cancel_futures=True)  # after an error nobody waits for the other trials
    best = best_of(told)
    return Found(
        tuple(told),
        best,
        _changed(params, best.values) if best else params,
        sum(tried.seen for tried in told),
        store.importance(),
    )


def _changed(params: Params, values: Values) -> Params:
    return params.changed(values, "the search") if values else params


def _outcome(future: Any) -> Outcome:
    result: TrialResult = future.result()
    return Outcome(float(result.errors["validation"].value), result.seen)


@dataclass(frozen=True)
class Confirmation:
    """The best against the start, each with `SEEDS` seeds on the same validation examples.

    Attributes:
        before: The start's mean validation error.
        after: The best's; it was chosen for its first seed's error, so the other seeds tell more.
        fresh: The best's mean over the seeds that did not choose it.
        p_value: One-sided, over examples and over seeds (`acceptance`).
    """

    before: float
    after: float
    fresh: float
    p_value: float

    def as_json(self) -> dict[str, float]:
        return {"before": self.before, "after": self.after, "fresh": self.fresh, "p_value": self.p_value}


def confirm(start: Params, best: Params, submit: Submit, name: str = "search") -> Confirmation | None:
    """Train both with the seeds that are still missing and compare; None where one of these trainings diverges."""
    sides = {"start": start, "best": best}
    futures = {
        side: [submit(Trial(f"{name}, {side}, seed {seed}", params, seed)) for seed in _seeds(params.seed)]
        for side, params in sides.items()
    }
    try:
        errors = {
            side: [np.asarray(each.result().validation_errors) for each in every] for side, every in futures.items()
        }
    except DivergedError:
        return None
    means = {side: [float(each.mean()) for each in every] for side, every in errors.items()}
    return Confirmation(
        float(np.mean(means["start"])),
        float(np.mean(means["best"])),
        float(np.mean(means["best"][1:])),
        compare(errors["best"], errors["start"]).p_value,
    )


def _seeds(first: int) -> list[int]:
    return [(first + number) % 2**32 for number in range(SEEDS)]


def listed_points(content: Any, params: Params, where: str) -> tuple[tuple[Values, ...], Space]:
    """A person's own list of values to try, and the dimensions that it names.

    Args:
        content: As YAML gives it: a list of `{train.learning_rate: 0.001, ...}`. A name that an entry leaves out keeps
            its current value.
        params: Which every value must fit.
        where: The file's name.

    Raises:
        UserError: It is no such list, or a name or a value does not fit; the message says which entry.
    """
    from .space import parse_space

    if not isinstance(content, list) or not content or not all(isinstance(each, Mapping) and each for each in content):
        raise UserError(f"{where}: expected a list of values such as `- {{train.learning_rate: 0.001}}`")
    for number, entry in enumerate(content, start=1):
        parse_space({str(name): [value] for name, value in entry.items()}, params, f"{where}, entry {number}")
    names: Sequence[str] = list(dict.fromkeys(str(name) for entry in content for name in entry))
    points = tuple({name: entry.get(name, params.value(name)) for name in names} for entry in content)
    space = parse_space({name: [point[name] for point in points] for name in names}, params, where)
    return points, space
