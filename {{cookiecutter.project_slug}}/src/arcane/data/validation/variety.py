"""Whether the examples differ from one another at all."""

from collections.abc import Iterator

import numpy as np

from ..findings import Finding
from .given import Check, Given

EXAMPLES = 2000
# Standard deviation between examples at the same place over that of all values: 0.72 for digits, 0.83 for
# Fashion-MNIST, 1 for MNIST-1D. Pictures of one scene with sensor noise of 2 grey levels are at 0.03.
LEAST = 0.05
# A column hardly varies where this share of the rows has one value; the table, where most columns hardly vary.
ONE_VALUE, MOST = 0.99, 0.5


def low_variance(given: Given) -> Iterator[Finding]:
    """`low-variance`: the data as a whole hardly varies from example to example."""
    rows, inputs = given.sample(EXAMPLES)
    if len(rows) < 10:
        return
    if given.spec.modality == "tabular":
        still = float(np.mean([_largest_share(column) >= ONE_VALUE for column in inputs.T])) if inputs.size else 0.0
        if still <= MOST:
            return
        message = f"{still:.0%} of the columns have one value in {ONE_VALUE:.0%} of the rows or more"
        evidence, expected = {"share_of_columns": still}, f"at most {MOST:.0%} of the columns"
    else:
        flat = inputs.reshape(len(inputs), -1).astype(np.float64)
        flat = np.where(np.isfinite(flat), flat, np.nan)
        flat = flat[:, ~np.isnan(flat).all(axis=0)]
        whole = float(np.nanstd(flat)) if flat.size else 0.0
        if whole == 0 or (ratio := float(np.sqrt(np.nanvar(flat, axis=0).mean())) / whole) >= LEAST:
            return
        message = f"{given.noun} differ from one another by only {ratio:.1%} of what they vary within themselves"
        evidence, expected = {"ratio": ratio}, f"{LEAST:.0%} or more"
    yield Finding(
        "low-variance",
        "warning",
        message,
        "Collect examples under other conditions (places, times, devices): a network cannot learn to overlook what is "
        "always there.",
        count=len(given.frame),
        evidence=evidence,
        expected=expected,
    )


def _largest_share(column: np.ndarray) -> float:
    values = np.nan_to_num(column, nan=np.inf)
    return float(np.unique(values, return_counts=True)[1].max() / len(values))


VARIETY = (Check(("low-variance",), low_variance),)
