"""What changed between two versions of the data, in counts and in words.

An example is known by its content id, so a file that was only renamed is the same example. Knows frames alone; where
the versions come from is the pipeline's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

SHOWN = 5
UNLABELLED = "no label"
NOWHERE = "no split"


@dataclass(frozen=True)
class Version:
    """The data at one time.

    Attributes:
        name: What a person calls it: a revision, or the working tree.
        manifest: As `read_manifest` gives it.
        splits: As `read_splits` gives them; None where they cannot be had.
        missing: Why there are none, as a sentence.
    """

    name: str
    manifest: "pl.DataFrame"
    splits: "pl.DataFrame | None" = None
    missing: str = ""


@dataclass(frozen=True)
class Change:
    """Examples that changed alike.

    Attributes:
        count: How many.
        kinds: How many by class, or by what became of them (`cat → dog`); the largest first. Empty where all are alike.
        ids: The first of them, by id.
    """

    count: int
    kinds: Mapping[str, int]
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """What changed from one version to another.

    Attributes:
        before, after: Their names.
        sizes: Examples of each.
        added, removed: By class.
        relabelled: Of those in both, by old and new label.
        moved: Of those in both, by class and old and new split; None where a version's splits cannot be had.
        renamed: The same content under another path, or in another row.
        regrouped: Of those in both, by nothing.
        notes: What could not be compared, in words.
    """

    before: str
    after: str
    sizes: tuple[int, int]
    added: Change
    removed: Change
    relabelled: Change
    moved: Change | None
    renamed: Change
    regrouped: Change
    notes: tuple[str, ...] = ()


def difference(before: Version, after: Version) -> Difference:
    """What changed from `before` to `after`."""
    import polars as pl

    old, new = _examples(before), _examples(after)
    both = new.join(old, on="id", suffix="_before")
    label = pl.col("label")
    relabelled = both.filter(label != pl.col("label_before"))
    moved = None
    if before.splits is not None and after.splits is not None:
        tracks = pl.format("{} → {} ({})", "split_before", "split", "label")
        moved = _change(both.filter(pl.col("split") != pl.col("split_before")), tracks)
    steps = pl.format("{} → {}", "label_before", "label")
    numbers = after.manifest["label"].dtype.is_numeric() or before.manifest["label"].dtype.is_numeric()
    return Difference(
        before=before.name,
        after=after.name,
        sizes=(len(old), len(new)),
        added=_change(new.join(old, on="id", how="anti"), None if numbers else label),
        removed=_change(old.join(new, on="id", how="anti"), None if numbers else label),
        relabelled=_change(relabelled, steps),
        moved=moved,
        renamed=_change(both.filter(pl.col("place").ne_missing(pl.col("place_before")))),
        regrouped=_change(both.filter(pl.col("group").ne_missing(pl.col("group_before")))),
        notes=tuple(version.missing for version in (before, after) if version.missing),
    )


def sentences(found: Difference) -> list[str]:
    """The difference in words, a sentence a change; what did not change is passed over."""
    n, m = found.sizes
    said = [
        f"From {found.before} to {found.after}: {n:,} examples"
        + (f" became {m:,}." if m != n else ", as many as before.")
    ]
    for change, (one, more) in (
        (found.added, ("example was added", "examples were added")),
        (found.removed, ("example was removed", "examples were removed")),
        (found.relabelled, ("example was relabelled", "examples were relabelled")),
        (found.moved, ("old example moved to another split", "old examples moved to another split")),
        (
            found.renamed,
            ("example was renamed, its content is the same", "examples were renamed, their content is the same"),
        ),
        (found.regrouped, ("example got another group", "examples got other groups")),
    ):
        if change is not None and change.count:
            said.append(_sentence(change, one if change.count == 1 else more))
    if len(said) == 1:
        said.append("No example was added, removed, relabelled, renamed or regrouped.")
    if found.moved is not None and not found.moved.count:
        said.append("No old example moved to another split.")
    return [*said, *found.notes]


def _sentence(change: Change, what: str) -> str:
    kinds = [f"{kind} {n:,}" for kind, n in list(change.kinds.items())[:SHOWN]]
    if len(change.kinds) > SHOWN:
        rest = sum(list(change.kinds.values())[SHOWN:])
        kinds.append(f"{len(change.kinds) - SHOWN:,} others {rest:,}")
    told = f": {', '.join(kinds)}" if kinds else ""
    return f"{change.count:,} {what}{told}. Such as {', '.join(change.ids)}."


def _examples(version: Version) -> "pl.DataFrame":
    """`id`, `label` (text), `group`, `place` and, where there are splits, `split` of every example, by id."""
    import polars as pl

    frame = version.manifest.select(
        "id",
        pl.col("label").cast(pl.String).fill_null(UNLABELLED),
        "group",
        pl.coalesce("path", pl.format("row {}", "row")).alias("place"),
    )
    if version.splits is not None:
        frame = frame.join(version.splits.select("id", "split"), on="id", how="left")
        frame = frame.with_columns(pl.col("split").fill_null(NOWHERE))
    return frame.sort("id")


def _change(frame: "pl.DataFrame", kind: "pl.Expr | None" = None) -> Change:
    import polars as pl

    kinds = {}
    if kind is not None:
        counted = frame.group_by(kind.alias("kind")).len().sort(pl.col("len"), "kind", descending=[True, False])
        kinds = dict(counted.iter_rows())
    return Change(len(frame), kinds, tuple(frame["id"].sort().head(SHOWN)))
