"""The wiring, on a real project: `run` and `dvc repro` do the same, each finds nothing to do after the other."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from bakes import bake
from commands import command, commit, copied, dvc, environment, git, quick, start

from arcane.config import find_project
from arcane.errors import UserError
from arcane.pipeline.workspace import Workspace, called_stage, write_overrides

STAGES = ["ingest", "validate", "split", "examine", "baseline", "diagnose", "improve", "report"]
pytestmark = pytest.mark.slow


def lock(root: Path) -> bytes:
    return (root / "dvc.lock").read_bytes()


def stale(root: Path) -> list[str]:
    return Workspace(root, find_project(root).package).stale()


def test_a_run_leaves_every_output_and_a_clean_repro(finished: Path) -> None:
    assert list(yaml.safe_load(lock(finished))["stages"]) == STAGES
    for output in ("data/manifest.jsonl", "data/splits.jsonl", "models/best/model.json", "reports/report.html"):
        assert (finished / output).stat().st_size > 0
    before = lock(finished)
    assert dvc(finished, "repro").count("didn't change, skipping") == len(STAGES)
    assert lock(finished) == before
    assert not git(finished, "status", "--porcelain")


def test_up_to_date_run_starts_nothing_and_still_sums_up(finished: Path) -> None:
    printed = command(finished, "run")
    assert "up to date: nothing to do" in printed
    assert "Report" in printed and "reports/report.html" in printed
    assert not git(finished, "status", "--porcelain")


def test_forced_repro_gives_the_bytes_of_the_run(finished: Path, tmp_path: Path) -> None:
    root = copied(finished, tmp_path)  # without .arcane: every trial is trained again
    dvc(root, "repro", "--force")
    assert lock(root) == lock(finished)
    for name in ("improvement.json", "metrics.json", "report.html", "examination.json"):
        assert (root / "reports" / name).read_bytes() == (finished / "reports" / name).read_bytes()
    assert "nothing to do" in command(root, "run")
    assert not git(root, "status", "--porcelain"), "not even the logbook or the ledger grew"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("data.limit", 500, ["ingest"]),
        ("data.accept", ["x"], ["validate", "split", "examine"]),
        ("data.detect", 0.05, ["split", "examine"]),
        ("train.epochs", 4, ["examine", "baseline", "diagnose", "improve"]),
        ("goal.error", 0.02, ["diagnose", "improve", "report"]),
        ("improve.budget", 70_000, ["diagnose", "improve"]),
        ("search.sampler", "gp", ["improve"]),
        ("search.trials", 7, []),
        ("improve.slots", 1, []),
        ("run.threads", 2, []),
        ("seed", 2, ["split", "examine", "baseline", "diagnose", "improve", "report"]),
    ],
)
def test_a_parameter_makes_stale_exactly_the_stages_that_read_it(finished: Path, name, value, expected) -> None:
    params = finished / "params.yaml"
    before = params.read_text()
    try:
        write_overrides(params, {name: value})
        assert stale(finished) == expected
    finally:
        params.write_text(before)
    assert stale(finished) == []


def test_a_changed_parameter_runs_the_same_stages_either_way(finished: Path, tmp_path: Path) -> None:
    by_run, by_dvc = copied(finished, tmp_path / "run"), copied(finished, tmp_path / "dvc")
    printed = command(by_run, "run", "--set", "goal.error=0.3")
    assert "unchanged: ingest, validate, split, examine, baseline" in printed
    write_overrides(by_dvc / "params.yaml", {"goal.error": 0.3})
    said = dvc(by_dvc, "repro")
    assert [name for name in STAGES if f"Running stage '{name}'" in said] == ["diagnose", "improve", "report"]
    assert lock(by_run) == lock(by_dvc) != lock(finished)
    assert (by_run / "params.yaml").read_bytes() == (by_dvc / "params.yaml").read_bytes()


def test_deleted_outputs_come_back_without_training(finished: Path, tmp_path: Path) -> None:
    root = copied(finished, tmp_path)
    for gone in ("models/best", "models/baseline"):
        shutil.rmtree(root / gone)
    for gone in ("reports/improvement.json", "reports/report.html", "data/splits.jsonl"):
        (root / gone).unlink()
    printed = command(root, "run")
    for name in ("split", "baseline", "improve", "report"):
        assert f"{name}: restored from the cache" in printed
    assert not (root / ".arcane" / "trials").exists(), "nothing was trained"
    assert lock(root) == lock(finished)
    assert (root / "reports" / "report.html").read_bytes() == (finished / "reports" / "report.html").read_bytes()


def test_a_folder_of_the_project_that_is_gone_is_named(finished: Path, tmp_path: Path) -> None:
    root = copied(finished, tmp_path)
    shutil.rmtree(root / "models/pretrained")
    with pytest.raises(UserError, match="`examine` reads models/pretrained, which is not there"):
        Workspace(root, "digits").reproduce("examine", lambda name: pytest.fail(f"{name} ran"))


def test_a_clone_with_pulled_data_has_nothing_to_do(finished: Path, tmp_path: Path) -> None:
    origin = copied(finished, tmp_path / "origin")
    dvc(origin, "remote", "add", "--default", "store", str(tmp_path / "store"))
    commit(origin)
    dvc(origin, "push")
    git(tmp_path, "clone", "--quiet", str(origin), "clone")
    dvc(tmp_path / "clone", "pull")
    assert dvc(tmp_path / "clone", "repro").count("didn't change, skipping") == len(STAGES)
    assert not git(tmp_path / "clone", "status", "--porcelain")


def test_a_stage_that_a_person_adds_runs_in_the_flow(finished: Path, tmp_path: Path) -> None:
    root = copied(finished, tmp_path)
    with (root / "dvc.yaml").open("a") as file:
        file.write(
            "  publish:\n    cmd: cp reports/metrics.json published.json\n    deps: [reports/metrics.json]\n"
            "    outs:\n      - published.json:\n          cache: false\n"
        )
    printed = command(root, "run")
    assert (root / "published.json").read_bytes() == (root / "reports/metrics.json").read_bytes()
    assert "unchanged: ingest, validate" in printed
    assert "publish" in yaml.safe_load(lock(root))["stages"]


def test_two_runs_at_once_the_second_says_who_holds_the_project(finished: Path, tmp_path: Path) -> None:
    root = copied(finished, tmp_path)
    first = start(root, "run", "--set", "train.epochs=40")
    try:
        held = root / ".arcane" / "pipeline.lock"
        until = time.monotonic() + 120
        while not (root / ".arcane" / "journal").exists() and time.monotonic() < until:
            time.sleep(0.1)
        assert json.loads(held.read_text())["pid"] == first.pid
        printed = command(root, "run", code=1)
        assert f"process {first.pid}" in printed and "Traceback" not in printed
        assert f"process {first.pid}" in command(root, "stage", "validate", code=1)
    finally:
        first.kill()
        first.communicate()
    assert "nothing to do" not in command(root, "run", "--set", "train.epochs=3"), "the killed run left no lock behind"


def test_killed_run_is_ended_in_the_tracker(finished: Path, tmp_path: Path) -> None:
    root = copied(finished, tmp_path)
    process = start(root, "run", "--set", "train.epochs=60")
    until = time.monotonic() + 180
    while not list((root / ".arcane" / "journal").glob("*.sent")) and time.monotonic() < until:
        time.sleep(0.2)
    process.kill()
    process.communicate()
    import sqlite3

    while time.monotonic() < until:
        with sqlite3.connect(root / "mlflow.db") as database:
            statuses = [row[0] for row in database.execute("select status from runs")]
        if statuses and "RUNNING" not in statuses:
            break
        time.sleep(0.5)
    assert statuses and "RUNNING" not in statuses
    assert "KILLED" in statuses


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "--set", "train.epoch=5"], 1, "unknown parameter `train.epoch`: did you mean `train.epochs`?"),
        (["run", "--set", "train.epochs=many"], 1, "`train.epochs` is 'many'"),
        (["run", "--set", "goal.error=1.5"], 1, "`goal.error` is 1.5"),
        (["run", "--set", "goal.error"], 1, "expected NAME=VALUE"),
        (["stage", "exmaine"], 1, "unknown stage `exmaine`: did you mean `examine`?"),
        (["predict", "nowhere.png"], 1, "nowhere.png"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_wrong_input_gets_one_clear_message(finished: Path, arguments, code, said) -> None:
    before = (finished / "params.yaml").read_bytes()
    printed = command(finished, *arguments, code=code)
    assert said in printed
    assert "Traceback" not in printed
    assert (finished / "params.yaml").read_bytes() == before


def test_prefect_url_that_leads_nowhere_is_named(finished: Path) -> None:
    printed = command(finished, "run", code=1, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert "PREFECT_API_URL is http://127.0.0.1:9/api" in printed and "Traceback" not in printed


def test_taken_port_is_named(finished: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        printed = command(finished, "serve", "--prefect-port", port, code=1)
    assert f"port {port}" in printed and "--prefect-port" in printed and "Traceback" not in printed


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("params.yaml", "seed: [1\n", "params.yaml, line"),
        ("params.yaml", "seed: 1\n", "`goal` is missing"),
        ("data/manifest.jsonl", '{"id": "a"\n', "line 1"),
    ],
)
def test_a_broken_file_is_named_with_its_line(finished: Path, tmp_path: Path, file, content, said) -> None:
    root = copied(finished, tmp_path)
    (root / file).write_text(content)
    printed = command(root, "stage", "validate", code=1)
    assert said in printed and "Traceback" not in printed


def test_full_disk_leaves_the_old_output_whole(finished: Path, tmp_path: Path) -> None:
    root = copied(finished, tmp_path)
    before = (root / "reports" / "report.html").read_bytes()
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) // 2}, {len(before) // 2}));"
        "sys.argv = ['x', 'report']; from arcane.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment(root), capture_output=True, text=True)
    assert done.returncode == 1
    assert "report.html" in done.stderr and "Traceback" not in done.stderr
    assert (root / "reports" / "report.html").read_bytes() == before
    assert not list((root / "reports").glob(".*part"))


def test_works_without_git(tmp_path: Path) -> None:
    root = quick(bake(tmp_path))
    shutil.rmtree(root / ".git")
    dvc(root, "init", "--no-scm", "--force")
    write_overrides(root / "params.yaml", {"improve.budget": 0})
    assert "budget" in command(root, "run")
    assert (root / "reports" / "metrics.json").exists()


def test_predict_says_class_names(finished: Path, tmp_path: Path) -> None:
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    files = []
    for i in range(20):
        files.append(tmp_path / f"{i}.png")
        Image.fromarray((digits.images[i] * 255 / 16).round().astype("uint8")).save(files[-1])
    printed = command(finished, "predict", *map(str, files), "--json", str(tmp_path / "said.json"))
    said = json.loads((tmp_path / "said.json").read_text())
    right = sum(prediction["label"] == str(label) for prediction, label in zip(said, digits.target, strict=False))
    assert right >= 12, "a network of three epochs beats chance by far"
    assert f"{files[0]}: {said[0]['label']} (" in printed


def test_calls_of_the_engine_are_told_from_other_commands() -> None:
    assert called_stage("python -m digits stage ingest", "digits") == "ingest"
    assert called_stage("python -m arcane stage ingest", "digits") == "ingest"
    assert called_stage("python -m other stage ingest", "digits") is None
    assert called_stage("python -m digits stage ingest && echo done", "digits") is None
    assert called_stage(["python -m digits stage ingest"], "digits") is None


def test_overrides_keep_comments(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("# head\nseed: 1  # the seed\ntrain:\n  epochs: 3  # passes\n")
    write_overrides(path, {"train.epochs": 5})
    assert path.read_text() == "# head\nseed: 1  # the seed\ntrain:\n  epochs: 5  # passes\n"


def test_ledger_counts_a_model_once(finished: Path) -> None:
    from arcane.data.rates import Rate
    from arcane.pipeline.stage.report import count_opening

    ledger = finished / "reports" / "test_ledger.jsonl"
    lines = ledger.read_text().splitlines()
    assert len(lines) == 1
    entry = json.loads(lines[0])
    copy = finished.parent / "ledger.jsonl"
    copy.write_text(ledger.read_text())
    assert count_opening(copy, entry["model"], entry["split"], Rate(1, 2)) == 1
    assert count_opening(copy, "another", entry["split"], Rate(1, 2)) == 2
    assert count_opening(copy, "another", entry["split"], Rate(1, 2)) == 2
    copy.unlink()


def test_doctor_finds_nothing_in_the_template_and_writes_it_down(finished: Path, tmp_path: Path) -> None:
    printed = command(finished, "doctor", "--json", str(tmp_path / "found.json"))
    found = json.loads((tmp_path / "found.json").read_text())
    assert "no error found" in printed and found["findings"] == [] and 0 < found["seconds"] < 120


def test_a_bug_in_the_task_stops_the_pipeline_at_examine_and_is_named(finished: Path, tmp_path: Path) -> None:
    root = copied(finished, tmp_path)
    task = root / "src" / "digits" / "task.py"
    task.write_text(task.read_text().replace("/ self.std)", "/ self.std).softmax(1)"))
    printed = command(root, "run", code=3)
    assert "loss-expects-logits" in printed and "src/digits/task.py:" in printed and "Traceback" not in printed
    assert json.loads((root / "reports/examination.json").read_text())["findings"][0]["severity"] == "error"
    assert "loss-expects-logits" in command(root, "doctor", code=3)
    assert (root / "models/baseline/model.json").exists(), "what was there is still there"
    task.write_text((finished / "src/digits/task.py").read_text())
    assert "baseline" in command(root, "run").partition("unchanged:")[2], "undoing the bug needs no training"


def test_own_images_from_folder_to_class_names(tmp_path: Path) -> None:
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    root = quick(bake(tmp_path, dataset="own", project_name="Mine"))
    names = {0: "round", 1: "stick", 7: "seven"}
    for i, label in enumerate(digits.target):
        if int(label) in names:
            folder = root / "data" / "raw" / names[int(label)]
            folder.mkdir(exist_ok=True)
            picture = Image.fromarray((digits.images[i] * 255 / 16).round().astype("uint8"))
            picture.resize((16, 16)).save(folder / f"{i}.png")
    held = root / "data" / "raw" / "round"
    broken, empty = root / "data" / "raw" / "round" / "broken.png", root / "data" / "raw" / "nothing"
    broken.write_bytes(b"\x89PNG\r\n")
    assert "broken.png" in command(root, "run", code=1)
    assert not (root / "data" / "manifest.jsonl").exists() and not (root / "data" / "assets").exists()
    broken.unlink()
    empty.mkdir()
    assert "nothing" in command(root, "stage", "ingest", code=1)
    empty.rmdir()

    new = tmp_path / "new.png"
    next(iter(sorted(held.iterdir()))).rename(new)
    command(root, "run", "--set", "train.epochs=15", "--set", "improve.budget=0")
    assert f"{new}: round (" in command(root, "predict", str(new))
    assert stale(root) == []
    shutil.copy(new, held / "later.png")
    assert stale(root) == ["ingest"], "new files are noticed"


def test_one_changed_number_is_one_changed_line(tmp_path: Path) -> None:
    root = bake(tmp_path)
    write_overrides(root / "params.yaml", {"train.epochs": 5})
    changed = [line for line in git(root, "diff", "--unified=0").splitlines() if line[:1] in "+-"]
    assert len(changed) == 4, "two lines of header, one away, one new"


def test_fashion_mnist_on_a_stated_subset_gives_a_course_of_errors(tmp_path: Path) -> None:
    """2,100 of the 70,000 original images: the whole pipeline, with the source's own test split."""
    root = bake(tmp_path, dataset="fashion-mnist", project_name="Fashion")
    small = {"data.limit": 2100, "train.epochs": 4, "improve.actions": ["bigger-model"]}
    write_overrides(root / "params.yaml", {**small, "improve.budget": 50_000})
    command(root, "run")
    manifest = [json.loads(line) for line in (root / "data/manifest.jsonl").read_text().splitlines()]
    assert len(manifest) == 2100 and sum(line["source_split"] == "test" for line in manifest) == 300
    splits = json.loads((root / "reports/splits.json").read_text())["splits"]
    assert splits["test"]["n"] == 300 and splits["train"]["n"] + splits["validation"]["n"] == 1800
    improvement = json.loads((root / "reports/improvement.json").read_text())
    assert {tried["action"] for tried in improvement["rounds"]} == {"bigger-model"}
    assert any(tried["kept"] for tried in improvement["rounds"])
    metrics = json.loads((root / "reports/metrics.json").read_text())
    test = {name: model["test"]["value"] for name, model in metrics["models"].items()}
    assert test["best"] < test["baseline"] < test["majority"]
    assert metrics["test"]["openings"] == 1
    page = (root / "reports/report.html").read_text()
    assert "Ankle boot" in page and "bigger model" in page


def test_improve_plans_without_training_and_refuses_what_is_unknown(finished: Path) -> None:
    params = (finished / "params.yaml").read_text()
    planned = command(finished, "improve", "--dry-run", "--budget", "123456")
    assert "the budget is 123,456" in planned and "1. b" in planned and "→" in planned
    only = command(finished, "improve", "--dry-run", "--only", "schedule")
    assert "1. schedule (" in only and "\n  2. " not in only
    unknown = command(finished, "improve", "--only", "schedul", code=1)
    assert "unknown action `schedul`: did you mean `schedule`?" in unknown and "Traceback" not in unknown
    assert "no run that is known here" in command(finished, "improve", "--from", "nowhere", "--dry-run", code=1)
    assert (finished / "params.yaml").read_text() == params, "a plan changes nothing"
    assert "nothing to do" in command(finished, "improve"), "without options it is `run`, which is up to date"
