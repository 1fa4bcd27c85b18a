"""The packed inputs: `data/assets/` holds them in memory-mappable shards.

    index.json       schema, source, what `Spec` says (modality, shape, classes, ...), dtype, count, shards (file, count,
                     sha256)
    examples.jsonl   a line an example, in the shards' order: id, and the label as the source gave it
    shard-00000.npy  uint8 [N, C, H, W] for images, float32 [N, ...] else

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
from ..spec import Spec
from .manifest import json_lines

ASSETS = Path("data/assets")
# Large enough that DVC meets few files (it is slow with many), small enough to be gathered in memory while packing.
SHARD_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Assets:
    """The packed inputs of a project.

    Attributes:
        folder: Where they lie.
        spec: What an example is.
        ids: Content ids, in the order of the inputs.
        labels: The source's own label of each; None where it has none.
        shards: File name and number of examples of each shard.
    """

    folder: Path
    spec: Spec
    ids: tuple[str, ...]
    labels: tuple[str | float | None, ...]
    shards: tuple[tuple[str, int], ...]

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row by id."""
        return {identifier: row for row, identifier in enumerate(self.ids)}

    def shard(self, number: int) -> np.ndarray:
        """A shard's inputs, memory-mapped: `[N, *spec.shape]`.

        Raises:
            UserError: The file is missing or is not what the index says.
        """
        name, count = self.shards[number]
        try:
            inputs = np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self.folder / name}: unreadable ({error}); `dvc checkout` or ingest bring it back"
            ) from None
        if inputs.shape != (count, *self.spec.shape) or inputs.dtype != self.spec.dtype:
            raise UserError(f"{self.folder / name}: not the shard that index.json lists; run ingest again")
        return inputs

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """The inputs of `rows` (int64, ascending): a copy, `[len(rows), *spec.shape]`."""
        gathered = np.empty((len(rows), *self.spec.shape), self.spec.dtype)
        start = done = 0
        for number, (_, count) in enumerate(self.shards):
            stop = int(np.searchsorted(rows, start + count))
            if stop > done:
                gathered[done:stop] = self.shard(number)[rows[done:stop] - start]
            done, start = stop, start + count
        return gathered


def read_assets(folder: Path) -> Assets:
    """Read the index of `data/assets/`; the inputs stay on disk until asked for.

    Raises:
        UserError: The folder is missing or is not what ingest writes.
    """
    index = read_json(folder / "index.json")
    try:
        examples = [(content["id"], content["label"]) for _, content in json_lines(folder / "examples.jsonl")]
        spec = Spec.from_json(index)
        shards = tuple((shard["file"], shard["count"]) for shard in index["shards"])
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{folder}: not as ingest writes it; delete the folder and run ingest again") from None
    if sum(count for _, count in shards) != len(examples):
        raise UserError(f"{folder}: examples.jsonl and index.json disagree; delete the folder and run ingest again")
    ids, labels = zip(*examples, strict=True) if examples else ((), ())
    return Assets(folder, spec, ids, labels, shards)


def write_assets(
    folder: Path,
    source: str,
    spec: Spec,
    examples: Sequence[tuple[str, str | float | None]],
    inputs: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Write an assets folder.

    Args:
        folder: An empty folder.
        source: The source's name.
        spec: What an example is.
        examples: Id and source's label of each, sorted by id.
        inputs: `[M, *spec.shape]`, may be memory-mapped.
        rows: int64; `inputs[rows[i]]` belongs to `examples[i]`.
    """
    size = max(1, SHARD_BYTES // (inputs.itemsize * spec.size))
    shards = []
    for number, start in enumerate(range(0, len(rows), size)):
        name = f"shard-{number:05d}.npy"
        content = np.ascontiguousarray(inputs[rows[start : start + size]])
        with replacing(folder / name, "wb") as file:
            # Not np.save: its `tofile` reports a full disk without an errno, and a memory map dies of SIGBUS.
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(content))
            file.write(content.data)
        shards.append({"file": name, "count": len(content), "sha256": hashlib.sha256(content.data).hexdigest()})
    with replacing(folder / "examples.jsonl") as file:
        file.writelines(json.dumps({"id": identifier, "label": label}) + "\n" for identifier, label in examples)
    index = {
        "schema": 2,
        "source": source,
        **spec.as_json(),
        "dtype": spec.dtype,
        "count": len(rows),
        "shards": shards,
    }
    write_json(folder / "index.json", index)
