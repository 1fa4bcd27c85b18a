"""What the program reports as its metric, against what its own evaluation gives."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from ....data.findings import Finding
from ..graph import logits_of, losses, source
from ..trace import Report, Score, Trace
from .check import PassiveCheck, found
from .loss import scores

ACCURACY = re.compile(r"acc|correct|precision|top1|hit")
LOSS = re.compile(r"loss|nll|mse|mae|error|ce\b|entropy")


@dataclass(frozen=True)
class Evaluated:
    """One evaluation: its parts, and the reports that came after it and before the next."""

    scores: tuple[Score, ...]
    reports: tuple[Report, ...]


def look_at_comparison(trace: Trace) -> Iterator[Finding]:
    """Comparisons that count something else."""
    for node in trace.compared:
        if node.name not in ("eq", "ne") or len(node.inputs) < 2:
            continue
        first, second = node.inputs[0].shape, node.inputs[1].shape
        if all(i.name in ("unsqueeze", "getitem") for i in node.inputs[:2]) and len(first) == len(second):
            continue  # each of a batch with each, on purpose
        if first != second and len(node.shape) > max(len(first), len(second)) - 1 and _product(node.shape) > max(
            _product(first), _product(second)
        ):  # fmt: skip
            yield found(
                "metric-wrong", "error",
                f"Predictions of shape {list(first)} are compared with labels of shape {list(second)}: that broadcasts "
                f"to {list(node.shape)}, and every prediction is compared with every label.",
                "Give both the same shape.", node.place, "one comparison a row", comparisons=_product(node.shape),
            )  # fmt: skip
            return
        picked = source(node.inputs[0] if node.inputs[0].layers else node.inputs[1])
        if picked.name.startswith("arg") and picked.inputs and len(picked.inputs[0].shape) == 2:
            dim, shape = picked.option("dim", 1), picked.inputs[0].shape
            if isinstance(dim, int) and dim % 2 == 0 and shape[0] != shape[1]:
                yield found(
                    "metric-wrong", "error",
                    f"The prediction is the argmax over dimension 0 of {list(shape)}: over the rows, not the classes.",
                    "Use argmax(dim=1).", picked.place or node.place, "argmax over the classes", dim=0,
                )  # fmt: skip
                return
    logits = {source(t.outputs).place for t in losses(trace) if t.kind == "binary_cross_entropy_with_logits"}
    logits |= {node.place for t in losses(trace) if t.kind == "bernoulli" and (node := logits_of(t)) is not None}
    for node in trace.compared:
        if node.name not in ("gt", "ge", "lt", "le") or len(node.inputs) != 1 or not logits:
            continue
        threshold, of = node.option("1", 1, node.options.get("other")), source(node.inputs[0])
        if threshold == 0.5 and (of.name in ("linear", "addmm", "matmul", "model") or scores(of)):
            yield found(
                "metric-wrong", "error",
                "Logits are compared with 0.5, the threshold of probabilities; that of logits is 0.",
                "Compare with 0, or put a sigmoid before it.", node.place, "a threshold of 0", threshold=0.5,
            )  # fmt: skip
            return
        if threshold in (0, 0.0) and of.name == "sigmoid":
            yield found(
                "metric-wrong", "error",
                "Probabilities are compared with 0, the threshold of logits: all are above it.",
                "Compare with 0.5.", node.place, "a threshold of 0.5", threshold=0.0,
            )  # fmt: skip
            return


def look_at_values(trace: Trace) -> Iterator[Finding]:
    looks = [(e, k, m, False) for e in _evaluations(trace) for k, m in (("accuracy", ACCURACY), ("loss", LOSS))]
    looks += [(e, "loss", LOSS, True) for e in _epochs(trace)]
    chances: dict[tuple[str, bool], int] = defaultdict(int)
    for evaluated, kind, _, training in looks:
        chances[kind, training] += bool(evaluated.reports)
    agreed: dict[tuple[str, bool, str], int] = defaultdict(int)
    for evaluated, kind, matcher, training in looks:
        said = _wrong_value(evaluated, kind, matcher, trace, training)
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
    counted = any(s.kind in ("correct", "accuracy") for s in trace.scores)
    beyond = next((r for r in trace.reports if counted and _beyond(r)), None)
    if beyond is not None:
        yield found(
            "metric-wrong", "error", f"The program reports an accuracy ({beyond.name}) of {beyond.value:.6g}.",
            "Divide the number of right answers by the number of rows.",
            beyond.place, "0 to 1, or 0 to 100 %", reported=beyond.value,
        )  # fmt: skip


def _beyond(report: Report) -> bool:
    """Whether a variable that is called an accuracy is neither a share nor a percentage."""
    if report.digits is not None or LOSS.search(report.name) or not re.search(r"acc", report.name):
        return False
    value = report.value
    return value != round(value) and (value < 0 or 1 + 1e-9 < value < 1.5 or value > 100 + 1e-6)


def _evaluations(trace: Trace) -> list[Evaluated]:
    """The evaluations seen whole, each with what was reported before the next one began."""
    evaluated = {c.number for c in trace.evaluated}
    groups: list[list[Score]] = []
    for score in sorted(trace.scores, key=lambda s: s.time):
        if score.call not in evaluated:
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
        parts = tuple(Score("loss", e.loss, c.rows, e.step, e.time, c.number, e.place) for e, c in rows if c.rows)
        if len({p.place for p in parts}) == 1:
            found_ones.append(Evaluated(parts, tuple(r for r in reports if end <= r.time < until)))
    return found_ones


def _wrong_value(evaluated: Evaluated, kind: str, matcher: re.Pattern, trace: Trace, training: bool = False):
    """A report that is a wrong average of the parts, where none is the right one; of training, means of means pass."""
    kinds = ("correct", "accuracy") if kind == "accuracy" else ("loss", "loss-sum")
    parts = [s for s in evaluated.scores if s.kind in kinds]
    parts = [s for s in parts if s.place == parts[-1].place]
    if len(parts) < 2:
        return None
    rows = sum(s.rows for s in parts)
    counts = sum(s.value if s.kind in SUMS else s.value * s.rows for s in parts)
    right, means = counts / rows, [s.value / s.rows if s.kind in SUMS else s.value for s in parts]
    wrong = (
        {}
        if training
        else {
            "the mean of the batches' means, which gives the rows of a small last batch more weight": sum(means)
            / len(means),
        }
    )
    if kind == "loss":
        wrong |= {
            "the sum of the batches' means over the number of rows": sum(means) / rows,
            "the sum over rows over the number of batches": counts / len(parts),
        }
    if kind == "accuracy":
        wrong |= {
            "the number of right answers over batches x batch size": counts / (len(parts) * parts[0].rows),
            "the number of right answers over the number of batches": counts / len(parts),
        }
        for size in {p.rows for n, p in trace.populations.items() if n.startswith("train:")}:
            wrong["the number of right answers over the number of training rows"] = counts / size
    # A number without a name must agree in four digits or more: by chance one in thousands does.
    exact = EXACT if training else 0  # of a rounded number many sums may be the source
    reports = [r for r in evaluated.reports if r.digits is None or r.digits >= exact]
    named = [r for r in reports if matcher.search(r.name) or (not r.name and (r.digits or 0) >= 3)]
    if any(_agrees(r, right) or _agrees(r, 1 - right) for r in evaluated.reports):
        return None
    for how, value in wrong.items():
        if abs(value - right) < 1e-9 * max(1, abs(right)):
            continue
        for report in named:
            if _agrees(report, value) and not _agrees(report, right):
                return report, right, how
    return None


def _agrees(report: Report, value: float) -> bool:
    """Whether a reported number is that value, to the digits shown, as a share or in %."""
    near = 0.5000001 * 10.0**-report.digits if report.digits is not None else 1e-6 * max(abs(value), 1e-6)
    near = max(near, 1e-9 * abs(value))  # sums in another order
    if report.digits is not None and report.digits < 2:
        return abs(report.value - 100 * value) <= near
    return abs(report.value - value) <= near or abs(report.value - 100 * value) <= (
        near if report.digits is not None else 100 * near
    )


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


METRIC = (
    PassiveCheck(
        ("metric-wrong",),
        "A number that counts something else is believed all the same.",
        "No threshold: shapes that broadcast, the argmax's dimension, 0.5 on logits.",
        look_at_comparison,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "A mean of batch means is not the mean over rows when the last batch is smaller.",
        "A reported number that agrees, to its last digit, with a wrong average of the evaluation's "
        "own parts, where no "
        "number agrees with the right one.",
        look_at_values,
    ),
)
