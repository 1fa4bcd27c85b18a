"""Validation: what is wrong with the data set, found before anything is trained on it.

The manifest's rows are checked by a pandera model, the data set as a whole by one small function a finding.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .assets import Assets
from .findings import Finding
from .loading import unknown_label
from .manifest import IDENTIFIER, Record

# Below 30 of a class, validation holds about five: one of them is 20 points of that class' error.
FEW = 30
# cleanlab's Datalab calls a class rare below this share of an even share (issue_manager/imbalance.py).
RARE = 0.1
BLANK_BLOCK = 4096


def validate(records: Sequence[Record], assets: Assets) -> list[Finding]:
    """Everything that is wrong or may be, errors first.

    Args:
        records: The manifest.
        assets: The packed images.
    """
    found = [finding for check in CHECKS for finding in check(records, assets)]
    order = ("error", "warning", "note")
    return sorted(found, key=lambda finding: order.index(finding.severity))


def manifest_rows(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`malformed-row`: a row of the manifest breaks the model; pandera on an eager polars frame.

    Eager, because pandera checks only the schema, no value, of a lazy frame by default.
    """
    import pandera.polars as pa
    import polars as pl
    from pandera.errors import SchemaErrors
    from pandera.typing.polars import Series

    class Row(pa.DataFrameModel):
        id: Series[str] = pa.Field(unique=True, str_matches=rf"^{IDENTIFIER.pattern}$")
        label: Series[str] = pa.Field(nullable=True, str_length={"min_value": 1})
        path: Series[str] = pa.Field(nullable=True, str_length={"min_value": 1})
        row: Series[pl.Int64] = pa.Field(nullable=True, ge=0)
        source: Series[str] = pa.Field(str_length={"min_value": 1})
        source_split: Series[str] = pa.Field(nullable=True, isin=["train", "test"])
        places: Series[pl.Int64] = pa.Field(eq=1, description="an example has a path or a row, and not both")

    columns: dict[str, Any] = {"id": pl.String, "label": pl.String, "path": pl.String, "row": pl.Int64}
    columns |= {"source": pl.String, "source_split": pl.String}
    frame = pl.DataFrame({name: [getattr(each, name) for each in records] for name in columns}, schema=columns)
    frame = frame.with_columns(
        places=pl.col("path").is_not_null().cast(pl.Int64) + pl.col("row").is_not_null().cast(pl.Int64)
    )
    try:
        Row.validate(frame, lazy=True)
    except SchemaErrors as errors:
        for (column, rule), rows in _broken_rows(errors.failure_cases).items():
            ids = tuple(records[row].id for row in rows if row is not None)
            yield Finding(
                "malformed-row",
                "error",
                f"{len(rows)} rows of the manifest break the rule {rule} on `{column}`"
                + (f", such as {ids[0]}" if ids else ""),
                "Correct these lines of data/manifest.jsonl, or delete them and run ingest again.",
                count=len(rows),
                ids=ids,
            )


def _broken_rows(failures: Any) -> dict[tuple[str, str], list[int | None]]:
    broken: dict[tuple[str, str], list[int | None]] = {}
    for case in failures.iter_rows(named=True):
        broken.setdefault((str(case["column"]), str(case["check"])), []).append(case["index"])
    return broken


