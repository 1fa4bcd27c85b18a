"""Two batches in eval mode and two in train mode before anything long (RECIPE 3.1); afterwards nothing has changed.

What a person's task raises is then said at once, with the step and the shapes, and memory that is too small for a
batch shows here, not hours later.
"""

import copy
import inspect
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule

from ..errors import UserError
from .configured import Configured
from .feeding import Batch
from .memory import out_of_memory
from .monitors import Monitors
from .steps import Steps
from .tally import Tally

BATCHES = 2
PLAIN = (bool, int, float, str, list, dict, set, tuple)


def rehearse(steps: Steps, train: Sequence[Batch], validation: Sequence[Batch]) -> None:
    """Run `validation_step` and `training_step`, with gradients, on a few batches; leave no trace.

    Args:
        steps: Their task is rehearsed; `parts` may grow where memory runs out.
        train: Batches as training will see them.
        validation: Batches as the evaluation will see them.

    Raises:
        UserError: A step raised; the message says which, where, and what it had got.
    """
    task, tally = steps.task, Tally(steps.task)
    monitors = Monitors(task, 1)
    with unchanged(task, steps.configured):
        task.eval()
        for index, batch in enumerate(validation):
            # `evaluate` takes fewer at once where memory runs out.
            with memory_apart(), saying("validation_step", task, batch), torch.inference_mode(), steps.autocast():
                task.validation_step(batch, index)
        task.train()
        for index, batch in enumerate(train):
            with saying("training_step", task, batch):
                if task.automatic_optimization:
                    steps.gradients(batch, index, 0, tally)
                else:
                    steps.take(batch, index, 0, tally, monitors)
        tally.count()
    steps.heard.values, steps.heard.last = {}, None


@contextmanager
def unchanged(task: LightningModule, configured: Configured) -> Iterator[None]:
    """Give a task its weights, buffers, gradients, mode and plain attributes back, and its optimisers their states."""
    tensors = [*task.parameters(), *task.buffers()]
    kept = [tensor.detach().clone() for tensor in tensors]
    plain = {name: copy.deepcopy(value) for name, value in vars(task).items() if _plain(name, value)}
    modes = [(module, module.training) for module in task.modules()]
    optimisers = copy.deepcopy(configured.state()) if not task.automatic_optimization else None
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, value in zip(tensors, kept, strict=True):
                if not torch.equal(tensor, value):  # untouched ones keep their version
                    tensor.copy_(value)
        for parameter in task.parameters():
            parameter.grad = None
        for module, mode in modes:
            module.training = mode
        task.__dict__.update(plain)
        if optimisers is not None:
            configured.restore(optimisers)
            for optimizer in configured.optimizers:
                optimizer.state.clear()


@contextmanager
def memory_apart() -> Iterator[None]:
    """Let memory run out without an error."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise


def _plain(name: str, value: Any) -> bool:
    return not name.startswith("_") and isinstance(value, PLAIN)


@contextmanager
def saying(step: str, task: LightningModule, batch: Batch) -> Iterator[None]:
    """Turn what a step raises into a sentence.

    Raises:
        UserError: It raised.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        shapes = ", ".join(
            f"{name} {str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
            for name, tensor in zip(("inputs", "labels"), batch, strict=True)
        )
        what = str(error).strip() or "no message"
        raise UserError(
            f"{raised_at(task, error)}: {step} raised {type(error).__name__} on its first batches ({shapes}): {what}"
        ) from error


def raised_at(task: LightningModule, error: BaseException) -> str:
    """`task.py:LINE`, the last line of the task's own file that an exception went through."""
    try:
        own = inspect.getsourcefile(type(task))
    except TypeError:
        own = None
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
    return f"task.py:{lines[-1]}" if lines else "task.py"
