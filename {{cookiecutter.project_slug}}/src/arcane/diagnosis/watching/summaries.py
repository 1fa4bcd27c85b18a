"""Measurements of tensors that leave nothing behind: no random numbers drawn, no gradient kept, no value changed."""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from .trace import Population

LARGEST = 1 << 20
"""Values looked at in one tensor, the first rows of it: a mean over a million is exact to 0.1 % of a deviation."""

COLUMNS = 1024
"""Features of a row that are looked at, evenly spaced: rows that agree in 1,024 values are the same row."""

SHORTEST, FILLED = 4, 0.05
"""Codes of a row, and share of all that fills rows up, without which a code at their ends may be one of a table's."""

BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Whole numbers of as many bytes as a float."""


def facts(tensor: Tensor, prefix: str = "") -> dict[str, float]:
    """What a tensor's values are like: range, spread, zeros, what is not finite, and what sums to one."""
    values = tensor.detach()
    if values.numel() == 0 or values.is_complex() or values.is_sparse or values.layout != torch.strided:
        return {}
    if values.numel() > LARGEST and values.dim() > 0:
        values = values[: max(1, LARGEST // max(1, values[0].numel()))]
    exact = values.double()
    finite = exact.isfinite()
    good = exact if bool(finite.all()) else exact[finite]
    found = {"not_finite": 1.0 - float(finite.double().mean()), "numel": float(tensor.numel())}
    if good.numel():
        found |= {
            "low": float(good.min()),
            "high": float(good.max()),
            "mean": float(good.mean()),
            "std": float(good.std(correction=0)),
            "zeros": float((good == 0).double().mean()),
            "whole": float((good == good.round()).double().mean()),
        }
    if values.dim() >= 2 and values.shape[1] > 1 and found["not_finite"] == 0:
        found |= _sums(exact)
        flat = exact.reshape(len(exact), -1)
        found["across_rows"] = float(flat.std(0, correction=0).max()) if len(flat) > 1 else -1.0
    return {prefix + name: value for name, value in found.items()}


def _sums(values: Tensor) -> dict[str, float]:
    """Largest distance from one of the sums over dimensions 0 and 1, of the values and of their exponentials."""
    found = {}
    for dim in (0, 1, -1):
        found[f"sum_off_{dim}"] = float((values.sum(dim) - 1).abs().max())
        found[f"exp_sum_off_{dim}"] = float((values.clamp(max=50).exp().sum(dim) - 1).abs().max())
    return found


@cache
def _factors(count: int) -> np.ndarray:
    """Odd numbers of 62 bits, always the same ones, drawn outside of any random state."""
    return np.random.default_rng(20261122).integers(0, 1 << 62, count, np.int64) | 1


def columns(tensor: Tensor) -> Tensor:
    """At most `COLUMNS` values of each row [n, F]."""
    flat = tensor.detach().reshape(len(tensor), -1)
    if flat.shape[1] > COLUMNS:
        flat = flat[:, :: -(-flat.shape[1] // COLUMNS)]
    return flat


def row_keys(rows: Tensor) -> np.ndarray:
    """A number for each row [n, F], int64, equal where rows are equal bit for bit.

    Integer sums that wrap around do not depend on the order of summing, as those of a float product would.
    """
    if rows.dtype.is_complex:
        rows = torch.view_as_real(rows.resolve_conj()).flatten(1)
    codes = rows.dtype in (torch.int32, torch.int64) and rows.dim() == 2 and rows.shape[1] >= SHORTEST
    if rows.is_floating_point():
        rows = rows.contiguous().view(BITS[rows.element_size()])
    bits = rows.cpu().numpy().astype(np.int64)  # numpy: 0.03 ms for 32 rows of 64 values, where torch takes 0.2
    if codes and bits[:, -1].any():
        bits[filling(bits)] = 0  # what fills a row depends on its batch; noughts add nothing
    mixed = bits * _factors(2 * COLUMNS)[: bits.shape[1]]
    mixed ^= mixed >> 29
    mixed *= _factors(2 * COLUMNS)[: bits.shape[1]]
    return mixed.sum(1)


def sliding(rows: Tensor) -> bool:
    """Whether each of the first rows [n, T] or [n, T, F] (or [n, F, T]) is the one before it, moved on by a value."""
    if not rows.is_floating_point() or rows.dim() not in (2, 3) or len(rows) < 4:
        return False
    first, then = rows.detach()[:3], rows.detach()[1:4]
    for dim in range(1, rows.dim()):
        size = rows.shape[dim] - 1
        moved = size > 2 and torch.equal(first.narrow(dim, 1, size), then.narrow(dim, 0, size))
        if moved and not torch.equal(first, then):
            return True
    return False


def row_values(rows: Tensor) -> np.ndarray:
    """The values of rows [n, F], float32."""
    return rows.detach().to("cpu", torch.float32).numpy()


def population(rows: np.ndarray) -> Population:
    """The sums of rows [n, F]."""
    exact = rows.astype(np.float64)
    return Population(len(rows), exact.sum(0), (exact**2).sum(0), exact.min(0), exact.max(0))


def labels_of(target: Tensor, rows: int) -> np.ndarray:
    """One number a row [n]: a class or a quantity, of one-hot rows their column; empty where a row has no one label."""
    values = target.detach()
    if values.dim() == 0 or len(values) != rows or values.is_complex():
        return np.empty(0)
    values = values.reshape(rows, -1)
    if values.shape[1] > 1:
        one_hot = bool(((values == 0) | (values == 1)).all()) and bool((values.sum(1) == 1).all())
        if not one_hot:
            return np.empty(0)
        values = values.argmax(1, keepdim=True)
    return values[:, 0].to(torch.float64).cpu().numpy()


def first_mark(target: Tensor, rows: int) -> np.ndarray:
    """Of rows that have several marks each [n, K], whether they have the first one [n]; else empty."""
    values = target.detach()
    if values.dim() != 2 or len(values) != rows or values.shape[1] < 2 or values.is_complex():
        return np.empty(0)
    if not bool(((values == 0) | (values == 1)).all()) or bool((values.sum(1) == 1).all()):
        return np.empty(0)
    return values[:, 0].to(torch.float64).cpu().numpy()


def marked(targets: Tensor) -> float:
    """1 where each row [n, K] holds one number, the same in all rows, and zeros: one-hot rows, or scaled ones."""
    if targets.dim() != 2 or targets.shape[1] < 2:
        return 0.0
    held = targets.detach() != 0
    values = targets.detach()[held]
    return float(bool((held.sum(1) == 1).all()) and values.numel() > 0 and bool((values == values[0]).all()))


def commonest(codes: Tensor) -> float:
    """Share of the commonest code within rows [n, T]; what they begin or end with most is padding."""
    if codes.dim() != 2 or codes.shape[1] < SHORTEST or codes.is_floating_point():
        return 0.0
    rows = codes.cpu().numpy()
    ends = filling(rows) | filling(rows[:, ::-1])[:, ::-1]
    inside = ~ends
    if not ends.any():  # what fills rows up may stand for an unknown word, too
        values, counts = np.unique(rows, return_counts=True)
        other = rows != values[counts.argmax()]
        inside = np.logical_or.accumulate(other, 1) & np.logical_or.accumulate(other[:, ::-1], 1)[:, ::-1]
    return float(np.unique(rows[inside], return_counts=True)[1].max() / inside.sum()) if inside.sum() >= WITHIN else 0.0


WITHIN = 40
"""Codes of a batch between others, of which a share says something."""


def filling(rows: np.ndarray) -> np.ndarray:
    """Which places of codes [n, T] are padding, bool: one code that stands nowhere but at the ends of rows.

    Rows must be of three different lengths, or more.
    """
    values, counts = np.unique(rows[:, -1], return_counts=True)
    code = values[counts.argmax()]
    runs = (rows != code)[:, ::-1].argmax(1)  # codes before the first other one from behind
    runs[(rows == code).all(1)] = rows.shape[1]
    ends = np.arange(rows.shape[1])[None] >= rows.shape[1] - runs[:, None]
    alone = bool(((rows == code) == ends).all()) and len(np.unique(runs)) > 2 and ends.mean() >= FILLED
    return ends if alone else np.zeros_like(ends)
