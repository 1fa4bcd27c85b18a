"""Runs a study: asks the method, starts trials, prunes, tells outcomes in the order of their numbers, and keeps all.

Trial `n` is proposed knowing exactly the outcomes that the method says it needs, and pruned by comparing it with
earlier trials only: the course is the same for any number of slots, however they are timed, and after any kill.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from ...errors import DivergedError
from .methods import Method, Tried, Values
from .pruning import goes_on
from .store import Store


@dataclass(frozen=True)
class Outcome:
    """What a trial measured at one rung.

    Attributes:
        error: On validation, 0 for perfect.
        seen: Training work of this rung: examples seen.
    """

    error: float
    seen: int


Evaluate = Callable[[int, Values, int], "Future[Outcome]"]
"""Starts trial `number` with `values` at one rung of the ladder, counted from 0."""

Cost = Callable[[Values, int], int]
"""Examples that a trial sees at most at a rung: what it must not exceed."""


@dataclass
class Flight:
    """A trial under way."""

    number: int
    values: Values
    future: "Future[Outcome]"
    rungs: list[tuple[int, float]] = field(default_factory=list)
    undecided: bool = False
    ended: Tried | None = None


@dataclass
class Study:
    """The course of a search.

    Attributes:
        method: Proposes.
        store: Keeps.
        evaluate: Starts a trial at a rung; one that diverges raises `DivergedError` from its future.
        rungs: How many a trial climbs; 1 without pruning.
        cost: Of a trial at a rung.
        trials: At most so many.
        budget: Examples that all of them may see; None for any.
        on_trial: Called with each trial as it is told.
        told: The trials that have ended, in order.
    """

    method: Method
    store: Store
    evaluate: Evaluate
    rungs: int = 1
    cost: Cost = lambda values, rung: 0
    trials: int = 50
    budget: int | None = None
    on_trial: Callable[[Tried], None] = lambda tried: None
    told: list[Tried] = field(default_factory=list)
    flights: dict[int, Flight] = field(default_factory=dict)

    def run(self) -> list[Tried]:
        """Go on from what the store holds to the end; returns the trials told, in order.

        Raises:
            UserError: A trial fails for a reason of the person's.
        """
        self.told, running = self.store.kept()
        for tried in self.told:
            self.on_trial(tried)
        for number, values in sorted(running.items()):
            self.fly(number, values)
        while True:
            while self.ask():
                pass
            if not self.flights:
                return self.told
            if not self.advance():
                wait([each.future for each in self.flights.values() if not each.undecided], return_when=FIRST_COMPLETED)

    def ask(self) -> bool:
        """Propose and start the next trial, if it is time for one and there is work left for it."""
        number = len(self.told) + len(self.flights)
        if number >= self.trials or len(self.told) < self.method.needs(number):
            return False
        needed = self.told[: self.method.needs(number)]
        running = {each.number: each.values for each in (*self.told[len(needed) :], *self.flights.values())}
        values = self.method.propose(number, needed, running)
        if values is None or not self.affords(values, needed, list(running.values())):
            self.trials = number  # nothing after it either: a later one may not jump the queue
            return False
        self.store.proposed(number, values)
        self.fly(number, values)
        return True

    def affords(self, values: Values, needed: Sequence[Tried], others: Sequence[Values]) -> bool:
        """Whether the budget covers a trial to its highest rung, whatever becomes of those in flight."""
        if self.budget is None:
            return True
        flying = sum(self.whole_cost(each) for each in (values, *others))
        return sum(tried.seen for tried in needed) + flying <= self.budget

    def whole_cost(self, values: Values) -> int:
        return sum(self.cost(values, rung) for rung in range(self.rungs))

    def fly(self, number: int, values: Values) -> None:
        self.flights[number] = Flight(number, values, self.evaluate(number, values, 0))

    def advance(self) -> bool:
        """Take in what has ended and decide what can be decided, lowest number first; whether anything moved."""
        moved = False
        for flight in list(self.flights.values()):
            if flight.ended is None and not flight.undecided and flight.future.done():
                self.land(flight)
                moved = True
            if flight.undecided and self.decide(flight):
                moved = True
        while (first := self.flights.get(len(self.told))) is not None and first.ended is not None:
            del self.flights[first.number]
            self.store.told(first.ended)
            self.told.append(first.ended)
            self.on_trial(first.ended)
        return moved

    def land(self, flight: Flight) -> None:
        """A rung has ended."""
        try:
            outcome = flight.future.result()
        except DivergedError:
            flight.ended = Tried(flight.number, flight.values, "diverged", math.inf, tuple(flight.rungs))
            return
        before = flight.rungs[-1][0] if flight.rungs else 0
        flight.rungs.append((before + outcome.seen, outcome.error))
        if len(flight.rungs) == self.rungs:
            flight.ended = Tried(flight.number, flight.values, "complete", outcome.error, tuple(flight.rungs))
        else:
            flight.undecided = True

    def decide(self, flight: Flight) -> bool:
        """Let a trial climb, or end it; False where an earlier trial may still reach its rung."""
        rung = len(flight.rungs) - 1
        before = [tried.rungs[rung][1] for tried in self.told[: flight.number] if len(tried.rungs) > rung]
        for other in self.flights.values():
            if other.number < flight.number:
                if other.ended is None and len(other.rungs) <= rung:
                    return False
                before += [error for _, error in other.rungs[rung : rung + 1]]
        error = flight.rungs[-1][1]
        flight.undecided = False
        if goes_on(error, before):
            flight.future = self.evaluate(flight.number, flight.values, rung + 1)
        else:
            flight.ended = Tried(flight.number, flight.values, "pruned", error, tuple(flight.rungs))
        return True
