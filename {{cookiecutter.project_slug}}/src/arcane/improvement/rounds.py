"""What the loop works with and writes down: configurations with what came of them, rounds, and the whole course."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from ..config import Params
from ..data.rates import Measured
from ..diagnosis.decomposition import Decomposition, decompose
from ..diagnosis.intervals import Repeated
from ..training.trials import TrialResult
from .acceptance import mean_error
from .requests import Request

Stop = Literal["goal", "budget", "exhausted"]


@dataclass(frozen=True)
class Round:
    """One action, tried.

    Attributes:
        round: Counts decisions from 1; actions that compete, and actions that are decided together, share it.
        dominant: What limited the incumbent.
        action: Its name.
        addresses: Its family.
        why: Its reason.
        change: `[old, new]` by dotted name.
        before: Training and validation error of what it builds on, means over its seeds: of the incumbent, or of the
            action before it in the round that looked better too.
        after: The same of the candidate; None where its training diverged or there was nothing to train.
        p_value: Against the incumbent, one-sided, times the outcomes that the action chose among; of what was undone
            with its first seed, over the examples alone: it has to be below `trying.PROMISING`.
        level: What the p-value had to be below: it falls with every question to validation (`acceptance.level`).
        kept: Whether it became the incumbent.
        seeds: Seeds trained to the end.
        epochs: Of the trainings that `after` is about: fewer than the params say where another action of the round was
            ahead after a short training.
        seen: Training work: examples seen.
        reason: Why it was kept, undone or put off, in a sentence.
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
    level: float
    kept: bool
    seeds: int
    epochs: int
    seen: int
    reason: str

    @property
    def outcome(self) -> str:
        """`kept`, `put off` or `undone`."""
        return "kept" if self.kept else "put off" if self.reason.startswith("Put off") else "undone"

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

    def measured(self, split: str) -> Measured | Repeated:
        """The error over the seeds; its interval holds the luck of the examples and that of the seeds."""
        runs = tuple(result.errors[split] for result in self.results)
        return runs[0] if len(runs) == 1 else Repeated(runs)

    def decomposed(self, goal: float) -> Decomposition:
        """Where the error comes from; with train_val, where the data has it, a shift is told from over-fitting."""
        held_back = self.measured("train_val") if "train_val" in self.results[0].errors else None
        return decompose(goal, self.measured("train"), self.measured("validation"), held_back)

    def errors(self) -> dict[str, float]:
        """Mean error over the seeds on train, validation and, where the data has it, train_val."""
        return {
            split: float(np.mean([result.errors[split].value for result in self.results]))
            for split in ("train", "train_val", "validation")
            if split in self.results[0].errors
        }

    @property
    def outputs(self) -> np.ndarray:
        """On validation, averaged over the seeds: probabilities float [n, K], or estimates float [n]."""
        return np.mean([result.validation_outputs for result in self.results], axis=0)

    @property
    def course(self) -> tuple[float, ...]:
        """The first seed's validation loss after each epoch."""
        return tuple(epoch.validation_loss for epoch in self.results[0].curve)


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
    stopped: Stop
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
                "means": self.final.errors(),
                "seeds": len(self.final.results),
            },
        }


def kept_rounds(rounds: Sequence[Round]) -> list[int]:
    """The numbers of the rounds that ended in an acceptance, of one action or of several together."""
    return sorted({tried.round for tried in rounds if tried.kept})


def questions(rounds: Sequence[Round]) -> tuple[int, list[int]]:
    """How many rounds asked validation with several seeds whether something is better, and which of these questions,
    counted from 1, ended in an acceptance."""
    asking = _asking(rounds)
    return len(asking), [asking.index(number) + 1 for number in kept_rounds(rounds)]


def scouted(rounds: Sequence[Round]) -> int:
    """How many actions were trained with one seed, and undone, since the last question: the next one that looks better
    was chosen among so many more."""
    last = max(_asking(rounds), default=0)
    return sum(tried.round > last and tried.seeds == 1 for tried in rounds)


def _asking(rounds: Sequence[Round]) -> list[int]:
    return sorted({tried.round for tried in rounds if tried.seeds > 1})


def percent(value: float | Fraction) -> str:
    return f"{100 * float(value):.2f} %"
