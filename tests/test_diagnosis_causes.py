"""A small version of `benchmarks/causes.py`: each part of the error is planted, and the diagnosis must name it."""

import numpy as np
import pytest
import torch
from planted_causes import CAUSES, Cause, Pools, Tally, curves, draws, of_this_model, planted, pools, truths

CHEAP = [cause for cause in CAUSES if cause.part != "validation_overfit"]


@pytest.fixture(scope="module")
def data() -> Pools:
    torch.set_num_threads(1)
    return pools(CHEAP, 2, 2000)


@pytest.mark.parametrize("cause", CHEAP, ids=lambda cause: cause.part)
def test_the_planted_part_is_named_and_covered(data, cause: Cause):
    runs = [planted(cause, data, number, 2) for number in range(2)]
    truth = truths(runs)
    assert max(truth, key=lambda name: truth[name]) == cause.part
    tally = Tally()
    for number, run in enumerate(runs):
        for drawn in draws(run, 5, number):
            tally.add(drawn.single, of_this_model(run), cause.part)
            if cause.part not in ("irreducible", "validation_overfit"):
                assert drawn.single.dominant in (cause.part, "undecided")
    assert tally.decided >= 8 and tally.right == tally.decided
    covered = [hit for hits in tally.covered.values() for hit in hits]
    assert np.mean(covered) > 0.8


def test_a_validation_split_that_is_asked_too_often_is_over_fitted():
    torch.set_num_threads(1)
    cause = Cause(
        "validation_overfit",
        dict(CAUSES[-1].settings) | {"train.epochs": 20},
        0.04,
        1000,
        (100, 1000, 0),
        candidates=3000,
    )
    here = curves(4000, 3)
    data = Pools(here.subset(np.arange(1000)), here.subset(np.arange(1000, 4000)), here, here)
    run = planted(cause, data, 0, 1)
    assert run.chosen is not None
    found = next(draws(run, 1, 0)).found
    # About the error on fresh curves, the test split says the truth; validation, which chose, tells a better story.
    assert found.validation_overfit is not None and found.validation_overfit.low > 0.05
    assert found.errors["test"].value == pytest.approx(run.truth.mean(), abs=0.05)
    assert found.errors["validation"].value < run.truth.mean() - 0.1


def test_the_generator_leaves_the_random_state_as_it_was():
    before = np.random.get_state()[1].copy()
    first, again = curves(20, 5), curves(20, 5)
    np.testing.assert_array_equal(first.inputs, again.inputs)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
