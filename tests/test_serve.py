"""The servers of a project as a person meets them: deployments that run, and the pages of Prefect and MLflow."""

import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import copied, environment, start

from arcane.pipeline.lease import gpu_slot
from arcane.pipeline.servers import free_port, set_gpu_limit

pytestmark = pytest.mark.slow
TAGS = ("git.commit", "git.dirty", "data.version", "dvc.lock", "stage")


@contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium with a window of 1400 x 1000."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1000", "--no-first-run"):
        options.add_argument(flag)
    for flag in ("--disable-background-networking", "--disable-component-update", "--disable-sync"):
        options.add_argument(flag)
    driver = Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def see(driver: Any, url: str, wanted: tuple[str, ...], picture: Path, seconds: float = 60) -> str:
    """Open a page, wait until it shows every one of the wanted words, and photograph it; returns its text."""
    driver.get(url)
    until = time.monotonic() + seconds
    text = ""
    while time.monotonic() < until:
        text = driver.find_element("tag name", "body").text
        if all(word in text for word in wanted):
            break
        time.sleep(0.5)
    time.sleep(1)  # what is drawn after the words
    driver.save_screenshot(str(picture))
    missing = [word for word in wanted if word not in text]
    assert not missing, f"{url} does not show {missing}: {text[:2000]}"
    return text


def ask(api: str, path: str, **body: Any) -> Any:
    """POST to Prefect's API."""
    request = urllib.request.Request(f"{api}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)


@contextmanager
def served(root: Path) -> Iterator[tuple[int, int]]:
    """`serve` for a project on free ports; yields those of Prefect and MLflow, and stops it as Ctrl-C does."""
    prefect, mlflow = free_port(), free_port()
    process = start(root, "serve", "--prefect-port", str(prefect), "--mlflow-port", str(mlflow))
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if line.startswith("ready:"):
                break
        else:
            raise AssertionError("".join(said))
        yield prefect, mlflow
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_a_deployment_runs_and_its_trials_are_seen(finished: Path, tmp_path: Path) -> None:
    root = copied(finished, tmp_path)
    with served(root) as (prefect_port, mlflow_port):
        api = f"http://127.0.0.1:{prefect_port}/api"
        command = [sys.executable, "-m", "prefect", "deployment", "run", "pipeline/local", "--watch"]
        done = subprocess.run(
            [*command, "--param", 'set={"improve.budget": 61000, "improve.trials": 39}'],
            cwd=root,
            env=environment(root),
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        flows = {run["name"]: run for run in ask(api, "/flow_runs/filter")}
        by_flow = {ask_flow(api, run["flow_id"]): run for run in flows.values()}
        assert set(by_flow) == {"pipeline", "diagnose", "improve"}
        assert {run["state_type"] for run in by_flow.values()} == {"COMPLETED"}
        tasks = ask(api, "/task_runs/filter")
        names = {run["name"] for run in tasks if run["flow_run_id"] == by_flow["pipeline"]["id"]}
        assert {"ingest", "examine", "baseline", "report"} <= names
        gpu = {run["name"] for run in tasks if "gpu" in run["tags"]}
        assert {"examine", "baseline"} <= gpu and "ingest" not in gpu and "improve" not in gpu
        trials = [run for run in tasks if run["flow_run_id"] == by_flow["improve"]["id"]]
        assert len(trials) >= 4 and all("trial" in run["tags"] and "gpu" in run["tags"] for run in trials)
        assert any(run["name"].startswith("round 1, ") for run in trials)

        logs = ask(api, "/logs/filter", logs={"flow_run_id": {"any_": [by_flow["pipeline"]["id"]]}})
        assert any("round 1" in log["message"] for log in logs), "a person can read what the loop did"
        runs = check_tracking(f"http://127.0.0.1:{mlflow_port}")
        chosen = [run.info.run_id for run in runs if run.info.run_name.endswith("seed 1")]
        children = urllib.parse.quote(json.dumps(chosen))
        with browser() as driver:
            page = f"http://127.0.0.1:{prefect_port}/runs/flow-run/"
            see(driver, page + by_flow["pipeline"]["id"], ("pipeline", "Completed"), tmp_path / "prefect-pipeline.png")
            see(driver, page + by_flow["improve"]["id"], ("improve", "Completed"), tmp_path / "prefect-improve.png")
            see(driver, f"http://127.0.0.1:{mlflow_port}/#/experiments/1/runs", ("pipeline",), tmp_path / "mlflow.png")
            compare = f"http://127.0.0.1:{mlflow_port}/#/compare-runs?runs={children}&experiments=%5B%221%22%5D"
            see(driver, compare, ("round 1, ", "baseline"), tmp_path / "mlflow-compare.png")
    assert (root / "prefect.yaml").read_bytes() == (finished / "prefect.yaml").read_bytes()


def ask_flow(api: str, identifier: str) -> str:
    with urllib.request.urlopen(f"{api}/flows/{identifier}", timeout=30) as reply:
        return json.load(reply)["name"]


def check_tracking(url: str) -> list[Any]:
    """Every run has its tags, and the trials are children of the one pipeline run; returns the runs."""
    from mlflow import MlflowClient

    client = MlflowClient(url)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        runs = client.search_runs(["1"]) if len(client.search_experiments()) > 1 else []
        if runs and all(run.info.status == "FINISHED" for run in runs) and len(runs) > 5:
            break
        time.sleep(0.5)
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1 and parents[0].info.run_name == "pipeline"
    for run in runs:
        assert all(run.data.tags.get(tag) for tag in TAGS), run.data.tags
        if run is not parents[0]:
            assert run.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
            assert "final_validation_error" in run.data.metrics and "train.epochs" in run.data.params
    assert {run.data.tags["stage"] for run in runs} == {"pipeline", "diagnose", "improve"}
    return list(runs)


def test_gpu_slots_are_strict(finished: Path, tmp_path: Path) -> None:
    """Without the limit a GPU task is refused; with one slot, two tasks take turns. No GPU is touched."""
    from arcane.pipeline.servers import prefect_environment, start_prefect, stop, wait_for

    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    server = start_prefect(tmp_path, port, page=False)
    try:
        wait_for(f"{api}/health", server, "Prefect", tmp_path / ".prefect" / "server.log")
        code = (
            "import sys, time\nfrom arcane.pipeline.lease import gpu_slot\n"
            "with gpu_slot('cuda'):\n    start = time.time(); time.sleep(3); print(start, time.time())\n"
        )
        env = {**prefect_environment(tmp_path, PREFECT_API_URL=api), "PYTHONPATH": str(finished / "src")}

        def hold() -> subprocess.Popen[str]:
            return subprocess.Popen(
                [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )

        _, refused = hold().communicate(timeout=120)
        assert "no concurrency limit `gpu`" in refused
        set_gpu_limit(api, 1)
        set_gpu_limit(api, 1)
        outcomes = [process.communicate(timeout=180) for process in (hold(), hold())]
        first, second = sorted(tuple(map(float, out.split())) for out, _ in outcomes)
        assert second[0] >= first[1] - 0.1, "they never held it at once"
        with gpu_slot("cpu"):
            pass
    finally:
        stop(server)
