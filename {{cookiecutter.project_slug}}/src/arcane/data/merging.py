"""From what a source says to what the manifest holds: copies become one, a limit draws, a person's corrections stay.

Decisions about frames alone; knows nothing of files. A row's columns are the manifest's; `extra` holds further names as
the text of a JSON object.
"""

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

from .identity import DIGITS
from .lines import dumped

if TYPE_CHECKING:
    import polars as pl

logger = logging.getLogger("arcane.data")
# What ingest itself writes beside the source's further names.
OURS = frozenset({"conflicting_labels", "source_overlap"})
OVERRULED_SHOWN = 20


def slim(frame: "pl.DataFrame") -> "pl.DataFrame":
    """The same rows; a column of texts without any text takes no memory: 10 million nulls are 160 MB otherwise."""
    import polars as pl

    empty = [
        name for name, kind in frame.schema.items() if kind == pl.String and frame[name].null_count() == len(frame)
    ]
    return frame.with_columns(pl.lit(None).alias(name) for name in empty if name != "label")


def numbered_copies(found: "pl.DataFrame") -> "pl.DataFrame":
    """Tell the rows of a table apart that are the same in all columns: two people may share their few answers.

    The first keeps its id, the others get ids of their own, made of it and of their number (by label, then by row: the
    order of the file does not matter). `twin` names the first, so that they can be kept in one split.

    Args:
        found: Rows of a table as read; ids may repeat.

    Returns:
        The rows with the columns `twin`, null for those that are first or alone, and `duplicates`, null.
    """
    import polars as pl

    found = found.with_columns(twin=pl.lit(None, pl.String), duplicates=pl.lit(None, pl.List(pl.String)))
    if found["id"].n_unique() == len(found):
        return found
    ranked = found.sort("id", "label", "row").with_columns(copy=pl.int_range(pl.len()).over("id"))
    later = ranked.filter(pl.col("copy") > 0)
    ids = [
        hashlib.sha256(f"{identifier} {copy}".encode()).hexdigest()[:DIGITS]
        for identifier, copy in zip(later["id"], later["copy"], strict=True)
    ]
    later = later.with_columns(twin=pl.col("id"), id=pl.Series(ids, dtype=pl.String))
    return pl.concat([ranked.filter(pl.col("copy") == 0), later], how="vertical_relaxed").drop("copy")


def merge_copies(found: "pl.DataFrame") -> "pl.DataFrame":
    """Make one row of exact copies.

    The smallest path or row stands for all, the others are listed in `duplicates`. Copies in both of the source's
    splits stay in its test, marked `source_overlap`. Copies whose labels disagree get no label, and
    `conflicting_labels` lists them: a label written into the manifest settles the matter.

    Args:
        found: Rows as read; ids may repeat.

    Returns:
        The rows, sorted by id, with the column `duplicates` (a list, or null).
    """
    import polars as pl

    none = pl.lit(None, pl.List(pl.String)).alias("duplicates")
    if found["id"].n_unique() == len(found):
        return found.sort("id").with_columns(none)
    repeated = found["id"].is_duplicated()
    copies = found.filter(repeated).sort("id", pl.col("path").fill_null(""), pl.col("row").fill_null(0))
    label, split = pl.col("label").drop_nulls(), pl.col("source_split")
    others = [pl.col(name).first() for name in found.columns if name not in ("id", "label", "source_split", "extra")]
    merged = copies.group_by("id", maintain_order=True).agg(
        *others,
        pl.when(label.n_unique() == 1).then(label.first()).alias("label"),
        pl.when((split == "test").any()).then(pl.lit("test")).otherwise(split.first()).alias("source_split"),
        pl.coalesce("path", pl.col("row").cast(pl.String), "id").slice(1).alias("duplicates"),
        pl.col("extra").first(),
        labels=label.unique().sort(),
        overlap=(split == "test").any() & (split.n_unique() > 1),
    )
    odd = (
        merged.select("extra", "labels", "overlap")
        .with_row_index()
        .filter((pl.col("labels").list.len() > 1) | pl.col("overlap"))
    )
    texts = [_marked(extra, labels, overlap) for _, extra, labels, overlap in odd.iter_rows()]
    extra = merged["extra"].cast(pl.String).scatter(odd["index"], texts)
    single = found.filter(~repeated).with_columns(none)
    merged = merged.with_columns(extra=extra).select(single.columns)
    return pl.concat([single, merged], how="vertical_relaxed").sort("id")


def _marked(extra: str | None, labels: list[Any], overlap: bool) -> str:
    marks: dict[str, Any] = {"conflicting_labels": labels} if len(labels) > 1 else {}
    return dumped(json.loads(extra or "{}") | marks | ({"source_overlap": True} if overlap else {}))


