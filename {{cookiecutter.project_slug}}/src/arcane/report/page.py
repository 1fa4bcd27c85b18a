"""Writes `reports/report.html`: the page that answers how good the model is, against what, and what to do next.

Reads files only, and puts nothing on the page that is not in them: no time, no host, so same files give same bytes.
"""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from .. import __version__
from ..files import replacing
from . import views, words
from .pictures import Pictures
from .reading import Reports, read_reports

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
        loader=FileSystemLoader(Path(__file__).parent),
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
    )
    style = Markup((Path(__file__).parent / "page.css").read_text(encoding="utf-8"))
    return environment.get_template("page.html.jinja").render(style=style, **_content(reports, pictures)).lstrip()


def _content(reports: Reports, pictures: Pictures) -> dict[str, object]:
    """Everything that the template sets."""
    target, target_source = views.goal(reports)
    errors = views.errors(reports)
    steps, total_mark, largest = views.waterfall(reports)
    compared, compared_axis, compared_split = views.comparison(reports)
    entries = views.rounds(reports)
    analysis, split = views.error_analysis(reports)
    classes, classes_axis, class_count = views.per_class(analysis)
    groups, groups_axis = views.groups(analysis)
    worst, worst_features, feature_count = views.worst(analysis, pictures)
    measured = next((name for name in ("test", "validation") if name in errors), None)
    accepted = reports.params.data.accept if reports.params else ()
    improvement = reports["improvement"]
    # The diagnosis speaks of the baseline: its verdict is this page's only while there is no better model.
    stated = reports["metrics"] or (reports["diagnosis"] if not improvement else {})
    return {
        "plural": words.plural,
        "reports": reports,
        "modality": reports.params.data.modality if reports.params else "image",
        "regression": views.regression(reports),
        "error_unit": views.error_unit(reports),
        "version": __version__,
        "dataset": views.dataset(reports),
        "goal": target,
        "goal_source": target_source,
        "goal_rmse": words.rmse_of(errors[measured], target) if measured and target is not None else None,
        "errors": errors,
        "measured": measured,
        "standing": words.against_goal(errors[measured], target) if measured and target is not None else ("", ""),
        "steps": steps,
        "total_mark": total_mark,
        "limit": stated.get("verdict") or words.limited_by(largest, bool(stated.get("dominant"))),
        "diagnosis": reports["diagnosis"],
        "compared": compared,
        "compared_axis": compared_axis,
        "compared_split": compared_split,
        "rounds": entries,
        "kept": [entry for entry in entries if entry.kept],
        "course": views.course(reports, entries),
        "improvement": improvement,
        "stopped": words.STOPPED.get(improvement.get("stopped", ""), ""),
        "requests": improvement.get("requests") or [],
        "panels": views.learning(reports),
        "analysis_split": split,
        "confusion": views.confusion(analysis),
        "pairs": views.confused_pairs(analysis),
        "classes": classes,
        "classes_axis": classes_axis,
        "class_count": class_count,
        "target": analysis.get("target") or {},
        "estimates": views.estimates(analysis),
        "groups": groups,
        "groups_axis": groups_axis,
        "worst": worst,
        "worst_features": worst_features,
        "feature_count": feature_count,
        "data_findings": views.findings(reports["validation"].get("findings"), accepted),
        "task_findings": views.findings(reports["examination"].get("findings"), accepted),
        "splits": views.splits(reports),
        "ledger": reports["metrics"].get("test") or {},
        "versions": reports["metrics"].get("versions") or {},
        "changed": views.changed_params(reports),
        "logbook": reports.logbook[-LOGBOOK_SHOWN:],
        "logbook_cut": len(reports.logbook) > LOGBOOK_SHOWN,
    }
