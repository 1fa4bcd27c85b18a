"""Rows of codes that stand on both sides of a split: whether they are copies, or texts of few words that are alike."""

from collections.abc import Iterator

import numpy as np

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .checks.flow import evaluations_of
from .graph import given, owners
from .sides import kept
from .summaries import filling
from .trace import Call, Trace

LONG, FEWEST = 10, 8
"""Codes of a row without which rows are equal by chance, and rows that have to be equal."""

MOST, WIDEST = 800, 200
"""Rows of a side, and codes of a row, that are compared: a quarter of a second."""


def look_at_copied_rows(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Texts that are alike by chance are more often so but for one word; copies are not."""
    learned = [c for c in trace.learned if _coded(c, captures)]
    if not learned or not given(trace) or trace.taking_turns:
        return
    owner, model = owners(trace), learned[0].model
    own = _rows([c for c in learned if c.model == model], captures)
    for calls in evaluations_of(trace).values():
        asked = [c for c in calls if _coded(c, captures) and owner[c.model] == model]
        other = _rows(asked, captures) if asked else own[:0]
        if len(other) < FEWEST or len(own) < FEWEST:
            continue
        apart = np.stack([_distances(row, own) for row in other])
        same, near = (apart == 0).any(1), (apart == 1).any(1)
        if same.sum() >= FEWEST and trace.limit("watched_overlap") < same.mean() < 0.98 and 3 * near.sum() < same.sum():
            yield found(
                "train-validation-overlap", "error",
                f"{100 * same.mean():.0f} % of the {len(other)} different texts that are evaluated stand in training, "
                f"code for code, and {100 * near.mean():.0f} % do but for one code: they are copies.",
                "Split the rows once, before anything is copied or drawn again.", asked[0].place, "0",
                share=float(same.mean()), near=float(near.mean()),
            )  # fmt: skip
            return


def _coded(call: Call, captures: Captures) -> bool:
    rows = captures.inputs.get(call.number)
    return rows is not None and kept(call, captures) and rows.dim() == 2 and not rows.is_floating_point()


def _rows(calls: list[Call], captures: Captures) -> np.ndarray:
    """Different long rows [n, T], what fills them up as -1."""
    batches = []
    for call in calls:
        rows = captures.inputs[call.number][:, :WIDEST].numpy().astype(np.int64)
        rows = np.where(filling(rows), -1, rows)
        batches.append(np.pad(rows, ((0, 0), (0, WIDEST - rows.shape[1])), constant_values=-1))
    rows = np.unique(np.concatenate(batches), axis=0)
    rows = rows[(rows >= 0).sum(1) >= LONG]
    return rows[:: max(1, len(rows) // MOST)][:MOST]


def _distances(row: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """In how many places rows differ from one."""
    length = int((row >= 0).sum()) + 2
    return (rows[:, :length] != row[:length]).sum(1) + (rows[:, length:] >= 0).any(1)
