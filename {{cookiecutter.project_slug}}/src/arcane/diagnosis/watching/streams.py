"""Windows of one text of codes: whether pieces of those that are evaluated stand in those that were learnt from."""

from collections.abc import Iterator

import numpy as np

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .graph import given, owners
from .tokens import runs_down
from .trace import Call, Trace

LONG = 12
"""Codes in a row that tell a place of a text."""

VARIED = 6
"""Different ones among them at least: a ruled line or padding tells none."""

FEWEST, MOST = 16, 200_000
"""Windows without which nothing is said, and codes of a side that are looked at: a quarter of a second."""


def look_at_streams(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Look for the middle of each window of evaluation in those of training, wherever these were cut."""
    learned = [c for c in trace.learned if _kept(c, captures)]
    if not learned or not given(trace) or trace.taking_turns:
        return
    owner, model = owners(trace), learned[0].model
    learned = [c for c in learned if c.model == model]
    asked = [c for c in trace.asked if not c.gradient and _kept(c, captures) and owner[c.model] == model]
    own, other = _rows(learned, captures), _rows(asked, captures)
    known: dict[bytes, set[int]] = {}
    for number, row in enumerate(own):
        for at in range(len(row) - LONG + 1):
            known.setdefault(row[at : at + LONG].tobytes(), set()).add(number)
    pieces = [p for p in map(_middle, other) if p is not None]
    again = [p for p in map(_middle, own) if p is not None]
    if min(len(pieces), len(again)) < FEWEST:
        return
    share = float(np.mean([p in known for p in pieces]))
    chance = float(np.mean([len(known[p]) > 1 for p in again]))  # a text repeats itself; windows drawn at random do
    if share > max(trace.limit("stream_overlap"), 3 * chance):
        yield found(
            "train-validation-overlap", "error",
            f"{100 * share:.0f} % of the {len(pieces)} windows that are evaluated hold {LONG} codes in a row that "
            f"training's windows hold, too (training's own repeat themselves in {100 * chance:.0f} %).",
            "Cut the text in two first, then each part into windows.", asked[0].place, "0", share=share, chance=chance,
        )  # fmt: skip


def _kept(call: Call, captures: Captures) -> bool:
    rows = captures.inputs.get(call.number)
    return rows is not None and rows.dim() == 2 and not rows.is_floating_point() and min(rows.shape) >= 1


def _rows(calls: list[Call], captures: Captures) -> list[np.ndarray]:
    """The different rows of text, along which it runs."""
    batches = [captures.inputs[c.number].numpy().astype(np.int64) for c in calls]
    if batches and runs_down(batches):
        batches = [batch.T for batch in batches]
    rows = {row.tobytes(): row for batch in batches for row in np.ascontiguousarray(batch) if len(row) >= LONG}
    longest = max(map(len, rows.values()), default=1)
    return list(rows.values())[: MOST // longest]


def _middle(row: np.ndarray) -> bytes | None:
    """The piece in the middle of a row, where it tells a place."""
    at = (len(row) - LONG) // 2
    piece = row[at : at + LONG]
    return piece.tobytes() if len(np.unique(piece)) >= VARIED else None
