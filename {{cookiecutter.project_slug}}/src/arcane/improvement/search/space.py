"""What is searched: one dimension a parameter, typed and checked against the params that it would change.

Values live on a unit scale for the methods: 0 to 1 along a range (or its logarithm), or along the list of choices.
"""

import difflib
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...config import Params, known_names, unknown_name
from ...errors import UserError
from ...spec import Spec

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Scalar = float | int | str | bool | None
SECTIONS = ("model.", "train.")
POINTS = 4
"""Of a grid along a range, where the space does not say."""
KEYS = ("low", "high", "log", "points")


@dataclass(frozen=True)
class Dimension:
    """One parameter's values: a range, or a list of choices.

    Attributes:
        name: Dotted, such as `train.learning_rate`.
        low: Least value of a range.
        high: Greatest value of a range.
        log: Whether the range is even on the logarithm.
        whole: Whether its values are whole numbers.
        choices: The values instead of a range; numbers in ascending order.
        points: Of a grid along the range.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Scalar, ...] = ()
    points: int = POINTS

    @property
    def ordered(self) -> bool:
        """Whether neighbours are alike: a range, or choices that are all numbers."""
        return not self.choices or all(type(each) in (int, float) for each in self.choices)

    def at(self, place: float) -> Scalar:
        """The value at `place`, 0 to 1, of the unit scale."""
        place = min(max(place, 0.0), 1.0)
        if self.choices:
            return self.choices[min(int(place * len(self.choices)), len(self.choices) - 1)]
        low, high = self._scaled(self.low), self._scaled(self.high)
        value = low + place * (high - low)
        value = min(max(math.exp(value) if self.log else value, self.low), self.high)
        return round(value) if self.whole else float(f"{value:.4g}")

    def place(self, value: Scalar) -> float:
        """Where `value` lies on the unit scale; a choice in the middle of its share of it."""
        if self.choices:
            return (self.choices.index(value) + 0.5) / len(self.choices)
        assert isinstance(value, int | float)
        low, high = self._scaled(self.low), self._scaled(self.high)
        return 0.5 if high == low else (self._scaled(value) - low) / (high - low)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.log else float(value)

    def grid(self) -> tuple[Scalar, ...]:
        """The values of a grid: every choice, or `points` of a range from end to end."""
        if self.choices:
            return self.choices
        places = [0.5] if self.points == 1 else [i / (self.points - 1) for i in range(self.points)]
        return tuple(dict.fromkeys(self.at(place) for place in places))

    def distribution(self) -> "BaseDistribution":
        """The same for Optuna."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choices:
            return CategoricalDistribution(self.choices)
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def as_json(self) -> dict[str, Any]:
        """As reports carry it: `choices`, or `low`, `high` and `log`."""
        if self.choices:
            return {"choices": list(self.choices)}
        return {"low": self.low, "high": self.high, "log": self.log}


Space = tuple[Dimension, ...]


def grid_size(space: Space) -> int:
    """How many points the whole grid has."""
    return math.prod(len(dimension.grid()) for dimension in space)


def grid_points(space: Space) -> Iterable[dict[str, Scalar]]:
    """Every point of the grid; the first dimension, the most sensitive, changes slowest."""
    names = [dimension.name for dimension in space]
    return (dict(zip(names, point, strict=True)) for point in itertools.product(*(d.grid() for d in space)))


def parse_space(tree: Mapping[str, Any], params: Params, where: str = "params.yaml: search.space") -> Space:
    """Read a space as a person writes it: `{train.learning_rate: {low: 1e-4, high: 1e-2, log: true}, ...}`.

    Args:
        tree: By dotted name: a list of choices, or `low`, `high` and, where wanted, `log` and `points` (of a grid).
        params: Which every value must fit.
        where: What a message calls the source.

    Raises:
        UserError: A name is unknown (the nearest is offered) or shapes no training, a range or a value does not fit.
    """
    return tuple(_dimension(name, given, params, f"{where}: ") for name, given in tree.items())


def _dimension(name: str, given: Any, params: Params, where: str) -> Dimension:
    searchable = [known for known in known_names() if known.startswith(SECTIONS)]
    if name not in searchable:
        if name in known_names():
            raise UserError(f"{where}`{name}` shapes no training; a search changes names under `model` and `train`")
        raise UserError(f"{where}{unknown_name(name, searchable)}")
    if isinstance(given, list | tuple):
        dimension = _of_choices(name, given, where)
        _refuse_unfit(name, dimension.choices, params, where)
        return dimension
    if isinstance(given, Mapping):
        dimension = _of_range(name, given, params, where)
        _refuse_unfit(name, (dimension.at(0.0), dimension.at(1.0)), params, where)
        return dimension
    raise UserError(f"{where}`{name}` is {given!r}; expected a list such as [1, 2], or {{low: 0.1, high: 1}}")


