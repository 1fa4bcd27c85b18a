"""What the steps of one epoch leave behind: losses, and which examples were wrong. Asks the device nothing."""

from typing import Any

import torch
from torch import Tensor

from .inference import example_errors, refuse_columns

CHUNK = 16


class Tally:
    """Losses by step and errors by example of one epoch.

    Args:
        task: What `example_errors` needs.
    """

    def __init__(self, task: Any):
        self.task = task
        self.losses: list[Tensor] = []
        self.errors: list[Tensor] = []
        self.pending: list[tuple[Tensor, Tensor]] = []

    def add(self, outputs: Tensor, labels: Tensor) -> None:
        """Take the outputs of a batch or a part of it.

        Raises:
            UserError: A regression's outputs are not one number an example.
        """
        if labels.is_floating_point():
            refuse_columns(outputs, labels)
        self.pending.append((outputs, labels))

    def step_ended(self) -> None:
        """Count errors now and then: by 16 steps at once it costs a fifth of what it costs one by one."""
        if len(self.pending) >= CHUNK:
            self.count()

    def count(self) -> None:
        """Turn pending outputs into errors by example."""
        if self.pending:
            outputs, labels = zip(*self.pending, strict=True)
            self.errors.append(example_errors(self.task, torch.cat(outputs), torch.cat(labels)))
            self.pending = []

    def by_step(self) -> Tensor:
        """The losses, float64 `[steps]`, on the CPU."""
        return torch.cat([loss.reshape(-1).double() for loss in self.losses]).cpu()

    def error_sum(self) -> Tensor:
        """The sum of the errors, float64, where they are."""
        self.count()
        return torch.cat(self.errors).double().sum()

    def state(self) -> dict[str, Tensor]:
        """For a checkpoint."""
        self.count()
        empty = [torch.zeros(0)]
        losses = [loss.reshape(-1) for loss in self.losses]
        return {"losses": torch.cat(losses or empty).cpu(), "errors": torch.cat(self.errors or empty).cpu()}

    def restore(self, state: dict[str, Tensor], device: torch.device) -> None:
        """Go on from `state`."""
        self.losses, self.errors, self.pending = [state["losses"].to(device)], [state["errors"].to(device)], []
