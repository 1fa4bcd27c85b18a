"""Hyper-parameter search: the space, every method, pruning, the journal, and studies that are killed and go on."""

import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import yaml
from diagnosis_tasks import params
from hypothesis import given
from hypothesis import strategies as st
from projects import make_project

from arcane.config import find_project
from arcane.data.loading import Examples
from arcane.errors import DivergedError, UserError
from arcane.improvement.search.bayes import Bayes
from arcane.improvement.search.methods import (
    ROUND,
    Box,
    CoarseToFine,
    Random,
    Tried,
    best_of,
    grid,
    next_box,
)
from arcane.improvement.search.pruning import goes_on, ladder
from arcane.improvement.search.space import Dimension, default_space, grid_size, parse_space
from arcane.improvement.search.store import Store
from arcane.improvement.search.study import Outcome, Study
from arcane.improvement.search.tuning import Plan, listed_points
from arcane.pipeline.search import planned, search_now
from arcane.spec import Spec, Target
from arcane.terminal import Terminal

SOURCE = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}" / "src"
RATE = Dimension("train.learning_rate", 1e-4, 1e-1, log=True)
WIDTH = Dimension("model.width", choices=(0.5, 1.0, 2.0, 4.0))
KIND = Dimension("train.optimizer", choices=("adam", "adamw", "sgd"))
SPACE = (RATE, WIDTH, KIND)
DIGITS = Spec("image", (1, 8, 8), tuple("0123456789"))


def bowl(values) -> float:
    """Least, 0.02, at a rate of 0.01, width 2 and adamw."""
    rate, width = math.log10(values["train.learning_rate"]) + 2, math.log2(values["model.width"]) - 1
    return 0.02 + 0.05 * rate**2 + 0.02 * width**2 + 0.05 * (values["train.optimizer"] != "adamw")


def evaluated(number, values, rung) -> "Future[Outcome]":
    """The bowl, seen through more noise at lower rungs; the noise is the trial's own."""
    future: Future[Outcome] = Future()
    noise = np.random.default_rng([number, rung]).normal() * (0.02, 0.005, 0.0)[rung]
    future.set_result(Outcome(bowl(values) + abs(noise), 10 ** (rung + 1)))
    return future


def method_of(name, seed=0):
    made = {
        "grid": lambda: grid(SPACE),
        "random": lambda: Random(SPACE, seed),
        "coarse-to-fine": lambda: CoarseToFine(SPACE, seed),
        "bayes": lambda: Bayes(SPACE, seed),
        "gp": lambda: Bayes(SPACE, seed, "gp"),
    }
    return made[name]()


def study(name, place=None, seed=0, evaluate=evaluated, **options):
    return Study(method_of(name, seed), Store(place, "study", SPACE), evaluate, **options)


# The space


def test_a_space_is_read_typed_and_ordered():
    tree = {
        "train.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "model.width": [4, 0.5, 2, 1],
        "model.depth": {"low": 1, "high": 3},
        "train.ema": [None, 0.99],
    }
    rate, width, depth, ema = parse_space(tree, params())
    assert rate == RATE and width.choices == (0.5, 1, 2, 4)
    assert (depth.whole, depth.grid()) == (True, (1, 2, 3)) and type(depth.at(0.5)) is int
    assert ema.choices == (None, 0.99) and not ema.ordered and width.ordered


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"train.lerning_rate": [1]}, "unknown parameter `train.lerning_rate`: did you mean `train.learning_rate`"),
        ({"goal.error": [0.1]}, "`goal.error` shapes no training"),
        ({"model.width": [1, -1]}, "`model.width` is -1"),
        ({"model.width": []}, "is empty; expected at least one"),
        ({"model.width": [[1]]}, r"holds \[1\]"),
        ({"model.width": 3}, "is 3; expected a list such as"),
        ({"train.learning_rate": {"low": 1, "high": 0.1}}, "low ≤ high"),
        ({"train.learning_rate": {"low": 0, "high": 0.1, "log": True}}, "true needs low > 0"),
        ({"train.learning_rate": {"low": 0.01, "hihg": 0.1}}, "has `hihg`; expected low, high, log, points: high"),
        ({"train.batch_size": {"low": 0.5, "high": 0.7}}, "train.batch_size"),
    ],
)
def test_a_wrong_space_is_refused_by_name(tree, message):
    with pytest.raises(UserError, match=message):
        parse_space(tree, params())


