"""The goal as a claim, known results beside the model, more seeds and folds, and what the stages write of all that."""

import json
from dataclasses import replace
from pathlib import Path

import jinja2
import numpy as np
import pytest
import torch
import yaml
from diagnosis_tasks import params
from projects import TEMPLATE_PROJECT, make_project, quiet_context

from arcane.config import Goal, Params
from arcane.data.loading import groups_of, load_fold, load_splits
from arcane.data.rates import Average, Rate
from arcane.data.splits import SPLITS, read_splits
from arcane.diagnosis.baselines import KEPT, kept_errors
from arcane.diagnosis.folds import fold_trials, out_of_fold
from arcane.diagnosis.goal import EVIDENCE, Reference, claim_of, judge, label_noise, placed, read_references
from arcane.diagnosis.intervals import Claim, Repeated
from arcane.diagnosis.seeds import over_seeds, plan, seed_trials
from arcane.errors import UserError
from arcane.files import write_json
from arcane.pipeline.stage.baseline import keep_model
from arcane.pipeline.stage.report import final_metrics
from arcane.pipeline.stages import diagnose
from arcane.training.trials import Trial, TrialResult, run_trial, trial_key

GOAL = Goal(error=0.05, source="a paper", kind="published")


def test_a_goal_that_the_model_beats_is_too_weak():
    found = judge(GOAL, Rate(10, 1000))
    assert found.too_weak and found.below_noise is None
    assert found.sentence.startswith("The goal of 5 % is too weak: the validation error is at most 1.8")
    assert "no negative bias" in found.sentence
    near = judge(GOAL, Rate(45, 1000))  # below it, but not beyond noise
    assert not near.too_weak and near.sentence == ""
    assert near.as_json() == {
        "value": 0.05,
        "kind": "published",
        "source": "a paper",
        "n": None,
        "too_weak": False,
        "below_noise": None,
        "sentence": "",
    }


def test_a_goal_below_the_label_noise_is_said_to_be_out_of_reach():
    noise = label_noise({"label_errors": {"looked_at": 1000, "count": 120}})
    found = judge(GOAL, Rate(300, 1000), noise)
    assert found.below_noise and "12 % (at least 10.1 %)" in found.sentence
    assert judge(GOAL, Rate(300, 1000), Rate(40, 1000)).below_noise is False
    assert label_noise({}) is None and label_noise({"label_errors": {"looked_at": 0, "count": 0}}) is None
    assert label_noise({"kind": "regression", "label_errors": {"looked_at": 9, "count": 1}}) is None


def test_a_claim_has_an_interval_where_it_is_known_on_how_many_examples_it_was_seen():
    assert claim_of(GOAL) == Claim(0.05, None) and claim_of(GOAL).interval() == (0.05, 0.05)
    seen = GOAL.model_copy(update={"n": 200})
    low, high = claim_of(seen).interval()
    assert low < 0.03 and high > 0.08
    assert claim_of(seen, regression=True).n is None


REFERENCES = (
    Reference("official", "official", 0.06, "a", 1000),
    Reference("paper", "paper", 0.10, "b"),
    Reference("people", "human", 0.20, "c"),
)


def test_a_model_is_placed_among_known_results():
    rows = placed(Rate(100, 1000), REFERENCES)
    assert [row["beaten"] for row in rows] == ["no", "undecided", "yes"]
    assert rows[0]["evidence"] == EVIDENCE["official"] and rows[2]["difference"]["high"] < 0
    exact, seen = (placed(Rate(75, 1000), [replace(REFERENCES[0], n=n)])[0]["difference"] for n in (None, 1000))
    assert seen["high"] - seen["low"] > 1.2 * (exact["high"] - exact["low"])
    assert placed(Average(0.4, 0.1, 500), [Reference("ridge", "own", 0.5, "here", 442)])[0]["beaten"] == "yes"


@pytest.mark.parametrize("dataset", ["digits", "fashion-mnist", "cifar10", "mnist1d", "wine", "diabetes", "own"])
def test_the_templates_known_results_are_read(tmp_path, dataset):
    text = (TEMPLATE_PROJECT / "references.yaml").read_text(encoding="utf-8")
    (tmp_path / "references.yaml").write_text(jinja2.Template(text).render(cookiecutter={"dataset": dataset}))
    found = read_references(tmp_path / "references.yaml")
    kinds = [list(EVIDENCE).index(each.kind) for each in found]
    assert kinds == sorted(kinds) and bool(found) == (dataset not in ("own", "diabetes"))
    if dataset == "mnist1d":  # the authors' table: 32, 68, 94, 91 and 96 % right
        errors = {each.name: each.error for each in found}
        assert sorted(errors.values()) == [0.04, 0.06, 0.09, 0.32, 0.68] and errors["an expert"] == 0.04


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("references: [", "references.yaml, line 1: not YAML"),
        ("references: 3", "expected `references:` and under it a list, found int"),
        ("references: [3]", "entry 1: expected name, kind, error and source, found 3"),
        ("references: [{name: a, kind: paper, error: 0.1}]", "entry 1: `source` is missing"),
        ("references: [{name: a, kind: paper, error: 0.1, source: b, url: c}]", "entry 1: `url` is unknown"),
        ("references: [{name: a, kind: rumour, error: 0.1, source: b}]", "kind is 'rumour'; expected one of official"),
        ("references: [{name: a, kind: paper, error: 10, source: b}]", "error is 10; expected a share from 0 to 1"),
        ("references: [{name: a, kind: paper, error: 0.1, source: b, n: x}]", "n is 'x'; expected a number"),
        ("references: [{name: '', kind: paper, error: 0.1, source: b}]", "name is ''; expected text"),
    ],
)
def test_wrong_references_are_named(tmp_path, text, message):
    (tmp_path / "references.yaml").write_text(text)
    with pytest.raises(UserError, match=r"references\.yaml") as raised:
        read_references(tmp_path / "references.yaml")
    assert message in str(raised.value)


