"""Windows that were cut from one series: whose statistics they are scaled by, and whether the split cut the windows."""

from collections.abc import Iterator

import numpy as np

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .graph import given, owners
from .trace import Call, Trace

FEWEST = 60
"""Values of a series, below which a mean may be even by chance."""

SHORTEST, GRAM = 6, 4
"""Values of a window at least, and as many in a row as tell a place of the series."""


def look_at_series(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Put the values of overlapping windows together again."""
    learned = [c for c in trace.learned if _kept(c, captures)]
    if not learned or not given(trace) or trace.taking_turns:
        return
    owner, model = owners(trace), learned[0].model
    learned = [c for c in learned if c.model == model]
    known = {key for c in trace.learned for key in c.keys.tolist()}
    asked = [c for c in trace.asked if _kept(c, captures) and owner[c.model] == model]
    if not asked:
        return
    own, other = (np.concatenate([_windows(c, captures) for c in calls]) for calls in (learned, asked))
    other = other[[key not in known for c in asked for key in c.keys.tolist()]]
    if own.shape[1] != other.shape[1] or len(other) < 8 or not _overlapping(own):
        return
    place = learned[0].place
    both = _values(own, learned), _values(other, asked)
    how = _even(np.unique(np.concatenate(both))) if len(both[0]) >= FEWEST else ""
    if how and not _even(both[0]):
        yield found(
            "preprocessing-leak", "error",
            f"The windows come from a series that is scaled by {how} of all of it, of the {len(both[1])} values that "
            "evaluation adds, too: those of training alone do not come out even.",
            "Take the statistics from the part of the series that is trained on.", place,
            "statistics of the training part", values=len(both[0]) + len(both[1]),
        )  # fmt: skip
    share = _cut(own, other)
    if share > trace.limit("windows_cut"):
        yield found(
            "train-validation-overlap", "warning",
            f"{100 * share:.0f} % of the {len(other)} windows that are evaluated end in values that windows of "
            "training hold: the windows were cut first, and split then.",
            "Split the series, then cut each part into windows.", asked[0].place, "0", share=share,
        )  # fmt: skip


def _kept(call: Call, captures: Captures) -> bool:
    rows = captures.inputs.get(call.number)
    if rows is None or len(call.keys) != len(rows) or not rows.is_floating_point():
        return False
    return rows[0].numel() == max(rows.shape[1:]) >= SHORTEST and bool(rows.isfinite().all())


def _windows(call: Call, captures: Captures) -> np.ndarray:
    return captures.inputs[call.number].reshape(call.rows, -1).float().numpy()


def _overlapping(rows: np.ndarray) -> bool:
    """Whether rows share most of their values at other places, as windows do, and have many values."""
    distinct = len(np.unique(rows))
    return FEWEST <= distinct < 0.5 * len(np.unique(rows, axis=0)) * rows.shape[1] and distinct > 0.1 * len(rows)


def _values(rows: np.ndarray, calls: list[Call]) -> np.ndarray:
    """The different values of windows, and of targets, which may be the next ones of the series."""
    targets = np.concatenate([c.labels.astype(np.float32) for c in calls])
    return np.unique(np.concatenate([rows.ravel(), targets]).astype(np.float64))


def _even(values: np.ndarray) -> str:
    """Which statistics of these values are even: mean and deviation, or the bounds."""
    mean, deviations = abs(values.mean()), (values.std(), values.std(ddof=1))
    if mean < 1e-5 and min(abs(d - 1) for d in deviations) < 1e-5:
        return "the mean and the deviation"
    bounds = values.min(), values.max()
    if any(abs(bounds[0] - low) < 1e-6 and abs(bounds[1] - 1) < 1e-6 for low in (0.0, -1.0)):
        return "the least and the largest value"
    return ""


def _cut(own: np.ndarray, other: np.ndarray) -> float:
    """Share of the windows whose last values stand, in this order, elsewhere in windows of the other side."""
    grams = np.lib.stride_tricks.sliding_window_view(own, GRAM, 1)[:, :-1].reshape(-1, GRAM)
    known = {g.tobytes() for g in np.ascontiguousarray(grams)}
    last = np.ascontiguousarray(other[:, -GRAM:])
    varied = [len(set(row)) == GRAM for row in last.tolist()]
    return float(np.mean([v and row.tobytes() in known for row, v in zip(last, varied, strict=True)]))
