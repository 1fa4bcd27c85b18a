"""A person's own table is typed by all its cells and read whole, or refused in one message with file and row."""

import csv
import datetime
import io
import math
import string
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcane.config import Data
from arcane.data.assets import ASSETS, read_assets
from arcane.data.ingest import ingest
from arcane.data.manifest import MANIFEST, read_records
from arcane.data.sources import Example, Source, named_source
from arcane.data.sources.reading import delimiter_of, split_of
from arcane.errors import UserError
from arcane.spec import Feature, Target


def put(root: Path, text: str | bytes, name: str = "table.csv") -> Path:
    path = root / "data/raw" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(root: Path, **params) -> Source:
    return named_source(Data(source="own", modality="tabular", **params), root)


def read(root: Path, **params) -> list[Example]:
    return list(table(root, **params).examples())


def column(root: Path, *cells: str, name: str = "x", delimiter: str = ",", **params) -> tuple[Source, list[float]]:
    """One feature of these cells beside a label; the source and the feature's values."""
    rows = [f"{cell}{delimiter}{'ab'[at % 2]}" for at, cell in enumerate(cells)]
    put(root, f"{name}{delimiter}label\n" + "\n".join(rows) + "\n")
    source = table(root, **params)
    return source, [example.inputs[0].item() for example in source.examples()]


def same(values: list[float], expected: list[float | None]) -> bool:
    return len(values) == len(expected) and all(
        math.isnan(value) if wanted is None else value == np.float32(wanted)
        for value, wanted in zip(values, expected, strict=True)
    )


TYPED = """age,colour,member,since,income,label
31,red,yes,2024-01-01,1e3,a
,green,no,2024-01-02 12:00,inf,b
29,red,YES,NA,-2.5,a
40, green ,?,1970-01-01,?,b
"""


def test_columns_are_typed_by_their_cells(tmp_path):
    put(tmp_path, TYPED)
    source = table(tmp_path)
    assert source.features == (
        Feature("age"),
        Feature("colour", "category", ("green", "red")),
        Feature("member"),
        Feature("since"),
        Feature("income"),
    )
    assert source.classes == ("a", "b") and source.total == 4 and source.shape() == (5,)
    examples = list(source.examples())
    nan = math.nan
    expected = [[31, 2, 1, 19723, 1000], [nan, 1, 0, 19724.5, nan], [29, 2, 1, nan, -2.5], [40, 1, nan, 0, nan]]
    np.testing.assert_array_equal(np.stack([example.inputs for example in examples]), np.float32(expected))
    assert examples[0].inputs.dtype == np.float32
    assert [(e.label, e.row, e.extra) for e in examples] == [
        ("a", 0, {}),
        ("b", 1, {"infinite": 1}),
        ("a", 2, {}),
        ("b", 3, {}),
    ]
    notes = " | ".join(source.notes)
    assert "days since 1970-01-01" in notes and "since" in notes
    assert "infinite values, or such as float32 cannot hold, became missing: income (1)" in notes


def test_ingest_packs_a_table(tmp_path):
    put(tmp_path, TYPED)
    data = Data(source="own", modality="tabular")
    ingest(named_source(data, tmp_path), tmp_path, data)
    records = read_records(tmp_path / MANIFEST)
    assets = read_assets(tmp_path / ASSETS)
    assert len(records) == 4 and assets.spec.shape == (5,) and assets.spec.features[1].levels == ("green", "red")
    infinite = next(record for record in records if record.row == 1)
    assert infinite.extra == {"infinite": 1}
    assert assets.inputs(np.array([assets.row_of[infinite.id]]))[0, 3] == 19724.5


