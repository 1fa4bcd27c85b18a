"""What the program reports as its metric, against what its own evaluation gives."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ....data.findings import Finding
from ..graph import terms as loss_terms
from ..trace import Call, Report, Score, Trace
from .answers import counted_outside
from .check import PassiveCheck, found

ACCURACY = re.compile(r"acc|correct|precision|top1|hit")
SHARE = re.compile(r"f1|iou|dice|jaccard|score|auc")
LOSS = re.compile(r"loss|nll|mse|mae|error|ce\b|entropy")


@dataclass(frozen=True)
class Evaluated:
    """One evaluation: its parts, and the reports that came after it and before the next."""

    scores: tuple[Score, ...]
    reports: tuple[Report, ...]


def look_at_values(trace: Trace) -> Iterator[Finding]:
    looks = [(e, k, m, False) for e in evaluations(trace) for k, m in (("accuracy", ACCURACY), ("loss", LOSS))]
    looks += [(e, "loss", LOSS, True) for e in _epochs(trace)]
    chances: dict[tuple[str, bool], int] = defaultdict(int)
    for evaluated, kind, _, training in looks:
        chances[kind, training] += bool(evaluated.reports)
    agreed: dict[tuple[str, bool, str], int] = defaultdict(int)
    for number, (evaluated, kind, matcher, training) in enumerate(looks):
        before = [e for e, k, _, t in looks[:number] if (k, t) == (kind, training)]
        said = _wrong_value(evaluated, kind, matcher, trace, training, before)
        if said:
            report, _, how = said
            agreed[kind, training, how] += 1
            # Of many numbers without a name, one of three digits agrees with something by chance.
            if (
                not report.name
                and (report.digits or 0) < EXACT
                and 2 * agreed[kind, training, how] < chances[kind, training]
            ):
                continue
            report, right, how = said
            yield found(
                    "metric-wrong", "error" if kind == "accuracy" else "warning",
                    f"The {kind} that the program reports as {report.name or 'a number'}, "
                    f"{report.value:.6g}, is {how}; "
                    f"over all rows it is {right:.6g}.",
                    "Add up over rows, then divide by the number of rows: the last batch is smaller.",
                    report.place or evaluated.scores[0].place, f"{right:.6g}", reported=report.value, right=right,
                )  # fmt: skip
            return
    counted = any(s.kind in ("correct", "accuracy") for s in (*trace.scores, *counted_outside(trace)))
    beyond = next((r for r in trace.reports if counted and _beyond(r)), None)
    if beyond is not None:
        yield found(
            "metric-wrong", "error", f"The program reports an accuracy ({beyond.name}) of {beyond.value:.6g}.",
            "Divide the number of right answers by the number of rows.",
            beyond.place, "0 to 1, or 0 to 100 %", reported=beyond.value,
        )  # fmt: skip


def _beyond(report: Report) -> bool:
    """Whether a variable that is called an accuracy is neither a share nor a percentage."""
    if LOSS.search(report.name) or not re.search(r"acc", report.name):
        return False
    value = report.value
    if report.digits is not None:
        return bool(re.search(r"acc\w*$", report.name)) and 100 < value <= 10_000
    return value != round(value) and (value < 0 or 1 + 1e-9 < value < 1.5 or value > 100 + 1e-6)


COUNTED = ("correct", "accuracy", "loss", "loss-sum", "divided")


def evaluations(trace: Trace, kinds: Sequence[str] = COUNTED) -> list[Evaluated]:
    """The evaluations seen whole, each with what was reported before the next one began."""
    outside = counted_outside(trace)
    evaluated = {c.number for c in trace.evaluated} | {s.call for s in outside}
    groups: list[list[Score]] = []
    for score in sorted([*trace.scores, *outside], key=lambda s: s.time):
        if score.call not in evaluated or score.kind not in kinds:
            continue
        if groups and groups[-1][-1].step == score.step and groups[-1][-1].place and score.place and (
            groups[-1][-1].place.file == score.place.file
        ):  # fmt: skip
            groups[-1].append(score)
        else:
            groups.append([score])
    found_ones = []
    for i, group in enumerate(groups):
        end = groups[i + 1][0].time if i + 1 < len(groups) else float("inf")
        reports = tuple(r for r in trace.reports if group[-1].time < r.time < end)
        found_ones.append(Evaluated(tuple(group), reports))
    return found_ones


EXACT = 4
"""Digits from which on a number without a name speaks for itself."""
SUMS = ("correct", "loss-sum")
"""Numbers that are sums over rows already."""


def _epochs(trace: Trace, most: int = 3) -> list[Evaluated]:
    """The first stretches of training between reports: the losses that backward started from, as parts."""
    summed = {b.place for b in trace.backwards if any(t.summed and t.summed.shape == () for t in loss_terms(b.root))}
    passes = [e for e in trace.events if e.kind == "backward" and len(e.calls) == 1 and math.isfinite(e.loss)]
    reports = sorted(trace.reports, key=lambda r: r.time)
    found_ones: list[Evaluated] = []
    while passes and reports and len(found_ones) < most:
        end = next((r.time for r in reports if r.time > passes[0].time), None)
        if end is None:
            break
        own, passes = [e for e in passes if e.time < end], [e for e in passes if e.time > end]
        until = passes[0].time if passes else float("inf")
        rows = [(e, trace.calls[min(e.calls)]) for e in own]
        parts = tuple(
            Score("loss-sum" if e.place in summed else "loss", e.loss, c.rows, e.step, e.time, c.number, e.place)
            for e, c in rows if c.rows
        )  # fmt: skip
        if len({p.place for p in parts}) == 1:
            found_ones.append(Evaluated(parts, tuple(r for r in reports if end <= r.time < until)))
    return found_ones


def _wrong_value(
    evaluated: Evaluated, kind: str, matcher: re.Pattern, trace: Trace, training: bool, before: Sequence[Evaluated]
) -> tuple[Report, float, str] | None:
    """A report that is a wrong average of the parts, where none is the right one; of training, means of means pass."""
    parts = _parts(evaluated, kind)
    if not parts:
        return None
    sums = Sums(parts, kind)
    right = sums.right
    wrong = _of_accuracy(sums, trace) if kind == "accuracy" else _of_loss(sums, trace)
    if not training and len(parts) > 1:
        wrong |= {
            "the mean of the batches' means, which gives the rows of a small last batch more weight": sums.of_means,
        }
        if sums.batches and not any(agrees(r, mean) for r in evaluated.reports for mean in sums.means[:-1]):
            wrong["that of the last batch alone"] = sums.means[-1]
    wrong |= _running(sums, [_parts(e, kind) for e in before], kind, training)
    # A number without a name must agree in four digits or more: by chance one in thousands does.
    exact = EXACT if training else 0  # of a rounded number many sums may be the source
    reports = [r for r in evaluated.reports if r.digits is None or r.digits >= exact]
    if kind == "loss":  # of a loss near nought hardly a digit is shown
        reports = [r for r in reports if r.digits is None or abs(r.value) * 10**r.digits >= SHOWN]
    named = [r for r in reports if matcher.search(r.name) or (not r.name and (r.digits or 0) >= 3)]
    if kind == "accuracy":  # more than all, under the name of another share
        named += [r for r in reports if SHARE.search(r.name) and r.value > 1]
    rights = (right, 1 - right) if kind == "accuracy" else (right, _root(right), *(sums.plain if training else ()))
    if any(agrees(r, value) for r in evaluated.reports for value in rights):
        return None
    if kind == "loss":
        wrong |= {f"{ROOT} {how}": _root(value) for how, value in wrong.items() if re.search("^(the|a) sum", how)}
    for how, value in wrong.items():
        if any(abs(value - good) < 1e-9 * max(1, abs(good)) for good in rights):
            continue
        for report in named:
            if how.startswith(ROOT) and not ROOTED.search(report.name):
                continue
            plain = how not in BY_CHANCE or (report.name and (value not in (0, 1) or "acc" in report.name))
            if plain and agrees(report, value) and not agrees(report, right):
                return report, right, how
    return None


SHOWN = 100
"""A loss that agrees with another number must show three digits that are not leading noughts."""
ROOT, ROOTED = "the root of", re.compile(r"rms|root|std")
"""A wrong mean's root is looked for only under a name that says so: of many numbers one agrees by chance."""
BY_CHANCE = ("that of the last batch alone",)
"""Of few rows, so that other numbers may agree with it."""