def conflicting_labels(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`conflicting-labels`: exact copies carry different labels, and no person has settled it."""
    bad = [record for record in records if record.label is None and record.extra.get("conflicting_labels")]
    if bad:
        first = bad[0]
        yield Finding(
            "conflicting-labels",
            "error",
            f"{len(bad)} images have exact copies with other labels; {first.where} and "
            f"{', '.join(first.duplicates[:5])} are said to be {' and '.join(first.extra['conflicting_labels'])}",
            "Remove the wrong copy, or write the right label into the example's line of data/manifest.jsonl. To leave "
            "these examples out, put `conflicting-labels` into data.accept.",
            count=len(bad),
            ids=_ids(bad),
        )


def single_class(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`single-class`: fewer than two classes have an example, so there is nothing to tell apart."""
    classes = sorted({record.label for record in records if record.label is not None})
    if len(classes) < 2:
        yield Finding(
            "single-class",
            "error",
            f"only the class {classes[0]!r} has examples" if classes else "no example has a label",
            "Add examples of another class.",
            count=len(records),
            evidence={"classes": len(classes)},
            expected="two classes or more",
        )


def unknown_labels(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`unknown-label`: a label of the manifest is none of the source's classes."""
    known = set(assets.spec.classes)
    bad = [record for record in records if record.label is not None and record.label not in known]
    if bad:
        yield Finding(
            "unknown-label",
            "error",
            f"{len(bad)} labels are no class; {unknown_label(bad[0].id, bad[0].where, str(bad[0].label), assets.spec.classes)}",
            "Correct the label in data/manifest.jsonl.",
            count=len(bad),
            ids=_ids(bad),
        )


def missing_images(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`missing-images`: the manifest lists examples that are not packed."""
    bad = [record for record in records if record.id not in assets.row_of]
    if bad:
        yield Finding(
            "missing-images",
            "error",
            f"{len(bad)} examples of the manifest are not in data/assets, such as {bad[0].where}",
            "Manifest and assets are of different states: run ingest again, or `dvc checkout`.",
            count=len(bad),
            ids=_ids(bad),
        )


def missing_labels(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`missing-labels`: examples without a label; they come into no split."""
    bad = [record for record in records if record.label is None and not record.extra.get("conflicting_labels")]
    if bad:
        yield Finding(
            "missing-labels",
            "warning",
            f"{len(bad)} of {len(records)} examples have no label and will be in no split",
            "Label them, or remove them from the source.",
            count=len(bad),
            ids=_ids(bad),
            evidence={"share": len(bad) / len(records)},
        )


def too_few_examples(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`too-few-examples`: a class has fewer than 30 examples."""
    sizes = _class_sizes(records, assets)
    few = {label: size for label, size in sizes.items() if size < FEW}
    if few:
        listed = ", ".join(f"{label} ({size})" for label, size in list(few.items())[:20])
        yield Finding(
            "too-few-examples",
            "warning",
            f"{len(few)} of {len(sizes)} classes have fewer than {FEW} examples: {listed}",
            "Collect more of these classes, or merge them with others: their errors cannot be told from chance.",
            count=sum(few.values()),
            ids=_ids(record for record in records if record.label in few),
            evidence={"smallest": min(few.values()), "classes": len(few)},
            expected=f"{FEW} a class or more",
        )


def imbalance(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`imbalance`: a class has less than a tenth of an even share."""
    sizes = _class_sizes(records, assets)
    even = sum(sizes.values()) / max(len(sizes), 1)
    rare = {label: size for label, size in sizes.items() if size < RARE * even}
    if rare:
        listed = ", ".join(f"{label} ({size})" for label, size in list(rare.items())[:20])
        yield Finding(
            "imbalance",
            "warning",
            f"classes are out of balance: {listed} of {sum(sizes.values())} examples, an even share is {even:.0f}",
            "Collect more of the rare classes; read the error class by class, the overall one hides them.",
            count=sum(rare.values()),
            ids=_ids(record for record in records if record.label in rare),
            evidence={"smallest": min(sizes.values()), "largest": max(sizes.values()), "even_share": even},
            expected=f"at least {RARE:.0%} of an even share",
        )


def blank_images(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`blank-images`: every pixel of an image has the same value in each channel."""
    blank: set[str] = set()
    start = 0
    for number, (_, count) in enumerate(assets.shards):
        shard = assets.shard(number)
        for offset in range(0, count, BLANK_BLOCK):
            block = np.asarray(shard[offset : offset + BLANK_BLOCK])
            constant = (block == block[:, :, :1, :1]).all(axis=(1, 2, 3))
            blank.update(assets.ids[start + offset + int(row)] for row in np.flatnonzero(constant))
        start += count
    bad = [record for record in records if record.id in blank]
    if bad:
        yield Finding(
            "blank-images",
            "warning",
            f"{len(bad)} images are blank: one value in all pixels, such as {bad[0].where}",
            "Look at them; remove those that came out of a failed camera or conversion.",
            count=len(bad),
            ids=_ids(bad),
        )


def source_overlap(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`source-overlap`: the source's train and test share images; these stay in test alone."""
    bad = [record for record in records if record.extra.get("source_overlap")]
    if bad:
        yield Finding(
            "source-overlap",
            "warning",
            f"{len(bad)} images stand in the source's train and in its test split, such as {bad[0].where}",
            "They are kept in test and taken from train. Errors published on this source may be too low.",
            count=len(bad),
            ids=_ids(bad),
        )


def duplicates(records: Sequence[Record], assets: Assets) -> Iterator[Finding]:
    """`duplicates`: exact copies, merged into one example each."""
    bad = [record for record in records if record.duplicates]
    if bad:
        copies = sum(len(record.duplicates) for record in bad)
        yield Finding(
            "duplicates",
            "note",
            f"{copies} exact copies of {len(bad)} images were merged, such as {bad[0].where} = {bad[0].duplicates[0]}",
            "Nothing must be done; the copies can be removed from the source.",
            count=copies,
            ids=_ids(bad),
        )


CHECKS: tuple[Callable[[Sequence[Record], Assets], Iterator[Finding]], ...] = (
    manifest_rows,
    conflicting_labels,
    single_class,
    unknown_labels,
    missing_images,
    missing_labels,
    too_few_examples,
    imbalance,
    blank_images,
    source_overlap,
    duplicates,
)


def _class_sizes(records: Sequence[Record], assets: Assets) -> dict[str, int]:
    sizes = Counter(record.label for record in records)
    return {label: sizes[label] for label in assets.spec.classes}


def _ids(records: Any) -> tuple[str, ...]:
    return tuple(record.id for record in records)
