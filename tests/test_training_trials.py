"""Trials: kept by content, written whole, recorded; and saved models: exact, plain files, with class names."""

import json

import numpy as np
import pytest
import torch
from projects import make_project, write_params

from arcane.config import find_project
from arcane.data.loading import load_split
from arcane.errors import UserError
from arcane.training.inference import (
    evaluate,
    load_model,
    predict,
    predict_files,
    save_model,
)
from arcane.training.trials import Trial, make_task, run_trial, trial_key

QUICK = {"train.epochs": 2, "train.learning_rate": 3e-3}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("trials"), QUICK)


@pytest.fixture(scope="module")
def result(project):
    return run_trial(project.root, Trial("quick", project.params, 1))


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_errors_are_those_of_the_saved_model(project, result):
    task = load_model(result.model, project)
    for name in ("train", "validation"):
        examples = load_split(project.root, name)
        measured = evaluate(task, torch.tensor(examples.inputs), torch.tensor(examples.labels))
        assert (result.errors[name].wrong, result.errors[name].n) == (measured.errors.sum(), len(examples))
    assert np.array_equal(result.validation_errors, measured.errors)
    assert np.array_equal(result.validation_outputs, measured.outputs)
    assert result.curve[-1].validation_error == pytest.approx(result.errors["validation"].value)
    assert result.seen == 2 * result.errors["train"].n
    assert result.parameters == 19_754


def test_a_trial_is_run_once(project, result):
    before = {path: path.stat().st_mtime_ns for path in result.folder.rglob("*")}
    again = run_trial(project.root, Trial("under another name", project.params, 1))
    assert again == result
    assert before == {path: path.stat().st_mtime_ns for path in result.folder.rglob("*")}
    assert [p.name for p in result.folder.parent.iterdir() if p.name.startswith(".")] == []


def test_the_same_trial_in_another_project_has_the_same_bytes(project, result, tmp_path):
    other = make_project(tmp_path, QUICK)
    twin = run_trial(other.root, Trial("twin", other.params, 1))
    for name in ("model/weights.safetensors", "result.json", "validation_outputs.npy"):
        assert (twin.folder / name).read_bytes() == (result.folder / name).read_bytes(), name


def test_the_key_covers_what_shapes_the_outcome_and_nothing_else(project, tmp_path):
    params = project.params
    trial = Trial("one", params, 1)
    base = trial_key(project.root, trial)
    same = [
        Trial("two", params, 1),
        Trial(
            "one", params.changed({"goal.error": 0.2, "improve.budget": 5, "run.threads": 2, "run.device": "cpu"}), 1
        ),
    ]
    different = [
        Trial("one", params, 2),
        Trial("one", params.changed({"model.width": 2.0}), 1),
        Trial("one", params.changed({"train.learning_rate": 1e-3}), 1),
    ]
    assert {trial_key(project.root, other) for other in same} == {base}
    assert len({base} | {trial_key(project.root, other) for other in different}) == 4


@pytest.mark.parametrize(
    ("file", "counts"),
    [("task.py", True), ("blocks.py", True), ("actions.py", False), ("source.py", False)],
)
def test_editing_a_file_of_the_package(tmp_path, file, counts):
    project = make_project(tmp_path, QUICK)
    trial = Trial("one", project.params, 1)
    before = trial_key(tmp_path, trial)
    path = project.package_folder / file
    path.write_text((path.read_text() if path.exists() else "") + "\n# edited\n")
    assert (trial_key(tmp_path, trial) != before) == counts


def test_moving_an_example_to_another_split_is_another_trial(tmp_path):
    project = make_project(tmp_path, QUICK)
    trial = Trial("one", project.params, 1)
    before = trial_key(tmp_path, trial)
    splits = tmp_path / "data/splits.jsonl"
    splits.write_text(splits.read_text().replace('"validation"', '"train"', 1))
    assert trial_key(tmp_path, trial) != before


def test_data_that_is_not_there_is_said(tmp_path):
    project = make_project(tmp_path, with_data=False)
    with pytest.raises(UserError, match=r"manifest\.jsonl.*splits\.jsonl.*dvc repro"):
        run_trial(tmp_path, Trial("one", project.params, 1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"model.name": "lenett"}, "did you mean `lenet`"), ({"train.augmentation": "flip"}, "crop-flip")],
)
def test_a_wrong_name_ends_the_trial_and_its_record(project, tmp_path, changes, message):
    journal = tmp_path / "journal.jsonl"
    with pytest.raises(UserError, match=message):
        run_trial(project.root, Trial("wrong", project.params.changed(changes), 1, journal=journal))
    assert lines(journal)[-1]["kind"] == "end" and lines(journal)[-1]["status"] == "FAILED"


def test_the_journal_has_parameters_epochs_and_the_end(project, result, tmp_path):
    journal = tmp_path / "journal.jsonl"
    trial = Trial("quick", project.params, 1, journal=journal, run_parent="parent", tags={"stage": "baseline"})
    run_trial(project.root, trial)
    found = lines(journal)
    start = found[0]
    assert (start["kind"], start["name"], start["parent"]) == ("start", "quick", "parent")
    assert start["tags"] == {"stage": "baseline"}
    params = next(line["values"] for line in found if line["kind"] == "params")
    assert params["model.width"] == 1.0 and params["train.learning_rate"] == 3e-3 and params["seed"] == 1
    epochs = [line for line in found if line["kind"] == "metrics" and "train_loss" in line["values"]]
    assert [line["step"] for line in epochs] == [1, 2]
    for line, epoch in zip(epochs, result.curve, strict=True):
        assert line["values"]["validation_error"] == epoch.validation_error
        assert line["values"]["train_error"] == epoch.train_error
    assert found[-1]["status"] == "FINISHED"


