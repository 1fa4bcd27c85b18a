"""Rows of the manifest that break its model, and rows without inputs."""

from collections.abc import Iterator
from typing import Any

from ..findings import Finding
from ..manifest import IDENTIFIER, distinct
from .given import Check, Given, first_ids, where


def malformed_row(given: Given) -> Iterator[Finding]:
    """`malformed-row`: a row of the manifest breaks the model; pandera on an eager polars frame.

    Eager, because pandera checks only the schema, no value, of a lazy frame by default.
    """
    import polars as pl
    from pandera.errors import SchemaErrors

    frame = given.frame
    # Whether ids ascend is told in a sixtieth of the time that a search for doubles takes (`distinct`).
    again = pl.lit(False) if distinct(frame["id"]) else pl.col("id").is_duplicated()
    checked = frame.select(
        "id", "label", "path", "row", "source", "source_split", "batch",
        again=again,
        places=pl.col("path").is_not_null().cast(pl.Int8) + pl.col("row").is_not_null().cast(pl.Int8),
    )  # fmt: skip
    try:
        _row_model(frame["label"].dtype == pl.Float64).validate(checked, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases.select("column", "check", pl.col("index").cast(pl.Int64))
        for (column, rule), rows in cases.group_by("column", "check", maintain_order=True):
            bad = frame[rows["index"].drop_nulls()]
            yield Finding(
                "malformed-row",
                "error",
                f"{len(rows)} rows of the manifest break the rule {rule} on `{column}`"
                + (f", such as {where(bad)}" if len(bad) else ""),
                "Correct these lines of data/manifest.jsonl, or delete them and run ingest again.",
                count=len(rows),
                ids=first_ids(bad),
            )


def _row_model(numbers: bool) -> Any:
    import pandera.polars as pa
    import polars as pl
    from pandera.typing.polars import Series

    class Row(pa.DataFrameModel):
        id: Series[str] = pa.Field(str_matches=rf"^{IDENTIFIER.pattern}$")
        label: Series[str] = pa.Field(nullable=True, str_length={"min_value": 1})
        path: Series[str] = pa.Field(nullable=True, str_length={"min_value": 1})
        row: Series[pl.Int64] = pa.Field(nullable=True, ge=0)
        source: Series[str] = pa.Field(str_length={"min_value": 1})
        source_split: Series[str] = pa.Field(nullable=True, isin=["train", "test"])
        batch: Series[pl.Int64] = pa.Field(ge=0)
        again: Series[bool] = pa.Field(eq=False, description="an id stands once")
        places: Series[pl.Int8] = pa.Field(eq=1, description="an example has a path or a row, and not both")

    class NumberedRow(Row):
        label: Series[float] = pa.Field(nullable=True, gt=float("-inf"), lt=float("inf"))

    return NumberedRow if numbers else Row


def missing_inputs(given: Given) -> Iterator[Finding]:
    """`missing-images`: the manifest lists examples that are not packed; of any modality, the code is older."""
    bad = given.placed.filter(given.placed["asset"].is_null())
    if len(bad):
        yield Finding(
            "missing-images",
            "error",
            f"{len(bad)} examples of the manifest have no packed {given.noun} in data/assets, such as {where(bad)}",
            "Manifest and assets are of different states: run ingest again, or `dvc checkout`.",
            count=len(bad),
            ids=first_ids(bad),
        )


MANIFEST_ROWS = (Check(("malformed-row",), malformed_row), Check(("missing-images",), missing_inputs))
