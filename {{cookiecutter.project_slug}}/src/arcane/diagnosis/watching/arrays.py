"""Looks at a program's arithmetic on numpy arrays, where `rewriting` put observers; every value is handed on as it is.

The observers are functions among the builtins. Once the watch is over they only hand on.
"""

import builtins
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .conversions import MET, Conversion, Crossing, Judged
from .places import here
from .rewriting import CAST, CHANGED, JUDGED, KEPT, SEEN, STORED

LOOKS, LARGEST, MOST = 24, 1 << 16, 400
"""Looks at one place of the program, values of an array that are looked at (its first rows), and findings kept."""

SAID = 2000
"""Answers of models that are kept."""

FEWEST = 20
"""Rows from which on it is looked at what answers are compared with."""

SCALARS = 64
"""Single numbers, stored one by one, that are kept of one place."""

array = np.ndarray
SIMPLE = frozenset({array, int, float, list, *(np.dtype(kind).type for kind in "bBhHiIlLfdefd")})
TABLES = frozenset({"pandas", "pandas.core.frame", "pandas.core.series"})


def seen(result: Any, name: str, site: int, left: Any, right: Any) -> Any:
    """The result of an operation, and its operands; `...` where they were kept on their way."""
    if type(result) is array and CURRENT:
        CURRENT[0].result(result, name, site, left, right)
    return result


def kept(value: Any, site: int, side: int) -> Any:
    """An operand on its way into an operation, or a metric (sides 2 and 3); of others tensors are none of ours."""
    kind = type(value)
    if (kind in SIMPLE or kind.__module__ in TABLES or (side > 1 and kind is Tensor)) and CURRENT:
        CURRENT[0].operands[site, side] = value
    return value


def cast(result: Any, drawn: bool, site: int, given: Any) -> Any:
    """The result of a conversion, and what was converted."""
    if CURRENT:
        CURRENT[0].cast(result, drawn, site, given)
    return result


def judged(result: Any, name: str, site: int, first: Any, second: Any) -> Any:
    """The result of a metric, and what it compared."""
    if CURRENT:
        CURRENT[0].metric(name, site, first, second)
    return result


def stored(value: Any, site: int, target: Any) -> Any:
    """A value on its way into `target[...]`."""
    if type(target) is array and target.dtype.kind in "iu" and CURRENT:
        CURRENT[0].store(value, site, target)
    return value


def changed(value: Any, name: str, site: int, target: Any) -> Any:
    """A value on its way into `target += value`, or the like."""
    if type(target) is array and target.dtype.kind in "iu" and CURRENT:
        CURRENT[0].change(value, name, site, target)
    return value


OBSERVERS = {SEEN: seen, KEPT: kept, CAST: cast, JUDGED: judged, STORED: stored, CHANGED: changed}
CURRENT: list["Arrays"] = []
"""Who looks now; empty outside of a watch, and in a program's children."""


