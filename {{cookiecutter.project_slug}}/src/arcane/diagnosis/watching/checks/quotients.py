"""Numbers that evaluation takes out of tensors batch by batch, and what the program makes of them: a quotient of the
last batch alone, a sum of means over rows, a mean over the training rows.
"""

from collections.abc import Iterator
from itertools import permutations

from ....data.findings import Finding
from ..places import Place
from ..sampling import WHOLE_EVALUATIONS
from ..trace import Report, Score, Trace
from .check import PassiveCheck, found
from .metric import Evaluated, agrees, evaluations

FEWEST, MOST = 3, 6
"""Batches of an evaluation, at least; lines that take a number out of each, at most."""

PLAIN = 1000
"""A reported number must show four digits, and agree in two evaluations: of a hundred candidates none then does so by
chance."""

Series = dict[Place, list[Score]]


def look_at_quotients(trace: Trace) -> Iterator[Finding]:
    """A report that is the wrong one of what can be made of an evaluation's numbers, each time."""
    seen = [(e, _series(e)) for e in evaluations(trace, ("shown", "shown-mean", "shown-sum"))]
    seen = [(e, series) for e, series in seen[:WHOLE_EVALUATIONS] if series and e.reports]
    if len(seen) < WHOLE_EVALUATIONS:
        return
    sizes = {p.rows for name, p in trace.populations.items() if name.startswith("train:")}
    said = [_wrong(e, series, sizes) for e, series in seen]
    for how in said[0]:
        if all(how in one for one in said):
            report, right = said[-1][how]
            yield found(
                "metric-wrong", "error",
                f"What the program reports as {report.name or 'a number'}, {report.value:.6g}, is {how[-1]}; of all "
                f"rows it is {right:.6g}.",
                "Add up over the whole evaluation, and divide once, by what was added up.",
                report.place or how[0], f"{right:.6g}", reported=report.value, right=right,
            )  # fmt: skip
            return


def _series(evaluated: Evaluated) -> Series:
    """Of each line that takes one number out of every batch, these numbers."""
    series: Series = {}
    for score in evaluated.scores:
        if score.place is not None:
            series.setdefault(score.place, []).append(score)
    calls = {tuple(s.call for s in scores) for scores in series.values()}
    whole = len(calls) == 1 and FEWEST <= len(set(*calls)) == len(next(iter(calls)))
    return series if whole and len(series) <= MOST else {}


def _wrong(evaluated: Evaluated, series: Series, sizes: set[int]) -> dict[tuple, tuple[Report, float]]:
    """Wrong numbers that are reported where no right one is, by how they are made: the report, and what is right."""
    reports = [r for r in evaluated.reports if r.value and _shown(r)]
    return {
        how: (report, right)
        for how, value, right, rights in (*_of_two(series), *_of_one(series, sizes))
        if not any(agrees(r, one) for r in evaluated.reports for one in rights)
        for report in reports
        if agrees(report, value)
    }


def _shown(report: Report) -> bool:
    return report.digits is None or abs(report.value) * 10**report.digits >= PLAIN


def _of_two(series: Series) -> Iterator[tuple[tuple, float, float, list[float]]]:
    """One line's numbers over another's: an intersection over a union."""
    for (first, tops), (second, bottoms) in permutations(series.items(), 2):
        if len(tops) != len(bottoms):
            continue
        pairs = [(a.value, b.value) for a, b in zip(tops, bottoms, strict=True)]
        if any(b == 0 for _, b in pairs) or sum(b for _, b in pairs) == 0:
            continue
        right, parts = sum(a for a, _ in pairs) / sum(b for _, b in pairs), [a / b for a, b in pairs]
        others = [right, sum(parts) / len(parts), *parts[:-1]]
        if all(abs(parts[-1] - other) > 1e-9 * abs(other) for other in others):
            yield (first, second, "that of the last batch alone"), parts[-1], right, others


def _of_one(series: Series, sizes: set[int]) -> Iterator[tuple[tuple, float, float, list[float]]]:
    """One line's numbers, means or sums of their batches, over a number of rows that is none of theirs."""
    for place, scores in series.items():
        kinds = {s.kind for s in scores}
        if kinds not in ({"shown-mean"}, {"shown-sum"}):
            continue
        summed, rows = kinds == {"shown-sum"}, sum(s.rows for s in scores)
        total = sum(s.value * (1 if summed else s.rows) for s in scores)
        right, plain = total / rows, sum(s.value for s in scores) / len(scores)
        if summed:
            wrong, plain = {"the sum over rows over the number of batches": plain}, right
        else:
            wrong = {"the sum of the batches' means over the number of rows": plain * len(scores) / rows}
        wrong |= {f"a sum over rows over the {size} rows of training": total / size for size in sizes if size != rows}
        for how, value in wrong.items():
            if all(abs(value - one) > 1e-9 * abs(one) for one in (right, plain)):
                yield (place, how), value, right, [right, plain]


QUOTIENTS = (
    PassiveCheck(
        ("metric-wrong",),
        "A number of one batch, or over other rows, is believed to be that of the whole evaluation.",
        "Four digits that agree in two evaluations or more with a wrong quotient of the numbers taken out of their "
        "batches, where no report agrees with a right one.",
        look_at_quotients,
    ),
)
