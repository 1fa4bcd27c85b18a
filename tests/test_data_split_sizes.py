"""Sizes agree with published values; simulated tests have the power, and intervals the coverage, that they promise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from arcane.data.rates import Average, Rate
from arcane.data.splits.sizes import OfAverages, OfRates

RATES, AVERAGES = OfRates(), OfAverages()


def test_sizes_agree_with_published_values():
    assert RATES.examples_for_width(0.02) == 3458  # 3,457.3, rounded up
    assert RATES.roughly_needed(0.01) == pytest.approx(3922, abs=1)
    assert RATES.pairs_needed(0.01) == pytest.approx(3900, abs=15)
    assert RATES.interval_width(3458) == pytest.approx(0.02, abs=2e-4)
    # J. Cohen, Statistical Power Analysis (1988), table 2.4.1: paired t, d = 0.5 and 0.2 at power 0.8 take 34 and 199.
    cohen = OfAverages(error=1.0, spread=1.0, correlation=0.5)  # differences have a deviation of 1
    assert cohen.deviation == 1.0 and (cohen.pairs_needed(0.5), cohen.pairs_needed(0.2)) == (34, 199)


def test_closed_form_and_exact_sums_agree_where_many_disagree():
    for difference in (0.0005, 0.001, 0.005, 0.01):
        assert RATES.pairs_needed(difference) == pytest.approx(RATES.roughly_needed(difference), rel=0.01)
    assert RATES.roughly_needed(0.076656) == pytest.approx(100, abs=0.01) and RATES.power(100, 0.076656) > 0.94
    assert AVERAGES.pairs_needed(0.02) == pytest.approx(AVERAGES.roughly_needed(0.02), rel=0.01)


@settings(deadline=None, max_examples=40)
@given(difference=st.floats(0.002, 0.6))
def test_the_smallest_difference_and_the_examples_needed_are_each_others_inverse(difference):
    for yardstick in (RATES, AVERAGES):
        needed = yardstick.pairs_needed(difference)
        assert yardstick.smallest_difference(needed) <= difference + 1e-6
        if needed > 4:
            assert yardstick.smallest_difference(needed - 1) > difference - 1e-6


@settings(deadline=None, max_examples=40)
@given(width=st.floats(0.002, 0.3))
def test_intervals_have_the_width_that_their_examples_were_counted_for(width):
    assert AVERAGES.interval_width(AVERAGES.examples_for_width(width)) == pytest.approx(width, rel=0.02)
    assert RATES.interval_width(RATES.examples_for_width(width)) == pytest.approx(width, rel=0.12)


def test_more_examples_never_measure_worse():
    sizes = np.unique(np.geomspace(1, 10**6, 60).astype(int)).tolist()
    for yardstick in (RATES, AVERAGES):
        seen = [yardstick.smallest_difference(n) for n in sizes]
        assert seen[0] == 1.0 and seen == sorted(seen, reverse=True)
    assert RATES.smallest_difference(3) == 1.0


def test_the_power_is_that_of_statsmodels_test():
    # All outcomes of ten examples, each judged by statsmodels: McNemar's statistic without continuity correction.
    n, difference = 10, 0.4
    b_share, c_share = (0.4 + difference) / 2, (0.4 - difference) / 2
    power = 0.0
    for b in range(n + 1):
        for c in range(n - b + 1):
            if b + c and mcnemar([[0, b], [c, 0]], exact=False, correction=False).pvalue < 0.05:
                ways = math.factorial(n) / (math.factorial(b) * math.factorial(c) * math.factorial(n - b - c))
                power += ways * b_share**b * c_share**c * (1 - b_share - c_share) ** (n - b - c)
    assert OfRates(discordance=0.4).power(n, difference) == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize("n", [50, 100, 200, 500, 1000, 4000])
def test_the_paired_test_has_the_power_that_is_claimed(n):
    rng, difference = np.random.default_rng(n), RATES.smallest_difference(n)
    discordance = max(RATES.discordance, difference)
    shares = [(discordance + difference) / 2, (discordance - difference) / 2, 1 - discordance]
    b, c, _ = rng.multinomial(n, shares, 20_000).T
    assert (np.abs(b - c) / np.sqrt(np.maximum(b + c, 1)) > 1.959964).mean() == pytest.approx(0.8, abs=0.015)


@pytest.mark.parametrize("n", [50, 200, 1000])
def test_the_paired_t_test_has_the_power_that_is_claimed(n):
    from scipy.stats import ttest_rel

    # Squares of normal residuals have the spread √2; residuals correlated by r give squares correlated by r².
    rng, difference = np.random.default_rng(n), AVERAGES.smallest_difference(n)
    shared, own, other = rng.normal(size=(3, 4000, n))
    mix = AVERAGES.correlation**0.25
    first = (mix * shared + math.sqrt(1 - mix**2) * own) ** 2 * AVERAGES.error
    second = (mix * shared + math.sqrt(1 - mix**2) * other) ** 2 * AVERAGES.error + difference
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(AVERAGES.correlation, abs=0.02)
    assert (ttest_rel(first, second, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize(("width", "error"), [(0.04, 0.1), (0.02, 0.1), (0.04, 0.02), (0.1, 0.3)])
def test_the_intervals_cover_the_truth(width, error):
    n = OfRates(error=error).examples_for_width(width)
    wrong, times = np.unique(np.random.default_rng(0).binomial(n, error, 20_000), return_counts=True)
    intervals = [Rate(int(each), n).interval() for each in wrong]
    covered = [low <= error <= high for low, high in intervals]
    assert np.average(covered, weights=times) == pytest.approx(0.95, abs=0.02)
    assert np.average([high - low for low, high in intervals], weights=times) == pytest.approx(width, rel=0.08)


@pytest.mark.parametrize("width", [0.04, 0.2])
def test_the_intervals_of_averages_cover_the_truth(width):
    n = AVERAGES.examples_for_width(width)
    errors = np.random.default_rng(0).normal(size=(1000, n)) ** 2 * AVERAGES.error
    intervals = [Average(each.mean(), each.std(ddof=1), n).interval() for each in errors]
    assert np.mean([low <= AVERAGES.error <= high for low, high in intervals]) == pytest.approx(0.95, abs=0.02)
    assert np.mean([high - low for low, high in intervals]) == pytest.approx(width, rel=0.03)
