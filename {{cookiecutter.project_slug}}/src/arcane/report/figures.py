"""The page's figures, as inline SVG drawn by hand.

Positions across are percentages and positions down are pixels, so that a figure takes any width without scaling its
text; colours are the style sheet's classes, so that one drawing serves light, dark and print.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from ..data.rates import rounded
from .words import Measure, digits

STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Scale:
    """A square-root scale: it keeps 0 on the page and still tells 1 % from 2 % beside 90 %.

    Attributes:
        top: The largest value, more than 0; values outside 0 to `top` are drawn at the border.
        start: Where 0 lies, in percent or pixels.
        end: Where `top` lies.
    """

    top: float
    start: float = 0.0
    end: float = 100.0

    def __call__(self, value: float) -> float:
        share = math.sqrt(min(max(value, 0.0), self.top) / self.top)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self, gap: float) -> list[float]:
        """Round values, 1, 2 or 5 times a power of ten, at least `gap` apart on the page, and 0."""
        highest = math.floor(math.log10(self.top)) + 1
        values = [step * 10.0**power for power in range(highest, highest - 6, -1) for step in reversed(STEPS)]
        chosen: list[float] = []
        for value in [value for value in values if value <= self.top * 1.0001]:
            far = not chosen or abs(self(value) - self(chosen[-1])) >= gap
            if far and abs(self(value) - self.start) >= gap:
                chosen.append(value)
        return [0.0, *reversed(chosen)]


def element(name: str, content: object = "", **attributes: object) -> Markup:
    """One SVG element; `class_` stands for `class`, `_` in a name for `-`; attributes that are None are left out."""
    pairs = Markup("").join(
        Markup(' %s="%s"') % (key.rstrip("_").replace("_", "-"), value)
        for key, value in attributes.items()
        if value is not None
    )
    return Markup("<%s%s>%s</%s>") % (Markup(name), pairs, content, Markup(name))


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A line from (x1 %, y1 px) to (x2 %, y2 px)."""
    return element("line", x1=f"{x1:g}%", x2=f"{x2:g}%", y1=f"{y1:g}", y2=f"{y2:g}", class_=kind)


def dot(x: float, y: float, kind: str, title: str = "", radius: float = 4) -> Markup:
    """A dot at (x %, y px), with a title that a pointer shows."""
    return element("circle", element("title", title) if title else "", cx=f"{x:g}%", cy=f"{y:g}", r=radius, class_=kind)


def text(x: float, y: float, content: str, anchor: str = "middle", kind: str | None = None) -> Markup:
    return element("text", content, x=f"{x:g}%", y=f"{y:g}", text_anchor=anchor, class_=kind)


def drawing(parts: Iterable[Markup], height: float, kind: str) -> Markup:
    """An SVG as wide as its box; what it shows is said by the table or the label beside it."""
    return element(
        "svg",
        Markup("").join(parts),
        xmlns="http://www.w3.org/2000/svg",
        height=f"{height:g}",
        width="100%",
        class_=kind,
        aria_hidden="true",
        focusable="false",
    )


def rate_scale(measures: Iterable[Measure | float | None], start: float = 0.0, end: float = 100.0) -> Scale:
    """A scale for errors that holds every one of `measures` and its interval, up to 1.

    A regression that does worse than the training mean has an error above 1; then the scale ends at 1.5 at most.
    """
    tops = [
        value.high or value.value if isinstance(value, Measure) else value for value in measures if value is not None
    ]
    top = max([top for top in tops if top is not None], default=0.0)
    return Scale(min(max(top * 1.04, 0.005), 1.0 if top <= 1 else 1.5), start, end)


def interval_mark(measured: Measure, scale: Scale, kind: str, goal: float | None = None) -> Markup:
    """A table cell's drawing: the rate as a dot on its interval, and the goal as a line through all rows."""
    parts = [line(scale(goal), 0, scale(goal), 26, "goal")] if goal is not None else []
    if measured.low is not None and measured.high is not None:
        parts.append(line(scale(measured.low), 13, scale(measured.high), 13, f"interval {kind}"))
    parts.append(dot(scale(measured.value), 13, f"dot {kind}", f"{digits(measured.value)} %"))
    return drawing(parts, 26, "mark")


