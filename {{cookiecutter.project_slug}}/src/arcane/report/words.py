"""Numbers as a person reads them, and the sentences that the page opens with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..data.rates import rounded

NBSP = "\u00a0"

DOMINANT = {
    "bias": "under-fitting",
    "variance": "over-fitting",
    "data_mismatch": "distribution shift",
    "validation_overfit": "over-use of validation",
}
GAPS = {
    "irreducible": ("irreducible", "the goal: no model is expected to do better"),
    "bias": ("bias", "training error above the goal: under-fitting"),
    "variance": ("variance", "unseen examples of the training distribution: over-fitting"),
    "data_mismatch": ("data mismatch", "validation comes from another distribution than training"),
    "validation_overfit": ("validation over-fit", "the test above the validation that chose the model"),
}
LIMITS = {
    "bias": "Under-fitting: it still errs on the examples that it learnt from.",
    "variance": "Over-fitting: it does well on what it learnt from, worse on what it has not seen.",
    "data_mismatch": "Distribution shift: what it is measured on differs from what it learnt from.",
    "validation_overfit": "Over-use of validation: it was chosen by examples that now flatter it.",
    "none": "Nothing measurable above the goal.",
    "undecided": "Not decided yet: the largest gaps cannot be told apart.",
}
CLAIMS = {
    "number": "a number that you set",
    "published": "a published result",
    "human": "people’s own error",
    "annotators": "how often annotators disagree",
    "label-noise": "an estimate of wrong labels",
}
"""Whose claim the goal is, by `goal.kind`."""

BEATEN = {"yes": "better, beyond noise", "no": "worse, beyond noise", "undecided": "cannot be told apart"}
"""How the model stands against a known result."""

STOPPED = {
    "goal": "The goal was reached",
    "budget": "The budget was spent",
    "exhausted": "Nothing was left to try",
}


@dataclass(frozen=True)
class Measure:
    """A number with its 95 % interval, where it has one, and the number of examples behind it.

    Attributes:
        rmse: Of a regression, whose error is a share of its targets' variance: the same in the targets' unit.
        unit: That unit.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    rmse: "Measure | None" = None
    unit: str = ""

    @property
    def wrong(self) -> int | None:
        return None if self.n is None else round(self.value * self.n)


def measure(content: Any) -> Measure | None:
    """Read a report's `{value, low, high, n}`, or a bare number; None where there is neither."""
    if isinstance(content, Mapping):
        if content.get("value") is None:
            return None
        rmse = content.get("rmse") or {}
        return Measure(
            content["value"],
            content.get("low"),
            content.get("high"),
            content.get("n"),
            measure(rmse),
            str(rmse.get("unit") or ""),
        )
    if isinstance(content, int | float) and not isinstance(content, bool):
        return Measure(float(content))
    return None


def digits(value: float) -> str:
    """A rate in percent, without the sign: one decimal, two below one percent, none at exactly 0."""
    size = abs(value * 100)
    text = "0" if value == 0 else f"{size:.2f}" if round(size, 2) < 1 else f"{size:.1f}"
    return ("\u2212" if value < 0 else "") + text


def percent(value: float | None) -> str:
    """A rate as `2.5 %`, its space unbreakable."""
    return "–" if value is None else f"{digits(value)}{NBSP}%"


def plain_percent(value: float | None) -> str:
    """A number that a person chose, as they wrote it: `1 %`, not `1.0 %`."""
    return "–" if value is None else f"{value * 100:.6g}{NBSP}%"


def points(value: float | None) -> str:
    """A difference of rates, in percentage points with its sign."""
    if value is None:
        return "–"
    return ("+" if value > 0 else "") + digits(value)


def interval(measured: Measure | None) -> str:
    """`1.2 to 4.0 %`."""
    if measured is None or measured.low is None or measured.high is None:
        return "–"
    return f"{digits(measured.low)} to {digits(measured.high)}{NBSP}%"


