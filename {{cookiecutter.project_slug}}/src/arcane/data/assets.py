"""The packed inputs: `data/assets/` holds them in memory-mappable shards.

    index.json        schema, source, what `Spec` says (modality, shape, classes, ...), dtype, count, shards (file,
                      count, sha256), and the fingerprints' sha256
    examples.jsonl    a line an example, in the shards' order: id, and the label as the source gave it
    shard-00000.npy   uint8 [N, C, H, W] for images, float32 [N, ...] else
    fingerprints.npy  [N, K], a row an example, by which near-duplicates are found; a table's rows are their own

Examples stand by the ingest that brought them, then by id, and a shard holds those of one ingest only: when data is
added, old shards keep their bytes, and DVC stores the new ones alone. Same manifest and source, same bytes.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UserError
from ..files import read_json, replacing, write_json
from ..spec import Spec
from .lines import blocks, json_text

if TYPE_CHECKING:
    import polars as pl

ASSETS = Path("data/assets")
FINGERPRINTS = "fingerprints.npy"
# Large enough that DVC meets few files (it is slow with many), small enough to be gathered in memory while packing.
SHARD_BYTES = 64 * 2**20
# Whether fingerprints were made as they are now, a few tell: of unit length, they differ by more when made otherwise.
FEW, ALIKE = 4, 0.01
Fingerprints = Callable[[np.ndarray, Spec], np.ndarray]


@dataclass(frozen=True)
class Assets:
    """The packed inputs of a project.

    Attributes:
        folder: Where they lie.
        spec: What an example is.
        examples: `id`, and `label` as the source gave it (String, or Float64 for a regression), in the inputs' order.
        shards: File name and number of examples of each shard.
        digests: SHA-256 by file name, of the shards' numbers and of the whole file `FINGERPRINTS` where there is one.
    """

    folder: Path
    spec: Spec
    examples: "pl.DataFrame"
    shards: tuple[tuple[str, int], ...]
    digests: dict[str, str]

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Content ids, in the order of the inputs."""
        return tuple(self.examples["id"].to_list())

    @cached_property
    def labels(self) -> tuple[str | float | None, ...]:
        """The source's own label of each; None where it has none."""
        return tuple(self.examples["label"].to_list())

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
        inputs = _mapped(self.folder / name)
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

    def fingerprints(self) -> np.ndarray:
        """A row of numbers an example, in the order of the inputs, as `near.fingerprints` gives them.

        Raises:
            UserError: The file is missing or damaged.
        """
        if self.spec.modality == "tabular":
            return self.inputs(np.arange(len(self.examples)))
        found = _mapped(self.folder / FINGERPRINTS)
        if len(found) != len(self.examples):
            raise UserError(f"{self.folder / FINGERPRINTS}: not of these examples; run ingest again")
        return found


