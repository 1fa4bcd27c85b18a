"""A person's own sequences come back as they were written, in each of three forms, or the file and row are named."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arcane.config import Data
from arcane.data.assets import ASSETS, read_assets
from arcane.data.ingest import ingest
from arcane.data.sources import Example, Source, arrays, named_source, sequences
from arcane.errors import UserError
from arcane.spec import Target


def folder(root: Path) -> Path:
    path = root / "data/raw"
    path.mkdir(parents=True, exist_ok=True)
    return path


def source_of(root: Path, **params) -> Source:
    return named_source(Data(source="own", modality="sequence", **params), root)


def read(root: Path, **params) -> list[Example]:
    return list(source_of(root, **params).examples())


def equal(examples: list[Example], expected: list) -> None:
    assert len(examples) == len(expected)
    for example, values in zip(examples, expected, strict=True):
        assert example.inputs.dtype == np.float32
        np.testing.assert_array_equal(example.inputs, np.atleast_2d(np.float32(values)))


HEADER = """# A made-up problem
@problemName Hills
@timeStamps false
@missing true
@univariate {univariate}
@equalLength {equal}
{more}
@data
"""


def ts(root: Path, lines: str, more: str = "@classLabel true up down", name: str = "Hills.ts", **header) -> Path:
    said = {"univariate": "true", "equal": "false", "more": more} | header
    path = folder(root) / name
    path.write_text(HEADER.format(**said) + lines)
    return path


def test_ts_files_bring_classes_splits_and_missing_values(tmp_path):
    ts(tmp_path, "1,2.5,?:up\n\n-1,0:down\n", name="Hills_TRAIN.ts")
    ts(tmp_path, "3,NaN,4e2,5:?\n", name="Hills_TEST.ts")
    source = source_of(tmp_path)
    assert source.classes == ("up", "down") and source.shape() == (1, 4) and source.total == 3
    examples = list(source.examples())
    equal(examples, [[3, math.nan, 400, 5], [1, 2.5, math.nan], [-1, 0]])
    assert [(e.label, e.source_split, e.row) for e in examples] == [
        (None, "test", 0),
        ("up", "train", 1),
        ("down", "train", 2),
    ]
    assert source.notes == ("sequences are 2 to 4 steps long; shorter ones end in NaN",)


def test_ts_files_of_several_channels(tmp_path):
    more = "@dimensions 2\n@seriesLength 3\n@classLabel true 1 2"
    ts(tmp_path, "1,2,3:4,5,6:1\n7,8,9:10,11:2\n", more, univariate="false", equal="true")
    source = source_of(tmp_path)
    assert source.shape() == (2, 3) and source.classes == ("1", "2")
    equal(list(source.examples()), [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, math.nan]]])


def test_ts_files_of_a_regression(tmp_path):
    ts(tmp_path, "1,2:3\n4,5:7\n", "@targetLabel true")
    source = source_of(tmp_path, unit="mm")
    assert source.target == Target("label", "mm") and [e.label for e in source.examples()] == [3.0, 7.0]
    ts(tmp_path, "1,2:3\n4,5:7\n", "@classLabel true 3 7")
    assert source_of(tmp_path).classes == ("3", "7")
    assert [e.label for e in read(tmp_path, task="regression")] == [3.0, 7.0]


TS_REFUSED = {
    "no number": ("1,x:up\n", {}, r"Hills.ts, line 9: `x` is no number"),
    "unknown label": ("1,2:sideways\n", {}, r"line 9: label `sideways` is none of up, down"),
    "no label": ("1,2\n", {}, r"line 9: 0 channels before the label, expected 1"),
    "a channel too many": ("1,2:3,4:up\n", {}, r"line 9: 2 channels before the label, expected 1"),
    "no value": (":up\n", {}, r"line 9: 0 values, expected one at least"),
    "another length": (
        "1,2:up\n",
        {"equal": "true", "more": "@seriesLength 3\n@classLabel true up down"},
        r"line 10: 2 values, expected 3",
    ),
    "no sequence": ("", {}, r"Hills.ts: no sequence in it"),
    "no labels at all": ("1,2:up\n", {"more": "@classLabel false"}, r"labels are needed"),
    "one class": ("1,2:up\n", {"more": "@classLabel true up"}, r"found one class \(up\)"),
    "time stamps": ("(0,1):up\n", {"more": "@timestamps true\n@classLabel true up down"}, r"time stamps are not read"),
    "unknown line": ("1:up\n", {"more": "1,2,3:up"}, r"line 7: expected a line of the header"),
    "no dimensions": ("1:up\n", {"more": "@dimensions two\n@classLabel true up down", "univariate": "false"}, "@dimen"),
}


@pytest.mark.parametrize("name", TS_REFUSED)
def test_ts_files_are_refused_with_the_line(tmp_path, name):
    lines, header, message = TS_REFUSED[name]
    ts(tmp_path, lines, **header)
    with pytest.raises(UserError, match=message):
        read(tmp_path)


def test_ts_files_that_are_none(tmp_path):
    path = folder(tmp_path) / "a.ts"
    path.write_text("# nothing\n@problemName x\n")
    with pytest.raises(UserError, match=r"a.ts: no line `@data`; not a .ts file, or a truncated one"):
        read(tmp_path)
    path.write_bytes(b"@problemName \xff\n")
    with pytest.raises(UserError, match=r"a.ts: not UTF-8"):
        read(tmp_path)
    ts(tmp_path, "1,2:up\n", name="a.ts")
    ts(tmp_path, "1,2:up\n", "@classLabel true up left", name="b.ts")
    with pytest.raises(UserError, match=r"b.ts: other classes than a.ts: up, left"):
        read(tmp_path)


def test_npz_of_equal_lengths_with_all_roles(tmp_path):
    x = np.random.default_rng(0).normal(size=(6, 2, 5))
    x[1, 0, 2] = np.inf
    np.savez(
        folder(tmp_path) / "a.npz",
        x=x,
        y=np.array(["b", "a", "b", "a", "b", "a"]),
        group=np.arange(6) // 2,
        time=np.array(["2024-01-01", "2024-01-02"] * 3, "datetime64[D]"),
        domain=np.array(["lab", "field"] * 3),
        split=np.array(["train"] * 4 + ["test"] * 2),
    )
    source = source_of(tmp_path)
    examples = list(source.examples())
    expected = x.copy()
    expected[1, 0, 2] = np.nan
    equal(examples, list(expected))
    assert source.classes == ("a", "b") and source.shape() == (2, 5) and source.total == 6
    assert examples[1].extra == {"infinite": 1} and "1 infinite values" in source.notes[0]
    assert [(e.label, e.group, e.time, e.domain, e.source_split) for e in examples[3:5]] == [
        ("a", "1", "2024-01-02", "field", "train"),
        ("b", "2", "2024-01-01", "lab", "test"),
    ]
    data = Data(source="own", modality="sequence")
    ingest(source, tmp_path, data)
    assets = read_assets(tmp_path / ASSETS)
    assert assets.spec.shape == (2, 5) and len(assets.ids) == 6


def test_npz_of_several_lengths(tmp_path):
    path = folder(tmp_path) / "a.npz"
    np.savez(path, x=np.arange(6), y=[0.5, 1.5, 2.5], lengths=[3, 1, 2])
    source = source_of(tmp_path, task="regression")
    equal(list(source.examples()), [[0, 1, 2], [3], [4, 5]])
    assert source.shape() == (1, 3) and [e.label for e in source.examples()] == [0.5, 1.5, 2.5]
    np.savez(path, x=np.arange(12).reshape(2, 2, 3), y=[0, 1], lengths=[3, 2])
    equal(read(tmp_path), [[[0, 1, 2], [3, 4, 5]], [[6, 7], [9, 10]]])
    data = Data(source="own", modality="sequence")
    ingest(source_of(tmp_path), tmp_path, data)
    assets = read_assets(tmp_path / ASSETS)
    packed = assets.inputs(np.arange(2))
    assert np.isnan(packed).sum() == 2 and np.isnan(packed[:, :, 2]).sum() == 2


def test_npz_is_read_in_parts_whatever_their_size(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 9, 50)
    flat, square = rng.normal(size=lengths.sum()), rng.normal(size=(50, 7))
    path = folder(tmp_path) / "a.npz"
    monkeypatch.setattr(arrays, "AT_ONCE", 5)
    monkeypatch.setattr(sequences, "AT_ONCE", 7)
    np.savez_compressed(path, x=flat, y=np.arange(50) % 2, lengths=lengths)
    equal(read(tmp_path), np.split(flat, np.cumsum(lengths)[:-1]))
    for order in ("C", "F"):
        np.savez(path, x=np.array(square, order=order), y=np.arange(50) % 2)
        equal(read(tmp_path), list(square))


NPZ_REFUSED = {
    "no y": ({"x": np.zeros((2, 3))}, r"a.npz: no array `y` \(it has x\)"),
    "no x": ({"y": [0, 1], "data": np.zeros((2, 3))}, r"no array `x` \(it has y, data\)"),
    "objects": ({"x": np.array([[1], [1, 2]], object), "y": [0, 1]}, r"array `x`: .*run code.*`lengths`"),
    "object labels": ({"x": np.zeros((2, 3)), "y": np.array(["a", "b"], object)}, r"array `y`: .*objects"),
    "texts": ({"x": np.array([["a"], ["b"]]), "y": [0, 1]}, r"array `x`: holds <U1, expected real numbers"),
    "complex": ({"x": np.zeros((2, 3), complex), "y": [0, 1]}, r"holds complex128, expected real numbers"),
    "counts": ({"x": np.zeros((3, 3)), "y": [0, 1]}, r"shape \(3, 3\), and `y` has 2 labels"),
    "dimensions": ({"x": np.zeros((2, 3, 4, 5)), "y": [0, 1]}, r"shape \(2, 3, 4, 5\)"),
    "one-hot": ({"x": np.zeros((2, 3)), "y": np.eye(2)}, r"array `y`: expected a label a sequence"),
    "no lengths": ({"x": np.zeros(6), "y": [0, 1]}, r"one row of 6 values; `lengths` must say where"),
    "sum": ({"x": np.zeros(6), "y": [0, 1], "lengths": [3, 4]}, r"add up to 7, but `x` has 6 values"),
    "too long": ({"x": np.zeros((2, 3)), "y": [0, 1], "lengths": [3, 4]}, r"go up to 4, but `x` has 3 steps"),
    "zero": ({"x": np.zeros((2, 3)), "y": [0, 1], "lengths": [3, 0]}, r"2 whole numbers from 1"),
    "group": ({"x": np.zeros((2, 3)), "y": [0, 1], "group": [1]}, r"array `group`: shape \(1,\), expected \(2,\)"),
    "split": ({"x": np.zeros((2, 3)), "y": [0, 1], "split": ["train", "dev"]}, r"row 1: split `dev`; expected train"),
    "time": ({"x": np.zeros((2, 3)), "y": [0, 1], "time": ["soon", "late"]}, r"`soon` in row 0 of a.npz is no date"),
    "one class": ({"x": np.zeros((2, 3)), "y": [1, 1]}, r"found one class \(1\)"),
    "none": ({"x": np.zeros((0, 3)), "y": np.zeros(0)}, r"a.npz: no sequence in it"),
}


@pytest.mark.parametrize("name", NPZ_REFUSED)
def test_npz_files_are_refused_with_the_array(tmp_path, name):
    content, message = NPZ_REFUSED[name]
    np.savez(folder(tmp_path) / "a.npz", **{key: np.asarray(value) for key, value in content.items()})
    with pytest.raises(UserError, match=message):
        read(tmp_path)


def test_a_truncated_npz_and_mixed_files(tmp_path):
    path = folder(tmp_path) / "a.npz"
    np.savez(path, x=np.zeros((2, 3)), y=[0, 1])
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(UserError, match=r"a.npz: not an .npz file, or a truncated one"):
        read(tmp_path)
    path.write_bytes(whole.replace(np.float64(0).tobytes() * 4, np.float64(1).tobytes() * 4, 1))
    with pytest.raises(UserError, match=r"array `x`: cannot be read \(Bad CRC-32"):
        read(tmp_path)
    ts(tmp_path, "1,2:up\n")
    with pytest.raises(UserError, match=r"\.npz and \.ts files together"):
        read(tmp_path)


def test_parquet_columns_of_lists_are_channels(tmp_path):
    frame = pl.DataFrame(
        {
            "who": ["p", "q", "q"],
            "x": [[1.0, 2.0], [3.0], [None, 5.0, math.inf]],
            "y": pl.Series([[1, 2], [3], [4, 5, 6]], dtype=pl.List(pl.Int16)),
            "kind": ["u", "v", None],
            "split": ["train", "train", "test"],
        }
    )
    path = folder(tmp_path) / "a.parquet"
    frame.write_parquet(path)
    source = source_of(tmp_path, group="who", target="kind")
    examples = list(source.examples())
    equal(examples, [[[1, 2], [1, 2]], [[3], [3]], [[math.nan, 5, math.nan], [4, 5, 6]]])
    assert source.shape() == (2, 3) and source.classes == ("u", "v")
    assert [(e.label, e.group, e.source_split) for e in examples] == [
        ("u", "p", "train"),
        ("v", "q", "train"),
        (None, "q", "test"),
    ]
    fixed = pl.DataFrame({"x": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int8, 2)), "label": [1.5, 2.5]})
    fixed.write_parquet(path)
    assert source_of(tmp_path).target == Target("label", "")
    equal(read(tmp_path), [[1, 2], [3, 4]])


PARQUET_REFUSED = {
    "no lists": ({"x": [1, 2], "label": ["a", "b"]}, r"no column holds lists of numbers"),
    "lists of texts": (
        {"x": [["a"], ["b"]], "label": ["a", "b"]},
        r"column `x` holds lists of String, expected numbers",
    ),
    "no label": ({"x": [[1], [2]]}, r"no column is left for the labels"),
    "empty": ({"x": [[1], []], "label": ["a", "b"]}, r"row 1: `x` holds no value"),
    "null": ({"x": [[1], None], "label": ["a", "b"]}, r"row 1: `x` holds no value"),
    "uneven": ({"x": [[1], [1, 2]], "z": [[1], [3]], "label": ["a", "b"]}, r"row 1: `z` has 1 steps, `x` another"),
}


@pytest.mark.parametrize("name", PARQUET_REFUSED)
def test_parquet_is_refused_with_the_row(tmp_path, name):
    content, message = PARQUET_REFUSED[name]
    pl.DataFrame(content, strict=False).write_parquet(folder(tmp_path) / "a.parquet")
    with pytest.raises(UserError, match=message):
        read(tmp_path)


def test_files_of_different_channels_are_named(tmp_path):
    np.savez(folder(tmp_path) / "a.npz", x=np.zeros((2, 3)), y=[0, 1])
    np.savez(folder(tmp_path) / "b.npz", x=np.zeros((2, 2, 3)), y=[0, 1])
    with pytest.raises(UserError, match=r"different numbers of channels: 1 \(a.npz, row 0\) and 2 \(b.npz, row 0\)"):
        read(tmp_path)


VALUES = st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(-999, 999))


@st.composite
def hills(draw) -> tuple[list[list[list]], list[str], int]:
    channels = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=6))
    series = [[draw(st.lists(VALUES, min_size=n, max_size=n)) for _ in range(channels)] for n in lengths]
    return series, [draw(st.sampled_from(["up", "down", "?"])) for _ in lengths], channels


@settings(max_examples=80, deadline=None)
@given(hills(), st.sampled_from(["\n", "\r\n"]), st.sampled_from([",", ", "]))
def test_random_ts_files_come_back(tmp_path_factory, drawn, end, comma):
    series, labels, channels = drawn
    root = tmp_path_factory.mktemp("ts")
    lines = "".join(
        ":".join(comma.join("?" if value is None else repr(value) for value in row) for row in rows) + f":{label}{end}"
        for rows, label in zip(series, labels, strict=True)
    )
    ts(root, lines, f"@dimensions {channels}\n@classLabel true up down", univariate=str(channels == 1).lower())
    examples = read(root)
    equal(examples, [[[math.nan if value is None else value for value in row] for row in rows] for rows in series])
    assert [example.label for example in examples] == [None if label == "?" else label for label in labels]


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="@dataclsLb true\n:,?1.5#(\t", max_size=60), st.booleans())
def test_any_ts_text_is_read_or_refused(tmp_path_factory, text, with_header):
    root = tmp_path_factory.mktemp("any")
    if with_header:
        ts(root, "1:up\n" + text)
    else:
        (folder(root) / "a.ts").write_text(text)
    try:
        source = source_of(root)
        assert len(list(source.examples())) == source.total
    except UserError as error:
        assert ".ts" in str(error)
