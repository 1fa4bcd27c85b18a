"""What a program chooses: outputs of a whole batch by an index or a mask, as of a graph's nodes; the largest column."""

from typing import Any

import torch
from torch import Tensor

from .trace import Node, Pick

MOST_ROWS, MOST = 20_000, 200
"""Rows that an index chooses, and choices kept."""


def look(recorder: Any, node: Node, given: list[Tensor], result: Tensor) -> None:
    """Keep which rows were chosen."""
    index, calls, picks = given[-1], recorder.trace.calls, recorder.trace.picks
    if index.dim() != 1 or index.is_floating_point() or len(node.calls) != 1 or result.dim() != given[0].dim():
        return
    if len(given[0]) != calls[max(node.calls)].rows or len(index) > MOST_ROWS or len(picks) >= MOST:
        return
    index = index.nonzero()[:, 0] if index.dtype == torch.bool else index % len(given[0])
    chosen = frozenset(index.tolist())
    if given[-1].dtype != torch.bool and len(chosen) == len(given[0]):
        return  # all of them in another order, as packed sequences are
    picks.append(Pick(id(node), max(node.calls), len(given[0]), chosen, node.place))
    recorder.kept.append(node)  # its identity must stay its own


def largest(recorder: Any, node: Node, scores: Tensor) -> None:
    """Keep a decision among columns where there is but one."""
    dim, compared = node.option("dim", 1), recorder.trace.compared
    if isinstance(dim, int) and scores.shape[dim] == 1 and len(compared) < MOST:
        compared.append(node)