class Arrays:
    """Keeps what arrays lost in `recorder.trace.outside`.

    Args:
        recorder: The recorder.
    """

    def __init__(self, recorder: Any):
        self.recorder = recorder
        self.operands: dict[tuple[int, int], Any] = {}
        self.looks: dict[int, int] = defaultdict(int)
        self.singles: dict[int, list[float]] = defaultdict(list)

    def install(self) -> None:
        for name, observer in OBSERVERS.items():
            setattr(builtins, name, observer)
        CURRENT[:] = [self]

    def remove(self) -> None:
        """From now on the observers only hand on; the program's own functions may still be called, and call them."""
        CURRENT.clear()
        self.operands.clear()

    def wanted(self, site: int) -> bool:
        self.looks[site] += 1
        return self.looks[site] <= LOOKS and not self.recorder.finished

    def operand(self, given: Any, site: int, side: int) -> Any:
        return self.operands.pop((site, side), None) if given is Ellipsis else given

    def result(self, result: np.ndarray, name: str, site: int, left: Any, right: Any) -> None:
        left, right = self.operand(left, site, 0), self.operand(right, site, 1)
        wide, name = name.startswith("wide."), name.removeprefix("wide.")
        crossed = (
            not wide and result.ndim == 2 and name in ("eq", "ne", "sub", "mul") and type(left) is type(right) is array
        )
        if (crossed or (result.dtype.kind in "iu" and name not in ("eq", "ne"))) and self.wanted(site):
            self.recorder.guarded(self.look_at_result, result, name, site, left, right, crossed)
        elif self.meeting(result, name, left, right) and self.wanted(site):
            self.recorder.guarded(self.look_at_metric, name, left, right)

    def meeting(self, result: np.ndarray, name: str, left: Any, right: Any) -> bool:
        """Whether two rows of numbers meet, one by one, after a model answered."""
        said, enough = self.recorder.trace.outside.said, result.ndim == 1 and len(result) >= FEWEST
        return bool(said) and enough and name in MET and np.shape(left) == np.shape(right) == result.shape

    def look_at_result(self, result: np.ndarray, name: str, site: int, left: Any, right: Any, crossed: bool) -> None:
        if crossed and result.shape[0] == result.shape[1] >= 8:
            shapes = {left.shape, right.shape}
            n = len(result)
            if shapes == {(n, 1), (n,)} and not np.array_equal(left.ravel(), right.ravel()):
                self.recorder.trace.outside.crossings.append(Crossing(name, n, self.recorder.trace.steps, here()))
        if result.dtype.kind in "iu" and left is not None and right is not None:
            self.exactly(result, name, site, left, right)

    def exactly(self, result: np.ndarray, name: str, site: int, left: Any, right: Any) -> None:
        """Do a sum of whole numbers again in double precision."""
        whole = [np.asarray(side) for side in (left, right)]
        if any(side.dtype.kind not in "iu" for side in whole) or (result.dtype.itemsize == 8 and name != "floordiv"):
            return
        first, second, given = (_part(side, result.shape) for side in (*whole, result))
        with np.errstate(all="ignore"):
            if not np.array_equal(NATIVE[name](first.astype(given.dtype), second.astype(given.dtype)), given):
                return  # the operands of another call
            wide = first.astype(np.float64), second.astype(np.float64)
            exact = wide[0] / wide[1] if name == "floordiv" else NATIVE[name](*wide)
        if not np.isfinite(exact).all():
            return
        if name == "floordiv":
            self.keep("divided", given, 0.0, _lost(exact, given), result.shape, site)
        else:
            off = np.abs(exact - given) > 0.5 + 1e-9 * np.abs(exact)
            self.keep(name, given, float(off.mean()), 0.0, result.shape, site)

    def cast(self, result: Any, drawn: bool, site: int, given: Any) -> None:
        given = self.operand(given, site, 0)
        if (hasattr(result, "dtype") or hasattr(result, "dtypes")) and given is not None and self.wanted(site):
            self.recorder.guarded(self.look_at_cast, result, drawn, site, given)

    def look_at_cast(self, result: Any, drawn: bool, site: int, given: Any) -> None:
        before, after = _array(given), _array(result)
        if before.shape != after.shape or not before.size or before.dtype.kind not in "iuf":
            return
        if after.dtype.kind not in "iuf" or before.dtype == after.dtype:
            return
        if after.dtype.kind == "f" and after.dtype.itemsize >= before.dtype.itemsize:
            return
        before, after_ = _part(before, before.shape).astype(np.float64), _part(after, after.shape)
        overflow = 0.0
        if after.dtype.kind in "iu":
            overflow = float((np.trunc(before) != after_).mean())  # NaN differs, too
        elif not np.isfinite(after_).all():
            overflow = float((np.isfinite(before) & ~np.isfinite(after_)).mean())
        self.keep("cast", after, overflow, _lost(before, after_), after.shape, site, drawn)

    def store(self, value: Any, site: int, target: np.ndarray) -> None:
        if type(value) is array and value.dtype.kind == "f" and self.wanted(site):
            self.recorder.guarded(self.look_at_cast, value.astype(target.dtype), False, site, value)
        elif isinstance(value, float) and len(self.singles[site]) < SCALARS:
            self.recorder.guarded(self.single, value, site, target)

    def single(self, value: float, site: int, target: np.ndarray) -> None:
        """Numbers that are stored one by one are looked at together."""
        values = self.singles[site]
        values.append(float(value))
        if len(values) == SCALARS and np.isfinite(values).all():
            exact = np.array(values)
            self.looks[site] = SCALARS
            self.keep("stored", target, 0.0, _lost(exact, np.trunc(exact)), target.shape, site)

    def change(self, value: Any, name: str, site: int, target: np.ndarray) -> None:
        if (type(value) is array or isinstance(value, int | np.integer)) and self.wanted(site):
            self.recorder.guarded(self.look_at_change, value, name, site, target)

    def look_at_change(self, value: Any, name: str, site: int, target: np.ndarray) -> None:
        if np.broadcast_shapes(np.shape(value), target.shape) == target.shape and name in NATIVE:
            with np.errstate(all="ignore"):
                part = _part(target, target.shape)
                other = _part(np.asarray(value), target.shape)
                if other.dtype.kind in "iu":
                    result = NATIVE[name](part, other.astype(part.dtype))
                    self.exactly(result, name, site, part, other.astype(part.dtype))

    def metric(self, name: str, site: int, first: Any, second: Any) -> None:
        first, second = self.operand(first, site, 2), self.operand(second, site, 3)
        if self.wanted(site):
            self.recorder.guarded(self.look_at_metric, name, first, second)

    def look_at_metric(self, name: str, first: Any, second: Any) -> None:
        sides = [_numbers(side) for side in (first, second)]
        if sides[0].size and len(self.recorder.trace.outside.judged) < MOST:
            recorder = self.recorder
            made = Judged(name, sides[0], sides[1], recorder.trace.steps, recorder.tick(), here())
            recorder.trace.outside.judged.append(made)

    def said(self, tensor: Tensor) -> None:
        """A model's answers left torch: keep what they are, and what they mean."""
        outside, values = self.recorder.trace.outside, tensor.detach()
        if not CURRENT or values.dim() == 0 or values.numel() > LARGEST or len(outside.said) >= SAID:
            return
        flat = values.flatten(1) if values.dim() > 1 else values[:, None]
        meant = {"argmax": flat.argmax(1)} if flat.shape[1] > 1 else {"value": flat[:, 0]}
        if flat.shape[1] == 1 and values.is_floating_point():
            meant |= {"half": flat[:, 0] > 0.5, "sign": flat[:, 0] > 0}
        plain = {name: part.to(torch.float64).cpu().numpy() for name, part in meant.items()}
        outside.said.append((self.recorder.tick(), self.recorder.trace.steps, plain))

    def keep(
        self, kind: str, result: np.ndarray, overflow: float, lost: float, shape: tuple[int, ...], site: int,
        drawn: bool = False,
    ) -> None:  # fmt: skip
        found, recorder = self.recorder.trace.outside.conversions, self.recorder
        if (overflow > 0 or lost > LEAST) and len(found) < MOST:
            steps, times = recorder.trace.steps, self.looks[site]
            found.append(
                Conversion(kind, result.dtype.name, overflow, lost, tuple(shape), times, steps, recorder.tick(), here(),
                           drawn)
            )  # fmt: skip


