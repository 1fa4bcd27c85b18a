"""A planted shift between training and validation: the diagnosis measures it and does not call it over-fitting."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from projects import make_project

from arcane.config import Project
from arcane.data.ingest import ingest
from arcane.data.loading import measured_splits
from arcane.data.manifest import MANIFEST, read_manifest
from arcane.data.rates import Average, Rate
from arcane.data.sources.base import Example
from arcane.data.sources.digits import Digits
from arcane.data.splits import split, write_splits
from arcane.improvement.loop import Configuration
from arcane.pipeline.stages import Context, count_opening, diagnose, final_metrics, keep_model
from arcane.training.trials import Trial, run_trial

SHIFTED = {"data.target_domain": "photographed", "model.name": "mlp", "train.epochs": 12, "run.device": "cpu"}


class Photographed(Digits):
    """Every sixth digit is seen badly: of three pixels two are dark."""

    def examples(self) -> Iterator[Example]:
        for number, example in enumerate(super().examples()):
            if number % 6:
                yield replace(example, domain="scanned")
            else:
                seen = np.random.default_rng(number).random(example.inputs.shape) < 1 / 3
                yield replace(example, inputs=example.inputs * seen.astype(np.uint8), domain="photographed")


def trained(folder: Path, overrides: dict[str, object]) -> Project:
    project = make_project(folder, overrides, with_data=False)
    params = project.params
    ingest(Photographed(), project.root, params.data)
    assigned, _ = split(read_manifest(project.root / MANIFEST), params)
    write_splits(project.root / "data/splits.jsonl", assigned)
    result = run_trial(project.root, Trial("baseline", params, params.seed))
    for name in ("baseline", "best"):
        keep_model(result.model, project.root / "models" / name)
    return project


@pytest.fixture(scope="module")
def shifted(tmp_path_factory) -> Project:
    torch.set_num_threads(1)
    return trained(tmp_path_factory.mktemp("shifted"), SHIFTED)


def test_a_planted_shift_is_measured_and_named(shifted):
    assert measured_splits(shifted.root) == ("train", "train_val", "validation")
    said = diagnose(Context(shifted, None, None, None)).summary
    found = json.loads((shifted.root / "reports/diagnosis.json").read_text())
    errors = {name: error["value"] for name, error in found["errors"].items()}
    assert errors["train_val"] < 0.2 < 0.4 < errors["validation"]
    assert found["gaps"]["data_mismatch"]["value"] == pytest.approx(errors["validation"] - errors["train_val"])
    assert found["gaps"]["variance"]["value"] == pytest.approx(errors["train_val"] - errors["train"])
    assert found["dominant"] == "data_mismatch" and said.startswith("Distribution shift first")


def test_the_loop_sees_it(shifted):
    result = run_trial(shifted.root, Trial("baseline", shifted.params, shifted.params.seed))
    found = Configuration(shifted.params, (result,)).decomposed(0.01)
    assert found.dominant == "data_mismatch" and found.families[0] == "distribution shift"


def test_the_final_metrics_carry_it_too(shifted):
    found = final_metrics(Context(shifted, None, None, None))
    assert found["dominant"] == "data_mismatch" and {"train_val", "test"} < set(found["errors"])
    assert found["test"]["openings"] == 1 and "confusion" in found


def test_without_a_target_domain_there_is_no_such_gap(tmp_path):
    project = trained(tmp_path, {**SHIFTED, "data.target_domain": None, "train.epochs": 1})
    diagnose(Context(project, None, None, None))
    found = json.loads((project.root / "reports/diagnosis.json").read_text())
    assert found["gaps"]["data_mismatch"] is None and "train_val" not in found["errors"]


def test_the_ledger_counts_rates_and_averages(tmp_path):
    ledger = tmp_path / "test_ledger.jsonl"
    assert count_opening(ledger, "m1", "s", Rate(3, 100)) == 1
    assert count_opening(ledger, "m2", "s", Average(0.5, 0.7, 80, 77.0, "points")) == 2
    assert count_opening(ledger, "m1", "s", Rate(3, 100)) == 1
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert lines[0] == {"model": "m1", "split": "s", "n": 100, "wrong": 3}
    assert lines[1] == {"model": "m2", "split": "s", "n": 80, "value": 0.5}
