"""What `diagnose` suspects: weak slices, probabilities that are off, wrong labels, and splits that differ.

Everything here is worked out by that stage, on validation and by its first network; this file only sets it out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from . import figures, marks, words
from .parts import Fact
from .pictures import Pictures
from .reading import Json
from .words import Measure, measure

SLICES_SHOWN = 10
LABELS_SHOWN = 12
NEAR_SHOWN = 6
ALSO_SHOWN = 2
STRIPS_SHOWN = 4
"""Of a slice's other names, and slices whose worst examples are shown."""
FEATURES_SHOWN = 12


@dataclass(frozen=True)
class Seen:
    """An example as it can be shown in a word and a picture.

    Attributes:
        uri: An image's picture.
        trace: A sequence's drawing.
        text: What stands under it.
    """

    id: str
    text: str = ""
    uri: str | None = None
    trace: Markup | None = None


@dataclass(frozen=True)
class Slice:
    """A part of the examples on which the model does worse than on the others; `by` says what its p-value rests on."""

    name: str
    error: Measure
    rest: Measure | None
    difference: Measure | None
    p: float | None
    also: tuple[str, ...]
    ids: tuple[Seen, ...]
    mark: Markup
    by: str


@dataclass(frozen=True)
class Slices:
    """The weak slices of one way to look for them, with what the search can see."""

    sentence: str
    power: str
    found: tuple[Slice, ...]
    axis: Markup | None
    more: int


@dataclass(frozen=True)
class Suspect:
    """An example whose label may be wrong, and how sure that is."""

    seen: Seen
    split: str
    label: str
    suggested: str
    sure: str


@dataclass(frozen=True)
class Feature:
    """What differs between two splits: one column, or one summary of an image."""

    name: str
    sentence: str
    measure: str
    size: Measure
    mark: Markup


def see(identifier: str, pictures: Pictures, text: str = "") -> Seen:
    """An example with its picture or drawing, where there is one."""
    spec = pictures.spec
    if spec is None or spec.modality == "tabular":
        return Seen(identifier, text)
    if spec.modality == "image":
        return Seen(identifier, text, uri=pictures.uri(identifier))
    inputs = pictures.inputs(identifier)
    return Seen(identifier, text, trace=None if inputs is None else figures.trace(inputs.tolist()))


def sentences(*blocks: Any) -> list[str]:
    """The sentence of each block that has one."""
    return [str(block["sentence"]) for block in blocks if isinstance(block, Mapping) and block.get("sentence")]


def calibration(analysis: Json) -> tuple[tuple[Markup, Markup, Markup] | None, list[marks.Bin], list[Fact]]:
    """The plot of how sure against how right, its points, and the numbers beside it."""
    block = analysis.get("calibration") or {}
    bins = [
        marks.Bin(entry["confidence"], entry["accuracy"], entry["accuracy_low"], entry["accuracy_high"], entry["n"])
        for entry in block.get("bins") or ()
        if entry.get("n")
    ]
    return marks.reliability(bins) if bins else None, bins, _calibration_facts(block)


def _calibration_facts(block: Json) -> list[Fact]:
    unit = str(block.get("unit") or "")
    rows = (
        ("ece", "Calibration error", "how far sureness and truth lie apart, on average; 0 is perfect", words.percent),
        ("ece_mended", "The same, mended", "after one temperature, fitted on other folds", words.percent),
        ("temperature", "Temperature", "what to divide the logits by; above 1: too sure", words.quantity),
        ("brier", "Brier score", "squared distance of the probabilities from the truth; 0 is perfect", words.quantity),
        ("nll", "Log loss", "mean surprise at the true class, in nats", words.quantity),
        (
            "slope",
            "Slope",
            "of the target on the estimate; 1 is right, below it estimates spread too wide",
            words.quantity,
        ),
        ("offset", "Offset", "mean of estimate minus target", lambda value: words.quantity(value, unit)),
    )
    found = []
    for key, name, meaning, show in rows:
        known = measure(block.get(key))
        if known is not None:
            within = "" if known.low is None or known.high is None else f"{show(known.low)} to {show(known.high)}"
            found.append(Fact(name, show(known.value), within, meaning))
    return found


