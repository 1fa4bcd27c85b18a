"""What a threshold is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """One threshold.

    Attributes:
        default: Where it lies unless `doctor.thresholds` says otherwise.
        codes: The findings that it decides.
        says: What is compared with it, in a phrase.
        healthy: The extreme over the healthy runs of `tests/benchmarks/healthy.py`; None where chance or arithmetic
            gives the default.
    """

    default: float
    codes: tuple[str, ...]
    says: str
    healthy: float | None = None
