"""Sends the journals of runs to MLflow, from a process of its own, so that the tracker never slows or stops training.

Training appends to `.arcane/journal/*.jsonl` (`arcane.journal`). The sender follows those files and writes down beside
each (`*.sent`) how far it came. What the server did not take is sent again later, and MLflow keeps one copy: a run is
found by its key before it is created, and a metric with the same step, time and value is the same metric.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..files import digest, write_json
from ..journal import Journal

FOLDER = Path(".arcane") / "journal"
TROUBLE = Path(".arcane") / "tracking.log"  # why the tracker takes nothing; there as long as it does not
BATCH = 1000  # MLflow's own limit of metrics a request; one request of 1,000 costs 80 ms, 1,000 requests 16 s
POLL = 0.5  # seconds between looks at the journals
RETRY = 2.0  # seconds between tries while the server is gone
MODEL = "arcane.model"  # tag of runs and registered models: which weights
PATIENCE = 5.0  # seconds of failing tries after which nobody waits any longer


@dataclass
class Sent:
    """How far one journal was sent, and where: the tracking URI, the MLflow run, the number of bytes."""

    uri: str = ""
    run_id: str | None = None
    offset: int = 0

    @classmethod
    def of(cls, journal: Path) -> "Sent":
        try:
            return cls(**json.loads(journal.with_suffix(".sent").read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return cls()

    def keep(self, journal: Path) -> None:
        write_json(journal.with_suffix(".sent"), vars(self))


@dataclass(frozen=True)
class Entry:
    """One line of a journal and where it ends in the file."""

    kind: str
    time: int
    end: int
    content: dict[str, Any] = field(default_factory=dict)


def entries(journal: Path, offset: int) -> list[Entry]:
    """The whole lines after `offset`; a torn last line is left for the next look, a broken one is passed over."""
    with journal.open("rb") as file:
        file.seek(offset)
        found = []
        for line in file:
            if not line.endswith(b"\n"):
                break
            offset += len(line)
            try:
                content = json.loads(line)
                found.append(Entry(content.pop("kind"), int(content.pop("time")), offset, content))
            except (ValueError, KeyError, AttributeError, TypeError):
                continue
    return found


def pending(root: Path) -> list[Path]:
    """The journals that MLflow does not have whole, oldest first."""
    return [j for j in sorted((root / FOLDER).glob("*.jsonl")) if not is_sent(j)]


def is_sent(journal: Path) -> bool:
    return 0 < Sent.of(journal).offset == journal.stat().st_size


def tracking_uri(root: Path, uri: str) -> str:
    """`params.track.uri` as MLflow takes it: a relative sqlite path lies in the project."""
    prefix = "sqlite:///"
    if uri.startswith(prefix) and not uri.startswith(prefix + "/"):
        return prefix + str(root / uri.removeprefix(prefix))
    return uri


class Sender:
    """Sends journals to one MLflow server or database.

    Args:
        root: The project's root.
        uri: The tracking URI.
        experiment: The experiment's name: the project's.
    """

    def __init__(self, root: Path, uri: str, experiment: str):
        # A server that is gone must fail in seconds: MLflow's default is 7 tries and 246 s.
        os.environ.update(MLFLOW_HTTP_REQUEST_MAX_RETRIES="0", MLFLOW_HTTP_REQUEST_TIMEOUT="20")
        import mlflow

        self.root = root
        self.uri = tracking_uri(root, uri)
        mlflow.set_tracking_uri(self.uri)
        self.mlflow = mlflow
        self.client = mlflow.MlflowClient(self.uri)
        self.experiment = experiment
        self._experiment_id: str | None = None

    @property
    def experiment_id(self) -> str:
        if self._experiment_id is None:
            found = self.client.get_experiment_by_name(self.experiment)
            local = self.uri.startswith("sqlite:")
            self._experiment_id = (
                found.experiment_id
                if found
                else self.client.create_experiment(
                    self.experiment,
                    artifact_location=(self.root / "mlartifacts").as_uri() if local else None,
                    # Without it MLflow's page opens as for a language application, and hides the runs.
                    tags={"mlflow.experimentKind": "custom_model_development"},
                )
            )
        return self._experiment_id

    def send(self, journal: Path) -> bool:
        """Send what is new in `journal`; returns whether anything was.

        Raises:
            Exception: Whatever MLflow raised; what was sent before is written down, the rest is sent next time.
        """
        sent = Sent.of(journal)
        if sent.uri != self.uri:  # another server knows nothing of what this one got
            sent = Sent(self.uri)
        found = entries(journal, sent.offset)
        metrics: list[Any] = []
        end = sent.offset

        def flush() -> None:
            if metrics and sent.run_id:
                for i in range(0, len(metrics), BATCH):
                    self.client.log_batch(sent.run_id, metrics=metrics[i : i + BATCH])
                metrics.clear()
            if end > sent.offset:
                sent.offset = end
                sent.keep(journal)

        for entry in found:
            if entry.kind == "metrics":
                metrics += self._metrics(entry)
            else:
                flush()
                self._take(entry, sent)
            end = entry.end
        flush()
        return bool(found)

    def _metrics(self, entry: Entry) -> list[Any]:
        from mlflow.entities import Metric

        step = int(entry.content.get("step", 0))
        return [
            Metric(name, float(value), entry.time, step)
            for name, value in entry.content["values"].items()
            if isinstance(value, int | float)
        ]

    def _take(self, entry: Entry, sent: Sent) -> None:
        content = entry.content
        if entry.kind == "start":
            sent.run_id = self._run(entry)
            return
        if sent.run_id is None:
            return
        match entry.kind:
            case "params":
                from mlflow.entities import Param

                self.client.log_batch(
                    sent.run_id, params=[Param(k, str(v)[:6000]) for k, v in content["values"].items()]
                )
            case "tags":
                from mlflow.entities import RunTag

                self.client.log_batch(sent.run_id, tags=[RunTag(k, str(v)) for k, v in content["values"].items()])
            case "artifact":
                path = Path(content["path"])
                if path.is_dir():
                    self.client.log_artifacts(sent.run_id, str(path), content["folder"] or path.name)
                elif path.exists():
                    self.client.log_artifact(sent.run_id, str(path), content["folder"] or None)
            case "model":
                self._model(sent.run_id, Path(content["path"]), content["name"])
            case "end":
                self.client.set_terminated(sent.run_id, content["status"], entry.time)

    def _run(self, entry: Entry) -> str:
        """The id of the run with this key: found, or created."""
        key, parent = entry.content["key"], entry.content.get("parent")
        found = self._find(key)
        if found:
            return found
        tags = {**entry.content.get("tags", {}), "arcane.key": key, "mlflow.source.name": "arcane"}
        if parent:
            parent_id = self._find(parent)
            if parent_id:
                tags["mlflow.parentRunId"] = parent_id
        run = self.client.create_run(
            self.experiment_id, start_time=entry.time, tags=tags, run_name=entry.content.get("name")
        )
        return run.info.run_id

    def _find(self, key: str) -> str | None:
        runs = self.client.search_runs([self.experiment_id], f"tags.`arcane.key` = '{key}'", max_results=1)
        return runs[0].info.run_id if runs else None

    def _model(self, run_id: str, folder: Path, name: str) -> None:
        """Log the model in `folder` with its signature and register it, once for the same weights."""
        from .served_model import log_model

        weights = folder / "weights.safetensors"
        if not weights.exists():
            return
        identity = digest(weights, folder / "model.json")[:16]
        self.client.set_tag(run_id, MODEL, identity)  # so that a run whose weights are known already leads to them
        known = self.client.search_model_versions(f"name='{name}'")
        if any(v.tags.get(MODEL) == identity for v in known):
            return
        with self.mlflow.start_run(run_id=run_id):
            logged = log_model(self.mlflow, self.root, folder)
        # start_run ends the run that it reopened; the journal's own end says how it ended.
        try:
            self.client.create_registered_model(name)
        except self.mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        self.client.create_model_version(
            name, logged.model_uri, run_id, tags={MODEL: identity}, model_id=logged.model_id
        )


def send_all(sender: Sender) -> bool:
    """One look at every journal; returns whether all is sent. One that fails does not hold up the others."""
    failure: Exception | None = None
    for journal in pending(sender.root):
        try:
            sender.send(journal)
        except Exception as error:
            failure = error
    if failure:
        raise failure
    return not pending(sender.root)


def end_orphans(root: Path) -> None:
    """End the runs whose process is gone without ending them (kill -9, or a `dvc repro`, which is not ours to end)."""
    for journal in sorted((root / FOLDER).glob("*.jsonl")):
        found = entries(journal, 0)
        starts = [entry for entry in found if entry.kind == "start"]
        if starts and found[-1].kind != "end" and not alive(starts[-1].content["owner"]):
            Journal(journal).end(starts[-1].content["orphaned"])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def follow(root: Path, uri: str, experiment: str, owner: int, patience: float = 20.0) -> int:
    """Send journals while process `owner` lives and until all is sent after it ended; the sender's main loop.

    Args:
        root: The project's root.
        uri: The tracking URI.
        experiment: The experiment's name.
        owner: The process that writes the journals.
        patience: Seconds to go on trying after the owner ended while the server is gone.

    Returns:
        0 when everything was sent, 1 when something waits for the next run.
    """
    os.nice(19)  # training has the cores first
    with sender_lock(root, owner):
        sender: Sender | None = None
        ended: float | None = None
        while True:
            if ended is None and not alive(owner):
                ended = time.monotonic()
                end_orphans(root)
            try:
                sender = sender or Sender(root, uri, experiment)
                done = send_all(sender)
                failed = False
                (root / TROUBLE).unlink(missing_ok=True)
            except Exception as error:  # whatever the server or the network did: try again
                if not (root / TROUBLE).exists():
                    (root / TROUBLE).write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")
                done, failed = False, True
            if ended is not None:
                if done:
                    return 0
                if failed and time.monotonic() - ended > patience:
                    return 1
            time.sleep(RETRY if failed else POLL)


@contextmanager
def sender_lock(root: Path, owner: int) -> Iterator[None]:
    """Be the project's one sender, after the one that there may be has ended."""
    path = root / ".arcane" / "sender.lock"
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(owner))
        file.flush()
        yield