@given(st.floats(0, 1), st.booleans())
def test_places_and_values_lead_to_each_other(place, log):
    dimension = Dimension("train.learning_rate", 1e-3, 10.0, log=log)
    value = dimension.at(place)
    assert 1e-3 <= value <= 10.0
    assert dimension.place(value) == pytest.approx(place, abs=2e-3)
    assert WIDTH.place(WIDTH.at(place)) == pytest.approx(place, abs=0.126)


def test_the_default_space_is_the_recipes_order_around_the_params():
    start = params({"train.learning_rate": 2e-3, "model.width": 2.0, "train.batch_size": 48})
    space = default_space(start, DIGITS)
    names = [dimension.name for dimension in space]
    order = ["train.label_smoothing", "train.learning_rate", "train.schedule", "model.width", "model.depth"]
    assert names[:5] == order
    assert names.index("train.weight_decay") < names.index("train.optimizer") < names.index("train.batch_size")
    assert names[-1] == "model.activation"
    for dimension in space:  # what the project has lies inside
        value = start.value(dimension.name)
        assert value in dimension.choices if dimension.choices else dimension.low <= value <= dimension.high
    regression = Spec("tabular", (3,), target=Target("x"))
    assert "train.label_smoothing" not in [d.name for d in default_space(start, regression)]
    linear = [d.name for d in default_space(params({"model.name": "linear"}), DIGITS)]
    assert not any(name.startswith("model.") for name in linear)
    assert len(default_space(start, DIGITS, 3)) == 3


# Methods


def test_a_grid_is_complete_and_stops():
    told = study("grid", trials=1000).run()
    tried = {tuple(one.values.values()) for one in told}
    assert len(told) == len(tried) == grid_size(SPACE) == 48
    assert tried == set(itertools.product(RATE.grid(), WIDTH.choices, KIND.choices))
    assert RATE.grid() == (1e-4, 1e-3, 1e-2, 1e-1)


def test_random_is_reproducible_and_another_seed_is_another_study():
    first, again, other = (study("random", seed=seed, trials=20).run() for seed in (3, 3, 4))
    assert first == again
    assert [one.values for one in first] != [one.values for one in other]
    rates = [math.log10(one.values["train.learning_rate"]) for one in study("random", trials=400).run()]
    assert np.histogram(rates, bins=3, range=(-4, -1))[0] == pytest.approx(133, abs=35)  # even on the logarithm


def test_coarse_to_fine_zooms_on_the_best_and_moves_where_that_lies_at_the_edge():
    whole = Box(np.zeros(2), np.ones(2))
    closer = next_box(whole, np.array([0.3, 0.95]))
    assert closer.low == pytest.approx([0.05, 0.5]) and closer.high == pytest.approx([0.55, 1.0])
    moved = next_box(closer, np.array([0.3, 0.52]))  # near the lower edge of the second: it moves, as wide as before
    assert moved.low == pytest.approx([0.175, 0.27]) and moved.high == pytest.approx([0.425, 0.77])
    told = study("coarse-to-fine", trials=5 * ROUND).run()
    rates = [math.log10(one.values["train.learning_rate"]) for one in told]
    first, last = rates[:ROUND], rates[-ROUND:-1]  # the last of a round looks at the whole space
    assert max(first) - min(first) > 2 > 3 * (max(last) - min(last))
    assert abs(np.mean(last) + 2) < 0.4


@pytest.mark.parametrize("name", ["coarse-to-fine", "bayes"])
def test_methods_that_watch_beat_those_that_do_not(name):
    def best(method, seed):
        return best_of(study(method, seed=seed, trials=40, evaluate=exact).run()).error

    def exact(number, values, rung):
        future: Future[Outcome] = Future()
        future.set_result(Outcome(bowl(values), 1))
        return future

    watching, blind = ([best(each, seed) for seed in range(5)] for each in (name, "random"))
    assert np.median(watching) < np.median(blind)


