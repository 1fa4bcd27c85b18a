"""Preprocessing that has seen rows which are evaluated later: what it was fitted on, and what its results show."""

from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..fitting import Fitted
from ..graph import given, owners
from ..trace import Population, Trace
from .check import PassiveCheck, found

FEWEST = 8
"""Rows of evaluation that were followed back."""


def look_at_fits(trace: Trace) -> Iterator[Finding]:
    """Follow the rows that were evaluated back to what their preprocessor was fitted on."""
    fits = trace.prepared.fits
    if not fits or trace.taking_turns:
        return
    for trained, asked in _sides(trace):
        for fit in fits:
            own, other = _fitted_rows(trained, fit, fits), _fitted_rows(asked, fit, fits)
            if other < max(FEWEST, 0.5 * len(asked)) or own < 0.5 * len(trained):
                continue
            yield found(
                "preprocessing-leak", "error",
                f"{fit.name} was fitted on {len(fit.keys)} rows, {other} of the {len(asked)} that are evaluated and "
                "not learnt from among them.",
                "Split first; fit on the training rows alone, and transform the others with what was fitted.",
                fit.place, "no row of evaluation", rows=other, fitted=len(fit.keys),
            )  # fmt: skip
            return
    yield from _before_the_cut(trace)


def _sides(trace: Trace) -> Iterator[tuple[set[int], set[int]]]:
    """Keys of the rows that each model learnt from, and of those that it was only asked about."""
    owner = owners(trace)
    calls = trace.asked if given(trace) else trace.evaluated
    for model in {c.model for c in trace.learned}:
        trained = {k for c in trace.learned if c.model == model for k in c.keys.tolist()}
        asked = {k for c in calls if owner[c.model] == model for k in c.keys.tolist()} - trained
        if trained and asked:
            yield trained, asked


def _fitted_rows(keys: set[int], fit: Fitted, fits: list[Fitted]) -> int:
    """How many rows were among those that an estimator saw, as they were before it, through others behind it."""
    count = 0
    for key in keys:
        for _ in range(6):
            if key in fit.made:
                count += fit.made[key] in fit.keys
                break
            key = next((f.made[key] for f in fits if key in f.made and f.made[key] != key), None)
            if key is None:
                break
    return count


def _before_the_cut(trace: Trace) -> Iterator[Finding]:
    """What a program cuts in two behind a preprocessor that saw both, where rows reach the model in another form."""
    reached = {k for c in trace.calls for k in c.keys.tolist()}
    for cut in trace.prepared.cuts:
        for fit in trace.prepared.fits:
            parts = [sum(fit.made.get(k) in fit.keys for k in side) for side in (cut.first, cut.second)]
            whole = [n >= max(FEWEST, 0.9 * len(side)) for n, side in zip(parts, (cut.first, cut.second), strict=True)]
            if all(whole) and not reached & set(fit.made) and len(cut.first) >= _learnt(trace):
                yield found(
                    "preprocessing-leak", "warning",
                    f"{fit.name} was fitted on {len(fit.keys)} rows, which are cut into {len(cut.first)} and "
                    f"{len(cut.second)} only afterwards.",
                    "Split first; fit on the training rows alone, and transform the others with what was fitted.",
                    fit.place, "a cut before the fit", rows=parts[1], fitted=len(fit.keys),
                )  # fmt: skip
                return


def _learnt(trace: Trace) -> int:
    return len({k for c in trace.learned for k in c.keys.tolist()})


def look_at_leak(trace: Trace) -> Iterator[Finding]:
    """Statistics that fit training and evaluation rows together, but not training alone.

    Different rows are counted first, each once; then all of the first pass, as data hold doubles.
    """
    for populations in (trace.populations, trace.whole):
        findings = list(_leaks(trace, populations))
        yield from findings
        if findings:
            return


def _leaks(trace: Trace, populations: dict[str, Population]) -> Iterator[Finding]:
    for name, train in populations.items():
        if not name.startswith("train:") or train.rows < 20:
            continue
        model = name.split(":")[1]
        phases = ("evaluation", "shown") if given(trace) and not trace.taking_turns else ("evaluation",)
        by_phase = [_asked_of(trace, populations, phase, int(model)) for phase in phases]
        by_phase = [[p for p in part if len(p.sums) == len(train.sums)] for part in by_phase]
        others = [p for part in by_phase for p in part]
        new = [p for p in others if p.rows != train.rows or not np.allclose(p.squares, train.squares)]
        own = next((p for p in new for alike in (_standard, _spanning) if alike(p) and alike(train)), None)
        if own is not None:
            yield found(
                "preprocessing-leak", "error" if _standard(own) else "warning",
                f"The {own.rows} evaluation rows are scaled by their own statistics: alone they have the same mean and "
                "deviation, or the same bounds, in each feature as the training rows have.",
                "Fit on the training rows, and transform the others with what was fitted.",
                next((c.place for c in trace.asked), None), "statistics of the training rows", rows=own.rows,
            )  # fmt: skip
            return
        # The same rows may be scored in one place and shown in another: each phase alone holds them once.
        for together in filter(None, (_together(train, part) for part in (*by_phase, others))):
            how = _fits_together(train, together)
            if not how:
                continue
            place = next((c.place for c in trace.learned), None)
            yield found(
                "preprocessing-leak", "error",
                f"Inputs are scaled by {how} of training and evaluation rows together ({together.rows}): for the "
                f"{train.rows} training rows alone they do not come out even.",
                "Split first, then take the statistics from the training rows alone.",
                place, "statistics of the training rows", rows=together.rows, training_rows=train.rows,
            )  # fmt: skip
            return


