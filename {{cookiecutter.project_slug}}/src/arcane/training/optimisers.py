"""Optimisers and learning-rate schedules by name, for a task's `configure_optimizers`."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from ..config import Train

MOMENTUM = 0.9
WARM_UP = 0.3


def constant(done: float) -> float:
    """Always the whole learning rate."""
    return 1.0


def cosine(done: float) -> float:
    """Half a cosine from 1 to 0 (arXiv:1608.03983, without restarts)."""
    return 0.5 * (1 + math.cos(math.pi * done))


def one_cycle(done: float) -> float:
    """Rise from 1/25 to 1 over the first 30 % of the steps, then fall to zero, by half cosines (arXiv:1708.07120)."""
    if done < WARM_UP:
        return 1 - (1 - 1 / 25) * cosine(done / WARM_UP)
    return cosine((done - WARM_UP) / (1 - WARM_UP))


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine, "one-cycle": one_cycle}


def configure_optimizer(task: nn.Module, train: Train) -> dict[str, Any]:
    """The optimiser and schedule that `train` names, as Lightning's `configure_optimizers` returns them.

    Adam at 3e-4 unless params say otherwise (RECIPE 2.2); sgd has momentum 0.9. Weight decay (L2 in adam and sgd,
    decoupled in adamw) is kept off biases and normalisation, which have one dimension.
    """
    parameters = [parameter for parameter in task.parameters() if parameter.requires_grad]
    groups: Iterable[Any] = parameters
    if train.weight_decay:
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": train.weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
    fused = {parameter.device.type for parameter in parameters} <= {"cpu", "cuda", "mps"}
    if train.optimizer == "sgd":
        optimizer = torch.optim.SGD(groups, train.learning_rate, momentum=MOMENTUM, fused=fused)
    else:
        kind = torch.optim.AdamW if train.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind(groups, train.learning_rate, weight_decay=0.0, fused=fused)
    if train.schedule == "constant":
        return {"optimizer": optimizer}
    shape, total = SCHEDULES[train.schedule], total_steps(task)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: shape(min(1.0, step / total)))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def total_steps(task: Any) -> int:
    """How many optimiser steps training will take: `fit` leaves it on the task, Lightning's trainer estimates it."""
    planned = getattr(task, "planned_steps", None)
    return int(planned if planned is not None else task.trainer.estimated_stepping_batches)