def test_one_trial_in_two_pipeline_runs_is_two_tracked_runs(project, result, tmp_path):
    keys = []
    for parent in ("first", "second", "second"):
        journal = tmp_path / f"{len(keys)}.jsonl"
        run_trial(project.root, Trial("quick", project.params, 1, journal=journal, run_parent=parent))
        keys.append(lines(journal)[0]["key"])
    assert keys[0] != keys[1] == keys[2]


def test_a_failure_while_writing_leaves_nothing_half_done(tmp_path, monkeypatch):
    project = make_project(tmp_path, {**QUICK, "train.epochs": 1})
    trial = Trial("one", project.params, 1)

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        run_trial(tmp_path, trial)
    assert list((tmp_path / ".arcane/trials").iterdir()) == []
    monkeypatch.undo()
    assert run_trial(tmp_path, trial).errors["train"].n > 1000


def test_a_saved_model_gives_the_same_probabilities_to_the_bit(project, tmp_path):
    train = load_split(project.root, "train")
    params = project.params.changed({"model.normalization": "batch", "model.dropout": 0.2})
    task = make_task(project, params, train, 3)
    task(torch.tensor(train.inputs[:64]))  # moves batch norm's running statistics
    save_model(tmp_path / "one", task, project.package)
    save_model(tmp_path / "two", task, project.package)
    for name in ("weights.safetensors", "model.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    loaded = load_model(tmp_path / "one", project)
    assert np.array_equal(predict(task, train.inputs), predict(loaded, train.inputs))
    assert task.training and not loaded.training


def test_model_json_says_what_the_model_is(project, result):
    description = json.loads((result.model / "model.json").read_text())
    train = load_split(project.root, "train")
    assert description["shape"] == [1, 8, 8]
    assert description["classes"] == list(train.classes)
    assert description["parameters"] == 19_754
    assert description["normalisation"]["mean"][0] == pytest.approx(train.inputs.mean() / 255)
    assert description["architecture"]["model"]["name"] == "lenet"
    assert set(description["versions"]) == {"arcane", "torch"}


def test_a_model_does_not_change_with_the_params_of_the_day(project, result, tmp_path):
    train = load_split(project.root, "train")
    before = predict(load_model(result.model, project), train.inputs)
    write_params(tmp_path / "params.yaml", {"model.width": 3.0})
    (tmp_path / "pyproject.toml").write_text((project.root / "pyproject.toml").read_text())
    (tmp_path / "src").symlink_to(project.root / "src")
    after = predict(load_model(result.model, find_project(tmp_path)), train.inputs)
    assert np.array_equal(before, after)
    # and without a project, as a server loads it: the package is importable by now
    assert np.array_equal(before, predict(load_model(result.model), train.inputs))


def test_predict_names_the_classes_of_image_files(project, tmp_path):
    from PIL import Image

    best = run_trial(project.root, Trial("longer", project.params.changed({"train.epochs": 12}), 1))
    examples = load_split(project.root, "validation")
    paths = []
    for row in range(40):
        paths.append(tmp_path / f"{row}.png")
        Image.fromarray(examples.inputs[row, 0]).save(paths[-1])
    predictions = predict_files(paths, best.model, project)
    assert [p.path for p in predictions] == paths
    right = [p.label == examples.classes[label] for p, label in zip(predictions, examples.labels, strict=False)]
    assert np.mean(right) == pytest.approx(1 - best.validation_errors[:40].mean())
    assert np.mean(right) > 0.85
    for prediction in predictions:
        assert (
            prediction.probabilities[prediction.label]
            == prediction.probability
            == max(prediction.probabilities.values())
        )
        assert sum(prediction.probabilities.values()) == pytest.approx(1, abs=1e-5)

    colour = tmp_path / "colour.png"
    Image.fromarray(examples.inputs[0, 0]).convert("RGB").resize((64, 64), Image.Resampling.NEAREST).save(colour)
    assert predict_files([colour], best.model, project)[0].label == predictions[0].label


def test_unreadable_files_are_all_named(project, result, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(UserError) as caught:
        predict_files([tmp_path / "broken.png", tmp_path / "missing.png"], result.model, project)
    assert "broken.png" in str(caught.value) and "missing.png" in str(caught.value)


def test_a_damaged_or_foreign_model_is_said(project, result, tmp_path):
    with pytest.raises(UserError, match=r"model\.json: not there"):
        load_model(tmp_path, project)
    (tmp_path / "model.json").write_bytes((result.model / "model.json").read_bytes())
    with pytest.raises(UserError, match=r"weights\.safetensors: not there"):
        load_model(tmp_path, project)
    (tmp_path / "weights.safetensors").write_bytes((result.model / "weights.safetensors").read_bytes()[:-10])
    with pytest.raises(UserError, match=r"weights\.safetensors: damaged"):
        load_model(tmp_path, project)
    description = json.loads((result.model / "model.json").read_text())
    description["architecture"]["model"]["width"] = 2.0
    (tmp_path / "model.json").write_text(json.dumps(description))
    (tmp_path / "weights.safetensors").write_bytes((result.model / "weights.safetensors").read_bytes())
    with pytest.raises(UserError, match=r"do not fit task\.py"):
        load_model(tmp_path, project)
    (tmp_path / "model.json").write_text('{"schema": 1}')
    with pytest.raises(UserError, match="not a saved model's description"):
        load_model(tmp_path, project)
