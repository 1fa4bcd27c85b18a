"""What the columns of a table hold, told by all their cells, a batch at a time; knows nothing of files."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

# Of any case. In a column whose other cells are numbers, dates, or yes and no, the signs of the second line are
# missing values too; among texts they are texts.
MISSING = ("", "na", "n/a", "<na>", "nan", "null")
MISSING_AMONG_NUMBERS = ("?", "-", "none")
TRUE, FALSE = ("true", "yes"), ("false", "no")
DATES = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f")
WITH_OFFSET = ("%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M%z")
MICROSECONDS_A_DAY = 86_400_000_000
# A category is a text of at most so many values, each seen twice on average: what is rarer cannot be learnt from.
MOST_LEVELS = 1000
MOST_CLASSES = 100_000
EXACT_WHOLE = 2**24  # float32 holds every whole number up to it, and not the next
LARGEST = float(np.finfo(np.float32).max)


def in_any_case(words: Iterable[str]) -> list[str]:
    """Every way to write the words in small and capital letters: looked up thrice as fast as lowering all cells."""
    return [
        "".join(letters)
        for word in words
        for letters in product(*(sorted({letter, letter.upper()}) for letter in word))
    ]


MISSING_WRITTEN = in_any_case(MISSING)
AMONG_NUMBERS_WRITTEN = in_any_case(MISSING_AMONG_NUMBERS)
TRUE_WRITTEN, FALSE_WRITTEN = in_any_case(TRUE), in_any_case(FALSE)


class Seen:
    """What is known of a column after the cells seen so far.

    Args:
        name: The column's.
        most: The number of different values up to which they are kept.
        comma: Whether numbers may carry a decimal comma.

    Attributes:
        rows: Cells seen.
        known: Cells that are not missing.
        levels: The different texts, stripped; None where there are more than `most`, or for typed numbers of a feature.
        whole: Whether every finite number is whole.
        largest: The largest magnitude among finite numbers.
        infinite: Cells that are infinite, or that float32 cannot hold.
        commas: Cells with a decimal comma.
        odd: The first cell that is neither number nor missing, as a message shows it.
        undated, neither: The same for dates, and for yes and no.
    """

    def __init__(self, name: str, most: int = MOST_LEVELS, comma: bool = False):
        self.name, self.most, self.comma = name, most, comma
        self.rows = self.present = self.unknown = self.infinite = self.commas = 0
        self.fits = {"boolean": 0, "number": 0, "date": 0}
        self.levels: set[str] | None = set()
        self.whole, self.largest = True, 0.0
        self.odd: str | None = None
        self.undated: str | None = None
        self.neither: str | None = None
        self.typed: str | None = None

    @property
    def known(self) -> int:
        """Cells that are not missing, given what the column is."""
        return self.present - (self.unknown if self.kind != "text" else 0)

    @property
    def kind(self) -> str:
        """`number`, `boolean`, `date`, `text`, or `other` (nested values), the first that fits every cell."""
        if self.typed not in (None, "text"):
            return self.typed
        for kind, fitting in self.fits.items():
            if fitting and fitting + self.unknown == self.present:
                return kind
        return "number" if self.present == self.unknown else "text"

    def add(self, cells: "pl.Series", first_row: int = 0, file: str = "") -> None:
        """Look at some more cells; `first_row` is what a message calls the row of the first, ` of file` where given."""
        self.typed = typed_kind(cells.dtype)
        self.rows += len(cells)
        if self.typed == "other":
            self.present += len(cells) - cells.null_count()
            return
        if self.typed == "text":
            texts = present(cells)
            self.present += len(texts) - texts.null_count()
            self._add_texts(texts, first_row, f" of {file}" if file else "")
            self._add_levels(texts)
            return
        values = numbers(cells, self.typed)
        self.present += len(values) - values.null_count()
        self.fits[self.typed] += len(values) - values.null_count()
        self._add_numbers(values)
        if self.most == MOST_CLASSES:  # numbers may name classes; as a feature they are numbers whatever they are
            self._add_levels(present(cells))

    def _add_levels(self, texts: "pl.Series") -> None:
        if self.levels is not None:
            self.levels.update(texts.drop_nulls().unique())
            if len(self.levels) > self.most:
                self.levels = None

    def _add_texts(self, texts: "pl.Series", first_row: int, of_file: str) -> None:
        unknown = texts.is_in(AMONG_NUMBERS_WRITTEN)
        self.unknown += _count(unknown)
        values = _parsed(texts, "number", self.comma)
        self.fits["number"] += len(values) - values.null_count()
        self._add_numbers(values)
        if self.comma:
            self.commas += _count(texts.str.contains(",", literal=True) & values.is_not_null())
        self.odd = self.odd or _first(texts, unknown, values, first_row, of_file)
        # A kind that did not fit once is not tried again.
        if self.undated is None:
            self.undated = self._add_kind("date", texts, unknown, first_row, of_file)
        if self.neither is None:
            self.neither = self._add_kind("boolean", texts, unknown, first_row, of_file)

    def _add_kind(self, kind: str, texts: "pl.Series", unknown: "pl.Series", row: int, of_file: str) -> str | None:
        values = _parsed(texts, kind)
        self.fits[kind] += len(values) - values.null_count()
        return _first(texts, unknown, values, row, of_file)

    def _add_numbers(self, values: "pl.Series") -> None:
        finite = values.filter(values.is_finite() & (values.abs() <= LARGEST))
        self.infinite += len(values) - values.null_count() - len(finite)
        if len(finite):
            self.largest = max(self.largest, float(finite.abs().max()))  # type: ignore[arg-type]
            self.whole = self.whole and bool((finite == finite.round()).all())


def _count(mask: "pl.Series") -> int:
    return int(mask.sum() or 0)


def _first(texts: "pl.Series", unknown: "pl.Series", values: "pl.Series", first_row: int, of_file: str) -> str | None:
    odd = (texts.is_not_null() & values.is_null() & ~unknown).arg_true()
    return f"`{texts[int(odd[0])]}` in row {first_row + int(odd[0])}{of_file}" if len(odd) else None


def typed_kind(dtype: "pl.DataType") -> str:
    """What a column of a typed file (Parquet, an array) holds; `text` is looked into, `other` cannot be used."""
    import polars as pl

    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_numeric() or dtype in (pl.Duration, pl.Null):
        return "number"
    if dtype in (pl.Date, pl.Datetime):
        return "date"
    return "text" if dtype in (pl.String, pl.Categorical, pl.Enum) else "other"


def present(cells: "pl.Series") -> "pl.Series":
    """The cells as texts without blanks around them; null where a value is missing."""
    import polars as pl

    if typed_kind(cells.dtype) != "text":
        cells = cells.fill_nan(None) if cells.dtype.is_float() else cells
        return cells.dt.to_string("iso") if cells.dtype == pl.Duration else cells.cast(pl.String)
    texts = cells.cast(pl.String).str.strip_chars()
    missing = texts.is_in(MISSING_WRITTEN)
    return texts.set(missing, None) if missing.any() else texts


def numbers(cells: "pl.Series", kind: str, comma: bool = False) -> "pl.Series":
    """The cells as Float64; null where a value is missing or does not fit.

    Args:
        cells: Of any type that `typed_kind` knows, nested ones apart.
        kind: `number`; `boolean` (1 and 0); or `date` (days since 1970-01-01 00:00 UTC).
        comma: Whether `1,5` is a number.
    """
    import polars as pl

    if typed_kind(cells.dtype) == "text":
        return _parsed(present(cells), kind, comma)
    if kind == "date":
        return _days(moments(cells))
    if cells.dtype == pl.Duration:
        return cells.dt.total_microseconds().cast(pl.Float64) / MICROSECONDS_A_DAY
    return cells.cast(pl.Float64).fill_nan(None)


def _parsed(texts: "pl.Series", kind: str, comma: bool = False) -> "pl.Series":
    """`numbers` of texts that `present` gave."""
    import polars as pl

    if kind == "date":
        return _days(_moments(texts))
    if kind == "boolean":
        values = dict.fromkeys(TRUE_WRITTEN, 1.0) | dict.fromkeys(FALSE_WRITTEN, 0.0)
        return texts.replace_strict(values, default=None, return_dtype=pl.Float64)
    texts = texts.str.replace(",", ".", literal=True) if comma else texts
    return texts.cast(pl.Float64, strict=False).fill_nan(None)


def _days(moment: "pl.Series") -> "pl.Series":
    import polars as pl

    return moment.dt.epoch("us").cast(pl.Float64) / MICROSECONDS_A_DAY


def moments(cells: "pl.Series") -> "pl.Series":
    """The cells as moments (UTC where a time zone is given); null where a cell is no date of the forms in `DATES`."""
    import polars as pl

    if typed_kind(cells.dtype) == "date":
        moment = cells.cast(pl.Datetime("us")) if cells.dtype == pl.Date else cells.dt.cast_time_unit("us")
        return (
            moment.dt.replace_time_zone(None)
            if getattr(cells.dtype, "time_zone", None) is None
            else (moment.dt.convert_time_zone("UTC").dt.replace_time_zone(None))
        )
    return _moments(present(cells))


def _moments(texts: "pl.Series") -> "pl.Series":
    import polars as pl

    texts = texts.str.replace("T", " ", literal=True).str.strip_suffix("Z")
    found = pl.Series([None] * len(texts), dtype=pl.Datetime("us"))
    for form in (*DATES, *WITH_OFFSET):
        left = texts.is_not_null() & found.is_null()
        if not left.any():
            break
        zone = "UTC" if form in WITH_OFFSET else None
        parsed = texts.str.to_datetime(form, strict=False, time_unit="us", time_zone=zone).dt.replace_time_zone(None)
        found = found.zip_with(found.is_not_null(), parsed)
    return found


def iso_times(cells: "pl.Series", years: bool = False) -> "pl.Series":
    """Moments as ISO 8601 texts, whose order is the time's: midnight as its date, years as they are."""
    import polars as pl

    if years:
        return numbers(cells, "number").cast(pl.Int64).cast(pl.String)
    return moments(cells).dt.to_string("%Y-%m-%dT%H:%M:%S%.6f").str.replace(r"(T00:00:00)?\.000000$", "")


