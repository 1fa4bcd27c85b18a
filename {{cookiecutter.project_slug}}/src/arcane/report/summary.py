"""The findings of one stage as Markdown, for a page that shows notes and not ours: Prefect's, or a merge request's.

Reads files only, as the page does, and says what the page's first screen says.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from . import course, suspects, views, words
from .reading import Json, Reports, read_reports
from .words import measure

ORDER = ("goal", "train", "train_val", "validation", "test")
TELLING = ("curve", "seeds", "slices", "label_errors", "shift", "calibration")
"""The parts of errors.json that have a sentence, in the page's order."""


def summary(root: Path, stage: str) -> str | None:
    """What a stage found, as Markdown; None for a stage that finds nothing of its own or has not run.

    Args:
        root: The project's folder.
        stage: `diagnose`, `improve` or `report`.

    Raises:
        UserError: A report is there and is not what it should be.
    """
    return SUMMARIES[stage](read_reports(root)) if stage in SUMMARIES else None


def _diagnosis(reports: Reports) -> str | None:
    content = reports["diagnosis"]
    if not content:
        return None
    found = reports["errors"]
    told = suspects.sentences(
        *(found.get(name) for name in ("curve", "seeds", "slices", "label_errors", "shift", "calibration"))
    )
    return _joined(
        "# Diagnosis of the first network",
        str(content.get("verdict") or ""),
        _errors(content),
        "\n".join(f"- {sentence}" for sentence in told),
    )


def _improvement(reports: Reports) -> str | None:
    content = reports["improvement"]
    if not content:
        return None
    rows = [
        (
            str(entry.number),
            entry.action,
            entry.addresses,
            " → ".join(words.percent(error.value) if error else "–" for error in entry.validation),
            words.p_value(entry.p_value),
            "kept" if entry.kept else "undone",
        )
        for entry in course.rounds(reports)
    ]
    requests = [f"- {request.get('message', '')}" for request in content.get("requests") or ()]
    return _joined(
        "# Improvement",
        f"{words.STOPPED.get(content.get('stopped', ''), 'The loop stopped')}. {content.get('reason') or ''}".strip(),
        _table(("Round", "Action", "Against", "Validation error", "p", "Outcome"), rows),
        "\n".join(["What only a person can do:", "", *requests]) if requests else "",
    )


def _final(reports: Reports) -> str | None:
    content = reports["metrics"]
    if not content:
        return None
    rows, _, split = views.comparison(reports)
    compared = [(row.name, words.percent(row.error.value), words.interval(row.error)) for row in rows]
    return _joined(
        "# The model at the end",
        f"{words.LIMITS.get(str(content.get('dominant')), '')} {content.get('verdict') or ''}".strip(),
        _errors(content),
        _table(("Model", f"{split.capitalize()} error", "95 % interval"), compared),
        "The whole story is in `reports/report.html`.",
    )


SUMMARIES: dict[str, Callable[[Reports], str | None]] = {
    "diagnose": _diagnosis,
    "improve": _improvement,
    "report": _final,
}


def _errors(content: Json) -> str:
    """The errors by split, and the gaps between them."""
    known = [(name, error) for name in ORDER if (error := measure((content.get("errors") or {}).get(name))) is not None]
    rows = [(name.replace("_", "-"), words.percent(error.value), words.interval(error)) for name, error in known]
    gaps = {**(content.get("gaps") or {}), "validation_overfit": content.get("validation_overfit")}
    differences = [(name, gap) for name in words.GAPS if (gap := measure(gaps.get(name))) is not None]
    rows += [(words.GAPS[name][0], f"{words.points(gap.value)} points", words.span(gap)) for name, gap in differences]
    return _table(("Error", "Value", "95 % interval"), rows)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; nothing without rows."""
    if not rows:
        return ""
    lines = [names, ["---"] * len(names), *rows]
    cells = ([cell.replace("|", "\\|").replace("\n", " ") for cell in line] for line in lines)
    return "\n".join("| " + " | ".join(line) + " |" for line in cells)


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
