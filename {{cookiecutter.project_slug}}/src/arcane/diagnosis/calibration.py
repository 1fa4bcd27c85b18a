"""Calibration: whether a classifier's probabilities are as often right as they say."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.rates import Rate, rounded
from .intervals import Gap
from .spread import DRAWS, mean_of

HOTTEST = 20.0
"""Temperatures are looked for between a twentieth and this: beyond it probabilities say nothing at all."""

BINS = 10
"""Bins of equal size: with 300 examples each holds 30. (Of equal width most would be empty.)"""

NUMBERS = 10_000_000
"""Most probabilities that a temperature is fitted to, evenly over the examples: 10,000 classes of 10,000 examples would
take 800 MB a copy."""


@dataclass(frozen=True)
class Bin:
    """The examples whose highest probability lies in one range.

    Attributes:
        low, high: The range.
        n: How many.
        confidence: Mean of the highest probability.
        accuracy: Share that is right, with its 95 % interval.
    """

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


@dataclass(frozen=True)
class Calibration:
    """How far probabilities can be believed.

    Attributes:
        ece: Expected calibration error: mean distance of confidence from accuracy over the bins, with what chance makes
            of it taken out (`beyond_chance`).
        raw: The same with chance in it, as others report it.
        by_chance: What chance makes of a calibrated model with these probabilities.
        brier: Mean squared distance of the probabilities from the label's, from 0 to 2.
        nll: Mean of minus the logarithm of the label's probability, in nats.
        bins: The reliability table.
        temperature: Logits divided by it would be calibrated best; above 1 the model is over-confident.
        mended: `ece` with a temperature that was fitted on other examples.
        n: Examples.
    """

    ece: Gap
    raw: float
    by_chance: float
    brier: Gap
    nll: Gap
    bins: tuple[Bin, ...]
    temperature: Gap
    mended: float
    n: int

    @property
    def direction(self) -> str:
        """`over-confident` or `under-confident` where the temperature's interval says so, else `calibrated`."""
        if self.temperature.low > 1:
            return "over-confident"
        return "under-confident" if self.temperature.high < 1 else "calibrated"

    @property
    def sentence(self) -> str:
        off = f"{_percent(self.ece.value)} ({_percent(self.ece.low)} to {_percent(self.ece.high)})"
        temperature = self.temperature
        near = f"temperature {rounded(temperature.value)} ({rounded(temperature.low)} to {rounded(temperature.high)})"
        if self.direction == "calibrated":
            return (
                f"The probabilities can be believed as far as {self.n:,} examples show: they are off by {off}; {near}."
            )
        return (
            f"The probabilities are {self.direction}: off by {off} on average beyond chance. Logits divided by "
            f"{rounded(temperature.value)} ({rounded(temperature.low)} to {rounded(temperature.high)}) would leave "
            f"{_percent(self.mended)}."
        )

    def as_json(self) -> dict[str, Any]:
        """The block `calibration` of reports/errors.json."""
        measures = {"ece": self.ece, "brier": self.brier, "nll": self.nll, "temperature": self.temperature}
        return {
            **{name: gap.as_json() | {"n": self.n} for name, gap in measures.items()},
            "ece_raw": self.raw,
            "by_chance": self.by_chance,
            "ece_mended": self.mended,
            "bins": [asdict(each) for each in self.bins],
            "direction": self.direction,
            "sentence": self.sentence,
        }


