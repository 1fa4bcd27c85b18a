"""Where the model errs: confusion, classes, ranges, and the worst examples as one can look at them."""

from dataclasses import dataclass

from markupsafe import Markup

from ..spec import Feature
from . import figures, words
from .parts import Fact, Row
from .pictures import Pictures
from .reading import Json, Reports
from .words import measure

CLASSES_SHOWN = 30

PAIRS_SHOWN = 30

WORST_SHOWN = 24

LEVELS = 7

FEATURES_SHOWN = 16
"""Columns of a table beside each of its worst rows: the id finds the others."""


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
