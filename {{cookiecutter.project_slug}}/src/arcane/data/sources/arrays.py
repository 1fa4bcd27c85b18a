"""Sequences in `.npz` files: arrays of numbers, read a part at a time and never as Python objects."""

import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from ...errors import UserError

AT_ONCE = 1 << 22  # numbers in one part: 32 MB of float64
UNREADABLE = (ValueError, OSError, zipfile.BadZipFile, zlib.error, EOFError)


def array_names(path: Path) -> list[str]:
    """The names of the arrays in the file.

    Raises:
        UserError: It is no `.npz` file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path}: not an .npz file, or a truncated one ({error}); np.savez writes them") from None


def read_array(path: Path, name: str) -> np.ndarray:
    """One whole array.

    Raises:
        UserError: It holds Python objects, or cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[name]
    except UNREADABLE as error:
        raise _unreadable(path, name, error) from None


def array_header(path: Path, name: str) -> tuple[tuple[int, ...], np.dtype]:
    """An array's shape and type, without its numbers.

    Raises:
        UserError: As `read_array`.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            shape, _, dtype = _header(file)
    except UNREADABLE as error:
        raise _unreadable(path, name, error) from None
    return shape, dtype


def rows_of(path: Path, name: str) -> Iterator[np.ndarray]:
    """An array's rows, some at a time, in order; an array in Fortran's order is read whole.

    Raises:
        UserError: As `read_array`.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
            shape, fortran, dtype = _header(file)
            if fortran and len(shape) > 1:
                yield read_array(path, name)
                return
            width = math.prod(shape[1:])
            step = max(1, AT_ONCE // max(1, width))
            for start in range(0, shape[0], step):
                rows = min(step, shape[0] - start)
                raw = file.read(rows * width * dtype.itemsize)
                yield np.frombuffer(raw, dtype).reshape(rows, *shape[1:])
    except UNREADABLE as error:
        raise _unreadable(path, name, error) from None


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return shape, fortran, dtype


def _unreadable(path: Path, name: str, error: Exception) -> UserError:
    objects = "object" in str(error).lower()
    hint = (
        "; reading objects would run code from the file: for series of several lengths save all values in one array "
        "`x` and their `lengths`"
        if objects
        else ""
    )
    return UserError(f"{path}, array `{name}`: cannot be read ({error}){hint}")