def test_a_new_level_leaves_the_ids_of_old_rows_alone_and_packs_their_new_codes(tmp_path):
    data = Data(source="own", modality="tabular")
    packed = []
    for further in ("", "azure,4,p\nazure,5,q\n"):
        put(tmp_path, "x,n,label\nblue,0,p\nblue,1,q\nred,2,p\nred,3,q\n" + further)
        ingest(named_source(data, tmp_path), tmp_path, data)
        assets = read_assets(tmp_path / ASSETS)
        records = sorted(read_records(tmp_path / MANIFEST), key=lambda record: record.row or 0)
        rows = np.array([assets.row_of[record.id] for record in records])
        packed.append(([record.id for record in records], assets.inputs(rows)[:, 0].tolist()))
    (before, codes), (after, new_codes) = packed
    assert after[:4] == before and codes == [1, 1, 2, 2] and new_codes == [2, 2, 3, 3, 1, 1]


@pytest.mark.parametrize("missing", ["", "NA", "n/a", "NaN", "null", "NULL", "<NA>", "?", "None", "-", "  "])
def test_what_is_missing_among_numbers(tmp_path, missing):
    source, values = column(tmp_path, "1", missing, "2.5", "-3")
    assert source.features == (Feature("x"),) and same(values, [1, None, 2.5, -3])


def test_among_texts_fewer_signs_are_missing(tmp_path):
    source, values = column(tmp_path, "none", "?", "NA", "", "none", "?", "brick", "brick")
    assert source.features == (Feature("x", "category", ("?", "brick", "none")),)
    assert same(values, [3, 1, None, None, 3, 1, 2, 2])


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-02-29", 19782),
        ("2024/02/29", 19782),
        ("29.02.2024", 19782),
        ("2024-02-29 06:00", 19782.25),
        ("2024-02-29T06:00:00", 19782.25),
        ("2024-02-29T06:00:00.000Z", 19782.25),
        ("2024-02-29T06:00:00+06:00", 19782),
        ("1969-12-31", -1),
    ],
)
def test_forms_of_dates(tmp_path, text, day):
    source, values = column(tmp_path, text, "2020-01-01")
    assert source.features == (Feature("x"),) and same(values, [day, 18262])


def test_dates_whose_day_and_month_cannot_be_told_are_no_dates(tmp_path):
    put(tmp_path, "n,x,label\n1,01/02/2024,a\n2,13/02/2024,b\n")
    source = table(tmp_path)
    assert [feature.name for feature in source.features] == ["n"]
    assert "`x` holds 2 different texts in 2 cells, too many for a category; left out" in source.notes


def test_a_category_needs_each_value_twice_and_at_most_1000(tmp_path):
    for values, kept in ((1000, True), (1001, False)):
        put(tmp_path, "n,x,label\n" + "".join(f"{at},v{at % values},{'ab'[at % 2]}\n" for at in range(2 * values)))
        source = table(tmp_path)
        assert len(source.features) == 1 + kept
        assert kept or "`x` holds over 1,000 different texts in 2,002 cells" in source.notes[0]


def test_a_new_level_changes_the_codes_but_not_the_keys(tmp_path):
    put(tmp_path, "x,n,label\nb,1,p\nb,2,q\nc,3,p\nc,4,q\n")
    before = read(tmp_path)
    put(tmp_path, "x,n,label\nb,1,p\nb,2,q\nc,3,p\nc,4,q\na,5,p\na,-0.0,q\n")
    after = read(tmp_path)
    assert [e.inputs[0] for e in before] == [1, 1, 2, 2] and [e.inputs[0] for e in after] == [2, 2, 3, 3, 1, 1]
    assert [e.key for e in after[:4]] == [e.key for e in before] and len({e.key for e in after}) == 6
    put(tmp_path, "x,n,label\na,0,p\na,0,q\n,0,p\n,nan,q\n")
    keys = [example.key for example in read(tmp_path)]
    assert keys[0] == keys[1] == after[5].key and len(set(keys)) == 3


