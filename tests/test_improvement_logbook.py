"""The logbook: an entry a round, once, and every byte that people wrote stays where it was."""

import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from arcane.improvement.logbook import HEADER, append_rounds, round_digest
from arcane.improvement.rounds import Round

ROUND = Round(
    round=1,
    dominant="bias",
    action="bigger-model",
    addresses="under-fitting",
    why="It needs more capacity.",
    change={"model.width": [1.0, 2.0]},
    before={"train": 0.08, "validation": 0.1},
    after={"train": 0.02, "validation": 0.05},
    p_value=0.0123,
    level=0.02,
    kept=True,
    seeds=3,
    epochs=15,
    seen=53_000,
    reason="Kept: better beyond noise.",
)


def test_an_entry_tells_the_story(tmp_path):
    path = tmp_path / "LOGBOOK.md"
    assert append_rounds(path, [ROUND]) == 1
    text = path.read_text()
    assert text.startswith(HEADER)
    assert f"<!-- round:{round_digest(ROUND)} -->" in text
    assert "## Round 1: bigger-model — kept" in text
    assert "validation error 10.00 %" in text and "`model.width` 1.0 → 2.0" in text
    assert "- Expected: It needs more capacity." in text
    assert "validation error 5.00 % (mean of 3 seeds, p = 0.012). Kept: better beyond noise." in text


def test_what_was_put_off_says_after_how_many_epochs(tmp_path):
    ahead = "Put off: after 3 epochs `schedule` was ahead, at 4.00 % on validation."
    append_rounds(tmp_path / "LOGBOOK.md", [replace(ROUND, kept=False, seeds=0, epochs=3, reason=ahead)])
    text = (tmp_path / "LOGBOOK.md").read_text()
    assert "## Round 1: bigger-model — put off" in text
    assert "validation error 5.00 % after 3 epochs. Put off: after 3 epochs `schedule` was ahead" in text


def test_the_same_rounds_add_nothing_and_another_result_does(tmp_path):
    path = tmp_path / "LOGBOOK.md"
    append_rounds(path, [ROUND])
    before = path.read_bytes()
    assert append_rounds(path, [ROUND, ROUND]) == 0
    assert path.read_bytes() == before
    assert append_rounds(path, [ROUND, replace(ROUND, p_value=0.02)]) == 1
    assert path.read_bytes().startswith(before)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=80), st.integers(0, 3))
def test_what_people_wrote_stays_byte_for_byte(first, later, count):
    rounds = [replace(ROUND, round=number) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "LOGBOOK.md"
        path.write_bytes(first)
        assert append_rounds(path, rounds) == count
        once = path.read_bytes()
        assert once.startswith(first)
        path.write_bytes(once + later)
        assert append_rounds(path, rounds) == 0
        assert path.read_bytes() == once + later
