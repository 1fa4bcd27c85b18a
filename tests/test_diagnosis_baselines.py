"""Baselines on real digits, and the error analysis on numbers that can be counted by hand."""

import time

import numpy as np
from diagnosis_tasks import digits

from arcane.data.loading import Examples
from arcane.data.rates import Rate
from arcane.diagnosis.baselines import _subset, fit_baselines
from arcane.diagnosis.error_analysis import WORST, analyse_errors
from arcane.spec import Spec


def test_baselines_on_digits_in_a_second():
    train, validation = digits()
    start = time.perf_counter()
    fitted = fit_baselines(train)
    assert time.perf_counter() - start < 10
    majority, linear = fitted["majority"].rate(validation), fitted["linear"].rate(validation)
    assert 0.85 < majority.value < 0.92
    assert 0.02 < linear.value < 0.12
    assert majority.n == linear.n == len(validation.labels)


def test_baselines_learn_from_the_training_split_alone():
    train, validation = digits()
    before = fit_baselines(train)["linear"].predict(validation.inputs)
    changed = Examples(validation.ids, validation.inputs, 9 - validation.labels, validation.spec)
    fitted = fit_baselines(train)
    fitted["linear"].rate(changed)
    np.testing.assert_array_equal(fitted["linear"].predict(validation.inputs), before)


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
    assert fit_baselines(train)["linear"].rate(train) == Rate(0, 2)


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
