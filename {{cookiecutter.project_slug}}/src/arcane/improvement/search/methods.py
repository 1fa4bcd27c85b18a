"""The methods that need no model of the results: by hand, grid, random, and coarse-to-fine.

Each proposes trial `number` from the space, the seed and the trials told before it, and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .space import Scalar, Space, grid_points

Values = Mapping[str, Scalar]
AT_ONCE = 16
"""Trials in flight of a method that need not see results. Fixed: what is proposed must not depend on the slots."""
ROUND = 8
"""Trials of a round of coarse-to-fine: enough to see a direction among a handful of dimensions."""
SHRINK = 0.5
EDGE = 0.15
"""Of a box's side: a best point so near to its edge asks for a move, not for a closer look."""


@dataclass(frozen=True)
class Tried:
    """A trial of a study that has ended.

    Attributes:
        number: From 0, in the order of proposals.
        values: By parameter.
        state: `complete`, `pruned` (its last rung was not the highest), or `diverged`.
        error: Validation error at the last rung; infinite where training diverged.
        rungs: (examples seen up to it, validation error) a rung.
    """

    number: int
    values: Values
    state: str
    error: float
    rungs: tuple[tuple[int, float], ...] = ()

    @property
    def seen(self) -> int:
        """Training work, over all rungs."""
        return self.rungs[-1][0] if self.rungs else 0


class Method(Protocol):
    """Proposes trials."""

    @property
    def name(self) -> str:
        """As `search METHOD` takes it."""
        ...

    def needs(self, number: int) -> int:
        """How many trials must be told before trial `number` can be proposed."""
        ...

    def propose(self, number: int, told: Sequence[Tried], running: Mapping[int, Values]) -> Values | None:
        """The values of trial `number`; None where nothing is left to propose.

        Args:
            number: From 0.
            told: The trials before it that have ended, in order; exactly so many as the study lets it know.
            running: Those that have not, by number.
        """
        ...


@dataclass(frozen=True)
class Listed:
    """Goes through a list from its beginning: a person's own, or a grid."""

    name: str
    points: tuple[Values, ...]

    def needs(self, number: int) -> int:
        return max(0, number - AT_ONCE + 1)

    def propose(self, number: int, told: Sequence[Tried], running: Mapping[int, Values]) -> Values | None:
        return self.points[number] if number < len(self.points) else None


def grid(space: Space) -> Listed:
    """Every point of the grid, once."""
    return Listed("grid", tuple(grid_points(space)))


@dataclass(frozen=True)
class Random:
    """Independent draws, even on each dimension's scale (Bergstra and Bengio 2012: better than a grid where few
    dimensions matter)."""

    space: Space
    seed: int
    name: str = "random"

    def needs(self, number: int) -> int:
        return max(0, number - AT_ONCE + 1)

    def propose(self, number: int, told: Sequence[Tried], running: Mapping[int, Values]) -> Values:
        draws = np.random.default_rng([self.seed, number]).random(len(self.space))
        return {each.name: each.at(float(draw)) for each, draw in zip(self.space, draws, strict=True)}


@dataclass(frozen=True)
class Box:
    """The part of the space that a round looks at: a stretch of each dimension's unit scale."""

    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class CoarseToFine:
    """Rounds of a few trials: look at the whole space, watch where it goes well, zoom in or move there, look again.

    A round is a Latin hypercube over its box (each dimension's stretch is covered evenly). The next box is centred on
    the best trial so far and half as wide along each dimension, but as wide as before where the best lies at the edge
    of the box: the better values may lie beyond. Choices without an order are drawn from those of the better half of
    all trials. Every round tries one point for good measure from the whole space, for what the zoom left behind.
    """

    space: Space
    seed: int
    name: str = "coarse-to-fine"

    def needs(self, number: int) -> int:
        return number // ROUND * ROUND

    def propose(self, number: int, told: Sequence[Tried], running: Mapping[int, Values]) -> Values:
        place, member = divmod(number, ROUND)
        rng = np.random.default_rng([self.seed, place])
        draws = np.stack([(rng.permutation(ROUND) + rng.random(ROUND)) / ROUND for _ in self.space], axis=1)[member]
        if place == 0 or member == ROUND - 1:
            return {each.name: each.at(float(draw)) for each, draw in zip(self.space, draws, strict=True)}
        box = self.box(told[: place * ROUND])
        better = _better_half(told)
        values: dict[str, Any] = {}
        for i, (dimension, draw) in enumerate(zip(self.space, draws, strict=True)):
            if dimension.ordered:
                values[dimension.name] = dimension.at(float(box.low[i] + draw * (box.high[i] - box.low[i])))
            else:
                met = [one.values[dimension.name] for one in better]  # as often as it did well
                values[dimension.name] = met[min(int(draw * len(met)), len(met) - 1)]
        return values

    def box(self, told: Sequence[Tried]) -> Box:
        """Where the round after `told` (whole rounds) looks."""
        box = Box(np.zeros(len(self.space)), np.ones(len(self.space)))
        for end in range(ROUND, len(told) + 1, ROUND):
            box = next_box(box, self.places(min(told[:end], key=_rank)))
        return box

    def places(self, tried: Tried) -> np.ndarray:
        return np.array([dimension.place(tried.values[dimension.name]) for dimension in self.space])


def next_box(box: Box, best: np.ndarray) -> Box:
    """Half the box about the best point, or the whole moved there where that lies at its edge; inside 0 to 1."""
    side = box.high - box.low
    inside = (best - box.low) / side
    # At the edge of the space itself there is nothing beyond.
    at_edge = ((inside < EDGE) & (box.low > 0)) | ((inside > 1 - EDGE) & (box.high < 1))
    side = np.where(at_edge, side, side * SHRINK)
    low = np.clip(best - side / 2, 0, 1 - side)
    return Box(low, low + side)


def _rank(tried: Tried) -> tuple[bool, float, int]:
    """Complete trials before pruned ones: an error measured lower on the ladder is no error of the same thing."""
    return (tried.state != "complete", tried.error, tried.number)


def _better_half(told: Sequence[Tried]) -> list[Tried]:
    ranked = sorted(told, key=_rank)
    return ranked[: max(1, -(-len(ranked) // 2))]


def best_of(told: Sequence[Tried]) -> Tried | None:
    """The complete trial with the least error, the earlier of equal ones; None where none was completed."""
    complete = [each for each in told if each.state == "complete"]
    return min(complete, key=_rank) if complete else None
