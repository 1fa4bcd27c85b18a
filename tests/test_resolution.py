"""The resolution sweep: the smallest size that is shown to serve, never one that merely could not be told apart."""

from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from projects import make_project

from arcane.config import Params
from arcane.data.rates import Rate
from arcane.diagnosis.resolution import SEEDS, bounds, choose, judge, sides, sweep
from arcane.errors import UserError
from arcane.training.trials import TrialResult


def params(detect=0.02):
    return Params.model_validate(
        {
            "seed": 3,
            "goal": {"error": 0.05, "source": "a test"},
            "data": {"detect": detect, "resolution": "sweep"},
            "model": {},
            "train": {"epochs": 2},
            "improve": {"budget": 0},
        }
    )


def percent(error):
    return f"{100 * error:.3g} %"


def wrong(rates, n, seed=0, spread=0.0):
    """0 or 1 [S, n] for each rate: hard examples are hard at every size, but each training errs on some of its own."""
    rng = np.random.default_rng(seed)
    shared = rng.random(n)
    made = []
    for rate in rates:
        own = rng.random((SEEDS, n))
        moved = rate * (1 + spread * rng.standard_normal((SEEDS, 1)))
        made.append(np.where(own < 0.5, shared < moved, rng.random((SEEDS, n)) < moved).astype(float))
    return made


class Kept(TrialResult):
    """A result whose validation errors lie in memory."""

    validation_errors = None


def stand_in(errors_of, given):
    def submit(trial):
        given.append(trial)
        errors = errors_of(trial.resolution, trial.seed)
        rate = Rate(int(errors.sum()), len(errors))
        result = Kept("key", Path("nowhere"), {"train": rate, "validation": rate}, (), 100, 1)
        object.__setattr__(result, "validation_errors", errors)
        future: Future = Future()
        future.set_result(result)
        return future

    return submit


def test_sides_are_halves_down_to_a_few_pixels():
    assert sides(28) == [28, 14, 7]
    assert sides(224) == [224, 112, 56, 28, 14, 7]
    assert sides(8) == [8]


def test_the_smallest_that_is_shown_to_serve_is_chosen():
    rows = judge([32, 16, 8], wrong([0.100, 0.106, 0.20], 20_000), 0.02)
    assert [row.verdict for row in rows] == ["best", "as good", "worse"]
    assert choose(rows).side == 16


def test_few_examples_do_not_make_a_size_as_good():
    """The same rates on 150 examples: nothing is significant, so nothing is shown to serve."""
    rows = judge([32, 16, 8], wrong([0.10, 0.11, 0.12], 150, spread=0.1), 0.02)
    assert choose(rows).verdict == "best"
    assert all(row.verdict != "as good" for row in rows)
    assert any(row.verdict == "not settled" for row in rows)


def test_equal_errors_choose_the_smaller_size():
    same = wrong([0.1], 500)[0]
    rows = judge([32, 16, 8], [same, same, same], 0.02)
    assert choose(rows).side == 8


def test_a_size_that_is_just_too_much_worse_passes_as_rarely_as_promised():
    """At a true difference equal to the margin, a 95 % bound lets a size pass in about 5 % of sweeps."""
    passed = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        native = (rng.random((SEEDS, 800)) < 0.10).astype(float)
        small = (rng.random((SEEDS, 800)) < 0.12).astype(float)
        passed.append(bounds(small, native)[1] <= 0.02)
    assert 0.01 <= np.mean(passed) <= 0.08


def test_seeds_that_disagree_widen_the_bounds():
    calm, wild = (wrong([0.1, 0.1], 2000, spread=spread) for spread in (0.0, 0.3))
    assert bounds(calm[1], calm[0])[1] < bounds(wild[1], wild[0])[1]


def test_a_sweep_trains_the_native_size_as_the_baseline_does():
    given = []
    rates = {None: 0.10, 14: 0.10, 7: 0.3}

    def errors_of(side, seed):
        return np.random.default_rng(0).random(4000) < rates[side]

    found = sweep(params(), (1, 28, 28), stand_in(errors_of, given), percent)
    assert [(trial.resolution, trial.seed) for trial in given] == [
        (side, seed) for side in (None, 14, 7) for seed in (3, 4, 5)
    ]
    assert found.chosen == 14
    assert found.spent == 900
    assert "measurably worse: 7 (" in found.sentence
    assert found.as_json()["rows"][2]["verdict"] == "worse"


def test_a_sweep_that_settles_nothing_keeps_the_images():
    def errors_of(side, seed):
        return np.random.default_rng([side or 0, seed]).random(60) < (0.05 if side is None else 0.15)

    found = sweep(params(), (3, 28, 20), stand_in(errors_of, []), percent)
    assert found.chosen is None
    assert "60 validation examples and 3 seeds cannot show" in found.sentence


def test_only_images_have_a_resolution():
    with pytest.raises(UserError, match="for images"):
        sweep(params(), (1, 40), stand_in(None, []), percent)


def test_real_digits_lose_too_much_at_four_pixels(tmp_path, monkeypatch):
    from arcane.diagnosis import resolution
    from arcane.training.trials import run_trial

    monkeypatch.setattr(resolution, "SMALLEST", 4)
    monkeypatch.setattr(resolution, "SEEDS", 2)
    overrides = {"train.epochs": 6, "train.learning_rate": 3e-3, "data.limit": 900, "model.name": "mlp"}
    project = make_project(tmp_path, overrides)

    def submit(trial):
        future: Future = Future()
        future.set_result(run_trial(project.root, trial, "cpu"))
        return future

    found = sweep(project.params, (1, 8, 8), submit, percent)
    assert [row.side for row in found.rows] == [8, 4]
    assert found.rows[1].error > found.rows[0].error
    assert found.chosen is None
