"""Acceptance: exact where it can be counted, honest where only the seed changes, awake where there is a gain."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, ttest_ind

from arcane.diagnosis.multiplicity import holm
from arcane.improvement.acceptance import (
    ALPHA,
    FIRST,
    LOOKS,
    SUM,
    compare,
    drawn_sign_flip_p,
    level,
    mean_error,
    seeds_p,
    sign_flip_p,
    spread_evenly,
)


def brute_force(candidate: np.ndarray, incumbent: np.ndarray) -> float:
    steps = candidate.mean(0) - incumbent.mean(0)
    steps = steps[steps != 0]
    sums = [np.dot(signs, np.abs(steps)) for signs in itertools.product((-1, 1), repeat=len(steps))]
    return float(np.mean(np.array(sums) <= steps.sum() + 1e-9))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_sign_flip_p_is_the_share_of_all_flips(seeds, others, random):
    rng = np.random.default_rng(random)
    candidate, incumbent = rng.integers(0, 2, (seeds, 11)), rng.integers(0, 2, (others, 11))
    assert sign_flip_p(candidate, incumbent) == pytest.approx(brute_force(candidate, incumbent))


def test_with_one_seed_it_is_mcnemars_exact_test():
    candidate = np.array([[1] * 3 + [0] * 97])
    incumbent = np.array([[0] * 3 + [1] * 12 + [0] * 85])
    assert sign_flip_p(candidate, incumbent) == pytest.approx(binomtest(3, 15, 0.5, alternative="less").pvalue)


def test_no_difference_and_many_examples():
    same = [np.zeros(50, bool)] * 3
    assert compare(same, same).p_value == 1.0
    rng = np.random.default_rng(0)
    many = rng.random((3, 12_000)) < 0.1
    assert 0 <= compare(list(many), list(rng.random((3, 12_000)) < 0.12)).p_examples < 1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_drawn_flips_are_near_the_share_of_all_flips(random):
    steps = np.random.default_rng(random).standard_t(2, 11)
    exact = brute_force(steps[None], np.zeros((1, 11)))
    assert drawn_sign_flip_p(steps) == pytest.approx(exact, abs=0.02)


def test_drawn_flips_agree_with_counted_ones_and_are_the_same_each_time():
    rng = np.random.default_rng(0)
    candidate, incumbent = rng.random((3, 400)) < 0.08, rng.random((3, 400)) < 0.1
    counted = compare(list(candidate), list(incumbent)).p_examples
    floats = [list(side.astype(np.float64)) for side in (candidate, incumbent)]
    drawn = [compare(*floats) for _ in range(2)]
    assert drawn[0] == drawn[1] and drawn[0].p_examples == pytest.approx(counted, abs=0.02)
    assert drawn[0].difference == pytest.approx(compare(list(candidate), list(incumbent)).difference)


def test_drawn_flips_at_the_ends_and_beyond_one_chunk():
    assert drawn_sign_flip_p(np.zeros(50)) == 1.0
    assert drawn_sign_flip_p(np.full(200, -0.1)) == 1 / 10_000
    assert drawn_sign_flip_p(np.full(200, 0.1)) == 1.0
    many = np.random.default_rng(0).normal(-0.01, 1, 40_000)
    assert drawn_sign_flip_p(many) == pytest.approx(norm.cdf(many.sum() / np.sqrt((many**2).sum())), abs=0.01)


def test_means_of_float_errors_and_ties():
    errors = [np.array([0.1, 0.2]), np.array([0.3, 0.4])]
    assert mean_error(errors) == pytest.approx(0.25)
    assert not mean_error(errors) < mean_error([error.copy() for error in errors])
    exact = mean_error([np.array([True, False, False])] * 3)
    assert exact == Fraction(1, 3) and exact.denominator == 3


def test_seeds_p_is_students_t_test():
    first, second = np.array([0.10, 0.12, 0.11]), np.array([0.14, 0.13, 0.16])
    assert seeds_p(first, second) == pytest.approx(ttest_ind(first, second, alternative="less").pvalue)


def test_seeds_that_do_not_differ():
    assert seeds_p(np.array([0.1, 0.1]), np.array([0.2, 0.2])) == 0.0
    assert seeds_p(np.array([0.2, 0.2]), np.array([0.2, 0.2])) == 1.0


def test_holm_on_a_textbook_case():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])


def wrong(rng: np.random.Generator, hardness: np.ndarray, shift: float, seeds: int = 3) -> list[np.ndarray]:
    """Models of one configuration: examples have a hardness in common, each seed is better or worse as a whole."""
    return [rng.normal(size=len(hardness)) * 0.5 + hardness + rng.normal() * 0.15 + shift > 0 for _ in range(seeds)]


def squared(rng: np.random.Generator, noise: np.ndarray, shift: float, seeds: int = 3) -> list[np.ndarray]:
    """Regressions of one configuration: what no model knows is common and has heavy tails, each seed adds its own."""
    return [
        (noise + rng.normal(size=len(noise)) * np.sqrt(0.3 + shift) * (1 + 0.05 * rng.normal())) ** 2
        for _ in range(seeds)
    ]


def run_keeps(rng: np.random.Generator, n: int, shift: float, rounds: int = 10, models=wrong) -> int:
    """The number of the first round of a run that keeps its candidate, 0 for none: decided as the loop decides, of two
    candidates that were tried for a while one goes on, is screened by the first seed, and is looked at twice."""
    hardness = norm.ppf(0.05) * np.sqrt(1.25) + rng.normal(size=n) if models is wrong else rng.standard_t(3, n)
    incumbent, seen = models(rng, hardness, 0.0, 2), []
    for number in range(1, rounds + 1):
        candidate = models(rng, hardness, shift, 1)
        if mean_error(candidate) >= mean_error(incumbent):
            continue
        for seeds, part in LOOKS.items():
            candidate += models(rng, hardness, shift, seeds - len(candidate))
            incumbent += models(rng, hardness, 0.0, max(0, seeds - len(incumbent)))
            found = compare(candidate, incumbent, seen)
            if max(2 * found.p_examples, found.p_seeds) < part * level(number - 1, []):
                return number
        seen.append(candidate)
    return 0


@pytest.mark.parametrize("n", [289, 2000, 12_000])
def test_null_actions_are_kept_in_at_most_5_percent_of_the_runs(n):
    rng = np.random.default_rng(n)
    runs = 200
    kept = sum(run_keeps(rng, n, 0.0) > 0 for _ in range(runs))
    assert kept / runs <= 0.05, kept


def test_the_test_over_examples_alone_would_be_fooled_by_lucky_seeds():
    rng = np.random.default_rng(1)
    fooled = 0
    for _ in range(200):
        hardness = norm.ppf(0.05) * np.sqrt(1.25) + rng.normal(size=12_000)
        fooled += compare(wrong(rng, hardness, 0.0), wrong(rng, hardness, 0.0)).p_examples < ALPHA
    assert fooled / 200 > 0.1


def test_a_real_gain_is_kept():
    """From 5 % to 1.5 %."""
    rng = np.random.default_rng(2)
    assert sum(run_keeps(rng, 2000, -0.6, 1) for _ in range(50)) >= 35


@pytest.mark.parametrize("n", [80, 1000])
def test_null_actions_on_a_regression_are_kept_in_at_most_5_percent_of_the_runs(n):
    rng = np.random.default_rng(n)
    kept = sum(run_keeps(rng, n, 0.0, 4, squared) > 0 for _ in range(60))
    assert kept / 60 <= 0.05, kept


def test_a_real_gain_of_a_regression_is_kept():
    rng = np.random.default_rng(2)
    assert sum(run_keeps(rng, 1000, -0.25, 1, squared) for _ in range(40)) >= 28


def test_levels_never_spend_more_than_they_may():
    never = sum(level(asked, []) for asked in range(100_000))
    assert FIRST * 0.99 < never < FIRST
    assert level(0, []) == pytest.approx(FIRST / SUM)
    assert level(5, [5]) > level(5, []) > level(6, []), "an acceptance earns, asking spends"
    earned = sum(level(asked, [1, 2, 3][: max(0, asked)]) for asked in range(100_000))
    assert earned < ALPHA + 2 * ALPHA


def test_seeds_of_other_configurations_tell_what_seeds_do():
    ours, theirs = np.array([0.10, 0.11]), np.array([0.20, 0.21])
    alone = seeds_p(ours, theirs)
    steady = [np.array([0.30, 0.31, 0.30])] * 3
    assert seeds_p(ours, theirs, steady) < alone / 10
    wild = [np.array([0.1, 0.5, 0.9])] * 3
    assert seeds_p(ours, theirs, wild) > alone


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.3])
def test_seeds_spread_alike_on_the_scale_of_the_test(rate):
    rng = np.random.default_rng(0)
    rates = spread_evenly(rng.random((400, 2000)) < rate)
    assert rates.std() == pytest.approx(0.5 / 2000**0.5, rel=0.1)
    squares = spread_evenly(rate * rng.chisquare(1, (400, 2000)))
    assert squares.std() == pytest.approx((2 / 2000) ** 0.5, rel=0.1)
