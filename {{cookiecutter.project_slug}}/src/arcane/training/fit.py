"""Trains a LightningModule on packed examples: the loop is ours and on one screen, devices and precision are Fabric's.

Must not know params or projects.
"""

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from lightning.pytorch import LightningModule
from torch import Tensor

from ..data.loading import Examples
from ..errors import DivergedError, UserError
from .checkpoints import Checkpoints, random_states, restore_random_states
from .compiling import compiling
from .configured import by_hand, configured, optimizer_and_scheduler
from .devices import choose_precision, without_probing
from .feeding import Feed, on_device
from .inference import EVALUATION_BATCH, evaluate
from .listening import Heard, listening
from .monitors import Monitors
from .randomness import key, keys, order, random_state_kept
from .rehearsal import BATCHES, rehearse
from .steps import Options, Steps
from .stopping import Patience, Stopped
from .tally import Tally

__all__ = ["Epoch", "Options", "batch_sizes", "fit", "on_device", "optimizer_and_scheduler"]

logger = logging.getLogger("arcane.training")

ORDER, EPOCH, STEP = range(3)
AT_ONCE = 4096  # examples looked through at once
MEASURED = frozenset({"train_loss", "train_error", "validation_loss", "validation_error"})


@dataclass(frozen=True)
class Epoch:
    """What one epoch measured.

    Attributes:
        epoch: From 1.
        train_loss: Mean over the epoch's examples, as training saw them (train mode, augmented, weights moving).
        train_error: The same for the error: the share classified wrongly, or the share of the targets' variance that a
            regression leaves unexplained.
        validation_loss: In eval mode, after the epoch.
        validation_error: The same.
        learning_rate: Of the epoch's last step.
        seen: Training examples seen so far, over all epochs.
        logged: Means of whatever else the task gave to `self.log`, over steps, and what `Monitors` saw:
            `gradient_norm`, `update_ratio`, `dead_units`.
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
    options: Options = Options(),  # noqa: B008 - frozen
    on_epoch: Callable[[Epoch], None] | None = None,
    checkpoints: Checkpoints | None = None,
    every: float = 0.0,
    stop: threading.Event | None = None,
    fabric: Fabric | None = None,
) -> list[Epoch]:
    """Train `task` in place.

    The order of examples depends on (seed, epoch), and everything drawn inside a step (augmentation, dropout) on
    (seed, epoch, step); the process's own random state is the same afterwards as before. On a CPU the same seed gives
    the same bytes, also where a training was killed and went on from its checkpoint.

    Args:
        task: Its `training_step` and `validation_step` take `(inputs [N, *spec.shape], labels [N])` as `Examples` has
            them, return the mean loss, and get their outputs by calling `self(inputs)`. With `automatic_optimization`
            off it takes its steps itself.
        train: What it learns from; lies on the device throughout where it fits there (`feeding.Feed`).
        validation: What it is measured on after each epoch.
        epochs: Passes over `train`.
        batch_size: Examples a step; the last batch of an epoch is what is left.
        seed: Of the whole run.
        device: `cpu`, `mps`, `cuda` or `cuda:N`.
        precision: `32`, `bf16` (mixed) or `auto`.
        options: Accumulation, clipping, averaged weights, early stopping.
        on_epoch: Called with each record as it is made, and with those that a checkpoint brings back.
        checkpoints: Where the state is kept; what lies there is gone on from. The caller clears it.
        every: Seconds between checkpoints; 0 keeps one after every step.
        stop: Where it is set, training keeps a checkpoint and stops after the step that runs.
        fabric: One that the caller has launched, for several processes: each takes its part of every batch.

    Returns:
        One record an epoch.

    Raises:
        UserError: The loss is not finite (the message says since when and the likely cause), the task raises, or there
            is nothing to train on.
        Stopped: `stop` was set.
    """
    refuse_unfit(train, validation)
    fabric = fabric or make_fabric(device, precision)
    with (
        without_probing(),
        random_state_kept(fabric.device),
        compiling(task, fabric.device, min(batch_size, len(train)), options.compile),
        listening(task, MEASURED) as heard,
    ):
        # Before the optimisers are made: a fused one is chosen by where the weights lie.
        place(task, fabric.device, options.channels_last)
        task.__dict__["planned_steps"] = epochs * len(batch_sizes(len(train), batch_size))
        try:
            training = Training(task, fabric, heard, (train, validation), epochs, batch_size, seed, options)
            training.checkpoints, training.every, training.stop = checkpoints, every, stop
            with by_hand(task, training.steps.configured):
                training.run(on_epoch)
        finally:
            task.fabric = None
            task.eval()
    return training.records


class Training:
    """One training, at some epoch and step; `state` and `restore` hold all that the rest of it depends on."""

    def __init__(
        self,
        task: LightningModule,
        fabric: Fabric,
        heard: Heard,
        splits: tuple[Examples, Examples],
        epochs: int,
        batch_size: int,
        seed: int,
        options: Options,
    ):
        self.task, self.fabric, self.heard, self.epochs, self.seed = task, fabric, heard, epochs, seed
        self.checkpoints: Checkpoints | None = None
        self.stop: threading.Event | None = None
        self.every, self.kept_at = 0.0, time.monotonic()
        self.steps = Steps(task, fabric, configured(task), options, heard)
        self.n, self.sizes = len(splits[0]), batch_sizes(len(splits[0]), batch_size)
        self.feed = Feed(splits[0], fabric.device)
        self.held_out = on_device(splits[1], fabric.device)
        self.evaluation_batch = max(batch_size, EVALUATION_BATCH)
        self.patience = Patience(options.patience) if options.patience is not None else None
        self.records: list[Epoch] = []
        self.epoch, self.step, self.rate = 1, 0, 0.0
        self.tally, self.monitors = Tally(task), Monitors(task, len(self.sizes))

    def run(self, on_epoch: Callable[[Epoch], None] | None) -> None:
        """Train to the end, from the beginning or from the checkpoint that is there."""
        kept = self.checkpoints.load() if self.checkpoints else None
        if kept is not None:
            self.restore(kept)
            logger.warning("goes on from epoch %d, step %d", self.epoch, self.step)
        else:
            self.rehearse()
        on_epoch = on_epoch or (lambda record: None)
        for record in self.records:
            on_epoch(record)
        while self.epoch <= self.epochs and not (self.patience and self.patience.over):
            self.train_epoch()
            self.records.append(self.measured())
            self.epoch, self.step = self.epoch + 1, 0
            self.tally, self.monitors = Tally(self.task), Monitors(self.task, len(self.sizes))
            self.keep_or_stop()
            on_epoch(self.records[-1])
        if self.steps.average is not None:
            self.steps.average.settle()
        if self.patience is not None and self.patience.weights:
            self.task.load_state_dict(self.patience.weights)

    def train_epoch(self) -> None:
        """Take the epoch's steps, or those that are left of it."""
        if self.step == 0:
            # torch is seeded at every step; these two only here, they cost more and few tasks draw from them.
            random.seed(key(self.seed, EPOCH, self.epoch))
            np.random.seed(key(self.seed, EPOCH, self.epoch))
        seeds = keys(self.seed, STEP, self.epoch)
        whole = self.batches_of(self.epoch)[self.step :]
        own, shares = zip(*map(self.part, whole), strict=True) if whole else ((), ())
        self.task.train()
        with closing(self.feed.batches(own)) as batches:
            for step, (batch, share) in enumerate(zip(batches, shares, strict=True), self.step):
                self.rate = self.steps.configured.learning_rate
                self.steps.take(batch, step, seeds(step), self.tally, self.monitors, share)
                self.step = step + 1
                self.keep_or_stop()

    def batches_of(self, epoch: int) -> Sequence[Tensor]:
        """The rows of an epoch's batches."""
        # Moved once: a copy a step would make a GPU wait.
        return order(self.n, self.seed, ORDER, epoch).to(self.feed.inputs.device).split(self.sizes)

    def part(self, rows: Tensor) -> tuple[Tensor, float]:
        """The rows of a batch that are this process's, and their weight among the processes' parts."""
        processes = self.fabric.world_size
        if processes == 1:
            return rows, 1.0
        own = rows.tensor_split(processes)[self.fabric.global_rank]
        return own, len(own) * processes / len(rows)

    def measured(self) -> Epoch:
        """Measure on validation and sum the epoch up."""
        # One look an epoch: asking at each step would make a GPU wait for the answer.
        by_step: Any = self.tally.by_step()
        errors: Any = self.tally.error_sum()
        if self.fabric.world_size > 1:
            by_step = self.fabric.all_reduce(by_step.to(self.fabric.device), reduce_op="mean")
            errors = self.fabric.all_reduce(errors, reduce_op="sum")
        by_step = by_step.cpu()
        losses = by_step.tolist()
        if not all(map(math.isfinite, losses)):
            refuse_non_finite(losses, self.epoch, self.records, self.rate, with_absent_values(self.feed.inputs))
        average = self.steps.average
        with self.steps.autocast(), average.in_place() if average is not None else nullcontext():
            measured = evaluate(self.task, *self.held_out, batch_size=self.evaluation_batch)
            if self.patience is not None:
                self.patience.take(self.epoch, float(measured.errors.mean()), self.task.state_dict())
        logged = {**self.monitors.found(), **self.heard.means(), **measured.logged}
        return Epoch(
            epoch=self.epoch,
            train_loss=float(by_step @ torch.tensor(self.sizes, dtype=torch.double)) / self.n,
            train_error=float(errors) / self.n,
            validation_loss=measured.loss,
            validation_error=float(measured.errors.mean()),
            learning_rate=self.rate,
            seen=self.epoch * self.n,
            logged={name: mean for name, mean in logged.items() if name not in MEASURED},
        )

    def rehearse(self) -> None:
        """Try two batches of each kind; see `rehearsal`."""
        first = self.batches_of(1)[:BATCHES]
        held_out = zip(*(part.split(self.evaluation_batch)[:BATCHES] for part in self.held_out), strict=True)
        held_out = [(inputs.to(self.fabric.device), labels) for inputs, labels in held_out]
        rehearse(self.steps, [self.feed.batch(self.part(rows)[0]) for rows in first], held_out)

    def keep_or_stop(self) -> None:
        """Keep a checkpoint where it is time for one or where training is to stop.

        Raises:
            Stopped: It is.
        """
        stopping = self.stop is not None and self.stop.is_set()
        if self.checkpoints is not None and (stopping or time.monotonic() - self.kept_at >= self.every):
            if self.fabric.global_rank == 0:
                try:
                    self.checkpoints.save(self.state())
                except (OSError, UserError) as error:
                    logger.warning("no checkpoint was kept (%s); training goes on", error)
            self.kept_at = time.monotonic()
        if stopping:
            kept = ": the next run goes on from there" if self.checkpoints is not None else ""
            raise Stopped(f"stopped at epoch {self.epoch}, step {self.step}{kept}")

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the training depends on, or that it will report."""
        average, patience = self.steps.average, self.patience
        extra: dict[str, Any] = {}
        self.task.on_save_checkpoint(extra)
        return {
            "epoch": self.epoch,
            "step": self.step,
            "rate": self.rate,
            "parameters": dict(self.task.named_parameters()),
            "buffers": dict(self.task.named_buffers()),
            "task": extra,
            "configured": self.steps.configured.state(),
            "parts": self.steps.parts,
            "average": average.state() if average is not None else None,
            "patience": patience.state() if patience is not None else None,
            "tally": self.tally.state(),
            "monitors": self.monitors.state(),
            "logged": self.heard.state(),
            "records": [record.as_json() for record in self.records],
            "random": random_states(self.fabric.device),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Stand where `state` was taken."""
        device = self.fabric.device
        self.epoch, self.step, self.rate = state["epoch"], state["step"], state["rate"]
        self.steps.parts = state["parts"]
        with torch.no_grad():
            for name, parameter in self.task.named_parameters():
                parameter.copy_(state["parameters"][name])
            for name, buffer in self.task.named_buffers():
                buffer.copy_(state["buffers"][name])
        self.task.on_load_checkpoint(state["task"])
        self.steps.configured.restore(state["configured"])
        if self.steps.average is not None:
            self.steps.average.restore(state["average"])
        if self.patience is not None:
            self.patience.restore(state["patience"], device)
        self.tally.restore(state["tally"], device)
        self.monitors.restore(state["monitors"], device)
        self.heard.restore(state["logged"])
        self.records = [Epoch(**record) for record in state["records"]]
        restore_random_states(state["random"], device)