def axis_mark(scale: Scale, gap: float = 11) -> Markup:
    """The axis above a column of interval marks."""
    ticks = scale.ticks(gap)
    parts = [line(scale.start, 17, scale.end, 17, "axis")]
    for value in ticks:
        parts.append(line(scale(value), 14, scale(value), 20, "axis"))
        parts.append(text(scale(value), 10, f"{value * 100:g}"))
    return drawing(parts, 20, "mark")


def gap_mark(start: float, end: float, top: float, kind: str) -> Markup:
    """One step of the waterfall: a bar from the error before to the error after, on a linear scale up to `top`."""
    low, high = sorted((max(start, 0) / top * 100, max(end, 0) / top * 100))
    bar = element("rect", x=f"{low:.2f}%", width=f"{max(high - low, 0.4):.2f}%", y=6, height=14, class_=f"bar {kind}")
    riser = Markup() if kind == "total" else line(end / top * 100, 6, end / top * 100, 26, "riser")
    return drawing([riser, bar], 26, "mark")


@dataclass(frozen=True)
class Stop:
    """One column of the course: the baseline, or a kept round.

    Attributes:
        name: What stands under it.
        train: Training error.
        validation: Validation error.
        undone: The validation errors of the rounds that started here and were undone, with their names.
    """

    name: str
    train: Measure | None
    validation: Measure | None
    undone: tuple[tuple[str, float], ...] = ()


def course(stops: Sequence[Stop], goal: float | None, height: float = 300) -> tuple[Markup, Markup, Markup]:
    """The course of the errors: the y axis, the plot, and the names of its lines, to be set side by side."""
    measures = [rate for stop in stops for rate in (stop.train, stop.validation)]
    tried = [error for stop in stops for _, error in stop.undone]
    scale = rate_scale([*measures, *tried, goal], height - 8, 12)
    width = 100 / len(stops)
    parts = _grid(scale)
    if goal is not None:
        parts.append(line(0, scale(goal), 100, scale(goal), "goal"))
    ends: list[tuple[float, str, str]] = [] if goal is None else [(scale(goal), "goal", "goal")]
    for kind, name, shift in (("train", "train", -0.045), ("validation", "validation", 0.045)):
        rates = [(index, getattr(stop, kind)) for index, stop in enumerate(stops)]
        known = [((index + 0.5 + shift) * width, rate) for index, rate in rates if rate is not None]
        for (x, rate), (x2, rate2) in pairwise(known):
            parts.append(line(x, scale(rate.value), x2, scale(rate2.value), f"curve {kind}"))
        for x, rate in known:
            if rate.low is not None and rate.high is not None:
                parts.append(line(x, scale(rate.low), x, scale(rate.high), f"interval {kind}"))
            parts.append(dot(x, scale(rate.value), f"dot {kind}", f"{name}: {digits(rate.value)} %"))
        if known:
            ends.append((scale(known[-1][1].value), name, kind))
    for index, stop in enumerate(stops):
        for place, (name, error) in enumerate(stop.undone, 1):
            x = (index + 0.6 + 0.38 * place / (len(stop.undone) + 1)) * width
            parts.append(dot(x, scale(error), "undone", f"{name}, undone: {digits(error)} %", radius=3))
    return _axis(scale, height), drawing(parts, height, "plot"), _names(ends, height)


def curves(
    series: Sequence[tuple[str, Sequence[float | None]]], top: float, height: float = 170, percent: bool = False
) -> tuple[Markup, Markup, Markup]:
    """Learning curves by epoch: the y axis, the plot, and the names of its lines.

    Args:
        series: Name (`train`, `validation`) and a value an epoch; None where there was none.
        top: The largest value on the scale, so that panels side by side compare.
        height: In pixels.
        percent: The values are rates.
    """
    scale = Scale(top, height - 8, 10)
    parts = _grid(scale)
    ends = []
    for name, values in series:
        step = 98 / max(len(values) - 1, 1)
        known = [(round(1 + i * step, 3), scale(value)) for i, value in enumerate(values) if value is not None]
        parts += [line(*a, *b, f"curve {name}") for a, b in pairwise(known)]
        if known:
            parts.append(dot(*known[-1], f"dot {name}", radius=3))
            ends.append((known[-1][1], name, name))
    epochs = max((len(values) for _, values in series), default=0)
    parts += [text(1, height + 10, "epoch 1", "start"), text(99, height + 10, f"{epochs}", "end")]
    return _axis(scale, height, percent), drawing(parts, height + 14, "plot"), _names(ends, height)


