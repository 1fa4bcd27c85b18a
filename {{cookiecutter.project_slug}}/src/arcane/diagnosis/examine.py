"""The doctor before training: examines a task with its data, on copies, and names what is wrong (RECIPE 3).

Works without a project: a LightningModule and examples are enough.
"""

import copy
import gc
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..data.findings import Finding, with_accepted
from ..data.loading import Examples
from ..training.randomness import random_state_kept
from .bench import Bench, quiet
from .checks import CHECKS, Check
from .limits import Settings, silenced


@dataclass(frozen=True)
class Examination:
    """What was found.

    Attributes:
        findings: Best first: errors, warnings, notes; within each, mechanisms before symptoms.
        measurements: What the checks measured, by name.
        seconds: Process time of each check, by its first code; the machine's, so in no output.
    """

    findings: tuple[Finding, ...]
    measurements: dict[str, float]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop a pipeline; accepted ones are notes."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def verdict(self) -> str:
        """The outcome in a sentence."""
        if self.errors:
            first, more = self.errors[0], len(self.errors) - 1
            where = f" ({first.location})" if first.location else ""
            return f"{first.code}{where}: {first.message}" + (f" And {more} more." if more else "")
        others = len(self.findings)
        return "no error found" + (f", {others} other {'finding' if others == 1 else 'findings'}" if others else "")

    def as_json(self) -> dict[str, Any]:
        """The fields of reports/examination.json; seconds stay out of it, outputs are the same bytes each time."""
        return {
            "findings": [finding.as_json() for finding in self.findings],
            "measurements": {name: round(value, 6) for name, value in self.measurements.items()},
            "verdict": self.verdict,
            "seconds": None,
        }


def examine(
    task: Any,
    train: Examples,
    *,
    seed: int,
    accept: Iterable[str] = (),
    root: Path | None = None,
    checks: Iterable[Check] = CHECKS,
    validation: Examples | None = None,
    settings: Settings | None = None,
) -> Examination:
    """Look for what keeps a task from learning, before it is trained.

    Nothing is left changed: weights, optimisers, buffers, mode and the process's random state are the same afterwards.

    Args:
        task: A LightningModule as `fit` takes it; copied, never run itself.
        train: The training split.
        seed: Of every draw; the same seed finds the same.
        accept: Codes that must not stop anything; they are reported as notes.
        root: The project's folder; locations are given relative to it.
        checks: The checks to make, in order.
        validation: The validation split, for what only both show; left out, that is not looked for.
        settings: Thresholds and silenced codes, of `doctor` in params.yaml.
    """
    import torch

    settings = settings or Settings()
    bench = Bench(task, train, seed, root, validation, settings)
    found: list[Finding] = []
    seconds: dict[str, float] = {}
    with random_state_kept(bench.device), quiet(), torch.enable_grad():
        try:
            copy.deepcopy(task)
        except Exception as error:
            return Examination((_failed("examine", "the task cannot be copied", error),), {})
        for check in checks:
            if check.symptom and any(finding.severity == "error" for finding in found):
                continue
            start = time.process_time()
            here = _look(check, bench)
            seconds[check.codes[0]] = seconds.get(check.codes[0], 0.0) + time.process_time() - start
            found += here
            if check.blocking and any(finding.severity == "error" for finding in here):
                break
    finite = {name: value for name, value in sorted(bench.measurements.items()) if abs(value) < float("inf")}
    heard = [f for f in found if not silenced(f, settings, bench.line(f.location))]
    del bench
    gc.collect()  # the copies hang together in cycles: 40 examinations in one process held 2 GB
    return Examination(_in_order(with_accepted(heard, accept)), finite, seconds)


def _look(check: Check, bench: Bench) -> list[Finding]:
    """What a check finds; its own failure is a note, so that it harms neither the program nor the other checks."""
    found: list[Finding] = []
    try:
        found += check.look(bench)
    except Exception as error:
        found.append(_failed(check.codes[0], "the check itself failed", error))
    return [replace(f, evidence={k: v for k, v in f.evidence.items() if abs(v) < float("inf")}) for f in found]


def _failed(what: str, how: str, error: Exception) -> Finding:
    return Finding(
        "check-failed",
        "note",
        f"{what}: {how} ({type(error).__name__}: {error}).",
        "This was not examined; everything else was.",
    )


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """A code once: of findings that come errors first, the first of it is the one nearest to its mechanism."""
    first: dict[str, Finding] = {}
    for finding in findings:
        key = f"{finding.code}{finding.message}" if finding.code == "check-failed" else finding.code
        first.setdefault(key, finding)
    return tuple(first.values())