def test_large_whole_numbers_are_said_to_be_rounded(tmp_path):
    source, values = column(tmp_path, "16777216", "3")
    assert source.notes == () and same(values, [16777216, 3])
    source, values = column(tmp_path, "16777217", "3")
    assert "beyond 16,777,216 (2^24) are rounded" in source.notes[0] and values[0] == 16777216
    assert read(tmp_path)[0].key != column(tmp_path, "16777216", "3")[0].examples().__next__().key


def test_numbers_beyond_float32_are_infinite(tmp_path):
    source, values = column(tmp_path, "1e39", "-inf", "3.4e38", "1e400", "infinity", "2")
    assert same(values, [None, None, 3.4e38, None, None, 2]) and "x (4)" in source.notes[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(tmp_path, delimiter):
    rows = [["x", "remark", "label"], ["1.5", "a, b; c\td", "p"], ["2", 'say "hi"', "q"], ["3", "two\nlines", "p"]]
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows + rows[1:])
    path = put(tmp_path, file.getvalue())
    assert delimiter_of(path) == delimiter
    source = table(tmp_path)
    assert source.features[1].levels == ("a, b; c\td", 'say "hi"', "two\nlines")
    assert [example.inputs[0] for example in source.examples()] == [1.5, 2, 3] * 2


def test_a_decimal_comma_is_read_where_the_comma_does_not_separate(tmp_path):
    source, values = column(tmp_path, "1,5", "-2,25", "3", delimiter=";")
    assert same(values, [1.5, -2.25, 3]) and source.notes == ("a comma was read as the decimal point: x",)
    source, values = column(tmp_path, "1.5", "2", delimiter=";")
    assert same(values, [1.5, 2]) and source.notes == ()
    put(tmp_path, "n;x;label\n1;a;1,5\n2;a;2,75\n", "table.csv")
    assert [example.label for example in read(tmp_path)] == [1.5, 2.75]


def test_byte_order_mark_line_ends_and_blank_lines(tmp_path):
    put(tmp_path, b"\xef\xbb\xbfx, label\r\n1,a\r\n\r\n2,b\r\n\r\n")
    source = table(tmp_path)
    assert [feature.name for feature in source.features] == ["x"] and source.total == 2
    assert [(e.inputs[0], e.label) for e in source.examples()] == [(1, "a"), (2, "b")]


def test_classes_or_a_number_to_estimate(tmp_path):
    def labels(cells: list[str], **params) -> tuple[Source, list]:
        put(tmp_path, "x,label\n" + "".join(f"{at},{cell}\n" for at, cell in enumerate(cells)))
        source = table(tmp_path, **params)
        return source, [example.label for example in source.examples()]

    source, found = labels(["10", "9", "1.0", "01"])
    assert source.classes == ("1", "9", "10") and source.target is None and found == ["10", "9", "1", "1"]
    source, found = labels([str(at % 20) for at in range(40)])
    assert len(source.classes) == 20
    source, found = labels([str(at) for at in range(21)])
    assert source.classes == () and source.target == Target("label", "") and found == [float(at) for at in range(21)]
    source, found = labels([str(at) for at in range(21)], task="classification")
    assert source.classes == tuple(map(str, range(21)))
    source, found = labels(["1", "2", "1"], task="regression", unit="metres")
    assert source.target == Target("label", "metres") and found == [1.0, 2.0, 1.0]
    source, found = labels(["1.5", "2", "nan", "inf"])
    assert found == [1.5, 2.0, None, None] and "label (1)" in source.notes[0]
    source, found = labels(["Yes", "no", "yes", ""])
    assert source.classes == ("no", "yes") and found == ["yes", "no", "yes", None]
    source, found = labels(["new\u2028line", "🦊", "🦊"])
    assert source.classes == ("new\u2028line", "🦊")
    put(tmp_path, 'x,label\n1,"two\nlines"\n2,b\n')
    assert read(tmp_path)[0].label == "two\nlines"


def test_ten_thousand_classes(tmp_path):
    put(tmp_path, "x,label\n" + "".join(f"{at},c{at % 10_000}\n" for at in range(20_000)))
    source = table(tmp_path)
    assert len(source.classes) == 10_000 and len({example.label for example in source.examples()}) == 10_000


