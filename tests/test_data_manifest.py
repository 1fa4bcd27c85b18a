"""The manifest survives a round trip with any text in it, and says which line is wrong when a person broke it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcane.data.manifest import (
    NAMES,
    Record,
    frame_of,
    manifest_line,
    manifest_lines,
    read_exactly,
    read_manifest,
    read_records,
    write_manifest,
)
from arcane.errors import UserError

IDS = st.text("0123456789abcdef", min_size=32, max_size=32)
TEXTS = st.one_of(st.none(), st.text())
PATHS = st.text(min_size=1).filter(lambda text: not text.startswith("/") and ".." not in text.split("/"))
NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
EXTRAS = st.dictionaries(
    st.text().filter(lambda name: name not in NAMES | {"extra"}),
    st.one_of(
        st.text(), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False), st.lists(st.text())
    ).filter(lambda value: value not in (float("inf"), float("-inf"))),
)
FACTS = {
    "id": IDS,
    "path": st.one_of(st.none(), PATHS),
    "row": st.one_of(st.none(), st.integers(0, 2**40)),
    "group": TEXTS,
    "time": TEXTS,
    "domain": TEXTS,
    "source": st.text(),
    "source_split": st.sampled_from([None, "train", "test"]),
    "duplicates": st.lists(st.text(), max_size=3).map(tuple),
    "batch": st.integers(0, 2**40),
    "near": st.one_of(st.none(), IDS),
    "extra": EXTRAS,
}
RECORDS = st.builds(Record, label=TEXTS, **FACTS)
ESTIMATED = st.builds(Record, label=NUMBERS, **FACTS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(records=st.lists(RECORDS, max_size=8, unique_by=lambda record: record.id))
def test_round_trip_of_any_unicode(tmp_path, records):
    path = tmp_path / "manifest.jsonl"
    write_manifest(path, records)
    assert read_records(path) == sorted(records, key=lambda record: record.id)
    before = path.read_bytes()
    write_manifest(path, reversed(records))
    assert path.read_bytes() == before


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    records=st.one_of(
        *(st.lists(kind, min_size=1, max_size=8, unique_by=lambda record: record.id) for kind in (RECORDS, ESTIMATED))
    )
)
def test_a_frame_gives_the_same_lines_as_its_records(tmp_path, records):
    numbers = any(isinstance(record.label, float) for record in records)
    frame = frame_of(records, numbers)
    assert manifest_lines(frame).to_list() == [manifest_line(record) for record in records]
    path, other = tmp_path / "manifest.jsonl", tmp_path / "other.jsonl"
    write_manifest(path, records)
    exact = read_exactly(path, numbers)
    write_manifest(other, exact)
    assert other.read_bytes() == path.read_bytes()
    narrow = frame.select([name for name in frame.columns if name == "id" or frame[name].null_count() < len(frame)])
    write_manifest(other, narrow)
    assert other.read_bytes() == path.read_bytes()


def test_what_a_person_wrote_otherwise_keeps_its_meaning(tmp_path):
    path = tmp_path / "manifest.jsonl"
    lines = [
        '{"label":"x","id":"%s","note":{"b":1,"a":[null]},"extra mark":2.50}' % ("c" * 32),
        '{"id": "%s", "label": "y", "group": null, "domain": null, "source": "s", "time": null, "row": 0}' % ("a" * 32),
        '{"id": "%s", "label": "caf\\u00e9", "batch": 0, "duplicates": []}' % ("b" * 32),
    ]
    path.write_text("\n".join(lines) + "\n\n")
    write_manifest(path, read_exactly(path, numbers=False))
    records = read_records(path)
    assert [record.label for record in records] == ["y", "café", "x"]
    assert records[2].extra == {"note": {"b": 1, "a": [None]}, "extra mark": 2.5} and records[0].row == 0
    before = path.read_bytes()
    write_manifest(path, read_exactly(path, numbers=False))
    assert path.read_bytes() == before


def test_fixing_a_label_is_a_one_line_diff(tmp_path):
    records = [Record(f"{number:032x}", "cat\nwith a line end ", path=f"{number}.png") for number in range(5)]
    write_manifest(tmp_path / "a", records)
    records[2] = Record(records[2].id, "dog 🐕", path="2.png")
    write_manifest(tmp_path / "b", records)
    a, b = ((tmp_path / name).read_text(encoding="utf-8").split("\n") for name in "ab")
    assert [number for number, (x, y) in enumerate(zip(a, b, strict=True)) if x != y] == [2]
    assert '"dog 🐕"' in b[2]


GOOD = json.dumps({"id": "a" * 32, "label": "x", "row": 1})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{oops", r"line 2: not JSON"),
        ("<<<<<<< HEAD", "line 2: not JSON .*merge conflict"),
        ("[1]", "line 2: expected an object"),
        ('{"label": "x"}', "line 2: `id` is None"),
        ('{"id": "%s", "label": true}' % ("b" * 32), "`label` is True; expected a text in quotes"),
        ('{"id": "%s", "group": 3}' % ("b" * 32), '`group` is 3; expected a text in quotes, such as "3"'),
        ('{"id": "%s", "row": -1}' % ("b" * 32), "`row` is -1"),
        ('{"id": "%s", "path": "../x.png"}' % ("b" * 32), "line 2: `path` '../x.png' leads out of the project"),
        ('{"id": "%s", "path": "/etc/x.png"}' % ("b" * 32), "leads out of the project"),
        ('{"id": "%s", "source_split": "val"}' % ("b" * 32), "`source_split` is 'val'; expected"),
        ('{"id": "%s", "label": "\\ud800"}' % ("b" * 32), "cannot be written in UTF-8"),
        (GOOD, "line 2: id a{32} stands in line 1 already"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path, line, message):
    path = tmp_path / "manifest.jsonl"
    path.write_text(f"{GOOD}\n{line}\n", encoding="utf-8")
    for read in (read_records, lambda path: read_exactly(path, numbers=False)):
        with pytest.raises(UserError, match=message):
            read(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (GOOD, "line 2: id a{32} stands in line 1 already"),
        ('{"id": "%s", "path": "a/../../x.png"}' % ("b" * 32), "leads out of the project"),
        ('{"id": "%s", "path": "/etc/x.png"}' % ("b" * 32), "leads out of the project"),
        ('{"id": "B", "label": "x"}', "line 2: `id` is 'B'"),
        ('{"id": "%s", "batch": -1}' % ("b" * 32), "`batch` is -1"),
    ],
)
def test_a_frame_is_as_strict(tmp_path, line, message):
    path = tmp_path / "manifest.jsonl"
    path.write_text(f"{GOOD}\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_manifest(path)


def test_what_editors_leave_behind_is_read(tmp_path):
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode() + b"\r\n\r\n")
    assert read_records(path)[0].label == "x" and read_exactly(path, numbers=False)["label"].to_list() == ["x"]
    path.write_bytes(GOOD.encode() + b'\n{"id": "\xe4"}\n')
    with pytest.raises(UserError, match="line 2: not UTF-8"):
        read_records(path)


def test_a_missing_manifest_says_which_stage_writes_it(tmp_path):
    with pytest.raises(UserError, match="not there"):
        read_records(tmp_path / "none")
