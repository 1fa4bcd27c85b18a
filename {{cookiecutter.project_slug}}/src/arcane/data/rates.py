"""An error rate is a count out of a count: it is never carried without its interval."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """`wrong` out of `n`.

    Attributes:
        wrong: How many were wrong.
        n: Out of how many; at least one.
    """

    wrong: int
    n: int

    def __post_init__(self) -> None:
        if self.n < 1 or not 0 <= self.wrong <= self.n:
            raise ValueError(f"a rate needs 0 <= wrong <= n and n >= 1, not {self.wrong} of {self.n}")

    @property
    def value(self) -> float:
        """The rate, between 0 and 1."""
        return self.wrong / self.n

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Wilson's score interval, which holds its coverage near 0 and 1 where the normal one collapses."""
        from scipy.stats import binomtest

        interval = binomtest(self.wrong, self.n).proportion_ci(confidence, method="wilson")
        return float(interval.low), float(interval.high)

    def as_json(self) -> dict[str, float | int]:
        """The rate as reports carry it: `value`, `low`, `high` (95 %) and `n`."""
        low, high = self.interval()
        return {"value": self.value, "low": low, "high": high, "n": self.n}
