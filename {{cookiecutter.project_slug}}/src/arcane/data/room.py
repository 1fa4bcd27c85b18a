"""Where a split's inputs lie while they are used: in memory, or, where that is short, mapped from a file on disk."""

import time
from pathlib import Path

import numpy as np

from ..files import digest, replacing
from .assets import Assets

FOLDER = Path(".arcane/inputs")
# Of the free memory; train and validation are held at once, and a training wants to have some.
SHARE = 0.25
CHUNK_BYTES = 2**26
ABANDONED = 86_400.0  # seconds after which a half-written file is nobody's
CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


def free_memory() -> int | None:
    """Bytes of memory that are free: on the machine, or within the container's limit; None where unknown."""
    found = [available(MEMINFO), left_in_container(CGROUP)]
    return min((size for size in found if size is not None), default=None)


def available(meminfo: Path) -> int | None:
    """`MemAvailable` of Linux's `/proc/meminfo`, in bytes; None where there is none."""
    try:
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def left_in_container(cgroup: Path) -> int | None:
    """What a container's limit leaves, in bytes; None where there is no limit."""
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        return None if limit == "max" else max(0, int(limit) - int((cgroup / "memory.current").read_text()))
    except (OSError, ValueError):
        return None


def inputs_of(assets: Assets, rows: np.ndarray, room: int | None = None) -> np.ndarray:
    """The inputs of `rows`, in that order.

    Args:
        assets: The packed inputs, in `data/assets/` of a project.
        rows: int64 `[N]`, in any order.
        room: The bytes that may lie in memory; None takes a quarter of what is free.

    Returns:
        `[N, *spec.shape]`; a `np.memmap`, copied where it is written to, of a file under `.arcane/inputs/` where they
        are too many. The file is named by its content, and taken again.
    """
    spec = assets.spec
    if room is None:
        free = free_memory()
        room = None if free is None else int(free * SHARE)
    size = len(rows) * spec.size * np.dtype(spec.dtype).itemsize
    if room is None or size <= room:
        return _gathered(assets, rows)
    version = digest(assets.folder / "index.json")[:16]
    path = assets.folder.parent.parent / FOLDER / f"{version}-{digest(rows.tobytes())[:16]}.npy"
    if not path.is_file():
        remove_old(path.parent, version)
        _write(path, assets, rows)
    return np.load(path, mmap_mode="c", allow_pickle=False)


def remove_old(folder: Path, version: str) -> None:
    """Delete the files of other versions of the data, and what a kill left half-written."""
    for path in folder.glob("*") if folder.is_dir() else ():
        half = path.name.startswith(".")
        if not path.name.startswith(version) and (not half or time.time() - path.stat().st_mtime > ABANDONED):
            path.unlink(missing_ok=True)


def _gathered(assets: Assets, rows: np.ndarray) -> np.ndarray:
    order = np.argsort(rows, kind="stable")
    inputs = np.empty((len(rows), *assets.spec.shape), assets.spec.dtype)
    inputs[order] = assets.inputs(rows[order])
    return inputs


def _write(path: Path, assets: Assets, rows: np.ndarray) -> None:
    spec = assets.spec
    shape = (len(rows), *spec.shape)
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(spec.dtype)), "fortran_order": False, "shape": shape}
    at_once = max(1, CHUNK_BYTES // (spec.size * np.dtype(spec.dtype).itemsize))
    with replacing(path, "wb") as file:
        # Written, not mapped: a full disk is then an error and no SIGBUS.
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(rows), at_once):
            file.write(_gathered(assets, rows[start : start + at_once]).data)
