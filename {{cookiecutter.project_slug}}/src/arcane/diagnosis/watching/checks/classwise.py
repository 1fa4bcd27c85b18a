"""F1, precision and recall that a program reports, against those of the answers and labels that it compared."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..trace import Report, Trace
from .check import PassiveCheck, found

NAMES = {"F1": re.compile(r"f1|f[-_ ]?score|f[-_ ]?measure"), "precision": re.compile(r"precision|\bprec\b"),
         "recall": re.compile(r"recall|sensitivity|\btpr\b")}  # fmt: skip
OTHERWISE = re.compile(r"average|mean|map|@|\bap\b|beta")
"""Words of a metric that is another one, or a mean on purpose."""

METRICS = ("f1_score", "precision_score", "recall_score")
EXACT, FEWEST, MOST_CLASSES = 3, 30, 50
"""Digits and rows without which two numbers are equal by chance."""

Table = Counter[tuple[int, int]]


def look_at_classwise(trace: Trace) -> Iterator[Finding]:
    """A number that is no such metric of the whole evaluation, but one of a wrong kind, twice or more."""
    parts = _parts(trace)
    rows = {step: sum(sum(table.values()) for table in tables) for step, tables in parts.items()}
    agreed: dict[tuple[str, str], list[tuple[Report, float]]] = defaultdict(list)
    chances: Counter[str] = Counter()
    for report in trace.reports:
        name = _metric(report)
        if name is None or rows.get(report.step, 0) < max(FEWEST, *rows.values()):
            continue
        right, wrong = _candidates(name, parts[report.step])
        if not right or _among(report, right.values()):
            return  # as it should be
        chances[report.name] += 1
        for how, value in wrong.items():
            if _among(report, [value]):
                agreed[report.name, how].append((report, next(iter(right.values()))))
    for (name, how), pairs in agreed.items():
        if len(pairs) >= 2 and len(pairs) == chances[name]:
            report, value = pairs[-1]
            yield found(
                "metric-wrong", "error",
                f"What the program reports as {name}, {report.value:.6g}, is {how}; over all rows it is {value:.6g}.",
                "Count over all rows: precision is tp / (tp + fp), recall tp / (tp + fn), F1 their harmonic mean.",
                report.place, f"{value:.6g}", reported=report.value, right=value,
            )  # fmt: skip
            return


def _metric(report: Report) -> str | None:
    """Which metric a report's name says, where it has digits enough to be told by."""
    name = report.name.lower()
    kinds = [kind for kind, words in NAMES.items() if words.search(name)]
    few = report.digits is not None and report.digits < EXACT
    return None if few or len(kinds) != 1 or OTHERWISE.search(name) else kinds[0]


def _parts(trace: Trace) -> dict[int, list[Table]]:
    """By step, how often which class was said for which, in each part that an evaluation was done in."""
    parts: dict[int, list[Table]] = defaultdict(list)
    for (step, _), table in trace.confusions.items():
        parts[step].append(table)
    by_metrics: dict[int, list[Table]] = defaultdict(list)
    for made in trace.outside.judged:
        if made.kind in METRICS and len(made.first) == len(made.second) and made.step not in parts:
            pairs = zip(made.second.astype(int).tolist(), made.first.astype(int).tolist(), strict=True)
            by_metrics[made.step].append(Counter(pairs))
    return {**by_metrics, **parts}


def _among(report: Report, values: object) -> bool:
    """Whether a reported number is one of these, or a hundred times one."""
    room = 0.5 * 10.0**-report.digits if report.digits is not None else 1e-6
    return any(abs(report.value - scale * v) <= room + 1e-9 for v in values for scale in (1, 100))  # type: ignore[attr-defined]


def _candidates(name: str, parts: list[Table]) -> tuple[dict[str, float], dict[str, float]]:
    """What a metric of all parts together may be, and what it is not."""
    whole = sum(parts, Counter())
    classes = sorted({k for pair in whole for k in pair})
    if not 2 <= len(classes) <= MOST_CLASSES:
        return {}, {}
    measures = _measures(whole, classes)
    right = measures.pop(name)
    wrong = {f"the {kind} {of}": v for kind, values in measures.items() for of, v in values.items() if of != "together"}
    if len(parts) > 1:
        each = [_measures(part, classes)[name] for part in parts]
        wrong |= {f"the mean over batches of the {name} {of}": float(np.mean([e[of] for e in each])) for of in right}
    return right, wrong


def _measures(table: Table, classes: list[int]) -> dict[str, dict[str, float]]:
    """F1, precision and recall: of the last class first, of each, and their means."""
    hits = np.array([table[k, k] for k in classes], float)
    said = np.array([sum(n for (a, _), n in table.items() if a == k) for k in classes], float)
    there = np.array([sum(n for (_, b), n in table.items() if b == k) for k in classes], float)
    shares = {"precision": hits / np.maximum(said, 1), "recall": hits / np.maximum(there, 1)}
    shares["F1"] = 2 * hits / np.maximum(said + there, 1)
    total = max(there.sum(), 1)
    made = {}
    for kind, values in shares.items():
        of = {f"of class {classes[-1 - i]}": float(v) for i, v in enumerate(values[::-1])}
        of |= {"of all classes": float(values.mean()), "weighted": float((values * there).sum() / total)}
        made[kind] = of | {"together": float(hits.sum() / total)}
    return made


CLASSWISE = PassiveCheck(
    ("metric-wrong",),
    "A mean of F1s is no F1, and neither are precision and recall.",
    "No threshold: a number reported as one of the three, with three digits or more, that none of its kinds gives "
    "over the rows of a whole evaluation, and another one, or the mean over batches, gives each time, twice or more.",
    look_at_classwise,
)