def limited(frame: "pl.DataFrame", limit: int | None) -> "pl.DataFrame":
    """At most `limit` rows, in the proportions of the source's splits and classes.

    Within each, those with the smallest ids: ids are hashes, so that is a random choice that all machines make alike.
    What the proportions leave over goes to the largest remainders (Hamilton's method).

    Args:
        frame: Sorted by id.
        limit: None for all.
    """
    import polars as pl

    if limit is None or limit >= len(frame):
        return frame
    name = pl.col("label").fill_null("") if frame["label"].dtype == pl.String else pl.lit("")
    stratum = [pl.col("source_split").fill_null("").alias("split"), name.alias("name")]
    strata = frame.group_by(stratum).len().with_columns(share=limit * pl.col("len") / len(frame))
    strata = strata.with_columns(quota=pl.col("share").floor().cast(pl.Int64)).sort(
        pl.col("quota") - pl.col("share"), "split", "name"
    )
    left_over = limit - int(strata["quota"].sum())
    strata = strata.with_columns(quota=pl.col("quota") + (pl.int_range(pl.len()) < left_over))
    ranked = frame.with_columns(stratum).with_columns(rank=pl.int_range(pl.len()).over("split", "name"))
    joined = ranked.join(strata, on=["split", "name"], how="left", maintain_order="left")
    return joined.filter(pl.col("rank") < pl.col("quota")).select(frame.columns)


def keep_corrections(
    frame: "pl.DataFrame", previous: "pl.DataFrame", recorded: "pl.DataFrame | None"
) -> "pl.DataFrame":
    """Carry a person's corrections from the manifest that is there into the new one.

    A label is a correction where it differs from the label that the source gave when it was last packed. It stays
    unless the source now says something else. Group, time, domain and further names stay where the source gives none.
    `batch` and `near` of an old example stay as they are.

    Args:
        frame: What the source says now.
        previous: The manifest that is there (`read_exactly`).
        recorded: `id` and `label` as the source gave them when it was last packed; None where the assets are gone:
            then every label that differs from the source's is taken for a correction, because a person's work is dearer
            than a file's.

    Returns:
        The rows in their order, with the columns `batch` and `near`; both null for a new example.
    """
    import polars as pl

    known = previous.select(
        "id", "batch", "near", **{f"old_{name}": name for name in ("label", "group", "time", "domain", "extra")}
    ).with_columns(pl.col("batch").fill_null(0))
    joined = frame.join(known, on="id", how="left", maintain_order="left")
    label = pl.col("label")
    if recorded is None:
        joined = joined.with_columns(then=label)
    else:
        given = recorded.select("id", then="label", packed=pl.lit(True))
        joined = joined.join(given, on="id", how="left", maintain_order="left")
        joined = joined.with_columns(then=pl.when("packed").then("then").otherwise(label))
    edited = pl.col("batch").is_not_null() & pl.col("old_label").ne_missing(pl.col("then"))
    joined = joined.with_columns(corrected=edited & label.eq_missing(pl.col("then")))
    overruled = joined.filter(edited & ~pl.col("corrected") & label.ne_missing(pl.col("old_label")))
    _tell(int(joined["corrected"].sum()), overruled)
    return joined.select(
        pl.when("corrected").then("old_label").otherwise(label).alias("label"),
        *(pl.coalesce(name, f"old_{name}").alias(name) for name in ("group", "time", "domain")),
        _both(joined["old_extra"], joined["extra"]).alias("extra"),
        *(name for name in joined.columns if name in (*frame.columns, "batch", "near") and name not in CARRIED),
    )


CARRIED = ("label", "group", "time", "domain", "extra")


def _tell(corrected: int, overruled: "pl.DataFrame") -> None:
    if corrected:
        logger.info("%d labels corrected in the manifest are kept", corrected)
    for row in overruled.head(OVERRULED_SHOWN).iter_rows(named=True):
        where = row["path"] if row["path"] is not None else f"row {row['row']}"
        logger.warning("%s: the source now says %r; the manifest's corrected label gives way", where, row["label"])
    if len(overruled) > OVERRULED_SHOWN:
        logger.warning("and so for %d more", len(overruled) - OVERRULED_SHOWN)


def _both(old: "pl.Series", new: "pl.Series") -> "pl.Series":
    """The further names of both, the new ones' values where both have them; what ingest itself wrote is not carried."""
    import polars as pl

    rows = (old.is_not_null() & old.ne_missing(new)).arg_true()
    merged = []
    for before, now in zip(old.gather(rows), new.gather(rows), strict=True):
        kept = {name: value for name, value in json.loads(before).items() if name not in OURS}
        kept |= json.loads(now or "{}")
        merged.append(dumped(kept) if kept else None)
    return new.cast(pl.String).scatter(rows, merged) if merged else new


def next_batch(frame: "pl.DataFrame", previous: "pl.DataFrame | None") -> int:
    """The number of this ingest: one more than the last that the manifest knows of, 0 where nothing old is left.

    Args:
        frame: As `keep_corrections` gives it.
        previous: The manifest that is there.
    """
    import polars as pl

    if previous is None or frame["batch"].null_count() == len(frame):
        return 0
    return 1 + int(previous.select(pl.col("batch").max().fill_null(0)).item())
