"""A person's own images with a table that says what each shows: a row a file, CSV, TSV or Parquet."""

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import Data
from ...errors import UserError
from ..lines import dumped, json_text
from ..manifest import NAMES
from .columns import MOST_CLASSES, Seen, iso_times, present, typed_kind
from .folder import Folder, class_folders, images_folder
from .image_files import ImageFiles, Scan, scan, some
from .labels import labels_of
from .reading import FIRST_ROW, SPLIT_NAMES, batches, column_names, delimiter_of, is_text_file
from .table_files import times_are_years

if TYPE_CHECKING:
    import polars as pl

TABLES = (".csv", ".tsv", ".parquet", ".pq")
FILE_COLUMNS = ("path", "file", "filename", "image")
LABEL_COLUMNS = ("label", "target")
SHOWN = 20
AWAY = re.compile(r"/|\\\\|[A-Za-z]:[\\/]|~")


def own_images(root: Path, data: Data) -> ImageFiles:
    """The images in `data.path`: with a table of labels where one lies there, else a sub-folder a class.

    Raises:
        UserError: As `LabelledImages` and `Folder`; or more than one table could be meant.
    """
    folder = images_folder(root.resolve(), data.path)
    tables = [each for each in sorted(folder.iterdir()) if each.suffix.lower() in TABLES and each.name[0] != "."]
    named = [each for each in tables if each.stem.lower() == "labels"]
    if not named and len(class_folders(folder)) > 1:
        return Folder(root, data.path)
    meant = named or tables
    if len(meant) > 1:
        raise UserError(
            f"{folder}: {', '.join(each.name for each in meant)} could all hold the labels; leave one of them there, "
            "or call one labels.csv"
        )
    return LabelledImages(root, data, meant[0]) if meant else Folder(root, data.path)


