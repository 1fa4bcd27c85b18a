"""Trains a LightningModule on packed examples: the loop is ours and on one screen, devices and precision are Fabric's.

Must not know params, projects or files.
"""

import math
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.pytorch import LightningModule
from torch import Tensor

from ..data.loading import Examples
from ..errors import DivergedError, UserError
from .devices import choose_precision
from .inference import EVALUATION_BATCH, evaluate
from .listening import listening
from .randomness import key, order, random_state_kept, reseed

ORDER, EPOCH, STEP = range(3)
MEASURED = frozenset({"train_loss", "train_error", "validation_loss", "validation_error"})


@dataclass(frozen=True)
class Epoch:
    """What one epoch measured.

    Attributes:
        epoch: From 1.
        train_loss: Mean over the epoch's examples, as training saw them (train mode, augmented, weights moving).
        train_error: The same for the share classified wrongly.
        validation_loss: In eval mode, after the epoch.
        validation_error: The same.
        learning_rate: Of the epoch's last step.
        seen: Training examples seen so far, over all epochs.
        logged: Means of whatever else the task gave to `self.log`, over steps.
    """

    epoch: int
    train_loss: float
    train_error: float
    validation_loss: float
    validation_error: float
    learning_rate: float
    seen: int
    logged: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The record as reports carry it."""
        return asdict(self)


def fit(
    task: LightningModule,
    train: Examples,
    validation: Examples,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    device: str = "cpu",
    precision: str = "32",
    on_epoch: Callable[[Epoch], None] | None = None,
) -> list[Epoch]:
    """Train `task` in place.

    The order of examples depends on (seed, epoch), and everything drawn inside a step (augmentation, dropout) on
    (seed, epoch, step); the process's own random state is the same afterwards as before. On a CPU the same seed gives
    the same bytes.

    Args:
        task: Its `training_step` and `validation_step` take `(images uint8 [N, C, H, W], labels int64 [N])`, return
            the mean loss, and get their logits by calling `self(images)`.
        train: What it learns from; lies on the device throughout.
        validation: What it is measured on after each epoch.
        epochs: Passes over `train`.
        batch_size: Examples a step; the last batch of an epoch is what is left.
        seed: Of the whole run.
        device: `cpu`, `mps`, `cuda` or `cuda:N`.
        precision: `32`, `bf16` (mixed) or `auto`.
        on_epoch: Called with each record as it is made.

    Returns:
        One record an epoch.

    Raises:
        UserError: The loss is not finite (the message says since when and the likely cause), or there is nothing to
            train on.
    """
    if not len(train) or not len(validation):
        raise UserError(
            f"training needs examples: train has {len(train)}, validation {len(validation)}; see reports/splits.json"
        )
    kind, _, index = device.partition(":")
    fabric = Fabric(
        accelerator=kind,
        devices=[int(index or 0)] if kind == "cuda" else 1,
        precision=choose_precision(precision, device),
    )
    sizes = batch_sizes(len(train), batch_size)
    records = []
    with random_state_kept(fabric.device), listening(task) as heard:
        task.to(fabric.device)
        task.__dict__["planned_steps"] = epochs * len(sizes)
        optimizer, scheduler = optimizer_and_scheduler(task.configure_optimizers())
        module, optimizer = fabric.setup(task, optimizer)
        images, labels = on_device(train, fabric.device)
        held_out = on_device(validation, fabric.device)
        try:
            for epoch in range(1, epochs + 1):
                # torch is seeded at every step; these two only here, they cost more and few tasks draw from them.
                random.seed(key(seed, EPOCH, epoch))
                np.random.seed(key(seed, EPOCH, epoch))
                permutation = order(len(train), seed, ORDER, epoch).to(fabric.device)
                losses, wrong, rate = [], torch.zeros((), dtype=torch.int64, device=fabric.device), 0.0
                task.train()
                for step, rows in enumerate(permutation.split(sizes)):
                    reseed(fabric.device, key(seed, STEP, epoch, step))
                    batch = images[rows], labels[rows]
                    with fabric.autocast():
                        loss = module.training_step(batch, step)
                    fabric.backward(loss)
                    optimizer.step()
                    optimizer.zero_grad()
                    losses.append(loss.detach())
                    wrong += (heard.logits("training_step").argmax(1) != batch[1]).sum()
                    rate = optimizer.param_groups[0]["lr"]
                    if scheduler is not None:
                        scheduler.step()
                # One look an epoch: asking at each step would make a GPU wait for the answer.
                by_step = torch.stack(losses).double().cpu()
                refuse_non_finite(by_step.tolist(), epoch, records, rate)
                mean = float(by_step @ torch.tensor(sizes, dtype=torch.double)) / len(train)
                with fabric.autocast():
                    measured = evaluate(task, *held_out, batch_size=max(batch_size, EVALUATION_BATCH))
                record = Epoch(
                    epoch=epoch,
                    train_loss=mean,
                    train_error=int(wrong) / len(train),
                    validation_loss=measured.loss,
                    validation_error=int(measured.wrong.sum()) / len(validation),
                    learning_rate=rate,
                    seen=epoch * len(train),
                    logged={
                        name: mean
                        for name, mean in {**heard.means(), **measured.logged}.items()
                        if name not in MEASURED
                    },
                )
                records.append(record)
                if on_epoch:
                    on_epoch(record)
        finally:
            task.fabric = None
            task.eval()
    return records


def batch_sizes(n: int, size: int) -> list[int]:
    """The sizes of an epoch's batches: the last is what is left, but never a lone example (no batch statistics)."""
    sizes = [size] * (n // size) + ([n % size] if n % size else [])
    if len(sizes) > 1 and sizes[-1] == 1:
        sizes[-2:] = [sizes[-2] + 1]
    return sizes


def on_device(examples: Examples, device: torch.device) -> tuple[Tensor, Tensor]:
    """All images and labels as tensors there."""
    return torch.tensor(examples.inputs, device=device), torch.tensor(examples.labels, device=device)


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
        f"task.py: configure_optimizers returned {type(configured).__name__}; expected one optimiser, or "
        '{"optimizer": ..., "lr_scheduler": {"scheduler": ..., "interval": "step"}}'
    )


def refuse_non_finite(losses: list[float], epoch: int, records: list[Epoch], rate: float) -> None:
    """Stop at an epoch whose losses are not all finite, and say since when and why that is likely.

    Raises:
        DivergedError: One of them is not.
    """
    bad = next((step for step, loss in enumerate(losses) if not math.isfinite(loss)), None)
    if bad is None:
        return
    where = f"the training loss became {losses[bad]} at epoch {epoch}, step {bad + 1}"
    before = [record.train_loss for record in records] + losses[:bad]
    if not before:
        cause = "it was so before any weight had moved: look for a logarithm of zero or a division by zero in task.py"
    elif max(losses[max(0, bad - 20) : bad] or before[-1:]) > 2 * before[0]:
        cause = (
            f"it had grown from {before[0]:.3g} to {before[-1]:.3g}: train.learning_rate ({rate:g}) is likely too high"
        )
    else:
        cause = (
            f"it was {before[-1]:.3g} just before, so one step broke it: a lower train.learning_rate (now {rate:g}) "
            "helps if a gradient exploded, else look for a logarithm or a division in task.py that can meet zero"
        )
    raise DivergedError(f"{where}; {cause}")
