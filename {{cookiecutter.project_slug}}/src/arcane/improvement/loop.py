"""The improvement loop: find what limits, try actions against it, keep what helps beyond noise, know why to stop.

Knows trials only through `submit(trial) -> future`; where and when they run is the pipeline's business: the outcome
depends on the results of trials, never on their timing.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..config import Params
from ..data.loading import Examples
from ..diagnosis.decomposition import Decomposition
from ..errors import DivergedError
from ..training.trials import TrialResult
from .acceptance import level
from .actions import Action, Context, Means, changes, choose_actions
from .choosing import expected_after, fruitless, next_step, on_top, to_look
from .course import Candidate, Course, Submit, Wanted, key
from .floor import Floor, errors_by_chance, no_better_than_chance, said_of_chance, said_of_floor
from .requests import Gain, requests_for
from .rounds import Configuration, Improvement, Round, questions, scouted
from .steps import Choice
from .trainings import sound, with_seeds
from .trying import FIRST_LOOK, SEEDS, Attempt

__all__ = ["SEEDS", "Configuration", "Improvement", "Round", "improve", "planned"]

FRUITLESS = 2
"""Rounds without an acceptance after which the loop asks whether the floor is reached; one where simple models are
known, which then have to fail as well."""


def improve(
    params: Params,
    train: Examples,
    validation: Examples,
    submit: Submit,
    *,
    slots: int = 1,
    own: Sequence[Action] = (),
    known: Mapping[str, np.ndarray] | None = None,
    floor: Floor | None = None,
    predict: Callable[[TrialResult], Callable[[np.ndarray], np.ndarray]] | None = None,
    proxy: Callable[[Params, int], tuple[str, int] | None] | None = None,
    doubling: Gain | None = None,
    on_start: Callable[[int, list[str]], None] | None = None,
    on_round: Callable[[Round], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Improvement:
    """Improve the model that `params` describe.

    A round takes the next actions against what limits the incumbent: `BREADTH` of them, in the recipe's order; against
    the larger gap where the two largest cannot be told apart; with a second opinion from the next family after a round
    that kept nothing. Where trainings are long each gets a short one first, and the one ahead goes on: the other is put
    off, not undone. It is trained with the project's seed, then, while it looks better, with a second and a third, and
    kept as soon as it is better beyond noise (`acceptance`). A round starts only when the budget covers it to its end,
    so no action is left half tried.

    Args:
        params: The starting point, the goal and the settings under `improve`.
        train: The training split; its size and what an example is.
        validation: The validation split; labels and ids, for the requests.
        submit: Starts a trial. It may fill in the trial's journal, parent and tags.
        slots: Trials at once. One that would be idle trains what will be asked for next if nothing comes of what is
            trained now; that counts when it is asked for, and the outcome is that of one slot.
        own: The person's actions.
        known: Errors on validation of simple models, by name: bool or float [n]; they tell whether anything can be
            learnt at all.
        floor: An error below which nothing is expected, where one is known.
        predict: From a result to its model's outputs for inputs; for actions that look at them.
        proxy: Trains params on a like data set within a budget: see `Means.proxy`.
        doubling: What twice the data is expected to buy, where that was measured; for the requests.
        on_start: Called with a round's number and its actions' names before they are trained.
        on_round: Called with every action that was decided.
        clock: Seconds, for `improve.seconds`.

    Raises:
        UserError: `improve.actions` names an unknown action, an action's change does not fit, or the baseline's
            training fails.
        DivergedError: The baseline's training diverges.
    """
    actions = choose_actions(own, params.improve.actions)
    started, limit = clock(), params.improve.seconds
    course = Course(submit, params, len(train.labels), lambda: limit is not None and clock() - started >= limit)
    course.slots = slots
    incumbent = Configuration(params, (sound(course.train([("baseline", params, 0)], free=True)[0]),))
    course.tried.add(key(params))
    if course.affords(course.cost(params) * (FIRST_LOOK - 1), FIRST_LOOK - 1):
        incumbent = _sound_configuration(with_seeds(course, "baseline", incumbent, FIRST_LOOK))
    chance = errors_by_chance(train, validation)
    rounds: list[Round] = []
    seen: list[Configuration] = []

    def outlook(top: Configuration, without: frozenset[str]) -> tuple[Decomposition, Context, list[Candidate]]:
        """What limits a configuration, and what could be tried on it."""
        found = top.decomposed(params.goal.error)
        context = Context(train.spec, len(train.labels), top.course)
        left = course.candidates(actions, found.families, top.params, context)
        return found, context, [each for each in left if each.action.name not in without]

    def expected(before: Configuration, top: Configuration, number: int, without: frozenset[str]) -> Iterable[Wanted]:
        found, _, left = outlook(top, without)
        return expected_after(found, before, top, left, course, number, rounds)

    while True:
        found, context, left = outlook(incumbent, frozenset())
        stopped, reason, chosen = next_step(found, incumbent, left, course, rounds)
        if stopped is None and fruitless(rounds) >= (1 if known else FRUITLESS):
            if no_better_than_chance(incumbent.validation_errors, chance, known):
                stopped, reason = "exhausted", said_of_chance(float(incumbent.error), chance, train.spec.regression)
            elif floor and floor.low > found.goal and float(incumbent.error) <= floor.high:
                stopped, reason = "exhausted", said_of_floor(floor, found.errors["validation"], found.goal)
        if stopped is not None:
            if floor and stopped != "goal" and (said := said_of_floor(floor, None, found.goal)) not in reason:
                reason = f"{reason} {said}".strip()
            return Improvement(
                tuple(rounds),
                stopped,
                reason,
                course.spent,
                params.improve.budget,
                requests_for(found, train, validation, incumbent.outputs, doubling=doubling),
                incumbent,
                found,
            )
        number = rounds[-1].round + 1 if rounds else 1

        def announce(chosen: Sequence[Candidate], number: int = number) -> None:
            if on_start:
                on_start(number, [candidate.action.name for candidate in chosen])

        def next_on(top: Configuration, without: frozenset[str], before: Configuration = incumbent) -> Choice:
            found, context, left = outlook(top, without)
            chosen = on_top(found, before, top, left, course)
            if chosen:
                announce(chosen)
            return Choice(found, context, tuple(chosen))

        def means(incumbent: Configuration = incumbent) -> Means:
            budget = to_look(course, incumbent.params)
            return Means(
                submit,
                budget,
                train,
                validation,
                _when_asked(predict, incumbent.results[0]) if predict else None,
                (lambda changed: proxy(changed, budget)) if proxy else None,
            )

        announce(chosen)
        one = Attempt(
            course,
            number,
            incumbent,
            seen,
            level(*questions(rounds)),
            scouted(rounds),
            params.goal.error,
            next_on,
            expected,
            means,
        )
        incumbent, tried = one.play(Choice(found, context, tuple(chosen)))
        rounds.extend(tried)
        for entry in tried:
            if on_round:
                on_round(entry)


def _when_asked(
    predict: Callable[[TrialResult], Callable[[np.ndarray], np.ndarray]], result: TrialResult
) -> Callable[[np.ndarray], np.ndarray]:
    """A result's model, loaded when it is first asked: most actions never do."""
    loaded: list[Callable[[np.ndarray], np.ndarray]] = []

    def outputs(inputs: np.ndarray) -> np.ndarray:
        if not loaded:
            loaded.append(predict(result))
        return loaded[0](inputs)

    return outputs


