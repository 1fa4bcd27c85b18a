"""What the loop does next: stop, and why, or the candidates of a round, as far as the budget covers them."""

from collections.abc import Iterator, Sequence

from ..config import Params
from ..diagnosis.decomposition import FAMILIES, Decomposition, in_units
from .course import Candidate, Course, Wanted, short
from .rounds import Configuration, Round, Stop, kept_rounds, percent
from .trying import FIRST_LOOK, SEEDS

BREADTH = 2
"""Actions tried at once. Fixed, not the number of slots: the outcome must not depend on the machine."""

LOOKING = 5
"""An action that has to look first may spend so many trainings' work on it."""


def fruitless(rounds: Sequence[Round]) -> int:
    """Rounds since the last acceptance."""
    last = max(kept_rounds(rounds), default=0)
    return rounds[-1].round - last if rounds else 0


def to_look(course: Course, params: Params) -> int:
    """What an action may spend on looking, so that what it finds can still be tried."""
    reserve = (2 * SEEDS + 1) * course.cost(params)
    return min(LOOKING * course.cost(params), course.settings.improve.budget - course.spent - reserve)


def next_step(
    found: Decomposition, incumbent: Configuration, left: list[Candidate], course: Course, rounds: Sequence[Round]
) -> tuple[Stop | None, str, list[Candidate]]:
    """Stop, and why; or the candidates of the next round."""
    if found.dominant == "none":
        error = found.errors["validation"]
        claim = "its interval lies below it too" if error.interval()[1] <= found.goal else "its interval still reaches"
        reached = f"{percent(incumbent.error)}{in_units(error, float(incumbent.error))}"
        aim = f"{percent(found.goal)}{in_units(error, found.goal)}"
        above = "" if claim.endswith("too") else " above it"
        return "goal", f"The validation error, {reached}, is at the goal of {aim}; {claim}{above}.", []
    if not left:
        return (
            "exhausted",
            "Every action that applies was tried; what is left only a person can do (see the requests).",
            [],
        )
    if course.deadline():
        return "budget", f"The {course.settings.improve.seconds:g} s of `improve.seconds` are used up.", []
    chosen = chosen_next(found, incumbent, left, course, fruitless(rounds))
    if chosen and len(incumbent.results) >= FIRST_LOOK:
        return None, "", chosen
    name, params = left[0].action.name, left[0].params or incumbent.params
    if course.trials + _most(course, incumbent, left[:1])[1] > course.settings.improve.trials:
        limit = course.settings.improve.trials
        return "budget", f"Trying `{name}` could exceed the {limit} trials of `improve.trials`.", []
    return (
        "budget",
        f"Trying `{name}` with {SEEDS} seeds would see {SEEDS * course.cost(params):,} more examples, and of the "
        f"budget of {course.settings.improve.budget:,} (`improve.budget`) {course.spent:,} are spent.",
        [],
    )


def chosen_next(
    found: Decomposition, incumbent: Configuration, left: list[Candidate], course: Course, without_success: int
) -> list[Candidate]:
    """The next candidates that the budget covers: one that has to look goes alone."""
    positive = {FAMILIES[name] for name, gap in found.gaps.items() if gap is not None and gap.value > 0}

    def dear(candidates: Sequence[Candidate]) -> bool:
        work, trials = _most(course, incumbent, candidates)
        return not course.affords(work, trials)

    first = next((each for each in left if not dear([each])), None)
    if first is None or first.params is None:
        return [first] if first else []
    others = [each for each in left if each is not first and each.params is not None and not dear([first, each])]
    alike = [each for each in others if each.action.addresses == first.action.addresses == "under-fitting"]
    if without_success:
        alike = [e for e in others if e.action.addresses in positive - {first.action.addresses}] + alike
    return [first, *alike[: BREADTH - 1]]


def on_top(
    found: Decomposition, incumbent: Configuration, top: Configuration, left: list[Candidate], course: Course
) -> list[Candidate]:
    """What to try on top of what looks better: one that the budget covers, with the seeds that then have to decide."""
    first = next((each for each in left if each.params is not None), None)
    if found.dominant == "none" or first is None or first.params is None or course.deadline():
        return []
    again = SEEDS - len(incumbent.results)
    dearest = max(course.cost(first.params), course.cost(top.params))
    work = SEEDS * dearest + again * course.cost(incumbent.params)
    return [first] if course.affords(work, SEEDS + again) else []


def expected_after(
    found: Decomposition,
    incumbent: Configuration,
    top: Configuration,
    left: list[Candidate],
    course: Course,
    number: int,
    rounds: Sequence[Round],
) -> Iterator[Wanted]:
    """What will be trained from round `number` on if nothing comes of anything; a guess: nothing rests on it.

    Args:
        found: What limits `top`.
        incumbent: What has to be beaten.
        top: What the next action changes.
        left: What could be tried on it. Actions that look first are left out: what they find cannot be guessed.
        course: The loop's state.
        number: Of the round.
        rounds: Before the present one.
    """
    left = [each for each in left if each.params is not None]
    last = max(kept_rounds(rounds), default=0)
    while found.dominant != "none":
        if top is incumbent:
            chosen = chosen_next(found, top, left, course, number - 1 - last)
        else:
            chosen = on_top(found, incumbent, top, left, course)
        if not chosen:
            return
        every = [(each.action.name, each.params) for each in chosen if each.params is not None]
        briefs = [(f"{name}, {brief.train.epochs} epochs", brief) for name, params in every if (brief := short(params))]
        # Of two, the first goes on after the short trainings, unless the other is better beyond noise.
        trained = every[:1] + (briefs if len(every) > 1 and len(briefs) == len(every) else [])
        yield from ((f"round {number}, {name}", params, 0) for name, params in trained)
        left.remove(chosen[0])
        number += top is incumbent


def _most(course: Course, incumbent: Configuration, candidates: Sequence[Candidate]) -> tuple[int, int]:
    """What a round costs at most: examples seen and trials."""
    again = SEEDS - len(incumbent.results)
    own = course.cost(incumbent.params) * again
    if candidates[0].params is None:
        looking = max(course.cost(incumbent.params), to_look(course, incumbent.params))
        return looking + own + (SEEDS + 1) * course.cost(incumbent.params), SEEDS + 1 + again
    every = [each.params for each in candidates if each.params is not None]
    shorts = [brief for params in every if (brief := short(params)) is not None] if len(every) > 1 else []
    at_full = len(every) if len(shorts) < len(every) else 1
    dearest = max(course.cost(params) for params in every)
    return sum(map(course.cost, shorts)) + at_full * SEEDS * dearest + own, len(shorts) + at_full * SEEDS + again