def calibration(probabilities: np.ndarray, labels: np.ndarray, *, seed: int = 0) -> Calibration:
    """How far a classifier's probabilities can be believed.

    Args:
        probabilities: float `[N, K]`, rows that sum to one.
        labels: int `[N]`.
        seed: Of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    n = len(labels)
    given = np.clip(probabilities[np.arange(n), labels].astype(np.float64), 1e-12, 1.0)
    confidence, right = probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == labels
    squares = np.einsum("nk,nk->n", probabilities, probabilities).astype(np.float64) - 2 * given + 1
    rows = np.linspace(0, n - 1, min(n, max(100, NUMBERS // probabilities.shape[1]))).astype(np.int64)
    logits = np.log(np.clip(probabilities[rows].astype(np.float64), 1e-12, 1.0))
    drawn = [rng.integers(0, n, n) for _ in range(DRAWS)]
    by_chance = expected_by_chance(confidence, rng)
    raw = expected_error(confidence, right)
    half = 1.96 * float(np.std([expected_error(confidence[draw], right[draw]) for draw in drawn]))
    return Calibration(
        Gap(*(beyond_chance(each, by_chance) for each in (raw, raw - half, raw + half))),
        raw,
        by_chance,
        mean_of(squares, drawn),
        mean_of(-np.log(given), drawn),
        reliability(confidence, right),
        _temperature_interval(logits, labels[rows], best_temperature(logits, labels[rows])),
        beyond_chance(_mended(logits, labels[rows], rng), by_chance * (n / len(rows)) ** 0.5),
        n,
    )


def beyond_chance(raw: float, by_chance: float) -> float:
    """What is left of a measured distance when chance is taken out: the two add up as squares do, and it is 0 where
    chance alone explains it."""
    return (raw**2 - by_chance**2) ** 0.5 if raw > by_chance else 0.0


def _bins(confidence: np.ndarray) -> list[np.ndarray]:
    """Rows by confidence, in bins of about equal size."""
    return [rows for rows in np.array_split(np.argsort(confidence, kind="stable"), BINS) if len(rows)]


def expected_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Mean distance of confidence from accuracy over bins of equal size.

    Args:
        confidence: float `[N]`, the highest probability.
        right: bool `[N]`.
    """
    order = np.argsort(confidence, kind="stable")
    n, bins = len(order), min(BINS, len(order))
    starts = np.arange(bins) * (n // bins) + np.minimum(np.arange(bins), n % bins)  # as np.array_split cuts
    return float(np.abs(np.add.reduceat((confidence - right)[order], starts)).sum() / n)


def expected_by_chance(confidence: np.ndarray, rng: np.random.Generator) -> float:
    """What `expected_error` would be were the probabilities true: never 0, as no sample's shares are exact."""
    return float(np.mean([expected_error(confidence, rng.random(len(confidence)) < confidence) for _ in range(100)]))


def reliability(confidence: np.ndarray, right: np.ndarray) -> tuple[Bin, ...]:
    """Confidence against accuracy, by bins of equal size, the least sure first.

    Args:
        confidence: float `[N]`, the highest probability.
        right: bool `[N]`.
    """
    found = []
    for rows in _bins(confidence):
        rate = Rate(int(right[rows].sum()), len(rows))
        low, high = rate.interval()
        sure = confidence[rows]
        found.append(
            Bin(
                round(float(sure.min()), 6), round(float(sure.max()), 6), len(rows), round(float(sure.mean()), 6),
                rate.value, low, high,
            )
        )  # fmt: skip
    return tuple(found)


def best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The number that logits are to be divided by so that the labels' probability is highest (C. Guo, G. Pleiss,
    Y. Sun, K. Q. Weinberger, On calibration of modern neural networks, ICML 2017).

    Args:
        logits: float `[N, K]`.
        labels: int `[N]`.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda t: _loss(logits, labels, np.exp(t)), bounds=(-np.log(HOTTEST), np.log(HOTTEST)), method="bounded"
    )
    return float(np.exp(found.x))


def _loss(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    from scipy.special import logsumexp

    scaled = logits / temperature
    return float((logsumexp(scaled, axis=1) - scaled[np.arange(len(labels)), labels]).mean())


def _temperature_interval(logits: np.ndarray, labels: np.ndarray, best: float) -> Gap:
    """By the likelihood's scores and curvature in 1 / temperature: a sandwich, which holds where the model is wrong."""
    from scipy.special import softmax

    given = softmax(logits / best, axis=1)
    mean = (given * logits).sum(axis=1)
    scores = logits[np.arange(len(labels)), labels] - mean
    curvature = float((given * (logits - mean[:, None]) ** 2).sum())
    error = float((scores**2).sum()) ** 0.5 / curvature if curvature > 0 else np.inf
    low, high = 1 / best + 1.96 * error, 1 / best - 1.96 * error
    highest = 1 / high if high > 1 / HOTTEST else HOTTEST
    return Gap(best, min(best, 1 / low if np.isfinite(low) else 0.0), max(best, highest))


def _mended(logits: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> float:
    """The error left when each half is divided by the temperature of the other."""
    from scipy.special import softmax

    n = len(labels)
    if n < 4:
        return expected_error(softmax(logits, axis=1).max(axis=1), logits.argmax(axis=1) == labels)
    order = rng.permutation(n)
    sure = np.empty(n)
    for fitted, held_out in ((order[: n // 2], order[n // 2 :]), (order[n // 2 :], order[: n // 2])):
        sure[held_out] = softmax(logits[held_out] / best_temperature(logits[fitted], labels[fitted]), axis=1).max(
            axis=1
        )
    return expected_error(sure, logits.argmax(axis=1) == labels)


def _percent(value: float) -> str:
    return f"{100 * value:.2g} %"
