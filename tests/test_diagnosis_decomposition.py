"""The decomposition: the recipe's reference tables, intervals that cover, and an honest `undecided`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcane.data.rates import Average, Rate, measured
from arcane.diagnosis.decomposition import decompose, difference, factor_that_decides

N = 100_000


def rate(percent: float, n: int = N) -> Rate:
    return Rate(round(percent / 100 * n), n)


def test_reference_case_of_the_recipe_says_under_fitting_first():
    found = decompose(0.01, rate(20), rate(27))
    assert found.gaps["bias"].value == pytest.approx(0.19)
    assert found.gaps["variance"].value == pytest.approx(0.07)
    assert found.gaps["data_mismatch"] is None
    assert found.dominant == "bias"
    assert found.verdict.startswith("Under-fitting first: bias is 19 %")
    assert found.families[0] == "under-fitting"


@pytest.mark.parametrize(
    ("train", "validation", "dominant"),
    # RECIPE 5.4's columns: what each leaves as the largest gap.
    [
        (20, 27, "bias"),
        (7, 19, "variance"),
        (3, 10, "variance"),
        (0.8, 12, "variance"),
        (1.5, 5, "variance"),
        (1.7, 4, "variance"),
        (0.8, 2.5, "variance"),
        (0.6, 0.9, "none"),
    ],
)
def test_reference_course_of_the_recipe(train, validation, dominant):
    assert decompose(0.01, rate(train), rate(validation)).dominant == dominant


def test_a_mismatch_split_tells_over_fitting_from_shift():
    found = decompose(0.01, rate(2), rate(20), train_val=rate(4))
    assert found.dominant == "data_mismatch"
    assert found.gaps["variance"].value == pytest.approx(0.02)
    assert found.gaps["data_mismatch"].value == pytest.approx(0.16)
    assert "Distribution shift first" in found.verdict
    assert set(found.as_json()["errors"]) == {"goal", "train", "validation", "train_val"}


def test_small_samples_are_undecided_and_say_how_many_would_decide():
    found = decompose(0.01, Rate(25, 1180), Rate(12, 289))
    assert found.dominant == "undecided"
    assert "cannot be told apart yet" in found.verdict
    factor = factor_that_decides(0.01, found.errors)
    assert factor is not None and factor > 1
    grown = {name: Rate(round(r.wrong * factor), round(r.n * factor)) for name, r in found.errors.items()}
    assert decompose(0.01, grown["train"], grown["validation"]).dominant == "variance"
    assert f"{np.ceil(289 * factor):,.0f} for validation" in found.verdict


def test_equal_gaps_are_never_decided():
    found = decompose(0.05, rate(10, 1000), rate(15, 1000))
    assert found.dominant == "undecided"
    assert "no realistic number" in found.verdict


def test_a_goal_that_is_beaten_is_too_weak_and_negative_gaps_stay_as_measured():
    found = decompose(0.3, rate(5), rate(8))
    assert found.dominant == "none"
    assert "too weak" in found.verdict
    assert found.gaps["bias"].value == pytest.approx(-0.25)
    at_goal = decompose(0.05, rate(2, 200), rate(5, 200))
    assert at_goal.dominant == "none"
    assert "more validation examples would make it a claim" in at_goal.verdict


def test_difference_is_newcombes_method_10():
    # Newcombe 1998, table II, example (a): 56/70 − 48/80 gives 0.0524 to 0.3339.
    gap = difference(Rate(56, 70), Rate(48, 80))
    assert (gap.low, gap.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    statsmodels = pytest.importorskip("statsmodels.stats.proportion")
    assert (gap.low, gap.high) == pytest.approx(
        statsmodels.confint_proportions_2indep(56, 70, 48, 80, method="newcomb")
    )


def test_intervals_of_the_gaps_cover_the_truth():
    rng = np.random.default_rng(0)
    goal, train, validation, runs = 0.01, 0.03, 0.07, 600
    covered = {"bias": 0, "variance": 0}
    for _ in range(runs):
        found = decompose(
            goal, Rate(int(rng.binomial(1000, train)), 1000), Rate(int(rng.binomial(300, validation)), 300)
        )
        for name, truth in (("bias", train - goal), ("variance", validation - train)):
            covered[name] += found.gaps[name].low <= truth <= found.gaps[name].high
    assert all(0.93 <= count / runs <= 0.98 for count in covered.values()), covered


def squares(rng: np.random.Generator, share: float, n: int) -> Average:
    """Squared errors of a regression with normal residuals that leave `share` of the variance, targets of spread 77."""
    return measured(rng.normal(0, share**0.5, n) ** 2, 77.0, "points")


def test_the_difference_of_two_averages_is_near_welchs_interval():
    from scipy.stats import ttest_ind

    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 0.8, 4000) ** 2, rng.normal(0, 0.6, 3000) ** 2
    gap = difference(measured(first), measured(second))
    welch = ttest_ind(first, second, equal_var=False).confidence_interval()
    assert gap.value == pytest.approx(first.mean() - second.mean())
    assert (gap.low, gap.high) == pytest.approx((welch.low, welch.high), abs=0.002)


def test_gaps_of_a_regression_cover_the_truth():
    rng = np.random.default_rng(1)
    train, validation, runs = 0.3, 0.5, 1500
    covered = 0
    for _ in range(runs):
        gap = difference(squares(rng, validation, 90), squares(rng, train, 300))
        covered += gap.low <= validation - train <= gap.high
    assert 0.92 <= covered / runs <= 0.98, covered


def test_a_regression_is_judged_in_its_unit_too():
    rng = np.random.default_rng(0)
    found = decompose(0.1, squares(rng, 0.2, 5000), squares(rng, 0.5, 5000))
    assert found.dominant == "variance" and found.families[0] == "over-fitting"
    assert found.verdict.startswith("Over-fitting first: variance is ")
    value = found.errors["validation"].value
    assert f"the validation error is {100 * value:.3g} % of the variance (RMSE {77 * value**0.5:.3g} points)" in (
        found.verdict
    )
    assert found.verdict.endswith("the goal 10 % (RMSE 24.3 points).")
    assert found.as_json()["errors"]["validation"]["rmse"]["unit"] == "points"


def test_a_small_regression_is_undecided_and_says_how_many_would_decide():
    rng = np.random.default_rng(3)
    found = decompose(0.3, squares(rng, 0.45, 280), squares(rng, 0.7, 80))
    assert found.dominant == "undecided" and "of the variance (RMSE " in found.verdict
    factor = factor_that_decides(0.3, found.errors)
    assert factor is not None and f"At these errors about {factor:.2g} times as many" in found.verdict
    grown = {name: error.of_size(factor) for name, error in found.errors.items()}
    assert decompose(0.3, grown["train"], grown["validation"]).dominant != "undecided"


def test_a_regression_at_its_goal():
    found = decompose(0.6, Average(0.3, 0.4, 900, 77.0, "points"), Average(0.4, 0.5, 400, 77.0, "points"))
    assert found.dominant == "none"
    assert "of the variance (RMSE 48.7 points), is at the goal of 60 % (RMSE 59.6 points) beyond doubt" in found.verdict


def test_perfect_estimates_have_gaps():
    found = decompose(0.1, Average(0.0, 0.0, 50), Average(0.9, 0.5, 50))
    assert found.dominant == "variance" and found.gaps["bias"].value == pytest.approx(-0.1)


rates = st.integers(1, 500).flatmap(lambda n: st.integers(0, n).map(lambda wrong: Rate(wrong, n)))


@given(st.floats(0.001, 0.9), rates, rates, st.none() | rates)
def test_gaps_always_add_up_and_a_decision_is_always_the_largest(goal, train, validation, train_val):
    found = decompose(goal, train, validation, train_val)
    gaps = {name: gap for name, gap in found.gaps.items() if gap is not None}
    assert sum(gap.value for gap in gaps.values()) == pytest.approx(validation.value - goal, abs=1e-12)
    assert all(gap.low - 1e-12 <= gap.value <= gap.high + 1e-12 for gap in gaps.values())
    assert (found.dominant == "none") == (validation.value <= goal)
    if found.dominant not in ("none", "undecided"):
        assert found.gaps[found.dominant].value == max(gap.value for gap in gaps.values()) > 0
