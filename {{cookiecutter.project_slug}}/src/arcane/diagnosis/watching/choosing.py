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


def order(node: Node, given: list[Tensor], result: Tensor) -> None:
    """Keep which rows were chosen, and in which order, as two numbers."""
    index, of = given[-1].detach(), given[0]
    if index.dim() != 1 or index.is_floating_point() or result.dim() != of.dim() or not 2 <= len(result) <= MOST_ROWS:
        return
    if node.name in ("gather", "take_along_dim") or (index.dtype == torch.bool and len(index) != len(of)):
        return
    index = index.nonzero()[:, 0] if index.dtype == torch.bool else index % len(of)
    if len(index) != len(result):
        return  # along another dimension
    places = torch.arange(1, len(index) + 1, device=index.device)
    node.facts["rows.chosen"] = float((index * (index + 7)).sum())
    node.facts["rows.order"] = float((index * places).sum())
    node.facts["rows.of"] = float(len(of))


def masked(recorder: Any, node: Node, given: list[Tensor]) -> None:
    """Keep which rows a mask of nought and one, one number a row, leaves of what was made of a whole batch."""
    calls, picks = recorder.trace.calls, recorder.trace.picks
    masks = [t for i, t in zip(node.inputs, given, strict=False) if not (i.layers or t.requires_grad) and t.dim()]
    if len(node.calls) != 1 or len(masks) != 1 or len(picks) >= MOST:
        return
    mask = masks[0].detach()
    rows = len(mask)
    if rows != mask.numel() or rows > MOST_ROWS or node.shape[:1] != (rows,) or rows != calls[max(node.calls)].rows:
        return
    kept = mask.flatten() != 0
    if bool(kept.all()) or bool((mask.flatten()[kept] != 1).any()):
        return
    picks.append(Pick(id(node), max(node.calls), rows, frozenset(kept.nonzero()[:, 0].tolist()), node.place))
    recorder.kept.append(node)


def largest(recorder: Any, node: Node, scores: Tensor) -> None:
    """Keep a decision among columns where there is but one."""
    dim, compared = node.option("dim", 1), recorder.trace.compared
    if isinstance(dim, int) and scores.shape[dim] == 1 and len(compared) < MOST:
        compared.append(node)


def leaning(recorder: Any, node: Node, scores: Tensor, targets: Tensor) -> None:
    """Keep which class targets lean to that are a share, or a score, of each: a teacher's answers about the rows."""
    trace, of = recorder.trace, node.inputs[0].calls
    shares = scores.shape == targets.shape and scores.dim() == 2 and 1 < scores.shape[1] <= MOST_CLASSES
    if shares and len(of) == 1 and targets.is_floating_point() and trace.steps and node.wants_gradient:
        call = trace.calls[min(of)]
        form = trace.models[call.model].form
        if any(trace.models[trace.calls[n].model].form == form for n in node.inputs[1].calls):
            return  # a mean of the model's own past knows no more than it
        if call.rows == len(targets) and not bool((targets == targets.round()).all()):
            call.leaning = targets.detach().argmax(1).cpu().numpy()


MOST_CLASSES = 1000
