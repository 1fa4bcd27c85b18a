"""Ingest: from a source to the manifest and the packed images, keyed by content.

Decides what an example's identity is, which copies are one example, and which of a person's corrections to keep.
"""

import errno
import logging
import math
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from filecmp import cmpfiles
from pathlib import Path
from typing import cast

import numpy as np

from ..config import Data
from ..errors import UserError
from ..files import digest
from ..spec import Spec
from .assets import ASSETS, read_assets, write_assets
from .images import fit_image
from .manifest import MANIFEST, Record, is_text, read_records, write_manifest
from .sources import Example, Source

logger = logging.getLogger("arcane.data")
Progress = Callable[[int, int | None], None]
PROGRESS_EVERY = 256
REFUSALS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES})


def ingest(source: Source, root: Path, data: Data, on_progress: Progress | None = None) -> list[Record]:
    """Read a source and write `data/manifest.jsonl` and `data/assets/`.

    Doing it again changes nothing. A label that a person corrected in the manifest stays, as long as the source still
    says what it said when it was corrected. When anything fails, the manifest and assets that were there stay whole.

    Args:
        source: Where the examples come from.
        root: The project's root.
        data: The params; `limit` and `resolution` shape what is packed.
        on_progress: Called now and then with the examples read and their total, None where that is not known.

    Returns:
        The manifest's records, sorted by id.

    Raises:
        UserError: The source cannot be read, the manifest that is there cannot, or the disk refused a write.
    """
    shape = source.shape()
    if data.resolution is not None and source.modality == "image":
        shape = (shape[0], data.resolution, data.resolution)
    spec = Spec(source.modality, shape, source.classes, source.features, source.target)
    previous = read_records(root / MANIFEST) if (root / MANIFEST).is_file() else []
    recorded = _recorded_labels(root / ASSETS)
    with _scratch(root / ASSETS) as scratch:
        pixels = scratch / "pixels"
        found = list(_packed(source, spec, pixels, on_progress))
        for note in source.notes:
            logger.info(note)
        if not found:
            raise UserError(f"source {source.name}: gives no example")
        merged, row_of = merge_copies(found)
        records = limited(merged, data.limit)
        inputs = np.memmap(pixels, spec.dtype, "r", shape=(len(found), *shape))
        rows = np.array([row_of[record.id] for record in records], np.int64)
        assets = scratch / "assets"
        assets.mkdir()
        write_assets(assets, source.name, spec, [(r.id, r.label) for r in records], inputs, rows)
        kept = keep_corrections(records, previous, recorded)
        write_manifest(root / MANIFEST, kept)
        _take_place(assets, root / ASSETS)
    return kept


def content_id(inputs: np.ndarray) -> str:
    """The identity of an example: 32 hexadecimal digits over shape, dtype and bytes, whatever file it lies in."""
    return digest(str(inputs.shape), str(inputs.dtype), inputs.tobytes())[:32]


def merge_copies(found: Sequence[Record]) -> tuple[list[Record], dict[str, int]]:
    """Make one record of exact copies.

    The smallest path or row stands for all, the others are listed in `duplicates`. Copies in both of the source's
    splits stay in its test, marked `source_overlap`. Copies whose labels disagree get no label, and
    `conflicting_labels` lists them: a label written into the manifest settles the matter.

    Args:
        found: Records as read; ids may repeat.

    Returns:
        The records, sorted by id, and for each id the index in `found` whose pixels stand for it.
    """
    copies: dict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(found):
        copies[record.id].append(index)
    merged, row_of = [], {}
    for identifier in sorted(copies):
        indices = sorted(copies[identifier], key=lambda index: (found[index].path or "", found[index].row or 0))
        row_of[identifier] = indices[0]
        merged.append(_merged([found[index] for index in indices]) if len(indices) > 1 else found[indices[0]])
    return merged, row_of


def _merged(copies: Sequence[Record]) -> Record:
    first = copies[0]
    extra = dict(first.extra)
    labels = {copy.label for copy in copies if copy.label is not None}
    splits = {copy.source_split for copy in copies}
    if len(labels) > 1:
        extra["conflicting_labels"] = sorted(labels)
    if len(splits) > 1 and "test" in splits:
        extra["source_overlap"] = True
    return replace(
        first,
        label=next(iter(labels)) if len(labels) == 1 else None,
        source_split="test" if "test" in splits else first.source_split,
        duplicates=tuple(copy.where.removeprefix("row ") for copy in copies[1:]),
        extra=extra,
    )


def limited(records: Sequence[Record], limit: int | None) -> list[Record]:
    """At most `limit` records, in the proportions of the source's splits and classes.

    Within each, those with the smallest ids: ids are hashes, so that is a random choice that all machines make alike.
    What the proportions leave over goes to the largest remainders (Hamilton's method).
    """
    if limit is None or limit >= len(records):
        return list(records)
    sizes = Counter(
        (record.source_split or "", record.label if isinstance(record.label, str) else "") for record in records
    )
    shares = {stratum: limit * size / len(records) for stratum, size in sizes.items()}
    quota = {stratum: int(share) for stratum, share in shares.items()}
    by_remainder = sorted(shares, key=lambda stratum: (quota[stratum] - shares[stratum], stratum))
    for stratum in by_remainder[: limit - sum(quota.values())]:
        quota[stratum] += 1
    chosen = []
    for record in sorted(records, key=lambda record: record.id):
        stratum = (record.source_split or "", record.label if isinstance(record.label, str) else "")
        if quota[stratum]:
            quota[stratum] -= 1
            chosen.append(record)
    return chosen