def _of_choices(name: str, given: Sequence[Any], where: str) -> Dimension:
    strange = [each for each in given if not isinstance(each, float | int | str | bool | None)]
    if not given or strange:
        found = f"holds {strange[0]!r}" if strange else "is empty"
        raise UserError(f"{where}`{name}` {found}; expected at least one number, text, true, false or null")
    choices = tuple(dict.fromkeys(given))
    if all(type(each) in (int, float) for each in choices):
        choices = tuple(sorted(choices))
    return Dimension(name, choices=choices)


def _of_range(name: str, given: Mapping[str, Any], params: Params, where: str) -> Dimension:
    for key in given:
        if key not in KEYS:
            near = difflib.get_close_matches(str(key), KEYS, n=1)
            raise UserError(f"{where}`{name}` has `{key}`; expected {', '.join(KEYS)}" + (f": {near[0]}?" * bool(near)))
    low, high, points = given.get("low"), given.get("high"), given.get("points", POINTS)
    log = given.get("log", False)
    numbers = all(type(each) in (int, float) for each in (low, high))
    if not numbers or low > high:  # pyrefly: ignore[unsupported-operation]
        raise UserError(f"{where}`{name}` is {dict(given)!r}; expected numbers, low ≤ high")
    if type(log) is not bool or (log and low <= 0):  # pyrefly: ignore[unsupported-operation]
        raise UserError(f"{where}`{name}`: log must be true or false, and true needs low > 0")
    if type(points) is not int or points < 1:
        raise UserError(f"{where}`{name}`: points is {points!r}; expected a whole number from 1")
    whole = type(params.value(name)) is int and type(low) is int and type(high) is int
    return Dimension(name, low, high, log, whole, points=points)  # pyrefly: ignore[bad-argument-type]


def _refuse_unfit(name: str, values: Iterable[Scalar], params: Params, where: str) -> None:
    for value in values:
        try:
            params.changed({name: value}, where.removesuffix(": "))
        except UserError as error:
            raise UserError(str(error)) from None


Builder = Callable[[Params, Spec], Dimension | None]


def _ranged(name: str, low: float, high: float, relative: bool = False) -> Builder:
    """A range on the logarithm, which reaches the current value; `relative` to it, or given outright."""

    def build(params: Params, spec: Spec) -> Dimension:
        now = params.value(name)
        least, most = (now * low, now * high) if relative else (min(low, now or low), max(high, now))
        return Dimension(name, float(f"{least:.3g}"), float(f"{most:.3g}"), log=True)

    return build


def _whole(name: str, low: int, high: int) -> Builder:
    return lambda params, spec: Dimension(name, min(low, params.value(name)), max(high, params.value(name)), whole=True)


def _chosen(name: str, *choices: Scalar, only: Callable[[Params, Spec], bool] = lambda params, spec: True) -> Builder:
    def build(params: Params, spec: Spec) -> Dimension | None:
        if not only(params, spec):
            return None
        return _of_choices(name, [*choices, params.value(name)], "")

    return build


def _sized(params: Params, spec: Spec) -> bool:
    return params.model.name != "linear"


def _has_sizes(build: Builder) -> Builder:
    """Only where the network has sizes, and no pre-trained weights that fix them."""
    return lambda params, spec: build(params, spec) if _sized(params, spec) and not params.model.pretrained else None


SENSITIVE: dict[str, Builder] = {
    "train.label_smoothing": _chosen("train.label_smoothing", 0.0, 0.1, only=lambda params, spec: not spec.regression),
    "train.learning_rate": _ranged("train.learning_rate", 1 / 10, 100, relative=True),
    "train.schedule": _chosen("train.schedule", "constant", "cosine", "one-cycle"),
    "model.width": _has_sizes(_ranged("model.width", 1 / 2, 4, relative=True)),
    "model.depth": _has_sizes(_whole("model.depth", 1, 3)),
    "model.normalization": _chosen("model.normalization", "none", "batch", only=_sized),
    "model.dropout": _chosen("model.dropout", 0.0, 0.25, 0.5, only=_sized),
    "train.weight_decay": _chosen("train.weight_decay", 0.0, 1e-4, 1e-3, 1e-2, 0.1),
    "train.optimizer": _chosen("train.optimizer", "adam", "adamw", "sgd"),
    "train.ema": _chosen("train.ema", None, 0.99, 0.999),
    "train.batch_size": _chosen("train.batch_size", 16, 32, 64, 128, 256),
    "model.activation": _chosen("model.activation", "relu", "gelu", "tanh", only=_sized),
}
"""What is worth tuning, most sensitive first: RECIPE 5.5's order as far as `params.yaml` has names for it."""


def default_space(params: Params, spec: Spec, most: int | None = None) -> Space:
    """The space around `params`, most sensitive dimension first; their own values lie in it.

    Args:
        params: What is tuned.
        spec: What an example is.
        most: Dimensions at most; all by default. A few trials cannot tell many dimensions apart.
    """
    known = known_names()
    built = [build(params, spec) for name, build in SENSITIVE.items() if name in known]
    return tuple([each for each in built if each is not None][:most])
