"""One round of the improvement loop: which candidate goes on, how far it is trained, and whether it is kept."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from ..config import Params
from ..diagnosis.decomposition import Decomposition
from ..errors import DivergedError
from ..training.trials import TrialResult
from .acceptance import ALPHA, LOOKS, Comparison, compare
from .actions import Context, Discovery, Means, changes, discover
from .course import Candidate, Course, key, short
from .rounds import Configuration, Round

FIRST_LOOK = min(LOOKS)


class Attempt:
    """One round: who goes on, how far, and whether it is kept."""

    def __init__(
        self,
        course: Course,
        number: int,
        found: Decomposition,
        incumbent: Configuration,
        seen: list[Configuration],
        level: float,
        context: Context,
        means: Means,
    ):
        self.course, self.number, self.found, self.incumbent, self.seen = course, number, found, incumbent, seen
        self.context, self.means = context, means
        self.start, self.before = incumbent.params, incumbent.errors()
        self.level = level

    def play(self, chosen: Sequence[Candidate]) -> tuple[Configuration, list[Round]]:
        """Decide on candidates; returns the incumbent after it and an entry for each action."""
        entries: list[Round] = []
        pending = list(chosen)
        if len(pending) == 1 and pending[0].params is None:
            return self._looked_up(pending[0])
        briefs = [short(each.params) for each in pending if each.params is not None]
        if len(pending) > 1 and all(briefs):
            pending, entries = self._put_off(pending, [brief for brief in briefs if brief is not None])
        wide = len(chosen)
        for candidate in pending:  # one, but where trainings are too short for a shorter one
            entry, after = self._tried(candidate, Discovery({}), wide)
            entries.append(entry)
            if after is not None:
                self.incumbent = after
                entries += [self._not_tried(each) for each in pending[pending.index(candidate) + 1 :]]
                break
        order = [each.action.name for each in chosen]
        return self.incumbent, sorted(entries, key=lambda entry: order.index(entry.action))

    def _name(self, candidate: Candidate) -> str:
        return f"round {self.number}, {candidate.action.name}"

    def _put_off(self, chosen: list[Candidate], briefs: list[Params]) -> tuple[list[Candidate], list[Round]]:
        """Train each for a short while; the first goes on, unless another is ahead of it."""
        wanted = [
            (f"{self._name(each)}, {brief.train.epochs} epochs", brief, 0)
            for each, brief in zip(chosen, briefs, strict=True)
        ]
        outcomes = self.course.train(wanted)
        ahead = _ahead(outcomes)
        entries = []
        for i, (candidate, outcome, brief) in enumerate(zip(chosen, outcomes, briefs, strict=True)):
            if i == ahead:
                continue
            seen = self.course.cost(brief)
            if isinstance(outcome, DivergedError):
                assert candidate.params is not None
                self.course.tried.add(key(candidate.params))
                self.course.undone.add(candidate.action.name)
                entries.append(self._entry(candidate, None, 1.0, False, 0, seen, f"Undone: {outcome}."))
                continue
            promising = _error(outcome) < self.before["validation"]
            self.course.put_off[candidate.action.name] = promising
            assert ahead is not None
            reason = (
                f"Put off: `{chosen[ahead].action.name}` goes first; after {brief.train.epochs} epochs each it was at "
                f"{percent(_error(outcomes[ahead]))} on validation."
            )
            after = {split: error.value for split, error in outcome.errors.items()}
            entries.append(self._entry(candidate, after, 1.0, False, 0, seen, reason, epochs=brief.train.epochs))
        return ([] if ahead is None else [chosen[ahead]]), entries

    def _looked_up(self, candidate: Candidate) -> tuple[Configuration, list[Round]]:
        """Let an action look, and try what it found."""
        params, found = discover(candidate.action, self.incumbent.params, self.context, self.means)
        self.course.spent += found.spent
        self.course.trials += found.asked if found.spent else 0
        self.course.looked.add((candidate.action.name, key(self.incumbent.params)))
        if params is None or key(params) in self.course.tried:
            self.course.undone.add(candidate.action.name)
            reason = f"Undone: nothing to change. {found.said}".strip()
            return self.incumbent, [self._entry(candidate, None, 1.0, False, 0, found.spent, reason)]
        entry, after = self._tried(Candidate(candidate.action, params), found, 1)
        return after or self.incumbent, [entry]

    def _tried(self, candidate: Candidate, found: Discovery, wide: int) -> tuple[Round, Configuration | None]:
        """Train a candidate as far as it looks better, and decide; the new incumbent where it is kept."""
        params = candidate.params
        assert params is not None
        course, fresh = self.course, int(found.asked > 1)  # the seed that an action chose by is no witness
        course.tried.add(key(params))
        one: Configuration | DivergedError = with_seeds(course, self._name(candidate), Configuration(params, ()), 1)
        comparison, p_value, kept = None, 1.0, False
        reason = "Undone: no better with the first seed."
        for seeds, part in LOOKS.items():
            if isinstance(one, DivergedError) or (seeds == FIRST_LOOK and one.error >= self.incumbent.error):
                break
            one = with_seeds(course, self._name(candidate), one, seeds + fresh)
            again = with_seeds(course, f"round {self.number}, before", self.incumbent, seeds)
            if isinstance(one, DivergedError) or isinstance(again, DivergedError):
                one = one if isinstance(one, DivergedError) else again
                break
            self.incumbent = again
            comparison = compare(
                one.validation_errors[fresh:],
                again.validation_errors,
                [each.validation_errors for each in self.seen if len(each.results) > 1],
            )
            p_value = min(1.0, max(comparison.p_examples * wide * found.asked, comparison.p_seeds or 0.0))
            kept = p_value < self.level * part
            reason = _decision(comparison, kept, wide * found.asked)
            if kept or comparison.difference >= 0:
                break
        seen = found.spent
        if isinstance(one, DivergedError):
            reason, after = f"Undone: {one}.", None
            seeds_trained, kept, p_value = 1, False, 1.0
        else:
            after, seeds_trained = one.errors(), len(one.results)
        reason = f"{found.said} {reason}".strip()
        seen += seeds_trained * course.cost(params)
        (course.undone.discard if kept else course.undone.add)(candidate.action.name)
        course.put_off.pop(candidate.action.name, None)
        if isinstance(one, Configuration):
            self.seen.append(self.incumbent if kept else one)
        entry = self._entry(candidate, after, p_value, kept, seeds_trained, seen, reason)
        return entry, one if kept and isinstance(one, Configuration) else None

    def _not_tried(self, candidate: Candidate) -> Round:
        self.course.put_off[candidate.action.name] = False
        return self._entry(candidate, None, 1.0, False, 0, 0, "Put off: the other action of this round was kept.")

    def _entry(
        self,
        candidate: Candidate,
        after: dict[str, float] | None,
        p_value: float,
        kept: bool,
        seeds: int,
        seen: int,
        reason: str,
        epochs: int | None = None,
    ) -> Round:
        params = candidate.params or self.start
        return Round(
            round=self.number,
            dominant=self.found.dominant,
            action=candidate.action.name,
            addresses=candidate.action.addresses,
            why=candidate.action.why,
            change=changes(self.start, params),
            before=self.before,
            after=after,
            p_value=p_value,
            level=self.level,
            kept=kept,
            seeds=seeds,
            epochs=params.train.epochs if epochs is None else epochs,
            seen=seen,
            reason=reason,
        )


def _ahead(outcomes: Sequence[TrialResult | DivergedError]) -> int | None:
    """Which of some short trainings goes on: the first, unless another is better beyond noise on the same examples.

    A short training favours small and quick models (four epochs of a WaveNet on MNIST-1D were no better than of a
    linear model, nineteen had a seventh of its error), so it overrules the recipe's order only where it is sure.
    """
    sound = [i for i, outcome in enumerate(outcomes) if isinstance(outcome, TrialResult)]
    if not sound:
        return None
    errors = {i: outcome.validation_errors for i, outcome in enumerate(outcomes) if isinstance(outcome, TrialResult)}
    better = [i for i in sound[1:] if compare([errors[i]], [errors[sound[0]]]).p_examples < ALPHA]
    return min(better, key=lambda i: (float(errors[i].mean()), i)) if better else sound[0]


def _error(outcome: TrialResult | DivergedError) -> float:
    return outcome.errors["validation"].value if isinstance(outcome, TrialResult) else float("inf")


def with_seeds(course: Course, name: str, one: Configuration, seeds: int) -> Configuration | DivergedError:
    """Train the seeds that are still missing, all at once; one that diverges speaks for its configuration."""
    outcomes = course.train([(name, one.params, number) for number in range(len(one.results), seeds)])
    diverged = next((outcome for outcome in outcomes if isinstance(outcome, DivergedError)), None)
    return diverged or replace(one, results=(*one.results, *map(sound, outcomes)))


def sound(outcome: TrialResult | DivergedError) -> TrialResult:
    """The result of a trial without which there is nothing to improve."""
    if isinstance(outcome, DivergedError):
        raise outcome
    return outcome


def _decision(comparison: Comparison, kept: bool, asked: int) -> str:
    if kept:
        return "Kept: better beyond noise."
    if comparison.difference >= 0:
        return "Undone: no better over all seeds."
    luck = "the seeds" if (comparison.p_seeds or 0) > asked * comparison.p_examples else "the validation examples"
    return f"Undone: the difference is within the noise of {luck}."


def percent(value: float | Fraction) -> str:
    return f"{100 * float(value):.2f} %"
