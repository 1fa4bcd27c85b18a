"""Many image files to ids and packed pixels: several at once, the memory bounded whatever their sizes."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..errors import UserError
from .identity import content_id
from .images import decoded_image, fit_image, image_header, without_warnings

# A decoded photograph of 12 megapixels is 36 MB, and each thread holds one.
MOST_THREADS = 8
# Files below this size on average are read by one thread. Measured on two cores: a JPEG of 640 by 480 (60 kB) takes
# 3.7 ms with one thread and 1.9 ms with two, as Pillow decodes without the interpreter's lock; a PNG of 28 by 28
# (0.5 kB) 107 µs with one and 220 µs with two, which wait for that lock. (Processes: 2.1 ms and 72 µs; they would save
# 2 s of 60,000 such files, and bring what second processes bring.)
LARGE = 16_000
SAMPLE = 16
# Files that a thread takes at once.
PART, PART_BYTES = 64, 16 << 20
Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Decoded:
    """An image, read and brought to the packed size.

    Attributes:
        id: Of the content as decoded.
        pixels: uint8 `[C, H, W]`.
    """

    id: str
    pixels: np.ndarray


def decoded(root: Path, paths: Sequence[str], shape: tuple[int, int, int]) -> Iterator[Decoded | UserError]:
    """Read images, in the order of their paths; an error stands in the place of what cannot be read.

    Args:
        root: What the paths are relative to.
        paths: The files.
        shape: `(C, H, W)` of the packed images.
    """
    size = max(1, min(PART, PART_BYTES // int(np.prod(shape))))
    return _each(partial(_decoded, root, shape), root, paths, size)


def headers(root: Path, paths: Sequence[str]) -> Iterator[tuple[int, int, bool] | None]:
    """Height, width and whether it is grey, of each file; None where that cannot be read."""
    with without_warnings():
        for path in paths:
            yield _header(root, path)


def images(root: Path, paths: Sequence[str]) -> Iterator[np.ndarray | UserError]:
    """Decoded images in their own sizes, as `decoded` otherwise."""
    return _each(partial(_image, root), root, paths, 1)


def _each(work: Callable[[str], Outcome], root: Path, paths: Sequence[str], size: int) -> Iterator[Outcome]:
    """The outcomes in order; of finished parts no more wait than there are threads."""
    count = min(MOST_THREADS, usable_cores()) if _are_large(root, paths) else 1
    with without_warnings():
        if count == 1:
            yield from map(work, paths)
            return
        parts = (paths[start : start + size] for start in range(0, len(paths), size))
        waiting: deque[Future[list[Outcome]]] = deque()
        with ThreadPoolExecutor(count) as pool:
            for part in parts:
                waiting.append(pool.submit(lambda part=part: [work(path) for path in part]))
                if len(waiting) > count:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()


def _are_large(root: Path, paths: Sequence[str]) -> bool:
    some = paths[:: max(1, len(paths) // SAMPLE)]
    sizes = [(root / path).stat().st_size for path in some if (root / path).is_file()]
    return bool(sizes) and sum(sizes) / len(sizes) >= LARGE


def usable_cores() -> int:
    """Cores that this process may use; a container or a scheduler may give it fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _decoded(root: Path, shape: tuple[int, int, int], path: str) -> Decoded | UserError:
    image = _image(root, path)
    return image if isinstance(image, UserError) else Decoded(content_id(image), fit_image(image, shape))


def _image(root: Path, path: str) -> np.ndarray | UserError:
    try:
        return decoded_image(root / path)
    except UserError as error:
        return UserError(str(error).replace(str(root / path), path, 1))


def _header(root: Path, path: str) -> tuple[int, int, bool] | None:
    try:
        return image_header(root / path)
    except UserError:
        return None
