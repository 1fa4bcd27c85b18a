"""The manifest survives a round trip with any text in it, and says which line is wrong when a person broke it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arcane.data.manifest import NAMES, Record, read_records, write_manifest
from arcane.errors import UserError

IDS = st.text("0123456789abcdef", min_size=32, max_size=32)
TEXTS = st.one_of(st.none(), st.text())
PATHS = st.text(min_size=1).filter(lambda text: not text.startswith("/") and ".." not in text.split("/"))
RECORDS = st.builds(
    Record,
    id=IDS,
    label=TEXTS,
    path=st.one_of(st.none(), PATHS),
    row=st.one_of(st.none(), st.integers(0, 2**40)),
    group=TEXTS,
    time=TEXTS,
    domain=TEXTS,
    source=st.text(),
    source_split=st.sampled_from([None, "train", "test"]),
    duplicates=st.lists(st.text(), max_size=3).map(tuple),
    extra=st.dictionaries(
        st.text().filter(lambda name: name not in NAMES | {"extra"}), st.one_of(st.text(), st.integers(), st.booleans())
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(records=st.lists(RECORDS, max_size=8, unique_by=lambda record: record.id))
def test_round_trip_of_any_unicode(tmp_path, records):
    path = tmp_path / "manifest.jsonl"
    write_manifest(path, records)
    assert read_records(path) == sorted(records, key=lambda record: record.id)
    before = path.read_bytes()
    write_manifest(path, reversed(records))
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
        ('{"id": "%s", "label": 3}' % ("b" * 32), '`label` is 3; expected a text in quotes, such as "3"'),
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
    with pytest.raises(UserError, match=message):
        read_records(path)


def test_what_editors_leave_behind_is_read(tmp_path):
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode() + b"\r\n\r\n")
    assert read_records(path)[0].label == "x"
    path.write_bytes(GOOD.encode() + b'\n{"id": "\xe4"}\n')
    with pytest.raises(UserError, match="line 2: not UTF-8"):
        read_records(path)


def test_a_missing_manifest_says_which_stage_writes_it(tmp_path):
    with pytest.raises(UserError, match="not there"):
        read_records(tmp_path / "none")
