"""The packed images: `data/assets/` holds them in memory-mappable shards, in the order of their ids.

    index.json       schema, source, shape [C, H, W], dtype, classes, count, shards (file, count, sha256)
    examples.jsonl   a line an image, in the shards' order: id, and the label as the source gave it
    shard-00000.npy  uint8 [N, C, H, W]

Same content, same bytes.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..files import read_json, replacing, write_json
from .manifest import json_lines

ASSETS = Path("data/assets")
# Large enough that DVC meets few files (it is slow with many), small enough to be gathered in memory while packing.
SHARD_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Assets:
    """The packed images of a project.

    Attributes:
        folder: Where they lie.
        shape: `(C, H, W)` of every image.
        classes: Class names, in the source's order.
        ids: Content ids, in the order of the images.
        labels: The source's own label of each; None where it has none.
        shards: File name and number of images of each shard.
    """

    folder: Path
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    labels: tuple[str | None, ...]
    shards: tuple[tuple[str, int], ...]

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row by id."""
        return {identifier: row for row, identifier in enumerate(self.ids)}

    def shard(self, number: int) -> np.ndarray:
        """A shard's images, memory-mapped: uint8 `[N, C, H, W]`.

        Raises:
            UserError: The file is missing or is not what the index says.
        """
        name, count = self.shards[number]
        try:
            images = np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.folder / name}: unreadable ({error}); `dvc checkout` or ingest bring it back"
            ) from None
        if images.shape != (count, *self.shape) or images.dtype != np.uint8:
            raise UserError(f"{self.folder / name}: not the shard that index.json lists; run ingest again")
        return images

    def images(self, rows: np.ndarray) -> np.ndarray:
        """The images of `rows` (int64, ascending): a copy, uint8 `[len(rows), C, H, W]`."""
        gathered = np.empty((len(rows), *self.shape), np.uint8)
        start = done = 0
        for number, (_, count) in enumerate(self.shards):
            stop = int(np.searchsorted(rows, start + count))
            if stop > done:
                gathered[done:stop] = self.shard(number)[rows[done:stop] - start]
            done, start = stop, start + count
        return gathered


def read_assets(folder: Path) -> Assets:
    """Read the index of `data/assets/`; the images stay on disk until asked for.

    Raises:
        UserError: The folder is missing or is not what ingest writes.
    """
    index = read_json(folder / "index.json")
    try:
        examples = [(content["id"], content["label"]) for _, content in json_lines(folder / "examples.jsonl")]
        channels, height, width = index["shape"]
        shards = tuple((shard["file"], shard["count"]) for shard in index["shards"])
        classes = tuple(index["classes"])
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{folder}: not as ingest writes it; delete the folder and run ingest again") from None
    if sum(count for _, count in shards) != len(examples):
        raise UserError(f"{folder}: examples.jsonl and index.json disagree; delete the folder and run ingest again")
    ids, labels = zip(*examples, strict=True) if examples else ((), ())
    return Assets(folder, (channels, height, width), classes, ids, labels, shards)


def write_assets(
    folder: Path,
    source: str,
    classes: Sequence[str],
    examples: Sequence[tuple[str, str | None]],
    images: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Write an assets folder.

    Args:
        folder: An empty folder.
        source: The source's name.
        classes: Class names.
        examples: Id and source's label of each image, sorted by id.
        images: uint8 `[M, C, H, W]`, may be memory-mapped.
        rows: int64; `images[rows[i]]` belongs to `examples[i]`.
    """
    size = max(1, SHARD_BYTES // int(np.prod(images.shape[1:])))
    shards = []
    for number, start in enumerate(range(0, len(rows), size)):
        name = f"shard-{number:05d}.npy"
        content = np.ascontiguousarray(images[rows[start : start + size]])
        with replacing(folder / name, "wb") as file:
            # Not np.save: its `tofile` reports a full disk without an errno, and a memory map dies of SIGBUS.
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(content))
            file.write(content.data)
        shards.append({"file": name, "count": len(content), "sha256": hashlib.sha256(content.data).hexdigest()})
    with replacing(folder / "examples.jsonl") as file:
        file.writelines(json.dumps({"id": identifier, "label": label}) + "\n" for identifier, label in examples)
    index = {
        "schema": 1,
        "source": source,
        "shape": list(images.shape[1:]),
        "dtype": "uint8",
        "classes": list(classes),
        "count": len(rows),
        "shards": shards,
    }
    write_json(folder / "index.json", index)
