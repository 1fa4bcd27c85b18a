"""Ingest: from a source to the manifest and the packed inputs, keyed by content.

Wires the decisions (`merging`) to the reading (`packing`) and the writing (`assets`, `manifest`), such that whatever
happens in between, what was there before stays whole.
"""

import errno
import fcntl
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from filecmp import cmp
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from ..config import Data
from ..errors import UserError
from ..spec import Spec
from .assets import ASSETS, Assets, Old, old_assets, write_assets
from .identity import content_id
from .manifest import COLUMNS, MANIFEST, read_exactly, write_manifest
from .merging import keep_corrections, limited, merge_copies, next_batch, numbered_copies, slim
from .near import fingerprints, near_links
from .packing import Inputs, KnownFiles, Progress, read_examples
from .seen import read_known, read_seen, read_written, remember, remember_manifest, remember_written, state_of
from .sources import Source
from .sources.image_files import ImageFiles

if TYPE_CHECKING:
    import polars as pl

__all__ = ["content_id", "ingest"]

logger = logging.getLogger("arcane.data")
REFUSALS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES})
SCRATCH, REPLACED = ".ingest-", "replaced"


def ingest(source: Source, root: Path, data: Data, on_progress: Progress | None = None) -> int:
    """Read a source and write `data/manifest.jsonl` and `data/assets/`.

    Doing it again changes nothing, and files that have not changed are not read again. A label that a person corrected
    in the manifest stays, as long as the source still says what it said when it was corrected. When anything fails, the
    manifest and assets that were there stay whole.

    Args:
        source: Where the examples come from.
        root: The project's root.
        data: The params; `limit` and `resolution` shape what is packed.
        on_progress: Called now and then with the examples read and their total, None where that is not known.

    Returns:
        How many examples there are.

    Raises:
        UserError: The source cannot be read, the manifest that is there cannot, or the disk refused a write.
    """
    place = root / ASSETS
    with _scratch(place) as scratch:
        listed_ns = scratch.stat().st_mtime_ns  # by the clock that stamps the files, which may be a server's
        files = KnownFiles(source, read_seen(root)) if _is_plain(source) else None
        spec = _spec(source, files.shape() if files else source.shape(), data)
        old = old_assets(place, _trusted(root))
        inputs = Inputs(scratch / "inputs", spec)
        found = _found(source, files, inputs, on_progress, place)
        found = numbered_copies(found) if spec.modality == "tabular" else merge_copies(found)
        rows = _rows(limited(found.sort("id"), data.limit), _previous(root, old, spec), old)
        for note in source.notes:
            logger.info(note)
        fitting = old if old and _packs_alike(old.assets.spec, spec) else None
        (scratch / "assets").mkdir()
        with _refused_writes(place):
            rows = _with_inputs(rows, fitting, files, inputs, on_progress)
            assets = _packed(scratch / "assets", source, rows, inputs, fitting)
        rows = rows.with_columns(near=_near(rows, assets)).select(*COLUMNS, "extra").sort("id")
        write_manifest(root / MANIFEST, rows)
        _take_place(scratch / "assets", place)
    if files:
        remember(root, files.remembered(), listed_ns)
    remember_manifest(root, root / MANIFEST, rows)
    remember_written(root, [place / name for name in assets.digests])
    return len(rows)


def _is_plain(source: Source) -> TypeGuard[ImageFiles]:
    """Whether its examples are its files and nothing more; a person's class may do more to them."""
    own = type(source)
    return isinstance(source, ImageFiles) and (own.examples, own.shape) == (ImageFiles.examples, ImageFiles.shape)


def _found(
    source: Source, files: KnownFiles | None, inputs: Inputs, on_progress: Progress | None, place: Path
) -> "pl.DataFrame":
    """What the source gives."""
    with _refused_writes(place):
        found = files.read(inputs, on_progress) if files else read_examples(source, inputs, on_progress)
    if found.is_empty():
        raise UserError(f"source {source.name}: gives no example")
    return slim(found)


def _spec(source: Source, shape: tuple[int, ...], data: Data) -> Spec:
    if isinstance(data.resolution, int) and source.modality == "image":
        shape = (shape[0], data.resolution, data.resolution)
    return Spec(source.modality, shape, source.classes, source.features, source.target)


def _trusted(root: Path) -> Callable[[Path], bool]:
    written = read_written(root)
    return lambda path: written.get(path.name) == state_of(path)


def _packs_alike(one: Spec, other: Spec) -> bool:
    """Whether the same inputs come out in the same bytes."""
    return (one.modality, one.shape, one.features) == (other.modality, other.shape, other.features)


def _previous(root: Path, old: Old | None, spec: Spec) -> "pl.DataFrame | None":
    """The manifest that is there. Where classes became numbers or numbers classes, its labels say nothing any more."""
    import polars as pl

    if not (root / MANIFEST).is_file():
        return None
    regression = old.assets.spec.regression if old else spec.regression
    previous = read_known(root, root / MANIFEST)
    if previous is None or (previous["label"].dtype == pl.Float64) != regression:
        previous = slim(read_exactly(root / MANIFEST, regression))
    if regression == spec.regression:
        return previous
    return previous.with_columns(label=pl.lit(None, pl.Float64 if spec.regression else pl.String))


