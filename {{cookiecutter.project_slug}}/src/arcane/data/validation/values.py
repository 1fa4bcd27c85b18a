"""Values that are absent or no numbers, in sequences and tables alike."""

from typing import TYPE_CHECKING

from ..findings import Finding
from .given import first_ids, where

if TYPE_CHECKING:
    import polars as pl

# Missing values beyond this share are worth a warning; fewer, a note.
MANY_MISSING = 0.05


def infinite_values(values: int, what: str, bad: "pl.DataFrame") -> Finding:
    """`infinite-values`: an error, as means and losses over them are no numbers: every run would end in NaN.

    Args:
        values: How many.
        what: Of what, for the message.
        bad: The examples that hold them, by the manifest.
    """
    return Finding(
        "infinite-values",
        "error",
        f"{values} values of {what} are infinite" + (f", such as {where(bad)}" if len(bad) else ""),
        "Look for a division by zero or an overflow where the data was made; leave the values empty or correct them.",
        count=len(bad),
        ids=first_ids(bad),
        evidence={"values": values},
        expected="finite numbers",
    )
