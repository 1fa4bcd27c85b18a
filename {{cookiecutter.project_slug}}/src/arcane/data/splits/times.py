"""Splits by time: the newest examples test, those before them validate, and everything older trains.

An example's place depends on its own time and two cut times. The cuts must not move when data arrives, or old examples
would change sides; so they are either written in `data.cuts`, or taken from the first ingest alone, which later ones do
not touch. Newer data then always tests: to train on it, set later cuts.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...config import Data
from ...errors import UserError

if TYPE_CHECKING:
    import polars as pl

FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
)
EXPECTED = "expected a number, or ISO 8601 such as 2026-01-31 or 2026-01-31T12:00:00Z"


@dataclass(frozen=True)
class Cuts:
    """When validation and test begin.

    Attributes:
        validation: The first time that validates, as the manifest writes it.
        test: The first time that tests; None where the source brings its own test.
        moments: Both as numbers that compare.
        fixed_by: Where they come from, for people.
    """

    validation: str
    test: str | None
    moments: tuple[float, float | None]
    fixed_by: str


def moments(times: "pl.Series") -> "pl.Series":
    """Times as numbers that compare: seconds since 1970 (UTC where no zone is given), or the numbers that they are.

    Args:
        times: Texts; null where there is none.

    Returns:
        Float64, null where there is none. Seconds are exact to a microsecond until the year 2255.

    Raises:
        UserError: A time is neither, or some are numbers and others are dates.
    """
    import polars as pl

    numbers = times.cast(pl.Float64, strict=False)
    if numbers.null_count() == times.null_count() and numbers.is_finite().all():
        return numbers
    found = pl.Series(times.name, [None], dtype=pl.Int64).new_from_index(0, len(times))
    for form in FORMATS:
        missing = found.is_null() & times.is_not_null()
        if not missing.any():
            break
        read = times.str.to_datetime(form, time_unit="us", strict=False, exact=True).dt.epoch("us")
        found = found.zip_with(~missing, read)
    missing = found.is_null() & times.is_not_null()
    if missing.any():
        raise UserError(f"data/manifest.jsonl: `time` {times.filter(missing)[0]!r} cannot be ordered; {EXPECTED}")
    return found / 1e6


def cut_times(frame: "pl.DataFrame", data: Data, own_test: bool) -> Cuts:
    """The cuts of `data.cuts`; else those that give the first ingest the wanted shares.

    Args:
        frame: `time`, `moment` and `batch` of the examples that may validate and test, labelled or not.
        data: `cuts`, `validation`, `test` and `target_domain` are read.
        own_test: Whether the source brings its test; then there is only the cut before validation.

    Raises:
        UserError: No example has a time, too few differ, or `data.cuts` cannot be read or descend.
    """
    import polars as pl

    timed = frame.drop_nulls("moment")
    if timed.is_empty():
        raise UserError(
            "data.split is `time`, but no example has one; name the column in data.time, or set data.split to random"
        )
    if data.cuts is not None:
        return _given(timed["time"][0], data.cuts, own_test)
    first = timed.filter(pl.col("batch") == pl.col("batch").min())
    times = first.group_by("moment").agg(pl.col("time").min(), pl.len().alias("n")).sort("moment")
    test, older = (None, times) if own_test else _newest(times, data.test)
    validation, _ = _newest(older, data.validation)
    return Cuts(
        validation["time"],
        test["time"] if test else None,
        (validation["moment"], test["moment"] if test else None),
        "the first ingest's times",
    )


def _newest(times: "pl.DataFrame", share: float) -> tuple[dict[str, Any], "pl.DataFrame"]:
    """The time from which on the share of examples is nearest to `share`, and the older times; equal times stay
    together."""
    if len(times) < 2:
        raise UserError(
            "data.split is `time`, but too few times differ to part train, validation and test; set it to random"
        )
    newer = times["n"].cum_sum(reverse=True) / times["n"].sum()
    row = 1 + int((newer[1:] - share).abs().arg_min() or 0)
    return times.row(row, named=True), times[:row]


def _given(example: str, cuts: tuple[str, str], own_test: bool) -> Cuts:
    import polars as pl

    try:
        _, validation, test = moments(pl.Series([example, *cuts]))
    except UserError:
        raise UserError(
            f"data.cuts: {cuts[0]!r} and {cuts[1]!r} cannot be compared with the manifest's times, such as "
            f"{example!r}; write them alike"
        ) from None
    if validation >= test:
        raise UserError(f"data.cuts: validation begins at {cuts[0]!r}, which is not before the test's {cuts[1]!r}")
    if own_test:
        return Cuts(cuts[0], None, (validation, None), "data.cuts")
    return Cuts(*cuts, (validation, test), "data.cuts")
