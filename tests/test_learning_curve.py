"""Learning curves measured by trials: what a budget allows, what is trained, what comes of it; and all of `size`."""

import json
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import make_project

from arcane.config import Params
from arcane.data.rates import Average, Rate
from arcane.data.sizing import LEAST_POINTS, fit_curve
from arcane.diagnosis.learning_curve import (
    FEW_SEEDS,
    MANY_SEEDS,
    Step,
    epochs_for,
    ladder,
    measure,
    plan,
    unfinished,
    work_of,
)
from arcane.errors import DivergedError, UserError
from arcane.report.size_picture import alt_text, size_picture
from arcane.training.fit import Epoch
from arcane.training.trials import TrialResult

PARAMS = Params.model_validate(
    {
        "seed": 7,
        "goal": {"error": 0.05, "source": "a test"},
        "data": {},
        "model": {},
        "train": {"epochs": 10},
        "improve": {"budget": 100_000},
    }
)


def stand_in(law, diverging=(), average=False):
    """A submit whose trials err as `law(examples)` says, on 1,000 validation examples; and what it was given."""
    given = []

    def submit(trial):
        given.append(trial)
        future: Future = Future()
        size = trial.examples or 1000
        if (size, trial.seed) in diverging:
            future.set_exception(DivergedError("the loss became nan"))
            return future
        error = law(size)
        seen = size * trial.params.train.epochs
        errors = (
            {"train": Average(error / 2, error, size), "validation": Average(error, 2 * error, 1000)}
            if average
            else {"train": Rate(round(size * error / 2), size), "validation": Rate(round(1000 * error), 1000)}
        )
        curve = tuple(epoch(number, 1 / number, seen) for number in range(1, 11))
        future.set_result(TrialResult("key", Path("nowhere"), errors, curve, seen, 1))
        return future

    return submit, given


def epoch(number, loss, seen=0):
    return Epoch(number, loss, 0.1, loss, 0.1, 1e-3, seen)


def law(size):
    return 2 * size**-0.5


@given(st.integers(2, 10**7), st.integers(1, 1000))
def test_a_ladder_rises_to_the_whole_and_holds_every_class(examples, outputs):
    sizes = ladder(examples, outputs)
    assert sizes[-1] == examples
    assert sizes == sorted(set(sizes))
    assert all(size >= 2 * outputs for size in sizes[:-1])
    assert len(sizes) <= 8


def test_ladders_of_known_data():
    assert ladder(48_000, 10) == [375, 750, 1500, 3000, 6000, 12_000, 24_000, 48_000]
    assert ladder(106, 3) == [9, 13, 19, 26, 37, 53, 75, 106]


def test_small_subsets_are_trained_longer_but_never_more_steps():
    assert [epochs_for(size, 1000, 10) for size in (1000, 250, 10)] == [10, 20, 100]
    for size in (10, 100, 900):
        assert epochs_for(size, 1000, 10) * size <= 1000 * 10


@given(st.integers(100, 50_000), st.integers(1, 20), st.integers(1, 50), st.floats(0.5, 40))
def test_a_plan_keeps_to_its_budget_and_more_buys_no_less(examples, outputs, epochs, trainings):
    budget = int(trainings * examples * epochs)
    try:
        steps = plan(examples, outputs, epochs, budget)
    except UserError:
        return
    assert work_of(steps) <= budget
    assert len(steps) >= LEAST_POINTS
    assert steps[-1].examples == examples
    assert all(1 <= step.seeds <= MANY_SEEDS for step in steps)
    richer = {step.examples: step.seeds for step in plan(examples, outputs, epochs, 2 * budget)}
    assert sum(richer.values()) >= sum(step.seeds for step in steps)


def test_plenty_buys_three_seeds_and_five_where_they_are_cheap():
    steps = plan(1000, 10, 10, 10**9)
    assert [(step.examples, step.seeds) for step in steps] == [
        (31, MANY_SEEDS), (62, MANY_SEEDS), (125, MANY_SEEDS), (250, FEW_SEEDS), (500, FEW_SEEDS), (1000, FEW_SEEDS),
    ]  # fmt: skip


