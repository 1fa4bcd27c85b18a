"""What the first screen and the records of the page show, worked out from the reports: the template only sets it."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from . import figures, words
from .parts import Row
from .reading import Json, Reports
from .words import Measure, measure

IDS_SHOWN = 8
REFERENCES_SHOWN = 4
"""Known results on the first screen; the table below has them all."""

PLAIN = {
    "majority": "Always the most frequent class",
    "mean": "Always the mean",
    "linear": "A linear model",
    "neighbours": "Nearest neighbours",
    "trees": "Randomised trees",
}

MODELS = {
    "lenet": "LeNet",
    "resnet": "ResNet",
    "mlp": "MLP",
    "linear": "Linear",
    "lstm": "LSTM",
    "conv1d": "1-D convolution",
    "wavenet": "WaveNet",
    "attention": "Attention",
}


@dataclass(frozen=True)
class Step:
    """One step of the waterfall from the goal to the test error."""

    name: str
    meaning: str
    gap: Measure
    mark: Markup
    dominant: bool


def dataset(reports: Reports) -> str:
    """What the page is about, in a word."""
    return reports.params.data.source if reports.params else "this project"


def model_name(params: Any) -> str:
    """The network's name as people write it."""
    name = str(((params or {}).get("model") or {}).get("name") or "baseline")
    return MODELS.get(name, name)


def goal(reports: Reports) -> tuple[float | None, str]:
    """The goal and whose claim it is."""
    stated = measure((reports["metrics"].get("errors") or reports["diagnosis"].get("errors") or {}).get("goal"))
    if stated is not None:
        source = reports["diagnosis"].get("goal_source") or (reports.params.goal.source if reports.params else "")
        return stated.value, source
    return (reports.params.goal.error, reports.params.goal.source) if reports.params else (None, "")


def goal_notes(reports: Reports) -> tuple[str, str]:
    """What kind of claim the goal is, and what speaks against it; empty where nothing does."""
    judged = reports["metrics"].get("goal") or reports["diagnosis"].get("goal") or {}
    kind = "" if judged.get("kind") in (None, "number") else words.CLAIMS.get(judged["kind"], str(judged["kind"]))
    return kind, str(judged.get("sentence") or "")


@dataclass(frozen=True)
class Known:
    """A known result beside the model.

    Attributes:
        difference: The model's error minus this one, with its interval.
        beaten: How the model stands against it, in words.
    """

    name: str
    evidence: str
    error: float
    source: str
    difference: Measure | None
    beaten: str


def references(reports: Reports) -> list[Known]:
    """The known results of `references.yaml`, best evidence first, as the report placed the model among them."""
    listed = reports["metrics"].get("references") or reports["diagnosis"].get("references") or ()
    return [
        Known(
            str(entry.get("name")),
            str(entry.get("evidence") or entry.get("kind") or ""),
            entry["error"],
            str(entry.get("source") or ""),
            measure(entry.get("difference")),
            words.BEATEN.get(str(entry.get("beaten")), ""),
        )
        for entry in listed
        if entry.get("error") is not None
    ]


def errors(reports: Reports) -> dict[str, Measure]:
    """The final model's errors by split; the baseline's while nothing later has run."""
    sources = (
        reports["metrics"].get("errors"),
        (reports["improvement"].get("best") or {}).get("errors"),
        reports["diagnosis"].get("errors"),
        reports["baseline"].get("errors"),
    )
    first: Mapping[str, Any] = next((source for source in sources if source), {})
    read = {name: measure(value) for name, value in first.items()}
    return {name: value for name, value in read.items() if value is not None}


def comparison(reports: Reports) -> tuple[list[Row], Markup | None, str]:
    """The model among the simple ones, on the same split: rows worst first, their axis, and the split's name."""
    models = reports["metrics"].get("models") or {}
    split = "test" if any((model or {}).get("test") for model in models.values()) else "validation"
    found = {name: measure((model or {}).get(split)) for name, model in models.items()}
    if not models:
        found = {name: measure(value) for name, value in (reports["diagnosis"].get("baselines") or {}).items()}
        found["baseline"] = measure((reports["baseline"].get("errors") or {}).get("validation"))
    known = {name: value for name, value in found.items() if value is not None}
    if not known:
        return [], None, split
    target, _ = goal(reports)
    listed = references(reports)[:REFERENCES_SHOWN]
    scale = figures.rate_scale([*known.values(), *(each.error for each in listed), target], 2, 98)
    trees = "Boosted trees" if reports.params and reports.params.data.modality == "tabular" else PLAIN["trees"]
    names = {
        **PLAIN,
        "trees": trees,
        "baseline": f"{model_name(reports['baseline'].get('params'))}, the baseline",
        "best": "This model",
    }
    rows = []
    for name, error in sorted(known.items(), key=lambda item: (item[0] == "best", -item[1].value, item[0])):
        size = (models.get(name) or {}).get("parameters")
        rows.append(
            Row(
                name=names.get(name, name),
                error=error,
                mark=figures.interval_mark(error, scale, "best" if name == "best" else "other", target),
                detail=_detail(error, size),
                kind="best" if name == "best" else "",
            )
        )
    for each in listed:
        error = Measure(each.error)
        rows.append(Row(each.name, error, figures.interval_mark(error, scale, "known", target), each.evidence, "known"))
    rows.sort(key=lambda row: (row.kind == "best", -row.error.value, row.name))
    return rows, figures.axis_mark(scale), split


