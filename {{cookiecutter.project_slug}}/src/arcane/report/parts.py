"""The small records that several parts of the page are made of."""

from dataclasses import dataclass

from markupsafe import Markup

from .words import Measure


@dataclass(frozen=True)
class Row:
    """A named error with its drawing."""

    name: str
    error: Measure
    mark: Markup
    detail: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Fact:
    """A number of the estimates with its interval and what it says."""

    name: str
    value: str
    interval: str
    meaning: str
