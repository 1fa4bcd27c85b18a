"""What a column of labels tells: classes, or numbers to estimate; the rule is the same for tables and for sequences."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...config import Data
from ...errors import UserError
from ...spec import Target
from .columns import Seen, numbers, present

if TYPE_CHECKING:
    import polars as pl

# Whole numbers of more values than this are estimated, not told apart: a quality from 0 to 10 and the digits are
# classes, an age is not.
MOST_NUMBERED_CLASSES = 20


@dataclass(frozen=True)
class Labels:
    """How a column's cells become labels.

    Attributes:
        column: Its name.
        kind: What its cells are (`Seen.kind`).
        classes: Every class, whole numbers in their order, texts in theirs; empty for a regression.
        target: What a regression estimates, else None.
        comma: Whether numbers may carry a decimal comma.
    """

    column: str
    kind: str
    classes: tuple[str, ...] = ()
    target: Target | None = None
    comma: bool = False

    def of(self, cells: "pl.Series") -> list[str] | list[float] | list[None]:
        """A label for each cell; None where it is missing, or no finite number where one is to be estimated."""
        if self.target is None:
            return class_names(cells, self.kind, self.comma).to_list()
        values = numbers(cells, self.kind, self.comma)
        return values.set(~values.is_finite(), None).to_list()


def class_names(cells: "pl.Series", kind: str, comma: bool = False) -> "pl.Series":
    """The cells as names of classes: `1.0` and `01` are the class 1, `True` is true, texts are what they are."""
    import polars as pl

    if kind == "number":
        return numbers(cells, kind, comma).cast(pl.Int64, strict=False).cast(pl.String)
    texts = present(cells)
    return texts.str.to_lowercase() if kind == "boolean" else texts


def labels_of(seen: Seen, data: Data, where: str) -> Labels:
    """Decide what a column of labels tells.

    Args:
        seen: The column, all cells of it.
        data: `task` decides, `auto` by the rule: texts, yes or no, and whole numbers of at most 20 values are classes.
        where: What a message calls the file or the folder.

    Raises:
        UserError: There is no label at all, only one class, or the cells do not fit the task.
    """
    import polars as pl

    at = f"{where}: column `{seen.name}`"
    if not seen.known:
        raise UserError(f"{at}: no row has a label; data.target names the column of the labels")
    kind = seen.kind
    if kind in ("date", "other"):
        found = "dates" if kind == "date" else "lists or other nested values"
        raise UserError(f"{at}: holds {found}, expected classes or numbers; data.target names the column of the labels")
    few = kind == "number" and seen.whole and len(seen.levels or range(MOST_NUMBERED_CLASSES + 1)) <= 20
    if data.task == "regression" or (data.task == "auto" and kind == "number" and not few):
        if kind != "number":
            raise UserError(
                f"{at}: {seen.odd or 'its cells'} is no number, and data.task is regression; empty the cell, or set "
                "data.task to classification"
            )
        return Labels(seen.name, kind, target=Target(seen.name, data.unit), comma=seen.comma)
    if kind == "number" and not seen.whole:
        raise UserError(f"{at}: holds numbers that are not whole, so no classes; set data.task to regression")
    if seen.levels is None:
        raise UserError(
            f"{at}: more than {seen.most:,} different values; they name rows rather than classes; data.target names "
            "the column of the labels"
        )
    names = class_names(pl.Series(sorted(seen.levels), dtype=pl.String), kind, seen.comma).drop_nulls().unique()
    classes = tuple(sorted(names.to_list(), key=(lambda name: (int(name), name)) if kind == "number" else None))
    if len(classes) < 2:
        raise UserError(f"{at}: found one class ({classes[0]}), expected two or more")
    return Labels(seen.name, kind, classes, comma=seen.comma)
