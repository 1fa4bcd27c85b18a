"""Writes `reports/report.html`: the page that answers how good the model is, against what, and what to do next.

Reads files only, and puts nothing on the page that is not in them: no time, no host, so same files give same bytes.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .. import __version__
from ..files import replacing
from . import analysis, course, suspects, views, words
from .pictures import Pictures
from .reading import Reports, read_reports

TEMPLATES = Path(__file__).parent / "templates"

LOGBOOK_SHOWN = 20_000
"""Characters of the logbook on the page, the newest; the file has the rest."""


def render_page(root: Path) -> Path:
    """Write the report of the project at `root`.

    Args:
        root: The project's folder. Read are `reports/*.json`, `data/assets`, `params.yaml`, `dvc.lock` and
            `LOGBOOK.md`; what is missing is named on the page.

    Returns:
        The page, `reports/report.html`: one file that asks for nothing beside it.

    Raises:
        UserError: One of those files is not what it should be, or the page cannot be written.
    """
    page = render(read_reports(Path(root)), Pictures(Path(root) / "data" / "assets"))
    path = Path(root) / "reports" / "report.html"
    with replacing(path) as file:
        file.write(page)
    return path


def render(reports: Reports, pictures: Pictures) -> str:
    """The page's HTML."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        code=words.code,
        count=words.count,
        digits=words.digits,
        interval=words.interval,
        large=words.large,
        p_value=words.p_value,
        percent=words.percent,
        plain_percent=words.plain_percent,
        points=words.points,
        quantity=words.quantity,
        setting=words.setting,
        span=words.span,
        span_of=words.span_of,
        stated=words.stated_with_interval,
    )
    style = Markup((TEMPLATES / "page.css").read_text(encoding="utf-8"))
    return environment.get_template("page.html.jinja").render(style=style, **_content(reports, pictures)).lstrip()


def _content(reports: Reports, pictures: Pictures) -> dict[str, object]:
    """Everything that the template sets."""
    return (
        {
            "plural": words.plural,
            "gap_names": words.GAPS,
            "reports": reports,
            "modality": reports.params.data.modality if reports.params else "image",
            "regression": views.regression(reports),
            "error_unit": views.error_unit(reports),
            "version": __version__,
            "dataset": views.dataset(reports),
        }
        | _opening(reports)
        | _course(reports)
        | _analysis(reports, pictures)
        | _suspicions(reports, pictures)
        | _records(reports)
    )


def _opening(reports: Reports) -> dict[str, object]:
    """How good it is, against what, what limits it, what to do next."""
    target, target_source = views.goal(reports)
    errors = views.errors(reports)
    steps, total_mark, largest = views.waterfall(reports)
    compared, compared_axis, compared_split = views.comparison(reports)
    measured = next((name for name in ("test", "validation") if name in errors), None)
    improvement = reports["improvement"]
    # The diagnosis speaks of the baseline: its verdict is this page's only while there is no better model.
    stated = reports["metrics"] or (reports["diagnosis"] if not improvement else {})
    return {
        "goal": target,
        "goal_source": target_source,
        "goal_notes": views.goal_notes(reports),
        "goal_rmse": words.rmse_of(errors[measured], target) if measured and target is not None else None,
        "errors": errors,
        "measured": measured,
        "standing": words.against_goal(errors[measured], target) if measured and target is not None else ("", ""),
        "steps": steps,
        "total_mark": total_mark,
        "limit": words.limited_by(largest, bool(stated.get("dominant"))),
        "verdict": str(stated.get("verdict") or ""),
        "decides": " ".join(suspects.sentences(stated.get("decides"))),
        "diagnosis": reports["diagnosis"],
        "compared": compared,
        "compared_axis": compared_axis,
        "compared_split": compared_split,
        "references": views.references(reports),
        "improvement": improvement,
        "stopped": words.STOPPED.get(improvement.get("stopped", ""), ""),
        "requests": improvement.get("requests") or [],
    }


def _course(reports: Reports) -> dict[str, object]:
    """How the errors went, by round and by epoch."""
    entries = course.rounds(reports)
    found = reports["errors"]
    return {
        "rounds": entries,
        "kept": [entry for entry in entries if entry.kept],
        "levels": course.levels(reports, entries),
        "course": course.course(reports, entries),
        "panels": course.learning(reports),
        "told": suspects.sentences(found.get("curve"), found.get("seeds"), reports["diagnosis"].get("plan")),
    }


def _analysis(reports: Reports, pictures: Pictures) -> dict[str, object]:
    """Where the model errs."""
    found, split = analysis.error_analysis(reports)
    classes, classes_axis, class_count = analysis.per_class(found)
    groups, groups_axis = analysis.groups(found)
    worst, worst_features, feature_count = analysis.worst(found, pictures)
    plot, bins, facts = suspects.calibration(found)
    return {
        "analysis_split": split,
        "confusion": analysis.confusion(found),
        "pairs": analysis.confused_pairs(found),
        "classes": classes,
        "classes_axis": classes_axis,
        "class_count": class_count,
        "target": found.get("target") or {},
        "estimates": analysis.estimates(found),
        "groups": groups,
        "groups_axis": groups_axis,
        "worst": worst,
        "worst_features": worst_features,
        "feature_count": feature_count,
        "calibration": plot,
        "calibration_bins": bins,
        "calibration_facts": facts,
        "calibration_told": " ".join(suspects.sentences(found.get("calibration"))),
    }


def _suspicions(reports: Reports, pictures: Pictures) -> dict[str, object]:
    """What the diagnosis of the first network suspects, on the splits that it may look at."""
    found = reports["errors"]
    slices = found.get("slices") or {}
    folded = slices.get("out_of_fold") or {}
    by = f", by {folded['model']}" if folded.get("model") else ""
    searches = (("", slices), (f"Over all folds{by}", folded))
    return {
        "suspected_split": str(found.get("split") or "validation"),
        "slices": [(name, seen) for name, block in searches if (seen := suspects.slices(block or None, pictures))],
        "label_errors": found.get("label_errors") or {},
        "suspects": suspects.suspects(found.get("label_errors"), pictures),
        "near_twins": suspects.near_twins(found.get("label_errors"), pictures),
        "shift": found.get("shift") or {},
        "differing": suspects.differing(found.get("shift")),
        "typical": suspects.typical(found.get("shift"), pictures),
    }


def _records(reports: Reports) -> dict[str, object]:
    """The data, the examination, how sure all this is, and how to do it again."""
    accepted = reports.params.data.accept if reports.params else ()
    return {
        "data_findings": views.findings(reports["validation"].get("findings"), accepted),
        "task_findings": views.findings(reports["examination"].get("findings"), accepted),
        "splits": views.splits(reports),
        "size": views.size(reports),
        "folds": reports["diagnosis"].get("folds") or {},
        "ledger": reports["metrics"].get("test") or {},
        "versions": reports["metrics"].get("versions") or {},
        "changed": views.changed_params(reports),
        "logbook": reports.logbook[-LOGBOOK_SHOWN:],
        "logbook_cut": len(reports.logbook) > LOGBOOK_SHOWN,
    }
