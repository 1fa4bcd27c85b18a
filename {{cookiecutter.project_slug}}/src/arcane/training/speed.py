"""How fast a trial may go on this machine: what `run` leaves to a measurement, looked up or made before it trains."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..config import Params
from ..data.loading import Examples
from .feeding import on_device
from .measuring import MEASURED, Kept, advise_bf16, measured_compile, measured_threads

MUCH_WORK = 1e8  # numbers of inputs seen; LeNet takes about half a minute for so many pixels


def choose_speed(root: Path, params: Params, task: Any, train: Examples, device: torch.device) -> bool:
    """Set the threads where they are to be measured, and say where bf16 would pay; what is asked for as it is costs
    nothing here.

    Args:
        root: The project's; `.arcane/measured.json` in it keeps the measurements.
        params: The trial's.
        task: Fresh, on the CPU; it is not changed.
        train: What it will be trained on.
        device: Where.

    Returns:
        Whether to compile.
    """
    run, how = params.run, params.train
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    batch, steps = min(how.batch_size, len(train)), how.epochs * -(-len(train) // how.batch_size)
    threads = run.threads == "auto" and device.type == "cpu"
    advise = how.precision == "auto" and steps * batch * train.spec.size > MUCH_WORK
    # A task that optimises by hand trains more than its forward pass; of no examples `fit` speaks.
    if not batch or not task.automatic_optimization or not (threads or advise or run.compile == "auto"):
        return run.compile == "always"
    kept = Kept(Path(root) / MEASURED)
    of = {
        "model": params.model.model_dump(mode="json"),
        "train": [how.precision, how.channels_last],
        "inputs": [batch, *train.spec.shape],
        "device": device.type,
    }
    inputs, _ = on_device(train.subset(np.arange(batch)), device)
    own = copy.deepcopy(task).to(device)
    if threads:
        torch.set_num_threads(measured_threads(kept, own, inputs, of))
    if advise:
        advise_bf16(kept, own, inputs, of, steps)
    return measured_compile(kept, own, inputs, of, steps) if run.compile == "auto" else run.compile == "always"


def note_memory(root: Path, device: torch.device) -> None:
    """Remember the most that a trial of this project took of a GPU, by which trials are packed on it."""
    if device.type == "cuda":
        Kept(Path(root) / MEASURED).note_largest("memory", torch.cuda.max_memory_allocated(device))