def test_the_first_training_on_the_whole_is_the_baselines():
    least = work_of(plan(1000, 10, 10, 10**9)[-LEAST_POINTS:], paid=True)
    steps = plan(1000, 10, 10, least)
    assert steps[-1] == Step(1000, steps[-1].seeds, 10)
    assert work_of(steps, paid=False) - work_of(steps) == 10_000


def test_a_small_budget_says_what_it_takes():
    with pytest.raises(UserError, match=r"budget of 1,000 .*--budget (\d+)") as told:
        plan(1000, 10, 10, 1000)
    enough = int(str(told.value).split("--budget ")[1].split("`")[0])
    assert len(plan(1000, 10, 10, enough)) == LEAST_POINTS
    assert work_of(plan(1000, 10, 10, enough)) <= enough


def test_too_little_data_is_said():
    with pytest.raises(UserError, match="20 training examples are too few"):
        plan(20, 3, 10, 10**9)


def test_trials_are_nested_by_seed_and_share_the_baselines():
    submit, given = stand_in(law)
    steps = plan(1000, 10, 10, 10**9)
    measured = measure(PARAMS, steps, submit)
    whole = [trial for trial in given if trial.examples is None]
    assert [(trial.seed, trial.params) for trial in whole] == [(7, PARAMS), (8, PARAMS), (9, PARAMS)]
    assert all(trial.params.train.epochs == epochs_for(trial.examples, 1000, 10) for trial in given if trial.examples)
    assert {trial.seed for trial in given if trial.examples == 31} == {7, 8, 9, 10, 11}
    assert measured.spent == work_of(steps) == sum((t.examples or 1000) * t.params.train.epochs for t in given) - 10_000
    assert [point.examples for point in measured.points] == [31, 62, 125, 250, 500, 1000]
    assert measured.points[0].errors == (round(1000 * law(31)) / 1000,) * 5
    assert measured.train_errors[-1] == pytest.approx(law(1000) / 2, abs=1e-3)


def test_the_points_give_the_law_back():
    submit, _ = stand_in(law)
    curve = fit_curve(measure(PARAMS, plan(1000, 10, 10, 10**9), submit).points)
    found = curve.at(3000)
    assert found.low <= law(3000) <= found.high


def test_a_regression_keeps_its_deviation():
    submit, _ = stand_in(law, average=True)
    points = measure(PARAMS, plan(1000, 1, 10, 10**9), submit).points
    assert points[-1].deviation == pytest.approx(2 * law(1000))


def test_a_training_that_diverges_is_left_out():
    lost = {(31, seed) for seed in range(7, 12)} | {(62, 8)}
    submit, _ = stand_in(law, diverging=lost)
    points = measure(PARAMS, plan(1000, 10, 10, 10**9), submit).points
    assert [(point.examples, len(point.errors)) for point in points[:2]] == [(62, 4), (125, 5)]


def test_when_most_diverge_it_is_said():
    lost = {(size, seed) for size in (31, 62, 125) for seed in range(7, 12)}
    submit, _ = stand_in(law, diverging=lost)
    with pytest.raises(UserError, match="3 of 6 sizes"):
        measure(PARAMS, plan(1000, 10, 10, 10**9), submit)


@pytest.mark.parametrize(
    ("losses", "train", "expected"),
    [
        ([2.3, 2.2, 2.1, 1.9, 1.5], 0.5, True),  # still falling, little learnt
        ([2.3, 1.0, 0.52, 0.505, 0.5], 0.5, False),  # levelled off
        ([1.0, 0.1, 0.01, 0.001, 0.0001], 0.0, False),  # known by heart: its loss falls for ever
        ([2.3, 1.0], 0.5, False),  # too few epochs to say
    ],
)
def test_training_that_has_not_ended_is_noticed(losses, train, expected):
    curve = [epoch(number, loss) for number, loss in enumerate(losses, 1)]
    assert unfinished(curve, train, 0.55) is expected


