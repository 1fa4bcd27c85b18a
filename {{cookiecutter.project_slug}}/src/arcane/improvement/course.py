"""The loop's state: the one place that submits trials, counts what they cost, and knows what was tried."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from ..config import Params
from ..errors import DivergedError
from ..training.trials import Trial, TrialResult
from .actions import Action, Context, apply

Submit = Callable[[Trial], "Future[TrialResult]"]
Wanted = tuple[str, Params, int]
"""A training: its name, params, and which seed, counted from the project's own."""

SHORT = 4
"""A short training has a fourth of the epochs."""
LEAST_EPOCHS = 8
"""From so many on: two epochs tell something, one tells little."""


@dataclass(frozen=True)
class Candidate:
    """An action and what it makes of the incumbent's params.

    Attributes:
        action: What is tried.
        params: None for an action that has to look before it can say (`Action.discover`).
    """

    action: Action
    params: Params | None


@dataclass
class Course:
    """What was spent and tried so far.

    Attributes:
        submit: Starts a trial.
        settings: The params that the loop began with: the seed, the budget.
        examples: Of the training split.
        deadline: Whether the time is up.
        spent: Examples seen.
        trials: Trainings started.
        tried: Params that were decided on.
        undone: Names of actions that did not help when last tried.
        put_off: Names of actions that another was ahead of after a short training, and whether that short training
            already beat the incumbent.
        looked: Actions that have looked at params, with those params.
        known: What came of the trainings so far, by params and seed: none is paid for twice.
        slots: Trainings at once.
        early: Trainings that nobody has asked for yet, started where a slot would have been idle.
        names: Of trials so far: what is expected of a round may be expected again on another configuration.
    """

    submit: Submit
    settings: Params
    examples: int
    deadline: Callable[[], bool]
    spent: int = 0
    trials: int = 0
    tried: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)
    put_off: dict[str, bool] = field(default_factory=dict)
    looked: set[tuple[str, str]] = field(default_factory=set)
    known: dict[tuple[str, int], TrialResult | DivergedError] = field(default_factory=dict)
    slots: int = 1
    early: "dict[tuple[str, int], Future[TrialResult]]" = field(default_factory=dict)
    names: Counter[str] = field(default_factory=Counter)

    def cost(self, params: Params) -> int:
        """Training work of one trial, in examples seen."""
        return params.train.epochs * self.examples

    def affords(self, work: int, trials: int) -> bool:
        """Whether budget and number of trials cover so much more."""
        limits = self.settings.improve
        return self.spent + work <= limits.budget and self.trials + trials <= limits.trials

    def train(
        self, wanted: Sequence[Wanted], *, free: bool = False, likely: Callable[[], Iterable[Wanted]] = tuple
    ) -> list[TrialResult | DivergedError]:
        """Run trainings at once; outcomes in the order asked for, whenever each ends.

        Args:
            wanted: What to train.
            free: It costs nothing: the stages before have trained it.
            likely: What will be asked for next, the likeliest first. Slots that are idle train it meanwhile. It counts
                only once it is asked for, so that what is decided and spent is the same with any number of slots.
        """
        futures = {}
        for name, params, number in wanted:
            each = self._one(params, number)
            if each in self.known:
                continue
            early = self.early.pop(each, None)
            futures[each] = self.submit(self._trial(name, params, number)) if early is None else early
            if not free:
                self.spent += self.cost(params)
                self.trials += 1
        self._start_early(likely, futures)
        self.known |= {each: _outcome(future) for each, future in futures.items()}
        return [self.known[self._one(params, number)] for _, params, number in wanted]

    def _start_early(
        self, likely: Callable[[], Iterable[Wanted]], asked: "Mapping[tuple[str, int], Future[TrialResult]]"
    ) -> None:
        if self.slots == 1 or all(future.done() for future in asked.values()):
            return
        idle = self.slots - sum(not future.done() for future in (*asked.values(), *self.early.values()))
        if idle <= 0:
            return
        for name, params, number in likely():
            each = self._one(params, number)
            if each in self.known or each in asked or each in self.early:
                continue
            self.early[each] = self.submit(self._trial(f"ahead of {name}", params, number))
            idle -= 1
            if not idle:
                return

    def _one(self, params: Params, number: int) -> tuple[str, int]:
        return key(params), (self.settings.seed + number) % 2**32

    def _trial(self, name: str, params: Params, number: int) -> Trial:
        _, seed = self._one(params, number)
        name = f"{name}, seed {seed}"
        self.names[name] += 1
        return Trial(name if self.names[name] == 1 else f"{name} ({self.names[name]})", params, seed)

    def candidates(
        self, actions: Sequence[Action], families: Sequence[str], params: Params, context: Context
    ) -> Iterator[Candidate]:
        """What is left to try on `params`, best first.

        First those that were put off although a short training did better with them than the incumbent does, last those
        undone on other params. Between them family by family in the order given; within a family those that were put
        off come after the others, and else the recipe's order holds.
        """
        ranked = [
            (self._past(action), families.index(action.addresses), action.name in self.put_off, place, action)
            for place, action in enumerate(actions)
            if action.addresses in families
        ]
        seen = set(self.tried)
        for *_, action in sorted(ranked, key=lambda each: each[:-1]):
            if action.discover is not None:
                if action.applies(params, context) and (action.name, key(params)) not in self.looked:
                    yield Candidate(action, None)
                continue
            changed = apply(action, params, context)
            if changed is not None and key(changed) not in seen:
                seen.add(key(changed))
                yield Candidate(action, changed)

    def _past(self, action: Action) -> int:
        """What past rounds say of an action: the lower, the sooner it is tried."""
        if self.put_off.get(action.name):
            return 0
        return 2 if action.name in self.undone and action.name not in self.put_off else 1


def key(params: Params) -> str:
    """What a training depends on besides the data and the seed."""
    return params.model.model_dump_json() + params.train.model_dump_json()


def short(params: Params) -> Params | None:
    """A short training with its own schedule, so that schedules can be compared; None where it tells too little."""
    epochs = params.train.epochs
    return params.changed({"train.epochs": epochs // SHORT}) if epochs >= LEAST_EPOCHS else None


def _outcome(future: "Future[TrialResult]") -> TrialResult | DivergedError:
    """What came of a trial: an action that makes training diverge has failed, the loop has not."""
    try:
        return future.result()
    except DivergedError as diverged:
        return diverged