def keep_corrections(
    records: Sequence[Record], previous: Iterable[Record], recorded: Mapping[str, str | float | None] | None
) -> list[Record]:
    """Carry a person's corrections from the manifest that is there into the new one.

    A label is a correction where it differs from the label that the source gave when it was last packed. It stays
    unless the source now says something else. Group, time, domain and further names stay where the source gives none.

    Args:
        records: What the source says now.
        previous: The manifest that is there.
        recorded: The source's labels when it was last packed; None where the assets are gone: then every label that
            differs from the source's is taken for a correction, because a person's work is dearer than a file's.
    """
    before = {record.id: record for record in previous}
    kept, corrected, overruled = [], [], []
    for record in records:
        old = before.get(record.id)
        if old is None:
            kept.append(record)
            continue
        label = record.label
        then = recorded.get(record.id, record.label) if recorded is not None else record.label
        if old.label != then:
            if record.label == then:
                label = old.label
                corrected.append(record.id)
            elif record.label != old.label:
                overruled.append(record)
        ours = {"conflicting_labels", "source_overlap"}
        extra = {name: value for name, value in old.extra.items() if name not in ours} | record.extra
        kept.append(
            replace(
                record,
                label=label,
                group=record.group if record.group is not None else old.group,
                time=record.time if record.time is not None else old.time,
                domain=record.domain if record.domain is not None else old.domain,
                extra=extra,
            )
        )
    if corrected:
        logger.info("%d labels corrected in the manifest are kept", len(corrected))
    for record in overruled:
        logger.warning(
            "%s: the source now says %r; the manifest's corrected label gives way", record.where, record.label
        )
    return kept


def _recorded_labels(assets: Path) -> dict[str, str | float | None] | None:
    if not (assets / "index.json").is_file():
        return None
    packed = read_assets(assets)
    return dict(zip(packed.ids, packed.labels, strict=True))


def _packed(source: Source, spec: Spec, pixels: Path, on_progress: Progress | None) -> Iterator[Record]:
    """Write every example's pixels, one after the other, and yield its record."""
    classes = set(source.classes)
    done = 0
    with _refused_writes(pixels.parent), pixels.open("wb") as file:
        for example in source.examples():
            _check(source, classes, example)
            file.write(fitted(example.inputs, spec).data)
            done += 1
            if on_progress and done % PROGRESS_EVERY == 0:
                on_progress(done, source.total)
            yield Record(
                id=content_id(example.inputs),
                label=example.label,
                path=example.path,
                row=done - 1 if example.path is None and example.row is None else example.row,
                group=example.group,
                time=example.time,
                domain=example.domain,
                source=source.name,
                source_split=example.source_split,
                extra=example.extra,
            )
    if on_progress:
        on_progress(done, done)


def fitted(inputs: np.ndarray, spec: Spec) -> np.ndarray:
    """One example as it is packed: `spec.shape`; images are resized, shorter sequences padded with NaN at the end."""
    if spec.modality == "image":
        return fit_image(inputs, cast(tuple[int, int, int], spec.shape))
    packed = np.full(spec.shape, np.nan, np.float32)
    packed[..., : inputs.shape[-1]] = inputs
    return packed


def _check(source: Source, classes: set[str], example: Example) -> None:
    inputs = example.inputs
    where = f"source {source.name}, {example.path or f'row {example.row}'}"
    if source.modality == "image":
        right = inputs.dtype == np.uint8 and (inputs.ndim == 2 or (inputs.ndim == 3 and inputs.shape[2] in (1, 3)))
        expected = "uint8 [H, W], [H, W, 1] or [H, W, 3]"
    elif source.modality == "sequence":
        right = inputs.dtype == np.float32 and inputs.ndim in (1, 2)
        expected = "float32 [L] or [C, L]"
    else:
        right = inputs.dtype == np.float32 and inputs.shape == (len(source.features),)
        expected = f"float32 [{len(source.features)}]"
    if not right:
        raise UserError(f"{where}: inputs are {inputs.dtype} {inputs.shape}; expected {expected}")
    label = example.label
    if label is None:
        return
    if source.target is not None:
        if isinstance(label, str) or not math.isfinite(label):
            raise UserError(f"{where}: {source.target.name} is {label!r}; expected a finite number, or None")
    elif label not in classes:
        raise UserError(f"{where}: label {label!r} is not among the source's classes")
    elif not isinstance(label, str) or not is_text(label):
        raise UserError(f"{where}: label {label!r} cannot be written in UTF-8")


@contextmanager
def _scratch(assets: Path) -> Iterator[Path]:
    """A folder beside `assets`, on the same disk, gone afterwards."""
    with _refused_writes(assets):
        assets.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".ingest-", dir=assets.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _refused_writes(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:  # a source's own trouble is not the disk's
            raise
        raise UserError(
            f"{path.parent}: the disk refused a write while packing ({error.strerror or error}); "
            "the manifest and assets that were there are untouched"
        ) from error


def _take_place(new: Path, old: Path) -> None:
    """Put `new` where `old` is; where both hold the same bytes, leave `old` (DVC need not read it again)."""
    names = sorted(path.name for path in new.iterdir())
    if old.is_dir() and sorted(path.name for path in old.iterdir()) == names:
        same, _, _ = cmpfiles(new, old, names, shallow=False)
        if len(same) == len(names):
            return
    aside = new.parent / "replaced"
    if old.exists():
        old.rename(aside)
    new.rename(old)
