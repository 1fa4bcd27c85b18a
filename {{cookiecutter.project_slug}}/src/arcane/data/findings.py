"""A finding: one thing that is, or may be, wrong, with its evidence and what to do about it.

Validation and the examination share this type, so that a report and a person read them alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

SHOWN_IDS = 50


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        code: Its name, as RECIPE lists it; `data.accept` silences by it.
        severity: `error` stops the pipeline unless accepted, `warning` asks for a look, `note` only informs.
        message: What was found, in a sentence, with numbers.
        advice: What to do about it.
        count: How many examples are concerned.
        ids: Ids of the examples concerned.
        evidence: The measurements, by name.
        expected: What would have been right, where that can be said.
        location: `file:line`, where that can be said.
    """

    code: str
    severity: Literal["error", "warning", "note"]
    message: str
    advice: str
    count: int = 0
    ids: tuple[str, ...] = ()
    evidence: dict[str, float] = field(default_factory=dict)
    expected: str = ""
    location: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The finding as reports carry it; of the ids, the first 50."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "advice": self.advice,
            "count": self.count,
            "ids": list(self.ids[:SHOWN_IDS]),
            "evidence": dict(self.evidence),
            "expected": self.expected,
            "location": self.location,
        }


def stopping(findings: Iterable[Finding], accept: Iterable[str]) -> list[Finding]:
    """The findings that must stop the pipeline: errors whose code is not in `accept`."""
    accepted = set(accept)
    return [finding for finding in findings if finding.severity == "error" and finding.code not in accepted]
