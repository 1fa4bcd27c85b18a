"""Reads a training's course: does it still improve, is it over, or has it over-fitted, and from which epoch?

Noise decides: a value that wobbles by chance says nothing, so its wobble is measured first and every answer lies beyond
it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ..data.rates import rounded

SHORTEST = 8
"""Fewest epochs that are read: of fewer no trend can be told from noise."""

RISE = 0.02
"""Least rise that is called over-fitting, as a share of the lowest value; and least fall still expected over as many
epochs as the last third, for improving. Less than a fiftieth is not worth a change."""

WOBBLES = 4.0
"""Standard errors that a rise must reach. The lowest of many values is low by chance; with 4, courses of noise alone (8
to 100 epochs) are called over-fitted in at most 3 % of cases."""

State = Literal["improving", "flat", "overfitted", "short"]


@dataclass(frozen=True)
class Reading:
    """What one quantity did.

    Attributes:
        state: What it does at the end.
        best_epoch: Where its running mean over three epochs is lowest; from 1.
        since: The epoch from which on it lies above that beyond noise; None unless over-fitted.
        noise: Standard deviation of its wobble from epoch to epoch.
        slope: Change an epoch over the last third: median of all slopes, and its 95 % interval (Theil and Sen).
    """

    state: State
    best_epoch: int
    since: int | None
    noise: float
    slope: dict[str, float] | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_course(values: Sequence[float]) -> Reading:
    """Read a quantity that should fall, an entry an epoch.

    Args:
        values: Of the validation split, after each epoch.
    """
    from scipy.stats import theilslopes

    course = np.asarray(values, np.float64)
    n = len(course)
    if n < SHORTEST or not np.isfinite(course).all():
        best = int(np.nanargmin(course)) + 1 if n and not np.isnan(course).all() else 0
        return Reading("short", best, None, 0.0, None)
    noise, smooth = wobble(course), running_mean(course)
    best = int(smooth.argmin())
    third = max(5, n // 3)
    slope = theilslopes(course[-third:], alpha=0.95)
    found = {"value": float(slope.slope), "low": float(slope.low_slope), "high": float(slope.high_slope)}
    since = _over_fitted_since(course, smooth, best, noise)
    if since is not None:
        return Reading("overfitted", best + 1, since + 1, noise, found)
    gain = -found["value"] * third
    improving = found["high"] < 0 and gain > max(RISE * abs(float(smooth[-1])), noise)
    return Reading("improving" if improving else "flat", best + 1, None, noise, found)


def wobble(course: np.ndarray) -> float:
    """Standard deviation of the noise in a course whose trend is smooth.

    Second differences know no straight trend, and of independent noise their variance is six times its own; their
    median absolute value is taken, so that the steep first epochs do not count.

    Args:
        course: float `[N]`, at least three.
    """
    return 1.4826 * float(np.median(np.abs(np.diff(course, 2)))) / 6**0.5


def running_mean(course: np.ndarray) -> np.ndarray:
    """Mean over each epoch and its two neighbours; of two at the ends.

    Args:
        course: float `[N]`.
    """
    padded = np.pad(course, 1)
    sizes = np.pad(np.ones(len(course)), 1)
    return np.convolve(padded, np.ones(3), "valid") / np.convolve(sizes, np.ones(3), "valid")


def _over_fitted_since(course: np.ndarray, smooth: np.ndarray, best: int, noise: float) -> int | None:
    after = course[best + 2 :]  # values of their own: not among the three that made the lowest mean
    if len(after) < 3:
        return None
    last = after[-max(3, len(after) // 3) :]
    lowest = float(smooth[best])
    asked = max(WOBBLES * noise * (1 / 3 + 1 / len(last)) ** 0.5, RISE * abs(lowest))
    if float(last.mean()) - lowest <= asked:
        return None
    below = np.flatnonzero(smooth - lowest <= asked)
    return int(below.max()) + 1 if below.max() + 1 < len(course) else None


def read_curve(curve: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The block `curve` of reports/errors.json.

    Args:
        curve: As reports/baseline.json has it: `validation_loss` and `validation_error` of each epoch.
    """
    loss, error = (read_course([epoch[f"validation_{quantity}"] for epoch in curve]) for quantity in ("loss", "error"))
    return {
        "epochs": len(curve),
        "loss": loss.as_json(),
        "error": error.as_json(),
        "sentence": course_in_words(loss, error, len(curve)),
    }


def course_in_words(loss: Reading, error: Reading, epochs: int) -> str:
    """What to make of a training's course."""
    if "short" in (loss.state, error.state):
        return f"{epochs} epochs are too few to read a trend from."
    if error.state == "overfitted":
        return (
            f"Over-fitted from epoch {error.since} on: the validation error was lowest at epoch {error.best_epoch} of "
            f"{epochs}."
        )
    if loss.state == "overfitted":
        tail = "still falls" if error.state == "improving" else "does not rise"
        return (
            f"The validation loss rises from epoch {loss.since} on while the error {tail}: the model grows too sure of "
            f"itself, not worse."
        )
    if "improving" in (loss.state, error.state):
        what, reading = ("error", error) if error.state == "improving" else ("loss", loss)
        slope = reading.slope or {"value": 0.0}
        return (
            f"Still improving at epoch {epochs}: the validation {what} falls by {rounded(-slope['value'], 2)} an "
            "epoch; longer training is worth a try."
        )
    return f"Neither better nor worse beyond noise at the end of {epochs} epochs: longer training would not help."
