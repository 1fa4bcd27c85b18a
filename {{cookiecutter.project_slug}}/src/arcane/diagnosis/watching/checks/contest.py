"""Two networks that train against each other, a maker of rows and a judge of made and given ones."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ....data.findings import Finding
from ..reaching import reach
from ..trace import Call, Node, Trace
from .check import PassiveCheck, found

FEWEST = 3
"""Steps of each side that are looked at, at least."""

AGREED = 0.5
"""Share of the rows for which maker and judge get the same number, at least; two shuffles of ten classes leave 0.1."""

OF_ONE_MIND = 0.5
"""Share of a push that rows have in common, and cosine of two pushes, from which on they go one way."""


@dataclass(frozen=True)
class Judged:
    """What one model gets: rows that another model made, with their making and its calls, and rows that are given."""

    model: int
    made: list[tuple[Call, Node, list[Call]]]
    given: list[Call]


def judged(trace: Trace) -> Iterator[Judged]:
    """Models that get both."""
    for model in trace.models:
        found_ones = Judged(model, [], [])
        for call in (c for c in trace.learned if c.model == model and not c.input_gradient):
            if call.source is None:
                continue
            makers = [trace.calls[n] for n in sorted(call.source.calls) if trace.calls[n].model != model]
            if makers:
                found_ones.made.append((call, call.source, makers))
            elif not call.source.layers and not call.source.calls - {call.number}:
                found_ones.given.append(call)
        if min(len(found_ones.made), len(found_ones.given)) >= FEWEST:
            yield found_ones


def look_at_range(trace: Trace) -> Iterator[Finding]:
    """Rows that a maker's last activation cannot make."""
    for both in judged(trace):
        given, (first, source, _) = both.given, both.made[0]
        (low, high), by = reach(source)
        least, most = min(c.low for c in given), max(c.high for c in given)
        beyond = max(low - least, most - high)
        if first.shape[1:] == given[0].shape[1:] and beyond > trace.limit("maker_beyond") * max(most - least, 1e-9):
            yield found(
                "output-range-cannot-reach-targets", "error",
                f"What {trace.models[both.model].name} judges is made by a {by.name}, which reaches {low:g} to "
                f"{high:g}; the given rows run from {least:.3g} to {most:.3g}: they are told apart by that alone.",
                "Scale the given rows into the range of the maker's last activation, or change that.",
                by.place, f"given rows within {low:g} to {high:g}", lowest=least, highest=most,
            )  # fmt: skip
            return


def look_at_sides(trace: Trace) -> Iterator[Finding]:
    """A maker that is taught the same as its judge."""
    for judge in {turn.judge for turn in trace.turns}:
        own = trace.models[judge].parameters.keys() if judge in trace.models else set()
        held = {number: bool(own & optimiser.held) for number, optimiser in trace.optimisers.items()}
        steps = [e for e in trace.events if e.kind == "step" and e.subject in held]
        pushes: dict[tuple[bool, bool], list[np.ndarray]] = {}
        for turn in (t for t in trace.turns if t.judge == judge):
            step = next((e for e in steps if e.time > turn.time), None)
            if step is not None:
                pushes.setdefault((turn.made, held[step.subject]), []).append(turn.push)
        made, given, maker = (_common(pushes.get(key, [])) for key in ((True, True), (False, True), (True, False)))
        if made is None or given is None or maker is None or not made.shape == given.shape == maker.shape:
            continue
        if _cosine(made, given) < -OF_ONE_MIND and _cosine(made, maker) > OF_ONE_MIND:
            yield found(
                "loss-sign-flipped", "error",
                f"{trace.models[judge].name} learns to answer one way about made rows and the other way about given "
                "ones, and the maker of these rows is pushed the same way as its judge: nothing teaches it to make "
                "rows like the given ones.",
                "Give the maker the loss of made rows that are taken for given ones (the label of given rows, or the "
                "opposite sign).",
                next((c.place for c in trace.learned if c.model == judge), None), "opposite ways",
                cosine=_cosine(made, maker),
            )  # fmt: skip
            return


def look_at_orders(trace: Trace) -> Iterator[Finding]:
    """A maker that is asked for other kinds than its judge is told that it made."""
    for both in judged(trace):
        pairs = [(makers[-1].codes, call.codes) for call, _, makers in both.made]
        pairs = [(asked, told) for asked, told in pairs if len(asked) == len(told) > 0]
        if len(pairs) < FEWEST:
            continue
        asked, told = (np.concatenate(side) for side in zip(*pairs, strict=True))
        if np.array_equal(np.unique(asked), np.unique(told)) and (asked == told).mean() < AGREED:
            yield found(
                "labels-out-of-order", "error",
                f"Of {len(told)} rows that a model made and {trace.models[both.model].name} judges, "
                f"{100 * (asked != told).mean():.0f} % were asked for by another number than the judge is told.",
                "Give the judge the numbers that the rows were made for.", both.made[0][0].place, "the same numbers",
                agreed=float((asked == told).mean()), rows=len(told),
            )  # fmt: skip
            return


def _common(pushes: list[np.ndarray]) -> np.ndarray | None:
    """What the pushes of several steps have in common, where rows and steps mostly go one way."""
    if len(pushes) < FEWEST or len({p.shape for p in pushes}) > 1:
        return None
    mean = np.mean(pushes, axis=0)
    return mean if np.linalg.norm(mean) > OF_ONE_MIND else None


def _cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


CONTEST = (
    PassiveCheck(
        ("output-range-cannot-reach-targets",),
        "A judge that tells made rows by their range alone teaches the maker nothing else.",
        "Given rows beyond the range of what makes the others by a quarter of their own; noise on them stays below.",
        look_at_range,
    ),
    PassiveCheck(
        ("loss-sign-flipped",),
        "A maker that helps its judge makes rows that are ever easier to tell.",
        "No threshold but that half of the push on the judge's answers is common to rows and steps: the judge's own "
        "pushes on made and given rows go opposite ways, and the maker's goes with the judge's.",
        look_at_sides,
    ),
    PassiveCheck(
        ("labels-out-of-order",),
        "A maker that is judged by other numbers than it was given learns to ignore them.",
        "Of the same set of numbers, fewer than half are the same for the maker and for its judge.",
        look_at_orders,
    ),
)
