"""Windows that were cut from one series: whose statistics they are scaled by, and whether the split cut the windows."""

from collections.abc import Iterator

import numpy as np
import torch

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .graph import given, owners
from .trace import Call, Trace

FEWEST = 60
"""Values of a series, below which a mean may be even by chance."""

MOST_FEATURES = 8
"""Features of a window that are looked at."""

SHORTEST, GRAM = 6, 4
"""Values of a window at least, and as many in a row as tell a place of the series."""


def look_at_series(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Put the values of overlapping windows together again, of each feature by itself."""
    learned = [c for c in trace.learned if _kept(c, captures)]
    if not learned or not given(trace) or trace.taking_turns:
        return
    owner, model = owners(trace), learned[0].model
    learned = _alike([c for c in learned if c.model == model], captures)
    known = {key for c in trace.learned for key in c.keys.tolist()}
    asked = _alike([c for c in trace.asked if _kept(c, captures) and owner[c.model] == model], captures)
    if not asked:
        return
    keys = np.concatenate([c.keys for c in asked])
    new = np.unique(keys, return_index=True)[1]
    new = np.sort(new[[keys[i] not in known for i in new]])
    windows = [_windows(calls, captures) for calls in (learned, asked)]
    if windows[0].shape[1:] != windows[1].shape[1:] or len(new) < 8:
        return
    yield from _copied(windows[0], learned)
    found_ones: dict[str, Finding] = {}
    for feature in range(min(windows[0].shape[2], MOST_FEATURES)):
        own, other = windows[0][:, :, feature], windows[1][new, :, feature]
        if _overlapping(own):
            found_ones = {f.code: f for f in _of_feature(trace, own, other, learned, asked)} | found_ones
    yield from found_ones.values()


def _of_feature(
    trace: Trace, own: np.ndarray, other: np.ndarray, learned: list[Call], asked: list[Call]
) -> Iterator[Finding]:
    """What windows [n, T] of training and of evaluation, each once, tell of their series."""
    place = learned[0].place
    for with_targets in (True, False):  # they may be the next values, or another feature's
        both = _values(own, learned, with_targets), _values(other, asked, with_targets)
        how = _even(np.unique(np.concatenate(both))) if len(both[0]) >= FEWEST else ""
        if how and not _even(both[0]):
            yield found(
                "preprocessing-leak", "error",
                f"The windows come from a series that is scaled by {how} of all of it, of the {len(both[1])} values "
                "that evaluation adds, too: those of training alone do not come out even.",
                "Take the statistics from the part of the series that is trained on.", place,
                "statistics of the training part", values=len(both[0]) + len(both[1]),
            )  # fmt: skip
            break
    share = _cut(own, other)
    if share > trace.limit("windows_cut"):
        yield found(
            "train-validation-overlap", "warning",
            f"{100 * share:.0f} % of the {len(other)} windows that are evaluated end in values that windows of "
            "training hold: the windows were cut first, and split then.",
            "Split the series, then cut each part into windows.", asked[0].place, "0", share=share,
        )  # fmt: skip


def _copied(windows: np.ndarray, learned: list[Call]) -> Iterator[Finding]:
    """Targets that are one of the values of their own window, always the same one."""
    if any(len(c.labels) != c.rows for c in learned):
        return
    targets = np.concatenate([c.labels for c in learned]).astype(np.float32)
    flat = windows.reshape(len(windows), -1)
    same = (flat == targets[:, None]).mean(0)
    if len(targets) >= FEWEST and len(np.unique(targets)) > 0.5 * min(len(targets), FEWEST) and same.max() > 0.995:
        at = int(same.argmax()) // windows.shape[2]
        yield found(
            "labels-out-of-order", "error",
            f"The target of each window is value {at + 1} of its own {windows.shape[1]}, which the model has just "
            "read: it learns to copy, not to foresee.",
            "Let the targets begin where the window ends.", learned[0].place, "what follows the window",
            value=at + 1, agreement=float(same.max()),
        )  # fmt: skip


def _kept(call: Call, captures: Captures) -> bool:
    rows = captures.inputs.get(call.number)
    if rows is None or len(call.keys) != len(rows) or not rows.is_floating_point() or rows.dim() not in (2, 3):
        return False
    return max(rows.shape[1:]) >= SHORTEST and bool(rows.isfinite().all())


def _alike(calls: list[Call], captures: Captures) -> list[Call]:
    """The calls whose rows have the shape of the first one's."""
    shapes = [captures.inputs[c.number].shape[1:] for c in calls]
    return [c for c, shape in zip(calls, shapes, strict=True) if shape == shapes[0]]


def _windows(calls: list[Call], captures: Captures) -> np.ndarray:
    """Rows of one shape as windows [n, T, F]: time is what there is most of."""
    whole = torch.cat([captures.inputs[c.number].float() for c in calls])
    if whole.dim() == 2:
        return whole[:, :, None].numpy()
    return (whole if whole.shape[1] >= whole.shape[2] else whole.transpose(1, 2)).numpy()


def _overlapping(rows: np.ndarray) -> bool:
    """Whether rows share most of their values at other places, as windows do, and have many values."""
    distinct = len(np.unique(rows))
    return FEWEST <= distinct < 0.5 * len(np.unique(rows, axis=0)) * rows.shape[1] and distinct > 0.1 * len(rows)


def _values(rows: np.ndarray, calls: list[Call], with_targets: bool) -> np.ndarray:
    """The different values of windows, and of targets, which may be the next ones of the series."""
    targets = [c.labels.astype(np.float32) for c in calls if with_targets]
    return np.unique(np.concatenate([rows.ravel(), *targets]).astype(np.float64))


def _even(values: np.ndarray) -> str:
    """Which statistics of these values are even: mean and deviation, or the bounds.

    Of thousands of values in single precision two are equal now and then, and stand here once: one of them may count
    twice. Its own deviation must come out even as well as the mean, which by chance one in thousands does.
    """
    sums, squares = values.sum() + np.append(0.0, values), (values**2).sum() + np.append(0.0, values**2)
    count = len(values) + np.append(0.0, np.ones(len(values)))
    means = sums / count
    deviation = np.sqrt(np.maximum(squares / count - means**2, 0))
    near = np.minimum(abs(deviation - 1), abs(deviation * np.sqrt(count / (count - 1)) - 1)) < 1e-5
    if bool((near & (abs(means) < 1e-5)).any()):
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
