"""What a passive check is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ....data.findings import Finding, Severity
from ..places import Place
from ..trace import Trace


@dataclass(frozen=True)
class PassiveCheck:
    """One kind of mistake, looked for in what was seen.

    Attributes:
        codes: The findings that it can make.
        reason: Why it matters.
        threshold: From where on it fires, and where that number comes from.
        look: From the trace to what it finds.
        symptom: It names no mechanism, so it comes after every check that does.
    """

    codes: tuple[str, ...]
    reason: str
    threshold: str
    look: Callable[[Trace], Iterable[Finding]]
    symptom: bool = False


def found(
    code: str,
    severity: Severity,
    message: str,
    advice: str,
    place: Place | None,
    expected: str = "",
    **evidence: float,
) -> Finding:
    """A finding at a line of the program."""
    return Finding(
        code, severity, message, advice,
        evidence={name: float(value) for name, value in evidence.items()},
        expected=expected,
        location=place.shown if place else None,
    )  # fmt: skip
