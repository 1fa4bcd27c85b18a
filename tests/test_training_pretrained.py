"""Starting from a saved model's weights: what fits is taken, the normalisation with it, the rest is fresh and named."""

import json
import logging
import shutil
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diagnosis_tasks import digits, make, passengers, patients
from projects import make_project

from arcane.data.loading import load_split
from arcane.errors import UserError
from arcane.training.fit import fit
from arcane.training.inference import load_model, save_model
from arcane.training.pretrained import Pretrained
from arcane.training.trials import Trial, make_task, run_trial, trial_key


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("pretrained"), {"train.epochs": 2, "train.learning_rate": 3e-3})


@pytest.fixture(scope="module")
def first(project):
    return run_trial(project.root, Trial("first", project.params, 1))


def starting_from(project, folder, **changes):
    return project.params.changed({"model.pretrained": str(folder), **changes})


def test_the_same_data_goes_on_from_the_same_outputs(project, first):
    train = load_split(project.root, "train")
    task: Any = make_task(project, starting_from(project, first.model.relative_to(project.root)), train, 9)
    saved: Any = load_model(first.model, project)
    images = torch.tensor(train.inputs[:50])
    assert torch.equal(task.eval()(images), saved(images))
    assert all(torch.equal(a, b) for a, b in zip(task.state_dict().values(), saved.state_dict().values(), strict=True))


def test_a_trial_that_starts_so_is_another_and_its_model_stands_alone(project, first, tmp_path):
    folder = tmp_path / "weights"
    shutil.copytree(first.model, folder)
    trial = Trial("second", starting_from(project, folder, **{"train.epochs": 1}), 1)
    plain = replace(trial, params=project.params.changed({"train.epochs": 1}))
    assert trial_key(project.root, trial) != trial_key(project.root, plain)
    result = run_trial(project.root, trial)
    fresh = run_trial(project.root, plain)
    assert result.errors["validation"].value < fresh.errors["validation"].value
    before = trial_key(project.root, trial)
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)
    assert trial_key(project.root, trial) != before
    shutil.rmtree(folder)
    assert load_model(result.model, project) is not None  # needs the weights that it started from no more


def test_other_classes_get_a_fresh_output_layer_even_where_its_shape_fits(first, caplog):
    train, _ = digits()
    renamed = replace(train, spec=replace(train.spec, classes=tuple("abcdefghij")))
    task = make(train=renamed)
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}
    saved = Pretrained(first.model)
    with caplog.at_level(logging.INFO, "arcane.training"):
        saved.into(task)
    after = task.state_dict()
    last = [name for name in after if torch.equal(after[name], before[name]) and name not in ("mean", "std")]
    assert last == ["model.11.weight", "model.11.bias"]
    assert "8 of 10 weights are from" in caplog.text and "fresh: model.11.weight, model.11.bias" in caplog.text


def test_the_normalisation_is_the_weights_own(first):
    train, _ = digits()
    dark = replace(train, inputs=train.inputs // 4)
    own = make(train=dark).statistics
    taken = Pretrained(first.model).normalisation(own, dark.spec)
    described = json.loads((first.model / "model.json").read_text())["normalisation"]
    assert list(taken.mean) == described["mean"] != list(own.mean)


def test_targets_are_scaled_as_the_weights_were_only_where_they_are_the_same(tmp_path):
    train, validation = patients()
    task = make(changes={"model.name": "mlp"}, train=train)
    fit(task, train, validation, epochs=2, batch_size=64, seed=1)
    save_model(tmp_path, task, "template")
    saved = Pretrained(tmp_path)
    half = train.subset(np.arange(100))
    own = make(changes={"model.name": "mlp"}, train=half).statistics
    assert saved.normalisation(own, half.spec).target_mean == task.statistics.target_mean != own.target_mean
    other = replace(half.spec, target=replace(half.spec.target, name="another"))
    assert saved.normalisation(own, other).target_mean == own.target_mean


def test_what_does_not_fit_is_refused_with_names(project, first, tmp_path):
    train = load_split(project.root, "train")
    with pytest.raises(
        UserError, match=r"no weight of .* fits model.name mlp; it has model\.0\.bias \[6\].* this model has model\."
    ):
        make_task(project, starting_from(project, first.model, **{"model.name": "mlp"}), train, 1)
    table, _ = passengers()
    with pytest.raises(
        UserError, match=r"reads image data of shape \[1, 8, 8\], this project has tabular data of shape \[4\]"
    ):
        Pretrained(first.model).normalisation(make(changes={"model.name": "mlp"}, train=table).statistics, table.spec)
    with pytest.raises(UserError, match=r"nowhere/model\.json: not there; model\.pretrained is 'nowhere'"):
        make_task(project, starting_from(project, "nowhere"), train, 1)
    broken = tmp_path / "broken"
    shutil.copytree(first.model, broken)
    (broken / "weights.safetensors").write_bytes(b"12345678901")
    with pytest.raises(UserError, match=r"weights\.safetensors: missing or damaged"):
        make_task(project, starting_from(project, broken), train, 1)


def test_columns_of_another_table_are_refused_by_name(tmp_path):
    table, _ = passengers()
    task = make(changes={"model.name": "mlp"}, train=table)
    save_model(tmp_path, task, "template")
    features = (replace(table.spec.features[0], name="height"), *table.spec.features[1:])
    spec = replace(table.spec, features=features)
    with pytest.raises(UserError, match="reads other columns; different here: height"):
        Pretrained(tmp_path).normalisation(task.statistics, spec)