def test_roles_by_the_params(tmp_path):
    put(tmp_path, "y,who,when,where,x,noise\n1,p1,2024-01-31 10:30:00.5,rome,3,7\n2,,2024-01-30,,4,7\n")
    params = {"target": "y", "group": "who", "time": "when", "domain": "where", "ignore": ("noise",)}
    source = table(tmp_path, **params)
    assert [feature.name for feature in source.features] == ["x"] and source.classes == ("1", "2")
    assert [(e.label, e.group, e.time, e.domain) for e in source.examples()] == [
        ("1", "p1", "2024-01-31T10:30:00.500000", "rome"),
        ("2", None, "2024-01-30", None),
    ]
    put(tmp_path, "x,year,t\n3,1999,a\n4,2001,b\n")
    assert [e.time for e in read(tmp_path, time="year")] == ["1999", "2001"]
    put(tmp_path, "x,year,t\n3,1999,a\n4,soon,b\n")
    with pytest.raises(UserError, match=r"table.csv: column `year`: `1999` in row 2 is no date; data.time needs dates"):
        table(tmp_path, time="year")
    with pytest.raises(UserError, match=r"data.group: .*table.csv has no column `yaer`: did you mean `year`"):
        table(tmp_path, group="yaer")
    with pytest.raises(UserError, match=r"data.ignore: .*no column `zzz`: it has x, year, t"):
        table(tmp_path, ignore=("zzz",))
    with pytest.raises(UserError, match="`year` is named for two roles"):
        table(tmp_path, group="year", domain="year")


def test_the_target_without_a_name(tmp_path):
    put(tmp_path, "label,x,target\na,1,p\nb,2,q\n")
    assert table(tmp_path).classes == ("a", "b")
    put(tmp_path, "target,x\na,1\nb,2\n")
    assert table(tmp_path).classes == ("a", "b")
    put(tmp_path, "x,species\n1,a\n2,b\n")
    source = table(tmp_path)
    assert source.classes == ("a", "b") and source.notes == (
        "the last column, `species`, is taken for the labels; data.target names another",
    )


def test_files_named_by_a_split_bring_it(tmp_path):
    put(tmp_path, "x,label\n1,a\n2,b\n", "train.csv")
    put(tmp_path, "label,x\nb,3\n", "test.csv")
    put(tmp_path, "x,label\n4,a\n", "val.csv")
    source = table(tmp_path)
    assert [(e.inputs[0], e.label, e.source_split, e.row) for e in source.examples()] == [
        (3, "b", "test", 0),
        (1, "a", "train", 1),
        (2, "b", "train", 2),
        (4, "a", "train", 3),
    ]
    assert "val.csv: taken as training data; the split stage makes the validation split" in source.notes
    names = {"House-Test.parquet": "test", "x_TRAIN.ts": "train", "a.valid.csv": "train", "contest.csv": None}
    assert {name: split_of(Path(name)) for name in names} == names


def test_a_table_without_the_label_is_named(tmp_path):
    put(tmp_path, "x,label\n1,a\n", "train.csv")
    put(tmp_path, "x\n3\n", "test.csv")
    with pytest.raises(UserError, match=r"train.csv: has `label`, unlike test.csv; all tables .* same columns"):
        table(tmp_path)


