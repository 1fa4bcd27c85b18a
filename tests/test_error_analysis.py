"""Calibration, the reading of curves, sensitivity to seeds, confused pairs; each on what is known to be so."""

import json

import numpy as np
import pytest
from diagnosis_tasks import digits, patients
from frames import frame
from hypothesis import given, settings
from hypothesis import strategies as st

from arcane.diagnosis.calibration import best_temperature, beyond_chance, calibration, expected_error
from arcane.diagnosis.confusion import MATRIX, PAIRS, analyse_errors, confused_pairs
from arcane.diagnosis.error_analysis import Analysed, analysed, error_report, joined
from arcane.diagnosis.folds import Answers
from arcane.diagnosis.spread import spread
from arcane.diagnosis.stability import seed_sensitivity
from arcane.diagnosis.training_curve import SHORTEST, read_course, read_curve, running_mean, wobble


def said(n: int, classes: int, temperature: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model whose logits should be divided by `temperature`, and labels."""
    from scipy.special import softmax

    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(n, classes))
    true = softmax(logits, axis=1)
    labels = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return softmax(logits * temperature, axis=1).astype(np.float32), labels


@pytest.mark.parametrize(("temperature", "direction"), [(2.5, "over-confident"), (0.5, "under-confident")])
def test_a_model_too_sure_of_itself_is_named_and_mended(temperature, direction):
    found = calibration(*said(3000, 5, temperature, 0))
    assert found.direction == direction and found.sentence.startswith(f"The probabilities are {direction}")
    assert found.temperature.low < temperature < found.temperature.high
    assert found.ece.low > 0.02 and found.mended < found.ece.low


def test_intervals_of_a_calibrated_model_hold():
    found = [calibration(*said(400, 5, 1.0, seed)) for seed in range(30)]
    assert sum(each.direction == "calibrated" for each in found) >= 27
    assert np.mean([each.ece.value for each in found]) < 0.025 < np.mean([each.raw for each in found])
    truth = calibration(*said(10_000, 5, 1.0, 99))
    assert truth.ece.low == 0 and truth.ece.value < 0.02
    assert sum(each.nll.low <= truth.nll.value <= each.nll.high for each in found) >= 26
    assert sum(each.brier.low <= truth.brier.value <= each.brier.high for each in found) >= 26


def test_the_reliability_table_counts_every_example_once():
    found = calibration(*said(333, 4, 1.5, 0))
    assert sum(each.n for each in found.bins) == 333 and len(found.bins) == 10
    assert all(each.accuracy_low <= each.accuracy <= each.accuracy_high for each in found.bins)
    assert all(each.low <= each.confidence <= each.high for each in found.bins)
    confidences = [each.confidence for each in found.bins]
    assert confidences == sorted(confidences)


@given(st.integers(20, 300), st.integers(2, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_measures_stay_in_their_ranges(n, classes, seed):
    probabilities, labels = said(n, classes, 1.0, seed)
    found = calibration(probabilities, labels)
    assert 0 <= found.ece.low <= found.ece.value <= found.ece.high <= 1
    assert 0 <= found.brier.value <= 2 and found.nll.value >= 0
    assert found.temperature.low <= found.temperature.value <= found.temperature.high
    assert beyond_chance(found.raw, found.by_chance) <= found.raw
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    order = np.random.default_rng(seed).permutation(n)
    assert expected_error(sure[order], right[order]) == pytest.approx(expected_error(sure, right), abs=1e-6)
    assert 0.04 < best_temperature(np.log(probabilities), labels) < 21


def test_probabilities_of_nought_and_one_do_no_harm():
    labels = np.arange(60) % 3
    sure = np.eye(3, dtype=np.float32)[labels]
    assert calibration(sure, labels).ece.value == 0
    wrong = calibration(np.roll(sure, 1, axis=1), labels)
    assert wrong.ece.value > 0.9 and wrong.brier.value == pytest.approx(2) and json.loads(json.dumps(wrong.as_json()))


def test_a_regression_that_spreads_too_widely_is_named():
    rng = np.random.default_rng(0)
    truth = rng.normal(50, 10, 400)
    wide = spread(50 + 2 * (truth - 50) + rng.normal(0, 3, 400), truth, "points")
    assert wide.direction == "too-wide" and wide.slope.high < 0.6 and not wide.offset.sure
    high = spread(truth + 4 + rng.normal(0, 3, 400), truth, "points")
    assert high.offset.low < 4 < high.offset.high and "points too high" in high.sentence
    narrow = spread(50 + (truth - 50) / 3, truth)
    assert narrow.direction == "too-narrow" and "too narrowly" in narrow.sentence
    assert spread(np.ones(9), truth[:9]) is None


@pytest.mark.parametrize("epochs", [12, 40])
def test_curves_are_read_beyond_noise(epochs):
    t = np.arange(epochs)
    courses = {
        "improving": 1 + np.exp(-t / (0.5 * epochs)),
        "flat": 1 + np.exp(-t / (epochs / 12)),
        "overfitted": 1 + 2 * np.exp(-t / (epochs / 10)) + 0.6 * t / epochs,
    }
    for state, course in courses.items():
        noisy = [course + 0.01 * np.random.default_rng(seed).normal(size=epochs) for seed in range(50)]
        readings = [read_course(each) for each in noisy]
        assert sum(reading.state == state for reading in readings) >= 45, state
        if state == "overfitted":
            best = int(course.argmin()) + 1
            assert abs(np.median([reading.best_epoch for reading in readings]) - best) <= 0.1 * epochs
            assert all(reading.since > reading.best_epoch for reading in readings if reading.since)


@given(st.integers(SHORTEST, 60), st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_readings_stay_within_the_course(n, seed):
    course = np.random.default_rng(seed).normal(size=n).cumsum()
    reading = read_course(course)
    assert 1 <= reading.best_epoch <= n and reading.noise >= 0
    assert (reading.since is not None) == (reading.state == "overfitted")
    assert reading.since is None or reading.best_epoch < reading.since <= n
    scaled = read_course(3 * course)
    assert scaled.best_epoch == reading.best_epoch and scaled.state == reading.state
    assert wobble(3 * course + 1) == pytest.approx(3 * reading.noise)
    assert running_mean(course)[1] == pytest.approx(course[:3].mean())


def test_a_loss_that_rises_while_the_error_does_not():
    t = np.arange(30)
    loss, error = 0.3 + 0.5 * np.exp(-t / 3) + 0.02 * t, 0.1 + 0.4 * np.exp(-t / 3)
    curve = [{"validation_loss": a, "validation_error": b} for a, b in zip(loss, error, strict=True)]
    found = read_curve(curve)
    assert found["loss"]["state"] == "overfitted" and "the model grows too sure of itself" in found["sentence"]
    assert read_curve(curve[:5])["sentence"] == "5 epochs are too few to read a trend from."


def test_seeds_that_disagree_are_counted_and_shown():
    examples = digits()[1]
    right = np.eye(10)[examples.labels]
    off = right.copy()
    off[:30] = np.roll(off[:30], 1, axis=1)
    found = seed_sensitivity([right, right, off], examples)
    assert found["n"] == 3 and found["unstable"]["value"] == pytest.approx(0.1)
    assert set(found["ids"]) <= set(examples.ids[:30]) and len(found["ids"]) == 12
    assert found["mean"] == pytest.approx(0.1 / 3) and found["low"] < found["deviation"] < found["high"]
    assert "on 10 % of the examples the trainings disagree" in found["sentence"]
    assert seed_sensitivity([right], examples) is None
    people = patients()[1]
    apart = seed_sensitivity([people.labels - 5, people.labels + 5], people, 77.0)
    assert apart["apart"] == pytest.approx(5 * 2**0.5, rel=1e-4) and "7.07 points apart" in apart["sentence"]


def test_confused_pairs_of_ten_thousand_classes_stay_few():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 10_000, 4000), rng.integers(0, 10_000, 4000)
    labels[:9], predicted[:9] = 7, 8
    names = [f"{k:04d}" for k in range(10_000)]
    pairs = confused_pairs(labels, predicted, names)
    assert len(pairs) == PAIRS and (pairs[0].label, pairs[0].predicted) == ("0007", "0008")
    assert pairs[0].as_json()["count"] == 9 and pairs[0].as_json()["low"] > 0.3
    few = np.full((20, MATRIX + 1), 1 / (MATRIX + 1))
    found = analyse_errors(few, np.arange(20), [str(i) for i in range(20)], names[: MATRIX + 1]).as_json()
    assert found["confusion"] is None and len(found["confused"]) == 19


@pytest.mark.parametrize("made", [digits, patients])
def test_the_whole_report_is_json_of_numbers_and_the_same_twice(made):
    train, validation = made()
    train = train.subset(np.arange(280))
    validation = validation.subset(np.arange(80))
    everything = joined([train, validation], 10_000)
    labels = everything.labels.tolist() if made is patients else "0"
    manifest = frame(len(everything), domain=["day", "night"] * (len(everything) // 2), label=labels)
    manifest = manifest.with_columns(id=np.array(everything.ids))
    scale = float(train.labels.std()) if train.spec.regression else 1.0
    rng = np.random.default_rng(0)
    outputs = rng.dirichlet(np.ones(10), 80) if made is digits else validation.labels + rng.normal(0, 30, 80)
    given = Analysed(outputs, {"train": train, "validation": validation}, manifest, scale, seed=1)
    content = error_report(given)
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    assert text == json.dumps(error_report(given), sort_keys=True)
    assert {"worst", "calibration", "slices", "label_errors", "shift", "curve", "seeds"} <= set(content)
    assert content["slices"]["out_of_fold"]["n"] == 360 and content["shift"]["between"] == ["train", "validation"]
    assert ("confused" in content) == (made is digits)


def test_slices_over_all_folds_are_the_networks_own_where_it_was_trained_without_each():
    """The answers' order is that of the folds, not that of the splits."""
    train, validation = (part.subset(np.arange(250)) for part in digits())
    ids = [*validation.ids[::-1], *train.ids]
    labels = np.concatenate([validation.labels[::-1], train.labels])
    said = np.eye(10)[np.where((labels == 3) & (np.arange(500) % 2 == 0), 8, labels)] * 0.9 + 0.01
    answers = Answers(tuple(ids), said.argmax(axis=1) != labels, said, 5)
    manifest = frame(500).with_columns(id=np.array(ids))
    parts = {"train": train, "validation": validation}
    right = np.eye(10)[validation.labels]
    found = error_report(Analysed(right, parts, manifest, 1.0, answers=answers))["slices"]["out_of_fold"]
    assert found["n"] == 500 and found["model"].startswith("the first network") and found["folds"] == 5
    assert found["found"][0]["name"] == "class = 3" and found["found"][0]["wrong"] == answers.errors.sum()
    quick = error_report(Analysed(right, parts, manifest, 1.0))["slices"]["out_of_fold"]
    assert quick["model"] == "kernel logistic regression"


def test_the_test_split_is_never_looked_at():
    """Examples that are in no part may not reach any judgement, even where the manifest names them."""
    train, validation = (part.subset(np.arange(100)) for part in digits())
    hidden = "f" * 32
    ids = [*train.ids, *validation.ids, hidden]
    manifest = frame(len(ids)).with_columns(id=np.array(ids))
    parts = {"train": train, "validation": validation}
    content = error_report(Analysed(np.full((100, 10), 0.1), parts, manifest, 1.0))
    assert hidden not in json.dumps(content) and content["label_errors"]["looked_at"] == 200
    assert content["label_errors"]["splits"] == ["train", "validation"]


def test_what_is_said_of_the_test_split_holds_no_search():
    validation = digits()[1]
    content = analysed(np.full((len(validation), 10), 0.1), validation, 1.0, "test")
    assert content["split"] == "test" and "calibration" in content
    assert not {"slices", "label_errors", "shift"} & set(content)