@dataclass(frozen=True)
class Column:
    """A column that becomes a feature.

    Attributes:
        name: Its name.
        kind: `number`, `boolean`, `date` or `text` (then it is a category).
        levels: The values of a category, sorted.
        comma: Whether numbers may carry a decimal comma.
    """

    name: str
    kind: str
    levels: tuple[str, ...] = ()
    comma: bool = False

    def values(self, cells: "pl.Series") -> np.ndarray:
        """The cells as float64 `[n]`: numbers, or codes of a category; NaN where one is missing."""
        import polars as pl

        if self.kind != "text":
            return numbers(cells, self.kind, self.comma).to_numpy().astype(np.float64)
        codes = dict(zip(self.levels, range(1, 1 + len(self.levels)), strict=True))
        texts = present(cells)
        known = texts.replace_strict(codes, default=0, return_dtype=pl.Float64)
        return known.set(texts.is_null(), None).to_numpy().astype(np.float64)

    def keys(self, values: np.ndarray) -> np.ndarray:
        """What stands for the values in an example's id: uint64 `[n]`.

        A category's codes shift when a level is new; the hash of its text does not.
        """
        if self.kind != "text":
            return (values + 0.0).view(np.uint64)  # adding makes -0 and 0 the same
        hashes = [hashlib.blake2b(level.encode(), digest_size=8).digest() for level in self.levels]
        known = np.frombuffer(b"".join([bytes(8), *hashes]), np.uint64)
        missing = np.array(np.nan).view(np.uint64)
        return np.where(np.isnan(values), missing, known[np.nan_to_num(values).astype(np.int64)])


def is_category(seen: Seen) -> bool:
    """Whether a column of texts serves as a category: at most 1,000 values, each seen twice on average."""
    return seen.levels is not None and 2 * len(seen.levels) <= seen.present
