"""In which order labels come, and whether rows that come again have the labels that they had."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..formulas import VIEWS
from ..graph import given, losses, owners
from ..trace import Call, Node, Trace
from .check import PassiveCheck, found

OF_CLASSES = frozenset({
    "cross_entropy", "nll_loss", "picked", "binary_cross_entropy_with_logits", "binary_cross_entropy", "bernoulli",
    "multi_margin_loss", "soft_margin_loss",
})  # fmt: skip


def labelled(trace: Trace) -> list[Call]:
    return [c for c in trace.learned if len(c.labels) == c.rows > 0 or (c.bags and len(c.labels))]


def answers(call: Call) -> np.ndarray:
    """What each row of a call is to be answered with: its label, or a key of its several targets."""
    return call.labels if len(call.labels) else call.marks


def classes(trace: Trace) -> bool:
    """Whether targets are classes."""
    kinds = {t.kind for t in losses(trace)}
    return bool(kinds & OF_CLASSES)


def short_codes(trace: Trace) -> bool:
    """Whether rows are a few whole numbers each, which come again without any mistake."""
    embeds = any(m.embeds for m in trace.models.values())
    keys = [k for c in trace.learned[:12] for k in c.keys.tolist()]
    return embeds and (len(keys) < 64 or len(set(keys)) < 0.99 * len(keys))


def look_at_pairing(trace: Trace) -> Iterator[Finding]:
    """The same row with other labels at another time."""
    first: dict[int, float] = {}
    again = differ = 0
    where = None
    calls = [c for c in trace.learned if len(answers(c)) == len(c.keys) == c.rows > 0]
    calls = [c for c in calls if not trace.models[c.model].embeds or not short_codes(trace)]
    per_step = Counter((c.step, c.model) for c in trace.learned)
    if any(count > 1 for count in per_step.values()):
        return  # twins: a label is a pair's, not a row's
    conflicting = _conflicts_within(calls)
    if len(conflicting) > 0.02 * len({k for c in calls for k in c.keys.tolist()}):
        return  # states and actions, not rows and labels
    for call in calls:
        for key, label in zip(call.keys.tolist(), answers(call).tolist(), strict=True):
            if key in conflicting:
                continue
            if key in first:
                again += 1
                if first[key] != label and abs(first[key] - label) > 1e-6 * (1 + abs(label)):
                    differ += 1
                    where = where or call.place
            else:
                first[key] = label
    if (
        again >= trace.limit("pairs_again")
        and differ / again > trace.limit("pairs_differ") * chance_of(calls)
        and given(trace)
    ):
        yield found(
            "labels-out-of-order", "error",
            f"{100 * differ / again:.0f} % of the {again} rows that came again had another label than "
            "before: inputs and "
            "labels are shuffled apart.",
            "Shuffle inputs and labels with the same permutation.",
            where, "the same label each time", share=differ / again, rows=again,
        )  # fmt: skip


def relabelled(trace: Trace, asked: list[Call]) -> float:
    """Share of evaluation's rows that were trained on under another label; 0 where that is no more than chance, or
    where training's own rows do not keep theirs.
    """
    known: dict[int, float] = {}
    kept = [_same(known.setdefault(k, v), v) for k, v in _pairs(labelled(trace))]
    again = len(kept) - len(known)
    if again < trace.limit("pairs_again") or len(kept) - sum(kept) > 0.05 * again:
        return 0.0
    moved = [not _same(known[k], v) for k, v in _pairs(asked) if k in known]
    if len(moved) < trace.limit("pairs_again"):
        return 0.0
    differ = float(np.mean(moved))
    return differ if differ > trace.limit("pairs_differ") * chance_of(labelled(trace)) else 0.0


def _pairs(calls: list[Call]) -> list[tuple[int, float]]:
    """Rows and their labels, by calls that have one for each."""
    whole = [c for c in calls if len(c.keys) == len(c.labels)]
    return [pair for c in whole for pair in zip(c.keys.tolist(), c.labels.tolist(), strict=True)]


def _same(first: float, second: float) -> bool:
    return abs(first - second) <= 1e-6 * (1 + abs(second))


def chance_of(calls: list[Call]) -> float:
    """How often two labels drawn at random differ."""
    _, counts = np.unique(np.concatenate([answers(c) for c in calls]), return_counts=True)
    return max(0.05, 1 - float(((counts / counts.sum()) ** 2).sum()))


def _conflicts_within(calls: list[Call]) -> set[int]:
    """Rows that carry several labels within one batch: real duplicates, which say nothing."""
    found: set[int] = set()
    for call in calls:
        pairs = {(k, v) for k, v in zip(call.keys.tolist(), answers(call).tolist(), strict=True)}
        seen: set[int] = set()
        for key, _ in pairs:
            if key in seen:
                found.add(key)
            seen.add(key)
    return found


def look_at_choices(trace: Trace) -> Iterator[Finding]:
    """Outputs and targets of the same rows, chosen in two orders: by a mask and by an index."""
    for term in losses(trace, 12):
        sides = [_chosen(node) for node in (term.outputs, term.targets) if node is not None]
        if len(sides) < 2 or not all(sides):
            continue
        own, other = (side.facts for side in sides if side is not None)
        same = all(own[f"rows.{name}"] == other[f"rows.{name}"] for name in ("of", "chosen"))
        if same and own["rows.order"] != other["rows.order"]:
            yield found(
                "labels-out-of-order", "error",
                "The loss compares outputs and targets of the same rows, chosen in two orders: rows and labels belong "
                "to different examples.",
                "Choose both by the same index, or both by the same mask.", term.node.place, "one order for both",
            )  # fmt: skip
            return


def _chosen(node: Node) -> Node | None:
    """The choice of rows behind what a loss got."""
    for _ in range(8):
        if "rows.order" in node.facts:
            return node
        if not node.inputs or node.name not in (*VIEWS, *ROWWISE):
            return None
        node = node.inputs[0]
    return None


ROWWISE = ("softmax", "log_softmax", "sigmoid", "log", "squeeze")


def look_at_order(trace: Trace) -> Iterator[Finding]:
    """Sorted labels, and epochs in the same order."""
    calls = labelled(trace)
    calls = [c for c in calls if c.model == calls[0].model]  # of several folds, the first
    if trace.taking_turns:
        return
    if classes(trace) and len(calls) >= 4:
        labels = np.concatenate([c.labels for c in calls[:24]])
        _, counts = np.unique(labels, return_counts=True)
        shares = counts / len(labels)
        chance = 1 - float((shares**2).sum())  # that two labels in a row differ, in a shuffled order
        changes = float((labels[1:] != labels[:-1]).mean()) if len(labels) > 1 else 1.0
        distinct = len({k for c in trace.learned if c.model == calls[0].model for k in c.keys.tolist()})
        if any(c.bags for c in calls):
            distinct = sum(len(c.labels) for c in calls)  # keys are the codes'
        if distinct and max(len(c.labels) for c in calls) > distinct / 3:
            return  # within a batch the order does not matter
        if _in_tasks(trace, calls):
            return
        sorted_ = chance > 0.1 and changes < trace.limit("label_changes") * chance and len(labels) > 60
        breadth = _breadth(calls)
        # Sorted within each batch only: a sampler drew so many rows of each class.
        sorted_ = sorted_ and not breadth > trace.limit("batch_broad")
        within = breadth < trace.limit("batch_classes")
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
    if not classes(trace) and len(calls) >= 4 and not any(c.carried for c in calls):
        numbers = np.concatenate([c.labels for c in calls if c.step < calls[0].step + 12])
        rises = np.sign(np.diff(numbers))
        steady = abs(rises.mean()) > 0.5 and not (rises * np.sign(rises.mean()) < 0).any()
        if len(numbers) > 60 and len(np.unique(numbers)) > 10 and steady:
            yield found(
                "data-not-shuffled", "error",
                f"The targets of the first {len(numbers)} training rows come sorted by size.",
                "Shuffle the training rows in every epoch (shuffle=True).",
                calls[0].place, "an order that does not follow the targets", rows=len(numbers),
            )  # fmt: skip
            return
    keys = [c.keys if len(c.keys) == c.rows else None for c in trace.learned]
    embeds, carried = any(m.embeds for m in trace.models.values()), any(c.carried for c in trace.learned)
    if len(keys) < 8 or keys[0] is None or embeds or carried or any(c.sliding for c in trace.learned):
        return  # codes come again anyway; a state that is carried on, or a series, has its own order
    first = keys[0]
    period = next((i for i, own in enumerate(keys) if i and own is not None and np.array_equal(own, first)), 0)
    again = [(a, b) for a, b in zip(keys, keys[period : 2 * period], strict=False) if a is not None and b is not None]
    if period >= 4 and len(again) >= min(4, period) and all(np.array_equal(a, b) for a, b in again):
        yield found(
            "data-not-shuffled", "warning",
            f"Every epoch brings the same {period} batches in the same order.",
            "Shuffle the training rows in every epoch (shuffle=True), unless their order carries meaning.",
            trace.learned[0].place, "another order in every epoch", batches=period,
        )  # fmt: skip


def look_at_cut(trace: Trace) -> Iterator[Finding]:
    """Targets of evaluation that lie together where no training target lies: sorted rows were cut in parts."""
    if classes(trace) or trace.taking_turns or not given(trace):
        return
    owner = owners(trace)
    for model in dict.fromkeys(c.model for c in labelled(trace)):
        own = np.concatenate([c.labels for c in labelled(trace) if c.model == model])
        asked = [c for c in trace.calls if not (c.learned or c.gradient) and owner[c.model] == model]
        parts = [c.labels if len(c.labels) else c.beside for c in asked]
        other = np.concatenate(parts) if parts else np.empty(0)
        if len(own) < 2 * CUT or len(other) < CUT or len(np.unique(other)) < CUT // 2:
            continue
        low, high = other.min(), other.max()
        between = (own <= low).any() and (own >= high).any() and not ((own > low) & (own < high)).any()
        if between:
            yield found(
                "data-not-shuffled", "warning",
                f"All {len(other)} targets of an evaluation lie from {low:.4g} to {high:.4g}, where none of {len(own)} "
                "training targets lies: rows that were sorted by target were cut in parts.",
                "Shuffle before the split (KFold(shuffle=True)).", asked[0].place, "targets of all sizes on both sides",
                low=low, high=high, rows=len(other),
            )  # fmt: skip
            return


CUT = 20
"""Targets of an evaluation between all of which no training target lies: one shuffle in 10^10 gives that."""


def _in_tasks(trace: Trace, calls: list[Call]) -> bool:
    """Whether rows come again before rows of other classes come at all: tasks are learnt one after the other."""
    seen: set[int] = set()
    for again in (c for c in trace.learned if c.model == calls[0].model):
        keys = again.keys.tolist()
        if keys and sum(key in seen for key in keys) > 0.5 * len(keys):
            break
        seen.update(keys)
    else:
        return False
    before = {label for c in calls if c.number < again.number for label in c.labels.tolist()}
    later = [c for c in calls if c.number > again.number and len(c.keys) == len(c.labels)]
    new = [k in seen for c in later for k, v in zip(c.keys.tolist(), c.labels.tolist(), strict=True) if v not in before]
    return len(new) >= 8 and sum(new) < 0.1 * len(new)


def _breadth(calls: list[Call]) -> float:
    """Classes in a batch over what so many draws from all rows would hold; NaN where there is too little to tell."""
    labels = np.concatenate([c.labels for c in calls])
    classes, counts = np.unique(labels, return_counts=True)
    rows = [c for c in calls if len(c.labels) >= 8]
    if not 2 <= len(classes) <= 100 or len(labels) < 100 or len(rows) < 4:
        return math.nan
    shares = counts / len(labels)
    expected = np.mean([float((1 - (1 - shares) ** len(c.labels)).sum()) for c in rows])
    seen = np.mean([len(np.unique(c.labels)) for c in rows])
    return float(seen / expected) if expected > 1.9 else math.nan


PAIRING = PassiveCheck(
    ("labels-out-of-order",),
    "Labels that belong to other rows teach noise.",
    "Of at least 12 rows that came again, bit for bit, 0.8 times as many had another label as "
    "chance gives; rows that are double within a "
    "batch do not count.",
    look_at_pairing,
)

CHOICES = PassiveCheck(
    ("labels-out-of-order",),
    "A mask gives rows in their own order, an index in its.",
    "No threshold: the same rows of as many, in two orders, at one loss.",
    look_at_choices,
)

ORDER = PassiveCheck(
    ("data-not-shuffled",),
    "Batches of one class each pull the model to and fro.",
    "Neighbouring labels differ in fewer than a fifth of the cases that chance gives, or batches hold fewer than "
    "half of the classes that draws would; a warning where only the order is the same in every epoch.",
    look_at_order,
)

CUTS = PassiveCheck(
    ("data-not-shuffled",),
    "A model that never saw targets of a size is asked about nothing else.",
    "No threshold: no training target among 20 targets of an evaluation or more, and some below and above them.",
    look_at_cut,
)
