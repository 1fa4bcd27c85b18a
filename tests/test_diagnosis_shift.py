"""A planted shift between training and validation: the diagnosis measures it and does not call it over-fitting."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diagnosis_tasks import digits, patients
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import make_project, quiet_context

from arcane.config import Project
from arcane.data.ingest import ingest
from arcane.data.loading import Examples, measured_splits
from arcane.data.manifest import MANIFEST, read_manifest
from arcane.data.rates import Average, Rate
from arcane.data.sources.base import Example
from arcane.data.sources.digits import Digits
from arcane.data.splits import split, write_splits
from arcane.diagnosis.described import Column
from arcane.diagnosis.shift import effect, shift
from arcane.improvement.loop import Configuration
from arcane.pipeline.stage.baseline import keep_model
from arcane.pipeline.stage.report import count_opening, final_metrics
from arcane.pipeline.stages import diagnose
from arcane.spec import Feature, Spec
from arcane.training.trials import Trial, run_trial

SHIFTED = {
    "data.target_domain": "photographed",
    "model.name": "mlp",
    "train.epochs": 12,
    "run.device": "cpu",
    "diagnose.share": 0,
}


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
    said = diagnose(quiet_context(shifted)).summary
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
    found = final_metrics(quiet_context(shifted))
    assert found["dominant"] == "data_mismatch" and {"train_val", "test"} < set(found["errors"])
    assert found["test"]["openings"] == 1 and "confusion" in found


def test_without_a_target_domain_there_is_no_such_gap(tmp_path):
    project = trained(tmp_path, {**SHIFTED, "data.target_domain": None, "train.epochs": 1})
    diagnose(quiet_context(project))
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


def test_a_planted_shift_is_described_with_what_differs():
    train, other = digits()
    dark = other.inputs * (np.random.default_rng(0).random(other.inputs.shape) < 1 / 3).astype(np.uint8)
    mixed = np.where((np.arange(len(other)) % 3 == 0)[:, None, None, None], other.inputs, dark)
    found = shift(train, replace(other, inputs=mixed), expected=True)
    assert found.found and found.strength in ("clear", "strong") and "the domains differ on purpose" in found.sentence
    light = next(each for each in found.effects if each.name == "brightness")
    assert light.measure == "cohens-d" and light.high < -1 and light.other < 0.7 * light.train
    assert "brightness is" in found.sentence or found.effects.index(light) > 2
    assert "standard deviations lower" in light.sentence
    darkened = {identifier for row, identifier in enumerate(other.ids) if row % 3}
    assert len(darkened.intersection(found.typical["validation"])) >= 7  # of eight; by chance 5.3
    assert set(found.typical["train"]) <= set(train.ids)


def test_too_few_examples_are_said_to_be_so(shifted):
    """The photographed domain's validation has fewer than 50 examples."""
    diagnose(quiet_context(shifted))
    found = json.loads((shifted.root / "reports/errors.json").read_text())["shift"]
    assert found["expected"] and not found["found"] and found["sentence"].startswith("Too few examples")


def table(n: int, seed: int, moved: float = 0.0, other: float = 0.0) -> Examples:
    """Two numbers and a category; `moved` shifts the first, `other` gives a share of the rows the last value."""
    rng = np.random.default_rng(seed)
    port = np.where(rng.random(n) < other, 3, rng.integers(1, 4, n))
    rows = np.column_stack([rng.normal(moved, 1, n), rng.normal(0, 1, n), port]).astype(np.float32)
    features = (Feature("age"), Feature("fare"), Feature("port", "category", ("north", "south", "west")))
    ids = tuple(f"{seed:08x}{i:024x}" for i in range(n))
    return Examples(ids, rows, rng.integers(0, 2, n), Spec("tabular", (3,), ("a", "b"), features))


def test_without_a_shift_hardly_ever_one_is_reported():
    """At most 5 % in the long run: of 40 pairs of splits more than 6 would come once in a hundred."""
    searched = [shift(table(300, 2 * seed), table(120, 2 * seed + 1)) for seed in range(40)]
    assert sum(found.found for found in searched) <= 6
    assert sum(bool(found.effects) for found in searched) <= 6
    assert "no shift to be seen" in next(found for found in searched if not found.found).sentence


def test_what_labels_differ_by_is_said_in_whole_sentences():
    labels = shift(table(300, 1), table(300, 2), "validation").labels
    assert labels[2] == (
        f"{100 * labels[0]:.2g} % of the examples of validation would have to change their class for the shares of "
        f"train; chance alone makes up to {100 * labels[1]:.2g} %."
    )
    train, other = patients()
    said = shift(train, other).labels[2]
    assert said.startswith("The mean targets of train and validation lie 0.") and said.endswith(".")


def test_a_shift_of_one_column_and_of_a_category_is_measured():
    found = shift(table(1000, 1), table(500, 2, moved=0.8))
    assert found.found and found.effects[0].name == "age" and found.effects[0].low < 0.8 < found.effects[0].high
    ports = shift(table(1000, 3), table(500, 4, other=0.5))
    (port,) = [each for each in ports.effects if each.name == "port"]
    assert port.measure == "total-variation" and port.low < 1 / 3 < port.high and "'west'" in port.sentence


@given(st.integers(60, 300), st.integers(60, 300), st.floats(-2, 2), st.floats(0.1, 100), st.integers(0, 10_000))
@settings(max_examples=50, deadline=None)
def test_an_effect_knows_neither_unit_nor_order(n, m, moved, unit, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=n), rng.normal(moved, 1, m)
    one = effect(Column("x", first), Column("x", second))
    scaled = effect(Column("x", unit * first + 7), Column("x", unit * second + 7))
    back = effect(Column("x", second), Column("x", first))
    assert scaled.value == pytest.approx(one.value, rel=1e-6, abs=1e-9) and back.value == pytest.approx(-one.value)
    assert one.low < one.value < one.high
    assert effect(Column("x", first), Column("x", second), 20).low < one.low


def test_categories_of_one_distribution_differ_as_rarely_as_promised():
    """At 95 % and two-sided, 2.5 % of samples lie that high: of 200 more than 11 would come once in a hundred."""
    sure = 0
    for seed in range(200):
        values = np.random.default_rng(seed).permutation(np.arange(900) % 10)
        column = Column("class", values, tuple("abcdefghij"))
        found = effect(column.of(np.arange(600)), column.of(np.arange(600, 900)))
        assert 0 <= found.low <= found.value <= found.high
        sure += found.sure
    assert sure <= 11


def test_an_effects_interval_covers():
    inside = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        found = effect(Column("x", rng.normal(size=120)), Column("x", rng.normal(0.5, 1, 80)))
        inside += found.low <= 0.5 <= found.high
    assert 180 <= inside <= 198


def test_few_examples_are_not_compared():
    found = shift(table(40, 1), table(40, 2))
    assert not found.found and found.sentence.startswith("Too few examples") and found.as_json()["features"] == []
