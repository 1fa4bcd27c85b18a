"""Two models on the same examples: intervals that hold, tests that are exact, and runs found wherever they are kept."""

import json
import subprocess

import numpy as np
import pytest
import torch
from diagnosis_tasks import digits, patients
from hypothesis import given, settings
from hypothesis import strategies as st
from projects import TEMPLATE_PROJECT, make_project

from arcane.config import Project
from arcane.diagnosis.comparison import compare, mcnemar_p, paired_interval, sign_flip_p
from arcane.errors import UserError
from arcane.files import write_json
from arcane.journal import Journal
from arcane.pipeline.compare import comparison, model_folder
from arcane.pipeline.stage.baseline import keep_model
from arcane.pipeline.tracking import FOLDER, Sender, send_all
from arcane.training.trials import Trial, run_trial


def test_newcombes_published_interval():
    """R. G. Newcombe, Statistics in Medicine 17 (1998) 2635-2650, table III: e, f, g, h = 36, 12, 2, 0, method 10."""
    first = np.repeat([True, True, False], [36, 12, 2])
    second = np.repeat([True, False, True], [36, 12, 2])
    found = paired_interval(second, first)
    assert found.value == pytest.approx(0.20) and (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=2e-4)


def test_paired_intervals_cover():
    inside, n = 0, 300
    for seed in range(300):
        rng = np.random.default_rng(seed)
        hard = rng.random(n)  # what is hard for one is hard for the other
        first, second = hard + rng.normal(0, 0.1, n) > 0.85, hard + rng.normal(0, 0.1, n) > 0.9
        truth = 0.0499  # by ten million draws: 0.15 and 0.1, a little less at the edge
        gap = paired_interval(first, second)
        inside += gap.low <= -truth <= gap.high
    assert 270 <= inside <= 298


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200))
@settings(max_examples=60, deadline=None)
def test_the_interval_holds_the_difference_and_turns_with_the_order(pairs):
    first, second = np.array(pairs).T
    there, back = paired_interval(first, second), paired_interval(second, first)
    assert -1 <= there.low <= there.value <= there.high <= 1
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))
    b, c = int((first & ~second).sum()), int((second & ~first).sum())
    assert mcnemar_p(b, c) == pytest.approx(mcnemar_p(c, b)) and 0 < mcnemar_p(b, c) <= 1


def test_mcnemar_by_hand():
    assert mcnemar_p(0, 6) == pytest.approx(2 / 64) and mcnemar_p(3, 3) == 1 and mcnemar_p(0, 0) == 1


def test_sign_flips_keep_their_level():
    rejected = sum(sign_flip_p(np.random.default_rng(seed).standard_t(2, 60)) <= 0.05 for seed in range(80))
    assert rejected <= 10
    assert sign_flip_p(np.full(30, 0.2)) < 0.002 and sign_flip_p(np.zeros(5)) == 1


def test_what_flipped_is_listed_and_said():
    examples = digits()[1]
    right = np.eye(10)[examples.labels]
    first, second = right.copy(), right.copy()
    first[:40] = np.roll(first[:40], 1, axis=1)
    second[30:45] = np.roll(second[30:45], 1, axis=1)
    second[30] = np.roll(second[30], 1)
    found = compare(("old", "new"), (first, second), examples, "validation")
    assert (found.mended, found.broken, found.differ) == (30, 5, 36)
    assert found.p_value == pytest.approx(mcnemar_p(30, 5)) and found.difference.high < 0
    assert [flip.change for flip in found.flips] == sorted(
        (flip.change for flip in found.flips), key=lambda change: change == "other"
    )
    mended = {flip.id for flip in found.flips if flip.change == "mended"}
    assert mended == set(examples.ids[:30])
    assert found.sentence.startswith(
        "On 300 validation examples old errs on 13.3 %, new on 5 %: new is better by 8.33 %"
    )
    same = compare(("old", "old"), (first, first), examples, "validation")
    assert same.p_value == 1 and "is within what chance does" in same.sentence and same.flips == ()


def test_a_regression_has_its_own_words():
    people = patients()[1]
    rng = np.random.default_rng(0)
    near, far = people.labels + rng.normal(0, 20, 80), people.labels + rng.normal(0, 60, 80)
    found = compare(("far", "near"), (far, near), people, "validation", scale=77.0)
    assert found.difference.high < 0 and found.p_value < 0.01 and found.test == "sign flips"
    assert "RMSE" in found.sentence and "points" in found.sentence and found.sentence.count("near is nearer on") == 1
    first = found.flips[0]
    assert isinstance(first.first, float) and first.change == "mended"
    assert json.loads(json.dumps(found.as_json()))["errors"]["second"]["rmse"]["unit"] == "points"


