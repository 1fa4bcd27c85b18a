"""Copies for the active examination: the model before its first step, rows that it got, its optimiser's arguments."""

import copy
import inspect
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


@dataclass
class Captures:
    """What is kept aside.

    Attributes:
        models: By identity, as they were before their first step.
        inputs: By call, its inputs [n, ...].
        calls: By model, a copy of it and the arguments of its first call with gradients.
        optimiser: The first optimiser's class and arguments, with the rate that it started at.
    """

    models: dict[int, nn.Module] = field(default_factory=dict)
    inputs: dict[int, Tensor] = field(default_factory=dict)
    calls: dict[int, tuple[nn.Module, tuple, dict[str, Any]]] = field(default_factory=dict)
    optimiser: tuple[type, dict[str, Any]] | None = None
    kept: int = 0

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
        """Keep the rows of a training call that is looked at."""
        if call.gradient and call.watched and self.kept + inputs.numel() <= MOST_NUMBERS and inputs.dim() > 1:
            self.kept += inputs.numel()
            self.inputs[call.number] = inputs.detach().cpu().clone()

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
