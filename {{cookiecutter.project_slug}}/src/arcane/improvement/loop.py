"""The improvement loop: find what limits, try actions against it, keep what helps beyond noise, know why to stop.

Knows trials only through `submit(trial) -> future`; where and when they run is the pipeline's business: the outcome
depends on the results of trials, never on their timing.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from ..config import Params
from ..data.loading import Examples
from ..data.rates import Average, Measured, Rate
from ..diagnosis.decomposition import Decomposition, decompose, in_units
from ..errors import DivergedError
from ..training.trials import Trial, TrialResult
from .acceptance import ALPHA, Comparison, compare, holm, mean_error
from .actions import Action, Context, apply, changes, choose_actions
from .requests import Request, requests_for

BREADTH = 2
"""Actions tried at once. Fixed, not the number of slots: the outcome must not depend on the machine."""

SEEDS = 3
"""Seeds of an incumbent and of a candidate that passed the screen: two would leave the test over seeds two degrees of
freedom, which hardly anything passes; more cost more than another action does."""

Submit = Callable[[Trial], "Future[TrialResult]"]


@dataclass(frozen=True)
class Round:
    """One action, tried.

    Attributes:
        round: Counts decisions from 1; actions tried at once share it.
        dominant: What limited the incumbent.
        action: Its name.
        addresses: Its family.
        why: Its reason.
        change: `[old, new]` by dotted name.
        before: Training and validation error of the incumbent, means over its seeds.
        after: The same of the candidate; None where its training diverged.
        p_value: Against the incumbent, one-sided, Holm-adjusted over the actions of the round.
        kept: Whether it became the incumbent.
        seeds: Seeds trained.
        seen: Training work: examples seen.
        reason: Why it was kept or undone, in a sentence.
    """

    round: int
    dominant: str
    action: str
    addresses: str
    why: str
    change: dict[str, list[Any]]
    before: dict[str, float]
    after: dict[str, float] | None
    p_value: float
    kept: bool
    seeds: int
    seen: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Configuration:
    """Params and what came of them, one result a seed; the first seed is the project's own (`params.seed`)."""

    params: Params
    results: tuple[TrialResult, ...]

    @property
    def validation_errors(self) -> list[np.ndarray]:
        """Each seed's errors by example, bool or float [n]."""
        return [result.validation_errors for result in self.results]

    @property
    def error(self) -> Fraction | float:
        """Mean validation error over seeds and examples."""
        return mean_error(self.validation_errors)

    def measured(self, split: str) -> Measured:
        """The mean error over seeds on the split's own number of examples: seeds do not add examples."""
        return _mean_over_seeds([result.errors[split] for result in self.results])

    def decomposed(self, goal: float) -> Decomposition:
        """Where the error comes from; with train_val, where the data has it, a shift is told from over-fitting."""
        held_back = self.measured("train_val") if "train_val" in self.results[0].errors else None
        return decompose(goal, self.measured("train"), self.measured("validation"), held_back)

    def errors(self) -> dict[str, float]:
        """Mean training and validation error over the seeds."""
        return {
            split: float(np.mean([result.errors[split].value for result in self.results]))
            for split in ("train", "validation")
        }

    @property
    def outputs(self) -> np.ndarray:
        """On validation, averaged over the seeds: probabilities float [n, K], or estimates float [n]."""
        return np.mean([result.validation_outputs for result in self.results], axis=0)


def _mean_over_seeds(errors: Sequence[Measured]) -> Measured:
    first = errors[0]
    if isinstance(first, Rate):
        return Rate(round(float(np.mean([error.value * error.n for error in errors]))), first.n)
    # The deviations are averaged as well: an example's mean over seeds would vary less than any one model's errors.
    deviation = float(np.mean([error.deviation for error in errors if isinstance(error, Average)]))
    return Average(float(np.mean([error.value for error in errors])), deviation, first.n, first.scale, first.unit)


