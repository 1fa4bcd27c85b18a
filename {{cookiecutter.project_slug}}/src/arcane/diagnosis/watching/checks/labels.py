"""Labels as the loss got them, in the order in which they came."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import ancestors, losses, source
from ..trace import Call, Node, Trace
from .check import PassiveCheck, found


def _labelled(trace: Trace) -> list[Call]:
    return [c for c in trace.learned if len(c.labels) == c.rows > 0]


def _classes(trace: Trace) -> bool:
    """Whether targets are classes."""
    kinds = {t.kind for t in losses(trace)}
    return bool(
        kinds & {"cross_entropy", "nll_loss", "picked", "binary_cross_entropy_with_logits", "binary_cross_entropy"}
    )


def look_at_pairing(trace: Trace) -> Iterator[Finding]:
    """The same row with other labels at another time."""
    first: dict[int, float] = {}
    again = differ = 0
    where = None
    calls = [c for c in _labelled(trace) if len(c.keys) == c.rows and not trace.models[c.model].embeds]
    per_step = Counter((c.step, c.model) for c in trace.learned)
    if any(count > 1 for count in per_step.values()):
        return  # twins: a label is a pair's, not a row's
    conflicting = _conflicts_within(calls)
    if len(conflicting) > 0.02 * len({k for c in calls for k in c.keys.tolist()}):
        return  # states and actions, not rows and labels
    for call in calls:
        for key, label in zip(call.keys.tolist(), call.labels.tolist(), strict=True):
            if key in conflicting:
                continue
            if key in first:
                again += 1
                if abs(first[key] - label) > 1e-6 * (1 + abs(label)):
                    differ += 1
                    where = where or call.place
            else:
                first[key] = label
    if again >= 30 and differ / again > 0.8 * _chance(calls) and _fixed_targets(trace):
        yield found(
            "labels-out-of-order", "error",
            f"{100 * differ / again:.0f} % of the {again} rows that came again had another label than "
            "before: inputs and "
            "labels are shuffled apart.",
            "Shuffle inputs and labels with the same permutation.",
            where, "the same label each time", share=differ / again, rows=again,
        )  # fmt: skip


def _chance(calls: list[Call]) -> float:
    """How often two labels drawn at random differ."""
    _, counts = np.unique(np.concatenate([c.labels for c in calls]), return_counts=True)
    return max(0.2, 1 - float(((counts / counts.sum()) ** 2).sum()))


def _conflicts_within(calls: list[Call]) -> set[int]:
    """Rows that carry several labels within one batch: real duplicates, which say nothing."""
    found: set[int] = set()
    for call in calls:
        pairs = {(k, v) for k, v in zip(call.keys.tolist(), call.labels.tolist(), strict=True)}
        seen: set[int] = set()
        for key, _ in pairs:
            if key in seen:
                found.add(key)
            seen.add(key)
    return found


def _fixed_targets(trace: Trace) -> bool:
    """Whether targets are given, not made from a model's outputs (bootstrapped values, a teacher)."""
    return all(t.targets is None or not (t.targets.layers or t.targets.calls) for t in losses(trace, 12))


def look_at_variety(trace: Trace) -> Iterator[Finding]:
    """One class alone."""
    calls = _labelled(trace)
    labels = np.concatenate([c.labels for c in calls]) if calls else np.empty(0)
    several = len([o for o in trace.optimisers.values() if o.steps]) > 1
    if len(labels) >= 64 and len(np.unique(labels)) == 1 and not several and _classes(trace) and len(calls) >= 3:
        yield found(
            "single-class", "error",
            f"All {len(labels)} labels of the training steps looked at are {labels[0]:g}.",
            "Look at how the training rows are chosen (sorted data cut in two?) and how labels are read.",
            calls[0].place, "several classes", labels=len(labels),
        )  # fmt: skip