def _asked_of(trace: Trace, populations: dict[str, Population], phase: str, model: int) -> list[Population]:
    """What a model was asked about, itself or as a copy."""
    owner = owners(trace)
    names = [(name, name.split(":")) for name in populations if name not in trace.pooled]
    return [populations[name] for name, part in names if part[0] == phase and owner[int(part[1])] == model]


def _spanning(rows: Population) -> bool:
    """Whether each of three features or more runs from 0 to 1 over these rows alone; marks of 0 and 1 always do."""
    varied = (rows.std > 1e-6) & (np.abs(rows.squares - rows.sums) > 1e-6 * rows.rows)
    if varied.sum() < 3 or rows.rows < 20:
        return False
    return bool(((np.abs(rows.lows[varied]) < 1e-6) & (np.abs(rows.highs[varied] - 1) < 1e-6)).all())


def _standard(rows: Population) -> bool:
    """Whether each of three features or more has mean 0 and deviation 1 over these rows alone, to single precision."""
    varied = rows.std > 1e-6
    if varied.sum() < 3 or rows.rows < 20:
        return False
    even = (np.abs(rows.mean[varied]) < 2e-5) & (np.abs(rows.std[varied] - 1) < 3 / rows.rows)
    return bool(even.mean() > 0.9)


def _together(train: Population, others: list[Population]) -> Population | None:
    """Training rows, and evaluation rows that were not trained on, each once; None where there are none."""
    if not others:
        return None
    total = train
    for other in others:
        total = total + other
    return total


def _fits_together(train: Population, both: Population) -> str:
    """Which statistics come out even for both together and not for training: of most features, to single precision."""
    varied = both.std > 1e-6
    if varied.sum() < 1:
        return ""
    own, all_ = train.mean[varied], both.mean[varied]
    scale = both.std[varied]
    even = np.abs(all_) < 2e-5 * np.maximum(1, scale)
    unit = np.abs(scale - 1) < 3 / both.rows
    if (
        even.mean() > 0.9
        and unit.mean() > 0.9
        and np.median(np.abs(own) / scale) > 20 * max(float(np.median(np.abs(all_) / scale)), 1e-6)
    ):
        return "the mean"
    # Beside columns of marks: one column comes out even for other rows by chance once in ten thousand times.
    if (even & unit & (np.abs(own) > 1e-3 * scale)).sum() >= max(2, 0.02 * varied.sum()):
        return "the mean and the deviation of some columns"
    single = abs(both.mean.mean()), abs(train.mean.mean())  # constant features take part in one mean for all
    spread = float(np.sqrt(max((both.squares / both.rows).mean() - both.mean.mean() ** 2, 0)))
    if abs(spread - 1) > 1e-3:
        single = (1.0, 0.0)
    clear = (single[0] < 1e-5 * max(1.0, spread) and single[1] > 1e-3 * spread) or (
        single[0] < 1e-6 * max(1.0, spread) and single[1] > 1e-4 * spread  # a hundred times nearer
    )
    if clear and varied.sum() > 1:
        return "the mean"
    for low, high in ((0.0, 1.0), (-1.0, 1.0)):
        whole = (np.abs(both.lows - low) < 1e-6) & (np.abs(both.highs - high) < 1e-6) & varied
        short = whole & ((train.lows > low + 1e-4) | (train.highs < high - 1e-4))
        if whole.sum() >= 3 and whole.mean() > 0.9 and short.sum() >= max(2, 0.3 * whole.sum()):
            return "the least and largest values"
    return ""


LEAK = (
    PassiveCheck(
        ("preprocessing-leak",),
        "Evaluation rows took part in the preprocessing: the measurement is too good.",
        "No threshold: half or more of the rows that are only evaluated, and of those learnt from, followed bit for "
        "bit to the rows that one scikit-learn estimator was fitted on.",
        look_at_fits,
    ),
    PassiveCheck(
        ("preprocessing-leak",),
        "Evaluation rows took part in the preprocessing: the measurement is too good.",
        "Means within 2e-5 of zero for both together in 90 % of the features and twenty times nearer than for training "
        "alone; or least and largest values that only both together reach.",
        look_at_leak,
    ),
)
