"""Label errors: planted ones are found on real digits, and clean labels are let alone."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from benchmarks.label_errors import flipped, whole_digits
from diagnosis_tasks import curves, digits, passengers, patients
from frames import frame
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from arcane.data.loading import Examples
from arcane.diagnosis.error_analysis import conflicts, joined, kept_together
from arcane.diagnosis.judged import FOLDS, LARGEST_CLASSES, judge_examples, looked_at
from arcane.diagnosis.label_errors import APART, distances, doubt, label_errors
from arcane.spec import Spec


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_flipped_digits_are_found(share):
    noisy, wrong = flipped(whole_digits(), share, seed=1)
    judged = judge_examples(noisy)
    quality, doubted = doubt(judged.outputs, noisy.labels)
    assert roc_auc_score(wrong, -quality) >= 0.98
    assert doubted[wrong].mean() > 0.6 and wrong[doubted].mean() > 0.9
    found = label_errors(judged, dict.fromkeys(noisy.ids, "train"))
    first = found.candidates[0]
    truth = dict(zip(noisy.ids, whole_digits().labels, strict=True))
    assert first.label != first.suggested == str(truth[first.id])
    assert f"{len(found.candidates)} of 1,797 labels of train" in found.sentence


@pytest.mark.parametrize("made", [digits, curves, passengers, patients])
def test_at_most_one_percent_of_clean_labels_are_doubted(made):
    examples = joined(made(), 1000)
    found = label_errors(judge_examples(examples), dict.fromkeys(examples.ids, "train"))
    assert found.looked_at == len(examples) and found.share <= 0.01
    if not found.candidates:
        assert found.sentence.startswith("None of ")


def test_far_targets_of_a_regression_are_found():
    examples = joined(patients(), 10_000)
    labels = examples.labels.copy()
    wrong = np.random.default_rng(0).choice(len(labels), 8, replace=False)
    labels[wrong] += 2000  # ten times what a progression is
    found = label_errors(judge_examples(replace(examples, labels=labels)), dict.fromkeys(examples.ids, "train"))
    assert {each.id for each in found.candidates} == {examples.ids[i] for i in wrong}
    assert all(each.apart > APART for each in found.candidates) and "points, expected" in found.sentence


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1e6), st.floats(-1e3, 1e3))
@settings(max_examples=50, deadline=None)
def test_distances_know_neither_unit_nor_origin(seed, unit, origin):
    rng = np.random.default_rng(seed)
    truth, said = rng.normal(size=50), rng.normal(size=50)
    assert distances(said * unit, truth * unit + origin) == pytest.approx(distances(said, truth), rel=1e-4, abs=1e-4)


def test_examples_of_a_group_are_judged_by_a_model_that_saw_none_of_it():
    """Pairs of copies with a label of their own: only a model that saw the copy could know it."""
    rng = np.random.default_rng(0)
    points = np.repeat(rng.normal(size=(150, 6)), 2, axis=0).astype(np.float32)
    labels = np.repeat(rng.integers(0, 2, 150), 2)
    spec = Spec("tabular", (6,), ("a", "b"), features=())
    examples = Examples(tuple(f"{i:032x}" for i in range(300)), points, labels, spec)
    torn, kept = judge_examples(examples), judge_examples(examples, np.repeat(np.arange(150), 2))
    assert torn.errors.mean() < 0.25 < 0.35 < kept.errors.mean()


def test_groups_and_near_duplicates_stay_together():
    manifest = frame(6)
    ids = manifest["id"].to_list()
    near = pl.Series([None, None, None, None, ids[3], None], dtype=pl.String)
    manifest = manifest.with_columns(near=near, group=pl.Series(["p", "p", None, None, None, None]))
    spec = Spec("image", (1, 1, 1), ("a",))
    examples = Examples(tuple(ids), np.zeros((6, 1, 1, 1), np.uint8), np.zeros(6, np.int64), spec)
    key = kept_together(examples, manifest)
    assert key[0] == key[1] and key[3] == key[4] and len(set(key)) == 4
    assert kept_together(examples, frame(6)) is None


def test_conflicting_near_duplicates_are_named():
    manifest = frame(4, label=["cat", "dog", "cat", "cat"])
    ids, labels = manifest["id"].to_list(), manifest["label"].to_list()
    at, other = labels.index("dog"), labels.index("cat")
    manifest = manifest.with_columns(near=pl.Series([ids[other] if i == at else None for i in range(4)]))
    (conflict,) = conflicts(manifest, regression=False)
    assert (conflict.id, conflict.other) == (ids[at], ids[other])
    assert (conflict.label, conflict.other_label) == ("dog", "cat")
    said = label_errors(None, {ids[0]: "train"}, (conflict,))
    assert said.as_json()["near"][0]["label"] == "dog" and "1 near-duplicates" in said.sentence


def test_few_examples_and_many_classes_do_not_stop_it():
    spec = Spec("tabular", (2,), tuple(map(str, range(10_000))))
    rng = np.random.default_rng(0)
    few = Examples(("a", "b"), np.zeros((2, 2), np.float32), np.array([0, 1]), spec)
    assert judge_examples(few) is None
    assert label_errors(None, {"a": "train"}).sentence.startswith("Too few examples")
    labels = np.concatenate([np.repeat(np.arange(300), 8), rng.integers(300, 10_000, 500)])
    many = Examples(tuple(map(str, range(len(labels)))), np.zeros((len(labels), 2), np.float32), labels, spec)
    rows = looked_at(many)
    assert len(np.unique(labels[rows])) == LARGEST_CLASSES and (np.bincount(labels[rows]) != 1).all()
    assert np.bincount(labels[rows]).max() >= FOLDS
