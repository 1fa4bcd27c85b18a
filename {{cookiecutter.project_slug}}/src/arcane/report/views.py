"""What each part of the page shows, worked out from the reports: the template only sets it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..spec import Feature
from . import figures, words
from .pictures import Pictures
from .reading import Json, Reports
from .words import Measure, measure

CLASSES_SHOWN = 30
PAIRS_SHOWN = 30
WORST_SHOWN = 24
IDS_SHOWN = 8
LEVELS = 7

FEATURES_SHOWN = 16
"""Columns of a table beside each of its worst rows: the id finds the others."""

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
class Row:
    """A named error with its drawing."""

    name: str
    error: Measure
    mark: Markup
    detail: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Step:
    """One step of the waterfall from the goal to the test error."""

    name: str
    meaning: str
    gap: Measure
    mark: Markup
    dominant: bool


@dataclass(frozen=True)
class Round:
    """One round of the improvement loop."""

    number: int
    action: str
    addresses: str
    why: str
    changes: tuple[tuple[str, str, str], ...]
    train: tuple[Measure | None, Measure | None]
    validation: tuple[Measure | None, Measure | None]
    p_value: float | None
    seeds: int | None
    kept: bool
    reason: str


@dataclass(frozen=True)
class Worst:
    """One of the worst examples.

    Attributes:
        label: What is right: a class, or a number.
        predicted: What the model said.
        right: Whether it said the right class; never so for a number.
        note: How sure it was, or how far off.
        uri: An image's picture.
        trace: A sequence's drawing.
        cells: A table's values, as `features` names them.
    """

    id: str
    label: str
    predicted: str
    right: bool
    note: str
    uri: str | None = None
    trace: Markup | None = None
    cells: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A number of the estimates with its interval and what it says."""

    name: str
    value: str
    interval: str
    meaning: str


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
    scale = figures.rate_scale([*known.values(), target], 2, 98)
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


def rounds(reports: Reports) -> list[Round]:
    """Every round of the loop, in order."""
    found = []
    for number, entry in enumerate(reports["improvement"].get("rounds") or (), 1):
        before, after = entry.get("before") or {}, entry.get("after") or {}
        found.append(
            Round(
                number=entry.get("round", number),
                action=str(entry.get("action", "")).replace("-", " ").replace("_", " "),
                addresses=str(entry.get("addresses", "")),
                why=str(entry.get("why", "")),
                changes=tuple(
                    (name, words.setting(values[0]), words.setting(values[1]))
                    for name, values in sorted((entry.get("change") or {}).items())
                ),
                train=(measure(before.get("train")), measure(after.get("train"))),
                validation=(measure(before.get("validation")), measure(after.get("validation"))),
                p_value=entry.get("p_value"),
                seeds=len(entry["seeds"]) if isinstance(entry.get("seeds"), list) else entry.get("seeds"),
                kept=bool(entry.get("kept")),
                reason=str(entry.get("reason", "")),
            )
        )
    return found


def course(reports: Reports, entries: Sequence[Round]) -> tuple[list[str], tuple[Markup, Markup, Markup]] | None:
    """The course of the errors: the columns' names and the three parts of the figure; None before the baseline."""
    start = reports["diagnosis"].get("errors") or reports["baseline"].get("errors") or {}
    train, validation = measure(start.get("train")), measure(start.get("validation"))
    if train is None and validation is None and not entries:
        return None
    name = f"{model_name(reports['baseline'].get('params'))}, the baseline"
    stops, undone = [], []
    for entry in entries:
        error = entry.validation[1]
        if not entry.kept:
            undone += [(entry.action, error.value)] if error else []
            continue
        stops.append(figures.Stop(name, train, validation, tuple(undone)))
        name, train, validation, undone = entry.action, entry.train[1], error, []
    stops.append(figures.Stop(name, train, validation, tuple(undone)))
    target, _ = goal(reports)
    return [stop.name for stop in stops], figures.course(stops, target)