def _parts(evaluated: Evaluated, kind: str) -> list[Score]:
    """The scores of a kind that one line made, of each call."""
    kinds = ("correct", "accuracy") if kind == "accuracy" else ("loss", "loss-sum")
    parts = [s for s in evaluated.scores if s.kind in kinds]
    return [s for s in parts if s.place == parts[-1].place]


class Sums:
    """What the parts of an evaluation add up to.

    Args:
        parts: One a batch.
        kind: `accuracy` or `loss`.
    """

    def __init__(self, parts: list[Score], kind: str):
        self.parts = parts
        self.rows = sum(s.rows for s in parts)
        self.counts = sum(s.value if s.kind in SUMS else s.value * s.rows for s in parts)
        self.means = [s.value / s.rows if s.kind in SUMS else s.value for s in parts]
        # Three parts or more, of one size but for the last: batches, not training rows and then test rows.
        self.batches = len(parts) > 2 and len({s.rows for s in parts[:-1]}) == 1 and parts[-1].rows <= parts[0].rows
        self.right, self.of_means = self.counts / self.rows, sum(self.means) / len(self.means)
        self.plain = (self.of_means, sum(s.value for s in parts) / len(parts))  # what is usual for a training loss


def _of_accuracy(sums: Sums, trace: Trace) -> dict[str, float]:
    """Wrong shares of right answers, in words."""
    n, first = len(sums.parts), sums.parts[0].rows
    wrong = {"a percentage of a percentage": 100 * sums.right}
    if n > 1:
        wrong |= {
            "the number of right answers over batches x batch size": sums.counts / (n * first),
            "the number of right answers over the number of batches": sums.counts / n,
            "the number of right answers over the rows of one batch": sums.counts / first,
            "the sum of the batches' shares over the number of rows": sum(sums.means) / sums.rows,
        }
    places = [_places(trace, trace.calls[p.call]) for p in sums.parts]
    if all(n > p.rows for n, p in zip(places, sums.parts, strict=True)):
        wrong["the number of right answers over all places, those that are left out of the count too"] = (
            sums.counts / sum(places)
        )
    rows = sum(trace.calls[s.call].rows for s in sums.parts)
    if 0 < rows < sums.rows and sums.rows % rows == 0:
        wrong[f"the number of right answers over the rows, of {sums.rows // rows} answers each"] = sums.counts / rows
    for size in {c.rows for c in trace.learned[:40]}:
        wrong["the number of right answers over the rows of a training batch"] = sums.counts / size
    for size in {p.rows for name, p in trace.populations.items() if name.startswith("train:")}:
        wrong["the number of right answers over the number of training rows"] = sums.counts / size
        wrong["the number of right answers over the number of all rows"] = sums.counts / (size + sums.rows)
    return wrong