def test_the_gaussian_process_proposes_from_its_tenth_trial_on():
    told = study("gp", trials=13).run()
    assert [one.number for one in told] == list(range(13))
    assert min(one.error for one in told[10:]) < np.median([one.error for one in told[:10]])


def test_a_list_by_hand_is_checked_entry_by_entry():
    content = [{"train.learning_rate": 0.01}, {"train.learning_rate": 0.02, "model.width": 2.0}]
    points, space = listed_points(content, params(), "tries.yaml")
    assert points == (
        {"train.learning_rate": 0.01, "model.width": 1.0},
        {"train.learning_rate": 0.02, "model.width": 2.0},
    )
    assert [dimension.name for dimension in space] == ["train.learning_rate", "model.width"]
    told = Study(Plan("manual", space, 9, points=points).proposer(1), Store(None, "x", space), by_rate, trials=9).run()
    assert [one.values for one in told] == list(points)
    with pytest.raises(UserError, match=r"tries\.yaml, entry 2: `model\.width` is -1"):
        listed_points([{"train.epochs": 3}, {"model.width": -1}], params(), "tries.yaml")
    with pytest.raises(UserError, match="expected a list of values"):
        listed_points({"model.width": 1}, params(), "tries.yaml")


def by_rate(number, values, rung):
    future: Future[Outcome] = Future()
    future.set_result(Outcome(float(values["train.learning_rate"]), 1))
    return future


# Pruning


def test_the_ladder_and_who_climbs_it():
    assert ladder(30) == (3, 10, 30) and ladder(9) == (2, 3, 9)
    assert ladder(2) == (2,) and ladder(1) == (1,)
    assert goes_on(0.3, [])  # the first is the best so far
    assert not goes_on(0.3, [0.2]) and goes_on(0.1, [0.2])
    before = [0.1, 0.2, 0.3, 0.4, 0.5]
    assert goes_on(0.15, before) and not goes_on(0.25, before)


def test_pruning_saves_most_of_the_work_and_keeps_the_best():
    pruned = study("random", rungs=3, trials=60).run()
    assert len({one.number for one in pruned}) == 60
    states = [one.state for one in pruned]
    assert states.count("pruned") > 40
    assert all(len(one.rungs) == 3 for one in pruned if one.state == "complete")
    assert sum(one.seen for one in pruned) < 0.35 * 60 * (10 + 100 + 1000)
    values = sorted(bowl(one.values) for one in pruned)
    assert bowl(best_of(pruned).values) <= values[3]


def test_a_trial_that_diverges_is_told_and_the_study_goes_on():
    def evaluate(number, values, rung):
        future = evaluated(number, values, rung)
        if values["train.learning_rate"] > 0.03:
            future = Future()
            future.set_exception(DivergedError("too fast"))
        return future

    told = study("bayes", evaluate=evaluate, trials=25).run()
    diverged = [one for one in told if one.state == "diverged"]
    assert diverged and all(one.error == math.inf and one.rungs == () for one in diverged)
    assert len(diverged) < 12 and best_of(told).error < 0.1


def test_the_budget_covers_every_trial_to_its_highest_rung():
    cost = {0: 10, 1: 100, 2: 1000}
    for budget in (0, 1109, 1110, 5000):
        told = study("random", rungs=3, cost=lambda values, rung: cost[rung], budget=budget).run()
        assert sum(one.seen for one in told) <= budget
        assert bool(told) == (budget >= 1110)


# Slots, timing, kills


@pytest.mark.parametrize("name", ["random", "coarse-to-fine", "bayes"])
def test_slots_and_their_timing_change_nothing(name):
    alone = study(name, rungs=3, trials=30).run()
    for slots in (2, 5):
        with ThreadPoolExecutor(slots) as pool:

            def evaluate(number, values, rung, pool=pool, slots=slots):
                def work():
                    time.sleep(float(np.random.default_rng([number, rung, slots]).random()) * 0.004)
                    return evaluated(number, values, rung).result()

                return pool.submit(work)

            assert study(name, rungs=3, trials=30, evaluate=evaluate).run() == alone