def test_no_references_are_none(tmp_path):
    assert read_references(tmp_path / "references.yaml") == ()
    (tmp_path / "references.yaml").write_text("# nothing yet\n")
    assert read_references(tmp_path / "references.yaml") == ()


def with_share(share: float, budget: int = 100_000, epochs: int = 10) -> Params:
    return params({"diagnose.share": share, "improve.budget": budget, "train.epochs": epochs})


def test_the_plan_keeps_to_its_share_of_the_budget():
    assert plan(with_share(0.0), 1000).seeds == 1
    short = plan(with_share(0.1), 1000)
    assert (short.seeds, short.folds, short.cost) == (1, 0, 0) and "3 seeds would see 20,000" in short.sentence
    assert plan(with_share(0.9), 1000).seeds == 3 and plan(with_share(0.9), 1000).sentence == ""
    dear = plan(with_share(0.1), 1000, 5, 1250)
    assert dear.folds == 0 and "5 folds would measure on 1,250 examples" in dear.sentence
    folds = plan(with_share(0.5), 1000, 5, 1250)
    assert (folds.folds, folds.seeds, folds.cost) == (5, 1, 50_000)
    assert plan(with_share(0.7), 1000, 5, 1250).seeds == 3
    assert plan(with_share(0.5, budget=0), 1000, 5, 1250).cost == 0


def result_of(errors: dict[str, Rate], by_example: np.ndarray | None = None) -> TrialResult:
    found = TrialResult("key", Path(), errors, (), 100, 1)
    if by_example is not None:
        found.__dict__["validation_errors"] = by_example  # what the cached property would read
    return found


def test_errors_over_seeds_keep_what_groups_do_to_the_interval():
    first = {"train": Rate(10, 100), "validation": Rate(20, 100, effect=4.0)}
    again = result_of({"train": Rate(14, 100), "validation": Rate(24, 100)})
    found = over_seeds(first, [again])
    assert isinstance(found["validation"], Repeated) and found["validation"].value == pytest.approx(0.22)
    assert {run.effect for run in found["validation"].runs} == {4.0}
    assert found["train"].as_json()["by_seed"] == [0.1, 0.14] and found["train"].as_json()["seeds"] == 2
    assert over_seeds(first, []) == first


def test_seeds_are_those_of_the_improvement_loop():
    trials = seed_trials(params({"seed": 2**32 - 1}), 3, None)
    assert [(trial.name, trial.seed) for trial in trials] == [("baseline, seed 0", 0), ("baseline, seed 1", 1)]


def test_folds_that_differ_beyond_chance_widen_the_interval():
    rng = np.random.default_rng(0)

    def folds(rates_: list[float]) -> list[TrialResult]:
        each = [rng.permutation(np.arange(200) < 200 * rate) for rate in rates_]
        return [result_of({"train": Rate(10, 800), "validation": Rate(int(e.sum()), 200)}, e) for e in each]

    alike, apart = out_of_fold(folds([0.2] * 5)), out_of_fold(folds([0.05, 0.1, 0.2, 0.3, 0.35]))
    assert alike.error.value == apart.error.value == pytest.approx(0.2) and alike.error.n == 1000
    assert alike.error.effect == 1 and apart.error.effect > 20
    assert apart.decomposed(0.01).gaps["variance"].low < 0.1 < alike.decomposed(0.01).gaps["variance"].low
    said = apart.as_json(0.01)
    assert said["k"] == 5 and said["n"] == 1000 and said["by_fold"] == [0.05, 0.1, 0.2, 0.3, 0.35]
    assert said["seen"] == 500 and "not independent" in said["caveat"] and said["errors"]["validation"]["n"] == 1000
    whole = np.repeat(np.arange(50), 20)
    assert out_of_fold(folds([0.2] * 5), whole).error.effect >= 1


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    torch.set_num_threads(1)
    overrides = {
        "model.name": "linear",
        "train.epochs": 2,
        "train.learning_rate": 0.01,
        "run.device": "cpu",
        "improve.slots": 1,
        "data.limit": 600,
        "diagnose.share": 0.1,
    }
    made = make_project(tmp_path_factory.mktemp("goal"), overrides)
    write_json(made.root / "reports/resolution.json", {"schema": 1, "chosen": None})
    (made.root / "references.yaml").write_text(
        "references: [{name: chance, kind: like-data, error: 0.9, source: ten classes}]"
    )
    trained = run_trial(made.root, Trial("baseline", made.params, made.params.seed))
    for name in ("baseline", "best"):
        keep_model(trained.model, made.root / "models" / name)
    return made


