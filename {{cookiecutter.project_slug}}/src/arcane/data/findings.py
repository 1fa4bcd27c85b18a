"""A finding: one thing that is, or may be, wrong, with its evidence and what to do about it.

Validation and the examination share this type, so that a report and a person read them alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

SHOWN_IDS = 50
ORDER = ("error", "warning", "note")
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        code: Its name, as RECIPE lists it; `data.accept` silences by it.
        severity: `error` stops the pipeline unless accepted, `warning` asks for a look, `note` only informs.
        message: What was found, in a sentence, with numbers.
        advice: What to do about it.
        count: How many examples are concerned.
        ids: Ids of the examples concerned; validation gives the first 50.
        evidence: The measurements, by name.
        expected: What would have been right, where that can be said.
        location: `file:line`, where that can be said.
    """

    code: str
    severity: Severity
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


def with_accepted(findings: Iterable[Finding], accept: Iterable[str]) -> list[Finding]:
    """The findings, the gravest first; those that `data.accept` lets through are notes, and say so."""
    accepted = frozenset(accept)
    seen = [
        replace(finding, severity="note", message=f"{finding.message} (accepted: `data.accept`)")
        if finding.code in accepted and finding.severity != "note"
        else finding
        for finding in findings
    ]
    return sorted(seen, key=lambda finding: ORDER.index(finding.severity))


def stop_message(findings: Iterable[Finding]) -> str:
    """What a person is told of the findings that stop the pipeline, and how to let them through."""
    found = list(findings)
    codes = ", ".join(dict.fromkeys(finding.code for finding in found))
    lines = [
        f"{f.code}: {f.message}" + (f"\n  at {f.location}" if f.location else "") + f"\n  {f.advice}" for f in found
    ]
    return "\n".join([*lines, f"to go on all the same, add {codes} to data.accept in params.yaml"])