def slices(block: Any, pictures: Pictures) -> Slices | None:
    """The weak slices that were found; None where nobody looked."""
    if not isinstance(block, Mapping):
        return None
    read = [(entry, error) for entry in block.get("found") or () if (error := measure(entry.get("error"))) is not None]
    scale = figures.rate_scale([error for _, error in read], 2, 98)
    found = tuple(
        Slice(
            str(entry.get("name")),
            error,
            measure(entry.get("rest")),
            measure(entry.get("difference")),
            entry.get("p_adjusted"),
            _also(tuple(map(str, entry.get("also") or ()))),
            tuple(see(str(each), pictures) for each in (entry.get("ids") or ())[:NEAR_SHOWN] if place < STRIPS_SHOWN),
            figures.interval_mark(error, scale, "validation"),
            "losses" if entry.get("by") == "losses" and error.rmse is None else "",
        )
        for place, (entry, error) in enumerate(read[:SLICES_SHOWN])
    )
    sentence, power = (" ".join(sentences(each)) for each in (block, block.get("power")))
    power = "" if power in sentence else power  # said once
    axis = figures.axis_mark(scale) if found else None
    return Slices(sentence, power, found, axis, len(read) - len(found))


def _also(names: tuple[str, ...]) -> tuple[str, ...]:
    """The first of a slice's other names, and how many more there are."""
    if len(names) <= ALSO_SHOWN + 1:
        return names
    return (*names[:ALSO_SHOWN], f"and {len(names) - ALSO_SHOWN} more")


def suspects(block: Any, pictures: Pictures) -> list[Suspect]:
    """The examples whose labels are most likely wrong, the likeliest first."""
    found = []
    for entry in _entries(block, "candidates")[:LABELS_SHOWN]:
        if "suggested" in entry:
            label, suggested = str(entry.get("label")), str(entry["suggested"])
            sure = words.percent(entry.get("probability"))
        else:
            label, suggested = (
                words.quantity(entry.get("target"), digits=6),
                words.quantity(entry.get("expected"), digits=4),
            )
            sure = f"{words.quantity(entry.get('apart'), digits=2)} deviations"
        split = str(entry.get("split") or "").replace("_", "-")
        found.append(Suspect(see(str(entry.get("id")), pictures), split, label, suggested, sure))
    return found


def near_twins(block: Any, pictures: Pictures) -> list[tuple[Seen, Seen]]:
    """Pairs that look the same and are labelled differently."""
    return [
        (
            see(str(entry.get("id")), pictures, _said(entry.get("label"))),
            see(str(entry.get("other")), pictures, _said(entry.get("other_label"))),
        )
        for entry in _entries(block, "near")[:NEAR_SHOWN]
    ]


def _said(label: Any) -> str:
    return words.quantity(label, digits=6) if isinstance(label, int | float) else str(label)


def _entries(block: Any, name: str) -> Sequence[Json]:
    return (block.get(name) or ()) if isinstance(block, Mapping) else ()


def differing(block: Any) -> list[Feature]:
    """What differs most between the splits, as `diagnose` ordered it."""
    read = [
        (entry, size) for entry in _entries(block, "features")[:FEATURES_SHOWN] if (size := measure(entry)) is not None
    ]
    ends = [end for _, size in read for end in (size.value, size.low, size.high) if end is not None]
    reach = max(map(abs, ends), default=0.0) or 1.0
    return [
        Feature(
            str(entry.get("name")).replace("_", " "),
            str(entry.get("sentence") or ""),
            str(entry.get("measure") or "").replace("-", " ").replace("cohens", "Cohen’s"),
            size,
            marks.signed_mark(size, reach),
        )
        for entry, size in read
    ]


def typical(block: Any, pictures: Pictures) -> list[tuple[str, list[Seen]]]:
    """For each split the examples that look most like it and least like the other; nothing for tables."""
    groups: Mapping[str, Iterable[str]] = (block.get("typical") or {}) if isinstance(block, Mapping) else {}
    shown = [
        (name.replace("_", "-"), [see(str(each), pictures) for each in ids]) for name, ids in sorted(groups.items())
    ]
    return [(name, seen) for name, all_seen in shown if (seen := [each for each in all_seen if each.uri or each.trace])]
