"""How the errors went: by round of the improvement loop, and by epoch of each training."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from . import figures, marks, words
from .reading import Json, Reports
from .views import error_unit, errors, goal, model_name
from .words import Measure, measure

SPLITS = ("train", "train_val", "validation", "test")


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
    after: Json
    p_value: float | None
    seeds: int | None
    kept: bool
    reason: str


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
                after=after,
                p_value=entry.get("p_value"),
                seeds=len(entry["seeds"]) if isinstance(entry.get("seeds"), list) else entry.get("seeds"),
                kept=bool(entry.get("kept")),
                reason=str(entry.get("reason", "")),
            )
        )
    return found


@dataclass(frozen=True)
class Level:
    """One row of the table of errors by round.

    Attributes:
        name: The model of that time.
        errors: Its errors by split.
        parts: What the last error is made of, by part: the goal, then each gap.
        mark: The parts as a stacked bar.
    """

    name: str
    errors: dict[str, Measure]
    parts: tuple[tuple[str, float], ...]
    mark: Markup


def levels(reports: Reports, entries: Sequence[Round]) -> list[Level]:
    """The errors and what they are made of, from the baseline over every kept round to the model at the end."""
    target, _ = goal(reports)
    if target is None:
        return []
    start = reports["diagnosis"].get("errors") or reports["baseline"].get("errors") or {}
    stops: list[tuple[str, Json]] = [(f"{model_name(reports['baseline'].get('params'))}, the baseline", start)]
    stops += [(entry.action, entry.after) for entry in entries if entry.kept]
    read = [
        (name, {split: known for split in SPLITS if (known := measure(content.get(split)))}) for name, content in stops
    ]
    final = {split: known for split, known in errors(reports).items() if split in SPLITS}
    if reports["improvement"] or "test" in final:
        read.append(("The model at the end" if len(read) > 1 else "The same, tested", final))
    whole = [(name, known) for name, known in read if "train" in known and "validation" in known]
    top = max([target, *(error.value for _, known in whole for error in known.values())]) * 1.02
    rows = []
    for name, known in whole:
        names = [("bias", "train"), ("variance", "train_val" if "train_val" in known else "validation")]
        names += [("data_mismatch", "validation")] if "train_val" in known else []
        names += [("validation_overfit", "test")] if "test" in known else []
        heights = [("irreducible", target), *((part, known[split].value) for part, split in names)]
        parts = tuple((part, level - before) for (part, level), (_, before) in pairwise([*heights[::-1], ("", 0.0)]))
        rows.append(Level(name, known, parts[::-1], marks.stack_mark(marks.stacked(heights), top, target)))
    return rows


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