LEAST = 0.02
"""Of the values' deviation: what is lost below it is rounding."""

NATIVE = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "pow": np.power, "floordiv": np.floor_divide,
    "lshift": lambda a, b: a * 2**b,
}  # fmt: skip


def _array(values: Any) -> np.ndarray:
    """Whatever a program casts, as an array; empty where it has no shape (lists of lists of other lengths)."""
    try:
        return np.asarray(values)
    except (ValueError, TypeError):
        return np.empty(0)


def _part(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The first rows of an operand of an operation that gives `shape`."""
    size = int(np.prod(shape))
    if size <= LARGEST or values.shape[:1] != shape[:1] or values.ndim != len(shape):
        return values
    return values[: max(1, LARGEST // max(1, size // shape[0]))]


def _lost(before: np.ndarray, after: np.ndarray) -> float:
    """Deviation of what got lost over the values' own: of all together, or the median over the columns of a table."""
    before, after = before.astype(np.float64), after.astype(np.float64)
    good = np.isfinite(before) & np.isfinite(after)
    if not good.any():
        return 0.0
    over = _ratio((before - after)[good], before[good])
    if before.ndim == 2 and len(before) >= 8 and good.all():
        varied = before.std(0) > 1e-12 * max(1.0, float(np.abs(before).max()))
        columns = (before - after).std(0)[varied] / before.std(0)[varied]
        return max(over, float(np.median(columns))) if columns.size else over
    return over


def _ratio(off: np.ndarray, values: np.ndarray) -> float:
    spread = float(values.std())
    return float(off.std()) / spread if spread > 1e-12 * max(1.0, float(np.abs(values).max())) else 0.0


def _numbers(values: Any) -> np.ndarray:
    """One number a row, flat; empty where it is something else."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    made = _array(values)
    if made.dtype.kind not in "biuf" or made.size > 200_000 or (made.ndim > 1 and made.shape[1:] != (1,)):
        return np.empty(0)
    return made.ravel().astype(np.float64)
