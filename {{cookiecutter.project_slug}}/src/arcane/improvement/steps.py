"""What a round of the loop chooses among, and an action on what it builds on."""

from dataclasses import dataclass

from ..config import Params
from ..diagnosis.decomposition import Decomposition
from .actions import Context, changes
from .course import Candidate
from .rounds import Round


@dataclass(frozen=True)
class Choice:
    """What comes next, and why.

    Attributes:
        found: What limits the configuration that the candidates change.
        context: Facts about the data and that configuration.
        candidates: One or more; none where nothing is left or paid for.
    """

    found: Decomposition
    context: Context
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of an action; the fields are those of a `Round`.

    Attributes:
        after: Errors with it; None where its training diverged or there was nothing to train.
        seeds: Trained to the end.
        seen: Examples seen.
        reason: A sentence.
        p_value: 1 where nothing was compared.
        kept: Whether it became the incumbent.
        epochs: Of the trainings that `after` is about, where they are not the params' own.
    """

    after: dict[str, float] | None
    seeds: int
    seen: int
    reason: str
    p_value: float = 1.0
    kept: bool = False
    epochs: int | None = None


@dataclass(frozen=True)
class Step:
    """An action on what it builds on.

    Attributes:
        candidate: The action, and the params with it.
        start: The params without it.
        before: Errors without it.
        found: What limited.
        place: Of its entry in the round.
    """

    candidate: Candidate
    start: Params
    before: dict[str, float]
    found: Decomposition
    place: int

    @property
    def name(self) -> str:
        return self.candidate.action.name

    @property
    def params(self) -> Params:
        return self.candidate.params or self.start

    def entry(self, number: int, level: float, outcome: Outcome) -> Round:
        """What came of it, as round `number` reports it."""
        return Round(
            round=number,
            dominant=self.found.dominant,
            action=self.name,
            addresses=self.candidate.action.addresses,
            why=self.candidate.action.why,
            change=changes(self.start, self.params),
            before=self.before,
            after=outcome.after,
            p_value=outcome.p_value,
            level=level,
            kept=outcome.kept,
            seeds=outcome.seeds,
            epochs=self.params.train.epochs if outcome.epochs is None else outcome.epochs,
            seen=outcome.seen,
            reason=outcome.reason,
        )
