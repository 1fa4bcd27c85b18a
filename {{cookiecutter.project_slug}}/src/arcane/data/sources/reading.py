"""Tables and their files, a batch of rows at a time: CSV, TSV and Parquet; one clear message where a file is broken.

Row numbers in messages are those of a spreadsheet: the header is row 1.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UserError

if TYPE_CHECKING:
    import polars as pl
    from pyarrow.parquet import ParquetFile

TEXT_SUFFIXES = (".csv", ".tsv")
SUFFIXES = (*TEXT_SUFFIXES, ".parquet", ".pq")
DELIMITERS = (",", ";", "\t")
FIRST_ROW = 2
# 8 MB of text a batch: the memory that is needed, and small enough that a batch's texts stay near the processor.
BLOCK = 8 << 20
ROWS = 65_536
SAMPLE = 1 << 18
SPLIT_NAMES = {"train": "train", "test": "test", "val": "train", "valid": "train", "validation": "train"}


def is_text_file(path: Path) -> bool:
    """Whether a table's file is text by its ending."""
    return path.suffix.lower() in TEXT_SUFFIXES


def split_of(path: Path) -> str | None:
    """The split that a file is named by: `train.csv`, `house-test.parquet`, `GunPoint_TRAIN.ts`; None by no split."""
    stem = path.stem.lower()
    for name, split in SPLIT_NAMES.items():
        if stem == name or stem.endswith(("_" + name, "-" + name, "." + name)):
            return split
    return None


def column_names(path: Path) -> list[str]:
    """The names of a table's columns, stripped; empty where a column has none.

    Raises:
        UserError: The file is empty, in no readable form, or names a column twice.
    """
    names = _text_header(path)[1] if is_text_file(path) else list(_parquet(path).schema_arrow.names)
    names = [name.strip() for name in names]
    if is_text_file(path) and all(map(_is_number, names)):
        raise UserError(f"{path}, row 1: holds numbers ({', '.join(names[:3])}, …), expected the columns' names")
    twice = sorted(name for name, count in Counter(names).items() if count > 1 and name)
    if twice:
        raise UserError(f"{path}, row 1: the column `{twice[0]}` is named twice; rename one of the two")
    return names


def delimiter_of(path: Path) -> str:
    """What separates the columns of a text file: comma, semicolon or tab."""
    return _text_header(path)[0]


def batches(path: Path, names: list[str]) -> "Iterator[pl.DataFrame]":
    """The rows of a table, in order, some at a time.

    Args:
        path: The file.
        names: The columns wanted, in this order. Those of text files are texts.

    Raises:
        UserError: A row has too few or too many fields, or the file is no UTF-8 text; names the row.
    """
    return _text_batches(path, names) if is_text_file(path) else _parquet_batches(path, names)


def _text_header(path: Path) -> tuple[str, list[str]]:
    with path.open("rb") as file:
        raw = file.read(SAMPLE)
        whole = not file.read(1)
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{path}: UTF-16 text; save the file in UTF-8")
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UserError(f"{path}: a spreadsheet's file (Excel, LibreOffice), not text; save the table as CSV in UTF-8")
    lines = raw.removeprefix(b"\xef\xbb\xbf")
    if not whole:
        lines = lines[: lines.rfind(b"\n") + 1] or lines
    try:
        text = lines.decode()
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    if not text.strip():
        raise UserError(f"{path}: empty ({path.stat().st_size} bytes); expected the columns' names, then a row each")
    order = ("\t", ",", ";") if path.suffix.lower() == ".tsv" else DELIMITERS
    parsed = {delimiter: _parsed(text, delimiter) for delimiter in order}
    best = max(order, key=lambda delimiter: _evenness(parsed[delimiter]))
    return best, parsed[best][0]


def _parsed(text: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(SAMPLE * 2)
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row]
    return rows[:200]


def _evenness(rows: list[list[str]]) -> tuple[bool, float, int]:
    """How well a delimiter serves: it must cut the header; then the more rows are as wide as it the better."""
    width = len(rows[0])
    return width > 1, sum(len(row) == width for row in rows) / len(rows), width


def _text_batches(path: Path, names: list[str]) -> "Iterator[pl.DataFrame]":
    import polars as pl
    import pyarrow as pa
    from pyarrow import csv as arrow

    delimiter, header = _text_header(path)
    places = {name.strip(): place for place, name in enumerate(header)}
    ragged: list[tuple[int, int]] = []

    def refuse(row: arrow.InvalidRow) -> str:
        ragged.append((row.number or 0, row.actual_columns))
        return "error"

    try:
        reader = arrow.open_csv(
            path,
            # Threads would lose the numbers of the rows.
            read_options=arrow.ReadOptions(block_size=BLOCK, use_threads=False),
            parse_options=arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse),
            convert_options=arrow.ConvertOptions(
                column_types={name: pa.string() for name in header}, strings_can_be_null=False
            ),
        )
        for batch in reader:
            if len(batch):
                yield pl.DataFrame({name: pl.from_arrow(batch.column(places[name])) for name in names})
    except pa.ArrowInvalid as error:
        if ragged:
            row, fields = ragged[0]
            raise UserError(
                f"{path}, row {row}: {fields} fields, but the header has {len(header)}; add or remove a "
                f"{'tab' if delimiter == chr(9) else delimiter}, or put quotes around a text that holds one"
            ) from None
        if "invalid UTF8" in str(error):
            raise _not_utf8(path) from None
        if "Empty CSV" in str(error):  # a header without a line end
            return
        raise UserError(f"{path}: cannot be read as a table ({error})") from None


def _not_utf8(path: Path) -> UserError:
    """Look for the first byte that is no UTF-8, line by line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                shown = line[max(error.start - 10, 0) : error.end + 10].decode("latin-1").strip()
                return UserError(
                    f"{path}, line {number}: byte 0x{byte:02x} at place {error.start + 1} is no UTF-8; if the text "
                    f"should read `{shown}`, the file is in Latin-1: `iconv -f latin1 -t utf-8` makes it UTF-8"
                )
    return UserError(f"{path}: not UTF-8; save the file in UTF-8")


def _parquet(path: Path) -> "ParquetFile":
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(path, memory_map=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a Parquet file, or a truncated one ({error})") from None


def _parquet_batches(path: Path, names: list[str]) -> "Iterator[pl.DataFrame]":
    import polars as pl
    import pyarrow as pa

    with _parquet(path) as file:
        raw = {name.strip(): name for name in file.schema_arrow.names}
        try:
            for batch in file.iter_batches(ROWS, columns=[raw[name] for name in names]):
                if len(batch):
                    yield pl.DataFrame({name: pl.from_arrow(batch.column(raw[name])) for name in names})
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(f"{path}: a part of this Parquet file cannot be read ({error})") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