def learning(reports: Reports) -> list[tuple[str, str, str, tuple[Markup, Markup, Markup]]]:
    """The panels of learning curves: title, what is measured, what it shows in words, and the figure's parts."""
    best = reports["improvement"].get("best") or {}
    runs = [
        (f"{model_name(reports['baseline'].get('params'))}, the baseline", reports["baseline"].get("curve") or []),
        ("This model", best.get("curve") or []),
    ]
    panels = []
    for quantity, percent in (("loss", False), ("error", True)):
        names = (f"train_{quantity}", f"validation_{quantity}")
        every = [epoch.get(name) for _, curve in runs for epoch in curve for name in names]
        top = max([value for value in every if value is not None], default=0.0) * 1.04
        for title, curve in runs:
            if not curve or top <= 0:
                continue
            series = [(name.rsplit("_", 1)[0], [epoch.get(name) for epoch in curve]) for name in names]
            parts = figures.curves(series, top, percent=percent)
            panels.append(
                (
                    title,
                    f"{quantity}, {error_unit(reports)}" if percent else quantity,
                    _course_in_words(series, percent),
                    parts,
                )
            )
    return panels


def _course_in_words(series: Sequence[tuple[str, Sequence[float | None]]], percent: bool) -> str:
    """What a panel shows, for those who do not see it."""
    parts = []
    for name, values in series:
        known = [(value, epoch) for epoch, value in enumerate(values, 1) if value is not None]
        if known:
            shown = words.percent if percent else (lambda value: f"{value:.3g}")
            lowest, epoch = min(known)
            parts.append(
                f"{name} from {shown(known[0][0])} to {shown(known[-1][0])}, lowest {shown(lowest)} at epoch {epoch}"
            )
    return "; ".join(parts)


def regression(reports: Reports) -> bool:
    """Whether the project estimates a number; where nothing says so it tells classes apart."""
    stated = [reports[name].get("kind") for name in ("metrics", "errors")]
    return "regression" in stated or any(error.rmse is not None for error in errors(reports).values())


def error_unit(reports: Reports) -> str:
    """What an error's numbers count."""
    return "% of the variance" if regression(reports) else "%"


def error_analysis(reports: Reports) -> tuple[Json, str]:
    """The report that holds confusion, classes and worst examples, and its split: the test where it was opened."""
    if reports["metrics"].get("per_class") or reports["metrics"].get("worst"):
        return reports["metrics"], "test"
    return reports["errors"], str(reports["errors"].get("split") or "validation")


def confusion(analysis: Json) -> tuple[list[str], list[list[tuple[int, str]]]] | None:
    """The matrix as rows of (count, style); None where there is none or it has too many classes to be read."""
    classes, matrix = analysis.get("classes") or [], analysis.get("confusion") or []
    if not matrix or len(classes) > CLASSES_SHOWN:
        return None
    top = max((n for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j), default=0)
    most = max((row[i] for i, row in enumerate(matrix)), default=0)

    def style(i: int, j: int, n: int) -> str:
        if n == 0:
            return "none"
        share = n / (most if i == j else top)
        return f"{'right' if i == j else 'wrong'} level-{max(1, round(share * LEVELS))}"

    return list(classes), [[(n, style(i, j, n)) for j, n in enumerate(row)] for i, row in enumerate(matrix)]


def confused_pairs(analysis: Json) -> list[tuple[str, str, int, float | None]]:
    """The most frequent confusions: label, prediction, how often, and the share of the label's examples.

    Reads the matrix, or `confused` [{label, predicted, count}] where a matrix would be too large to keep.
    """
    classes, matrix = analysis.get("classes") or [], analysis.get("confusion") or []
    sizes = {str(row["class"]): row.get("n") for row in analysis.get("per_class") or ()}
    if matrix:
        found = ((classes[i], classes[j], n) for i, row in enumerate(matrix) for j, n in enumerate(row) if n and i != j)
    else:
        found = ((pair["label"], pair["predicted"], pair["count"]) for pair in analysis.get("confused") or ())
    ranked = sorted(found, key=lambda pair: (-pair[2], str(pair[0]), str(pair[1])))[:PAIRS_SHOWN]
    return [(str(a), str(b), n, n / size if (size := sizes.get(str(a))) else None) for a, b, n in ranked]


def per_class(analysis: Json) -> tuple[list[Row], Markup | None, int]:
    """The classes with the highest error, the axis over them, and how many classes there are."""
    entries = analysis.get("per_class") or []
    ranked = sorted(entries, key=lambda row: (-(row.get("value") or 0), -(row.get("low") or 0), str(row["class"])))
    shown = [(row, error) for row in ranked[:CLASSES_SHOWN] if (error := measure(row)) is not None]
    if not shown:
        return [], None, len(entries)
    scale = figures.rate_scale([error for _, error in shown], 2, 98)
    rows = [
        Row(
            str(row["class"]),
            error,
            figures.interval_mark(error, scale, "validation"),
            f"{row.get('wrong', error.wrong)}",
        )
        for row, error in shown
    ]
    return rows, figures.axis_mark(scale), len(entries)