def is_served(root: Path, owner: int) -> bool:
    """Whether a sender for `owner` is at work already."""
    path = root / ".arcane" / "sender.lock"
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return path.read_text(encoding="utf-8") == str(owner)
    return False


def start_sender(root: Path, uri: str, experiment: str, owner: int | None = None) -> None:
    """Start the sender beside this process; it ends by itself after `owner` (this process by default) did."""
    owner = owner or os.getpid()
    (root / ".arcane").mkdir(exist_ok=True)
    (root / TROUBLE).unlink(missing_ok=True)  # what was wrong before this run need not be wrong now
    if is_served(root, owner):
        return
    arguments = [str(root), uri, experiment, str(owner)]
    subprocess.Popen(
        [sys.executable, "-m", "arcane.pipeline.tracking", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]),
        },
        cwd=root,
    )


def wait_until_sent(root: Path, timeout: float) -> int:
    """Wait `timeout` seconds at most for the sender, less when it is in trouble; returns how many runs it still has."""
    until = time.monotonic() + timeout
    while (left := len(pending(root))) and time.monotonic() < until:
        log = root / TROUBLE
        if log.exists() and time.time() - log.stat().st_mtime > PATIENCE:
            break
        time.sleep(0.1)
    return left


def trouble(root: Path) -> str | None:
    """Why the tracker takes nothing at present, in a few words; None where it does."""
    log = root / TROUBLE
    return log.read_text(encoding="utf-8").splitlines()[0][:100] if log.exists() else None


def prune(root: Path, keep: int = 50) -> None:
    """Remove the journals that MLflow has whole, but for the newest `keep`."""
    sent = [j for j in sorted((root / FOLDER).glob("*.jsonl")) if is_sent(j)]
    for journal in sent[:-keep]:
        journal.unlink()
        journal.with_suffix(".sent").unlink(missing_ok=True)


def main(arguments: Sequence[str]) -> int:
    root, uri, experiment, owner = arguments
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return follow(Path(root), uri, experiment, int(owner))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
