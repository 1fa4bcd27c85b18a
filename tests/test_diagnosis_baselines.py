"""Baselines on real digits, and the error analysis on numbers that can be counted by hand."""

import time

import numpy as np
import pytest
from diagnosis_tasks import curves, digits, heights, passengers, patients

from arcane.data.loading import Examples
from arcane.data.rates import Average, Rate
from arcane.diagnosis.baselines import _subset, fit_baselines
from arcane.diagnosis.confusion import WORST, analyse_errors
from arcane.diagnosis.error_analysis import analyse
from arcane.diagnosis.estimates import GROUPS, POINTS, analyse_estimates
from arcane.spec import Spec


def test_baselines_on_digits_in_a_second():
    train, validation = digits()
    start = time.perf_counter()
    fitted = fit_baselines(train)
    assert time.perf_counter() - start < 10
    assert list(fitted) == ["majority", "linear", "neighbours"]
    majority, linear, neighbours = (model.measure(validation) for model in fitted.values())
    assert 0.85 < majority.value < 0.92
    assert 0.02 < linear.value < 0.12 and neighbours.value < 0.08
    assert majority.n == linear.n == len(validation.labels)


def test_baselines_learn_from_the_training_split_alone():
    train, validation = digits()
    before = fit_baselines(train)["linear"].predict(validation.inputs)
    changed = Examples(validation.ids, validation.inputs, 9 - validation.labels, validation.spec)
    fitted = fit_baselines(train)
    fitted["linear"].measure(changed)
    np.testing.assert_array_equal(fitted["linear"].predict(validation.inputs), before)


@pytest.mark.parametrize(
    ("data", "most"),
    # Of MNIST-1D's 4,000 curves, its authors' linear model errs on 68 %.
    [
        (curves, {"majority": 0.95, "linear": 0.75, "neighbours": 0.6, "trees": 0.4}),
        (passengers, {"majority": 0.56, "linear": 0.25, "neighbours": 0.3, "trees": 0.25}),
        (heights, {"mean": 1.2, "linear": 0.25, "neighbours": 0.3, "trees": 0.25}),
        (patients, {"mean": 1.25, "linear": 0.65, "neighbours": 0.8, "trees": 0.85}),
    ],
)
def test_baselines_of_sequences_and_tables(data, most):
    train, validation = data()
    start = time.process_time()
    fitted = fit_baselines(train, seed=3)
    errors = {name: model.measure(validation) for name, model in fitted.items()}
    assert time.process_time() - start < 10
    assert list(errors) == list(most)
    assert all(errors[name].value < most[name] for name in most), {name: e.value for name, e in errors.items()}
    constant = next(iter(errors.values()))
    assert errors["linear"].value < constant.value and errors["trees"].value < constant.value
    again = fit_baselines(train, seed=3)
    for name, model in again.items():
        np.testing.assert_array_equal(model.predict(validation.inputs), fitted[name].predict(validation.inputs))


def test_the_error_of_a_constant_is_the_variance_in_units():
    train, _ = patients()
    mean = fit_baselines(train)["mean"].measure(train)
    assert isinstance(mean, Average) and mean.value == pytest.approx(1) and mean.unit == "points"
    assert mean.in_units(mean.value) == pytest.approx(train.labels.astype(float).std())


def test_levels_that_training_never_saw_are_no_trouble():
    train, validation = passengers()
    inputs = validation.inputs.copy()
    inputs[:, 2] = 0  # not known
    inputs[:5] = np.nan
    strange = Examples(validation.ids, inputs, validation.labels, validation.spec)
    assert all(np.isfinite(model.measure(strange).value) for model in fit_baselines(train).values())


def test_a_large_training_split_is_cut_by_class():
    labels = np.repeat(np.arange(4), [4000, 2000, 1000, 1000])
    chosen = _subset(labels, 800, seed=1)
    np.testing.assert_allclose(np.bincount(labels[chosen]), [400, 200, 100, 100], atol=1)
    assert len(np.unique(chosen)) == 800
    np.testing.assert_array_equal(chosen, _subset(labels, 800, seed=1))