class Quiet:
    """A terminal that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def say(self, text):
        self.lines.append(text)

    def progress(self, text, done, total):
        pass


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """`size` on a small digits project, with another project's report as the like problem."""
    from arcane.pipeline.size import size_now

    overrides = {"train.epochs": 4, "train.learning_rate": 3e-3, "data.limit": 400, "goal.error": 0.05}
    overrides |= {"improve.slots": 1, "model.name": "mlp", "run.device": "cpu"}
    project = make_project(tmp_path_factory.mktemp("size"), overrides)
    like = tmp_path_factory.mktemp("other") / "like" / "reports" / "size.json"
    like.parent.mkdir(parents=True)
    submit, _ = stand_in(law)
    curve = fit_curve(measure(PARAMS, plan(1000, 10, 10, 10**9), submit).points)
    like.write_text(json.dumps(curve.as_json(0.05)))
    terminal = Quiet()
    size_now(project, 20_000, str(like), terminal)
    return project, like, terminal


def test_size_writes_numbers_a_picture_and_a_sentence(measured):
    project, _, terminal = measured
    content = json.loads((project.root / "reports/size.json").read_text())
    assert content["points"][-1]["examples"] == content["examples"]
    assert content["spent"] <= content["budget"] == 20_000
    assert content["proxy"]["name"] == "like"
    assert content["needed"]["status"] in {"reached", "reachable", "undecided", "out-of-reach"}
    assert f"size: {content['answer']}" in terminal.lines
    assert "5.0\u00a0%" in content["answer"]
    svg = (project.root / "reports/size.svg").read_text()
    assert "goal 5 %" in svg
    assert "like problem: like" in svg


def test_the_same_again_gives_the_same_bytes_and_trains_nothing(measured):
    from arcane.pipeline.size import size_now

    project, like, _ = measured
    files = [project.root / "reports/size.json", project.root / "reports/size.svg"]
    before = [file.read_bytes() for file in files]
    kept = {path: path.stat().st_mtime_ns for path in (project.root / ".arcane/trials").iterdir()}
    size_now(project, 20_000, str(like), Quiet())
    assert [file.read_bytes() for file in files] == before
    assert {path: path.stat().st_mtime_ns for path in (project.root / ".arcane/trials").iterdir()} == kept


def test_a_proxy_that_is_not_there_is_said(measured, tmp_path):
    from arcane.pipeline.size import like_problem

    project, _, _ = measured
    with pytest.raises(UserError, match=r"neither a ready data set \(digits.*fashion-mnist"):
        like_problem(project, str(tmp_path / "nothing"), 300, 1000, Quiet())
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(UserError, match="not a report of `size`"):
        like_problem(project, str(tmp_path / "other.json"), 300, 1000, Quiet())


def test_a_ready_data_set_is_measured_in_a_small_project_of_its_own(measured):
    from arcane.pipeline.size import like_problem

    project, _, _ = measured
    like = like_problem(project, "digits", 250, 15_000, Quiet())
    assert like["name"] == "digits"
    root = project.root / ".arcane/proxy/digits"
    assert (root / "data/splits.jsonl").is_file()
    splits = (root / "data/splits.jsonl").stat().st_mtime_ns
    assert like_problem(project, "digits", 250, 15_000, Quiet()) == like
    assert (root / "data/splits.jsonl").stat().st_mtime_ns == splits


def test_the_picture_is_the_same_bytes_and_says_what_it_shows(measured):
    content = json.loads((measured[0].root / "reports/size.json").read_text())
    for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        first, second = size_picture(content, kind), size_picture(content, kind)
        assert first == second
        assert first.startswith(start)
    assert content["answer"] in alt_text(content)
    assert np.char.count(size_picture(content).decode(), "aria-label") == 1
