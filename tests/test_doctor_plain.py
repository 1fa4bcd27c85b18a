"""The plain programs of tests/zoo/plain*.py that the doctor once judged wrongly; tests/benchmarks/plain.py runs all."""

from importlib import import_module
from pathlib import Path

import pytest
from watched import read
from zoo.plain import patched, told

SETS = [import_module(f"zoo.{path.stem}") for path in sorted((Path(__file__).parent / "zoo").glob("plain*.py"))]


def marked(patches: list[tuple], marks: tuple[str, ...]) -> list[tuple]:
    return [one for one in patches if any(mark in told(one[1]) for mark in marks)]


@pytest.mark.parametrize(("program", "patch"), [one for each in SETS for one in marked(each.RIGHT, each.ACCUSED_ONCE)])
def test_a_right_program_is_not_accused(program, patch, tmp_path):
    findings = read(patched(program, patch), tmp_path / "train.py")
    assert [(f.code, f.message) for f in findings if f.severity != "note"] == []


@pytest.mark.parametrize(
    ("program", "patch", "codes"), [one for each in SETS for one in marked(each.WRONG, each.MISSED_ONCE)]
)
def test_a_wrong_line_is_named(program, patch, codes, tmp_path):
    findings = read(patched(program, patch), tmp_path / "train.py")
    assert findings and findings[0].code in codes, [(f.code, f.message) for f in findings]


@pytest.mark.parametrize("programs", SETS, ids=lambda programs: programs.__name__)
def test_every_patch_fits_and_each_mark_is_one(programs):
    for program, patch, *_ in [*programs.RIGHT, *programs.WRONG]:
        compile(patched(program, patch), "plain", "exec")
    for mark in programs.ACCUSED_ONCE:
        assert sum(mark in told(patch) for _, patch in programs.RIGHT) == 1, mark
    for mark in programs.MISSED_ONCE:
        assert sum(mark in told(patch) for _, patch, _ in programs.WRONG) == 1, mark
