"""What ties splits together is counted, and nothing else is."""

import polars as pl
import pytest
from frames import frame, params

from arcane.data.splits import split
from arcane.data.splits.leakage import leakage


def rows(*lines: tuple[str, str | None, str | None, str], moments: list[float] | None = None) -> pl.DataFrame:
    """A frame of (id, group, near, split), sorted by id."""
    schema = {"id": pl.String, "group": pl.String, "near": pl.String, "split": pl.String}
    made = pl.DataFrame(lines, schema=schema, orient="row")
    return (made if moments is None else made.with_columns(moment=pl.Series(moments))).sort("id")


@pytest.mark.parametrize(
    ("one", "other", "leaks"),
    [
        ("train", "train", False),
        ("train", "train_val", True),
        ("train", "validation", True),
        ("train", "test", True),
        ("validation", "test", True),
        ("train_val", "validation", False),
        ("train_val", "test", False),
    ],
)
def test_which_splits_must_not_share(one, other, leaks):
    found = leakage(
        rows(("a", "g", None, one), ("b", "g", None, other), ("c", "h", None, "train"), ("d", None, None, "test"))
    )
    assert found["groups"].ids == (("a", "b") if leaks else ()) and found["groups"].count == 2 * leaks
    found = leakage(rows(("a", None, None, one), ("b", None, "a", other), ("c", None, None, "train")))
    assert found["near_duplicates"].ids == (("a", "b") if leaks else ())
    assert found["groups"].count == found["ids"].count == 0 and found["time"].count is None


def test_chains_of_near_duplicates_are_followed_also_over_one_that_is_gone():
    found = leakage(rows(("a", None, None, "train"), ("b", None, "a", "train"), ("c", None, "b", "test")))
    assert found["near_duplicates"].ids == ("a", "b", "c")
    found = leakage(rows(("b", None, "gone", "train"), ("c", None, "gone", "test"), ("d", None, "e", "test")))
    assert found["near_duplicates"].ids == ("b", "c")


def test_an_id_in_two_splits_is_found():
    found = leakage(rows(("a", None, None, "train"), ("a", None, None, "test"), ("b", None, None, "test")))
    assert found["ids"].count == 2 and found["ids"].as_json() == {"count": 2, "ids": ["a", "a"]}


def test_what_is_too_new_is_found():
    splits = ("train", "train", "validation", "validation", "test", "train")
    lines = [(name, None, None, split) for name, split in zip("abcdef", splits, strict=True)]
    assert leakage(rows(*lines, moments=[1, 2, 3, 4, 5, 2]))["time"].count == 0
    assert leakage(rows(*lines, moments=[1, 3, 3, 4, 5, 2]))["time"].ids == ("b",), "as new is too new"
    assert leakage(rows(*lines, moments=[1, 2, 3, 6, 5, 9]))["time"].ids == ("d", "f")


def test_there_is_none_by_construction():
    old = frame(600, group=[f"p{row % 90}" if row % 2 else None for row in range(600)])
    single = old.filter(pl.col("group").is_null())["id"]
    copies = frame(200, start=1, batch=1).with_columns(near=single.sample(200, seed=1))
    report = split(pl.concat([old, copies]), params())[1]
    assert {name: leak["count"] for name, leak in report["leakage"].items()} == {
        "ids": 0, "groups": 0, "near_duplicates": 0, "time": None,
    }  # fmt: skip


def test_what_only_a_source_or_a_bridge_can_cause_is_said_with_ids():
    old = frame(600, group=[f"p{row % 90}" for row in range(600)])
    bridges = frame(100, start=1, group="another group", batch=1).with_columns(near=old["id"].head(100))
    report = split(pl.concat([old, bridges]), params())[1]
    leak = report["leakage"]["near_duplicates"]
    assert leak["count"] > 50 and len(leak["ids"]) == 20 and report["leakage"]["groups"]["count"] == 0
    said = [reason for reason in report["reasons"] if "nearly duplicate examples of another split" in reason]
    assert len(said) == 1 and said[0].startswith(f"{leak['count']:,} examples") and leak["ids"][0] in said[0]

    own = frame(600, classes=3, group=[f"p{row % 90}" for row in range(600)], source_split=["train", "test"] * 300)
    torn = frame(600, classes=3, group=[f"p{row % 91}" for row in range(600)], source_split=["train", "test"] * 300)
    assert split(own, params())[1]["leakage"]["groups"]["count"] == 0
    report = split(torn, params())[1]
    assert report["leakage"]["groups"]["count"] == 600
    assert any("the source's own test parts the group" in reason for reason in report["reasons"])
