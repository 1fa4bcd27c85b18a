"""What a program did, as plain data: operations, calls of models, steps and numbers. The checks read only this."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .places import Place


@dataclass(eq=False, slots=True)
class Node:
    """A tensor that was made, and how.

    Attributes:
        name: The function that made it, without underscores (`sub`, `cross_entropy`); `parameter` for a leaf that
            wants a gradient, `data` for any other leaf.
        inputs: The tensors that it was made from, in order.
        shape: Of the result.
        dtype: Of the result, as `float32`.
        wants_gradient: Whether a gradient goes through it.
        place: The person's line.
        options: Arguments that are no tensors, by name where the name is known, else by position (`1`).
        facts: Measurements of values, by name; `input.` and `target.` before those of a loss's arguments.
        calls: Numbers of the model calls that it comes from.
        module: Class of the innermost module that made it, empty outside of modules.
        key: Identity of a parameter.
        layers: Layers with parameters on the longest way to it.
    """

    name: str
    inputs: tuple["Node", ...]
    shape: tuple[int, ...]
    dtype: str
    wants_gradient: bool
    place: Place | None = None
    options: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    calls: frozenset[int] = frozenset()
    module: str = ""
    key: int = 0
    layers: int = 0

    def option(self, name: str, position: int, default: Any = None) -> Any:
        """An argument that is no tensor, by its name or its position."""
        return self.options.get(name, self.options.get(str(position), default))


@dataclass(frozen=True)
class Modes:
    """How many of a model's modules whose mode matters are in which mode.

    Attributes:
        dropout_on: Dropouts with a rate above 0 in train mode.
        dropout_off: The same in eval mode.
        norm_on: Batch norms in train mode.
        norm_off: The same in eval mode.
        norm_frozen: Batch norms none of whose parameters want a gradient.
    """

    dropout_on: int = 0
    dropout_off: int = 0
    norm_on: int = 0
    norm_off: int = 0
    norm_frozen: int = 0


@dataclass
class Call:
    """A model was called on data.

    Attributes:
        number: Order among the calls.
        step: Optimiser steps before it.
        model: Which model.
        place: The person's line.
        callers: The person's lines above it, innermost first, of calls without gradients.
        training: Its own mode.
        modes: Its modules' modes.
        gradient: Whether gradients were recorded.
        rows: Length of the first dimension.
        keys: A number for each row, equal where rows are equal bit for bit; empty where rows were not looked at.
        labels: What the loss compared with, one a row; empty where that was not seen.
        learned: Whether a backward pass went through it.
        scored: Whether its output met a loss, an argmax or a comparison.
        input_gradient: Whether the inputs want a gradient (adversarial examples, saliency).
        watched: Whether the operations behind it were recorded.
        carried: Whether a recurrent layer starts from a state that an earlier call left.
        mean: Of all values of the inputs.
        std: Likewise.
        low: Likewise.
        high: Likewise.
    """

    number: int
    step: int
    model: int
    place: Place | None
    training: bool
    modes: Modes
    gradient: bool
    rows: int
    keys: np.ndarray
    labels: np.ndarray = field(default_factory=lambda: np.empty(0))
    learned: bool = False
    scored: bool = False
    input_gradient: bool = False
    watched: bool = False
    carried: bool = False
    mean: float = 0.0
    std: float = 0.0
    low: float = 0.0
    high: float = 0.0
    time: int = 0
    callers: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Event:
    """Something that happened, in order.

    Attributes:
        kind: `zero`, `backward`, `clip`, `step`, `schedule`, `train`, `eval`.
        time: Order among all events.
        step: Optimiser steps before it.
        place: The person's line.
        subject: Which optimiser, schedule or model.
        loss: Of a backward pass, NaN for others.
        calls: Model calls that a backward pass went through.
    """

    kind: str
    time: int
    step: int
    place: Place | None
    subject: int = 0
    loss: float = float("nan")
    calls: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Backward:
    """A backward pass whose operations were recorded."""

    time: int
    step: int
    root: Node
    place: Place | None
    loss: float


@dataclass
class Model:
    """A module that was called from outside of any other.

    Attributes:
        name: Of its class.
        parameters: By identity: name, shape, whether it wants a gradient.
        loaded: Whether a state was loaded into it before its first training step, and from where.
        embeds: Whether its inputs are codes.
    """

    name: str
    parameters: dict[int, tuple[str, tuple[int, ...], bool]]
    loaded: str = ""
    library: str = ""
    embeds: bool = False
    inner: set[int] = field(default_factory=set)


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
        constant: Whether all its values were equal at the first step that was looked at.
        rows_equal: Whether all its rows were still equal at the last.
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
    constant: bool = False
    rows_equal: bool = False


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
    """

    name: str
    place: Place | None
    steps: int = 0
    planned: int = 0
    subject: int = 0
    first: int = -1
    every: int = 0
    taken: list[int] = field(default_factory=list)


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


@dataclass(frozen=True)
class Score:
    """A number that the program took out of a tensor (`.item()`): a part of a metric.

    Attributes:
        kind: `correct` (a count), `accuracy` (a share), `loss` (a mean) or `loss-sum`.
        value: The number.
        rows: Rows that it counts.
        step: Optimiser steps before it.
        time: Order among all events.
        call: The model call that it scores.
        place: The person's line.
    """

    kind: str
    value: float
    rows: int
    step: int
    time: int
    call: int
    place: Place | None


@dataclass(frozen=True)
class Report:
    """A number that the program showed or kept.

    Attributes:
        name: The variable, or the words before it.
        value: The number.
        digits: After the decimal point where it was printed, None where it was read exactly.
        step: Optimiser steps before it.
        time: Order among all events.
        place: The person's line.
    """

    name: str
    value: float
    digits: int | None
    step: int
    time: int
    place: Place | None


@dataclass(frozen=True)
class Crash:
    """The program's own failure.

    Attributes:
        kind: Class of the exception.
        message: Its text.
        place: The person's innermost line.
        function: The torch function that failed, empty where it was none.
    """

    kind: str
    message: str
    place: Place | None
    function: str = ""
    shapes: tuple[tuple[int, ...], ...] = ()
    dtypes: tuple[str, ...] = ()
    rows: int = 0


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


@dataclass
class Trace:
    """Everything that was seen of a program."""

    calls: list[Call] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    backwards: list[Backward] = field(default_factory=list)
    evaluations: list[Node] = field(default_factory=list)
    compared: list[Node] = field(default_factory=list)
    models: dict[int, Model] = field(default_factory=dict)
    optimisers: dict[int, Optimiser] = field(default_factory=dict)
    schedules: dict[int, Schedule] = field(default_factory=dict)
    populations: dict[str, Population] = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    units: dict[tuple[int, str, int], Units] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    crash: Crash | None = None
    steps: int = 0
    ended: bool = False
    random_in_evaluation: list[Node] = field(default_factory=list)
    dropout_in_evaluation: list[Node] = field(default_factory=list)
    casts: list[Node] = field(default_factory=list)
    time_first: list[Node] = field(default_factory=list)

    @property
    def learned(self) -> list[Call]:
        """Calls of training."""
        return [call for call in self.calls if call.learned]

    @property
    def evaluated(self) -> list[Call]:
        """Calls of evaluation: scored, and never learned from."""
        return [call for call in self.calls if call.scored and not call.learned]

    @property
    def losses(self) -> list[float]:
        """Of every backward pass, in order."""
        return [event.loss for event in self.events if event.kind == "backward"]
