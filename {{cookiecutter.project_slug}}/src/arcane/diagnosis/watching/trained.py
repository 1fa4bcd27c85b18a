"""What was seen of that which training moves: optimisers, their parameters and schedules, units, rows that came in."""

from dataclasses import dataclass, field

import numpy as np

from .places import Place


@dataclass
class Weights:
    """What was seen of one parameter of an optimiser.

    Attributes:
        name: In its model, empty where it belongs to none.
        shape: Of the parameter.
        seen: Steps at which it was looked at.
        absent: Of these, steps without a gradient.
        zero: Of these, steps with a gradient of zeros.
        not_finite: Of these, steps with NaN or infinity in the gradient.
        norms: Gradient norms.
        ratios: Norm of the step over norm of the weights.
        scale: Of a matrix at its first step: standard deviation x sqrt(fan in).
        offset: Of the same: size of the mean x fan in, where no draw around nought gives that: by so much a
            unit multiplies the mean of its inputs.
        constant: Whether all its values were equal at the first step that was looked at.
        rows_equal: Whether all its rows were still equal at the last.
        level: The value of all, where it is constant.
    """

    name: str
    shape: tuple[int, ...]
    seen: int = 0
    absent: int = 0
    zero: int = 0
    not_finite: int = 0
    norms: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    size: list[float] = field(default_factory=list)
    scale: float | None = None
    offset: float = 0.0
    constant: bool = False
    rows_equal: bool = False
    level: float = 0.0


@dataclass
class Optimiser:
    """An optimiser: its parameters and rates.

    Attributes:
        name: Of its class.
        place: Where it was first stepped.
        rates: Learning rate of the first group at each step.
        held: Identities of its parameters.
        weights: What was seen of them.
        steps: How many were taken.
        unzeroed: Steps before which nothing had set its gradients to zero since the step before.
        zeroed: Steps before which something had.
        maximise: Whether it goes uphill.
        plain: Whether it takes one gradient a step (LBFGS calls a closure several times).
        momentum: Whether it has any.
        initial: The rate that schedules multiply, 0 where there is none.
        last: Optimiser steps, of all, before its last one.
    """

    name: str
    place: Place | None
    made: Place | None = None
    rates: list[float] = field(default_factory=list)
    held: frozenset[int] = frozenset()
    weights: dict[int, Weights] = field(default_factory=dict)
    steps: int = 0
    unzeroed: int = 0
    zeroed: int = 0
    maximise: bool = False
    plain: bool = True
    momentum: bool = False
    initial: float = 0.0
    last: int = -1


@dataclass
class Schedule:
    """A learning-rate schedule.

    Attributes:
        name: Of its class.
        place: Where it was first stepped, or made.
        steps: How often it was stepped.
        planned: The steps that it was made for, 0 where it has no end.
        subject: The optimiser.
        first: Optimiser steps before its first step.
        every: Its own `step_size`, 0 where it has none.
        taken: Optimiser steps before each of its steps.
        mode: `min` or `max` of one that follows a metric.
    """

    name: str
    place: Place | None
    steps: int = 0
    planned: int = 0
    subject: int = 0
    first: int = -1
    every: int = 0
    taken: list[int] = field(default_factory=list)
    mode: str = ""


@dataclass
class Units:
    """Units behind a non-linearity, over the steps that were looked at.

    Attributes:
        name: Of the non-linearity.
        place: The person's line.
        rows: Values of each unit that were seen.
        idle: Share of the units that gave 0 (or lay at a bound) all along, by step looked at.
    """

    name: str
    place: Place | None
    rows: int
    width: int
    idle: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Turn:
    """Which way a backward pass pushes what a model answers about rows.

    Attributes:
        judge: The model.
        made: Whether another model made the rows.
        push: The mean push on each of its outputs [K], in the mean length of a row's push.
        time: Order among all events.
    """

    judge: int
    made: bool
    push: np.ndarray
    time: int


@dataclass(frozen=True)
class Pick:
    """Some of a whole batch's outputs were chosen by an index.

    Attributes:
        node: Identity of the result's node.
        call: The model's call.
        rows: Of the batch.
        chosen: Their numbers.
        place: The person's line.
    """

    node: int
    call: int
    rows: int
    chosen: frozenset[int]
    place: Place | None


@dataclass
class Population:
    """Distinct rows that reached a model, in one phase: sums by feature, in double precision.

    Attributes:
        rows: How many.
        sums: By feature [F].
        squares: By feature [F].
        lows: By feature [F].
        highs: By feature [F].
    """

    rows: int
    sums: np.ndarray
    squares: np.ndarray
    lows: np.ndarray
    highs: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.sums / self.rows

    @property
    def std(self) -> np.ndarray:
        return np.sqrt(np.maximum(self.squares / self.rows - self.mean**2, 0))

    def __add__(self, other: "Population") -> "Population":
        return Population(
            self.rows + other.rows, self.sums + other.sums, self.squares + other.squares,
            np.minimum(self.lows, other.lows), np.maximum(self.highs, other.highs),
        )  # fmt: skip
