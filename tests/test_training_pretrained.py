"""Starting from a saved model's weights: what fits is taken, the normalisation with it, the rest is fresh and named."""

import json
import logging
import shutil
import urllib.request
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
from arcane.training.pretrained import IMAGENET_MEAN, Pretrained, downloaded
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


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file as torchvision publishes it, with fresh weights."""
    import torchvision

    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("published") / "resnet18-00000000.pth"
    torch.save(torchvision.models.resnet18().state_dict(), path)
    return path


def test_torchvisions_weights_come_with_imagenets_normalisation(project, published, caplog):
    train = load_split(project.root, "train")
    params = starting_from(project, published, **{"model.name": "resnet18", "model.normalization": "batch"})
    with caplog.at_level(logging.INFO, "arcane.training"):
        task: Any = make_task(project, params, train, 1)
    given = torch.load(published, weights_only=True)
    assert torch.equal(task.model.layer4[1].conv2.weight, given["layer4.1.conv2.weight"])
    assert torch.equal(task.model.bn1.running_var, given["bn1.running_var"])
    assert task.statistics.mean == (pytest.approx(sum(IMAGENET_MEAN) / 3),)
    assert task.mean.item() == pytest.approx(0.449, abs=1e-3)
    assert "fresh: model.conv1.weight, model.fc.weight, model.fc.bias" in caplog.text  # 8 x 8 has a small stem
    assert "lies outside models/pretrained/, where DVC would see it change" in caplog.text


def test_a_grey_image_is_answered_as_three_equal_channels(published):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (4, 1, 64, 64), dtype=np.uint8)
    wanted = {"model.name": "resnet18", "model.normalization": "batch"}
    features = []
    for channels in (1, 3):
        train = replace(digits()[0], inputs=grey.repeat(channels, 1), labels=np.arange(4))
        train = replace(train, spec=replace(train.spec, shape=(channels, 64, 64)), ids=train.ids[:4])
        task: Any = make(changes=wanted, train=train)
        saved = Pretrained(published)
        saved.into(task)
        task.mean.fill_(0.449)
        task.std.fill_(0.226)
        numbers = (torch.tensor(train.inputs) / 255 - task.mean) / task.std
        features.append(task.eval().model.conv1(numbers))
    assert torch.allclose(*features, atol=1e-4)


def test_what_a_file_of_weights_must_be(project, published, tmp_path):
    train = load_split(project.root, "train")
    with pytest.raises(UserError, match=r"trained with batch norm; set model.normalization: batch \(it is none\)"):
        make_task(project, starting_from(project, published, **{"model.name": "resnet18"}), train, 1)
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="not the weights of a torchvision ResNet, so that its normalisation"):
        Pretrained(tmp_path / "other.pth")
    (tmp_path / "damaged.pth").write_bytes(published.read_bytes()[:1000])
    with pytest.raises(UserError, match=r"damaged\.pth: missing, damaged or not only weights"):
        Pretrained(tmp_path / "damaged.pth")
    with pytest.raises(UserError, match=r"torchvision has no weights for model\.name lenet; it has them for resnet18"):
        make_task(project, starting_from(project, "torchvision"), train, 1)


def test_without_a_network_the_file_and_its_place_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it keeps the proxies of its first use, for every later test
    with pytest.raises(UserError, match=r"could not be downloaded .*put it to .*checkpoints/resnet18-f37072fd\.pth"):
        downloaded("resnet18")
    assert not list((tmp_path / "hub/checkpoints").glob("*.pth"))
