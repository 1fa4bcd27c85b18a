"""One round of the improvement loop: which actions look better, and whether they are kept."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from ..config import Params
from ..errors import DivergedError
from .acceptance import LOOKS, Comparison, compare
from .actions import Discovery, Means, changes, discover
from .course import Course, Wanted, key, short
from .rounds import Configuration, Round, percent
from .steps import Choice, Outcome, Step
from .trainings import ahead_of, error_of, missing_seeds, with_seeds

FIRST_LOOK = min(LOOKS)
SEEDS = 3
"""Seeds a side that a round must be able to pay for before it starts."""
PROMISING = 0.05
"""p-value of one seed (over examples) below which an action is built on before it is proven. In simulated runs
(tests/benchmarks/honesty.py) 6 of 100 that were then kept did nothing; at 0.1 it was 1 in 10, at 0.2 1 in 4."""
MOST_AT_ONCE = 3
"""Actions that are proven together at most: of more, nobody could say what helped."""


class Attempt:
    """One round: a question to validation, and what led to it.

    Args:
        course: Trains, and knows what was tried.
        number: Of the round.
        incumbent: What has to be beaten.
        seen: Configurations of several seeds so far: what their seeds differ by tells what seeds do.
        level: How small the p-value has to be.
        asked: How many actions were looked at with one seed since the last question.
        goal: The error at which nothing more is tried before the question is asked.
        choose: The next choice on a configuration, without the actions of these names; one of several candidates only
            where a short training may decide between them.
        expected: What will be trained next if nothing comes of what is trained now: against an incumbent, on a
            configuration, in the round of this number, without the actions of these names.
        means: For actions that have to look first.
    """

    def __init__(
        self,
        course: Course,
        number: int,
        incumbent: Configuration,
        seen: list[Configuration],
        level: float,
        asked: int,
        goal: float,
        choose: Callable[[Configuration, frozenset[str]], Choice],
        expected: Callable[[Configuration, Configuration, int, frozenset[str]], Iterable[Wanted]],
        means: Callable[[], Means],
    ):
        self.course, self.number, self.incumbent, self.seen = course, number, incumbent, seen
        self.level, self.goal, self.choose, self.expected, self.means = level, goal, choose, expected, means
        self.below = self.top = incumbent
        self.stack, self.asked = list[Step](), asked
        self.entries: list[tuple[int, Round]] = []
        self.places: list[str] = []
        self.scouted: set[str] = set()

    def play(self, choice: Choice) -> tuple[Configuration, list[Round]]:
        """Decide on a choice; returns the incumbent after it and an entry for each action.

        What looks better with one seed, but not beyond noise, is not thrown away, and no more seeds are spent on it
        alone: the next action is tried on top of it. Once the difference to the incumbent is convincing with one seed,
        the goal is reached, or nothing more can be added, two, three or five seeds decide on all of them. An action
        that is convincing by itself goes on alone, so that nothing rides on another's gain.
        """
        if choice.candidates[0].params is None:
            self._looked_up(choice)
        else:
            while choice.candidates:
                self._scout(choice)
                if not self.stack or self._convincing():
                    break
                choice = self.choose(self.top, frozenset(self.scouted))
            if len(self.stack) > 1:
                self._alone()
            if self.stack:
                self._settle(Discovery({}))
        return self.incumbent, [entry for _, entry in sorted(self.entries, key=lambda each: each[0])]

    def _named(self, step: Step) -> str:
        return f"round {self.number}, {step.name}"

    def _steps(self, choice: Choice) -> list[Step]:
        before, place = self.top.errors(), len(self.places)
        self.places += [each.action.name for each in choice.candidates]
        return [
            Step(each, self.top.params, before, choice.found, place + i) for i, each in enumerate(choice.candidates)
        ]

    def _scout(self, choice: Choice) -> None:
        """Train candidates with one seed, and build on the first that looks better."""
        pending = self._steps(choice)
        self.asked += len(pending)
        briefs = [short(step.params) for step in pending]
        if len(pending) > 1 and all(briefs):
            pending = self._put_off(pending, [brief for brief in briefs if brief is not None])
        for i, step in enumerate(pending):  # one, but where trainings are too short for a shorter one
            self.scouted.add(step.name)
            if self._looks_better(step):
                for other in pending[i + 1 :] if self._convincing() else ():
                    self.course.put_off[other.name] = False
                    self._note(other, Outcome(None, 0, 0, f"Put off: `{step.name}` goes first."))
                return

    def _put_off(self, steps: list[Step], briefs: list[Params]) -> list[Step]:
        """Train each for a short while; the first goes on, unless another is ahead of it."""
        outcomes = self.course.train(
            [
                (f"{self._named(step)}, {brief.train.epochs} epochs", brief, 0)
                for step, brief in zip(steps, briefs, strict=True)
            ],
            likely=lambda: [(self._named(step), step.params, 0) for step in steps],
        )
        ahead = ahead_of(outcomes)
        for i, (step, outcome, brief) in enumerate(zip(steps, outcomes, briefs, strict=True)):
            if i == ahead:
                continue
            seen = self.course.cost(brief)
            if isinstance(outcome, DivergedError):
                self.course.tried.add(key(step.params))
                self.scouted.add(step.name)
                self._undo(step, Outcome(None, 0, seen, f"Undone: {outcome}."))
                continue
            self.course.put_off[step.name] = error_of(outcome) < step.before["validation"]
            assert ahead is not None
            reason = (
                f"Put off: `{steps[ahead].name}` goes first; after {brief.train.epochs} epochs each it was at "
                f"{percent(error_of(outcomes[ahead]))} on validation."
            )
            after = {split: error.value for split, error in outcome.errors.items()}
            self._note(step, Outcome(after, 0, seen, reason, epochs=brief.train.epochs))
        return [] if ahead is None else [steps[ahead]]

    def _looks_better(self, step: Step) -> bool:
        """Train one seed; where that looks better than what it builds on, build on it."""
        self.course.tried.add(key(step.params))
        one, seen = self._once(step, lambda: self._after(step)), self.course.cost(step.params)
        if isinstance(one, DivergedError):
            self._undo(step, Outcome(None, 0, seen, f"Undone: {one}."))
            return False
        comparison = compare(one.validation_errors, self.top.validation_errors)
        if comparison.difference >= 0 or comparison.p_examples >= PROMISING:
            how = "no better" if comparison.difference >= 0 else "hardly better"
            reason = f"Undone: {how} with the first seed."
            self._undo(step, Outcome(one.errors(), 1, seen, reason, float(comparison.p_examples)))
            return False
        self.stack.append(step)
        self.below, self.top = self.top, one
        return True

    def _after(self, step: Step) -> Iterator[Wanted]:
        """What is trained next if a step is undone, as most are; second, what is trained next if it is not."""
        if self.stack:
            undone = iter(self.expected(self.incumbent, self.top, self.number, frozenset(self.scouted)))
        else:
            undone = iter(self.expected(self.incumbent, self.top, self.number + 1, frozenset()))
        yield from islice(undone, 1)
        yield self._named(step), step.params, 1
        yield from undone

    def _once(self, step: Step, likely: Callable[[], Iterable[Wanted]] = tuple) -> Configuration | DivergedError:
        return with_seeds(self.course, self._named(step), Configuration(step.params, ()), 1, likely)

    def _convincing(self) -> bool:
        """Whether it is time to ask: one seed says enough, or enough is stacked."""
        enough = len(self.stack) >= MOST_AT_ONCE or self.top.error <= self.goal
        return enough or self._sure(self.top, self.incumbent)

    def _sure(self, one: Configuration, other: Configuration) -> bool:
        """Whether the first look would hardly say no, going by the examples."""
        comparison = compare(one.validation_errors, other.validation_errors)
        return comparison.p_examples * self.asked < self.level * LOOKS[FIRST_LOOK]

    def _alone(self) -> None:
        """Where the last action convinces by itself, the others of the stack wait for the next round."""
        last = self.stack[-1]
        if not self._sure(self.top, self.below):
            return
        changed = {name: new for name, (_, new) in changes(last.start, last.params).items()}
        params = self.incumbent.params.changed(changed)
        step = replace(last, candidate=replace(last.candidate, params=params), start=self.incumbent.params)
        step = replace(step, before=self.incumbent.errors())
        self.course.tried.add(key(params))
        one = with_seeds(self.course, f"{self._named(step)} alone", Configuration(params, ()), 1)
        if isinstance(one, DivergedError) or not self._sure(one, self.incumbent):
            return
        for other, above in zip(self.stack[:-1], self.stack[1:], strict=True):
            self.course.put_off[other.name] = True
            reason = f"Put off: better with the first seed, but `{last.name}` convinces alone and goes first."
            self._note(other, Outcome(above.before, 1, self.course.cost(other.params), reason))
        self.course.tried.discard(key(self.top.params))  # on what may now be kept, they are still to be tried
        self.stack, self.top = [step], one

    def _looked_up(self, choice: Choice) -> None:
        """Let an action look, and try what it found."""
        (step,) = self._steps(choice)
        params, found = discover(step.candidate.action, step.start, choice.context, self.means())
        self.course.spent += found.spent
        self.course.trials += found.trials
        self.course.looked.add((step.name, key(step.start)))
        if params is None or key(params) in self.course.tried:
            self._undo(step, Outcome(None, 0, found.spent, f"Undone: nothing to change. {found.said}".strip()))
            return
        step = replace(step, candidate=replace(step.candidate, params=params))
        self.course.tried.add(key(params))
        one = self._once(step)
        if isinstance(one, DivergedError):
            seen = found.spent + self.course.cost(params)
            self._undo(step, Outcome(None, 0, seen, f"{found.said} Undone: {one}.".strip()))
            return
        self.stack, self.top = [step], one
        self.asked = found.asked  # it would have been judged however it looked: nothing that was scouted competes
        self._settle(found)

    def _settle(self, found: Discovery) -> None:
        """Train the top of the stack as far as it looks better, and keep all of it or none."""
        fresh = int(max(found.asked, found.trials) > 1)  # the seed that an action chose by is no witness
        one: Configuration | DivergedError = self.top
        comparison: Comparison | None = None
        p_value, kept, reason = 1.0, False, "Undone: no better with the first seed."
        for seeds, part in LOOKS.items():
            if isinstance(one, DivergedError) or (seeds == FIRST_LOOK and one.error >= self.incumbent.error):
                break
            if seeds > SEEDS and not (self._only_seeds(comparison, part) and self._affords(one, seeds + fresh)):
                break
            own, below = self._named(self.stack[-1]), f"round {self.number}, before"
            both = [
                *missing_seeds(below, self.incumbent, seeds),
                *missing_seeds(own, one, min(seeds + 1, SEEDS) + fresh),
            ]
            one = with_seeds(self.course, own, one, seeds + fresh, both.copy)
            again = with_seeds(self.course, below, self.incumbent, seeds, both.copy)
            if isinstance(one, DivergedError) or isinstance(again, DivergedError):
                one = one if isinstance(one, DivergedError) else again
                break
            self.incumbent = again
            comparison = compare(
                one.validation_errors[fresh:],
                again.validation_errors,
                [each.validation_errors for each in self.seen if len(each.results) > 1],
            )
            p_value = min(1.0, max(comparison.p_examples * self.asked, comparison.p_seeds or 0.0))
            kept = p_value < self.level * part
            reason = _decision(comparison, kept, self.asked)
            if kept or comparison.difference >= 0:
                break
        if isinstance(one, DivergedError):
            outcome = Outcome(None, 1, found.spent, f"{found.said} Undone: {one}.".strip())
        else:
            said = f"{found.said} {reason}".strip()
            outcome = Outcome(one.errors(), len(one.results), found.spent, said, p_value, kept)
            self.seen.append(self.incumbent if kept else one)
            self.incumbent = one if kept else self.incumbent
        self._decided(outcome)

    def _only_seeds(self, comparison: Comparison | None, part: float) -> bool:
        """Whether the examples are sure, so that more seeds can still decide."""
        return comparison is not None and comparison.p_examples * self.asked < self.level * part

    def _affords(self, one: Configuration, seeds: int) -> bool:
        """Whether the budget covers so many seeds a side: rounds are only sure of `SEEDS`."""
        sides = [(each.params, max(0, seeds - len(each.results))) for each in (one, self.incumbent)]
        work = sum(count * self.course.cost(params) for params, count in sides)
        return not self.course.deadline() and self.course.affords(work, sum(count for _, count in sides))

    def _decided(self, outcome: Outcome) -> None:
        """An entry for each action of the stack: one decision for all of them; what looking cost is the top's."""
        for step, above in zip(self.stack, [*self.stack[1:], None], strict=True):
            others = ", ".join(f"`{other.name}`" for other in self.stack if other is not step)
            said = f"{outcome.reason} Decided together with {others}." if others else outcome.reason
            own = replace(outcome, reason=said)
            if above is not None:
                own = replace(own, after=above.before, seeds=1, seen=0)
            self._note(step, replace(own, seen=own.seen + own.seeds * self.course.cost(step.params)))
            (self.course.undone.discard if own.kept else self.course.undone.add)(step.name)
            self.course.put_off.pop(step.name, None)

    def _undo(self, step: Step, outcome: Outcome) -> None:
        self.course.undone.add(step.name)
        self.course.put_off.pop(step.name, None)
        self._note(step, outcome)

    def _note(self, step: Step, outcome: Outcome) -> None:
        """Write down what came of an action."""
        self.entries.append((step.place, step.entry(self.number, self.level, outcome)))


def _decision(comparison: Comparison, kept: bool, asked: int) -> str:
    if kept:
        return "Kept: better beyond noise."
    if comparison.difference >= 0:
        return "Undone: no better over all seeds."
    luck = "the seeds" if (comparison.p_seeds or 0) > asked * comparison.p_examples else "the validation examples"
    return f"Undone: the difference is within the noise of {luck}."