@dataclass(frozen=True)
class Improvement:
    """What the loop did and where it ended.

    Attributes:
        rounds: Every action tried, in order.
        stopped: `goal`, `budget` or `exhausted`.
        reason: The same in a sentence.
        spent: Examples seen; the baseline's own trial, paid for by its stage, is not in it.
        budget: Examples that could be seen.
        requests: What only a person can do.
        final: The configuration that was kept.
        decomposition: Of its error.
    """

    rounds: tuple[Round, ...]
    stopped: Literal["goal", "budget", "exhausted"]
    reason: str
    spent: int
    budget: int
    requests: tuple[Request, ...]
    final: Configuration
    decomposition: Decomposition

    @property
    def best(self) -> TrialResult:
        """The model to keep: the kept configuration trained with the project's own seed.

        Not the best of its seeds: choosing among seeds by validation error would make that error optimistic, and the
        seed of the project is the one that `fit` and the next run train with.
        """
        return self.final.results[0]

    def as_json(self) -> dict[str, Any]:
        """The fields of reports/improvement.json."""
        chosen = self.final.params.model_dump(mode="json")
        return {
            "rounds": [tried.as_json() for tried in self.rounds],
            "stopped": self.stopped,
            "reason": self.reason,
            "spent": self.spent,
            "budget": self.budget,
            "requests": [request.as_json() for request in self.requests],
            "best": {
                "params": {"model": chosen["model"], "train": chosen["train"]},
                "parameters": self.best.parameters,
                "curve": [asdict(epoch) for epoch in self.best.curve],
                "errors": {split: error.as_json() for split, error in self.best.errors.items()},
            },
        }


@dataclass(frozen=True)
class _Candidate:
    action: Action
    params: Params


@dataclass
class _Course:
    """The loop's state, and the only place that submits trials and counts their cost."""

    submit: Submit
    settings: Params
    examples: int
    deadline: Callable[[], bool]
    spent: int = 0
    trials: int = 0
    tried: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)

    def cost(self, params: Params) -> int:
        """Training work of one trial, in examples seen."""
        return params.train.epochs * self.examples

    def affords(self, configurations: Sequence[Params], seeds: int) -> bool:
        work = self.spent + seeds * sum(self.cost(params) for params in configurations)
        return (
            work <= self.settings.improve.budget
            and self.trials + seeds * len(configurations) <= self.settings.improve.trials
        )

    def train(
        self, wanted: Sequence[tuple[str, Params, int]], *, free: bool = False
    ) -> list[TrialResult | DivergedError]:
        """Run (name, params, seed number) at once; outcomes in the order asked for, whenever each ends."""
        futures = []
        for name, params, number in wanted:
            seed = (self.settings.seed + number) % 2**32
            futures.append(self.submit(Trial(f"{name}, seed {seed}", params, seed)))
            if not free:
                self.spent += self.cost(params)
                self.trials += 1
        return [_outcome(future) for future in futures]


def _outcome(future: "Future[TrialResult]") -> TrialResult | DivergedError:
    """What came of a trial: an action that makes training diverge has failed, the loop has not."""
    try:
        return future.result()
    except DivergedError as diverged:
        return diverged


def _sound(outcome: TrialResult | DivergedError) -> TrialResult:
    """The result of a trial without which there is nothing to improve.

    Raises:
        DivergedError: There is none.
    """
    if isinstance(outcome, DivergedError):
        raise outcome
    return outcome


