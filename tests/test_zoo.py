"""The doctor over the bug zoo (tests/zoo): it names the plant, is silent on correct programs, and leaves no trace."""

import os
import pickle
from collections import Counter
from types import ModuleType

import pytest
from filelock import FileLock
from zoo import bugs_a, bugs_b, bugs_c, bugs_d, bugs_e
from zoo.expected import ABOVE, BELOW, CODES, ODD_BUT_RIGHT, learned
from zoo.run import Bug, Outcome, patched, programs, run
from zoo.score import recall, score

BUGS = [*bugs_a.BUGS, *bugs_b.BUGS]
SAMPLE = [*BUGS, *bugs_d.BUGS, *bugs_e.BUGS][::16]
CORRECT = sorted({*sorted(ODD_BUT_RIGHT)[::2], *programs()[::8]})
"""Of the plants and of the correct programs, what the suite has time for; `tests/benchmarks/zoo.py` runs them all."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # a hundred and twenty runs, once for the whole file


def shared(factory: pytest.TempPathFactory, name: str, jobs: list[str | Bug], doctor: bool) -> list[Outcome]:
    """The outcomes of the jobs, run once for all the processes that share the tests."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    kept = base / f"{name}.pickle"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(run(jobs, doctor)))
        return pickle.loads(kept.read_bytes())


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """Every fourth of the correct programs and the sample of the plants, without the doctor."""
    return shared(tmp_path_factory, "zoo_alone", [*CORRECT[::4], *SAMPLE], doctor=False)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> list[Outcome]:
    """The correct programs and the sample of the plants, with the doctor."""
    return shared(tmp_path_factory, "zoo_watched", [*CORRECT, *SAMPLE], doctor=True)


def test_every_patch_applies_and_every_code_is_planted_three_times():
    for bug in BUGS:
        compile(patched(bug), bug.program, "exec")
    plants = Counter(bug.code for bug in BUGS)
    assert set(plants) == set(CODES)
    assert min(plants.values()) >= 3, plants.most_common()[-5:]
    assert all({bug.program for bug in BUGS if bug.code == code} for code in CODES)
    assert set().union(*(bug.answers for bug in BUGS)) <= set(CODES)


def test_each_half_holds_every_code():
    assert {bug.code for bug in bugs_a.BUGS} == set(CODES) == {bug.code for bug in bugs_b.BUGS}


@pytest.mark.parametrize("half", [bugs_c, bugs_d, bugs_e], ids="cde")
def test_a_later_half_holds_every_code_twice_in_programs_of_its_own(half: ModuleType):
    for bug in half.BUGS:
        compile(patched(bug), bug.program, "exec")
    plants = Counter(bug.code for bug in half.BUGS)
    assert set(plants) == set(CODES) and min(plants.values()) >= 2, plants.most_common()[-5:]
    assert set().union(*(bug.answers for bug in half.BUGS)) <= set(CODES)
    others = [*BUGS, *(bug for other in (bugs_c, bugs_d, bugs_e) if other is not half for bug in other.BUGS)]
    assert set(half.PROGRAMS).isdisjoint(bug.program for bug in others)


def test_a_patch_that_fits_nowhere_is_refused():
    with pytest.raises(ValueError, match="0 places"):
        patched(Bug("dead-units", "digits_mlp", [("no such line", "")], ""))


def test_there_are_enough_correct_programs_and_each_has_a_bound():
    names = programs()
    assert len(names) >= 60
    assert set(names) == set(ABOVE) | set(BELOW) and not set(ABOVE) & set(BELOW)
    assert set(ODD_BUT_RIGHT) <= set(names)


def test_correct_programs_run_and_learn(alone: list[Outcome], watched: list[Outcome]):
    """Watched, since that changes nothing: see below."""
    assert [(o.program, o.stderr[-300:]) for o in alone if o.bug is None and o.code != 0] == []
    correct = [outcome for outcome in watched if outcome.bug is None]
    assert [(o.program, o.stdout[-100:]) for o in correct if not learned(o.program, o.stdout)] == []


def test_plants_crash_only_where_they_say_so(alone: list[Outcome]):
    wrong = [(o.program, o.bug.code) for o in alone if o.bug is not None and (o.code != 0) != o.bug.crashes]
    assert wrong == []


def test_the_doctor_reports_on_every_program(watched: list[Outcome]):
    assert [(o.program, o.bug and o.bug.code, o.stderr[-300:]) for o in watched if not o.examined] == []


def test_no_trace_in_what_a_program_prints(alone: list[Outcome], watched: list[Outcome]):
    known = {(o.program, repr(o.bug)): o for o in watched}
    pairs = [(a, known[a.program, repr(a.bug)]) for a in alone]
    differ = [(a.program, a.bug and a.bug.code) for a, b in pairs if a.stdout != b.stdout]
    assert differ == []


def test_no_error_and_few_warnings_on_correct_programs(watched: list[Outcome]):
    correct = [outcome for outcome in watched if outcome.bug is None]
    said = [(o.program, f["code"]) for o in correct for f in o.findings if f["severity"] == "error"]
    assert said == []
    assert score(correct).warnings_each <= 0.2


def test_plants_are_found_as_before(watched: list[Outcome]):
    """What the doctor reached when this was written, less the chance of a sample; the aims are 0.95 and 0.85, and
    docs/explanation/doctor-zoo.md says how far it is from them."""
    found = recall(outcome for outcome in watched if outcome.bug)
    assert found.share(found.three) >= 0.75
    assert found.share(found.first) >= 0.72


def test_errors_are_right(watched: list[Outcome]):
    assert score(watched).precision >= 0.9
