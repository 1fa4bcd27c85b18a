"""What the stages found stands where people look: as notes in Prefect, as tags and metrics in MLflow."""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from arcane.files import read_json
from arcane.journal import Journal
from arcane.pipeline.findings import record_verdict, show_in_prefect

DIAGNOSIS = {
    "dominant": "bias",
    "verdict": "Under-fitting first.",
    "gaps": {"bias": {"value": 0.2}, "variance": {"value": 0.05}, "data_mismatch": None},
}


def test_a_verdict_is_written_as_tags_and_gaps_as_metrics(tmp_path):
    journal = Journal(tmp_path / "run.jsonl")
    record_verdict(journal, DIAGNOSIS, "baseline.")
    record_verdict(journal, {"dominant": "none", "validation_overfit": {"value": 0.01}})
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert [(line["kind"], line["values"]) for line in lines] == [
        ("tags", {"baseline.dominant": "bias", "baseline.verdict": "Under-fitting first."}),
        ("metrics", {"baseline.gap.bias": 0.2, "baseline.gap.variance": 0.05}),
        ("tags", {"dominant": "none"}),
        ("metrics", {"gap.validation_overfit": 0.01}),
    ]


def test_a_note_that_cannot_be_left_is_named_and_stops_nothing(tmp_path, monkeypatch):
    assert show_in_prefect(tmp_path, "clean", None) is None
    assert show_in_prefect(tmp_path, "ingest", "ingest") is None
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/diagnosis.json").write_text("{")
    assert "diagnosis.json" in (show_in_prefect(tmp_path, "diagnose", "diagnose") or "")
    (tmp_path / "reports/diagnosis.json").write_text(json.dumps({"schema": 1, **DIAGNOSIS}))

    def gone(*_given, **_named):
        raise ConnectionError("no server\nat all")

    monkeypatch.setattr(sys.modules["prefect.artifacts"], "create_markdown_artifact", gone)
    assert show_in_prefect(tmp_path, "diagnose", "diagnose") == "ConnectionError: no server"


@pytest.mark.slow
def test_a_run_leaves_its_findings_in_prefect_and_mlflow(finished: Path):
    """Read in the two databases themselves: what is there is what their pages show."""
    reports = {name: read_json(finished / f"reports/{name}.json") for name in ("diagnosis", "improvement", "metrics")}
    with closing(sqlite3.connect(finished / ".prefect/prefect.db")) as prefect:
        rows = prefect.execute("select key, type, data, task_run_id from artifact where key is not null")
        notes = {key: json.loads(data) for key, kind, data, task in rows if kind == "markdown" and task}
    assert set(notes) == {"diagnosis", "improvement", "final"}
    assert reports["diagnosis"]["verdict"] in notes["diagnosis"]
    assert reports["improvement"]["reason"] in notes["improvement"]
    tried = [entry["action"].replace("-", " ") for entry in reports["improvement"]["rounds"]]
    assert tried and all(f"| {action} |" in notes["improvement"] for action in tried)
    assert reports["metrics"]["verdict"] in notes["final"] and "| This model |" in notes["final"]
    with closing(sqlite3.connect(finished / "mlflow.db")) as mlflow:
        # Later runs found nothing to do, and so nothing to say.
        (run,) = mlflow.execute("select run_uuid from tags where key = 'verdict'").fetchone()
        tags = dict(mlflow.execute("select key, value from tags where run_uuid = ?", (run,)))
        metrics = dict(mlflow.execute("select key, value from latest_metrics where run_uuid = ?", (run,)))
    for prefix, report in (("baseline.", "diagnosis"), ("", "metrics")):
        content = reports[report]
        assert tags[f"{prefix}dominant"] == content["dominant"] and tags[f"{prefix}verdict"] == content["verdict"]
        for name in ("bias", "variance"):
            assert metrics[f"{prefix}gap.{name}"] == pytest.approx(content["gaps"][name]["value"])
    assert metrics["gap.validation_overfit"] == pytest.approx(reports["metrics"]["validation_overfit"]["value"])