def span(measured: Measure | None) -> str:
    """The interval of a difference, in points: `+0.4 to +2.1`."""
    if measured is None or measured.low is None or measured.high is None:
        return "–"
    return f"{points(measured.low)} to {points(measured.high)}"


def count(number: float | None) -> str:
    """`1,234,567`."""
    return "–" if number is None else f"{number:,.0f}"


def large(number: float | None) -> str:
    """A large count in words: `1.2 million`."""
    if number is None:
        return "–"
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:.3g}{NBSP}{word}"
    return count(number)


def plural(number: float, one: str, many: str | None = None) -> str:
    """`1 example`, `2 examples`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def p_value(value: float | None) -> str:
    """A p-value to two figures; below 0.001 only that."""
    return "–" if value is None else "< 0.001" if value < 0.001 else f"{value:.2g}"


def setting(value: Any) -> str:
    """A parameter's value as YAML would show it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def quantity(value: float | None, unit: str = "", digits: int = 3) -> str:
    """A number in its unit, `54.1 points`, its space unbreakable."""
    return "–" if value is None else rounded(value, digits).replace("-", "\u2212") + (f"{NBSP}{unit}" if unit else "")


def rmse_of(error: Measure, share: float) -> float | None:
    """A share of the variance as a root mean square error in the targets' unit, by an error that is known in both."""
    if error.rmse is None or error.value <= 0:
        return None
    return error.rmse.value * (share / error.value) ** 0.5


def stated(error: Mapping[str, Any]) -> str:
    """A report's error for one line: `2.5 %`, or `RMSE 54.1 points (49 % of the variance)`."""
    known = measure(error)
    if known is None or known.rmse is None:
        return percent(known.value if known else None)
    return f"RMSE {quantity(known.rmse.value, known.unit)} ({percent(known.value)} of the variance)"


def stated_with_interval(error: Mapping[str, Any]) -> str:
    """The same with its interval: `2.5 % (1.2 to 4.0 %)`, or `RMSE 54.1 points (50 to 58; 49 % of the variance)`."""
    known = measure(error)
    if known is None or known.low is None or known.high is None:
        return stated(error)
    if known.rmse is None:
        return f"{percent(known.value)} ({percent(known.low)} to {percent(known.high)})"
    within = f"{span_of(known.rmse)}; {percent(known.value)} of the variance"
    return f"RMSE {quantity(known.rmse.value, known.unit)} ({within})"


def span_of(known: Measure) -> str:
    """The interval of a number, `50.1 to 58.2`."""
    return f"{quantity(known.low)} to {quantity(known.high)}"


def against_goal(error: Measure, goal: float) -> tuple[str, str]:
    """Whether the goal is reached: a word for the page's style, and a sentence.

    The sentence claims only what the interval carries.
    """
    aim = plain_percent(goal) + (" of the variance" if error.rmse else "")
    if error.high is not None and error.high <= goal:
        return "reached", f"The goal of {aim} is reached, beyond the test’s uncertainty."
    if error.value <= goal:
        return "unclear", f"It is below the goal of {aim}, but the test is too small to be sure."
    if error.low is not None and error.low <= goal:
        return "unclear", f"The goal of {aim} lies inside the interval: the test cannot tell them apart."
    return "missed", f"The goal of {aim} is not reached."


def limited_by(dominant: str, stated: bool) -> str:
    """What limits the model, in a sentence; where no report has judged it (`stated`), only which step is largest."""
    if stated or dominant not in DOMINANT:
        return LIMITS.get(dominant, dominant)
    return f"Largest step now: {DOMINANT[dominant]}."


def code(text: str) -> Markup:
    """Text with its `backquoted` parts as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return Markup.escape(text)
    pieces = (Markup("<code>%s</code>") % part if i % 2 else Markup.escape(part) for i, part in enumerate(parts))
    return Markup("").join(pieces)
