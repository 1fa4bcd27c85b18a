"""Columns of a table that the model does not see: normalised by so large a number that nothing of them is left.

In the statistics, which are saved with the model, it holds wherever the model is used, and the table keeps its shape.
"""

import difflib
from collections.abc import Sequence
from dataclasses import replace

from ..errors import UserError
from ..spec import Spec, Statistics

NOTHING_LEFT = 1e30
"""A standard deviation by which any float32 of a table becomes 0 (a category's code too: that of an unknown value)."""


def without_columns(statistics: Statistics, spec: Spec, ignored: Sequence[str]) -> Statistics:
    """The statistics by which the `ignored` columns become constant zeros.

    Raises:
        UserError: One of them is no column; or the data is no table.
    """
    if not ignored:
        return statistics
    names = [feature.name for feature in spec.features]
    for name in ignored:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
            hint = f"did you mean `{near[0]}`?" if near else f"the columns are {', '.join(names[:20]) or 'none'}"
            raise UserError(f"model.ignore: no column `{name}`: {hint}")
    gone = [name in set(ignored) for name in names]
    return replace(
        statistics,
        mean=tuple(0.0 if out else mean for mean, out in zip(statistics.mean, gone, strict=True)),
        std=tuple(NOTHING_LEFT if out else std for std, out in zip(statistics.std, gone, strict=True)),
        absent=tuple(lacks and not out for lacks, out in zip(statistics.absent, gone, strict=True))
        if statistics.absent
        else (),
    )