class LabelledImages(ImageFiles):
    """Images that a table lists, by paths relative to the table or to the project's root.

    The column of files is called path, file, filename or image, or is the first; that of labels as `data.target` says,
    or label or target. `group`, `time`, `domain` and `split` are taken from the columns that the params name, or that
    are called so. All others, save those of `data.ignore`, become further names in the manifest.

    Args:
        root: The project's root.
        data: `path`, `target`, `task`, `unit`, `group`, `time`, `domain`, `ignore`.
        table: The table, in the images' folder.

    Raises:
        UserError: The table cannot be read, a column is missing, rows name files that are not there or lead out of the
            project, or the labels are none; names the rows.
    """

    def __init__(self, root: Path, data: Data, table: Path):
        import polars as pl

        self.root, self.table = root.resolve(), table
        self.where = table.relative_to(self.root).as_posix()
        names = column_names(table)
        self.columns = columns_of(names, data, self.where)
        taken = [name for name in names if name and name not in data.ignore]
        frame = read_table(table, taken)
        if frame.is_empty():
            raise UserError(f"{self.where}: a header, but no row below it")
        found = Scan()
        scan(self.root, table.parent, found)
        frame = self._with_files(frame, found)
        self._files = frame.select(*(pl.col(name).alias(name[1:]) for name in STATES), **self._facts(frame, data))
        self.total = len(self._files)
        self.notes = (*self.notes, *self._about(found))

    @property
    def files(self) -> "pl.DataFrame":
        return self._files

    def _with_files(self, frame: "pl.DataFrame", found: Scan) -> "pl.DataFrame":
        """The rows with what the scan knows of their files, each file once."""
        import polars as pl

        listing = found.frame().rename(lambda name: "\0" + name)
        prefix = self.table.parent.relative_to(self.root).as_posix() + "/"
        texts = frame[self.columns["path"]].cast(pl.String).to_list()
        whole = pl.Series([normal(text) for text in texts], dtype=pl.String)
        below = pl.Series([normal(text and prefix + text) for text in texts], dtype=pl.String)
        there = listing[PATH].implode()
        below = below.set(whole.is_in(there) & ~below.is_in(there), None).fill_null(whole)
        rows = frame.with_columns(below.alias(PATH)).join(listing, on=PATH, how="left", maintain_order="left")
        lacking = rows.filter(pl.col(STATES[0]).is_null()).select(ROW, self.columns["path"])
        links = set(found.leading_out)
        self._refuse([(row, problem(text, prefix, self.root, links)) for row, text in lacking.iter_rows()])
        return self._once(rows)

    def _once(self, rows: "pl.DataFrame") -> "pl.DataFrame":
        """The rows without those that say the same of a file once more."""
        import polars as pl

        again = rows.filter(pl.col(PATH).is_duplicated())
        if again.is_empty():
            return rows
        said = [name for name in rows.columns if name not in (ROW, self.columns["path"])]
        firsts = dict(again.unique(PATH, keep="first", maintain_order=True).select(PATH, ROW).iter_rows())
        other = again.unique(said, keep="first", maintain_order=True).filter(pl.col(PATH).is_duplicated())
        pairs = [(row, path) for row, path in other.select(ROW, PATH).iter_rows() if row != firsts[path]]
        self._refuse([(row, f"{path} stands in row {firsts[path]} already, with other values") for row, path in pairs])
        self.notes = (*self.notes, f"{self.where}: {len(again) - len(firsts)} rows say the same twice; taken once")
        return rows.unique(PATH, keep="first", maintain_order=True)

    def _refuse(self, problems: list[tuple[int, str]]) -> None:
        if problems:
            shown = [f"row {row}: {text}" for row, text in problems[:SHOWN]]
            more = [f"and {len(problems) - SHOWN:,} more"] if len(problems) > SHOWN else []
            raise UserError(
                f"{self.where}: {len(problems):,} rows cannot be used; correct or remove them:\n  "
                + "\n  ".join([*shown, *more])
            )

    def _facts(self, frame: "pl.DataFrame", data: Data) -> "dict[str, pl.Series]":
        """The columns of `files`, by what the table's columns are for."""
        import polars as pl

        facts = {"path": frame[PATH]}
        columns, comma = self.columns, is_text_file(self.table) and delimiter_of(self.table) != ","
        seen = {name: Seen(name, MOST_CLASSES, comma) for name in columns.values()}
        for name in {columns["label"], columns.get("time", columns["label"])}:
            seen[name].add(frame[name], first_row(self.table))
        labels = labels_of(seen[columns["label"]], data, self.where)
        self.classes, self.target = labels.classes, labels.target
        kind = pl.Float64 if labels.target else pl.String
        facts["label"] = pl.Series(labels.of(frame[columns["label"]]), dtype=kind)
        for name in ("group", "domain"):
            if name in columns:
                facts[name] = present(frame[columns[name]])
        if "time" in columns:
            facts["time"] = iso_times(frame[columns["time"]], times_are_years(seen[columns["time"]], self.where))
        if "split" in columns:
            facts["source_split"] = self._splits(frame)
        others = [name for name in frame.columns if name not in (*columns.values(), PATH, ROW, *STATES)]
        if others:
            facts["extra"] = further(frame.select(others))
        return facts

    def _splits(self, frame: "pl.DataFrame") -> "pl.Series":
        import polars as pl

        cells = present(frame[self.columns["split"]]).str.to_lowercase()
        splits = cells.replace_strict(SPLIT_NAMES, default=None, return_dtype=pl.String)
        wrong = frame.filter(cells.is_not_null() & splits.is_null()).select(ROW, self.columns["split"])
        known = ", ".join(SPLIT_NAMES)
        self._refuse([(row, f"the split is {value!r}; expected one of {known}") for row, value in wrong.iter_rows()])
        if (cells.is_not_null() & (cells != splits)).any():
            text = f"{self.where}: rows of a validation split are taken for training; the split stage makes its own"
            self.notes = (*self.notes, text)
        return splits

    def _about(self, found: Scan) -> list[str]:
        listed = set(self._files["path"])
        unlisted = sorted(path for path in found.paths if path not in listed)
        notes = []
        if unlisted:
            notes.append(f"{len(unlisted)} images are not in {self.where}, such as {unlisted[0]}; passed over")
        return notes


PATH, ROW = "\0path", "\0row"
STATES = ("\0size", "\0mtime_ns", "\0ctime_ns")