def test_a_fold_validates_what_the_others_train_on(project):
    assigned = read_splits(project.root / SPLITS)
    whole = load_splits(project.root, ("train", "validation"))
    ids = {identifier for part in whole.values() for identifier in part.ids}
    held_out = []
    for fold in range(5):
        parts = load_fold(project.root, fold)
        assert set(parts["train"].ids) | set(parts["validation"].ids) == ids
        assert not set(parts["train"].ids) & set(parts["validation"].ids)
        assert set(parts["validation"].ids) == set(assigned.filter(assigned["fold"] == fold)["id"])
        held_out += parts["validation"].ids
    assert sorted(held_out) == sorted(ids)
    with pytest.raises(UserError, match="no fold 5"):
        load_fold(project.root, 5)
    first = fold_trials(project.params, 2, None)
    keys = {trial_key(project.root, trial) for trial in (*first, Trial("x", project.params, project.params.seed))}
    assert len(keys) == 3
    assert groups_of(project.root, whole["train"].ids) is None


def test_diagnosis_trains_seeds_and_folds_and_says_so(project):
    summary = diagnose(quiet_context(project)).summary
    found = json.loads((project.root / "reports/diagnosis.json").read_text())
    assert found["plan"]["seeds"] == 3 and found["plan"]["folds"] == 5
    assert found["plan"]["cost"] <= 0.1 * project.params.improve.budget == found["plan"]["budget"]
    validation = found["errors"]["validation"]
    assert validation["seeds"] == 3 and validation["value"] == pytest.approx(np.mean(validation["by_seed"]))
    assert found["folds"]["k"] == 5 and found["folds"]["n"] > 3 * validation["n"]
    assert found["folds"]["seen"] + 2 * 2 * found["errors"]["train"]["n"] == found["plan"]["cost"]
    assert found["verdict"] == summary and found["decided_by"] in ("validation", "folds")
    assert found["goal"]["kind"] == "number" and found["goal"]["below_noise"] in (True, False)
    # Weak slices are looked for in the folds' own errors: the ids and the answers are in the same order.
    slices = json.loads((project.root / "reports/errors.json").read_text())["slices"]["out_of_fold"]
    assert slices["model"].startswith("the first network") and slices["n"] == found["folds"]["n"]
    assert slices["error"]["value"] == pytest.approx(found["folds"]["errors"]["validation"]["value"])
    before = (project.root / "reports/diagnosis.json").read_bytes()
    diagnose(quiet_context(project))
    assert (project.root / "reports/diagnosis.json").read_bytes() == before


def test_the_final_metrics_hold_the_parts_and_the_references(project):
    write_json(project.root / "reports/improvement.json", {"rounds": [{}, {}, {}]})
    found = final_metrics(quiet_context(project))
    assert sum(part["value"] for part in found["parts"].values()) == pytest.approx(found["errors"]["test"]["value"])
    assert found["validation_overfit"]["asked"] == 4
    assert found["validation_overfit"]["value"] == pytest.approx(
        found["errors"]["test"]["value"] - found["errors"]["validation"]["value"]
    )
    assert found["references"][0]["name"] == "chance" and found["references"][0]["beaten"] == "yes"
    assert {"majority", "linear", "neighbours", "baseline", "best"} == set(found["models"])


def test_baselines_are_fitted_once(project, monkeypatch):
    parts = load_splits(project.root, ("train", "validation"))
    held_out = {"validation": parts["validation"]}
    first = kept_errors(project.root, parts["train"], held_out, 3)

    def refuse(*given, **named):
        raise AssertionError("fitted again")

    monkeypatch.setattr("arcane.diagnosis.baselines.fit_baselines", refuse)
    again = kept_errors(project.root, parts["train"], held_out, 3)
    assert list(again) == list(first) == ["majority", "linear", "neighbours"]
    for name, errors in first.items():
        np.testing.assert_array_equal(again[name]["validation"], errors["validation"])
    with pytest.raises(AssertionError):  # another seed, another subset
        kept_errors(project.root, parts["train"], held_out, 4)
    for file in (project.root / KEPT).rglob("*.npz"):
        file.write_bytes(b"damaged")
    with pytest.raises(AssertionError):  # what is damaged is not believed
        kept_errors(project.root, parts["train"], held_out, 3)


def test_params_offer_the_new_names():
    tree = yaml.safe_load("{error: 0.1, source: me, kind: rumour}")
    with pytest.raises(ValueError, match="kind"):
        Goal.model_validate(tree)
    with pytest.raises(UserError, match=r"did you mean `diagnose\.share`"):
        params({"diagnose.shares": 0.2})
