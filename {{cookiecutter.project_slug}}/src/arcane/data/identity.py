"""What makes two examples the same: a hash of their content, whatever file it lies in and whatever that is called."""

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np

DIGITS = 32


def content_id(inputs: np.ndarray, key: bytes | None = None) -> str:
    """The identity of an example: 32 hexadecimal digits over shape, dtype and bytes.

    Args:
        inputs: As the source gives them, before they are brought to a common size.
        key: What stands for the bytes, where the source says so (`Example.key`).
    """
    total = _begun(str(inputs.shape), str(inputs.dtype)).copy()
    content = inputs.tobytes() if key is None else key
    total.update(len(content).to_bytes(8, "little") + content)
    return total.hexdigest()[:DIGITS]


@lru_cache(256)
def _begun(shape: str, dtype: str) -> Any:
    """SHA-256 over shape and dtype, each after its length: the same for most examples of a set (see `files.digest`)."""
    total = hashlib.sha256()
    for part in (shape.encode(), dtype.encode()):
        total.update(len(part).to_bytes(8, "little") + part)
    return total