def _detail(error: Measure, parameters: int | None) -> str:
    """What stands under a model's name."""
    rmse = f"RMSE {words.quantity(error.rmse.value)}" if error.rmse else ""
    return ", ".join(filter(None, (rmse, words.plural(parameters, "parameter") if parameters else "")))


def waterfall(reports: Reports) -> tuple[list[Step], Markup, str]:
    """From the goal to the test error, step by step, the drawing of their sum, and the largest step.

    The intervals and the dominant gap are shown only where a report states them; nothing is tested here.
    """
    rates = errors(reports)
    target, _ = goal(reports)
    if target is None or "train" not in rates or "validation" not in rates:
        return [], Markup(), ""
    stated = reports["metrics"] or (reports["diagnosis"] if not reports["improvement"] else {})
    levels = [("irreducible", target), ("bias", rates["train"].value)]
    if "train_val" in rates:
        levels.append(("variance", rates["train_val"].value))
        levels.append(("data_mismatch", rates["validation"].value))
    else:
        levels.append(("variance", rates["validation"].value))
    if "test" in rates:
        levels.append(("validation_overfit", rates["test"].value))
    gaps = {**(stated.get("gaps") or {}), "validation_overfit": stated.get("validation_overfit")}
    top = max(level for _, level in levels) * 1.02 or 1.0
    sizes = {name: level - before for (name, level), (_, before) in zip(levels[1:], levels, strict=False)}
    dominant = stated.get("dominant") or max(sizes, key=lambda name: sizes[name])
    steps, before = [], 0.0
    for name, level in levels:
        title, meaning = words.GAPS[name]
        kind = "goal" if name == "irreducible" else "dominant" if name == dominant else "step"
        gap = Measure(level) if name == "irreducible" else measure(gaps.get(name)) or Measure(level - before)
        steps.append(Step(title, meaning, gap, figures.gap_mark(before, level, top, kind), name == dominant))
        before = level
    return steps, figures.gap_mark(0, before, top, "total"), dominant


def regression(reports: Reports) -> bool:
    """Whether the project estimates a number; where nothing says so it tells classes apart."""
    stated = [reports[name].get("kind") for name in ("metrics", "errors")]
    return "regression" in stated or any(error.rmse is not None for error in errors(reports).values())


def error_unit(reports: Reports) -> str:
    """What an error's numbers count."""
    return "% of the variance" if regression(reports) else "%"


def findings(entries: Iterable[Json] | None, accepted: Iterable[str] = ()) -> list[Json]:
    """Findings, the gravest first, each with what the page shows of it."""
    order = {"error": 0, "warning": 1, "note": 2}
    accept = set(accepted)
    ranked = sorted(entries or (), key=lambda f: (order.get(f.get("severity", "note"), 3), str(f.get("code"))))
    return [
        {
            **finding,
            "accepted": finding.get("code") in accept,
            "evidence": sorted((finding.get("evidence") or {}).items()),
            "shown": list(finding.get("ids") or ())[:IDS_SHOWN],
            "more": max(0, max(finding.get("count") or 0, len(finding.get("ids") or ())) - IDS_SHOWN),
        }
        for finding in ranked
    ]


def splits(reports: Reports) -> list[tuple[str, int, str]]:
    """The splits: name, how many examples, and how evenly the classes fill it."""
    order = {"train": 0, "train_val": 1, "validation": 2, "test": 3}
    rows = []
    for name, split in sorted(
        (reports["splits"].get("splits") or {}).items(), key=lambda s: (order.get(s[0], 9), s[0])
    ):
        sizes = list((split.get("classes") or {}).values())
        spread = "" if not sizes else str(sizes[0]) if min(sizes) == max(sizes) else f"{min(sizes):,} to {max(sizes):,}"
        rows.append((name.replace("_", "-"), split.get("n", 0), spread))
    return rows


def changed_params(reports: Reports) -> list[tuple[str, str, str]]:
    """What the loop changed in all: parameter, the baseline's value, the best model's."""
    before, after = (
        reports["baseline"].get("params") or {},
        (reports["improvement"].get("best") or {}).get("params") or {},
    )
    rows = []
    for section in sorted(after):
        old, new = before.get(section) or {}, after[section]
        for name in sorted(new) if isinstance(new, Mapping) else ():
            if name not in old or old[name] != new[name]:
                rows.append((f"{section}.{name}", words.setting(old.get(name)), words.setting(new[name])))
    return rows


def size(reports: Reports) -> tuple[str, str, str] | None:
    """How much data the goal needs, where `size` was asked: the answer, its picture as a URI, and that in words."""
    content = reports["size"]
    if not content.get("points"):
        return None
    from .size_picture import alt_text, size_picture

    picture = base64.b64encode(size_picture(content)).decode("ascii")
    return str(content.get("answer") or ""), f"data:image/svg+xml;base64,{picture}", alt_text(content)
