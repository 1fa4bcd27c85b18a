"""How far a regression's estimates are off, and where; from what the model said alone."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.rates import Average, measured
from .confusion import WORST

GROUPS = 5
"""Parts of equal size that targets are cut into: with 100 examples each still has 20."""

POINTS = 500
"""Estimates kept for a drawing: more would only blacken it."""


@dataclass(frozen=True)
class WorstEstimate:
    """An example that a regression is furthest from.

    Attributes:
        id: The example's id.
        target: What was to be estimated.
        estimate: What the model said.
        error: estimate − target.
    """

    id: str
    target: float
    estimate: float
    error: float


@dataclass(frozen=True)
class Group:
    """The examples whose targets lie in one range.

    Attributes:
        low: Its smallest target.
        high: Its largest.
        error: Their error.
        offset: Mean of estimate − target: above 0 where the model says too much.
    """

    low: float
    high: float
    error: Average
    offset: float


@dataclass(frozen=True)
class EstimateAnalysis:
    """How far a regression is off, and where; everything but the error's share in the target's unit.

    Attributes:
        name: Of the target.
        error: On all examples.
        absolute: Mean and 95 % interval of the absolute differences.
        r2: 1 − squared differences / squared distances of the targets from their own mean, on these examples; None
            where the targets do not vary.
        groups: By target, lowest first, of about equal size.
        worst: The examples with the largest error, largest first, at most `WORST`.
        points: Target and estimate of at most `POINTS` examples, evenly along the targets.
    """

    name: str
    error: Average
    absolute: Average
    r2: float | None
    groups: tuple[Group, ...]
    worst: tuple[WorstEstimate, ...]
    points: tuple[tuple[float, float], ...]

    def as_json(self, split: str = "validation") -> dict[str, Any]:
        """The fields of reports/errors.json, with `kind` to tell them from a classification's."""
        low, high = self.absolute.interval()
        return {
            "kind": "regression",
            "split": split,
            "target": {"name": self.name, "unit": self.error.unit},
            "error": self.error.as_json(),
            "mae": {"value": self.absolute.value, "low": low, "high": high, "n": self.absolute.n},
            "r2": self.r2,
            "groups": [
                {"low": group.low, "high": group.high, "offset": group.offset, "error": group.error.as_json()}
                for group in self.groups
            ],
            "worst": [asdict(example) for example in self.worst],
            "points": [list(point) for point in self.points],
        }


def analyse_estimates(
    estimates: np.ndarray, targets: np.ndarray, ids: Sequence[str], scale: float, name: str = "target", unit: str = ""
) -> EstimateAnalysis:
    """Measure and rank the errors of a regression.

    Args:
        estimates: float [N].
        targets: float [N].
        ids: N ids; ties are broken by them.
        scale: Standard deviation of the training split's targets.
        name: Of the target.
        unit: Of the target.
    """
    truth, said = targets.astype(np.float64), estimates.astype(np.float64)
    off = said - truth
    variance = float(((truth - truth.mean()) ** 2).sum())
    shown = [float(f"{value:.6g}") for value in np.abs(off)]
    order = sorted(range(len(off)), key=lambda i: (-shown[i], ids[i]))[:WORST]
    return EstimateAnalysis(
        name,
        _average(off**2 / scale**2, scale, unit),
        _average(np.abs(off), scale, unit),
        1 - float((off**2).sum()) / variance if variance else None,
        _groups(truth, off, scale, unit),
        tuple(WorstEstimate(ids[i], *map(_six, (truth[i], said[i], off[i]))) for i in order),
        _points(truth, said, ids),
    )


def _average(errors: np.ndarray, scale: float, unit: str) -> Average:
    found = measured(errors, scale, unit)
    assert isinstance(found, Average)
    return found


def _six(value: float) -> float:
    # A float32 carries no more digits, and reports must not differ in the last bit.
    return float(f"{value:.6g}")


def _groups(truth: np.ndarray, off: np.ndarray, scale: float, unit: str) -> tuple[Group, ...]:
    """Equal targets stay in one group, so there may be fewer than `GROUPS`."""
    edges = np.unique(np.quantile(truth, np.linspace(0, 1, GROUPS + 1)[1:-1]))
    place = np.searchsorted(edges, truth, side="left")
    return tuple(
        Group(
            _six(truth[place == k].min()),
            _six(truth[place == k].max()),
            _average(off[place == k] ** 2 / scale**2, scale, unit),
            _six(off[place == k].mean()),
        )
        for k in np.unique(place)
    )


def _points(truth: np.ndarray, said: np.ndarray, ids: Sequence[str]) -> tuple[tuple[float, float], ...]:
    order = sorted(range(len(truth)), key=lambda i: (truth[i], ids[i]))
    if len(order) > POINTS:
        order = [order[round(i)] for i in np.linspace(0, len(order) - 1, POINTS)]
    return tuple((_six(truth[i]), _six(said[i])) for i in order)
