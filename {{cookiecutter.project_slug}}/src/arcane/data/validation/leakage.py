"""Columns that give the target away: known only once the target is, or made from it."""

from collections.abc import Iterator

import numpy as np

from ...spec import Feature
from ..findings import Finding
from .given import Check, Given

ROWS, FEWEST = 20_000, 20
# Share of the errors of the most frequent class (or of the target's variance) that a column leaves, at the upper end of
# its 95 % interval. The best single columns of the shipped tables leave 30 % (breast_cancer, worst area), 48 % (wine)
# and 89 % (diabetes, bmi); a copy with 1 % of wrong values leaves 3 % of 1,797 rows, 6 % of 569.
LEFT = 0.05
EACH_SIDE = 2


def target_leakage(given: Given) -> Iterator[Finding]:
    """`target-leakage`: a column by itself predicts the target of rows left out nearly perfectly.

    The prediction for a row comes from those whose values of the column are nearest to its own, two on each side,
    itself left out: that follows any monotone transform, and any other that keeps targets together.
    """
    import polars as pl

    spec = given.spec
    label = pl.col("label").cast(pl.Float64 if spec.regression else pl.String, strict=False)
    known = given.placed.with_columns(target=label).filter(pl.col("target").is_not_null())
    rows, table = given.sample(ROWS, known)
    if len(rows) < FEWEST or rows["target"].n_unique() < 2:
        return
    targets = rows["target"].rank("average").to_numpy() if spec.regression else rows["target"].rank("dense").to_numpy()
    left = np.array([share_left(table[:, at], targets, spec.regression) for at in range(spec.size)])
    told = np.array([_repeats(spec.features[at], table[:, at], targets) for at in range(spec.size)])
    for at in np.flatnonzero((left <= LEFT) | (told & (not spec.regression))):
        yield Finding(
            "target-leakage",
            "error",
            f"the column {spec.features[at].name} by itself tells the target of rows left out: it leaves "
            f"{left[at]:.1%} of {'the variance' if spec.regression else 'the errors of the most frequent class'}",
            "If it is known only once the target is, leave it out (data.ignore): no new row will have it. If it is "
            "known before, this column alone does the task: add target-leakage to data.accept to go on.",
            count=len(given.frame),
            evidence={"share_left": float(left[at]), "rows": len(rows)},
            expected=f"more than {LEFT:.0%} left",
        )


def share_left(column: np.ndarray, targets: np.ndarray, regression: bool) -> float:
    """What a column leaves to be explained, at the upper end of its 95 % interval: 0 nothing, 1 all.

    Args:
        column: float `[n]`; missing values count as one low value.
        targets: `[n]`: ranks of numbers, or whole numbers for classes.
        regression: Whether targets are ranks.
    """
    from ..rates import Rate

    n = len(column)
    # Rows of one value stand in the order of a draw, so that the order of rows tells nothing.
    drawn = np.random.default_rng(0).permutation(n)
    values = np.nan_to_num(column[drawn], nan=-np.inf)
    order = drawn[np.argsort(values, kind="stable")]
    sorted_targets = targets[order].astype(np.float64)
    beside = [np.roll(sorted_targets, step) for step in (*range(-EACH_SIDE, 0), *range(1, EACH_SIDE + 1))]
    inner = slice(EACH_SIDE, n - EACH_SIDE)
    around, own = np.stack(beside)[:, inner], sorted_targets[inner]
    if regression:
        squares = (own - around.mean(axis=0)) ** 2
        upper = squares.mean() + 1.96 * squares.std() / len(squares) ** 0.5
        return float(min(1.0, upper / max(targets.var(), 1e-12)))
    votes = (around[:, None] == around[None]).sum(axis=0)
    best = np.take_along_axis(around, votes.argmax(axis=0)[None], axis=0)[0]
    wrong = Rate(int((best != own).sum()), len(own))
    most = np.unique(targets, return_counts=True)[1].max() / n
    return float(min(1.0, wrong.interval()[1] / max(1 - most, 1e-12)))


def _repeats(feature: Feature, column: np.ndarray, targets: np.ndarray) -> bool:
    """Whether the column is the class under other names: as many values as classes, each of one class.

    However few rows there are, which the interval of `share_left` would wait for.
    """
    known = ~np.isnan(column)
    values, classes = np.unique(column[known]), np.unique(targets)
    if len(values) != len(classes) or not known.all():
        return False
    pairs = np.unique(np.stack([np.searchsorted(values, column), targets], axis=1), axis=0)
    return len(pairs) == len(values)


LEAKAGE = (Check(("target-leakage",), target_leakage, ("tabular",)),)
