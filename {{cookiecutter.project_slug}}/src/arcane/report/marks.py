"""Drawings of a table's cells and small plots beyond the page's main figures, by the same rules as `figures`."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .figures import dot, drawing, element, line, text
from .words import NBSP, Measure, percent


@dataclass(frozen=True)
class Segment:
    """One part of a stacked bar, between two errors."""

    name: str
    start: float
    end: float


def stacked(levels: Sequence[tuple[str, float]]) -> list[Segment]:
    """The parts that an error is made of, bottom first; the last one ends at the last level.

    Args:
        levels: The errors from the goal to the test, each with the name of the part that leads up to it. Where one lies
            below the one before, no part leads up to it, and what was stacked above it is cut off.
    """
    found: list[Segment] = []
    before = 0.0
    for name, level in levels:
        if level < before:
            found = [Segment(s.name, s.start, min(s.end, level)) for s in found if s.start < level]
        elif level > before:
            found.append(Segment(name, before, level))
        before = level
    return found


def stack_mark(segments: Sequence[Segment], top: float, goal: float | None = None) -> Markup:
    """A stacked bar on a linear scale up to `top`, and the goal as a line across it."""
    parts = [
        element(
            "rect",
            element("title", f"{segment.name.replace('_', ' ')}: {percent(segment.end - segment.start)}"),
            x=f"{segment.start / top * 100:.2f}%",
            width=f"{max(segment.end - segment.start, 0) / top * 100:.2f}%",
            y=5,
            height=18,
            class_=f"part-{segment.name}",
        )
        for segment in segments
    ]
    if goal is not None:
        parts.append(line(goal / top * 100, 1, goal / top * 100, 27, "goal"))
    return drawing(parts, 28, "mark")


def signed_mark(difference: Measure, reach: float) -> Markup:
    """A difference with its interval on a linear scale from `-reach` to `reach`, 0 in the middle."""

    def across(number: float) -> float:
        return round(50 + 48 * max(-1.0, min(number / reach, 1.0)), 2)

    parts = [line(50, 0, 50, 26, "axis")]
    if difference.low is not None and difference.high is not None:
        parts.append(line(across(difference.low), 13, across(difference.high), 13, "interval validation"))
    return drawing([*parts, dot(across(difference.value), 13, "dot validation")], 26, "mark")


@dataclass(frozen=True)
class Bin:
    """Predictions that were about equally sure.

    Attributes:
        confidence: How sure they were, on average.
        accuracy: The share that was right, with its interval.
        n: How many there are.
    """

    confidence: float
    accuracy: float
    low: float
    high: float
    n: int


def reliability(bins: Sequence[Bin], height: float = 260) -> tuple[Markup, Markup, Markup]:
    """How often the model was right against how sure it was: the axis on the left, the plot, and the axis below.

    The more predictions a dot stands for, the larger it is.
    """

    def down(share: float) -> float:
        return round((1 - share) * height, 2)

    ticks = (0, 0.25, 0.5, 0.75, 1)
    parts = [line(0, down(tick), 100, down(tick), "grid") for tick in ticks]
    parts += [line(100 * tick, 0, 100 * tick, height, "grid") for tick in ticks]
    parts.append(line(0, height, 100, 0, "exact"))
    most = max((each.n for each in bins), default=1)
    for each in bins:
        x = 100 * each.confidence
        told = f"{percent(each.confidence)} sure, {percent(each.accuracy)} right, of {each.n}"
        parts.append(line(x, down(each.low), x, down(each.high), "interval validation"))
        radius = round(3 + 4 * (each.n / most) ** 0.5, 1)
        parts.append(dot(x, down(each.accuracy), "dot validation", told, radius))
    left = [text(100, down(tick) + 4, f"{100 * tick:g}", "end") for tick in ticks]
    below = [
        text(100 * tick, 14, f"{100 * tick:g}{NBSP}%" if tick == 1 else f"{100 * tick:g}", _anchor(tick))
        for tick in ticks
    ]
    return drawing(left, height, "plot"), drawing(parts, height, "plot"), drawing(below, 18, "plot")


def _anchor(tick: float) -> str:
    return "start" if tick == 0 else "end" if tick == 1 else "middle"
