"""What the watch found: passive checks over the trace, then the active examination of what was captured."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ...data.findings import Finding, with_accepted
from ..examine import Examination
from ..limits import Settings, silenced
from .checks import PASSIVE, PassiveCheck
from .trace import Trace


@dataclass
class Watched:
    """Filled when the watch ends.

    Attributes:
        examination: The findings, best first, and the measurements.
        trace: What was seen.
    """

    examination: Examination = field(default_factory=lambda: Examination((), {}))
    trace: Trace | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Best first: errors, warnings, notes; within each, mechanisms before symptoms."""
        return self.examination.findings

    @property
    def errors(self) -> tuple[Finding, ...]:
        return self.examination.errors

    @property
    def verdict(self) -> str:
        if self.trace is not None and not saw_training(self.trace) and not self.examination.errors:
            return "no training was seen: no backward pass reached a model"
        return self.examination.verdict

    def as_json(self) -> dict[str, Any]:
        return {**self.examination.as_json(), "verdict": self.verdict}


def saw_training(trace: Trace) -> bool:
    """Whether there was anything to look at."""
    return bool(trace.events or trace.crash) and any(e.kind in ("backward", "step") for e in trace.events)


def findings_of(
    trace: Trace,
    accept: Iterable[str] = (),
    further: Iterable[Finding] = (),
    settings: Settings | None = None,
    checks: Iterable[PassiveCheck] = PASSIVE,
) -> tuple[Finding, ...]:
    """What the checks find in a trace, each code once, silenced ones left out.

    Args:
        trace: What was seen.
        accept: Codes that become notes.
        further: Findings of the active examination.
        settings: Its silenced codes are not reported, and its thresholds are the checks'.
        checks: The checks, mechanisms before symptoms.
    """
    found: list[Finding] = []
    late: list[Finding] = []
    trace.settings = settings or trace.settings
    for check in checks:
        (late if check.symptom else found).extend(_look(check, trace))
    found += _mechanisms(further)
    found += late + _symptoms(further)
    found += [Finding("not-examined", "note", note, "Everything else was looked at.") for note in trace.notes]
    once: dict[str, Finding] = {}
    for finding in with_accepted(_heard(_causes_first(_promoted(found)), settings or Settings()), accept):
        key = f"{finding.code}{finding.message}" if finding.code in ("check-failed", "not-examined") else finding.code
        once.setdefault(key, finding)
    return tuple(once.values())


def _look(check: PassiveCheck, trace: Trace) -> list[Finding]:
    found: list[Finding] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found += check.look(trace)
    except Exception as error:
        found.append(
            Finding(
                "check-failed",
                "note",
                f"{check.codes[0]}: the check itself failed ({type(error).__name__}: {error}).",
                "This was not examined; everything else was.",
            )
        )
    return [replace(f, evidence={k: v for k, v in f.evidence.items() if abs(v) < float("inf")}) for f in found]


SYMPTOM_CODES = frozenset({
    "cannot-overfit-batch", "constant-output", "learning-rate-too-high", "learning-rate-too-low", "loss-at-init-off",
    "loss-not-finite", "gradient-exploding",
})  # fmt: skip


def _mechanisms(findings: Iterable[Finding]) -> list[Finding]:
    return [f for f in findings if f.code not in SYMPTOM_CODES]


def _symptoms(findings: Iterable[Finding]) -> list[Finding]:
    return [f for f in findings if f.code in SYMPTOM_CODES]


def _heard(findings: Iterable[Finding], settings: Settings) -> list[Finding]:
    """Those that neither the settings nor a comment on their line silence."""
    from .places import line_at

    return [f for f in findings if not silenced(f, settings, line_at(f.location))]


CAUSED = (
    ("learning-rate-too-high", "dead-units"),  # a first step that is too long leaves units behind that never fire
    ("learning-rate-too-high", "saturated-units"),
    ("learning-rate-too-high", "loss-not-finite"),
    ("saturated-units", "constant-output"),
    ("saturated-units", "gradient-does-not-flow"),
    ("dead-units", "gradient-does-not-flow"),
    ("loss-not-finite", "gradient-does-not-flow"),
    ("gradient-does-not-flow", "optimiser-holds-foreign-parameters"),
    ("gradient-does-not-flow", "parameter-not-in-optimiser"),
    ("label-out-of-range", "loss-target-mismatch"),
    ("loss-expects-probabilities", "loss-sign-flipped"),  # a likelihood of scores falls without end
    ("single-class", "train-eval-preprocessing-differ"),
    ("loss-clipped", "gradient-does-not-flow"),  # beyond the bound there is none
    ("constant-output", "gradient-does-not-flow"),
    ("constant-output", "loss-expects-logits"),
    ("bad-initialisation", "gradient-does-not-flow"),
    ("train-mode-in-evaluation", "evaluation-not-deterministic"),
    ("gradient-not-finite", "loss-not-finite"),
    ("loss-sum-reduction", "learning-rate-too-high"),
    ("augmentation-breaks-labels", "labels-corrupt"),
    ("labels-corrupt", "loss-not-finite"),
    ("labels-corrupt", "gradient-not-finite"),
    ("train-eval-preprocessing-differ", "labels-corrupt"),
)
"""Cause and effect: where both are errors, the cause is put before its effect, which becomes a warning."""

EFFECTS = frozenset({
    "constant-output", "dead-units", "gradient-not-finite", "gradient-exploding", "learning-rate-too-low",
    "loss-at-init-off", "loss-not-finite", "saturated-units",
})  # fmt: skip
"""What other mistakes lead to: behind an error that is none of these, a warning."""


def _causes_first(findings: list[Finding]) -> list[Finding]:
    for cause, effect in CAUSED:
        loud = [f.code if f.severity == "error" else "" for f in findings]
        if cause in loud and effect in loud:
            first, then = findings[loud.index(cause)], findings[loud.index(effect)]
            place = min(loud.index(cause), loud.index(effect))
            findings = [f for f in findings if f is not first and f is not then]
            findings[place:place] = [first, replace(then, severity="warning")]
    explained, left = False, []
    for finding in findings:
        effect = finding.code in EFFECTS
        left.append(replace(finding, severity="warning") if explained and effect and _loud(finding) else finding)
        explained = explained or (_loud(finding) and not effect)
    return left


def _loud(finding: Finding) -> bool:
    return finding.severity == "error"


CAUSES = frozenset({"loss-sum-reduction", "loss-at-init-off", "input-not-normalised", "bad-initialisation"})


OWN_SCALE = 3.0
"""Times the targets' deviation: outputs that start wider than that are what some other cause made of them."""


def _promoted(findings: list[Finding]) -> list[Finding]:
    """A cause that alone is worth a warning is an error where its effect is one; it then comes before the effect."""
    effects = SYMPTOM_CODES | {"dead-units", "saturated-units", "gradient-vanishing", "gradient-not-finite"}
    harmed = any(f.severity == "error" and f.code in effects for f in findings)
    others = any(f.severity == "error" and f.code not in effects for f in findings)
    if not harmed or others:
        return findings
    causes = [f for f in findings if f.severity == "warning" and f.code in CAUSES]
    # Logits that start wide beside gradients that explode are what these come from: layers that make signals larger.
    wide = any(f.severity == "error" and f.code == "gradient-exploding" for f in findings)
    causes = [f for f in causes if not (wide and f.code == "loss-at-init-off" and "outputs" not in f.evidence)]
    first = next((f for f in causes if f.evidence.get("outputs", 0) <= OWN_SCALE), None)
    if first is None:
        return findings
    return [replace(first, severity="error"), *(f for f in findings if f is not first)]