def estimates(analysis: Json) -> tuple[tuple[Markup, Markup, Markup], list[Fact]] | None:
    """Of a regression: the drawing of estimates against targets, and the numbers beside it; None without any."""
    drawn = figures.estimates([(float(target), float(said)) for target, said in analysis.get("points") or ()])
    if drawn is None:
        return None
    unit = str((analysis.get("target") or {}).get("unit") or "")
    facts = []
    if (absolute := measure(analysis.get("mae"))) is not None:
        value, meaning = words.quantity(absolute.value, unit), "the mean of the differences, whatever their sign"
        facts.append(Fact("Mean absolute error", value, words.span_of(absolute), meaning))
    if analysis.get("r2") is not None:
        meaning = "the share of these targets’ own variance that is explained; 1 is perfect"
        facts.append(Fact("R²", words.quantity(analysis["r2"]), "", meaning))
    return drawn, facts


def groups(analysis: Json) -> tuple[list[tuple[Row, str]], Markup | None]:
    """The error by range of the target, lowest first, with the mean offset in words, and the axis over them."""
    read = [
        (entry, error) for entry in analysis.get("groups") or () if (error := measure(entry.get("error"))) is not None
    ]
    if not read:
        return [], None
    scale = figures.rate_scale([error for _, error in read], 2, 98)
    rows = []
    for entry, error in read:
        name = f"{words.quantity(entry['low'], digits=6)} to {words.quantity(entry['high'], digits=6)}"
        offset = entry.get("offset") or 0.0
        aside = words.quantity(abs(offset)) + (" too much" if offset > 0 else " too little")
        mark = figures.interval_mark(error, scale, "validation")
        rows.append((Row(name, error, mark, words.quantity(error.rmse.value if error.rmse else None)), aside))
    return rows, figures.axis_mark(scale)


def worst(analysis: Json, pictures: Pictures) -> tuple[list[Worst], tuple[str, ...], int]:
    """The worst examples as one can look at them; of a table the names of the columns shown, and how many there are."""
    spec = pictures.spec
    modality = spec.modality if spec else "image"
    features = spec.features[:FEATURES_SHOWN] if spec and modality == "tabular" else ()
    found = []
    for row in ranked(analysis)[:WORST_SHOWN]:
        identifier = str(row.get("id", ""))
        inputs = None if modality == "image" else pictures.inputs(identifier)
        found.append(
            Worst(
                identifier,
                *_said(row),
                uri=pictures.uri(identifier) if modality == "image" else None,
                trace=figures.trace(inputs.tolist()) if inputs is not None and modality == "sequence" else None,
                cells=tuple(map(_cell, features, inputs.tolist())) if inputs is not None and features else (),
            )
        )
    return found, tuple(feature.name for feature in features), len(spec.features) if spec else 0


def ranked(analysis: Json) -> list[Json]:
    """The worst examples of a report, the worst first."""
    return sorted(
        analysis.get("worst") or (),
        key=lambda row: (-(row.get("loss") or abs(row.get("error") or 0)), str(row.get("id"))),
    )


def _said(row: Json) -> tuple[str, str, bool, str]:
    """Of one example: what is right, what the model said, whether that is right, and how sure or how far off."""
    if "estimate" in row:
        off = words.quantity(abs(row["error"])) + (" too much" if row["error"] > 0 else " too little")
        return words.quantity(row["target"], digits=6), words.quantity(row["estimate"], digits=4), False, off
    label, predicted, probability = str(row.get("label")), str(row.get("predicted")), row.get("probability")
    return label, predicted, label == predicted, "" if probability is None else f"at {words.percent(probability)}"


def _cell(feature: Feature, value: float) -> str:
    """A table's value as its source has it."""
    if value != value:
        return "–"
    if feature.kind == "number":
        return words.quantity(value, digits=6)
    code = round(value)
    return feature.levels[code - 1] if 0 < code <= len(feature.levels) else "unknown"


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