MANY = "x,label\n" + "1,a\n2,b\n" * 40
REFUSED = {
    "too few fields": (
        "x,y,label\n1,2,a\n3,b\n",
        r"table.csv, row 3: 2 fields, but the header has 3; add or remove a ,",
    ),
    "too many fields": ("x,label\n1,a\n3,4,b\n", r"table.csv, row 3: 3 fields, but the header has 2"),
    "late and ragged": (MANY + "7\n", r"table.csv, row 82: 1 fields, but the header has 2"),
    "Latin-1": (MANY.encode() + b"3,\xe4\n", r"line 82: byte 0xe4 at place 3 is no UTF-8.*should read `3,ä`.*iconv"),
    "Latin-1 header": ("größe,label\n1,a\n".encode("latin-1"), r"table.csv, line 1: byte 0xf6 at place 3 is no UTF-8"),
    "UTF-16": ("x,label\n1,a\n".encode("utf-16"), r"UTF-16 text; save the file in UTF-8"),
    "Excel": (b"PK\x03\x04rest", r"a spreadsheet's file .*save the table as CSV"),
    "empty": ("", r"table.csv: empty \(0 bytes\)"),
    "blank": ("\n \n", r"table.csv: empty \(3 bytes\)"),
    "header only": ("x,label\n", r"table.csv: a header, but no row below it"),
    "header without a line end": ("x,label", r"table.csv: a header, but no row below it"),
    "no header": ("1,2,3\n4,5,6\n", r"row 1: holds numbers \(1, 2, 3, …\), expected the columns' names"),
    "a name twice": ("x,x,label\n1,2,a\n", r"row 1: the column `x` is named twice"),
    "one column": ("label\na\nb\n", r"found one column, `label`, expected features and a label; .*semicolon or a tab"),
    "one class": ("x,label\n1,a\n2,a\n", r"column `label`: found one class \(a\), expected two or more"),
    "one row": ("x,label\n1,a\n", r"column `label`: found one class \(a\)"),
    "no label": ("x,label\n1,\n2,NA\n", r"column `label`: no row has a label"),
    "dates for labels": ("x,label\n1,2024-01-01\n2,2024-01-02\n", r"column `label`: holds dates, expected classes"),
    "nothing to learn from": (
        "name,label\nann,a\nbob,b\n",
        r"no column is left to learn from; `name` holds 2 different",
    ),
    "a few cells are no numbers": (
        "x,label\n" + "".join(f"{at},{'ab'[at % 2]}\n" for at in range(30)) + "12a,a\n",
        r"column `x`: 30 of 31 cells are numbers, but not `12a` in row 32; empty such cells",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_message(tmp_path, name):
    text, message = REFUSED[name]
    put(tmp_path, text)
    with pytest.raises(UserError, match=f"(?s){message}"):
        table(tmp_path)


def test_labels_that_do_not_fit_the_task(tmp_path):
    put(tmp_path, "x,label\n1,2.5\n2,oops\n3,7\n")
    with pytest.raises(UserError, match=r"column `label`: `oops` in row 3 is no number, and data.task is regression"):
        table(tmp_path, task="regression")
    put(tmp_path, "x,label\n1,2.5\n2,3\n")
    with pytest.raises(UserError, match=r"not whole, so no classes; set data.task to regression"):
        table(tmp_path, task="classification")
    put(tmp_path, "x,label\n1,2.5\n")
    assert [example.label for example in read(tmp_path)] == [2.5]  # one row of a regression; validation says too few


def test_a_class_of_mostly_numbers_and_an_unnamed_column_are_said(tmp_path):
    put(tmp_path, ",x,label\n" + "".join(f"{at},{at % 3},{'ab'[at % 2]}\n" for at in range(28)) + "28,X,a\n29,X,b\n")
    source = table(tmp_path)
    assert source.features == (Feature("x", "category", ("0", "1", "2", "X")),)
    assert "column 1 has no name (a row's number, often); left out" in source.notes
    assert "`x` is taken for a category: most cells are numbers, but not `X` in row 30" in source.notes


def test_the_file_of_a_bad_cell_is_named_where_there_are_several(tmp_path):
    put(tmp_path, "x,label\n" + "".join(f"{at},b\n" for at in range(80)), "a.csv")
    put(tmp_path, "x,label\n5,a\noops,b\n" + "".join(f"{at},a\n" for at in range(40)), "b.csv")
    with pytest.raises(
        UserError, match=r"a.csv and 1 more: column `x`: 121 of 122 cells are .*`oops` in row 3 of b.csv"
    ):
        table(tmp_path)


def test_parquet_keeps_its_types(tmp_path):
    frame = pl.DataFrame(
        {
            "whole": [1, None, 3, 4],
            "real": [1.5, math.nan, math.inf, None],
            "flag": [True, False, None, True],
            "kind": pl.Series(["u", "v", "u", "v"], dtype=pl.Categorical),
            "text": ["7", "8", "9", None],
            "day": [datetime.date(1970, 1, 2), None, datetime.date(2024, 1, 1), datetime.date(1970, 1, 1)],
            "at": pl.Series([0, 43_200_000_000, None, 0]).cast(pl.Datetime("us", "Europe/Rome")),
            "took": [datetime.timedelta(days=1), None, datetime.timedelta(hours=6), datetime.timedelta(0)],
            "price": pl.Series(["1.25", "2.50", None, "0.00"]).cast(pl.Decimal(10, 2)),
            "nothing": pl.Series([None] * 4, dtype=pl.Null),
            "many": [[1, 2], [3], [], None],
            "label": ["a", "b", "a", "b"],
        }
    )
    path = tmp_path / "data/raw/t.parquet"
    path.parent.mkdir(parents=True)
    frame.write_parquet(path)
    source = table(tmp_path)
    assert [f.name for f in source.features] == [name for name in frame.columns if name not in ("many", "label")]
    assert source.features[3] == Feature("kind", "category", ("u", "v"))
    assert "`many` holds lists or other nested values; left out" in source.notes
    nan = math.nan
    expected = [
        [1, 1.5, 1, 1, 7, 1, 0, 1, 1.25, nan],
        [nan, nan, 0, 2, 8, nan, 0.5, nan, 2.5, nan],
        [3, nan, nan, 1, 9, 19723, nan, 0.25, nan, nan],
        [4, nan, 1, 2, nan, 0, 0, 0, 0, nan],
    ]
    values = np.stack([example.inputs for example in source.examples()])
    np.testing.assert_array_equal(values, np.float32(expected))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"t.parquet: not a Parquet file, or a truncated one"):
        table(tmp_path)
    put(tmp_path, "x,label\n")
    with pytest.raises(UserError, match="text and Parquet files together"):
        table(tmp_path)


def test_parquets_boolean_and_float_labels(tmp_path):
    path = tmp_path / "data/raw/t.parquet"
    path.parent.mkdir(parents=True)
    pl.DataFrame({"x": [1, 2, 3], "label": [True, None, False]}).write_parquet(path)
    assert (table(tmp_path).classes, [e.label for e in read(tmp_path)]) == (("false", "true"), ["true", None, "false"])
    pl.DataFrame({"x": [1, 2, 3], "label": [1.0, None, 0.0]}).write_parquet(path)
    assert (table(tmp_path).classes, [e.label for e in read(tmp_path)]) == (("0", "1"), ["1", None, "0"])


def test_many_batches_are_read_as_one(tmp_path, monkeypatch):
    from arcane.data.sources import reading

    rng = np.random.default_rng(0)
    values = rng.normal(size=5000).round(6)
    put(tmp_path, "x,kind,label\n" + "".join(f"{v},k{at % 7},{'ab'[at % 2]}\n" for at, v in enumerate(values)))
    whole = read(tmp_path)
    monkeypatch.setattr(reading, "BLOCK", 4096)
    parts = read(tmp_path)
    assert [example.key for example in parts] == [example.key for example in whole] and len(parts) == 5000
    assert (np.stack([e.inputs for e in parts]) == np.stack([e.inputs for e in whole])).all()
    assert [example.row for example in parts] == list(range(5000))
    np.testing.assert_array_equal([example.inputs[0] for example in parts], np.float32(values))


TEXTS = st.sampled_from(
    ["red", "dark blue", "a,b", "semi;colon", 'quo"te', "new\nline", "ünï", "🦊", "x\ty", "#1", "'"]
)
CELLS = {
    "number": st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False)),
    "whole": st.one_of(st.none(), st.integers(-(2**24), 2**24)),
    "boolean": st.one_of(st.none(), st.booleans()),
    "date": st.one_of(st.none(), st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1))),
    "text": st.one_of(st.none(), TEXTS),
}