def make_fabric(device: str, precision: str) -> Fabric:
    """One device's Fabric."""
    kind, _, index = device.partition(":")
    return Fabric(
        accelerator=kind,
        devices=[int(index or 0)] if kind == "cuda" else 1,
        precision=choose_precision(precision, device),
    )


def place(task: Any, device: torch.device, channels_last: bool | None) -> None:
    """Move a task to a device, in the memory layout that `Options.channels_last` asks for."""
    task.to(device)
    if channels_last or (channels_last is None and device.type == "cuda"):
        task.to(memory_format=torch.channels_last)


def refuse_unfit(train: Examples, validation: Examples) -> None:
    """Stop where there is nothing to train on, or labels that no output stands for.

    Raises:
        UserError: As said.
    """
    if not len(train) or not len(validation):
        raise UserError(
            f"training needs examples: train has {len(train)}, validation {len(validation)}; see reports/splits.json"
        )
    for name, part in (("train", train), ("validation", validation)):
        if part.inputs.dtype.kind == "f":
            refuse_infinite(name, part)
        if part.spec.regression:
            wrong = np.flatnonzero(~np.isfinite(part.labels))
            expected = "a finite number"
        else:
            wrong = np.flatnonzero((part.labels < 0) | (part.labels >= len(part.classes)))
            expected = f"0 to {len(part.classes) - 1}, one of the {len(part.classes)} classes"
        if len(wrong):
            row = int(wrong[0])
            raise UserError(
                f"{name} split: {len(wrong)} of {len(part)} labels are out of range, the first is "
                f"{part.labels[row]} of example {part.ids[row]}; expected {expected}"
            )