class Killed(BaseException):
    """Stands in for the end of the process."""


@pytest.mark.parametrize("name", ["grid", "coarse-to-fine", "bayes"])
def test_a_study_that_is_stopped_anywhere_goes_on_as_if_it_had_not_been(name, tmp_path):
    whole = study(name, rungs=3, trials=30).run()
    place = tmp_path / "search.journal"
    asked: list[int] = []

    def evaluate(number, values, rung):
        asked.append(number)
        if len(asked) % 41 == 0:  # more than 16 in flight ask for at once: each life gets somewhere
            raise Killed
        return evaluated(number, values, rung)

    for _ in range(60):
        try:
            assert study(name, place, rungs=3, trials=30, evaluate=evaluate).run() == whole
            break
        except Killed:
            continue
    else:
        pytest.fail("never came to an end")
    assert len(asked) > 41  # it was killed at least once


KILLED = """
import sys, time
sys.path[:0] = {path}
import test_search
def evaluate(number, values, rung):
    time.sleep(0.004)
    return test_search.evaluated(number, values, rung)
test_search.study("bayes", sys.argv[1], rungs=3, trials=40, evaluate=evaluate).run()
print("done")
"""


def test_kill_9_at_any_instant_loses_and_repeats_no_trial(tmp_path):
    place = tmp_path / "search.journal"
    script = KILLED.format(path=[str(Path(__file__).parent), str(SOURCE)])
    process = subprocess.Popen([sys.executable, "-c", script, place], stdout=subprocess.PIPE)
    while not place.exists() or place.stat().st_size < 6000:
        assert process.poll() is None
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    told, _ = Store(place, "study", SPACE).kept()
    assert 0 < len(told) < 40
    with place.open("ab") as file:
        file.write(b'{"op_code": 4, "wor')  # torn in the middle of a line, and a lock that nobody holds
    (tmp_path / "search.journal.lock").symlink_to(place)
    start = time.monotonic()
    assert study("bayes", place, rungs=3, trials=40).run() == study("bayes", rungs=3, trials=40).run()
    assert time.monotonic() - start < 20  # the lock was not waited for (30 s)


def test_a_study_lives_in_a_database_too_and_a_wrong_address_is_said(tmp_path):
    url = f"sqlite:///{tmp_path}/search.db"
    half = study("bayes", url, trials=6).run()
    whole = study("bayes", url, trials=12).run()
    assert whole[:6] == half and whole == study("bayes", trials=12).run()
    with pytest.raises(UserError, match=r"search.storage: .* cannot be opened .* expected a database's URL"):
        Store("nosuch://x", "study", SPACE)


def test_the_study_is_named_by_what_shapes_its_course():
    plan = Plan("random", SPACE, 5)
    start = params()
    name = plan.study_name(start, "data")
    assert name == Plan("random", SPACE, 50, 10**6).study_name(start, "data")  # its length does not
    others = [
        Plan("random", SPACE[:2], 5).study_name(start, "data"),
        Plan("random", SPACE, 5, prune=False).study_name(start, "data"),
        plan.study_name(start.changed({"train.epochs": 3}), "data"),
        plan.study_name(start.changed({"seed": 2}), "data"),
        plan.study_name(start, "other"),
    ]
    assert len({name, *others}) == 6


def test_importance_names_what_matters():
    one = Study(method_of("random"), Store(None, "study", SPACE), evaluated, 1, trials=100)
    one.run()
    found = one.store.importance()
    assert next(iter(found)) == "train.learning_rate" and sum(found.values()) == pytest.approx(1, abs=1e-5)
    few = Study(method_of("random"), Store(None, "study", SPACE), evaluated, 1, trials=4)
    few.run()
    assert few.store.importance() == {}


def test_the_best_is_complete_and_the_earlier_of_equals():
    told = [Tried(0, {}, "pruned", 0.01), Tried(1, {}, "complete", 0.2), Tried(2, {}, "complete", 0.2)]
    assert best_of(told).number == 1 and best_of(told[:1]) is None


# A tabulated benchmark, in small; tests/benchmarks/search.py is the whole one


