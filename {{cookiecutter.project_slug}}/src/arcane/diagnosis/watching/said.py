"""What a program said of itself: numbers that it took out of tensors or showed, and how it failed."""

from dataclasses import dataclass

from .places import Place


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
        spoilt: Whether a loss that failed had been given outputs that are not finite.
        quantities: Whether it had been given targets that are no whole numbers.
    """

    kind: str
    message: str
    place: Place | None
    function: str = ""
    shapes: tuple[tuple[int, ...], ...] = ()
    dtypes: tuple[str, ...] = ()
    rows: int = 0
    spoilt: bool = False
    quantities: bool = False
