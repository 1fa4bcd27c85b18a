"""Rows of codes as text: along which dimension it runs, and which answers of a model change with one token."""

import copy
import math
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...training.randomness import random_state_kept
from .captures import Captures
from .probing import shaken

FEWEST, MOST = 200, 20_000
"""Pairs of neighbours that are counted along a dimension."""

CHANGED = 1e-5
"""Of the outputs' size: a smaller change is rounding."""


@dataclass(frozen=True)
class Reach:
    """Which answers change when one token in the middle does.

    Attributes:
        before: The one at the place before it.
        own: That at its place.
        after: Any at a later one.
    """

    before: bool
    own: bool
    after: bool


def runs_down(rows: list[np.ndarray]) -> bool:
    """Whether text runs down the batches [n, T]: neighbours down foretell each other, those along do not.

    Windows that are cut one place after the other do both, and pass.
    """
    down, along = _foretold(rows, 0), _foretold(rows, 1)
    if down is None or along is None:
        return False
    (gain, noise), (other, _) = down, along
    return gain > 6 * noise and other < 0.5 * gain


def _foretold(rows: list[np.ndarray], along: int) -> tuple[float, float] | None:
    """By which share more of the codes are told by the neighbour before than by their column, and its noise.

    Half of the batches tell the other half. A column alone tells much where rows begin and end alike.
    """
    few = max(2, 2 * MOST // max(1, rows[0].size))
    halves = [[triple for batch in rows[side:few:2] for triple in _neighbours(batch, along)] for side in (0, 1)]
    if min(map(len, halves)) < FEWEST:
        return None
    right = plain = total = 0
    for known, asked in (halves, halves[::-1]):
        table: dict[int, Counter] = defaultdict(Counter)
        columns: dict[int, Counter] = defaultdict(Counter)
        for before, code, column in known[:MOST]:
            table[before][code] += 1
            columns[column][code] += 1
        told, usual = ({k: c.most_common(1)[0][0] for k, c in of.items()} for of in (table, columns))
        right += sum(told.get(before, usual.get(column)) == code for before, code, column in asked[:MOST])
        plain += sum(usual.get(column) == code for _, code, column in asked[:MOST])
        total += len(asked[:MOST])
    share = max(right, 1) / total
    return (right - plain) / total, math.sqrt(share * (1 - share) / total)


def _neighbours(rows: np.ndarray, along: int) -> list[tuple[int, int, int]]:
    """Each code with the one before it along a dimension, and its column."""
    first, second = (rows[:-1], rows[1:]) if along == 0 else (rows[:, :-1], rows[:, 1:])
    columns = np.broadcast_to(np.arange(second.shape[1]), second.shape)
    return list(zip(first.ravel().tolist(), second.ravel().tolist(), columns.ravel().tolist(), strict=True))


def reach(key: int, captures: Captures, down: bool = False) -> Reach | None:
    """What one token in the middle changes, by the copy of a model from before its first step.

    Args:
        key: Of the model.
        captures: What was kept; the model's first argument are codes [n, T], or [T, n] where text runs `down`.
        down: Whether places count along dimension 0.

    Returns:
        None where the model gives no answer for each place.
    """
    if key not in captures.calls:
        return None
    model, args, named = captures.calls[key]
    tokens = args[0] if args and isinstance(args[0], Tensor) else None
    if tokens is None or tokens.dim() != 2 or tokens.is_floating_point() or tokens.shape[0 if down else 1] < 3:
        return None
    middle, other = tokens.shape[0 if down else 1] // 2, tokens.clone()
    changed = other[middle] if down else other[:, middle]
    moved = changed.roll(1)
    if torch.equal(moved, changed):
        return None
    changed.copy_(moved)
    answers = []
    with random_state_kept(tokens.device), torch.no_grad():
        model = copy.deepcopy(model).eval()
        shaken(model)
        for given in (tokens, other):
            made = model(given, *args[1:], **named)
            answers.append(made[0] if isinstance(made, tuple | list) else made)
    first, second = answers
    if not isinstance(first, Tensor) or first.numel() % tokens.numel() or first.shape[0] not in (
        tokens.shape[0], tokens.numel()):  # fmt: skip
        return None
    if first.dim() < 2 or (first.shape[0] == tokens.shape[0] and first.shape[:2] != tokens.shape):
        return None
    apart = (first - second).reshape(*tokens.shape, -1).abs().amax(-1)
    moves = (apart > CHANGED * float(first.abs().max())).any(1 if down else 0)
    return Reach(bool(moves[middle - 1]), bool(moves[middle]), bool(moves[middle + 1 :].any()))
