"""Which device trains, in which precision, and how many trials fit on the machine at once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ..errors import UserError

# A process with CUDA holds about this much before it trains anything: its context and libraries.
PROCESS_BYTES = 600 * 2**20
MOST_ON_GPU = 8


def choose_device(wanted: str) -> str:
    """The device for `run.device`: `auto` takes CUDA, then MPS, then the CPU.

    Returns:
        `cpu`, `mps` or `cuda:N`.

    Raises:
        UserError: The wanted device is not there.
    """
    import torch

    if wanted == "cpu":
        return "cpu"
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if wanted == "auto":
        return "cuda:0" if cuda else "mps" if mps else "cpu"
    if wanted == "mps" and mps:
        return "mps"
    index = int(wanted.partition(":")[2] or 0) if wanted.startswith("cuda") else 0
    if wanted.startswith("cuda") and index < cuda:
        return f"cuda:{index}"
    there = ["cpu", *(["mps"] if mps else []), *(f"cuda:{i}" for i in range(cuda))]
    raise UserError(
        f"run.device is `{wanted}`, but torch finds only {', '.join(there)} here; `auto` takes the best there is"
    )


def choose_precision(wanted: str, device: str) -> Literal["32-true", "bf16-mixed"]:
    """Fabric's precision for `train.precision`: `auto` is bfloat16 on GPUs that have it, 32 bits elsewhere."""
    import torch

    if wanted == "auto":
        wanted = (
            "bf16" if device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False) else "32"
        )
    return "bf16-mixed" if wanted == "bf16" else "32-true"


@contextmanager
def without_probing() -> Iterator[None]:
    """Spare each step of an optimiser a search for the driver of GPUs, where there are none.

    torch's optimisers ask at every step whether CUDA is there. Lightning's import sets a variable by which the answer
    is looked up in the driver's library, loaded anew each time: 48 us a step here, against 0.7 without it. (The
    variable keeps a process that looks from spoiling its forks for CUDA; without a GPU there is nothing to spoil.)
    """
    import torch

    name = "PYTORCH_NVML_BASED_CUDA_CHECK"
    before = os.environ.get(name)
    if before is None or torch.cuda.device_count():
        yield
        return
    del os.environ[name]
    try:
        yield
    finally:
        os.environ[name] = before


def usable_cores() -> int:
    """Cores that this process may use: its affinity, and its container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, int(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


def default_slots(device: str, threads: int | str, memory: int | None = None) -> int:
    """Trials at once: as many as share the GPUs, or cores divided by the threads of a trial (`auto`: one).

    Args:
        device: As `choose_device` gives it.
        threads: CPU threads of a trial.
        memory: The bytes that an earlier trial took of a GPU; None where none was measured: one trial a GPU.
    """
    import torch

    threads = 1 if isinstance(threads, str) else threads
    if device.startswith("cuda"):
        count = max(1, torch.cuda.device_count())
        free = min((torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())), default=0)
        return count * trials_on_gpu(free, memory, usable_cores() // (count * threads))
    return 1 if device == "mps" else max(1, usable_cores() // threads)


def trials_on_gpu(free: int, memory: int | None, cores: int) -> int:
    """How many small trials share one GPU.

    Args:
        free: Bytes of it that are free.
        memory: What one trial was measured to take, without what each process takes for itself; None: unknown.
        cores: CPU cores for its trials: each keeps one busy with launching kernels.

    Returns:
        One at least; as many as fit into nine tenths of the memory, as there are cores, and 8 at most.
    """
    if memory is None:
        return 1
    return max(1, min(int(free * 0.9) // (memory + PROCESS_BYTES), cores, MOST_ON_GPU))
