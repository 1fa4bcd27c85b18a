"""What a program did with numbers outside of torch, as plain data: casts and sums of arrays, and metrics of arrays."""

from dataclasses import dataclass, field

import numpy as np

from .places import Place


@dataclass(frozen=True)
class Conversion:
    """An array that was made of another one, and holds less.

    Attributes:
        kind: `cast`, `stored` (into an array of whole numbers), `divided` (without a rest), or the sum or product that
            wrapped around (`add`, `sub`, `mul`, `pow`, `lshift`).
        dtype: Of the result.
        overflow: Share of the values that wrapped around.
        lost: Deviation of what got lost over that of the values; the median over the columns of a table, if larger.
        shape: Of the array.
        times: How often that place of the program was passed.
        step: Optimiser steps before it.
        time: Order among all events.
        place: The person's line.
        drawn: Whether it was made of random numbers in the same expression.
    """

    kind: str
    dtype: str
    overflow: float
    lost: float
    shape: tuple[int, ...]
    times: int
    step: int
    time: int
    place: Place | None
    drawn: bool = False


@dataclass(frozen=True)
class Crossing:
    """A column of n numbers that met a row of n others: n times n results.

    Attributes:
        kind: `eq`, `ne`, `sub` or `mul`.
        n: Numbers in each.
        step: Optimiser steps before it.
        place: The person's line.
    """

    kind: str
    n: int
    step: int
    place: Place | None


MET = ("eq", "sub")
"""Arithmetic of numpy by which a metric by hand sets answers against targets, in either order."""


@dataclass(frozen=True)
class Judged:
    """A metric of scikit-learn's that was called on targets and predictions, or numpy's arithmetic on the two.

    Attributes:
        kind: The function's name, or one of `MET`.
        first: What was given as targets, one number a row; empty where it is no such thing.
        second: What was given as predictions.
        step: Optimiser steps before it.
        time: Order among all events.
        place: The person's line.
    """

    kind: str
    first: np.ndarray
    second: np.ndarray
    step: int
    time: int
    place: Place | None


@dataclass
class Outside:
    """Everything that was seen outside of torch."""

    conversions: list[Conversion] = field(default_factory=list)
    crossings: list[Crossing] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    said: list[tuple[int, int, dict[str, np.ndarray]]] = field(default_factory=list)
    """Time, steps before it, and what a model answered in evaluation as it left torch, and what it means: its values
    where there is one a row, their rounding, their sign, or the largest column."""
