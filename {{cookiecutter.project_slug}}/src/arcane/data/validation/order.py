"""Whether examples depend on their place in the source or in time, so that they are not drawn independently."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..findings import Finding
from .given import Check, Given, first_ids

if TYPE_CHECKING:
    import polars as pl

FEWEST = 100
EXAMPLES = 2000
# How far the dependence goes, 0 none, 1 full; and how many standard errors off chance it must be as well. Data without
# an order is within 0.03 (breast_cancer's labels are at 0.198: its first rows are malignant more often). Digits, which
# stand writer by writer, are at 0.42.
DEPENDENT, STANDARD_ERRORS = 0.2, 5.0
# Neighbours in the inputs count as neighbours in order within this share of the examples, either way.
WINDOW = 0.05
DIRECTIONS = 32


def non_iid_order(given: Given) -> Iterator[Finding]:
    """`non-iid-order`: the label or the inputs depend on the row in the source, or on the time.

    Files in folders are not looked at: they are sorted by class as a matter of course. Rows merely sorted by label are
    a note; so is any order of rows, as a file's order may mean nothing. Time means something.
    """
    import polars as pl

    if given.data.split == "time":
        return
    examples = given.placed.select("id", "label", "row", "time", "group", "asset")
    timed = examples.filter(pl.col("time").is_not_null())
    if len(timed) >= FEWEST and timed["time"].n_unique() > 1:
        yield from _in_order(given, timed.sort("time", "id"), "time")
    elif examples["group"].null_count() == len(examples):
        rows = examples.filter(pl.col("row").is_not_null())
        if len(rows) >= FEWEST:
            yield from _in_order(given, rows.sort("row"), "row")


def _in_order(given: Given, ordered: "pl.DataFrame", by: str) -> Iterator[Finding]:
    import polars as pl

    known = ordered.filter(pl.col("label").is_not_null())
    label, errors, is_sorted = label_dependence(known["label"], given.spec.regression)
    if is_sorted:
        yield Finding(
            "non-iid-order",
            "note",
            f"examples are sorted by label along their {by}",
            "Nothing must be done: splits are drawn at random. Do not take the first rows for a trial.",
            count=len(ordered),
            ids=first_ids(ordered),
            evidence={"label_dependence": label},
        )
        return
    inputs, input_errors = 0.0, 0.0
    drawn = ordered.filter(pl.col("asset").is_not_null())
    if len(drawn) > EXAMPLES:
        drawn = drawn[np.linspace(0, len(drawn) - 1, EXAMPLES).astype(np.int64)]
    if len(drawn) >= FEWEST:
        places = drawn["asset"].to_numpy().astype(np.int64)
        by_asset = np.argsort(places)
        gathered = given.assets.inputs(places[by_asset])
        inputs, input_errors = input_dependence(gathered[np.argsort(by_asset)])
    strong = [
        (name, value)
        for name, value, error in (("label", label, errors), ("inputs", inputs, input_errors))
        if value >= DEPENDENT and error >= STANDARD_ERRORS
    ]
    if strong:
        what = " and the ".join(name for name, _ in strong)
        yield Finding(
            "non-iid-order",
            "note" if by == "row" else "warning",
            f"examples that stand together by {by} are alike in the {what} "
            f"({', '.join(f'{name} {value:.2f}' for name, value in strong)}; 0 would be no dependence, 1 full)",
            "They often share a person, a device or a day. Give what they share as data.group; where the future is "
            "what counts, set data.split: time. Drawn at random, validation and test are easier than new data.",
            count=len(ordered),
            ids=first_ids(ordered),
            evidence={"label_dependence": label, "input_dependence": inputs},
            expected=f"dependence below {DEPENDENT:g}",
        )


def label_dependence(labels: "pl.Series", regression: bool) -> tuple[float, float, bool]:
    """How much a label tells of the next one.

    For classes the excess of equal neighbours over chance (the runs test's statistic as an effect size), for numbers
    the correlation of neighbours' ranks.

    Returns:
        The dependence, up to 1; its distance from none in standard errors; whether labels are merely sorted.
    """
    import polars as pl

    n = len(labels)
    if n < FEWEST or labels.n_unique() < 2:
        return 0.0, 0.0, False
    if regression:
        ranks = labels.cast(pl.Float64, strict=False).rank().to_numpy()
        correlation = float(np.corrcoef(ranks[1:], ranks[:-1])[0, 1])
        steps = np.diff(ranks)
        return correlation, correlation * n**0.5, bool((steps >= 0).all() or (steps <= 0).all())
    codes = labels.cast(pl.String).cast(pl.Categorical).to_physical().to_numpy()
    shares = np.unique(codes, return_counts=True)[1] / n
    chance = float((shares**2).sum())
    equal = float((codes[1:] == codes[:-1]).mean())
    runs = round((1 - equal) * (n - 1)) + 1
    error = (chance * (1 - chance) / n) ** 0.5
    return (equal - chance) / (1 - chance), (equal - chance) / error, runs == len(shares)


def input_dependence(inputs: np.ndarray) -> tuple[float, float]:
    """How much nearest neighbours in the inputs are neighbours in order, beyond chance.

    Args:
        inputs: `[n, ...]`, in order.

    Returns:
        The excess of the share of nearest neighbours within 5 % of the order, 0 for none, 1 for all; and its distance
        from none in standard errors.
    """
    from scipy.spatial import KDTree

    n = len(inputs)
    flat = inputs.reshape(n, -1).astype(np.float64)
    flat = np.where(np.isfinite(flat), flat, np.nan)
    flat = flat[:, ~np.isnan(flat).all(axis=0)]
    flat = np.nan_to_num(flat - np.nanmean(flat, axis=0)) if flat.size else flat
    spread = flat.std(axis=0)
    flat = flat[:, spread > 0] / spread[spread > 0]
    if not flat.shape[1]:
        return 0.0, 0.0
    if flat.shape[1] > DIRECTIONS:
        flat = flat @ np.linalg.eigh(flat.T @ flat)[1][:, -DIRECTIONS:]
    nearest = KDTree(flat).query(flat, k=[2])[1][:, 0]
    place, reach = np.arange(n), max(1, round(WINDOW * n))
    near = float((np.abs(nearest - place) <= reach).mean())
    within = np.minimum(n - 1, place + reach) - np.maximum(0, place - reach)
    chance = float((within / (n - 1)).mean())
    return (near - chance) / (1 - chance), (near - chance) / (chance * (1 - chance) / n) ** 0.5


ORDER = (Check(("non-iid-order",), non_iid_order),)
