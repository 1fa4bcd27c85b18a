"""What tensors lose in casts, in sums of whole numbers that wrap around, and in divisions without rest."""

import contextlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .summaries import facts
from .trace import Node

WHOLE = {"uint8": (0, 255), "int8": (-128, 127), "int16": (-32768, 32767), "int32": (-(2**31), 2**31 - 1)}
CASTING = frozenset({"to_int", "to", "type", "type_as", "half", "bfloat16", "float"})
MADE = frozenset({"tensor", "as_tensor", "from_numpy", "asarray"})
DIVIDED = frozenset({"floordiv", "floor_divide", "ifloordiv"})
MOST, LARGEST = 200, 1 << 20

EXACTLY = {
    "mul": lambda a, b: a * b,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "rsub": lambda a, b: b - a,
    "pow": lambda a, b: a**b,
}


def look(trace: Any, node: Node, given: list[Tensor], result: Tensor, raw: Any) -> None:
    """Measure an operation that may lose what its values say; `raw` is its first argument."""
    name = node.name
    if name in EXACTLY:
        if node.dtype in WHOLE:
            _overflow(trace, node, given)
    elif name in MADE:
        if "int" in node.dtype and raw is not None:
            _made(trace, node, raw, result)
    elif name in CASTING:
        narrower = given and given[0].is_floating_point() and given[0].dtype != result.dtype
        if narrower and ("int" in node.dtype or node.dtype in ("float16", "bfloat16")):
            _cast(trace, node, given[0], result)
    elif name == "setitem":
        if "int" in node.dtype and len(given) > 1 and given[-1].is_floating_point():
            _cast(trace, node, given[-1], given[-1].trunc())
    elif (name in DIVIDED or (name == "div" and node.option("rounding_mode", 9))) and given:
        _divided(trace, node, given, result)


def _overflow(trace: Any, node: Node, given: list[Tensor]) -> None:
    low, high = WHOLE[node.dtype]
    sides = [g.to(torch.int64) for g in given[:2]]
    other = sides[1] if len(sides) > 1 else node.option("other", 1, node.option("exponent", 1))
    if not isinstance(other, int | Tensor) or isinstance(other, bool):
        return
    exact = EXACTLY[node.name](sides[0], other)
    share = float(((exact < low) | (exact > high)).double().mean())
    if share > 0:
        node.facts["overflow"] = share
        _keep(trace, node)


def _made(trace: Any, node: Node, raw: Any, result: Tensor) -> None:
    """A tensor of whole numbers made of an array, or of lists, that hold others."""
    if isinstance(raw, list | tuple) and raw and result.numel() <= LARGEST and not isinstance(raw[0], Tensor):
        with contextlib.suppress(ValueError, TypeError):
            raw = np.asarray(raw)
    if isinstance(raw, np.ndarray) and raw.dtype.kind == "f" and raw.size and raw.shape == tuple(result.shape):
        _cast(trace, node, torch.from_numpy(np.ascontiguousarray(raw, np.float64)), result)


def _cast(trace: Any, node: Node, given: Tensor, result: Tensor) -> None:
    values = given.detach()
    if not values.numel():
        return
    if "int" in node.dtype:
        node.facts["cut"] = float((values != values.trunc()).double().mean())
        low, high = WHOLE.get(node.dtype, (-(2**63), 2**63 - 1))
        node.facts["overflow"] = float(((values.trunc() < low) | (values.trunc() > high)).double().mean())
        node.facts |= facts(values, "input.")
    else:
        node.facts["overflow"] = float((values.isfinite() & ~result.isfinite()).double().mean())
    node.facts["lost"] = lost(values, result.detach()) if values.shape == result.shape else 0.0
    if node.facts.get("cut") or node.facts["overflow"] or node.facts["lost"] > 0.02:
        _keep(trace, node)


def _divided(trace: Any, node: Node, given: list[Tensor], result: Tensor) -> None:
    """A division whose rest is thrown away."""
    other = given[1] if len(given) > 1 else node.option("other", 1)
    if not isinstance(other, int | float | Tensor) or isinstance(other, bool) or given[0].shape != result.shape:
        return
    exact = given[0].double() / other
    node.facts["lost"] = lost(exact, result)
    if node.facts["lost"] > 0.02:
        _keep(trace, node)


def lost(before: Tensor, after: Tensor) -> float:
    """Deviation of what got lost over that of the values."""
    before, after = before.double().flatten()[:LARGEST], after.double().flatten()[:LARGEST]
    good = before.isfinite() & after.isfinite()
    before, after = before[good], after[good]
    spread = float(before.std(correction=0)) if before.numel() > 1 else 0.0
    if spread <= 1e-12 * max(1.0, float(before.abs().max()) if before.numel() else 0.0):
        return 0.0
    return float((before - after).std(correction=0)) / spread


def _keep(trace: Any, node: Node) -> None:
    if len(trace.casts) < MOST:
        trace.casts.append(node)