@st.composite
def tables(draw) -> tuple[list[str], list[list], str]:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    count = draw(st.integers(2, 12))
    return kinds, [[draw(CELLS[kind]) for _ in range(count)] for kind in kinds], draw(st.sampled_from(",;\t"))


def written(cell: object) -> str:
    if cell is None:
        return ""
    return cell.isoformat() if isinstance(cell, datetime.date) else str(cell)


@settings(max_examples=60, deadline=None)
@given(tables())
def test_random_tables_come_back(tmp_path_factory, drawn):
    kinds, columns, delimiter = drawn
    root = tmp_path_factory.mktemp("table")
    names = [f"{kind} {string.ascii_lowercase[at]}" for at, kind in enumerate(kinds)]
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow([*names, "first", "label"])
    rows = list(zip(*columns, strict=True)) * 2  # twice, so that each text serves as a level
    for at, row in enumerate(rows):
        writer.writerow([*map(written, row), at, "ab"[at % 2]])
    put(root, file.getvalue())
    source = table(root)
    examples = list(source.examples())
    assert [feature.name for feature in source.features] == [*names, "first"] and source.total == len(rows)
    assert [example.label for example in examples] == ["ab"[at % 2] for at in range(len(rows))]
    for at, feature in enumerate(source.features[:-1]):
        for row, example in zip(rows, examples, strict=True):
            value, cell = example.inputs[at].item(), row[at]
            if cell is None:
                assert math.isnan(value)
            elif isinstance(cell, str):
                assert feature.levels[int(value) - 1] == cell
            elif isinstance(cell, datetime.date):
                assert value == (cell - datetime.date(1970, 1, 1)).days
            else:
                assert value == np.float32(cell)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, raw):
    root = tmp_path_factory.mktemp("bytes")
    put(root, b"x,label\n1,a\n" + raw)
    try:
        source = table(root)
        assert len(list(source.examples())) == source.total
    except UserError as error:
        assert "table.csv" in str(error)