def _mapped(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: unreadable ({error}); `dvc checkout` or ingest bring it back") from None


def read_assets(folder: Path) -> Assets:
    """Read the index of `data/assets/`; the inputs stay on disk until asked for.

    Raises:
        UserError: The folder is missing or is not what ingest writes.
    """
    import polars as pl
    from polars.exceptions import PolarsError

    index = read_json(folder / "index.json")
    try:
        spec = Spec.from_json(index)
        shards = tuple((str(shard["file"]), int(shard["count"])) for shard in index["shards"])
        digests = {shard["file"]: shard["sha256"] for shard in index["shards"]}
        digests |= {FINGERPRINTS: index["fingerprints"]} if index.get("fingerprints") else {}
        kind = pl.Float64 if spec.regression else pl.String
        examples = pl.read_ndjson(folder / "examples.jsonl", schema={"id": pl.String, "label": kind})
    except (KeyError, TypeError, ValueError, OSError, PolarsError):
        raise UserError(f"{folder}: not as ingest writes it; delete the folder and run ingest again") from None
    if sum(count for _, count in shards) != len(examples) or examples["id"].null_count():
        raise UserError(f"{folder}: examples.jsonl and index.json disagree; delete the folder and run ingest again")
    return Assets(folder, spec, examples, shards, digests)


def example_lines(examples: "pl.DataFrame") -> "pl.Series":
    """A line of JSON an example, with `id` and `label`."""
    import polars as pl

    label = pl.lit(json_text(examples["label"])).fill_null("null")
    return examples.select(line='{"id": "' + pl.col("id") + '", "label": ' + label + "}")["line"]


@dataclass(frozen=True)
class Old:
    """Assets that are there while new ones are written.

    Attributes:
        assets: They.
        sound: Names of the files whose content is known to be what the index says.
    """

    assets: Assets
    sound: frozenset[str]

    @cached_property
    def _spans(self) -> dict[str, "Span"]:
        spans, row = {}, 0
        for name, count in self.assets.shards:
            if name in self.sound and count:
                spans[self.assets.examples["id"][row]] = Span(name, row, row + count)
            row += count
        return spans

    def shard_of(self, ids: "pl.Series") -> "Span | None":
        """The sound shard that holds these examples and no others, in this order."""
        span = self._spans.get(ids[0])
        same = span and self.assets.examples["id"][span.start : span.stop].equals(ids)
        return span if same else None

    def rows(self) -> "pl.DataFrame":
        """`id` and `old` (the row) of every example whose shard is sound."""
        import polars as pl

        parts = [pl.int_range(span.start, span.stop, eager=True) for span in self._spans.values()]
        rows = pl.concat(parts) if parts else pl.Series(dtype=pl.Int64)
        return pl.DataFrame({"id": self.assets.examples["id"].gather(rows), "old": rows})


@dataclass(frozen=True)
class Span:
    """A shard's file, its first row and the one after its last."""

    file: str
    start: int
    stop: int


def old_assets(folder: Path, trusted: Callable[[Path], bool]) -> Old | None:
    """The assets that are there; None where there are none.

    Args:
        folder: Where they would lie.
        trusted: Whether a file is known to be as it was written; what is not is hashed.

    Raises:
        UserError: As `read_assets`.
    """
    if not (folder / "index.json").is_file():
        return None
    assets = read_assets(folder)
    numbers: dict[str, Callable[[], np.ndarray]] = {FINGERPRINTS: assets.fingerprints}
    numbers |= {name: partial(assets.shard, number) for number, (name, _) in enumerate(assets.shards)}
    return Old(assets, frozenset(name for name in assets.digests if _is_sound(assets, name, numbers[name], trusted)))


def _is_sound(assets: Assets, name: str, read: Callable[[], np.ndarray], trusted: Callable[[Path], bool]) -> bool:
    try:
        inputs = read()
    except UserError:
        return False
    return trusted(assets.folder / name) or _digest(inputs) == assets.digests[name]


def _digest(inputs: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(inputs).data).hexdigest()


def write_assets(
    folder: Path,
    source: str,
    spec: Spec,
    examples: "pl.DataFrame",
    inputs_of: Callable[[int, int], np.ndarray],
    old: Old | None = None,
    fresh: np.ndarray | None = None,
    fingerprints: Fingerprints | None = None,
) -> Assets:
    """Write an assets folder.

    Args:
        folder: An empty folder.
        source: The source's name.
        spec: What an example is.
        examples: `id`, `label` (the source's) and, where there were several ingests, `batch`; sorted by batch and id.
        inputs_of: The inputs of the examples from one row up to another, `[n, *spec.shape]`.
        old: Packed examples of the same spec; files that would come out the same are linked, not written.
        fresh: bool `[N]`; which examples were read from the source just now, whatever `old` has. None: all.
        fingerprints: Those of some inputs. Asked for a shard's at a time: the last bits of a row may depend on the rows
            beside it, and a shard is the same however its examples came.
    """
    ids, shards, digests, prints = examples["id"], [], {}, []
    before = _prints_before(old, fingerprints)
    for start, stop in _cuts(examples, max(1, SHARD_BYTES // (spec.size * np.dtype(spec.dtype).itemsize))):
        path, content = folder / f"shard-{len(shards):05d}.npy", None
        same = old.shard_of(ids[start:stop]) if old else None
        if same is None or fresh is None or fresh[start:stop].any():
            content = np.ascontiguousarray(inputs_of(start, stop))
            digests[path.name] = _digest(content)
            same = same if same and old and old.assets.digests[same.file] == digests[path.name] else None
        if same and old:
            digests[path.name] = old.assets.digests[same.file]
            _link(old.assets.folder / same.file, path)
        elif content is not None:
            _write_array(path, content)
        if fingerprints and same and before is not None:
            prints.append(before[same.start : same.stop])
        elif fingerprints:
            prints.append(fingerprints(inputs_of(start, stop) if content is None else content, spec))
        shards.append((path.name, stop - start))
    if prints:
        content = np.ascontiguousarray(np.concatenate(prints))
        digests[FINGERPRINTS] = _digest(content)
        if old and before is not None and old.assets.digests[FINGERPRINTS] == digests[FINGERPRINTS]:
            _link(old.assets.folder / FINGERPRINTS, folder / FINGERPRINTS)
        else:
            _write_array(folder / FINGERPRINTS, content)
    with replacing(folder / "examples.jsonl") as file:
        file.writelines(blocks(examples, example_lines))
    assets = Assets(folder, spec, examples.select("id", "label"), tuple(shards), digests)
    _write_index(assets, source)
    return assets


def _prints_before(old: Old | None, fingerprints: Fingerprints | None) -> np.ndarray | None:
    """The fingerprints that are there, unless another version of the engine made them."""
    if old is None or fingerprints is None or FINGERPRINTS not in old.sound:
        return None
    before, some = old.assets.fingerprints(), np.arange(min(FEW, len(old.assets.examples)))
    try:
        now = fingerprints(old.assets.inputs(some), old.assets.spec)
    except UserError:  # the first shard is damaged
        return None
    alike = now.dtype == before.dtype and now.shape[1:] == before.shape[1:]
    return before if alike and np.allclose(now, before[some], atol=ALIKE, equal_nan=True) else None


def _write_index(assets: Assets, source: str) -> None:
    index: dict[str, Any] = {
        "schema": 3,
        "source": source,
        **assets.spec.as_json(),
        "dtype": assets.spec.dtype,
        "count": len(assets.examples),
        "shards": [{"file": name, "count": count, "sha256": assets.digests[name]} for name, count in assets.shards],
        "fingerprints": assets.digests.get(FINGERPRINTS),
    }
    write_json(assets.folder / "index.json", index)


def _cuts(examples: "pl.DataFrame", size: int) -> Iterator[tuple[int, int]]:
    """Where each shard begins and ends: at most `size` examples, of one ingest."""
    batches = examples["batch"].rle().struct.field("len").to_list() if "batch" in examples else [len(examples)]
    begin = 0
    for count in batches:
        for start in range(begin, begin + count, size):
            yield start, min(start + size, begin + count)
        begin += count


def _write_array(path: Path, content: np.ndarray) -> None:
    with replacing(path, "wb") as file:
        # Not np.save: its `tofile` reports a full disk without an errno, and a memory map dies of SIGBUS.
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(content))
        file.write(content.data)


def _link(there: Path, path: Path) -> None:
    try:
        os.link(there, path)
    except OSError:  # not every file system has links
        shutil.copyfile(there, path)
