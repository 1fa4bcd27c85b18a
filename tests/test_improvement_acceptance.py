"""Acceptance: exact where it can be counted, honest where only the seed changes, awake where there is a gain."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, norm, ttest_ind

from arcane.improvement.acceptance import ALPHA, compare, holm, mean_error, seeds_p, sign_flip_p


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


def round_keeps(rng: np.random.Generator, n: int, shifts: tuple[float, float]) -> bool:
    """A round as the loop decides it: screen by the first seed, then three seeds, Holm over the two candidates."""
    hardness = norm.ppf(0.05) * np.sqrt(1.25) + rng.normal(size=n)
    incumbent = wrong(rng, hardness, 0.0)
    p_values = []
    for shift in shifts:
        candidate = wrong(rng, hardness, shift)
        if mean_error(candidate[:1]) >= mean_error(incumbent):
            candidate = candidate[:1]
        comparison = compare(candidate, incumbent)
        p_values.append(comparison.p_value if len(candidate) > 1 else max(0.5, comparison.p_value))
    return any(p < ALPHA for p in holm(p_values))


@pytest.mark.parametrize("n", [289, 2000, 12_000])
def test_null_actions_are_kept_in_at_most_5_percent_of_the_rounds(n):
    rng = np.random.default_rng(n)
    runs = 400
    kept = sum(round_keeps(rng, n, (0.0, 0.0)) for _ in range(runs))
    assert kept / runs <= 0.05, kept


def test_the_test_over_examples_alone_would_be_fooled_by_lucky_seeds():
    rng = np.random.default_rng(1)
    fooled = 0
    for _ in range(200):
        hardness = norm.ppf(0.05) * np.sqrt(1.25) + rng.normal(size=12_000)
        fooled += compare(wrong(rng, hardness, 0.0), wrong(rng, hardness, 0.0)).p_examples < ALPHA
    assert fooled / 200 > 0.1


def test_a_real_gain_is_kept():
    rng = np.random.default_rng(2)
    assert sum(round_keeps(rng, 2000, (-0.6, 0.0)) for _ in range(50)) >= 40