def columns_of(names: list[str], data: Data, where: str) -> dict[str, str]:
    """Which column is what: `path`, `label`, and those of `group`, `time`, `domain` and `split` that there are.

    Raises:
        UserError: A column that the params name, or the one of labels, is not there.
    """
    asked = {"label": data.target, "group": data.group, "time": data.time, "domain": data.domain}
    for role, name in asked.items():
        if name is not None and name not in names:
            key = "target" if role == "label" else role
            raise UserError(f"data.{key}: {where} has no column `{name}`; it has {some(list(filter(None, names)))}")
    lower = {name.lower(): name for name in reversed(names) if name not in data.ignore}
    label = data.target or next((lower[name] for name in LABEL_COLUMNS if name in lower), None)
    if label is None:
        raise UserError(
            f"{where}: no column is called {' or '.join(LABEL_COLUMNS)}; data.target names the column of the labels "
            f"(it has {some(list(filter(None, names)))})"
        )
    path = next((lower[name] for name in FILE_COLUMNS if name in lower and lower[name] != label), names[0])
    if path == label:
        raise UserError(f"{where}: no column of files; call it {' or '.join(FILE_COLUMNS)}, or put it first")
    columns = {"path": path, "label": label}
    for role in ("group", "time", "domain", "split"):
        name = asked.get(role) or lower.get(role)
        if name is not None and name not in columns.values():
            columns[role] = name
    return columns


def first_row(table: Path) -> int:
    """What messages call the first row: in text the header is row 1."""
    return FIRST_ROW if is_text_file(table) else 0


def read_table(table: Path, names: list[str]) -> "pl.DataFrame":
    """All rows, and each one's number in the column `ROW`."""
    import polars as pl

    parts = list(batches(table, names))
    frame = pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return frame.with_row_index(ROW, first_row(table))


def normal(text: str | None) -> str | None:
    """A path as a scan writes it."""
    text = text and text.strip().replace("\\", "/")
    return posixpath.normpath(text) if text and ("//" in text or "./" in text) else text


def problem(text: str | None, prefix: str, root: Path, links: set[str]) -> str:
    """Why a row's file is not among the images."""
    if not text or not text.strip():
        return "no file is named"
    below, whole = posixpath.normpath(normal(prefix + text) or ""), normal(text) or ""
    if AWAY.match(text) or not below.startswith(prefix):
        return f"{text} leads out of the images' folder; copy the file into it, and name it relative to the table"
    places = {place.as_posix() for path in (below, whole) for place in (Path(path), *Path(path).parents)}
    if links & places:
        return f"{text} is, or lies behind, a link to a folder, to nothing, or out of the project; replace it by a copy"
    return f"{text} is no image by its ending" if (root / below).is_file() else f"{text} is not there"


def further(frame: "pl.DataFrame") -> "pl.Series":
    """The columns of each row as the text of a JSON object, without those that are empty there; null for none.

    A name that the manifest has itself gets an underscore: `id` becomes `id_`.
    """
    import polars as pl

    taken, pieces = NAMES | {"extra"}, []
    named = {name + "_" * (name in taken): frame[name] for name in frame.columns}
    for name in sorted(named):
        pieces.append(pl.lit(dumped(name) + ": ") + pl.lit(json_text(plain(named[name]))))
    text = pl.concat_str(pieces, separator=", ", ignore_nulls=True)
    lines = frame.select(pl.when(text != "").then("{" + text + "}").alias("extra"))
    return lines["extra"]


def plain(cells: "pl.Series") -> "pl.Series":
    """The cells as texts or numbers; those of a text file are numbers where each reads as one and loses nothing."""
    import polars as pl

    kind: Any = typed_kind(cells.dtype)
    if kind == "text":
        texts = present(cells)
        whole = texts.cast(pl.Int64, strict=False)
        if (whole.cast(pl.String) == texts).fill_null(texts.is_null()).all():
            return whole
        real = texts.cast(pl.Float64, strict=False)
        led = texts.str.contains(r"^[+-]?0\d")  # 007 is a name
        unfit = (real.is_null() & texts.is_not_null()) | led | real.is_infinite()
        return texts if unfit.any() else real
    if kind == "number" and cells.dtype.is_integer():
        return cells.cast(pl.Int64)
    if kind == "number" and cells.dtype.is_float():
        real = cells.cast(pl.Float64)
        return real.set(~real.is_finite(), None)
    return cells.cast(pl.String) if kind != "other" else pl.Series(cells.name, [None] * len(cells), pl.String)
