"""Whether what will be met is there: each class in each domain; each group, domain and time in each split."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...config import Data
from ..findings import Finding
from .given import Check, Given, first_ids, listed

if TYPE_CHECKING:
    import polars as pl

# Absent counts only where independence would have put at least so many there: none at all is then a chance of 0.7 %.
EXPECTED = 5.0
# Few groups make few independent examples: five are the fewest whose mean has an interval narrower than their spread.
GROUPS = 5
TIMES = 10


def absent_classes(given: Given) -> Iterator[Finding]:
    """`unrepresentative`: a class has no example in a domain that has many of the others."""
    labelled = given.labelled
    if given.spec.regression or labelled["domain"].null_count() == len(labelled):
        pass
    elif absent := _absent(labelled, "domain", "label"):
        yield _finding(
            f"{len(absent)} classes have no example in a domain: "
            + listed([f"{label} in {domain}" for domain, label in absent]),
            "Collect them there, else the domain is learnt for the class; or leave the domain out.",
            labelled,
            {"absent": len(absent)},
        )
    if given.splits is not None:
        yield from unrepresentative(labelled, given.splits, given.data)


def unrepresentative(frame: "pl.DataFrame", splits: "pl.DataFrame", data: Data) -> list[Finding]:
    """`unrepresentative`: what a split lacks of classes, domains, times, or in groups.

    Args:
        frame: The manifest.
        splits: `id` and `split`.
        data: The params: with `target_domain` or `split: time` splits differ in domain or time on purpose.
    """
    import polars as pl

    frame = frame.join(splits.select("id", "split"), on="id", how="inner", maintain_order="left")
    found = []
    if frame["label"].dtype == pl.String:
        lacking = _absent(frame, "split", "label")
        found += _lack(frame, lacking, "no example of", "Their error there stays unknown: collect more of them.")
    if data.target_domain is None:
        lacking = _absent(frame, "split", "domain")
        found += _lack(frame, lacking, "nothing of the domain", "Name the domain that counts as data.target_domain.")
    if data.split != "time":
        timed = frame.filter(pl.col("time").is_not_null()).sort("time", "id").with_row_index("rank")
        tenths = timed.with_columns(
            tenth=(pl.col("rank") * TIMES // max(len(timed), 1)).cast(pl.String).replace(_span_names(timed))
        )
        lacking = _absent(tenths, "split", "tenth")
        found += _lack(frame, lacking, "nothing of the time", "Spread groups over time, or set data.split: time.")
    grouped = frame.filter(pl.col("group").is_not_null())
    counts = grouped.group_by("split").agg(pl.col("group").n_unique()).sort("split")
    few = [f"{split} ({count})" for split, count in counts.iter_rows() if count < GROUPS]
    if few:
        found.append(
            _finding(
                f"splits hold very few groups: {listed(few)}",
                "Collect more groups: what holds for so few need not hold for the next. Read intervals as too narrow.",
                grouped,
                {"fewest": int(counts["group"].to_numpy().min())},
                f"{GROUPS} groups or more",
            )
        )
    return found


def _lack(frame: "pl.DataFrame", lacking: list[tuple[str, str]], what: str, advice: str) -> list[Finding]:
    if not lacking:
        return []
    shown = listed([f"{split} holds {what} {value}" for split, value in lacking])
    return [_finding(shown, advice, frame, {"absent": len(lacking)})]


def _absent(frame: "pl.DataFrame", place: str, value: str) -> list[tuple[str, str]]:
    """Pairs of a place and a value that never meet, though by chance they should."""
    import polars as pl

    known = frame.filter(pl.col(place).is_not_null() & pl.col(value).is_not_null())
    places, values = known.group_by(place).len("there"), known.group_by(value).len("of_it")
    every = places.join(values, how="cross").filter(
        pl.col("there").cast(pl.Float64) * pl.col("of_it") / max(len(known), 1) >= EXPECTED
    )
    met = known.select(place, value).unique()
    return list(every.join(met, on=[place, value], how="anti").select(place, value).sort(place, value).iter_rows())


def _span_names(timed: "pl.DataFrame") -> dict[str, str]:
    """For each tenth of the examples in time, from when to when it goes."""
    n = len(timed)
    bounds = [(tenth * n // TIMES, max(tenth * n // TIMES, (tenth + 1) * n // TIMES - 1)) for tenth in range(TIMES)]
    return {
        str(tenth): f"{timed['time'][first]} to {timed['time'][last]}"
        for tenth, (first, last) in enumerate(bounds)
        if n
    }


def _finding(
    message: str, advice: str, frame: "pl.DataFrame", evidence: dict[str, float], expected: str = ""
) -> Finding:
    return Finding(
        "unrepresentative",
        "warning",
        message,
        advice,
        count=len(frame),
        ids=first_ids(frame),
        evidence=evidence,
        expected=expected,
    )


REPRESENTATION = (Check(("unrepresentative",), absent_classes),)
