"""The decomposition: the recipe's reference tables, intervals that cover, and an honest `undecided`."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcane.data.rates import Average, Rate, design_effect, measured, wilson
from arcane.diagnosis.decomposition import decompose, difference
from arcane.diagnosis.intervals import Claim, Repeated, contrast
from arcane.improvement.actions import ACTIONS

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


# RECIPE 5.4: each column's errors (train, validation, test), and the action that leads to the next one.
COURSE = [
    ((20, 27, 28), {"bigger-model"}),
    ((7, 19, 20), {"another-architecture", "another-model"}),
    ((3, 10, 10), {"schedule", "annealing"}),
    ((0.8, 12, 12), {"more-data"}),
    ((1.5, 5, 6), {"weight-decay"}),
    ((1.7, 4, 4), {"augmentation"}),
    ((0.8, 2.5, 2.6), {"tuning"}),
]


def test_each_column_of_the_reference_course_gives_the_family_that_the_recipe_works_on():
    said = [decompose(0.01, rate(t), rate(v), test=rate(x)) for (t, v, x), _ in COURSE]
    families = [found.families[0] for found in said]
    # The lecture works on 20/27 by a bigger model; at 7/19 and 3/10 over-fitting is the larger gap already, and its
    # answers, another architecture and the schedule, stand among the actions of both families.
    assert families == ["under-fitting"] + ["over-fitting"] * 6
    overfit = [found.validation_overfit.value for found in said]
    assert overfit == pytest.approx([0.01, 0.01, 0, 0, 0.01, 0, 0.001], abs=1e-9)
    offered = {family: {action.name for action in ACTIONS if action.addresses == family} for family in set(families)}
    for family, (_, taken) in zip(families, COURSE, strict=True):
        # More data and tuning are asked of a person or of `search`; every other step is an action of that family.
        assert taken & offered[family] or taken <= {"more-data", "tuning"}, (family, taken, offered[family])


def test_the_reference_case_in_parts():
    found = decompose(0.01, rate(20), rate(27), test=rate(28))
    assert {name: round(part.value, 6) for name, part in found.parts.items()} == {
        "irreducible": 0.01,
        "bias": 0.19,
        "variance": 0.07,
        "validation_overfit": 0.01,
    }
    assert found.largest_part == "bias"


@pytest.mark.parametrize(
    ("goal", "errors", "part"),
    [
        (0.3, (31, 32, 33), "irreducible"),
        (0.02, (2, 4, 30), "validation_overfit"),
        (0.02, (3, 30, 30), "variance"),
        (0.10, (20, 20, 20), "undecided"),
    ],
)
def test_the_largest_part_of_a_test_error(goal, errors, part):
    train, validation, test = (rate(error) for error in errors)
    assert decompose(goal, train, validation, test=test).largest_part == part


def test_a_mismatch_split_tells_over_fitting_from_shift():
    found = decompose(0.01, rate(2), rate(20), train_val=rate(4))
    assert found.dominant == "data_mismatch"
    assert found.gaps["variance"].value == pytest.approx(0.02)
    assert found.gaps["data_mismatch"].value == pytest.approx(0.16)
    assert "Distribution shift first" in found.verdict
    assert set(found.as_json()["errors"]) == {"goal", "train", "validation", "train_val"}


def test_small_samples_are_undecided_and_say_how_many_would_decide():
    found = decompose(0.01, Rate(25, 1180), Rate(12, 289))
    assert found.dominant == "undecided" and found.decides.seeds is None
    assert "cannot be told apart yet" in found.verdict and found.verdict.endswith(found.decides.sentence)
    enough = found.decides.examples
    grown = {name: Rate(round(r.value * enough[name]), enough[name]) for name, r in found.errors.items()}
    assert decompose(0.01, grown["train"], grown["validation"]).dominant == "variance"
    fewer = {
        name: Rate(round(r.value * enough[name] * 0.9), round(enough[name] * 0.9)) for name, r in found.errors.items()
    }
    assert decompose(0.01, fewer["train"], fewer["validation"]).dominant == "undecided"
    assert f"{enough['validation']:,} validation examples (now 289)" in found.verdict


def test_held_out_examples_alone_are_asked_for_where_they_are_enough():
    found = decompose(0.1, rate(20, 50_000), Rate(70, 200))
    assert found.dominant == "undecided" and list(found.decides.examples) == ["validation"]
    enough = found.decides.examples["validation"]
    # The formula with normal intervals: n = z² p (1 − p) / (difference² − z² · 4 p_train (1 − p_train) / n_train).
    expected = 1.96**2 * 0.35 * 0.65 / (0.05**2 - 1.96**2 * 4 * 0.2 * 0.8 / 50_000)
    assert enough == pytest.approx(expected, rel=0.1)  # Wilson is a little shorter


def test_seeds_that_differ_make_it_undecided_and_more_of_them_would_decide():
    steady = [decompose(0.01, rate(10), Repeated((rate(14), rate(14), rate(14))))]
    assert steady[0].dominant == "bias"
    train = Repeated((rate(6), rate(10), rate(14)))
    validation = Repeated((rate(10.5), rate(14), rate(17.5)))
    found = decompose(0.01, train, validation)
    assert found.gaps["variance"].value == pytest.approx(0.04)
    # Trainings that err more on train err more on validation: the gap between them is known better than either.
    assert found.gaps["variance"].high - found.gaps["variance"].low < 0.03
    assert found.gaps["bias"].low < 0.01
    assert found.dominant == "undecided" and found.decides.examples is None
    assert 3 < found.decides.seeds <= 50 and f"{found.decides.seeds} seeds (now 3)" in found.verdict


def test_where_neither_alone_is_enough_it_takes_both():
    train = Repeated((Rate(76, 1140), Rate(55, 1140), Rate(84, 1140)))
    validation = Repeated((Rate(32, 319), Rate(26, 319), Rate(30, 319)))
    decides = decompose(0.01, train, validation).decides
    assert decides.both and decides.seeds > 3 and decides.examples["validation"] > 319
    assert "examples (now 319) and " in decides.sentence


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
    enough = found.decides.examples
    assert enough is not None and "At these errors " in found.verdict
    grown = {name: replace(error, n=enough.get(name, error.n)) for name, error in found.errors.items()}
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


def test_more_power_than_overlapping_intervals():
    """Of many pairs of errors, the interval of the difference decides more often, and is not wrong more often."""
    rng = np.random.default_rng(5)
    decided, by_overlap, wrong = 0, 0, 0
    for _ in range(400):
        found = decompose(0.01, Rate(int(rng.binomial(2000, 0.04)), 2000), Rate(int(rng.binomial(400, 0.14)), 400))
        bias, variance = found.gaps["bias"], found.gaps["variance"]
        decided += found.dominant != "undecided"
        by_overlap += bias.high < variance.low or variance.high < bias.low
        wrong += found.dominant == "bias"
    assert decided > 1.02 * by_overlap > 0 and wrong == 0, (decided, by_overlap, wrong)


def test_equal_gaps_are_called_decided_as_rarely_as_promised():
    rng = np.random.default_rng(6)
    goal, train, validation, runs = 0.02, 0.06, 0.10, 2000  # bias = variance = 4 %
    decided = sum(
        decompose(
            goal, Rate(int(rng.binomial(1500, train)), 1500), Rate(int(rng.binomial(400, validation)), 400)
        ).dominant
        not in ("undecided", "none")
        for _ in range(runs)
    )
    assert 0.03 <= decided / runs <= 0.065, decided / runs


def test_a_sum_of_errors_covers_the_truth_over_examples_and_seeds():
    """2 train − goal − validation, with seeds whose luck the two splits share."""
    rng = np.random.default_rng(7)
    weights, covered, runs = {"train": 2.0, "goal": -1.0, "validation": -1.0}, 0, 800
    for _ in range(runs):
        luck = rng.normal(0, 0.01, 3)
        train = Repeated(tuple(Rate(int(rng.binomial(1000, 0.06 + each)), 1000) for each in luck))
        validation = Repeated(tuple(Rate(int(rng.binomial(400, 0.12 + 1.5 * each)), 400) for each in luck))
        gap = contrast(weights, {"train": train, "goal": Claim(0.01), "validation": validation})
        covered += gap.low <= 0.12 - 0.01 - 0.12 <= gap.high
    assert 0.94 <= covered / runs <= 1, covered / runs


def test_a_claim_seen_on_few_examples_has_an_interval():
    exact, seen = decompose(0.04, rate(10), rate(12)), decompose(Claim(0.04, 50), rate(10), rate(12))
    assert exact.gaps["bias"].high - exact.gaps["bias"].low < 0.01
    assert seen.gaps["bias"].high - seen.gaps["bias"].low > 0.1
    assert seen.as_json()["errors"]["goal"] == {
        "value": 0.04,
        "low": pytest.approx(wilson(0.04, 50)[0]),
        "high": pytest.approx(wilson(0.04, 50)[1]),
        "n": 50,
    }


def test_groups_widen_an_interval_as_far_as_their_examples_are_alike():
    rng = np.random.default_rng(8)
    groups = np.repeat(np.arange(100), 10)
    apart = rng.random(1000) < 0.2
    alike = np.repeat(rng.random(100) < 0.2, 10)
    assert design_effect(apart, groups) == pytest.approx(1, abs=0.35)
    assert design_effect(alike, groups) == pytest.approx(10 * 100 / 99 * (1.984 / 1.96) ** 2, rel=0.01)
    low, high = measured(alike, groups=groups).interval()
    assert (low, high) == pytest.approx(wilson(alike.mean(), 1000 / design_effect(alike, groups)))
    assert design_effect(apart, np.arange(1000)) == 1.0
    assert design_effect(np.zeros(100, bool), np.repeat(np.arange(10), 10)) > 10
    assert design_effect(apart, np.zeros(1000)) == 1000


def test_intervals_cover_where_whole_groups_are_drawn():
    rng = np.random.default_rng(9)
    groups, naive, covered, runs = np.repeat(np.arange(40), 8), 0, 0, 600
    for _ in range(runs):
        hard = rng.beta(1, 4, 40)  # each group has its own rate, 0.2 in the mean
        errors = rng.random(320) < hard[groups]
        for counted, with_groups in ((0, None), (1, groups)):
            low, high = measured(errors, groups=with_groups).interval()
            inside = low <= 0.2 <= high
            naive += inside * (1 - counted)
            covered += inside * counted
    assert naive / runs < 0.93 <= covered / runs <= 0.985, (naive / runs, covered / runs)


def test_wilson_is_scipys():
    from scipy.stats import binomtest

    for wrong, n in ((0, 7), (3, 100), (50, 50), (12, 289)):
        known = binomtest(wrong, n).proportion_ci(0.95, method="wilson")
        assert wilson(wrong / n, n) == pytest.approx((known.low, known.high), abs=1e-12)
