"""Smaller problems: nested, nearly stratified subsets, smaller images, and trials on them."""

import numpy as np
import pytest
from diagnosis_tasks import digits, patients
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import make_project

from arcane.data.images import fit_image
from arcane.data.loading import load_split
from arcane.errors import UserError
from arcane.training.inference import load_model, predict
from arcane.training.reduced import at_resolution, first_examples, nested_order
from arcane.training.trials import Trial, run_trial, trial_key

labels = st.lists(st.integers(0, 4), min_size=2, max_size=80).map(np.array)


def names(n: int) -> list[str]:
    return [f"{i:032x}" for i in range(n)]


@settings(deadline=None)
@given(labels, st.integers(0, 9))
def test_every_beginning_holds_each_class_in_proportion(labels, seed):
    order = nested_order(names(len(labels)), labels, seed)
    assert sorted(order) == list(range(len(labels)))
    for n in range(1, len(labels) + 1):
        taken, whole = np.bincount(labels[order[:n]], minlength=5), np.bincount(labels, minlength=5)
        # Each class is within one of its share, but for the rounding of the other classes at this length.
        assert np.abs(taken - whole * n / len(labels)).max() <= 1 + 0.5 * len(np.unique(labels)) / 2


@settings(deadline=None)
@given(labels, st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_order_depends_on_ids_not_on_rows(labels, seed, random):
    ids = names(len(labels))
    order = [ids[row] for row in nested_order(ids, labels, seed)]
    rows = list(range(len(labels)))
    random.shuffle(rows)
    shuffled = [ids[row] for row in rows]
    again = [shuffled[row] for row in nested_order(shuffled, labels[rows], seed)]
    assert again == order


def test_another_seed_is_another_order_and_a_regression_has_one_too():
    train, _ = patients()
    first, second = (nested_order(train.ids, train.labels, seed) for seed in (1, 2))
    assert sorted(first) == list(range(len(train))) and not np.array_equal(first, second)
    # drawn alike: the beginning is no sample of small or large targets
    assert abs(train.labels[first[:100]].mean() - train.labels.mean()) < 3 * train.labels.std() / 10


def test_subsets_are_nested_and_in_the_order_of_their_ids():
    train, _ = digits()
    subsets = [first_examples(train, n, seed=3) for n in (40, 200, 1150)]
    assert set(subsets[0].ids) < set(subsets[1].ids) < set(subsets[2].ids) == set(train.ids)
    assert list(subsets[0].ids) == sorted(subsets[0].ids)
    assert np.bincount(subsets[0].labels, minlength=10).tolist() == [4] * 10
    row = train.ids.index(subsets[0].ids[5])
    assert np.array_equal(subsets[0].inputs[5], train.inputs[row]) and subsets[0].labels[5] == train.labels[row]
    with pytest.raises(UserError, match="on 1,151 examples: expected 2 to 1,150"):
        first_examples(train, 1151, seed=3)


def test_images_shrink_as_ingest_shrinks_files():
    train, _ = digits()
    small = at_resolution(train, 5)
    assert small.spec.shape == (1, 5, 5) and small.inputs.shape == (1150, 1, 5, 5)
    assert np.array_equal(small.inputs[7], fit_image(train.inputs[7].transpose(1, 2, 0), (1, 5, 5)))
    assert abs(small.inputs.mean() - train.inputs.mean()) < 12
    assert at_resolution(train, 8) is train
    with pytest.raises(UserError, match="no images but tabular data"):
        at_resolution(patients()[0], 5)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("reduced"), {"train.epochs": 2, "train.learning_rate": 3e-3})


def test_a_trial_on_a_part_trains_on_it_and_is_measured_on_all_of_validation(project):
    trial = Trial("part", project.params, 1, examples=150, resolution=6)
    result = run_trial(project.root, trial)
    validation = load_split(project.root, "validation")
    assert (result.errors["train"].n, result.errors["validation"].n) == (150, len(validation))
    assert result.seen == 300 and len(result.validation_errors) == len(validation)
    model = load_model(result.model, project)
    assert model.spec.shape == (1, 6, 6)
    assert np.array_equal(predict(model, at_resolution(validation, 6).inputs), result.validation_outputs)


def test_the_part_is_in_the_key(project):
    trials = [
        Trial("a", project.params, 1, **part) for part in ({}, {"examples": 100}, {"examples": 101}, {"resolution": 4})
    ]
    assert len({trial_key(project.root, trial) for trial in trials}) == 4


def test_a_regressions_errors_refer_to_the_whole_split_whatever_is_trained_on():
    from diagnosis_tasks import make

    from arcane.training.fit import on_device
    from arcane.training.inference import evaluate
    from arcane.training.trials import in_scale

    train, validation = patients()
    part = first_examples(train, 30, seed=1)
    task = make(changes={"model.name": "linear"}, train=part)
    found = in_scale(evaluate(task, *on_device(validation, task.device)), task, float(train.labels.std()))
    expected = (validation.labels.astype(float) - found.outputs) ** 2 / train.labels.astype(float).var()
    np.testing.assert_allclose(found.errors, expected, rtol=1e-5)