def _places(trace: Trace, call: Call) -> int:
    """Places of the sequences of codes that a call got, none where its inputs are something else."""
    return math.prod(call.shape) if len(call.shape) == 2 and trace.models[call.model].embeds else 0


def _of_loss(sums: Sums, trace: Trace) -> dict[str, float]:
    """Wrong means of a loss, in words."""
    if len(sums.parts) < 2:
        return {}
    wrong = {
        "the sum of the batches' means over the number of rows": sum(sums.means) / sums.rows,
        "the sum over rows over the number of batches": sums.counts / len(sums.parts),
        "the mean of the batches' means times the size of a batch": sums.of_means * sums.parts[0].rows,
    }
    if min(sums.means) >= 0:
        wrong["the mean of the batches' roots, which is no root of the mean"] = sum(map(_root, sums.means)) / len(
            sums.means
        )
    for size in {p.rows for name, p in trace.populations.items() if name.startswith("train:")}:
        wrong["the sum over rows over the number of training rows"] = sums.counts / size
    return wrong


def _running(sums: Sums, before: list[list[Score]], kind: str, training: bool) -> dict[str, float]:
    """Sums that were not set to zero between one evaluation, or epoch, and the next."""
    before = [parts for parts in before if parts and parts[-1].place == sums.parts[-1].place]
    if not before:
        return {}
    own = Sums([score for parts in (*before, sums.parts) for score in parts], kind)
    if training:
        return {"a sum that is not set to zero between epochs": sum(own.means) / len(sums.parts)}
    return {
        "a sum over all evaluations so far": own.right,
        "a sum over all evaluations so far, over the rows of one": own.counts / sums.rows,
        "a sum over all evaluations so far, over the batches of one": sum(own.means) / len(sums.parts),
    }


def _root(value: float) -> float:
    return math.sqrt(value) if value >= 0 else value


def agrees(report: Report, value: float) -> bool:
    """Whether a reported number is that value, to the digits shown, as a share or in %."""
    near = 0.5000001 * 10.0**-report.digits if report.digits is not None else 1e-6 * max(abs(value), 1e-6)
    near = max(near, 1e-9 * abs(value))  # sums in another order
    if report.digits is not None and report.digits < 2:
        return abs(report.value - 100 * value) <= near
    return abs(report.value - value) <= near or abs(report.value - 100 * value) <= (
        near if report.digits is not None else 100 * near
    )


METRIC = (
    PassiveCheck(
        ("metric-wrong",),
        "A mean of batch means is not the mean over rows when the last batch is smaller.",
        "A reported number that agrees, to its last digit, with a wrong average of the evaluation's "
        "own parts, where no "
        "number agrees with the right one.",
        look_at_values,
    ),
)