def refuse_infinite(name: str, part: Examples) -> None:
    """Stop where an input is infinite: the mean is then no number, and the column would count as absent throughout.

    Raises:
        UserError: One is.
    """
    for start in range(0, len(part), AT_ONCE):
        found = np.isinf(part.inputs[start : start + AT_ONCE])
        if found.any():
            place = np.argwhere(found)[0]
            where = part.spec.features[place[1]].name if part.spec.features else f"channel {place[1]}"
            raise UserError(
                f"{name} split: example {part.ids[start + place[0]]} has an infinite number in {where}; expected a "
                "number, or nothing (NaN) where it is not known"
            )


def batch_sizes(n: int, size: int) -> list[int]:
    """The sizes of an epoch's batches: the last is what is left, but never a lone example (no batch statistics)."""
    sizes = [size] * (n // size) + ([n % size] if n % size else [])
    if len(sizes) > 1 and sizes[-1] == 1:
        sizes[-2:] = [sizes[-2] + 1]
    return sizes


def with_absent_values(inputs: Tensor) -> int:
    """How many examples hold NaN."""
    if not inputs.is_floating_point():
        return 0
    return sum(int(part.isnan().any(1).sum()) for part in inputs.flatten(1).split(AT_ONCE))


def refuse_non_finite(losses: list[float], epoch: int, records: list[Epoch], rate: float, absent: int = 0) -> None:
    """Stop at an epoch whose losses are not all finite, and say since when and why that is likely.

    Args:
        losses: Of the epoch's steps.
        epoch: Its number, from 1.
        records: Of the epochs before.
        rate: The learning rate.
        absent: Training examples that hold NaN.

    Raises:
        DivergedError: One of them is not.
    """
    bad = next((step for step, loss in enumerate(losses) if not math.isfinite(loss)), None)
    if bad is None:
        return
    where = f"the training loss became {losses[bad]} at epoch {epoch}, step {bad + 1}"
    before = [record.train_loss for record in records] + losses[:bad]
    if absent and not before:
        cause = (
            f"it was so before any weight had moved, and {absent} training examples hold NaN, which stands for an "
            "absent value: the model must fill it, as those of `build_model` do (models.absent.Filled)"
        )
    elif not before:
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
