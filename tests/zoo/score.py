"""How well the doctor did over outcomes: recall by code, precision of errors, false alarms. Pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .run import Outcome


@dataclass(frozen=True)
class Recall:
    """Of `plants`, how many the first finding named, and how many one of the first three."""

    plants: int
    first: int
    three: int

    def share(self, hits: int) -> float:
        """Hits as a share of the plants; 1 where there are none."""
        return hits / self.plants if self.plants else 1.0


@dataclass(frozen=True)
class Score:
    """The doctor over a zoo.

    Attributes:
        recall: Over all plants.
        errors: Error-level findings, over plants and correct programs.
        right: Those of them whose code is the planted bug's.
        accused: Correct programs with an error-level finding.
        correct: Correct programs.
        warnings: Warnings on correct programs.
    """

    recall: Recall
    errors: int
    right: int
    accused: int
    correct: int
    warnings: int

    @property
    def precision(self) -> float:
        """Share of the error-level findings that are right; 1 where there are none."""
        return self.right / self.errors if self.errors else 1.0

    @property
    def warnings_each(self) -> float:
        """Warnings a correct program."""
        return self.warnings / self.correct if self.correct else 0.0


def place(outcome: Outcome) -> int | None:
    """Place, from 0, of the first finding that names the plant; None where none does. Notes count as findings."""
    assert outcome.bug is not None
    for number, finding in enumerate(outcome.findings):
        if finding["code"] in outcome.bug.answers:
            return number
    return None


def recall(outcomes: Iterable[Outcome]) -> Recall:
    """Recall over the outcomes of plants; correct programs are passed over."""
    places = [place(outcome) for outcome in outcomes if outcome.bug is not None]
    found = [number for number in places if number is not None]
    return Recall(len(places), sum(number == 0 for number in found), sum(number < 3 for number in found))


def by_code(outcomes: Sequence[Outcome]) -> dict[str, Recall]:
    """Recall of each code that is planted."""
    codes = sorted({outcome.bug.code for outcome in outcomes if outcome.bug is not None})
    return {code: recall(o for o in outcomes if o.bug is not None and o.bug.code == code) for code in codes}


def score(outcomes: Sequence[Outcome]) -> Score:
    """Everything that the aims are about."""
    correct = [outcome for outcome in outcomes if outcome.bug is None]
    errors = [
        (outcome, finding) for outcome in outcomes for finding in outcome.findings if finding["severity"] == "error"
    ]
    right = [finding for outcome, finding in errors if outcome.bug and finding["code"] in outcome.bug.answers]
    return Score(
        recall=recall(outcomes),
        errors=len(errors),
        right=len(right),
        accused=sum(any(f["severity"] == "error" for f in outcome.findings) for outcome in correct),
        correct=len(correct),
        warnings=sum(f["severity"] == "warning" for outcome in correct for f in outcome.findings),
    )
