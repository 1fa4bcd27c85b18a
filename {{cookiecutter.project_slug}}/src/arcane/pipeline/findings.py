"""What the stages found, where people look beside the page: notes in Prefect, tags and metrics in MLflow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..journal import Journal
from ..report.summary import summary

KEYS = {"diagnose": "diagnosis", "improve": "improvement", "report": "final"}
"""The artifact that each stage leaves in Prefect; its versions are that artifact's history."""


def show_in_prefect(root: Path, stage: str, call: str | None) -> str | None:
    """Leave a stage's findings as a Markdown artifact of the task that runs it.

    Args:
        root: The project's folder.
        stage: The stage's name.
        call: The engine's stage that its command runs; None where that is another program.

    Returns:
        Why that failed, in words: a note that is missing never stops a pipeline. None where it went well.
    """
    if call not in KEYS:
        return None
    from prefect.artifacts import create_markdown_artifact

    try:
        if markdown := summary(root, call):
            create_markdown_artifact(markdown, key=KEYS[call], description=f"What the stage {stage} found.")
    except Exception as error:  # whatever Prefect's server or a report does: it is only a note
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def record_verdict(journal: Journal, content: Mapping[str, Any], prefix: str = "") -> None:
    """Write a decomposition into the run: `dominant` and `verdict` as tags, each gap as a metric.

    Args:
        journal: The run's.
        content: As `reports/diagnosis.json` and `reports/metrics.json` hold it.
        prefix: Put before each name, such as `baseline.`.
    """
    journal.tags({prefix + name: str(content[name]) for name in ("dominant", "verdict") if content.get(name)})
    gaps = {**(content.get("gaps") or {}), "validation_overfit": content.get("validation_overfit")}
    values = {f"{prefix}gap.{name}": gap["value"] for name, gap in gaps.items() if gap}
    if values:
        journal.metrics(values)
