"""Stops what does not promise: trials climb a ladder of lengths, and at each rung only the best go on.

Asynchronous successive halving (L. Li et al., A system for massively parallel hyperparameter tuning, MLSys 2020,
arXiv:1810.05934), decided in the order of trial numbers: a trial is compared with those before it only, so that the
outcome does not depend on which trial ends first.
"""

from collections.abc import Sequence

FACTOR = 3
RUNGS = 3
SHORTEST = 2
"""Epochs of the lowest rung, at least: after one the order of configurations is mostly that of their warm-up."""


def ladder(epochs: int, rungs: int = RUNGS, factor: int = FACTOR) -> tuple[int, ...]:
    """Lengths in epochs, ascending to `epochs`, each about a `factor` longer than the one before.

    >>> ladder(30)
    (3, 10, 30)
    """
    lengths = {max(SHORTEST, round(epochs / factor**rung)) for rung in range(1, rungs)}
    return (*sorted(length for length in lengths if length < epochs), epochs)


def goes_on(error: float, before: Sequence[float], factor: int = FACTOR) -> bool:
    """Whether a trial climbs to the next rung: it is among the best `1 / factor` of those that reached this one.

    Args:
        error: Its own at this rung.
        before: Those of the earlier trials at this rung; the best so far goes on even among fewer than `factor`.
        factor: How many compete for one place.
    """
    ranked = sorted([*before, error])
    return error <= ranked[max(0, len(ranked) // factor - 1)]
