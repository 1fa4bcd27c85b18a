"""Looks at a few steps of each epoch: the gradient's norm, how far a step moves the weights, units that never fire.

A step in fifty, or one an epoch, so that looking costs little (under 2 % of a small network's steps), and the device is
asked for the answer once an epoch.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

EVERY = 50
MOST = 8


class Monitors:
    """The monitors of one epoch.

    Args:
        task: What is trained.
        steps: The epoch's number of steps; one at least is looked at, 8 at most.
    """

    def __init__(self, task: nn.Module, steps: int):
        self.interval = min(steps, max(EVERY, -(-steps // MOST)))
        self.norms: list[Tensor] = []
        self.ratios: list[Tensor] = []
        self.fired: dict[str, Tensor] = {}
        self.weights: list[Tensor] = [p for p in task.parameters() if p.requires_grad and p.is_floating_point()]
        self.rectifiers = [(name, module) for name, module in task.named_modules() if isinstance(module, nn.ReLU)]
        self.copies: list[Tensor] = []
        self.hooks: list[Any] = []

    def due(self, step: int) -> bool:
        """Whether a step, from 0, is looked at: the last of each interval."""
        return step % self.interval == self.interval - 1

    def before(self) -> None:
        """A step that is looked at begins."""
        self.copies = [weight.detach().clone() for weight in self.weights]
        self.hooks = [module.register_forward_hook(partial(self._listen, name)) for name, module in self.rectifiers]

    def _listen(self, name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        if output.ndim < 2:
            return
        # Units are on axis 1: channels of a convolution, units of a dense layer.
        fires = (output.detach() > 0).movedim(1, 0).flatten(1).any(1)
        place = f"{name} {len(fires)}"
        self.fired[place] = fires | self.fired[place] if place in self.fired else fires

    def gradient(self) -> None:
        """The step's gradients are there, not yet clipped."""
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        if gradients:
            self.norms.append(norm(gradients))

    @torch.no_grad()
    def after(self) -> None:
        """The step has ended."""
        for hook in self.hooks:
            hook.remove()
        self.hooks = []
        if self.copies:
            size = norm(self.copies)
            torch._foreach_sub_(self.copies, self.weights)
            self.ratios.append(norm(self.copies) / size)
        self.copies = []

    def found(self) -> dict[str, float]:
        """What was seen: `gradient_norm` and `update_ratio` (means over the steps looked at), and `dead_units`, the
        share of rectified units that fired for no example of them."""
        seen = {
            name: float(torch.stack(values).double().mean())
            for name, values in (("gradient_norm", self.norms), ("update_ratio", self.ratios))
            if values
        }
        if self.fired:
            every = torch.cat([self.fired[name] for name in sorted(self.fired)])
            seen["dead_units"] = 1 - float(every.double().mean())
        return seen

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"norms": self.norms, "ratios": self.ratios, "fired": self.fired}

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        """Go on from `state`."""
        self.norms = [value.to(device) for value in state["norms"]]
        self.ratios = [value.to(device) for value in state["ratios"]]
        self.fired = {name: value.to(device) for name, value in state["fired"].items()}


def norm(tensors: list[Tensor]) -> Tensor:
    """The Euclidean norm of all numbers of several tensors."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(tensors)))
