"""Copies for the active examination: the model before its first step, rows that it got, its optimiser's arguments."""

import copy
import inspect
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from .trace import Call

LARGEST = 20_000_000
"""Numbers of a model that is copied; larger ones are only watched."""

MOST_NUMBERS = 4_000_000
"""Numbers of the rows that are kept."""


@dataclass
class Captures:
    """What is kept aside.

    Attributes:
        models: By identity, as they were before their first step.
        inputs: By call, its inputs [n, ...].
        optimiser: The first optimiser's class and arguments, with the rate that it started at.
    """

    models: dict[int, nn.Module] = field(default_factory=dict)
    inputs: dict[int, Tensor] = field(default_factory=dict)
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