def look_at_values(trace: Trace) -> Iterator[Finding]:
    """Values that a loss does not know."""
    for term in losses(trace):
        facts = term.node.facts
        low, high = facts.get("target.low", 0.0), facts.get("target.high", 0.0)
        if term.kind not in ("binary_cross_entropy_with_logits", "binary_cross_entropy"):
            continue
        if low < 0 or high > 1:
            signs = {low, high} == {-1.0, 1.0}
            yield found(
                "label-format-mismatch" if signs else "label-out-of-range", "error",
                f"{term.kind} gets targets from {low:g} to {high:g}; it knows 0 to 1.",
                "Turn -1/+1 into 0/1." if signs else "Bring the targets into 0 to 1, or use another loss.",
                term.node.place, "0 to 1", lowest=low, highest=high,
            )  # fmt: skip
            return
    for term in losses(trace):
        facts = term.node.facts
        if term.kind != "cross_entropy" or term.targets is None or len(term.outputs.shape) != 2:
            continue
        if term.targets.shape == term.outputs.shape and term.targets.dtype.startswith("float"):
            off = facts.get("target.sum_off_1", 0.0)
            if off > 0.01 and facts.get("target.whole", 1) < 1:
                yield found(
                    "label-format-mismatch", "warning",
                    "cross_entropy gets rows of targets that are no probabilities: they do not sum to one.",
                    "Give class numbers (int64 [n]) or rows that sum to one.",
                    term.node.place, "sums of 1", off=off,
                )  # fmt: skip
                return


def look_at_margins(trace: Trace) -> Iterator[Finding]:
    """A hinge on labels of 0 and 1."""
    for backward in trace.backwards[:6]:
        for node in ancestors(backward.root):
            facts = _margin(node)
            if (facts.get("target.low"), facts.get("target.high"), facts.get("target.whole")) == (0.0, 1.0, 1.0):
                yield found(
                    "label-format-mismatch", "error",
                    "A hinge gets labels of 0 and 1; it knows -1 and +1, and a row of class 0 has the same loss "
                    "whatever the output is.",
                    "Turn 0/1 into -1/+1 (2 * y - 1).", node.place, "-1 and +1", lowest=0, highest=1,
                )  # fmt: skip
                return


def _margin(node: Node) -> dict[str, float]:
    """What is known of the labels y in max(0, 1 - y * output), and in torch's losses of that kind; else nothing."""
    if node.name in ("soft_margin_loss", "hinge_embedding_loss"):
        return node.facts
    if node.name not in ("clamp", "clamp_min", "relu", "maximum") or not node.inputs:
        return {}
    inner = source(node.inputs[0])
    if inner.name not in ("rsub", "sub") or not inner.inputs:
        return {}
    product = source(inner.inputs[-1])
    return product.facts if product.name == "mul" else {}


def look_at_columns(trace: Trace) -> Iterator[Finding]:
    """Classes that are numbered from 1, and the column of class 0 that never serves."""
    terms = [t for t in losses(trace) if t.kind in ("cross_entropy", "nll_loss") and len(t.outputs.shape) == 2]
    labels = np.concatenate([c.labels for c in _labelled(trace)] or [np.empty(0)])
    if not terms or len(labels) < 64 or any(m.embeds for m in trace.models.values()):
        return
    columns = terms[0].outputs.shape[1]
    seen = len(np.unique(labels))
    if columns > labels.max() + 1 and columns >= 2 * seen and len(labels) > 3 * columns:
        yield found(
            "output-shape-mismatch", "warning",
            f"The model gives {columns} columns, but only {seen} classes occur in {len(labels)} labels.",
            "Let the last layer give one column a class (a pre-trained head is replaced).",
            terms[0].outputs.place, f"{seen} columns", columns=columns, classes=seen,
        )  # fmt: skip


