"""One step of training after another: gradients of a whole batch, whatever part of it fits in memory at once.

Must not know epochs, records or files.
"""

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.pytorch import LightningModule
from torch import Tensor

from ..errors import UserError
from .averages import WeightAverage
from .configured import Configured
from .feeding import Batch
from .listening import Heard
from .memory import out_of_memory
from .monitors import Monitors
from .randomness import reseed
from .tally import Tally

logger = logging.getLogger("arcane.training")


@dataclass(frozen=True)
class Options:
    """What a training may do beyond the plain loop; each is off by default.

    Attributes:
        accumulate: Parts that a batch is cut into; their gradients add up to the whole batch's.
        clip: The norm that a step's gradient is scaled down to where it is larger.
        ema: How much of the running average of the weights each step keeps, 0 to 1; the average is measured and kept.
        patience: Epochs without a new best validation error after which training ends, with the best epoch's weights.
        channels_last: Whether images lie in memory with a pixel's channels side by side; None: on GPUs. On a CPU here a
            step of LeNet took 10.5 ms in place of 13.8 and one of a small ResNet 35 in place of 49 (with bf16 as well:
            9.4 and 28), but the last bits differ.
        compile: Whether the forward pass goes through `torch.compile`; the last bits differ by it too.
    """

    accumulate: int = 1
    clip: float | None = None
    ema: float | None = None
    patience: int | None = None
    channels_last: bool | None = None
    compile: bool = False


class Steps:
    """Takes the steps of one training.

    Args:
        task: On its device, in train mode when a step is taken.
        fabric: Whose devices and precision are used.
        configured: The task's optimisers and schedules.
        options: As above.
        heard: Listens to the task.

    Attributes:
        parts: Parts that a batch is cut into: `options.accumulate`, more where memory ran out.
    """

    def __init__(
        self, task: LightningModule, fabric: Fabric, configured: Configured, options: Options, heard: Heard
    ) -> None:
        self.task, self.fabric, self.configured, self.options, self.heard = task, fabric, configured, options, heard
        self.parts = options.accumulate
        module: Any = fabric.setup(task, *configured.optimizers)
        module = module[0] if isinstance(module, tuple) else module
        # Fabric's wrapper casts and redirects, which one device has no need of: 6 us of a forward pass of 135 here.
        self.alone = fabric.world_size == 1
        self.module = module
        self.training_step: Callable[..., Any] = task.training_step if self.alone else module.training_step
        # The base class's context is empty but takes a microsecond to enter.
        self.autocast = fabric.autocast if "mixed" in fabric._precision.precision else nullcontext
        groups = [group for optimizer in configured.optimizers for group in optimizer.param_groups]
        self.trained = [parameter for group in groups for parameter in group["params"]]
        self.parameters = list({id(each): each for each in (*task.parameters(), *self.trained)}.values())
        self.average = WeightAverage(task, options.ema) if options.ema is not None else None

    def take(self, batch: Batch, index: int, seed: int, tally: Tally, monitors: Monitors, share: float = 1.0) -> None:
        """Move the weights once.

        Args:
            batch: This process's examples.
            index: Of the step in its epoch.
            seed: Of all that is drawn in the step.
            tally: Takes the loss and the outputs.
            monitors: Look at some steps.
            share: What the loss is weighted by: with several processes, how many more examples this one has than the
                mean.
        """
        watched = monitors.due(index)
        if watched:
            monitors.before()
        if self.task.automatic_optimization:
            loss = self.gradients(batch, index, seed, tally, share)
            if watched:
                monitors.gradient()
            if self.options.clip is not None:
                torch.nn.utils.clip_grad_norm_(self.trained, self.options.clip)
            self.configured.optimizers[0].step()
            self.drop_gradients()
            for scheduler in self.configured.schedulers:
                scheduler.step()
        else:
            reseed(self.fabric.device, seed)
            loss = self._loss(batch, index, tally).detach()
        if self.average is not None:
            self.average.update()
        if watched:
            monitors.after()
        tally.losses.append(loss)
        tally.step_ended()

    def drop_gradients(self) -> None:
        """As the optimiser's `zero_grad`, whose profiling costs 10 us a step, and of parameters that it lacks too."""
        for parameter in self.parameters:
            parameter.grad = None

    def gradients(self, batch: Batch, index: int, seed: int, tally: Tally, share: float = 1.0) -> Tensor:
        """Leave the gradients of the batch's mean loss on the parameters; cut finer where memory runs out.

        Returns:
            The mean loss, detached.

        Raises:
            UserError: One example alone does not fit in memory.
        """
        counted = len(tally.pending)
        while True:
            reseed(self.fabric.device, seed)
            try:
                if self.parts == 1:
                    loss = self._loss(batch, index, tally)
                    if share != 1.0:
                        loss = loss * share
                    self._backward(loss)
                    return loss.detach()
                return self._in_parts(batch, index, tally, share)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
            # Handled out here: the exception keeps the step's tensors alive.
            self.drop_gradients()
            del tally.pending[counted:]
            self._halve(len(batch[1]))

    def _in_parts(self, batch: Batch, index: int, tally: Tally, share: float) -> Tensor:
        inputs, labels = batch
        count = min(self.parts, len(labels))
        total = torch.zeros((), device=labels.device)
        pairs = list(zip(inputs.tensor_split(count), labels.tensor_split(count), strict=True))
        for place, part in enumerate(pairs):
            # The mean over the batch is the parts' means weighted by their sizes: they differ by one example.
            weight = share * len(part[1]) / len(labels)
            unsynchronised = nullcontext()
            if not self.alone:
                unsynchronised = self.fabric.no_backward_sync(self.module, enabled=place < count - 1)
            with unsynchronised:
                loss = self._loss(part, index, tally) * weight
                self._backward(loss)
            total += loss.detach()
        return total

    def _loss(self, batch: Batch, index: int, tally: Tally) -> Tensor:
        with self.autocast():
            loss = self.training_step(batch, index)
        if isinstance(loss, dict):
            loss = loss.get("loss")
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            kind = f"a tensor of shape {list(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise UserError(
                f"task.py: training_step must return the mean loss, one number, also where it optimises by hand (its "
                f"course is watched); it returned {kind}"
            )
        tally.add(self.heard.outputs("training_step"), batch[1])
        return loss if loss.ndim == 0 else loss.reshape(())

    def _backward(self, loss: Tensor) -> None:
        if self.alone:
            loss.backward()
        else:
            self.fabric.backward(loss)

    def _halve(self, examples: int) -> None:
        before = -(-examples // min(self.parts, examples))
        if before == 1:
            raise UserError(
                "out of memory with one example at a time: a smaller model.width, model.depth or data.resolution "
                "needs less"
            )
        self.parts *= 2
        if self.fabric.device.type == "cuda":
            torch.cuda.empty_cache()
        after = -(-examples // min(self.parts, examples))
        logger.warning(
            "out of memory with %d examples at once: goes on with %d at once; a step is still of %d examples",
            before,
            after,
            examples,
        )
