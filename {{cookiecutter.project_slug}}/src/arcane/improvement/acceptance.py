"""Is a candidate better than the incumbent beyond noise? Paired tests over validation examples, and over seeds.

Two kinds of luck can make a candidate look better: which validation examples were drawn, and which seeds were trained.
Each has its test, and a candidate must pass both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

ALPHA = 0.05
DRAWS, DRAWS_AT_ONCE = 9_999, 2**24
"""Sign flips drawn where they cannot be counted: the smallest p-value is then 0.0001, and at 0.05 its standard error is
0.002. At once so many signs as take 128 MB."""


@dataclass(frozen=True)
class Comparison:
    """A candidate against the incumbent.

    Attributes:
        difference: Mean error of the candidate minus the incumbent's; negative is better.
        p_examples: One-sided p-value over examples.
        p_seeds: One-sided p-value over seeds; None with fewer than two seeds on a side.
    """

    difference: float
    p_examples: float
    p_seeds: float | None

    @property
    def p_value(self) -> float:
        """The larger of the two: both kinds of luck must be ruled out."""
        return max(self.p_examples, self.p_seeds or 0.0)


def compare(candidate: Sequence[np.ndarray], incumbent: Sequence[np.ndarray]) -> Comparison:
    """Test whether the candidate errs less.

    Args:
        candidate: One array [N] for each seed: bool, true where the model was wrong, or float, each example's error.
        incumbent: The same for the incumbent, on the same N examples in the same order.
    """
    ours, theirs = np.stack(candidate), np.stack(incumbent)
    if ours.dtype == bool:
        ours, theirs = ours.astype(np.int64), theirs.astype(np.int64)
        p_examples = sign_flip_p(ours, theirs)
    else:
        p_examples = drawn_sign_flip_p(ours.mean(axis=0) - theirs.mean(axis=0))
    return Comparison(
        float(ours.mean() - theirs.mean()),
        p_examples,
        seeds_p(ours.mean(axis=1), theirs.mean(axis=1)) if min(len(ours), len(theirs)) > 1 else None,
    )


def sign_flip_p(candidate: np.ndarray, incumbent: np.ndarray) -> float:
    """Exact one-sided paired permutation test over examples, each side averaged over its seeds.

    Under the null each example's difference is as likely to have the other sign (Fisher's sign-flip test; with one seed
    a side it is McNemar's exact test). Differences are multiples of 1 / lcm(seeds), so the distribution of their sum is
    a convolution of binomials and needs no random draws.

    Args:
        candidate: int [S, N], one where wrong.
        incumbent: int [T, N].
    """
    from scipy.stats import binom

    unit = int(np.lcm(len(candidate), len(incumbent)))
    steps = candidate.sum(axis=0) * (unit // len(candidate)) - incumbent.sum(axis=0) * (unit // len(incumbent))
    distribution, lowest = np.ones(1), 0
    for size, count in zip(*np.unique(np.abs(steps[steps != 0]), return_counts=True), strict=True):
        term = np.zeros(2 * size * count + 1)
        term[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        distribution, lowest = np.convolve(distribution, term), lowest - int(size * count)
    return float(min(1.0, distribution[: int(steps.sum()) - lowest + 1].sum()))


def drawn_sign_flip_p(differences: np.ndarray) -> float:
    """The same test for differences of any size, out of `DRAWS` random flips with a fixed seed.

    Not the paired t test: a few large squared errors carry most of a mean, and the flips keep their level whatever the
    distribution. The observed signs count as one of the draws, so p is never 0 and never too small (B. Phipson and
    G. K. Smyth, Permutation p-values should never be zero, Statistical Applications in Genetics and Molecular Biology
    9 (2010), article 39).

    Args:
        differences: float [N], the candidate's error minus the incumbent's.
    """
    steps = differences[differences != 0]
    if not len(steps):
        return 1.0
    sizes, observed = np.abs(steps), float(steps.sum())
    reached = observed + 1e-9 * float(sizes.sum())  # sums that are equal but for rounding count as reached
    rng, as_low = np.random.default_rng(0), 0
    at_once = max(1, DRAWS_AT_ONCE // len(steps))
    for start in range(0, DRAWS, at_once):
        count = min(at_once, DRAWS - start)
        bits = np.unpackbits(
            rng.integers(0, 256, (count, -(-len(steps) // 8)), dtype=np.uint8), axis=1, count=len(steps)
        )
        as_low += int((sizes.sum() - 2 * (bits @ sizes) <= reached).sum())
    return (1 + as_low) / (1 + DRAWS)


def seeds_p(candidate: np.ndarray, incumbent: np.ndarray) -> float:
    """One-sided Student's t test (pooled variance) between the seeds' mean errors.

    The test over examples takes the trained models as given; where a lucky seed is lucky on many examples at once it
    rejects too often. This one asks whether other seeds would have shown the difference too.
    """
    from scipy.stats import t

    difference = float(candidate.mean() - incumbent.mean())
    freedom = len(candidate) + len(incumbent) - 2
    squares = float(((candidate - candidate.mean()) ** 2).sum() + ((incumbent - incumbent.mean()) ** 2).sum())
    if squares < 1e-18:  # seeds that agree to the last example, up to rounding
        return 0.0 if difference < 0 else 1.0
    error = (squares / freedom * (1 / len(candidate) + 1 / len(incumbent))) ** 0.5
    return float(t.cdf(difference / error, freedom))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: kept below alpha, the chance of any false one among them stays below alpha.

    S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6 (1979) 65–70.
    """
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


def mean_error(errors: Sequence[np.ndarray]) -> Fraction | float:
    """Mean error over seeds and examples; exact for bool ones, so that equal means compare equal."""
    if errors[0].dtype == bool:
        return Fraction(int(sum(int(seed.sum()) for seed in errors)), sum(len(seed) for seed in errors))
    return float(np.mean(np.stack(errors)))