def look_at_order(trace: Trace) -> Iterator[Finding]:
    """Sorted labels, and epochs in the same order."""
    calls = _labelled(trace)
    if len([o for o in trace.optimisers.values() if o.steps]) > 1:
        return
    if _classes(trace) and len(calls) >= 4:
        labels = np.concatenate([c.labels for c in calls[:24]])
        _, counts = np.unique(labels, return_counts=True)
        shares = counts / len(labels)
        chance = 1 - float((shares**2).sum())  # that two labels in a row differ, in a shuffled order
        changes = float((labels[1:] != labels[:-1]).mean()) if len(labels) > 1 else 1.0
        distinct = len({k for c in trace.learned for k in c.keys.tolist()})
        if distinct and max(c.rows for c in calls) > distinct / 3:
            return  # within a batch the order does not matter
        sorted_ = chance > 0.1 and changes < 0.2 * chance and len(labels) > 60
        within = _narrow_batches(calls)
        if sorted_ or within:
            yield found(
                "data-not-shuffled", "error",
                f"Training labels come sorted: neighbours differ in {100 * changes:.2g} % of the cases, by chance it "
                f"would be {100 * chance:.0f} %." if sorted_ else "Each batch holds few of the classes that there are: "
                "training rows come sorted by label.",
                "Shuffle the training rows in every epoch (shuffle=True).",
                calls[0].place, "an order that does not follow the labels", changes=changes, chance=chance,
            )  # fmt: skip
            return
    keys = [c.keys for c in trace.learned if len(c.keys) == c.rows]
    if len(keys) < 8 or any(m.embeds for m in trace.models.values()) or any(c.carried for c in trace.learned):
        return  # codes come again anyway; a state that is carried on needs the rows in their order
    period = next((i for i in range(1, len(keys)) if np.array_equal(keys[i], keys[0])), 0)
    same = period >= 4 and len(keys) >= 2 * period and all(
        np.array_equal(keys[i], keys[i - period]) for i in range(period, 2 * period)
    )  # fmt: skip
    if same:
        yield found(
            "data-not-shuffled", "warning",
            f"Every epoch brings the same {period} batches in the same order.",
            "Shuffle the training rows in every epoch (shuffle=True), unless their order carries meaning.",
            trace.learned[0].place, "another order in every epoch", batches=period,
        )  # fmt: skip


def _narrow_batches(calls: list[Call]) -> bool:
    """Whether the first batches hold far fewer classes than so many draws from all of them would."""
    labels = np.concatenate([c.labels for c in calls])
    classes, counts = np.unique(labels, return_counts=True)
    if not 2 <= len(classes) <= 100 or len(labels) < 100:
        return False
    shares = counts / len(labels)
    rows = [c for c in calls if c.rows >= 8]
    if len(rows) < 4:
        return False
    expected = np.mean([float((1 - (1 - shares) ** c.rows).sum()) for c in rows])
    seen = np.mean([len(np.unique(c.labels)) for c in rows])
    return bool(expected > 1.9 and seen < 0.5 * expected and math.isfinite(seen))


LABELS = (
    PassiveCheck(
        ("labels-out-of-order",),
        "Labels that belong to other rows teach noise.",
        "Of at least 30 rows that came again, bit for bit, 0.8 times as many had another label as "
        "chance gives; rows that are double within a "
        "batch do not count.",
        look_at_pairing,
    ),
    PassiveCheck(
        ("label-out-of-range", "label-format-mismatch"),
        "A loss computes something for wrong targets too.",
        "No threshold: binary losses know 0 to 1; rows of probabilities sum to one within 0.01.",
        look_at_values,
    ),
    PassiveCheck(
        ("label-format-mismatch",),
        "A row of label 0 has a constant hinge, so that only the other class is learnt.",
        "No threshold: labels of 0 and 1 in max(0, 1 - y * output), soft_margin_loss or hinge_embedding_loss.",
        look_at_margins,
    ),
    PassiveCheck(
        ("single-class",),
        "Of one class, a constant is perfect.",
        "64 labels in at least 3 batches; programs with several optimisers pass (a GAN's halves have one label each).",
        look_at_variety,
    ),
    PassiveCheck(
        ("data-not-shuffled",),
        "Batches of one class each pull the model to and fro.",
        "Neighbouring labels differ in fewer than a fifth of the cases that chance gives, or batches hold fewer than "
        "half of the classes that draws would; a warning where only the order is the same in every epoch.",
        look_at_order,
    ),
    PassiveCheck(
        ("output-shape-mismatch",),
        "Columns for classes that do not exist take probability from those that do.",
        "Twice as many columns as classes that occur, in 3 labels a column or more.",
        look_at_columns,
    ),
)
