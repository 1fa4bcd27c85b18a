"""What a loss brings together beside labels: two views of an example, and a teacher's answers about a row."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ....data.findings import Finding
from ..captures import Captures
from ..formulas import source
from ..graph import Scored, ancestors, losses
from ..trace import Node, Trace
from .check import PassiveCheck, found

FEWEST = 200
"""Pairs from which on a relation is told from none."""


@dataclass(frozen=True)
class Contrast:
    """A softmax over the likeness of each row to all others.

    Attributes:
        term: The loss.
        first: The call that gave the one view of each example.
        second: The call that gave the other.
        counterpart: Where the counterpart of row 0 lies among all rows, None where that was not read.
    """

    term: Scored
    first: int
    second: int
    counterpart: int | None


def contrasts(trace: Trace) -> Iterator[Contrast]:
    """Losses on a square of likenesses of what two calls of one model gave, a class for each row."""
    for term in losses(trace, 12):
        shape, calls = term.outputs.shape, sorted(term.outputs.calls)
        if term.kind != "cross_entropy" or len(shape) != 2 or shape[0] != shape[1] or len(calls) != 2:
            continue
        first, second = (trace.calls[number] for number in calls)
        alike = first.model == second.model and first.shape == second.shape and first.rows > 2
        if alike and shape[0] in (first.rows, 2 * first.rows):
            yield Contrast(term, *calls, counterpart=_counterpart(term, first.rows))


def _counterpart(term: Scored, rows: int) -> int | None:
    if term.outputs.shape[0] != 2 * rows:
        return None
    for node in ancestors(term.outputs):
        joined = node.name in ("cat", "stack") and len(node.inputs) == 2
        if joined and all(i.layers and len(i.calls) == 1 and i.shape[:1] == (rows,) for i in node.inputs):
            dim = node.option("dim", 1, 0)
            return rows if dim == 0 else 1 if node.name == "stack" and dim == 1 else None
    return None


def look_at_places(trace: Trace) -> Iterator[Finding]:
    """Targets that are made for another order of the rows."""
    for contrast in contrasts(trace):
        target = contrast.term.node.facts.get("target.first")
        known = contrast.counterpart is not None and target is not None
        if known and target not in (contrast.counterpart, 0.0):
            yield found(
                "labels-out-of-order", "error",
                f"The counterpart of row 0 lies at {contrast.counterpart} of {contrast.term.outputs.shape[0]} rows, "
                f"and the loss's target for it is {target:g}: each row is to be like another example's.",
                "Order the rows as the targets expect: one view after the other (cat), or in turns (stack, dim=1).",
                contrast.term.node.place, str(contrast.counterpart), target=target or 0.0,
            )  # fmt: skip
            return


def look_at_normalising(trace: Trace) -> Iterator[Finding]:
    """Likenesses of rows that were brought to length one over the rows, in place of each row by itself."""
    for term in losses(trace, 6):
        shape = term.outputs.shape
        if term.kind != "cross_entropy" or len(shape) != 2 or shape[0] != shape[1]:
            continue
        products = (n for n in ancestors(term.outputs) if n.name in ("matmul", "mm") and n.shape == shape)
        for product in products:
            over = next((i for i in product.inputs if _over_rows(source(i), shape[0])), None)
            if over is not None:
                yield found(
                    "examples-mixed", "error",
                    f"Outputs of shape {list(source(over).shape)} are normalised over their rows (dim=0) before the "
                    "rows' likeness is taken: each row's length depends on the others of its batch.",
                    "Normalise each row: F.normalize(z, dim=1).", source(over).place, "dim=1", dim=0,
                )  # fmt: skip
                return


def _over_rows(node: Node, rows: int) -> bool:
    return node.name == "normalize" and node.option("dim", 2, 1) in (0, -2) and node.shape[:1] == (rows,)


def look_at_views(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Two views that are to be like each other, and whose rows are no more alike than those of other examples."""
    from scipy.stats import binomtest

    nearest = pairs = 0
    chance, place = 0.0, None
    for contrast in contrasts(trace):
        views = [captures.inputs.get(number) for number in (contrast.first, contrast.second)]
        if any(view is None or not view.is_floating_point() for view in views):
            return
        first, second = (view.flatten(1) for view in views if view is not None)
        closest = torch.cdist(first, second).argmin(1)
        nearest += int((closest == torch.arange(len(first))).sum())
        pairs, chance, place = pairs + len(first), chance + 1.0, contrast.term.node.place
    if pairs < FEWEST or binomtest(nearest, pairs, chance / pairs, alternative="greater").pvalue < 0.01:
        return
    yield found(
        "labels-out-of-order", "error",
        f"The loss makes row i of one view like row i of the other, but of {pairs} such rows {nearest} are nearest to "
        f"each other, which is chance ({chance:.0f}): they are views of different examples.",
        "Make both views of the same example, and keep them in one order.", place, "more than chance",
        nearest=nearest, pairs=pairs,
    )  # fmt: skip


def look_at_teachers(trace: Trace) -> Iterator[Finding]:
    """Answers of a teacher, beside given labels of the same rows, that agree with these by chance."""
    from scipy.stats import binomtest

    calls = [c for c in trace.learned if len(c.leaning) == len(c.labels) == c.rows > 0]
    if sum(c.rows for c in calls) < TAUGHT or len({c.model for c in calls}) > 1:
        return
    leaning, labels = (np.concatenate([getattr(c, name) for c in calls]) for name in ("leaning", "labels"))
    if (labels != labels.round()).any() or len(np.unique(labels)) < 2:
        return
    chance = sum(float((leaning == k).mean() * (labels == k).mean()) for k in np.unique(labels))
    agreed = int((leaning == labels).sum())
    if binomtest(agreed, len(labels), min(1.0, chance), alternative="greater").pvalue > 0.01:
        yield found(
            "labels-out-of-order", "error",
            f"Of {len(labels)} rows the answers that the model is to come near to (a teacher's) agree with the labels "
            f"of the same rows for {100 * agreed / len(labels):.0f} %, which is chance: they are other rows' answers.",
            "Ask the teacher about the very rows of the batch, or choose its kept answers by the same index.",
            calls[0].place, "more than chance", agreed=agreed / len(labels), chance=chance,
        )  # fmt: skip


TAUGHT = 200
"""Rows from which on a teacher's answers are held against labels."""

PAIRS = (
    PassiveCheck(
        ("labels-out-of-order",),
        "What is to be like another example tells examples apart by nothing.",
        "No threshold: where the loss looks for the counterpart of the first row, against how both views were joined.",
        look_at_places,
    ),
    PassiveCheck(
        ("examples-mixed",),
        "A length over the batch is no length of a row.",
        "No threshold: normalize(dim=0) on the rows whose likeness to each other enters a softmax.",
        look_at_normalising,
    ),
    PassiveCheck(
        ("labels-out-of-order",),
        "A teacher's answers about other rows are noise.",
        "Of 200 rows or more whose loss has both labels and shares of the classes, the likeliest class of these is the "
        "label no more often than chance (binomial test at 1 %).",
        look_at_teachers,
    ),
)
