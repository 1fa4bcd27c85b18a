"""Statistics of the training split: exact, blind to what is absent, and 1 where nothing varies."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from arcane.data.loading import Examples
from arcane.data.statistics import moments, statistics_of
from arcane.spec import Feature, Spec, Statistics, Target


def examples(inputs: np.ndarray, spec: Spec, labels: np.ndarray | None = None) -> Examples:
    labels = np.zeros(len(inputs), np.int64) if labels is None else labels
    return Examples(tuple(map(str, range(len(inputs)))), inputs, labels, spec)


def test_of_images_they_are_those_of_pixels_from_0_to_1():
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 9, 7), dtype=np.uint8)
    images[:, 2] = 17
    found = statistics_of(examples(images, Spec("image", (3, 9, 7), ("a", "b"))))
    assert found.mean == pytest.approx(images.mean((0, 2, 3)) / 255)
    assert found.std[:2] == pytest.approx((images.std((0, 2, 3)) / 255)[:2])
    assert found.std[2] == 1.0
    assert (found.target_mean, found.target_std, found.absent) == (0.0, 1.0, ())


def test_of_sequences_padding_and_gaps_do_not_count():
    inputs = np.full((2, 2, 4), np.nan, np.float32)
    inputs[0, 0, :2], inputs[1, 0, :] = [1, 3], [5, 7, 9, 11]
    inputs[:, 1] = 2.5
    found = statistics_of(examples(inputs, Spec("sequence", (2, 4), ("a", "b"))))
    assert found.mean == pytest.approx((6, 2.5))
    assert found.std == pytest.approx((np.std([1, 3, 5, 7, 9, 11]), 1))
    assert found.absent == (True, False)


def test_of_tables_categories_stay_codes():
    features = (Feature("number"), Feature("colour", "category", ("red", "green")), Feature("empty"))
    inputs = np.array([[1, 2, np.nan], [3, np.nan, np.nan]], np.float32)
    found = statistics_of(examples(inputs, Spec("tabular", (3,), ("a", "b"), features)))
    assert (found.mean, found.std) == ((2, 0, 0), (1, 1, 1))
    assert found.absent == (False, True, True)


def test_of_a_regression_the_targets_too():
    spec = Spec("tabular", (1,), target=Target("price", "EUR"))
    found = statistics_of(examples(np.zeros((4, 1), np.float32), spec, np.array([1, 2, 3, 6], np.float32)))
    assert (found.target_mean, found.target_std) == pytest.approx((3, math.sqrt(3.5)))
    same = statistics_of(examples(np.zeros((2, 1), np.float32), spec, np.array([0.1, 0.1], np.float32)))
    assert same.target_std == 1.0


@given(st.floats(-1e6, 1e6, width=32), st.integers(1, 50))
def test_equal_numbers_have_the_deviation_one(value, n):
    mean, std = moments(np.full(n, value, np.float32))
    assert mean == pytest.approx(value) and std == 1.0


@given(arrays(np.float32, st.integers(2, 40), elements=st.floats(-1000, 1000, width=16)))
def test_standardised_numbers_have_mean_0_and_deviation_1_or_0(values):
    mean, std = moments(values)
    z = (values.astype(np.float64) - mean) / std
    assert z.mean() == pytest.approx(0, abs=1e-6)
    assert z.std() == pytest.approx(1 if values.min() < values.max() else 0, abs=1e-6)


def test_they_survive_json():
    statistics = Statistics((0.1, 0.2), (1.0, 3.0), 5.5, 2.25, (True, False))
    assert Statistics.from_json(json.loads(json.dumps(statistics.as_json()))) == statistics
