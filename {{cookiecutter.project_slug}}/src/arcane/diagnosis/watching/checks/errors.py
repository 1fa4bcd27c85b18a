"""Errors of quantities that numpy or scikit-learn made of a model's answers: what is reported of them under a name."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ....data.findings import Finding
from ..conversions import Judged
from ..trace import Report, Trace
from .answers import scaled_answers
from .check import PassiveCheck, found
from .metric import SHOWN, agrees

OF_ERRORS = frozenset({"sub", "mean_squared_error", "mean_absolute_error", "root_mean_squared_error", "r2_score"})
FEWEST = 20
"""Rows from which on an error is looked at."""

NAMES = {
    "mean absolute error": re.compile(r"(?<![a-z])mae(?![a-z])|mean_abs"),
    "root of the mean squared error": re.compile(r"rmse|root_mean"),
    "mean squared error": re.compile(r"(?<![a-z])mse(?![a-z])|mean_squared"),
    "share of variance": re.compile(r"(?<![a-z])r2(?![a-z\d])|r_?squared"),
}


@dataclass(frozen=True)
class Errors:
    """Answers and targets [n] that met outside of torch."""

    answers: np.ndarray
    targets: np.ndarray

    def right(self) -> dict[str, float]:
        """What each name stands for."""
        off = self.answers - self.targets
        square, spread = float((off**2).mean()), float(self.targets.var())
        return {
            "mean absolute error": float(np.abs(off).mean()), "mean squared error": square,
            "root of the mean squared error": square**0.5, "share of variance": 1 - square / spread,
        }  # fmt: skip

    def wrong(self, sizes: set[int]) -> dict[str, dict[str, float]]:
        """What it is taken for, in words; `sizes` are rows that are others than these."""
        off, rows = self.answers - self.targets, len(self.answers)
        square, said = float((off**2).mean()), max(float(self.answers.var()), 1e-30)
        absolute = float(np.abs(off).mean())
        wrong = {
            "mean absolute error": {"the mean of errors with their signs": abs(float(off.mean()))},
            "root of the mean squared error": {"the mean of the squares, without a root": square},
            "mean squared error": {},
            "share of variance": {
                "one less the squares' share of the targets' own squares, not of their variance": 1
                - square / float((self.targets**2).mean()),
                "one less the squares' share of the answers' variance, not of the targets'": 1 - square / said,
                "one less the squares' share of the targets' deviation, not of their variance": 1
                - square / float(self.targets.std()),
            },
        }  # fmt: skip
        for size in sizes - {rows}:
            how = f"the sum over {rows} rows over {size}"
            wrong["mean absolute error"][how] = absolute * rows / size
            wrong["mean squared error"][how] = square * rows / size
            wrong["root of the mean squared error"]["the root of " + how] = (square * rows / size) ** 0.5
        return wrong


def look_at_errors(trace: Trace) -> Iterator[Finding]:
    """A number that agrees with another formula than the one that it is named after."""
    made = [(m, e) for m in trace.outside.judged if m.kind in OF_ERRORS and (e := _errors(trace, m)) is not None]
    sizes = {p.rows for name, p in trace.populations.items() if name.startswith("train:")}
    sizes |= {c.rows for c in trace.learned[:40]}
    for number, (judged, errors) in enumerate(made):
        later = (m.time for m, _ in made[number + 1 :] if m.place == judged.place)
        end = next(later, float("inf"))
        reports = [r for r in trace.reports if judged.time < r.time < end]
        right, wrong = errors.right(), errors.wrong(sizes)
        for name, words in NAMES.items():
            named = [r for r in reports if words.search(r.name) and _plain(r)]
            if any(_same(r, right[name]) for r in named):
                continue
            for report in named:
                how = next((h for h, value in wrong[name].items() if _same(report, value)), "")
                if how:
                    yield found(
                        "metric-wrong", "error",
                        f"{report.value:.6g} is reported as {report.name}, the {name}; it is {how}. The {name} is "
                        f"{right[name]:.6g}.",
                        "Write the formula as its name says, over the rows that are evaluated.",
                        report.place or judged.place, f"{right[name]:.6g}", reported=report.value, right=right[name],
                    )  # fmt: skip
                    return


def look_at_batches(trace: Trace) -> Iterator[Finding]:
    """A mean of batches' roots, which is no root of the mean."""
    blocks: dict[tuple, list[tuple[Judged, Errors]]] = defaultdict(list)
    for made in trace.outside.judged:
        errors = _errors(trace, made, 1) if made.kind in OF_ERRORS else None
        if errors is not None:
            blocks[made.place, made.step].append((made, errors))
    name = "root of the mean squared error"
    for block in blocks.values():
        if len(block) < 2:
            continue
        whole = Errors(*(np.concatenate([getattr(e, side) for _, e in block]) for side in ("answers", "targets")))
        right, wrong = whole.right()[name], float(np.mean([e.right()[name] for _, e in block]))
        reports = [r for r in trace.reports if r.time > block[-1][0].time and r.step == block[-1][0].step]
        named = [r for r in reports if NAMES[name].search(r.name) and _plain(r)]
        report = next((r for r in named if _same(r, wrong)), None)
        if report is not None and not any(_same(r, right) for r in named):
            yield found(
                "metric-wrong", "error",
                f"{report.value:.6g} is reported as {report.name}; it is the mean of {len(block)} batches' roots, "
                f"which is no root of the mean: that is {right:.6g}.",
                "Add up the squares over all rows, divide, and take the root once.",
                report.place or block[-1][0].place, f"{right:.6g}", reported=report.value, right=right,
            )  # fmt: skip
            return


def _errors(trace: Trace, made: Judged, fewest: int = FEWEST) -> Errors | None:
    """The two sides, where one is what the model answered and the other is not."""
    if not made.step or len(made.first) != len(made.second) or len(made.first) < fewest:
        return None
    said = [scaled_answers(trace, made, side) is not None for side in (made.first, made.second)]
    targets, answers = (made.first, made.second) if said[1] else (made.second, made.first)
    return Errors(answers, targets) if sum(said) == 1 and targets.std() > 0 else None


def _plain(report: Report) -> bool:
    """Whether a number shows three digits that are not leading noughts."""
    return report.digits is None or abs(report.value) * 10**report.digits >= SHOWN


def _same(report: Report, value: float) -> bool:
    """Whether a number is that value, not a hundred times it."""
    return agrees(report, value) and abs(report.value - value) < 0.5 * max(abs(value), abs(report.value), 1e-12)


ERRORS = (
    PassiveCheck(
        ("metric-wrong",),
        "A number under a known name is compared with others of that name.",
        "A number named MAE, MSE, RMSE or R2 that agrees, to its last digit, with another formula over the same "
        "answers and targets, where none so named agrees with its own.",
        look_at_errors,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "The mean of roots is smaller than the root of the mean, by how much batches differ.",
        "A number named RMSE that agrees, to its last digit, with the mean of two batches' roots or more, where none "
        "agrees with the root over all of their rows.",
        look_at_batches,
    ),
)
