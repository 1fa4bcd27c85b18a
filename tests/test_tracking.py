"""The tracker from the side: what training wrote arrives in MLflow, once, whatever happens to the server."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from commands import command, copied, environment, start
from hypothesis import given, settings
from hypothesis import strategies as st

from arcane.journal import Journal
from arcane.pipeline.servers import answers, free_port, keep_off_proxy, start_mlflow, stop, wait_for
from arcane.pipeline.tracking import FOLDER, Sender, Sent, end_orphans, entries, pending, send_all, tracking_uri


def journal_of(root: Path, key: str, epochs: int, first: int = 0) -> Journal:
    journal = Journal(root / FOLDER / f"{key}.jsonl")
    if not first:
        journal.start(key, f"run {key}", tags={"stage": "test"})
        journal.params({"train.epochs": epochs})
    for step in range(first, first + epochs):
        journal.metrics({"train_loss": 1 / (step + 1), "train_error": 0.5}, step=step)
    return journal


def history(sender: Sender, key: str, name: str = "train_loss") -> list[tuple[int, float]]:
    runs = sender.client.search_runs([sender.experiment_id], f"tags.`arcane.key` = '{key}'")
    assert len(runs) == 1
    metrics = sender.client.get_metric_history(runs[0].info.run_id, name)
    return sorted((metric.step, metric.value) for metric in metrics)


def expected(epochs: int) -> list[tuple[int, float]]:
    return [(step, 1 / (step + 1)) for step in range(epochs)]


def wait(condition: Callable[[], object], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.1)


def started_mlflow(root: Path, port: int) -> subprocess.Popen[bytes]:
    (root / ".arcane").mkdir(exist_ok=True)
    server = start_mlflow(root, f"sqlite:///{root / 'server.db'}", port)
    wait_for(f"http://127.0.0.1:{port}/health", server, "MLflow", root / ".arcane" / "mlflow.log")
    return server


def test_own_servers_are_asked_past_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9" if name == "http_proxy" else "example.org")
    monkeypatch.setattr(urllib.request, "_opener", None)
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert not answers(url)
        keep_off_proxy()
        assert answers(url)
        server.shutdown()
    assert os.environ["no_proxy"] == "example.org,127.0.0.1,localhost"


@pytest.mark.slow
def test_everything_arrives_once_with_parent_params_and_end(tmp_path: Path) -> None:
    parent = journal_of(tmp_path, "1-parent", 3)
    child = Journal(tmp_path / FOLDER / "2-child.jsonl")
    child.start("2-child", "trial", parent="1-parent", tags={"stage": "improve"})
    child.metrics({"validation_error": 0.25}, step=1)
    child.end("FAILED")
    sender = Sender(tmp_path, "sqlite:///mlflow.db", "digits")
    assert send_all(sender)
    parent.metrics({"train_loss": 1 / 4}, step=3)
    assert pending(tmp_path) == [parent.path]
    assert send_all(sender) and send_all(sender)
    assert history(sender, "1-parent") == expected(4)
    (run,) = sender.client.search_runs([sender.experiment_id], "tags.`arcane.key` = '2-child'")
    (above,) = sender.client.search_runs([sender.experiment_id], "tags.`arcane.key` = '1-parent'")
    assert run.data.tags["mlflow.parentRunId"] == above.info.run_id
    assert run.info.status == "FAILED" and above.info.status == "RUNNING"
    assert above.data.params == {"train.epochs": "3"}

    # The offset is lost (a kill between sending and writing it down): all is sent again, and MLflow holds it once.
    parent.path.with_suffix(".sent").unlink()
    assert send_all(sender)
    assert history(sender, "1-parent") == expected(4)


@pytest.mark.slow
def test_server_killed_in_the_middle(tmp_path: Path) -> None:
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    server = started_mlflow(tmp_path, port)
    try:
        sender = Sender(tmp_path, uri, "digits")
        journal = journal_of(tmp_path, "a", 1500)
        assert send_all(sender)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        begin = time.monotonic()
        journal_of(tmp_path, "a", 500, first=1500)
        assert time.monotonic() - begin < 5, "writing the journal does not know the server"
        begin = time.monotonic()
        with pytest.raises(Exception, match=r"(?i)connect|refused|max retries"):
            send_all(sender)
        assert time.monotonic() - begin < 30, "a server that is gone is known in seconds"
        journal.end()
        server = started_mlflow(tmp_path, port)
        assert send_all(sender)
        assert history(sender, "a") == expected(2000)
        (run,) = sender.client.search_runs([sender.experiment_id])
        assert run.info.status == "FINISHED"
    finally:
        stop(server)


@pytest.mark.slow
def test_pipeline_ends_normally_without_its_server_and_catches_up(finished: Path, tmp_path: Path) -> None:
    root = copied(finished, tmp_path)
    port = free_port()
    server = started_mlflow(tmp_path, port)
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")  # not for this machine's own servers
    changed = ("--set", f"track.uri=http://127.0.0.1:{port}", "--set", "train.epochs=5")
    process = start(root, "run", *changed, **proxies)
    try:
        wait(lambda: list((root / FOLDER).glob("*.sent")))
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        printed, _ = process.communicate(timeout=300)
        assert process.returncode == 0, printed
        assert "it is kept in .arcane/journal" in printed
        wait(lambda: not answers(f"http://127.0.0.1:{port}/health"))
        server = started_mlflow(tmp_path, port)
        assert "nothing to do" in command(root, "run")
        assert pending(root) == []
        sender = Sender(root, f"http://127.0.0.1:{port}", root.name)
        runs = sender.client.search_runs([sender.experiment_id])
        ahead = [run for run in runs if "ahead of round" in run.info.run_name]  # stopped when the loop ends
        assert {run.info.status for run in ahead} <= {"FINISHED", "KILLED"}
        assert {run.info.status for run in runs if run not in ahead} == {"FINISHED"}
        assert sum("mlflow.parentRunId" not in run.data.tags for run in runs) == 1
        trained = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
        assert len(trained) == len({run.info.run_name for run in trained}) >= 3
        for run in trained:
            steps = [metric.step for metric in sender.client.get_metric_history(run.info.run_id, "train_loss")]
            assert sorted(steps) == list(range(1, len(steps) + 1)), "each epoch once"
            for tag in ("git.commit", "git.dirty", "data.version", "dvc.lock", "stage"):
                assert run.data.tags[tag] != "none"
    finally:
        process.kill()
        stop(server)


@pytest.mark.slow
def test_best_model_is_logged_with_its_signature_and_registered_once(finished: Path) -> None:
    code = """