TRACE_POINTS = 160
"""Steps of a sequence that are drawn: more than a picture's width shows nothing new."""


def trace(channels: Sequence[Sequence[float]]) -> Markup:
    """A sequence as a small line plot, a line for each channel, each over its own range.

    Args:
        channels: `[C, L]`; what is NaN is left out.
    """
    lines = []
    length = max(max((i for channel in channels for i, value in enumerate(channel) if value == value), default=0), 1)
    for place, channel in enumerate(channels[:TRACES]):
        known = [(i, value) for i, value in enumerate(channel) if value == value]
        known = known[:: -(-len(known) // TRACE_POINTS) or 1]
        if not known:
            continue
        low, high = min(value for _, value in known), max(value for _, value in known)
        reach = (high - low) or 1.0
        points = " ".join(f"{2 + 96 * i / length:.4g},{4 + 52 * (high - value) / reach:.4g}" for i, value in known)
        lines.append(element("polyline", points=points, class_=f"trace trace-{place}"))
    return element(
        "svg",
        Markup("").join(lines),
        xmlns="http://www.w3.org/2000/svg",
        viewBox="0 0 100 60",
        preserveAspectRatio="none",
        class_="sequence",
        aria_hidden="true",
        focusable="false",
    )


TRACES = 4
"""Channels drawn of each sequence: of more none could be followed."""


def estimates(points: Sequence[tuple[float, float]], height: float = 340) -> tuple[Markup, Markup, Markup] | None:
    """Estimates against targets: the axis on the left, the plot, and the axis below; None without any.

    Args:
        points: Target and estimate.
        height: In pixels.
    """
    if not points:
        return None
    values = [value for point in points for value in point]
    low, high = min(values), max(values)
    room = 0.03 * ((high - low) or abs(high) or 1.0)
    low, high = low - room, high + room
    ticks = even_ticks(low, high)

    def across(value: float) -> float:
        return round((value - low) / (high - low) * 100, 2)

    def down(value: float) -> float:
        return round(height - (value - low) / (high - low) * height, 2)

    parts = [line(0, down(tick), 100, down(tick), "grid") for tick in ticks]
    parts += [line(across(tick), 0, across(tick), height, "grid") for tick in ticks]
    parts += [line(0, height, 100, 0, "exact")]
    parts += [
        dot(across(target), down(estimate), "estimate", f"{rounded(target, 6)}: {rounded(estimate, 6)}", radius=3)
        for target, estimate in points
    ]
    left = [text(100, down(tick) + 4, rounded(tick, 6), "end") for tick in ticks]
    below = [text(across(tick), 14, rounded(tick, 6)) for tick in ticks]
    return drawing(left, height, "plot"), drawing(parts, height, "plot"), drawing(below, 18, "plot")


def even_ticks(low: float, high: float) -> list[float]:
    """Four to nine round values between `low` and `high`, evenly apart by 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = max(step * power for step in STEPS if step * power <= (high - low) / 4)
    numbers = range(math.ceil(low / step), math.floor(high / step) + 1)
    # Of the smallest floats there are, low / step is 0, and 0 lies below low.
    return [float(f"{number * step:.12g}") for number in numbers if number or low <= 0]


def _grid(scale: Scale) -> list[Markup]:
    ticks = scale.ticks(26)
    return [line(0, scale(value), 100, scale(value), "axis" if value == 0 else "grid") for value in ticks]


def _axis(scale: Scale, height: float, percent: bool = True) -> Markup:
    factor = 100 if percent else 1
    parts = [text(100, scale(value) + 4, f"{value * factor:g}", "end") for value in scale.ticks(26)]
    return drawing(parts, height, "plot")


def _names(ends: list[tuple[float, str, str]], height: float) -> Markup:
    """The lines' names at their ends, moved apart where they would overlap."""
    parts, last = [], -math.inf
    ends = sorted(ends)
    overflow = 0.0
    for y, _, _ in ends:
        last = max(y, last + 15)
        overflow = max(0.0, last - (height - 4))
    last = -math.inf
    for y, name, kind in ends:
        last = max(y - overflow, last + 15)
        parts.append(text(0, last + 4, name, "start", f"name {kind}"))
    return drawing(parts, height, "plot")
