"""JSON Lines from frames: byte for byte what `json.dumps(..., ensure_ascii=False)` gives a row at a time."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

# Beyond these Python writes an exponent, in another form than polars.
PLAIN_LOW, PLAIN_HIGH = 1e-4, 1e16
ESCAPED = r'[\x00-\x1f"\\]'
ROWS_AT_ONCE = 200_000


def json_text(values: "pl.Series") -> "pl.Series":
    """Each value as JSON text; null stays null.

    Args:
        values: Texts, whole numbers, Float64 or lists of texts.
    """
    import polars as pl

    if values.dtype == pl.String:
        return _rewritten('"' + values + '"', values, values.str.contains(ESCAPED))
    if values.dtype == pl.Float64:
        size = values.abs()
        plain = (size >= PLAIN_LOW) & (size < PLAIN_HIGH) | (size == 0)
        return _rewritten(values.cast(pl.String), values, ~plain)
    if values.dtype == pl.List(pl.String):
        return _rewritten(pl.Series(values.name, ["[]"] * len(values)), values, values.list.len() > 0)
    return values.cast(pl.String)


def _rewritten(texts: "pl.Series", values: "pl.Series", odd: "pl.Series") -> "pl.Series":
    """The texts, those of the odd values as Python writes them."""
    rows = odd.arg_true()
    if not len(rows):
        return texts
    return texts.scatter(rows, [dumped(value) for value in values.gather(rows).to_list()])


def dumped(value: Any) -> str:
    """JSON as every line of the project's files holds it.

    Raises:
        ValueError: A number is not finite.
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)


def blocks(frame: "pl.DataFrame", lines: "Callable[[pl.DataFrame], pl.Series]") -> Iterator[str]:
    """The frame's lines with their ends, some 200,000 in one text.

    Args:
        frame: The rows.
        lines: Gives the lines of a part of the frame.
    """
    for part in frame.iter_slices(ROWS_AT_ONCE):
        yield lines(part).str.join("\n").item() + "\n"