def test_rows_that_are_the_same_are_examples_of_their_own_in_one_split(tmp_path):
    """A table of a few yes-or-no columns has few different rows; each row is a person all the same."""
    rows = [(number % 2, number // 2 % 2, "ab"[number % 3 == 0]) for number in range(60)]
    lines = [f"{one},{other},{label}" for one, other, label in rows]
    first = _ingested_table(tmp_path / "first", lines)
    assert len(first) == 60 and {record.label for record in first} == {"a", "b"}
    assert not any(record.duplicates for record in first)
    roots = {record.near or record.id for record in first}
    assert len(roots) == 4 and roots <= {record.id for record in first}
    turned = _ingested_table(tmp_path / "turned", lines[::-1])
    assert {record.id: (record.label, record.near) for record in turned} == {
        record.id: (record.label, record.near) for record in first
    }
    grown = _ingested_table(tmp_path / "first", [*lines, "1,1,b", "0,0,a"])
    kept = {record.id: record.near for record in grown}
    assert len(grown) == 62
    assert all(kept[record.id] == record.near for record in first)
    assert {record.near or record.id for record in grown} == roots


def _ingested_table(root: Path, lines: list[str]):
    (root / "data/raw").mkdir(parents=True, exist_ok=True)
    (root / "data/raw/table.csv").write_text("\n".join(["one,other,label", *lines]) + "\n")
    data = Data(modality="tabular", source="own")
    ingest(named_source(data, root), root, data)
    return read_records(root / MANIFEST)