def improve(
    params: Params,
    train: Examples,
    validation: Examples,
    submit: Submit,
    *,
    own: Sequence[Action] = (),
    on_start: Callable[[int, list[str]], None] | None = None,
    on_round: Callable[[Round], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Improvement:
    """Improve the model that `params` describe.

    A round takes the next `BREADTH` actions against what limits the incumbent (in the recipe's order; against the
    larger gap where the two largest cannot be told apart; against the next family when one is used up), trains each
    with the project's seed, gives those that look better `SEEDS` seeds, and keeps the best of those that are better
    beyond noise (`acceptance`). A round starts only when the budget covers it to its end, so no action is left half
    tried.

    Args:
        params: The starting point, the goal and the settings under `improve`.
        train: The training split; its size and what an example is.
        validation: The validation split; labels and ids, for the requests.
        submit: Starts a trial. It may fill in the trial's journal, parent and tags.
        own: The person's actions.
        on_start: Called with a round's number and its actions' names before they are trained.
        on_round: Called with every action that was decided.
        clock: Seconds, for `improve.seconds`.

    Raises:
        UserError: `improve.actions` names an unknown action, an action's change does not fit, or the baseline's
            training fails.
    """
    actions = choose_actions(own, params.improve.actions)
    context = Context(train.spec, len(train.labels))
    started, limit = clock(), params.improve.seconds
    course = _Course(submit, params, len(train.labels), lambda: limit is not None and clock() - started >= limit)
    incumbent = Configuration(params, (_sound(*course.train([("baseline", params, 0)], free=True)),))
    course.tried.add(_key(params))
    if course.affords([params], SEEDS - 1):
        confirmed = _confirm(course, [("baseline", incumbent)])[0]
        if isinstance(confirmed, DivergedError):
            raise confirmed
        incumbent = confirmed
    rounds: list[Round] = []
    while True:
        found = incumbent.decomposed(params.goal.error)
        left = list(_candidates(actions, found.families, incumbent.params, context, course))
        stopped, reason, chosen = _next_step(found, incumbent, left, course)
        if stopped is not None:
            requests = requests_for(found, train, validation, incumbent.outputs)
            return Improvement(
                tuple(rounds), stopped, reason, course.spent, params.improve.budget, requests, incumbent, found
            )
        number = rounds[-1].round + 1 if rounds else 1
        incumbent, tried = _round(course, number, found, incumbent, chosen, on_start)
        rounds += tried
        for one in tried:
            if on_round:
                on_round(one)


def _key(params: Params) -> str:
    return params.model.model_dump_json() + params.train.model_dump_json()


def _candidates(
    actions: Sequence[Action], families: Sequence[str], params: Params, context: Context, course: _Course
) -> Iterator[_Candidate]:
    """What is left to try on `params`, best first: actions not undone before, family by family, then the others."""
    seen = set(course.tried)
    for again in (False, True):
        for family in families:
            for action in actions:
                if action.addresses != family or (action.name in course.undone) is not again:
                    continue
                changed = apply(action, params, context)
                if changed is not None and _key(changed) not in seen:
                    seen.add(_key(changed))
                    yield _Candidate(action, changed)


def _next_step(
    found: Decomposition, incumbent: Configuration, left: list[_Candidate], course: _Course
) -> tuple[Literal["goal", "budget", "exhausted"] | None, str, list[_Candidate]]:
    """Stop, and why; or the candidates of the next round."""
    if found.dominant == "none":
        _, high = incumbent.measured("validation").interval()
        claim = "its interval lies below it too" if high <= found.goal else "its interval still reaches above it"
        error = incumbent.measured("validation")
        reached = f"{_percent(incumbent.error)}{in_units(error, float(incumbent.error))}"
        aim = f"{_percent(found.goal)}{in_units(error, found.goal)}"
        return "goal", f"The validation error, {reached}, is at the goal of {aim}; {claim}.", []
    if not left:
        return (
            "exhausted",
            "Every action that applies was tried; what is left only a person can do (see the requests).",
            [],
        )
    if course.deadline():
        return "budget", f"The {course.settings.improve.seconds:g} s of `improve.seconds` are used up.", []
    chosen: list[_Candidate] = []
    for candidate in left:
        if len(chosen) < BREADTH and course.affords([*(c.params for c in chosen), candidate.params], SEEDS):
            chosen.append(candidate)
    if chosen and len(incumbent.results) == SEEDS:
        return None, "", chosen
    if course.trials + SEEDS > course.settings.improve.trials:
        return (
            "budget",
            f"Another action would exceed the {course.settings.improve.trials} trials of `improve.trials`.",
            [],
        )
    return (
        "budget",
        f"Trying `{left[0].action.name}` with {SEEDS} seeds would see {SEEDS * course.cost(left[0].params):,} more "
        "examples, "
        f"and of the budget of {course.settings.improve.budget:,} (`improve.budget`) {course.spent:,} are spent.",
        [],
    )


def _confirm(course: _Course, screened: Sequence[tuple[str, Configuration]]) -> list[Configuration | DivergedError]:
    """Train the seeds that are still missing, all at once; one that diverges speaks for its configuration."""
    wanted = [(name, one.params, number) for name, one in screened for number in range(len(one.results), SEEDS)]
    results = iter(course.train(wanted))
    confirmed: list[Configuration | DivergedError] = []
    for _, one in screened:
        outcomes = [next(results) for _ in range(SEEDS - len(one.results))]
        diverged = next((outcome for outcome in outcomes if isinstance(outcome, DivergedError)), None)
        confirmed.append(diverged or replace(one, results=(*one.results, *map(_sound, outcomes))))
    return confirmed


def _round(
    course: _Course,
    number: int,
    found: Decomposition,
    incumbent: Configuration,
    chosen: Sequence[_Candidate],
    on_start: Callable[[int, list[str]], None] | None,
) -> tuple[Configuration, list[Round]]:
    """Screen, confirm, compare and decide; returns the incumbent after it and an entry for each action."""
    names = [f"round {number}, {candidate.action.name}" for candidate in chosen]
    if on_start:
        on_start(number, [candidate.action.name for candidate in chosen])
    screens = course.train([(name, candidate.params, 0) for name, candidate in zip(names, chosen, strict=True)])
    tried: list[Configuration | DivergedError] = [
        screen if isinstance(screen, DivergedError) else Configuration(candidate.params, (screen,))
        for candidate, screen in zip(chosen, screens, strict=True)
    ]
    seeds = [1] * len(chosen)
    passed = [(i, one) for i, one in enumerate(tried) if isinstance(one, Configuration) and one.error < incumbent.error]
    confirmed = _confirm(course, [(names[i], one) for i, one in passed])
    for (i, _), outcome in zip(passed, confirmed, strict=True):
        tried[i], seeds[i] = outcome, SEEDS
    compared = [
        compare(one.validation_errors, incumbent.validation_errors) if isinstance(one, Configuration) else None
        for one in tried
    ]
    p_values = holm([comparison.p_value if comparison else 1.0 for comparison in compared])
    better = [
        (one.error, p_values[i], i)
        for i, one in enumerate(tried)
        if isinstance(one, Configuration) and seeds[i] == SEEDS and p_values[i] < ALPHA
    ]
    winner = min(better)[2] if better else None
    entries = []
    for i, (candidate, one) in enumerate(zip(chosen, tried, strict=True)):
        course.tried.add(_key(candidate.params))
        (course.undone.discard if i == winner else course.undone.add)(candidate.action.name)
        entries.append(
            Round(
                round=number,
                dominant=found.dominant,
                action=candidate.action.name,
                addresses=candidate.action.addresses,
                why=candidate.action.why,
                change=changes(incumbent.params, candidate.params),
                before=incumbent.errors(),
                after=one.errors() if isinstance(one, Configuration) else None,
                p_value=p_values[i],
                kept=i == winner,
                seeds=seeds[i],
                seen=seeds[i] * course.cost(candidate.params),
                reason=_decision(compared[i], p_values[i], seeds[i] == SEEDS, i == winner)
                if isinstance(one, Configuration)
                else f"Undone: {one}.",
            )
        )
    kept = incumbent if winner is None else tried[winner]
    assert isinstance(kept, Configuration)
    return kept, entries


def _decision(comparison: Comparison | None, p_value: float, passed: bool, won: bool) -> str:
    if not passed or comparison is None:
        return "Undone: no better with the first seed."
    if won:
        return "Kept: better beyond noise."
    if p_value < ALPHA:
        return "Undone: better beyond noise, but the other action of this round was better still."
    if comparison.difference >= 0:
        return "Undone: no better over all seeds."
    luck = "the seeds" if (comparison.p_seeds or 0) > comparison.p_examples else "the validation examples"
    return f"Undone: the difference is within the noise of {luck}."


def _percent(value: float | Fraction) -> str:
    return f"{100 * float(value):.2f} %"
