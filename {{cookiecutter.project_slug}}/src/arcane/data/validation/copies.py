"""Copies and near-duplicates, as ingest wrote them into the manifest: merged, linked, of different labels, across the
source's splits."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..findings import Finding
from .given import Check, Given, first_ids, near_pairs, where

if TYPE_CHECKING:
    import polars as pl

# Targets of near-duplicates conflict beyond this many standard deviations of all targets.
TARGETS_APART = 0.5


def conflicting_labels(given: Given) -> Iterator[Finding]:
    """`conflicting-labels`: exact copies carry different labels, and no person has settled it."""
    import polars as pl

    if "conflicting_labels" not in given.frame.columns:
        return
    bad = given.frame.filter(pl.col("label").is_null() & pl.col("conflicting_labels").is_not_null())
    if len(bad):
        first = bad.row(0, named=True)
        copies = ", ".join((first["duplicates"] or [])[:5])
        yield Finding(
            "conflicting-labels",
            "error",
            f"{len(bad)} {given.noun} have exact copies with other labels; {where(bad)} and {copies} are said to be "
            f"{' and '.join(map(str, first['conflicting_labels']))}",
            "Remove the wrong copy, or write the right label into the example's line of data/manifest.jsonl. To leave "
            "these examples out, put `conflicting-labels` into data.accept.",
            count=len(bad),
            ids=first_ids(bad),
        )


def source_overlap(given: Given) -> Iterator[Finding]:
    """`source-overlap`: the source's train and test share examples; these stay in test alone."""
    import polars as pl

    if "source_overlap" not in given.frame.columns:
        return
    bad = given.frame.filter(pl.col("source_overlap").fill_null(False))
    if len(bad):
        yield Finding(
            "source-overlap",
            "warning",
            f"{len(bad)} {given.noun} stand in the source's train and in its test split, such as {where(bad)}",
            "They are kept in test and taken from train. Errors published on this source may be too low.",
            count=len(bad),
            ids=first_ids(bad),
        )


def duplicates(given: Given) -> Iterator[Finding]:
    """`duplicates`: exact copies, merged into one example each."""
    import polars as pl

    bad = given.frame.filter(pl.col("duplicates").list.len() > 0)
    if len(bad):
        copies = int(bad["duplicates"].list.len().sum())
        yield Finding(
            "duplicates",
            "note",
            f"{copies} exact copies of {len(bad)} {given.noun} were merged, such as {where(bad)} = "
            f"{bad['duplicates'][0][0]}",
            "Nothing must be done; the copies can be removed from the source.",
            count=copies,
            ids=first_ids(bad),
        )


def near_duplicates(given: Given) -> Iterator[Finding]:
    """`near-duplicates`: examples that nearly duplicate an older one; they stay in its split."""
    import polars as pl

    pairs = given.near_pairs
    if len(pairs):
        torn = pairs.filter(pl.col("source_split").ne_missing(pl.col("source_split_older")))
        across = f"; {len(torn)} of them across the source's train and test" if len(torn) else ""
        yield Finding(
            "near-duplicates",
            "note",
            f"{len(pairs)} {given.noun} nearly duplicate an older one, such as {where(pairs)} and "
            f"{pairs['id_older'][0]}{across}",
            "Nothing must be done: they are kept in one split, unless the source brings its own test. Where there are "
            "many, there is less data than it seems.",
            count=len(pairs),
            ids=first_ids(pairs),
            evidence={"share": len(pairs) / len(given.frame), "across_source_splits": len(torn)},
        )


def conflicting_pairs(frame: "pl.DataFrame", regression: bool) -> "pl.DataFrame":
    """Near-duplicates of different labels, as `near_pairs` gives them; of a regression of targets far apart.

    Args:
        frame: The manifest.
        regression: Whether its labels are targets.
    """
    import polars as pl

    pairs = near_pairs(frame).filter(pl.col("label").is_not_null() & pl.col("label_older").is_not_null())
    if not regression:
        return pairs.filter(pl.col("label") != pl.col("label_older"))
    # Targets that are no numbers are `unknown-label`s, and no reason to fail here.
    label, older = (pl.col(name).cast(pl.Float64, strict=False) for name in ("label", "label_older"))
    deviation = frame["label"].cast(pl.Float64, strict=False).std() or 0.0
    return pairs.filter((label - older).abs() > TARGETS_APART * deviation)


def conflicting_near_duplicates(given: Given) -> Iterator[Finding]:
    """`conflicting-near-duplicates`: near-duplicates of different labels; one of the two is likely wrong."""
    bad = conflicting_pairs(given.frame, given.spec.regression)
    if len(bad):
        first = bad.row(0, named=True)
        yield Finding(
            "conflicting-near-duplicates",
            "warning",
            f"{len(bad)} {given.noun} nearly duplicate one of another label: {where(bad)} is {first['label']!r}, "
            f"{first['id_older']} is {first['label_older']!r}",
            "Look at both; correct the wrong label in data/manifest.jsonl, or remove one of the two.",
            count=len(bad),
            ids=first_ids(bad),
        )


COPIES = (
    Check(("conflicting-labels",), conflicting_labels),
    Check(("conflicting-near-duplicates",), conflicting_near_duplicates),
    Check(("source-overlap",), source_overlap),
    Check(("near-duplicates",), near_duplicates),
    Check(("duplicates",), duplicates),
)