import json, sys, mlflow, numpy as np
mlflow.set_tracking_uri("sqlite:///mlflow.db")
versions = mlflow.MlflowClient().search_model_versions("name='digits'")
model = mlflow.pyfunc.load_model("models:/digits/1")
inputs = model.metadata.signature.inputs.to_dict()
said = model.predict(np.zeros((3, 1, 8, 8), dtype=np.uint8))
print(json.dumps([len(versions), inputs, np.asarray(said).shape, float(np.asarray(said)[0].sum())]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=finished,
        env=environment(finished),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    versions, inputs, shape, total = json.loads(done.stdout.splitlines()[-1])
    assert versions == 1
    assert inputs[0]["tensor-spec"] == {"dtype": "uint8", "shape": [-1, 1, 8, 8]}
    assert shape == [3, 10] and abs(total - 1) < 1e-5


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20), cut=st.integers(0, 40))
@settings(max_examples=50, deadline=None)
def test_a_torn_line_waits_and_nothing_before_it_is_lost(tmp_path_factory, values, cut) -> None:
    journal = Journal(tmp_path_factory.mktemp("torn") / "j.jsonl")
    for step, value in enumerate(values):
        journal.metrics({"m": value}, step=step)
    whole = journal.path.read_bytes() if values else b""
    torn = b'{"kind": "metrics", "time": 1, "values": {"m": 1}}\n'[:cut]
    journal.path.write_bytes(whole + torn)
    found = entries(journal.path, 0)
    assert [entry.content["values"]["m"] for entry in found] == values
    assert (found[-1].end if found else 0) == len(whole)


def test_a_broken_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text('{"kind": "end", "time": 1, "status": "FINISHED"}\nnot json\n[]\n{"kind": "end", "time": 2}\n')
    assert [entry.time for entry in entries(path, 0)] == [1, 2]


def test_run_whose_process_is_gone_is_ended(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lost = Journal(tmp_path / FOLDER / "lost.jsonl")
    lost.start("lost", "pipeline", owner=gone.pid)
    mine = Journal(tmp_path / FOLDER / "mine.jsonl")
    mine.start("mine", "pipeline")
    end_orphans(tmp_path)
    end_orphans(tmp_path)
    assert [entry.kind for entry in entries(lost.path, 0)] == ["start", "end"]
    assert entries(lost.path, 0)[-1].content["status"] == "KILLED"
    assert [entry.kind for entry in entries(mine.path, 0)] == ["start"]


def test_relative_database_lies_in_the_project(tmp_path: Path) -> None:
    assert tracking_uri(tmp_path, "sqlite:///mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert tracking_uri(tmp_path, "sqlite:////abs/x.db") == "sqlite:////abs/x.db"
    assert tracking_uri(tmp_path, "http://127.0.0.1:5000") == "http://127.0.0.1:5000"


def test_damaged_note_of_what_was_sent_starts_again(tmp_path: Path) -> None:
    journal = tmp_path / "a.jsonl"
    journal.with_suffix(".sent").write_text("{")
    assert Sent.of(journal) == Sent()
