"""Copies for the active examination: the model before its first step, rows that it got, its optimiser's arguments."""

import copy
import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from torch import Tensor, nn

from .trace import Call

LARGEST = 20_000_000
"""Numbers of a model that is copied; larger ones are only watched."""

MOST_MODELS = 3
"""Models whose first call is kept."""

MOST_NUMBERS = 4_000_000
"""Numbers of the rows that are kept."""

MOST_ASKED, ASKED_ROWS, AGAIN = 2_000_000, 2000, 2
"""Numbers, and rows, of evaluation that are kept, and times that the same batch is."""


@dataclass
class Captures:
    """What is kept aside.

    Attributes:
        models: By identity, as they were before their first step.
        inputs: By call, its inputs [n, ...].
        targets: By call, targets that are as large as its inputs (masks).
        calls: By model, a copy of it and the arguments of its first call with gradients.
        times: How often each batch of evaluation came.
        optimiser: The first optimiser's class and arguments, with the rate that it started at.
    """

    models: dict[int, nn.Module] = field(default_factory=dict)
    inputs: dict[int, Tensor] = field(default_factory=dict)
    calls: dict[int, tuple[nn.Module, tuple, dict[str, Any]]] = field(default_factory=dict)
    optimiser: tuple[type, dict[str, Any]] | None = None
    targets: dict[int, Tensor] = field(default_factory=dict)
    kept: int = 0
    asked: int = 0
    asked_rows: int = 0
    times: Counter[tuple[int, bytes]] = field(default_factory=Counter)

    def model(self, module: nn.Module, key: int, args: tuple, steps: int) -> None:
        """Copy a model at its first call with gradients.

        Raises:
            Exception: Whatever copying raises; a note is made of it.
        """
        if key in self.models or steps or len(args) != 1 or not isinstance(args[0], Tensor):
            return
        if sum(p.numel() for p in module.parameters()) <= LARGEST:
            self.models[key] = copy.deepcopy(module)

    def call(self, module: nn.Module, key: int, args: tuple, named: dict[str, Any], steps: int) -> None:
        """Keep what a model got at its first call with gradients, and the copy that it can be asked of again.

        Raises:
            Exception: Whatever copying raises; a note is made of it.
        """
        if key in self.calls or steps or len(self.calls) >= MOST_MODELS:
            return
        if sum(p.numel() for p in module.parameters()) <= LARGEST:
            self.calls[key] = (self.models.get(key) or copy.deepcopy(module), cloned(args), cloned(named))

    def rows(self, call: Call, inputs: Tensor) -> None:
        """Keep the rows of a call that is looked at: of training, and of what may be evaluation."""
        if not call.watched or inputs.dim() < 2:
            return
        if call.gradient and self.kept + inputs.numel() <= MOST_NUMBERS:
            self.kept += inputs.numel()
            self.inputs[call.number] = inputs.detach().cpu().clone()
        elif not call.gradient and self.asked + inputs.numel() <= MOST_ASKED and self.asked_rows < ASKED_ROWS:
            batch = (call.model, call.keys.tobytes())
            self.times[batch] += 1
            if len(call.keys) and self.times[batch] > AGAIN:
                return  # room for what is evaluated at the end
            self.asked += inputs.numel()
            self.asked_rows += call.rows
            self.inputs[call.number] = inputs.detach().cpu().clone()

    def target(self, number: int, targets: Tensor) -> None:
        """Keep the targets of a call whose rows were kept, where each place has one: a mask, or codes of codes."""
        inputs = self.inputs.get(number)
        if inputs is None or number in self.targets or inputs.dim() < 2 or targets.dim() < 1:
            return
        masks = inputs.dim() > 2 and targets.dim() > 2 and targets.shape[-2:] == inputs.shape[-2:]
        codes = inputs.dim() == 2 and not (inputs.is_floating_point() or targets.is_floating_point())
        flat = targets.is_floating_point() and targets.numel() == inputs.numel() and targets.dim() == 2 < inputs.dim()
        if flat and len(targets) == len(inputs):
            self.targets[number] = targets.detach().cpu().reshape(inputs.shape).clone()
        elif masks and len(targets) == len(inputs):
            self.targets[number] = targets.detach().cpu().clone()
        elif codes and targets.numel() == inputs.numel() and inputs.shape[1] > 1:
            self.targets[number] = targets.detach().cpu().reshape(inputs.shape).clone()

    def optimised(self, optimiser: Any) -> None:
        """Keep how the first optimiser was made."""
        if self.optimiser is not None:
            return
        group = optimiser.param_groups[0]
        taken = inspect.signature(type(optimiser).__init__).parameters
        same = len(optimiser.param_groups) == 1
        arguments = {k: v for k, v in group.items() if k in taken and k != "params" and not isinstance(v, Tensor)}
        self.optimiser = (type(optimiser), arguments) if same else None


def cloned(value: Any) -> Any:
    """Arguments with copies of their tensors, in tuples, lists, dictionaries and dataclasses too."""
    return changed(value, lambda tensor: tensor.detach().clone())


def changed(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Arguments with another tensor in place of each."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, dict):
        return {name: changed(inner, change) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        made = [changed(inner, change) for inner in value]
        return type(value)(*made) if hasattr(value, "_fields") else type(value)(made)
    if is_dataclass(value) and not isinstance(value, type):
        made = copy.copy(value)
        for part in fields(value):
            object.__setattr__(made, part.name, changed(getattr(value, part.name), change))
        return made
    return value
