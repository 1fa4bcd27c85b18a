"""Reads what a task's `configure_optimizers` returns, in the forms that Lightning knows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from ..errors import UserError

if TYPE_CHECKING:  # its import takes twice as long as torch's; the doctor of a program without it needs none
    from lightning.pytorch import LightningModule

FORM = '{"optimizer": ..., "lr_scheduler": {"scheduler": ..., "interval": "step"}}'


@dataclass(frozen=True)
class Configured:
    """The optimisers and schedules of a task.

    Attributes:
        optimizers: One, or as many as a task that optimises by hand wants.
        schedulers: Stepped after every step; by the task itself where it optimises by hand.
    """

    optimizers: list[torch.optim.Optimizer]
    schedulers: list[Any] = field(default_factory=list)

    @property
    def learning_rate(self) -> float:
        """Of the first optimiser's first group, now."""
        return float(self.optimizers[0].param_groups[0]["lr"])

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "schedulers": [scheduler.state_dict() for scheduler in self.schedulers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        for scheduler, kept in zip(self.schedulers, state["schedulers"], strict=True):
            scheduler.load_state_dict(kept)


def configured(task: "LightningModule") -> Configured:
    """The optimisers and schedules of a task.

    Raises:
        UserError: `configure_optimizers` returns another form.
    """
    returned: Any = task.configure_optimizers()
    if task.automatic_optimization:
        optimizer, scheduler = optimizer_and_scheduler(returned)
        return Configured([optimizer], [] if scheduler is None else [scheduler])
    schedulers: list[Any] = []
    if isinstance(returned, tuple | list) and len(returned) == 2 and all(isinstance(p, list | tuple) for p in returned):
        returned, schedulers = list(returned[0]), [_scheduler(each) for each in returned[1]]
    parts = list(returned) if isinstance(returned, tuple | list) else [returned]
    optimizers = []
    for part in parts:
        if isinstance(part, dict) and part.get("lr_scheduler") is not None:
            schedulers.append(_scheduler(part["lr_scheduler"]))
        optimizer = part.get("optimizer") if isinstance(part, dict) else part
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise UserError(
                f"task.py: configure_optimizers returned {type(returned).__name__} with {type(optimizer).__name__} "
                f"where an optimiser was expected"
            )
        optimizers.append(optimizer)
    return Configured(optimizers, schedulers)


def _scheduler(given: Any) -> Any:
    return given["scheduler"] if isinstance(given, dict) else given


def optimizer_and_scheduler(configured: Any) -> tuple[torch.optim.Optimizer, Any]:
    """Read what `configure_optimizers` returned: an optimiser, alone or with a schedule that is stepped every batch.

    Raises:
        UserError: It is of another form.
    """
    if isinstance(configured, torch.optim.Optimizer):
        return configured, None
    if isinstance(configured, dict) and isinstance(configured.get("optimizer"), torch.optim.Optimizer):
        schedule = configured.get("lr_scheduler")
        if schedule is None:
            return configured["optimizer"], None
        if isinstance(schedule, dict) and schedule.get("interval") == "step" and schedule.get("frequency", 1) == 1:
            return configured["optimizer"], schedule["scheduler"]
        raise UserError(
            'task.py: configure_optimizers: the lr_scheduler must be {"scheduler": ..., "interval": "step"}'
        )
    raise UserError(
        f"task.py: configure_optimizers returned {type(configured).__name__}; expected one optimiser, or {FORM}; "
        "several need `self.automatic_optimization = False` and steps that the task takes itself"
    )


@contextmanager
def by_hand(task: "LightningModule", configured: Configured) -> Iterator[None]:
    """Let a task that optimises by hand reach its schedules and toggle its optimisers without a trainer."""
    if task.automatic_optimization:
        yield
        return
    wanted: dict[int, list[tuple[Any, bool]]] = {}

    def lr_schedulers() -> Any:
        found = configured.schedulers
        return None if not found else found[0] if len(found) == 1 else found

    def toggle_optimizer(optimizer: Any) -> None:
        own = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        every = [p for each in configured.optimizers for group in each.param_groups for p in group["params"]]
        wanted[0] = [(parameter, parameter.requires_grad) for parameter in every]
        for parameter in every:
            if id(parameter) not in own:
                parameter.requires_grad = False

    def untoggle_optimizer(optimizer: Any) -> None:
        for parameter, before in wanted.pop(0, []):
            parameter.requires_grad = before

    stand_ins = {f.__name__: f for f in (lr_schedulers, toggle_optimizer, untoggle_optimizer)}
    task.__dict__.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            task.__dict__.pop(name, None)