def _rows(examples: "pl.DataFrame", previous: "pl.DataFrame | None", old: Old | None) -> "pl.DataFrame":
    """The examples as the manifest will hold them; `given` is the source's label, `new` what the manifest has not."""
    import polars as pl

    given = examples["label"]
    if previous is None:
        examples = examples.with_columns(batch=pl.lit(None, pl.Int64), near=pl.lit(None, pl.String))
    else:
        recorded = old.assets.examples if old else None
        if recorded is not None and recorded["label"].dtype != given.dtype:
            recorded = previous.select("id", "label")
        examples = keep_corrections(examples, previous, recorded)
    batch = next_batch(examples, previous)
    return examples.with_columns(given=given, new=pl.col("batch").is_null(), batch=pl.col("batch").fill_null(batch))


def _with_inputs(
    rows: "pl.DataFrame", old: Old | None, files: KnownFiles | None, inputs: Inputs, on_progress: Progress | None
) -> "pl.DataFrame":
    """The rows in the order of the assets, each with the place of its inputs: `at` those just read, or `old`.

    What is known by its id, but is neither packed nor read, is read now: a limit left it out, or its shard is damaged.
    """
    import polars as pl

    packed = old.rows() if old and files else pl.DataFrame(schema={"id": pl.String, "old": pl.Int64})
    rows = rows.join(packed, on="id", how="left").sort("batch", "id")
    lacking = rows.select(pl.col("at").is_null() & pl.col("old").is_null()).to_series().arg_true()
    if not files or not len(lacking):
        return rows
    before = inputs.count
    files.read_again(rows.select("path", "id")[lacking], inputs, on_progress)
    return rows.with_columns(at=rows["at"].scatter(lacking, pl.int_range(before, inputs.count, eager=True)))


def _packed(folder: Path, source: Source, rows: "pl.DataFrame", inputs: Inputs, old: Old | None) -> Assets:
    """Write the assets; `rows` are in their order, `at` and `old` say where the inputs of each are now."""
    read, at, packed = inputs.read(), rows["at"].fill_null(-1).to_numpy(), rows["old"].fill_null(-1).to_numpy()

    def inputs_of(start: int, stop: int) -> np.ndarray:
        now = at[start:stop]
        content = np.empty((len(now), *inputs.spec.shape), inputs.spec.dtype)
        content[now >= 0] = read[now[now >= 0]]
        before = packed[start:stop][now < 0]
        if len(before) and old:
            order = np.argsort(before, kind="stable")
            content[np.flatnonzero(now < 0)[order]] = old.assets.inputs(before[order])
        return content

    examples = rows.select("id", "batch", label="given")
    prints = None if inputs.spec.modality == "tabular" else fingerprints
    return write_assets(folder, source.name, inputs.spec, examples, inputs_of, old, at >= 0, prints)


def _near(rows: "pl.DataFrame", assets: Assets) -> "pl.Series":
    """Of each example the id of the older one that it nearly duplicates; of a chain of such, the oldest.

    What the manifest says of old examples stays: they must not change their split because others came. A row of a
    table that is the same as another stays with it, however likely that is by chance.
    """
    import polars as pl

    # Twins are known: among thousands of the same row a search for neighbours would take for ever.
    single = rows["twin"].is_null().arg_true().to_numpy() if "twin" in rows.columns else np.arange(len(rows))
    new = np.flatnonzero(rows["new"].to_numpy()[single])
    if not rows["new"].any():
        return rows["near"]
    links = near_links(new, assets.fingerprints()[single], lambda some: assets.inputs(single[some]), assets.spec)
    roots: dict[int, str] = {}
    for row, older in ((int(single[row]), int(single[older])) for row, older, _ in sorted(links)):
        roots[row] = roots.get(older) or rows["near"][older] or rows["id"][older]
    near = rows["near"].cast(pl.String).scatter([*roots], [*roots.values()]) if roots else rows["near"]
    return _with_twins(rows, near) if "twin" in rows.columns else near


def _with_twins(rows: "pl.DataFrame", near: "pl.Series") -> "pl.Series":
    import polars as pl

    firsts = rows.select("id").with_columns(of_first=near.cast(pl.String))
    joined = rows.select("twin", "new").join(firsts, left_on="twin", right_on="id", how="left", maintain_order="left")
    theirs = pl.coalesce("of_first", "twin")
    return joined.select(pl.when(pl.col("new") & pl.col("twin").is_not_null()).then(theirs).otherwise(near)).to_series()


@contextmanager
def _scratch(assets: Path) -> Iterator[Path]:
    """A folder beside `assets`, on the same disk, gone afterwards; what a killed ingest left behind goes first."""
    with _refused_writes(assets):
        assets.parent.mkdir(parents=True, exist_ok=True)
        for left in assets.parent.glob(f"{SCRATCH}*"):
            _clear(left, assets)
        folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=assets.parent))
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _clear(left: Path, assets: Path) -> None:
    """Remove a scratch folder whose process is gone; if it was just then replacing `assets`, the old ones come back."""
    lock = os.open(left, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not assets.exists() and (left / REPLACED).is_dir():
            (left / REPLACED).rename(assets)
        shutil.rmtree(left)
    except BlockingIOError:
        pass  # another ingest is at work
    finally:
        os.close(lock)


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
    if (
        old.is_dir()
        and sorted(path.name for path in old.iterdir()) == names
        and all((new / name).samefile(old / name) or cmp(new / name, old / name, shallow=False) for name in names)
    ):
        return
    if old.exists():
        old.rename(new.parent / REPLACED)
    new.rename(old)
