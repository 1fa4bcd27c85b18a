"""What a program did, as plain data: operations, calls of models, steps and numbers. The checks read only this."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from ..limits import Settings
from .conversions import Outside
from .fitting import Preparations
from .nodes import Node
from .places import Place
from .said import Crash, Report, Score
from .trained import Optimiser, Pick, Population, Schedule, Turn, Units, Weights

__all__ = [
    "Backward", "Call", "Crash", "Event", "Model", "Modes", "Node", "Optimiser", "Pick", "Population", "Report",
    "Schedule", "Score", "Trace", "Turn", "Units", "Weights",
]  # fmt: skip


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
        beside: What came out of the loader beside the rows, one a row, of calls without gradients.
        classes: Labels of a task of classes beside another task's numbers, or of the first of several marks; else
            empty.
        marks: Of targets that are several numbers a row, a key for each row.
        leaning: The class that targets lean to which are a share of each class, one a row (a teacher's answers).
        codes: What the model got beside its rows, one whole number a row, of training.
        learned: Whether a backward pass went through it.
        scored: Whether its output met a loss, an argmax or a comparison.
        shown: Whether its output, or what was made of it, left torch for Python or numpy.
        input_gradient: Whether the inputs want a gradient (adversarial examples, saliency).
        watched: Whether the operations behind it were recorded.
        source: How its inputs were made, of calls whose operations are recorded.
        bags: Whether its inputs are codes of several rows on end, as an `EmbeddingBag` takes them.
        sliding: Whether its rows are windows of a series in the order of time.
        carried: Whether a recurrent layer starts from a state that an earlier call left.
        imagined: Whether its inputs are no data: drawn at random, or made by an earlier call.
        others: Mean weight of other rows of the loader's batch in its rows, of training.
        mean: Of all values of the inputs.
        std: Likewise.
        low: Likewise.
        high: Likewise.
        shape: Of the inputs.
        not_finite: Share of NaN and infinity among their values.
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
    beside: np.ndarray = field(default_factory=lambda: np.empty(0))
    classes: np.ndarray = field(default_factory=lambda: np.empty(0))
    marks: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    leaning: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    codes: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    learned: bool = False
    scored: bool = False
    shown: bool = False
    input_gradient: bool = False
    watched: bool = False
    bags: bool = False
    sliding: bool = False
    carried: bool = False
    imagined: bool = False
    others: float = 0.0
    mean: float = 0.0
    std: float = 0.0
    low: float = 0.0
    high: float = 0.0
    source: Node | None = None
    time: int = 0
    callers: tuple[Place, ...] = ()
    shape: tuple[int, ...] = ()
    not_finite: float = 0.0

    @property
    def named(self) -> np.ndarray:
        """The labels of its task of classes, where it has one, else what the loss compared with."""
        return self.classes if len(self.classes) else self.labels

    def population(self, phase: str) -> str:
        """Which rows its rows are summed up with: those of training, or of one evaluation in the program.

        A function that evaluates is called for validation and for the test, whose rows may be prepared in two ways.
        """
        where = "" if phase == "train" else f":{self.place}:{self.callers}"
        return f"{phase}:{self.model}{where}"


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
        callers: Of a backward pass, the person's lines above it, innermost first.
    """

    kind: str
    time: int
    step: int
    place: Place | None
    subject: int = 0
    loss: float = float("nan")
    calls: frozenset[int] = frozenset()
    callers: tuple[Place, ...] = ()


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
        origin: The model of this program whose weights were loaded into it, 0 where there is none.
        copy_of: The model of the same form that learnt last before this one was called.
        embeds: Whether its inputs are codes.
        continuous: Whether a feature of its inputs has another value in nearly every row, so that no two rows are equal
            by chance.
        tables: Parameters that are looked up by codes, by identity: their columns are no fan in.
    """

    name: str
    parameters: dict[int, tuple[str, tuple[int, ...], bool]]
    loaded: str = ""
    library: str = ""
    origin: int = 0
    copy_of: int = 0
    embeds: bool = False
    continuous: bool = False
    inner: set[int] = field(default_factory=set)
    tables: set[int] = field(default_factory=set)

    @cached_property
    def form(self) -> tuple:
        """The names and shapes of its parameters."""
        return tuple((name, shape) for name, shape, _ in self.parameters.values())


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
    whole: dict[str, Population] = field(default_factory=dict)
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
    left: list[Node] = field(default_factory=list)
    """Tensors that left torch (`.tolist()`) within a model that is learnt from, and losses that did."""
    confusions: dict[tuple[int, int], Counter[tuple[int, int]]] = field(default_factory=dict)
    """By step and call of evaluation, which class was said for which."""
    modular: bool = False
    settings: Settings = field(default_factory=Settings)
    pushes: list[tuple[Place | None, float]] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    picks: list[Pick] = field(default_factory=list)
    prepared: Preparations = field(default_factory=Preparations)
    read_losses: dict[int, list] = field(default_factory=dict)
    """Loss terms by the identity of what a backward pass began at, once they were read."""
    outside: Outside = field(default_factory=Outside)

    def limit(self, name: str) -> float:
        """A threshold, by its name in `LIMITS`."""
        return self.settings.limit(name)

    @property
    def learned(self) -> list[Call]:
        """Calls of training."""
        return [call for call in self.calls if call.learned]

    @property
    def evaluated(self) -> list[Call]:
        """Calls of evaluation: scored, and never learned from."""
        return [call for call in self.calls if call.scored and not call.learned]

    @property
    def asked(self) -> list[Call]:
        """Calls of evaluation, and those whose outputs left torch (a metric of numpy's) in a program of one optimiser:
        of a GAN, or of actor and critic, such an output need be no evaluation. Nor is a pool of rows to learn from.
        """
        alone = not self.taking_turns
        calls = [c for c in self.calls if not c.learned and (c.scored or (alone and c.shown and not c.gradient))]
        return [c for c in calls if (c.place, c.callers) not in self.pools]

    @cached_property
    def pools(self) -> set[tuple]:
        """Lines that ask about rows to choose them, or to label them, once the program is over."""
        from .explaining import pools

        return pools(self)

    @cached_property
    def pooled(self) -> set[str]:
        """Names of the populations of rows in pools."""
        return {c.population("shown") for c in self.calls if (c.place, c.callers) in self.pools}

    @property
    def taking_turns(self) -> bool:
        """Whether several optimisers step in turns (a GAN); one after the other, as for folds, is not that."""
        steps = [event.subject for event in self.events if event.kind == "step"]
        return sum(a != b for a, b in pairwise(steps)) > len(set(steps)) - 1

    @property
    def losses(self) -> list[float]:
        """Of every backward pass, in order."""
        return [event.loss for event in self.events if event.kind == "backward"]
