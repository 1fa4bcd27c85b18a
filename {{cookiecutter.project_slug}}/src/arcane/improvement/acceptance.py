"""Is a candidate better than the incumbent beyond noise? Paired tests over validation examples, and over seeds.

Two kinds of luck can make a candidate look better: which validation examples were drawn, and which seeds were trained.
Each has its test, and a candidate must pass both. A third luck is that of asking often: `level` says how small a
p-value must be the next time, so that a whole run of the loop, not only a round, is fooled in at most 5 of 100 runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

ALPHA = 0.05
FIRST = 0.03
"""Of `ALPHA`, what a run may spend before anything is kept; the first acceptance earns the rest, so that the first
round and the one after it ask about as much."""
DECAY, SUM = 1.6, 2.2857656
"""Question j after a start gets the share j ** -1.6 of what may be spent; 2.2858 is the sum over all j (zeta of 1.6).
Slower decay starves the first questions, which matter most, faster decay all but the first."""
LOOKS = {2: 1 / 4, 3: 1 / 4, 5: 1 / 2}
"""Seeds a side at which a candidate is judged, and the part of the level that each look may spend: large gains are sure
with two seeds, small ones need the third, and where the examples are sure and only the seeds are not, two more."""
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


def level(questions: int, kept: Sequence[int]) -> float:
    """How small a p-value must be for the next question to validation.

    Alpha investing: a run has so much false acceptance to spend; each question takes a share of what is left, and each
    acceptance earns more. While nothing is truly better the chance of any acceptance in the run stays below `FIRST` (a
    union bound, which holds however the questions depend on each other and on the validation examples that they share);
    otherwise at most `ALPHA` of the acceptances are expected to be false, as long as p-values are valid given the past
    (LORD++: A. Ramdas, F. Yang, M. J. Wainwright, M. I. Jordan, Online control of the false discovery rate with
    decaying memory, NeurIPS 2017).

    Args:
        questions: How many were asked before.
        kept: The numbers, counted from 1, of those that ended in an acceptance, in order.
    """

    def share(since: int) -> float:
        return since**-DECAY / SUM

    now = questions + 1
    earned = [ALPHA - FIRST if first else ALPHA for first in (True, *[False] * (len(kept) - 1))][: len(kept)]
    return FIRST * share(now) + sum(gain * share(now - number) for gain, number in zip(earned, kept, strict=True))


def compare(
    candidate: Sequence[np.ndarray], incumbent: Sequence[np.ndarray], others: Sequence[Sequence[np.ndarray]] = ()
) -> Comparison:
    """Test whether the candidate errs less.

    Args:
        candidate: One array [N] for each seed: bool, true where the model was wrong, or float, each example's error.
        incumbent: The same for the incumbent, on the same N examples in the same order.
        others: The same for other configurations: what their seeds differ by also tells what seeds do.
    """
    ours, theirs = np.stack(candidate), np.stack(incumbent)
    if ours.dtype == bool:
        ours, theirs = ours.astype(np.int64), theirs.astype(np.int64)
        p_examples = sign_flip_p(ours, theirs)
    else:
        p_examples = drawn_sign_flip_p(ours.mean(axis=0) - theirs.mean(axis=0))
    after, before, *more = (spread_evenly(np.stack(each)) for each in (candidate, incumbent, *others))
    return Comparison(
        float(ours.mean() - theirs.mean()),
        p_examples,
        seeds_p(after, before, more) if min(len(ours), len(theirs)) > 1 else None,
    )


def spread_evenly(errors: np.ndarray) -> np.ndarray:
    """Each seed's mean error on a scale on which seeds differ by about as much whatever the error is: float [S].

    A rate's variance goes with e (1 - e), and the arcsine of its root takes that out (M. S. Bartlett, The square root
    transformation in analysis of variance, 1936); a mean of squares varies in proportion to itself, so its logarithm.

    Args:
        errors: bool or float [S, N].
    """
    means = errors.mean(axis=1)
    return np.arcsin(np.sqrt(means)) if errors.dtype == bool else np.log(np.maximum(means, 1e-12))


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


def seeds_p(candidate: np.ndarray, incumbent: np.ndarray, others: Sequence[np.ndarray] = ()) -> float:
    """One-sided Student's t test (pooled variance) between the seeds' mean errors.

    The test over examples takes the trained models as given; where a lucky seed is lucky on many examples at once it
    rejects too often. This one asks whether other seeds would have shown the difference too. Two or three seeds a side
    say little about their own variance, so that of other configurations' seeds is pooled with it.

    Args:
        candidate: float [S], S > 1 here or in one of the others.
        incumbent: float [T].
        others: float [U] of each other configuration; those of one seed tell nothing.
    """
    from scipy.stats import t

    difference = float(candidate.mean() - incumbent.mean())
    groups = (candidate, incumbent, *others)
    freedom = sum(len(group) - 1 for group in groups)
    squares = float(sum(((group - group.mean()) ** 2).sum() for group in groups))
    if squares < 1e-18:  # seeds that agree to the last example, up to rounding
        return 0.0 if difference < 0 else 1.0
    error = (squares / freedom * (1 / len(candidate) + 1 / len(incumbent))) ** 0.5
    return float(t.cdf(difference / error, freedom))


def mean_error(errors: Sequence[np.ndarray]) -> Fraction | float:
    """Mean error over seeds and examples; exact for bool ones, so that equal means compare equal."""
    if errors[0].dtype == bool:
        return Fraction(int(sum(int(seed.sum()) for seed in errors)), sum(len(seed) for seed in errors))
    return float(np.mean(np.stack(errors)))
