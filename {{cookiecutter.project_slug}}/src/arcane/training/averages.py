"""A running average of the weights, which often does better than the last ones (Polyak and Juditsky 1992)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """The exponential moving average of a module's parameters and floating-point buffers.

    The decay grows to its value by `(1 + t) / (10 + t)` after t steps (as in TensorFlow's `ExponentialMovingAverage`
    with `num_updates`), so that the first weights do not linger.

    Args:
        module: On its device.
        decay: Kept of the average at each step.
    """

    def __init__(self, module: nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        self.names = [name for name, tensor in tensors.items() if tensor.is_floating_point()]
        self.tensors = [tensors[name].detach() for name in self.names]
        self.averaged = [tensor.clone() for tensor in self.tensors]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights of the step that just ended."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.averaged, self.tensors, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average in the weights' place for a while."""
        own = [tensor.clone() for tensor in self.tensors]
        self.settle()
        try:
            yield
        finally:
            copy_into(self.tensors, own)

    def settle(self) -> None:
        """Put the average in the weights' place."""
        copy_into(self.tensors, self.averaged)

    def state(self) -> dict:
        """For a checkpoint."""
        return {"steps": self.steps, "averaged": dict(zip(self.names, self.averaged, strict=True))}

    def restore(self, state: dict) -> None:
        """Go on from `state`."""
        self.steps = state["steps"]
        copy_into(self.averaged, [state["averaged"][name] for name in self.names])


@torch.no_grad()
def copy_into(tensors: list[Tensor], values: list[Tensor]) -> None:
    """Copy `values` into `tensors`, one by one."""
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)
