"""What scikit-learn's preprocessors were fitted on, and which rows they turned into which, as plain data."""

from dataclasses import dataclass, field

from .places import Place


@dataclass
class Fitted:
    """An estimator was fitted.

    Attributes:
        name: Of its class.
        place: The person's line.
        keys: Of the rows that it saw.
        targets: Whether it saw targets, too.
        made: Rows that it turned into others: key of the result to key of what was given.
    """

    name: str
    place: Place | None
    keys: set[int]
    targets: bool = False
    made: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """`train_test_split` cut rows in two.

    Attributes:
        place: The person's line.
        first: Keys of the larger part's rows.
        second: Keys of what is held out.
    """

    place: Place | None
    first: set[int]
    second: set[int]


@dataclass
class Preparations:
    """Everything that was fitted and cut, in order."""

    fits: list[Fitted] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