def test_bayes_is_no_worse_than_raw_tpe_and_costs_little():
    sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
    from search import first_in_top, ours, raw, tabulated

    table = tabulated("hpobench", "phoneme")
    start = time.process_time()
    runs = [ours(table, seed, 60) for seed in range(8)]
    each = (time.process_time() - start) / sum(map(len, runs))
    mine = [first_in_top(errors, table) for errors in runs]
    theirs = [first_in_top(raw(table, seed, 60), table) for seed in range(8)]
    assert np.median(mine) <= 1.5 * np.median(theirs)  # eight seeds tell no more; the benchmark has 25 and 15 tables
    assert each < 0.03


# The command


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    changed = {
        "train.epochs": 3,
        "train.learning_rate": 1e-5,
        "data.limit": 400,
        "improve.slots": 1,
        "search.space": {"train.learning_rate": [1e-5, 3e-3], "train.batch_size": [16, 64]},
    }
    return make_project(tmp_path_factory.mktemp("search"), changed)


def searched(project, method, apply=False) -> tuple[str, dict]:
    """What `search` said and wrote, with the project read anew."""
    import io

    from rich.console import Console

    terminal = Terminal()
    terminal.console = Console(file=io.StringIO(), width=1000)
    search_now(find_project(project.root), method, None, None, apply, terminal)
    return terminal.console.file.getvalue(), json.loads((project.root / "reports/search.json").read_text())


def test_search_reports_proposes_applies_and_repeats_nothing(project, monkeypatch):
    monkeypatch.setattr("arcane.pipeline.tracking.start_sender", lambda *given, **options: None)
    file, report_file = project.root / "params.yaml", project.root / "reports/search.json"
    original = "# mine\n" + file.read_text()
    file.write_text(original)
    said, report = searched(project, "grid", apply=True)
    assert len(report["trials"]) == report["grid"] == 4
    assert report["change"]["train.learning_rate"] == [1e-5, 3e-3] and report["better"]
    assert report["confirmation"]["after"] < report["confirmation"]["before"] - 0.3
    assert report["spent"] == sum(t["rungs"][-1]["seen"] for t in report["trials"]) <= report["budget"]
    assert "It is better beyond noise" in report["sentence"] in said
    text = file.read_text()
    assert text.startswith("# mine\n") and yaml.safe_load(text)["train"]["learning_rate"] == 3e-3
    assert not (project.root / "reports/test_ledger.jsonl").exists()  # the test split stays closed
    runs = [json.loads(path.read_text().splitlines()[0]) for path in project.root.glob(".arcane/journal/*.jsonl")]
    parents = [run["key"] for run in runs if run["parent"] is None]
    trials = [run for run in runs if run["parent"] is not None]
    assert len(parents) == 1 and {run["parent"] for run in trials} == set(parents) and len(trials) >= 8
    before, trained = report_file.read_bytes(), sorted((project.root / ".arcane/trials").iterdir())
    file.write_text(original)
    searched(project, "grid")
    assert report_file.read_bytes() == before
    assert sorted((project.root / ".arcane/trials").iterdir()) == trained


@pytest.mark.parametrize(
    ("method", "listed", "message"),
    [
        ("bayse", None, "search bayse: unknown method: did you mean `bayes`"),
        ("manual", None, "search manual: needs the file that lists the values"),
        ("random", Path("list.yaml"), "search random: takes no file"),
        ("manual", Path("nosuch.yaml"), r"nosuch\.yaml: cannot be read"),
    ],
)
def test_wrong_arguments_are_answered_in_a_line(project, method, listed, message):
    with pytest.raises(UserError, match=message):
        planned(project, Examples((), np.zeros(0), np.zeros(0), DIGITS), method, listed, None)


def test_what_is_searched_where_nothing_is_said(tmp_path):
    project = make_project(tmp_path, with_data=False)
    nothing = Examples((), np.zeros(0), np.zeros(0), DIGITS)
    assert len(planned(project, nothing, "random", None, 40).space) == 10  # four trials a dimension
    assert len(planned(project, nothing, "random", None, 4).space) == 3
    assert grid_size(planned(project, nothing, "grid", None, 30).space) <= 30
    assert planned(project, nothing, None, None, None).method == "bayes"
