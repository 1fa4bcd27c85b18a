"""The template's task trains on every kind of example, tells classes apart or estimates, and repeats itself."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from diagnosis_tasks import curves, heights, make, passengers, patients, template_project
from test_training_fit import weights_hash

from arcane.data.rates import measured
from arcane.errors import UserError
from arcane.models import model_names
from arcane.training.fit import fit, on_device
from arcane.training.inference import evaluate, load_model, predict, save_model

DATA = {"curves": curves, "heights": heights, "passengers": passengers, "patients": patients}


def trained(data: str, changes: dict[str, Any], seed: int = 1) -> tuple[Any, list]:
    train, validation = DATA[data]()
    task = make(changes=changes, train=train)
    options = task.params.train
    return task, fit(task, train, validation, epochs=options.epochs, batch_size=options.batch_size, seed=seed)


def quick(name: str, **changes: Any) -> dict[str, Any]:
    short = {name.replace("_", "."): value for name, value in changes.items()}
    return {"model.name": name, "model.width": 0.5, "train.epochs": 2, "train.learning_rate": 3e-3, **short}


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("name", sorted({*model_names("sequence"), *model_names("tabular")}))
def test_every_model_learns_what_it_can_read(name, data):
    train, validation = DATA[data]()
    if name not in model_names(train.spec.modality):
        with pytest.raises(UserError, match=f"`{name}`, which does not read {train.spec.modality} data"):
            make(changes={"model.name": name}, train=train)
        return
    _, curve = trained(data, quick(name))
    before = evaluate(make(changes=quick(name), train=train), *on_device(validation, torch.device("cpu")))
    assert curve[-1].validation_loss < before.loss
    assert 0 <= curve[-1].train_error < (2 if train.spec.regression else 1)
    assert curve[-1].seen == 2 * len(train)


@pytest.mark.parametrize(
    ("data", "changes", "error"),
    [
        ("curves", {"model.name": "conv1d", "train.epochs": 8, "model.normalization": "batch"}, 0.25),
        ("passengers", {"model.name": "mlp", "train.epochs": 10}, 0.22),
        ("passengers", {"model.name": "linear", "train.epochs": 20}, 0.25),
        ("patients", {"model.name": "linear", "train.epochs": 60}, 0.6),
        ("heights", {"model.name": "mlp", "train.epochs": 20}, 0.25),
        ("heights", {"model.name": "conv1d", "train.epochs": 10}, 0.3),
    ],
)
def test_what_can_be_learnt_is_learnt(data, changes, error):
    _, curve = trained(data, {"train.learning_rate": 3e-3, **changes})
    assert curve[-1].validation_error < error
    assert curve[-1].validation_error < curve[0].validation_error or curve[0].validation_error < error


def test_a_regressions_error_is_the_share_of_the_variance_unexplained():
    train, validation = patients()
    task, curve = trained("patients", {"model.name": "linear", "train.epochs": 5})
    found = evaluate(task, *on_device(validation, task.device))
    estimates = predict(task, validation.inputs)
    assert estimates.dtype == np.float32 and np.array_equal(found.outputs, estimates)
    expected = (validation.labels.astype(float) - estimates) ** 2 / train.labels.astype(float).var()
    np.testing.assert_allclose(found.errors, expected, rtol=1e-6)
    assert found.errors.dtype == np.float64
    assert curve[-1].validation_error == pytest.approx(expected.mean())
    # the loss is the squared error of standardised targets: the same number
    assert curve[-1].validation_loss == pytest.approx(expected.mean(), rel=1e-4)
    average = measured(found.errors, task.statistics.target_std, "points")
    assert average.as_json()["rmse"]["value"] == pytest.approx(np.sqrt(((validation.labels - estimates) ** 2).mean()))


def test_targets_in_any_unit_train_alike():
    from dataclasses import replace

    train, validation = patients()
    changes = {"model.name": "mlp", "train.epochs": 3, "train.learning_rate": 3e-3}
    errors = []
    for scale, offset in ((1.0, 0.0), (1000.0, 50_000.0)):
        parts = [
            replace(part, labels=part.labels * np.float32(scale) + np.float32(offset)) for part in (train, validation)
        ]
        task = make(changes=changes, train=parts[0])
        errors.append(fit(task, *parts, epochs=3, batch_size=64, seed=1)[-1].validation_error)
    assert errors[0] == pytest.approx(errors[1], rel=1e-3)


def test_a_regression_that_gives_a_column_is_told_to_give_one_number_an_example():
    train, validation = patients()
    task = make(changes={"model.name": "linear"}, train=train)
    task.__dict__["forward"] = lambda inputs: task.model((inputs - task.mean) / task.std)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that the loss broadcasts
        with pytest.raises(UserError, match=r"one estimate an example, \[64\], not \[64, 1\]"):
            fit(task, train, validation, epochs=1, batch_size=64, seed=1)


@pytest.mark.parametrize(
    ("data", "changes"),
    [
        ("curves", quick("lstm", train_augmentation="shift-scale-noise", model_dropout=0.2)),
        ("curves", quick("attention", model_dropout=0.2, train_epochs=1)),
        ("heights", quick("wavenet", model_normalization="batch")),
        ("passengers", quick("mlp", model_dropout=0.2)),
    ],
)
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(data, changes):
    (first, curve), (second, again) = (trained(data, changes) for _ in range(2))
    other, different = trained(data, changes, seed=2)
    assert weights_hash(first) == weights_hash(second) and curve == again
    assert weights_hash(first) != weights_hash(other) and curve != different


@pytest.mark.parametrize("data", DATA)
def test_a_saved_model_is_the_same_model(data, tmp_path):
    train, _ = DATA[data]()
    task = make(changes={"model.name": "mlp"}, train=train)
    save_model(tmp_path, task, "template")
    loaded: Any = load_model(tmp_path, template_project())
    assert (loaded.spec, loaded.statistics) == (task.spec, task.statistics)
    assert np.array_equal(predict(task, train.inputs[:50]), predict(loaded, train.inputs[:50]))


@pytest.mark.parametrize("data", ["heights", "passengers"])
def test_runs_unchanged_under_lightnings_trainer(data):
    import lightning.pytorch as lightning
    from torch.utils.data import DataLoader, TensorDataset

    train, validation = DATA[data]()
    task = make(changes={"model.name": "mlp", "train.schedule": "cosine", "train.learning_rate": 3e-3}, train=train)
    before = evaluate(task, *on_device(validation, task.device))
    trainer = lightning.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(task, *(DataLoader(TensorDataset(*on_device(part, task.device)), 64) for part in (train, validation)))
    after = evaluate(task, *on_device(validation, task.device))
    assert after.loss < before.loss
    assert float(trainer.callback_metrics["validation_loss"]) == pytest.approx(after.loss, rel=1e-4)
