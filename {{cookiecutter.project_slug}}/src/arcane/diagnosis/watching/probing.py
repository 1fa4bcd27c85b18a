"""Asks the copy of a model, on the rows of its first call: do the rows matter, and does each stand for itself?"""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ...data.findings import Finding
from ...training.randomness import random_state_kept
from .captures import Captures, changed
from .checks.check import found
from .checks.modes import repeated
from .graph import losses, taught
from .trace import Call, Trace

FEWEST = 4
"""Rows without which an exchange of rows says little."""

ROUNDING = 1e-5
"""Of the outputs' size: what rows are told apart by must be more than single precision loses."""

SHAKEN = 0.05
"""Of their deviation, or of one: so much is added to all weights, because a last layer may start at zero."""


def look_at_copies(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Exchange the rows of a model's inputs, in eval mode."""
    for key, (model, args, named) in captures.calls.items():
        calls = [c for c in trace.calls if c.model == key and c.learned]
        rows = calls[0].rows if calls else 0
        counts = _targets(trace, key)
        single = not counts and _stands_alone(trace, key, args, named)
        if rows < FEWEST or not (single or any(count % rows == 0 for count in counts if count)) or _whole(calls):
            continue
        if _time_first(calls, captures):
            continue  # a row is a place of all sequences
        model, device = copy.deepcopy(model), next(model.parameters()).device
        with random_state_kept(device), torch.no_grad():
            try:
                shaken(model)
                finding = _exchanged(model.eval(), args, named, rows, trace.limit("rows_difference")) or _blind(
                    model.train(), args, named, rows
                )
            except (RuntimeError, ValueError, TypeError, IndexError):
                continue  # arguments that hang together by more than their first dimension, as lengths do
        if finding:
            code, message, advice = finding
            yield found(code, "error", message, advice, calls[0].place, "each row for itself", rows=rows)
            return


def look_at_own_modes(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Evaluation in train mode of a model whose own code, not a layer of torch's, asks for its mode."""
    drawn = {number for node in trace.random_in_evaluation for number in node.calls}
    for call in trace.evaluated:
        plain = not (call.modes.dropout_on or call.modes.norm_on) and call.model in captures.calls
        if not (call.training and plain and call.number in drawn) or trace.taking_turns or repeated(trace, call):
            continue
        model, args, named = captures.calls[call.model]
        model, device = copy.deepcopy(model), next(model.parameters()).device
        with random_state_kept(device), torch.no_grad():
            differ = {mode: _differ(model.train(mode), args, named) for mode in (True, False)}
        if differ[True] and not differ[False]:
            yield found(
                "train-mode-in-evaluation", "error",
                "Evaluation runs the model in train mode, where it draws random numbers; in eval mode it draws none.",
                "Call model.eval() before evaluating, and model.train() after it.", call.place, "eval mode",
            )  # fmt: skip
        return


def _differ(model: nn.Module, args: tuple, named: dict[str, Any]) -> bool:
    """Whether the same inputs give other outputs by other draws."""
    made = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        made.append(next(iter(_tensors(model(*args, **named)))))
    return not torch.equal(*made)


def _targets(trace: Trace, key: int) -> set[int]:
    """How many targets the losses have that a model's outputs enter, where each row has one."""
    found_ones = [t for t in losses(trace, 12) if any(trace.calls[n].model == key for n in t.outputs.calls)]
    return {t.targets.shape[0] for t in found_ones if t.targets is not None and t.targets.shape and not taught(t)}


def _stands_alone(trace: Trace, key: int, args: tuple, named: dict[str, Any]) -> bool:
    """Whether a model without targets of its own is asked about any number of rows at once: pairs, triplets, codes."""
    asked = {c.rows for c in trace.calls if c.model == key}
    return len(asked) > 1 and len(args) == 1 and not named and isinstance(args[0], Tensor)


def _whole(calls: list) -> bool:
    """Whether every call gets the same rows: the nodes of a graph, which may well know of each other."""
    keys = [frozenset(c.keys.tolist()) for c in calls if len(c.keys)]
    return len(keys) < 2 or len(set(keys)) == 1


def _time_first(calls: list[Call], captures: Captures) -> bool:
    """Whether text runs down the batches that a model learns from."""
    from .tokens import runs_down

    kept = [captures.inputs[c.number] for c in calls if c.number in captures.inputs]
    kept = [rows for rows in kept if rows.dim() == 2 and not rows.is_floating_point()]
    return bool(kept) and runs_down([rows.numpy() for rows in kept])


def shaken(model: nn.Module) -> None:
    """Move all weights a little, so that none is exactly zero."""
    torch.manual_seed(1)
    for p in model.parameters():
        if p.is_floating_point():
            scale = float(p.std()) if p.numel() > 1 and float(p.std()) > 0 else 1.0
            p.add_(torch.randn(p.shape, device=p.device, dtype=p.dtype), alpha=SHAKEN * scale)


Given = tuple[tuple, dict[str, Any], int]
IGNORED = (
    "input-ignored",
    "The model gives the same outputs when the rows of its inputs are exchanged: they do not depend on them.",
    "Look for inputs that are overwritten, zeroed, left out or replaced by noise on their way.",
)


def _asked(model: nn.Module, given: Given, order: Tensor) -> Tensor | None:
    """The model's outputs [n, ...] for rows in another order, by the same draws; None where they are no such thing."""
    args, named, rows = given
    torch.manual_seed(1)

    def take(tensor: Tensor) -> Tensor:
        return tensor[order.to(tensor.device)] if tensor.dim() and len(tensor) == rows else tensor

    made = next(iter(_tensors(model(*changed(args, take), **changed(named, take)))), None)
    good = made is not None and made.dim() and len(made) == rows and made.is_floating_point()
    return made.double() if good and bool(made.isfinite().all()) else None


def _blind(model: nn.Module, args: tuple, named: dict[str, Any], rows: int) -> tuple[str, str, str] | None:
    """Whether in train mode alone the rows make no difference."""
    plain = torch.arange(rows)
    outputs = _asked(model, (args, named, rows), plain)
    turned = _asked(model, (args, named, rows), plain.roll(1))
    if outputs is None or turned is None or not _moves(args, named, rows):
        return None
    return IGNORED if bool(outputs.any()) and torch.equal(outputs, turned) else None


def _exchanged(
    model: nn.Module, args: tuple, named: dict[str, Any], rows: int, most: float
) -> tuple[str, str, str] | None:
    def asked(order: Tensor) -> Tensor | None:
        return _asked(model, (args, named, rows), order)

    plain, rolled = torch.arange(rows), torch.arange(rows).roll(1)
    outputs, again, turned = asked(plain), asked(plain), asked(rolled)
    if outputs is None or again is None or turned is None or not torch.equal(outputs, again):
        return None
    size = float((outputs - outputs.mean()).abs().max()) or float(outputs.abs().max())
    if size == 0:
        return None
    if _moves(args, named, rows) and float((turned - outputs).abs().max()) <= 1e-9 * size:
        return IGNORED
    spread = float((outputs - outputs.mean(0)).abs().max())
    least = max(most * spread, ROUNDING * size)
    # All others become one row, the neighbour too: a mean over the batch changes. What runs along it changes the last.
    for own, name in ((0, "first"), (-1, "last")):
        others = asked(torch.where(plain == plain[own], plain[own], plain[-1 - own]))
        if others is not None and float((others[own] - outputs[own]).abs().max()) > least:
            return (
                "examples-mixed",
                f"In eval mode, the {name} row's output changes when the other rows of the batch are exchanged.",
                "Look for a mean, maximum, softmax or view that runs over the batch, and for batch_first.",
            )
    return None


def _moves(args: tuple, named: dict[str, Any], rows: int) -> bool:
    """Whether rows differ, so that exchanging them changes something."""
    tensors = [t for t in _tensors([*args, *named.values()]) if t.dim() and len(t) == rows]
    return any(not torch.equal(t, t.roll(1, 0)) for t in tensors)


def _tensors(value: Any) -> list[Tensor]:
    kept: list[Tensor] = []
    changed(value if not isinstance(value, Tensor) else [value], lambda t: (kept.append(t), t)[1])
    return kept