def test_groups_are_flipped_together():
    examples = digits()[1]
    right = np.eye(10)[examples.labels]
    off = right.copy()
    off[:60] = np.roll(off[:60], 1, axis=1)  # two groups of thirty
    groups = np.arange(300) // 30
    alone = compare(("a", "b"), (right, off), examples, "validation")
    together = compare(("a", "b"), (right, off), examples, "validation", groups=groups)
    assert alone.p_value < 1e-9 and together.p_value > 0.2 and together.test == "sign flips of groups"
    assert together.difference.high - together.difference.low > 2 * (alone.difference.high - alone.difference.low)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Project, dict[str, str]]:
    """A project with two trials; the longer one is `best`, and committed."""
    torch.set_num_threads(1)
    overrides = {"model.name": "mlp", "train.epochs": 1, "run.device": "cpu", "track.uri": "sqlite:///mlflow.db"}
    project = make_project(tmp_path_factory.mktemp("compared"), overrides)
    keys = {}
    for name, epochs in (("baseline", 1), ("best", 6)):
        params = project.params.changed({"train.epochs": epochs})
        result = run_trial(project.root, Trial(name, params, 1))
        keep_model(result.model, project.root / "models" / name)
        keys[name] = result.key
    return project, keys


def test_models_are_compared_by_name_folder_and_key(trained, tmp_path):
    project, keys = trained
    found = comparison(project, ("baseline", "best"))
    assert found.split == "validation" and found.difference.high < 0
    again = comparison(project, (keys["baseline"][:10], str(project.root / "models/best")))
    assert again.difference == found.difference and again.flips == found.flips
    write_json(tmp_path / "c.json", found.as_json())
    assert json.loads((tmp_path / "c.json").read_text())["flipped"][0]["change"] in ("mended", "broken")
    assert not (project.root / "reports/test_ledger.jsonl").exists()


def test_the_ledger_counts_a_comparison_on_the_test_split(trained):
    project, _ = trained
    ledger = project.root / "reports/test_ledger.jsonl"
    found = comparison(project, ("baseline", "best"), on_test=True)
    assert found.split == "test" and len(ledger.read_text().splitlines()) == 2
    comparison(project, ("best", "baseline"), on_test=True)
    assert len(ledger.read_text().splitlines()) == 2
    ledger.unlink()


def test_a_git_revision_brings_its_best_model(trained):
    from dvc.repo import Repo

    project, _ = trained
    git = ["git", "-C", str(project.root), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    with Repo.init(str(project.root)) as repo:
        repo.add(str(project.root / "models/best"))
    subprocess.run([*git, "add", "models/best.dvc", ".dvc/config"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "a model"], check=True)
    found = comparison(project, ("HEAD", "best"))
    assert found.difference.value == 0 and found.p_value == 1 and found.differ == 0


def test_an_mlflow_run_is_found_by_id_and_name(trained):
    import mlflow

    project, keys = trained
    uri = f"sqlite:///{project.root / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri)
    experiment = Sender(project.root, uri, project.name).experiment_id
    run = client.create_run(experiment, tags={"trial.key": keys["best"]}, run_name="wider").info.run_id
    for name in (run, "wider"):
        with model_folder(project, name) as folder:
            assert folder == project.root / ".arcane/trials" / keys["best"] / "model"
    with pytest.raises(UserError, match="nobody: no run that is known here"), model_folder(project, "nobody"):
        pass


@pytest.mark.slow
def test_a_model_that_mlflow_keeps_is_fetched_and_compared(trained):
    """Of a run that logged it, and of a later run that ended with the same weights and so logged none."""
    project, _ = trained
    engine = project.root / "src" / "arcane"
    engine.symlink_to(TEMPLATE_PROJECT / "src" / "arcane")  # what is logged beside a model
    try:
        for key in ("first", "second"):
            journal = Journal(project.root / FOLDER / f"{key}.jsonl")
            journal.start(key, f"pipeline {key}")
            journal.model(project.root / "models" / "best", project.name)
            journal.end()
        sender = Sender(project.root, "sqlite:///mlflow.db", project.name)
        assert send_all(sender)
    finally:
        engine.unlink()
    assert len(sender.client.search_model_versions(f"name='{project.name}'")) == 1
    found = comparison(project, ("pipeline first", "baseline"))
    here = comparison(project, ("best", "baseline"))
    assert found.difference == here.difference and found.difference.low > 0 and found.flips == here.flips
    assert comparison(project, ("pipeline second", "best")).differ == 0


def test_models_of_other_classes_are_refused(trained, tmp_path):
    project, _ = trained
    other = tmp_path / "other"
    keep_model(project.root / "models/best", other)
    description = json.loads((other / "model.json").read_text())
    description["classes"] = [*"abcdefghij"]
    write_json(other / "model.json", description)
    with pytest.raises(UserError, match=r"do not answer the same question: 10 classes \(0, 1"):
        comparison(project, ("best", str(other)))
