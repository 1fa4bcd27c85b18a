"""How small can the images be? Trains the baseline at several sizes; the smallest that is shown to serve wins.

"Not measurably worse" must not mean that nothing could have been measured: a size serves only where the validation
examples show that it costs less than `data.detect`, the smallest difference that matters (a test of non-inferiority).
Knows trials only through `submit(trial) -> future`.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ..config import Params
from ..errors import UserError
from ..training.trials import Trial, TrialResult

SMALLEST = 7
"""Pixels a side: a quarter of MNIST's 28; below, LeNet's second pooling has nothing left."""
SEEDS = 3
"""Two leave the spread between seeds two degrees of freedom, and a bound twice as wide."""
CONFIDENCE = 0.95

Submit = Callable[[Trial], "Future[TrialResult]"]
Verdict = Literal["best", "as good", "worse", "not settled"]


@dataclass(frozen=True)
class Row:
    """One size, against the size with the lowest error.

    Attributes:
        side: Pixels a side.
        error: Mean validation error over seeds.
        errors: Of each seed.
        difference: Mean error minus the best size's.
        low: Lower one-sided 95 % bound of the difference; 0 for the best itself.
        high: Upper one-sided 95 % bound.
        verdict: `as good`: the upper bound is within the margin. `worse`: it is not, and the lower bound is above 0.
            `not settled`: the validation examples and seeds are too few to say.
    """

    side: int
    error: float
    errors: tuple[float, ...]
    difference: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        rows: Largest size first.
        chosen: Pixels a side; None keeps the images as they are.
        margin: How much worse a size may be and still serve.
        examples: Validation examples.
        spent: Examples seen.
        sentence: The outcome and its reason.
    """

    rows: tuple[Row, ...]
    chosen: int | None
    margin: float
    examples: int
    spent: int
    sentence: str

    def as_json(self) -> dict[str, Any]:
        """The fields of reports/resolution.json."""
        return asdict(self) | {"rows": [asdict(row) for row in self.rows], "confidence": CONFIDENCE}


def sides(native: int) -> list[int]:
    """The native side and its halves, largest first."""
    found = [native]
    while round(found[-1] / 2) >= SMALLEST:
        found.append(round(found[-1] / 2))
    return found


def sweep(
    params: Params,
    shape: tuple[int, ...],
    submit: Submit,
    show: Callable[[float], str],
    on_trial: Callable[[int, int], None] | None = None,
) -> Sweep:
    """Train the baseline at each size with several seeds, and choose.

    The native size's first seed is the baseline's own trial where nothing else was changed.

    Args:
        params: The project's own; `data.detect` is the margin.
        shape: `(C, H, W)` of the packed images.
        submit: Runs a trial.
        show: How an error is written.
        on_trial: Called after each trial with the number done and in all.

    Raises:
        UserError: The examples are no images; or what a trial raises.
    """
    if len(shape) != 3:
        raise UserError("data.resolution: sweep is for images; set it to null")
    native = max(shape[1:])
    candidates = sides(native)
    futures = [
        [
            submit(Trial(f"resolution {side} seed {seed}", params, seed, resolution=None if side == native else side))
            for seed in range(params.seed, params.seed + SEEDS)
        ]
        for side in candidates
    ]
    results: list[list[TrialResult]] = []
    for of_side in futures:
        results.append([])
        for future in of_side:
            results[-1].append(future.result())
            if on_trial:
                on_trial(sum(map(len, results)), SEEDS * len(candidates))
    errors = [np.stack([result.validation_errors.astype(float) for result in each]) for each in results]
    rows = judge(candidates, errors, params.data.detect)
    chosen = choose(rows)
    return Sweep(
        tuple(rows),
        None if chosen.side == native else chosen.side,
        params.data.detect,
        errors[0].shape[1],
        sum(result.seen for each in results for result in each),
        sentence(rows, chosen, params.data.detect, errors[0].shape[1], show),
    )


def judge(candidates: Sequence[int], errors: Sequence[np.ndarray], margin: float) -> list[Row]:
    """Compare each size with the one of lowest mean error.

    Args:
        candidates: Pixels a side.
        errors: For each size float `[S, n]`: of each seed and validation example, the same examples in the same order.
        margin: How much worse still serves.
    """
    means = [float(each.mean()) for each in errors]
    # Between equal errors the smaller size is the best one: there is nothing to pay for.
    best = min(range(len(means)), key=lambda index: (means[index], candidates[index]))
    rows = []
    for index, (side, each) in enumerate(zip(candidates, errors, strict=True)):
        low, high = (0.0, 0.0) if index == best else bounds(each, errors[best])
        verdict: Verdict = (
            "best" if index == best else "as good" if high <= margin else "worse" if low > 0 else "not settled"
        )
        seeds = tuple(float(error) for error in each.mean(axis=1))
        rows.append(Row(side, means[index], seeds, means[index] - means[best], low, high, verdict))
    return rows


def bounds(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """One-sided 95 % bounds, lower and upper, of the difference of two mean errors.

    Two kinds of luck add up: which validation examples were drawn (paired, each averaged over its seeds) and which
    seeds were trained. The degrees of freedom of the sum are Welch's and Satterthwaite's.

    Args:
        ours: float `[S, n]`.
        theirs: float `[T, n]`, on the same examples.
    """
    from scipy.stats import t

    paired = ours.mean(axis=0) - theirs.mean(axis=0)
    parts = [(float(paired.var(ddof=1)) / len(paired), len(paired) - 1)]
    for side in (ours, theirs):
        if len(side) > 1:
            parts.append((float(side.mean(axis=1).var(ddof=1)) / len(side), len(side) - 1))
    variance = sum(part for part, _ in parts)
    difference = float(paired.mean())
    if variance <= 0:
        return difference, difference
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    reach = float(t.ppf(CONFIDENCE, freedom)) * variance**0.5
    return difference - reach, difference + reach


def choose(rows: Sequence[Row]) -> Row:
    """The smallest size that is as good as the best."""
    return min((row for row in rows if row.verdict in ("best", "as good")), key=lambda row: row.side)


def sentence(rows: Sequence[Row], chosen: Row, margin: float, examples: int, show: Callable[[float], str]) -> str:
    """The outcome in words: what was chosen, what was refused, and what could not be told."""
    best = next(row for row in rows if row.verdict == "best")
    said = (
        f"{chosen.side} pixels a side err on {show(chosen.error)}, the lowest error measured"
        if chosen is best
        else f"{chosen.side} pixels a side serve: validation error {show(chosen.error)} against {show(best.error)} at "
        f"{best.side}, worse by {show(max(chosen.high, 0.0))} at most (95 %), within data.detect ({show(margin)})"
    )
    smaller = [row for row in rows if row.side < chosen.side]
    refused = [f"{row.side} ({show(row.error)})" for row in smaller if row.verdict == "worse"]
    unsettled = [str(row.side) for row in smaller if row.verdict == "not settled"]
    if refused:
        said += f"; measurably worse: {', '.join(refused)}"
    if unsettled:
        said += (
            f"; {examples:,} validation examples and {len(chosen.errors)} seeds cannot show that "
            f"{' or '.join(unsettled)} would cost less than {show(margin)}"
        )
    return f"{said}."
