"""How much memory there is, and whether an error says that it ran out. Must not know what it is for."""

import torch

from ..data import room

# torch has a class of its own for a GPU's memory; the CPU's and MPS's allocators say it in words.
SAID = ("can't allocate memory", "not enough memory", "MPS backend out of memory")
# What a training needs beside the examples: weights, optimiser, one step's tensors.
SHARE = 0.5


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, on any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in SAID)


def free_memory(device: torch.device | str = "cpu") -> int | None:
    """Bytes that are free on a device: for the CPU of the machine, or of the container's limit; None where unknown."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return room.free_memory()


def fits(size: int, free: int | None) -> bool:
    """Whether examples of so many bytes may lie on a device throughout: they leave half of it to the training."""
    return free is None or size <= free * SHARE