def planned(params: Params, train: Examples, result: TrialResult, own: Sequence[Action] = ()) -> tuple[str, list[str]]:
    """What the loop would do next on a trained model: the verdict, and the actions in the order it would try them.

    Args:
        params: Of that model.
        train: The training split.
        result: What came of the model.
        own: The person's actions.

    Raises:
        UserError: As `improve`.
    """
    course = Course(lambda trial: _nothing(), params, len(train.labels), lambda: False)
    course.tried.add(key(params))
    incumbent = Configuration(params, (result,))
    found = incumbent.decomposed(params.goal.error)
    context = Context(train.spec, len(train.labels), incumbent.course)
    left = course.candidates(choose_actions(own, params.improve.actions), found.families, params, context)
    lines = []
    for candidate in left if found.dominant != "none" else ():
        after = candidate.params
        what = (
            ", ".join(f"{name} {old} → {new}" for name, (old, new) in changes(params, after).items())
            if after is not None
            else "looks first"
        )
        lines.append(f"{candidate.action.name} ({what}): {candidate.action.why} Cost: {candidate.action.cost}.")
    return found.verdict, lines


def _nothing() -> Any:
    raise AssertionError("a plan trains nothing")


def _sound_configuration(outcome: Configuration | DivergedError) -> Configuration:
    if isinstance(outcome, DivergedError):
        raise outcome
    return outcome
