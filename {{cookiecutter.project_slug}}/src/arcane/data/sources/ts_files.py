"""The `.ts` files of the UCR and UEA archives: a header of `@` lines, then a series a line.

Parsed here rather than by aeon or sktime: the form is small, and either would bring numba and seconds of import.
The form: https://www.aeon-toolkit.org/en/stable/api_reference/data_format.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import UserError

KNOWN = frozenset(
    {
        "problemname", "timestamps", "missing", "univariate", "dimension", "dimensions", "equallength", "serieslength",
        "classlabel", "targetlabel", "data",
    }
)  # fmt: skip
MISSING = frozenset({"?", "nan", "na", ""})


@dataclass(frozen=True)
class Header:
    """What the `@` lines say.

    Attributes:
        classes: The labels that may stand, in the header's order; empty for a regression.
        regression: Whether the labels are numbers to estimate.
        channels: How many, where the header says so.
        length: Steps of every series, where the header says so.
        data: The number of the line `@data`.
    """

    classes: tuple[str, ...]
    regression: bool
    channels: int | None
    length: int | None
    data: int


def read_header(path: Path) -> Header:
    """Read the lines up to `@data`.

    Raises:
        UserError: The file is no `.ts` file, has time stamps, or has no labels.
    """
    said: dict[str, list[str]] = {}
    for number, line in _lines(path):
        if not line or line.startswith("#"):
            continue
        name, *values = line.split()
        known = name[1:].lower()
        if not name.startswith("@") or known not in KNOWN:
            raise UserError(
                f"{path}, line {number}: expected a line of the header, such as `@classLabel true 1 2`, before "
                f"`@data`; found `{line[:40]}`"
            )
        if known == "data":
            return _header(path, said, number)
        said[known] = values
    raise UserError(f"{path}: no line `@data`; not a .ts file, or a truncated one")


def _header(path: Path, said: dict[str, list[str]], data: int) -> Header:
    if _true(said.get("timestamps")):
        raise UserError(f"{path}: `@timeStamps true`: time stamps are not read; write the values alone")
    classes = tuple(said["classlabel"][1:]) if _true(said.get("classlabel")) else ()
    regression = _true(said.get("targetlabel")) and not classes
    if not classes and not regression:
        raise UserError(
            f"{path}: neither `@classLabel true` with the classes nor `@targetLabel true`; labels are needed"
        )
    univariate = _true(said.get("univariate"))
    channels = 1 if univariate else _number(path, said, "dimensions") or _number(path, said, "dimension")
    length = _number(path, said, "serieslength") if _true(said.get("equallength")) else None
    return Header(classes, regression, channels, length, data)


def _true(values: list[str] | None) -> bool:
    return bool(values) and values[0].lower() == "true"


def _number(path: Path, said: dict[str, list[str]], name: str) -> int | None:
    values = said.get(name)
    if not values:
        return None
    if not values[0].isdecimal() or not int(values[0]):
        raise UserError(f"{path}: `@{name} {values[0]}`: expected a whole number from 1")
    return int(values[0])


def read_series(path: Path, header: Header) -> Iterator[tuple[np.ndarray, str | None]]:
    """The series and their labels, in the file's order.

    Yields:
        Values, float64 `[C, L]`, NaN where one is missing (`?`); shorter channels end in NaN. The label, None for `?`.

    Raises:
        UserError: A line has another number of channels or steps than the header says, a value is no number, or a
            label is not one of the header's; names the line.
    """
    channels = header.channels
    for number, line in _lines(path):
        if number <= header.data or not line or line.startswith("#"):
            continue
        *parts, label = line.split(":")
        channels = channels or len(parts)
        if len(parts) != channels:
            raise UserError(
                f"{path}, line {number}: {len(parts)} channels before the label, expected {channels} (a colon ends "
                "each)"
            )
        label = label.strip()
        if header.classes and label not in header.classes and label != "?":
            raise UserError(f"{path}, line {number}: label `{label[:40]}` is none of {', '.join(header.classes[:20])}")
        rows = [_values(path, number, part) for part in parts]
        longest = max(map(len, rows))
        if not longest or (header.length and longest != header.length):
            raise UserError(f"{path}, line {number}: {longest} values, expected {header.length or 'one at least'}")
        values = np.full((channels, longest), np.nan)
        for channel, row in enumerate(rows):
            values[channel, : len(row)] = row
        yield values, None if label == "?" else label


def _values(path: Path, number: int, part: str) -> list[float]:
    cells = [cell.strip() for cell in part.split(",")] if part.strip() else []
    values = []
    for cell in cells:
        try:
            values.append(float("nan") if cell.lower() in MISSING else float(cell))
        except ValueError:
            raise UserError(
                f"{path}, line {number}: `{cell[:40]}` is no number; a missing value is `?`, and time stamps are "
                "not read"
            ) from None
    return values


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                yield number, line.strip()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason}); save the file in UTF-8") from None
