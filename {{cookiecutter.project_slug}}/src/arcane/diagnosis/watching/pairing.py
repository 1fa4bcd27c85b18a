"""Whether the labels that a program trains on belong to its rows: the pairing of what was kept, against chance."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ...data.findings import Finding
from ...data.loading import Examples
from ...spec import Spec, Target
from ..bench import Bench
from ..checks.labels import look_at_data
from .captures import Captures
from .checks.contest import judged
from .graph import given, losses
from .reading import folded, kinds, view
from .sides import Side, above_chance
from .trace import Call, Trace

FEWEST, SMALLEST = 200, 100
"""Rows without which chance cannot be told from a weak relation, and from a plain one."""

WORDS = 4
"""Codes of a row, without which it is one of a table."""

FIRST_STEPS = 12
"""Steps that are looked at one by one: of later epochs a changed row would be the nearest neighbour of itself."""

ENTROPIES = frozenset({
    "cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "bernoulli", "picked",
})  # fmt: skip
"""Losses that are the labels' entropy where nothing is known of the inputs."""


def look_at_kept_pairs(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Rows whose labels neither their neighbours nor a linear model predict, in a program that learns nothing either.

    Both are needed: a parity cannot be told from neighbours, and a bug elsewhere keeps a program from learning, too.
    """
    calls = [c for c in trace.learned if c.number in captures.inputs and len(c.labels) == c.rows == len(c.keys)]
    calls = first_calls([c for c in calls if c.model == calls[0].model])
    if not calls or not given(trace) or _learns(trace, calls):
        return
    if trace.models[calls[0].model].embeds:
        yield from look_at_words(trace, captures, calls)
        return
    examples = examples_of(calls, captures)
    if examples is None:
        yield from look_at_few(trace, captures, calls)
        return
    yield from _by_chance(examples, calls[0], "nor does the program learn any.")


def look_at_conditions(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Numbers that a judge of made and given rows gets beside the given ones, and that say nothing of these."""
    for both in judged(trace):
        calls = [c for c in both.given if c.number in captures.inputs and len(c.codes) == c.rows == len(c.keys)]
        examples = examples_of([replace(c, labels=c.codes) for c in calls], captures) if calls else None
        if examples is not None:
            yield from _by_chance(examples, calls[0], "a judge of made rows is told so beside the given ones.")


def _by_chance(examples: Examples, call: Call, further: str) -> Iterator[Finding]:
    """Labels that neither neighbours nor a linear model predict."""
    for finding in look_at_data(Bench(nn.Identity(), examples, 1)):
        yield Finding(
            finding.code, finding.severity, f"{finding.message[:-1]}; {further}", finding.advice,
            evidence=finding.evidence, expected=finding.expected, location=call.place.shown if call.place else None,
        )  # fmt: skip


def look_at_few(trace: Trace, captures: Captures, calls: list[Call]) -> Iterator[Finding]:
    """The same of a small set, evaluation's rows too, where the program's own evaluation is no better than chance."""
    counted = any(s.kind in ("correct", "accuracy") and not trace.calls[s.call].learned for s in trace.scores)
    asked = [c for c in trace.asked if c.number in captures.inputs and len(c.labels) == c.rows == len(c.keys)]
    examples = examples_of([*calls, *asked], captures, SMALLEST) if counted else None
    if examples is None or examples.spec.regression or len(examples.labels) >= FEWEST + SMALLEST:
        return
    rows = torch.from_numpy(examples.inputs[:, 0])
    coded = np.eye(len(examples.classes))[examples.labels]
    scores = [folded(view(kind, rows).of(rows), coded) for kind in kinds(rows)]
    side = Side(rows, examples.labels, calls[0].place)
    if any(above_chance(part, side, 0.1) for part in scores):
        return
    right = max(float((part.argmax(1) == examples.labels).mean()) for part in scores)
    yield Finding(
        "labels-out-of-order", "warning",
        f"A linear model reads {100 * right:.0f} % of {len(examples.labels)} labels from the other rows, which is "
        "chance; nor does the program learn any.",
        "Inputs and labels were likely paired in another order; look at a few of them.",
        evidence={"right": right, "examples": float(len(examples.labels))}, expected="more than chance",
        location=calls[0].place.shown if calls[0].place else None,
    )  # fmt: skip


def look_at_words(trace: Trace, captures: Captures, calls: list[Call]) -> Iterator[Finding]:
    """The same of codes: a reader that counts them, and each with the one that follows."""
    counted = any(s.kind in ("correct", "accuracy") and not trace.calls[s.call].learned for s in trace.scores)
    batches = [captures.inputs[c.number] for c in calls]
    if not counted or any(rows.dim() != 2 or rows.is_floating_point() or rows.shape[1] < WORDS for rows in batches):
        return
    longest = max(rows.shape[1] for rows in batches)
    rows = torch.cat([F.pad(rows, (0, longest - rows.shape[1])) for rows in batches])
    labels = np.concatenate([c.labels for c in calls])
    _, first = np.unique(np.concatenate([c.keys for c in calls]), return_index=True)
    rows, (known, labels) = rows[first], np.unique(labels[first], return_inverse=True)
    if len(first) < FEWEST or not 2 <= len(known) <= len(first) // 20 or rows.min() < 0:
        return
    follow = rows[:, :-1] * int(rows.max() + 1) + rows[:, 1:]
    side, coded = Side(rows, labels, calls[0].place), np.eye(len(known))[labels]
    scores = [folded(view("codes", seen).of(seen), coded) for seen in (rows, _commonest(follow))]
    if any(above_chance(part, side, 0.1) for part in scores):
        return
    right = max(float((part.argmax(1) == labels).mean()) for part in scores)
    yield Finding(
        "labels-out-of-order", "warning",
        f"Neither the codes of a row nor their pairs tell its label: {100 * right:.0f} % of {len(labels)} are read "
        "from the other rows, which is chance; nor does the program learn any.",
        "Inputs and labels were likely paired in another order; look at a few of them.",
        evidence={"right": right, "examples": float(len(labels))}, expected="more than chance",
        location=calls[0].place.shown if calls[0].place else None,
    )  # fmt: skip


def _commonest(codes: torch.Tensor) -> torch.Tensor:
    """Codes [n, T] numbered anew, from the commonest on."""
    known, numbers, counts = np.unique(codes.numpy(), return_inverse=True, return_counts=True)
    ranks = np.empty(len(known), np.int64)
    ranks[np.argsort(-counts, kind="stable")] = np.arange(len(known))
    return torch.from_numpy(ranks[numbers].reshape(codes.shape))


def first_calls(calls: list[Call]) -> list[Call]:
    """Those of the first steps, and of small batches as many as are needed."""
    before = np.cumsum([0, *(c.rows for c in calls[:-1])]) if calls else []
    return [c for c, rows in zip(calls, before, strict=True) if c.step < FIRST_STEPS or rows < FEWEST]


def _learns(trace: Trace, calls: list[Call]) -> bool:
    """Whether the program's own evaluation beats chance; where it counts no answers, whether its loss falls."""
    labels = np.concatenate([c.labels for c in calls])
    counted = [s for s in trace.scores if s.kind in ("correct", "accuracy") and not trace.calls[s.call].learned]
    counted = [s for s in counted if s.step == counted[-1].step]
    if counted:
        from scipy.stats import binomtest

        rows = sum(s.rows for s in counted)
        right = round(sum(s.value if s.kind == "correct" else s.value * s.rows for s in counted))
        _, counts = np.unique(labels, return_counts=True)
        if not 0 <= right <= rows:
            return True
        return bool(binomtest(right, rows, float(counts.max() / len(labels)), alternative="greater").pvalue < 0.01)
    ignorance = _ignorance(trace, labels)
    measured = [s for s in trace.scores if s.kind == "loss" and not trace.calls[s.call].learned]
    measured = [s for s in measured if s.step == measured[-1].step]
    if measured and ignorance is not None:  # a small set is learnt by heart, whatever its labels are
        return (
            sum(s.value * s.rows for s in measured) / sum(s.rows for s in measured)
            < trace.limit("learnt_share") * ignorance
        )
    values = [v for v in trace.losses if math.isfinite(v)]
    if not values or ignorance is None:
        return True  # nothing to tell it by: the labels are not judged
    return float(np.mean(values[-max(1, len(values) // 5) :])) < trace.limit("learnt_share") * ignorance


def _ignorance(trace: Trace, labels: np.ndarray) -> float | None:
    """What the loss is for a model that knows nothing of its inputs; None for losses where that is not known."""
    kinds = {t.kind for t in losses(trace, 12) if t.alone}
    if kinds and kinds <= ENTROPIES:
        _, counts = np.unique(labels, return_counts=True)
        shares = counts / len(labels)
        return float(-(shares * np.log(shares)).sum())
    return float(labels.var()) if kinds and kinds <= {"mse_loss", "squared"} else None


def examples_of(calls: list[Call], captures: Captures, fewest: int = FEWEST) -> Examples | None:
    """Each row once, with its first label; None where they are too few or too plain to be judged."""
    rows = [captures.inputs[c.number].flatten(1).to(torch.float32) for c in calls]
    if len({batch.shape[1] for batch in rows}) > 1:
        return None  # padded to the longest of each batch
    inputs = torch.cat(rows).numpy()
    labels = np.concatenate([c.labels for c in calls])
    _, first = np.unique(np.concatenate([c.keys for c in calls]), return_index=True)
    first.sort()
    inputs, labels = inputs[first], labels[first]
    if len(first) < fewest or not (np.isfinite(inputs).all() and np.isfinite(labels).all()):
        return None
    known, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(known) < 2 or counts.max() > 0.9 * len(labels):
        return None
    whole = len(known) <= min(100, len(labels) // 8) and bool((labels == labels.round()).all())
    shape = (1, inputs.shape[1])
    spec = Spec("sequence", shape, tuple(map(str, known))) if whole else Spec("sequence", shape, target=Target("y", ""))
    chosen = codes.astype(np.int64) if whole else labels.astype(np.float32)
    return Examples(tuple(f"{i:032x}" for i in range(len(first))), inputs[:, None, :], chosen, spec)