def test_one_class_needs_no_linear_model():
    train = Examples(
        ("a", "b"), np.zeros((2, 1, 8, 8), np.uint8), np.zeros(2, np.int64), Spec("image", (1, 8, 8), ("one", "other"))
    )
    assert fit_baselines(train)["linear"].measure(train) == Rate(0, 2)


def test_errors_are_counted_and_ranked():
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.7, 0.1], [0.01, 0.99, 0], [0.6, 0.3, 0.1]], np.float32)
    found = analyse_errors(probabilities, np.array([0, 1, 0, 1]), ["w", "x", "y", "z"], ["cat", "dog", "emu"])
    assert found.confusion.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert found.per_class == {"cat": Rate(1, 2), "dog": Rate(1, 2)}
    assert [example.id for example in found.worst] == ["y", "z", "x", "w"]
    first = found.as_json()["worst"][0]
    assert first == {"id": "y", "label": "cat", "predicted": "dog", "probability": 0.99, "loss": 4.60517}
    assert found.as_json()["per_class"][0]["class"] == "cat"


def test_impossible_labels_and_many_examples():
    n = 100
    probabilities = np.tile(np.array([1.0, 0.0], np.float32), (n, 1))
    found = analyse_errors(probabilities, np.ones(n, int), [f"{i:03d}" for i in range(n)], ["a", "b"])
    assert len(found.worst) == WORST
    assert np.isfinite([example.loss for example in found.worst]).all()
    assert [example.id for example in found.worst[:2]] == ["000", "001"]


def test_estimates_are_measured_in_units_and_ranked():
    truth = np.array([10.0, 20, 30, 40], np.float32)
    said = np.array([12.0, 20, 24, 40], np.float32)
    found = analyse_estimates(said, truth, ["w", "x", "y", "z"], 5.0, "speed", "km/h").as_json("test")
    assert found["kind"] == "regression" and found["split"] == "test"
    assert found["target"] == {"name": "speed", "unit": "km/h"}
    assert found["error"]["rmse"]["value"] == pytest.approx(10**0.5) and found["error"]["value"] == pytest.approx(0.4)
    assert found["mae"]["value"] == pytest.approx(2.0) and found["r2"] == pytest.approx(1 - 40 / 500)
    assert [row["id"] for row in found["worst"]] == ["y", "w", "x", "z"]
    assert found["worst"][0] == {"id": "y", "target": 30.0, "estimate": 24.0, "error": -6.0}
    assert found["points"] == [[10.0, 12.0], [20.0, 20.0], [30.0, 24.0], [40.0, 40.0]]


def test_groups_of_targets_cover_them_all_and_say_which_way_they_are_off():
    rng = np.random.default_rng(0)
    truth = rng.normal(100, 20, 1000)
    said = 100 + 0.5 * (truth - 100)  # shrunk towards the mean
    found = analyse_estimates(said, truth, [f"{i:04d}" for i in range(1000)], 20.0)
    assert len(found.groups) == GROUPS and sum(group.error.n for group in found.groups) == 1000
    assert found.groups[0].offset > 5 and found.groups[-1].offset < -5
    assert all(first.high < second.low for first, second in zip(found.groups, found.groups[1:], strict=False))
    assert len(found.points) == POINTS and len(found.worst) == WORST
    assert found.r2 == pytest.approx(0.75, abs=0.001)


def test_targets_of_few_values_have_fewer_groups_and_constant_ones_no_r2():
    few = analyse_estimates(np.zeros(90), np.repeat([0.0, 1.0], [80, 10]), [str(i) for i in range(90)], 1.0)
    assert len(few.groups) == 2 and [group.error.n for group in few.groups] == [80, 10]
    assert analyse_estimates(np.ones(3), np.ones(3), ["a", "b", "c"], 1.0).r2 is None


def test_the_kind_of_analysis_follows_the_examples():
    train, _ = patients()
    assert analyse(train.labels, train, 77.0).as_json()["kind"] == "regression"
    small, _ = digits()
    assert "confusion" in analyse(np.full((len(small), 10), 0.1), small, 1.0).as_json()
