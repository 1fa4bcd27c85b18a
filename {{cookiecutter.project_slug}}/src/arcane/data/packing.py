"""From a source to rows and packed inputs: everything it gives, or of its files only those that are not known yet.

The inputs go one after the other into a file on disk, the rows into a frame, so that neither is ever whole in memory as
Python objects.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

from ..errors import UserError
from ..spec import Spec
from .decoding import decoded, headers
from .identity import content_id
from .images import fit_image
from .lines import dumped
from .manifest import is_text
from .seen import CONTENT, STATE
from .sources import Example, Source
from .sources.image_files import ImageFiles, refuse_unreadable

if TYPE_CHECKING:
    import polars as pl

Progress = Callable[[int, int | None], None]
PROGRESS_EVERY = 256
ROWS_AT_ONCE = 65_536
# Of a row as found; `at` is the place of its inputs in the file, null where they are packed already.
TEXTS = ("path", "group", "time", "domain", "source", "source_split", "extra")


@dataclass
class Inputs:
    """Inputs as they will be packed, in a file, one after the other.

    Attributes:
        path: The file.
        spec: What an example is.
        count: How many there are.
    """

    path: Path
    spec: Spec
    count: int = 0

    def add(self, file: IO[bytes], inputs: np.ndarray) -> None:
        """Write one more; `[*spec.shape]`."""
        file.write(inputs.data)
        self.count += 1

    def read(self) -> np.ndarray:
        """All of them, memory-mapped: `[count, *spec.shape]`."""
        shape = (self.count, *self.spec.shape)
        if not self.count:  # nothing can be mapped of an empty file
            return np.empty(shape, self.spec.dtype)
        return np.memmap(self.path, self.spec.dtype, "r", shape=shape)


def found_schema(spec: Spec) -> dict[str, Any]:
    """The columns of rows as found."""
    import polars as pl

    label = pl.Float64 if spec.regression else pl.String
    return {"id": pl.String, "label": label, "row": pl.Int64, **dict.fromkeys(TEXTS, pl.String), "at": pl.Int64}


def read_examples(source: Source, inputs: Inputs, on_progress: Progress | None) -> "pl.DataFrame":
    """Everything that a source gives.

    Args:
        source: Any.
        inputs: An empty file of inputs.
        on_progress: See `ingest`.

    Returns:
        The rows as found.

    Raises:
        UserError: The source cannot be read, or an example is not what the source promises.
    """
    import polars as pl

    schema = found_schema(inputs.spec)
    frames, rows = [], []
    with inputs.path.open("wb") as file:
        for row in _rows(source, inputs, file, on_progress):
            rows.append(row)
            if len(rows) == ROWS_AT_ONCE:
                frames.append(pl.DataFrame(rows, schema=schema, orient="row"))
                rows = []
    if on_progress:
        on_progress(inputs.count, inputs.count)
    return pl.concat([*frames, pl.DataFrame(rows, schema=schema, orient="row")])


def _rows(source: Source, inputs: Inputs, file: IO[bytes], on_progress: Progress | None) -> Iterator[tuple[Any, ...]]:
    classes = set(source.classes)
    for at, example in enumerate(source.examples()):
        check(source, classes, example)
        inputs.add(file, fitted(example.inputs, inputs.spec))
        row = at if example.path is None and example.row is None else example.row
        facts = (example.group, example.time, example.domain, source.name, example.source_split)
        extra = dumped(example.extra) if example.extra else None
        yield content_id(example.inputs, example.key), example.label, row, example.path, *facts, extra, at
        if on_progress and inputs.count % PROGRESS_EVERY == 0:
            on_progress(inputs.count, source.total)


def fitted(inputs: np.ndarray, spec: Spec) -> np.ndarray:
    """One example as it is packed: `spec.shape`; images are resized, shorter sequences padded with NaN at the end."""
    if spec.modality == "image":
        return fit_image(inputs, cast(tuple[int, int, int], spec.shape))
    packed = np.full(spec.shape, np.nan, np.float32)
    packed[..., : inputs.shape[-1]] = inputs
    return packed


def check(source: Source, classes: set[str], example: Example) -> None:
    """Hold an example against what the source promises.

    Raises:
        UserError: The inputs are of another form, or the label is none that can be.
    """
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


class KnownFiles:
    """A source's image files, with what is remembered of them; reads what is not.

    Args:
        source: The source.
        seen: What is remembered (`seen.read_seen`).
    """

    def __init__(self, source: ImageFiles, seen: "pl.DataFrame"):
        self.source = source
        files = source.files.join(seen, on=list(STATE), how="left", maintain_order="left", nulls_equal=False)
        unknown = files["grey"].is_null().arg_true()
        found = list(headers(source.root, files["path"].gather(unknown).to_list()))
        for place, name in enumerate(("height", "width", "grey")):
            values = [None if header is None else header[place] for header in found]
            files = files.with_columns(files[name].scatter(unknown, values) if values else files[name])
        self.files = files

    def shape(self) -> tuple[int, int, int]:
        """As `ImageFiles.shape`."""
        return self.source.shape_of(self.files.select("height", "width", "grey").drop_nulls())

    def read(self, inputs: Inputs, on_progress: Progress | None) -> "pl.DataFrame":
        """Decode the files whose ids are not known.

        Returns:
            The rows as found.

        Raises:
            UserError: Files cannot be read; all of them are named.
        """
        import polars as pl

        unknown = self.files["id"].is_null().arg_true()
        ids = _decode(self.source, self.files["path"].gather(unknown).to_list(), inputs, on_progress)
        files = self.files.with_columns(self.files["id"].scatter(unknown, ids) if ids else self.files["id"])
        self.files = files
        at = pl.Series("at", [None] * len(files), pl.Int64)
        files = files.with_columns(at.scatter(unknown, pl.int_range(len(ids), eager=True)) if ids else at)
        files = _with_form(files)
        columns = {name: pl.lit(None, kind) for name, kind in found_schema(inputs.spec).items()}
        columns |= {name: pl.col(name) for name in files.columns if name in columns}
        return files.select(**columns | {"source": pl.lit(self.source.name)})

    def read_again(self, rows: "pl.DataFrame", inputs: Inputs, on_progress: Progress | None) -> None:
        """Decode the files of rows whose ids are known, but whose inputs are not packed: `path` and `id`.

        Raises:
            UserError: A file cannot be read, or has changed since it was listed.
        """
        ids = _decode(self.source, rows["path"].to_list(), inputs, on_progress)
        for path, expected, found in zip(rows["path"], rows["id"], ids, strict=True):
            if found != expected:
                raise UserError(f"{path}: changed while ingest was at work; run it again")

    def remembered(self) -> "pl.DataFrame":
        """What to remember of the files."""
        return self.files.select(*STATE, *CONTENT)


def _with_form(files: "pl.DataFrame") -> "pl.DataFrame":
    """The files with `height` and `width`, and `mode`, among the further names (`extra`), where they differ at all."""
    import polars as pl

    mode = pl.when("grey").then(pl.lit("grey")).otherwise(pl.lit("colour")).alias("mode")
    form = files.select("height", "width", mode)
    told = [name for names in (["height", "width"], ["mode"]) for name in names if form.select(names).n_unique() > 1]
    if not told:
        return files
    given = files["extra"] if "extra" in files.columns else [None] * len(files)
    rows = zip(given, form.select(told).iter_rows(named=True), strict=True)
    return files.with_columns(extra=pl.Series([dumped(row | json.loads(extra or "{}")) for extra, row in rows]))


def _decode(source: ImageFiles, paths: list[str], inputs: Inputs, on_progress: Progress | None) -> list[str]:
    unreadable, ids = [], []
    with inputs.path.open("ab") as file:
        for image in decoded(source.root, paths, cast(tuple[int, int, int], inputs.spec.shape)):
            if isinstance(image, UserError):
                unreadable.append(str(image))
                continue
            ids.append(image.id)
            inputs.add(file, image.pixels)
            if on_progress and len(ids) % PROGRESS_EVERY == 0:
                on_progress(len(ids), len(paths))
    refuse_unreadable(unreadable, len(paths))
    if on_progress and paths:
        on_progress(len(paths), len(paths))
    return ids
