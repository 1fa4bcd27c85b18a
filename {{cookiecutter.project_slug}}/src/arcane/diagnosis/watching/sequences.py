"""Targets of every position of a sequence: whether they are what follows there, or belong to another sequence."""

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .graph import given
from .tokens import reach, runs_down
from .trace import Trace

FEWEST, MOST = 1500, 40_000
"""Positions that are looked at."""

SHIFTS = (-2, -1, 0, 1, 2, 3)
"""Places by which targets may lie behind the inputs; 1 is the next token."""


def look_at_sequences(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Compare codes with the codes of the same row that are its targets."""
    calls = [c for c in trace.learned if c.number in captures.targets and captures.inputs[c.number].dim() == 2]
    calls = [c for c in calls if not captures.inputs[c.number].is_floating_point()]
    if not calls or not given(trace):
        return
    pairs = [(captures.inputs[c.number].numpy(), captures.targets[c.number].numpy()) for c in calls]
    codes, wanted = set(np.unique(pairs[0][0]).tolist()), set(np.unique(pairs[0][1]).tolist()) - {-100}
    if sum(x.size for x, _ in pairs) < FEWEST or len(codes) < 3 or len(codes & wanted) < 0.8 * len(codes | wanted):
        return
    place, key = calls[0].place, calls[0].model
    down = runs_down([inputs for inputs, _ in pairs])
    seen = reach(key, captures, down)
    if down:
        if seen is not None and not seen.after and _reads_along(key, captures):
            yield found(
                "labels-out-of-order", "error",
                "The text runs down the batch: a token foretells the one below it, not the one beside it, while the "
                "model reads along the rows.",
                "Cut the text into rows first: view(rows, length) of the text, not view(length, rows).t().", place,
                "text along the rows",
            )  # fmt: skip
            return
        pairs = [(inputs.T, targets.T) for inputs, targets in pairs]
    same = {shift: _agreement(pairs, shift) for shift in SHIFTS}
    reads_back = seen is not None and (seen.own or seen.after) and not seen.before
    if max(same[-1], same[0]) > 0.995 and same[1] < 0.9 and reads_back:
        behind = "itself" if same[0] > 0.995 else "before it"
        yield found(
            "labels-out-of-order", "error",
            f"The target at each place of a sequence is the token {behind}, which the model has just read: it learns "
            "to copy, not to foresee.",
            "Shift by one: inputs[:, :-1] against tokens[:, 1:].", place, "the token that follows",
            agreement=max(same[-1], same[0]),
        )  # fmt: skip
    elif same[1] > 0.9 and seen is not None and seen.before:
        yield found(
            "input-ignored", "error",
            "The target at each place is the token that follows, and the model's answer there depends on that very "
            "token: it reads the answer, and need not foretell it.",
            "Let it look back only: a causal mask (is_causal, or -inf above the diagonal), one direction of the "
            "recurrent layers.", place, "an answer that what follows does not change", agreement=same[1],
        )  # fmt: skip
    elif max(same.values()) < 0.9 and not _related(pairs) and not _learns(trace, pairs):
        yield found(
            "labels-out-of-order", "error",
            "Targets are tokens as the inputs are, but say nothing of them: neither the token at a place nor the one "
            "before it foretells the target better than chance.",
            "Cut inputs and targets from the same place of the same text.", place, "the token that follows",
            agreement=max(same.values()),
        )  # fmt: skip


def _agreement(pairs: list[tuple[np.ndarray, np.ndarray]], shift: int) -> float:
    """Share of the places whose target is the input so many places further."""
    equal = total = 0
    for inputs, targets in pairs:
        length = inputs.shape[1] - abs(shift)
        if length < 1:
            continue
        there = inputs[:, max(0, shift) : max(0, shift) + length]
        here = targets[:, max(0, -shift) : max(0, -shift) + length]
        counted = here != -100
        equal += int(((there == here) & counted).sum())
        total += int(counted.sum())
    return equal / max(1, total)


def _related(pairs: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether the input at a place, or it and the one before, foretells the target in batches that were left out."""
    from scipy.stats import binomtest

    for order in (1, 2):
        tables: list[dict[tuple, Counter]] = [{}, {}]
        commonest = [Counter(), Counter()]
        rows = [row for inputs, targets in pairs for row in zip(inputs, targets, strict=True)]
        rows = rows[: max(2, MOST // max(1, pairs[0][0].shape[1]))]
        known = [
            [(tuple(x[t - order + 1 : t + 1].tolist()), int(y[t])) for t in range(order - 1, len(x)) if y[t] != -100]
            for x, y in rows
        ]
        for number, row in enumerate(known):
            for context, target in row:
                tables[number % 2].setdefault(context, Counter())[target] += 1
                commonest[number % 2][target] += 1
        right = plain = total = 0
        for number, row in enumerate(known):
            other = 1 - number % 2
            usual = commonest[other].most_common(1)[0][0]
            for context, target in row:
                table = tables[other].get(context)
                right += (table.most_common(1)[0][0] if table else usual) == target
                plain += usual == target
                total += 1
        if total and binomtest(right, total, plain / total, alternative="greater").pvalue < 0.001:
            return True
    return False


def _learns(trace: Trace, pairs: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether the loss goes clearly below what the targets' shares alone cost."""
    values = [v for v in trace.losses if math.isfinite(v)]
    _, counts = np.unique(np.concatenate([y.ravel() for _, y in pairs]), return_counts=True)
    shares = counts / counts.sum()
    late = float(np.mean(values[-max(1, len(values) // 5) :])) if values else 0.0
    return late < trace.limit("learnt_share") * float(-(shares * np.log(shares)).sum())


def _reads_along(key: int, captures: Captures) -> bool:
    """Whether what a model answers at a place depends on what stands before it in its row."""
    along = reach(key, captures)
    return along is not None and along.after
