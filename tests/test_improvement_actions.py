"""The improvement actions: what each changes, where it applies, and that the real ones do what they say."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from action_cases import CASES, Bench, chance_table, elsewhere, shifted_curves
from diagnosis_tasks import curves, digits, make, params, passengers

from arcane.data.loading import Examples
from arcane.data.rates import Rate
from arcane.data.statistics import statistics_of
from arcane.diagnosis.decomposition import decompose
from arcane.errors import UserError
from arcane.improvement.actions import (
    ACTIONS,
    Action,
    Context,
    Discovery,
    Means,
    apply,
    changes,
    discover,
    known_actions,
)
from arcane.improvement.actions.discovered import permutation_importance, useless_columns
from arcane.improvement.actions.over_fitting import least_at
from arcane.improvement.requests import ASSUMED, measured_gain, requests_for
from arcane.spec import Feature, Spec
from arcane.training.adaptation import (
    aligned,
    fitted_to,
    importance_weights,
    refuse_without_target,
    resampled,
    settle_batch_norm,
)
from arcane.training.augmentation import augment
from arcane.training.ignoring import without_columns
from arcane.training.synthesis import synthesised

NAMED = known_actions()
IMAGES, CURVES = Context(digits()[0].spec, 1000), Context(curves()[0].spec, 1000)
TABLE = Context(passengers()[0].spec, 1000)
THERE = {"data.target_domain": "there"}


# What they are


def test_every_action_of_the_recipe_is_there_in_its_order():
    expected = {
        "under-fitting": {
            1: "bigger-model",
            2: "pre-trained-weights",
            3: "less-regularisation",
            5: "another-architecture",
        },
        "over-fitting": {
            2: "batch-norm",
            6: "another-model",
            8: "early-stopping",
            9: "remove-features",
            10: "smaller-model",
        },
        "distribution shift": {2.1: "synthesise", 3.1: "adapt-batch-norm", 3.2: "adapt-importance", 3.3: "adapt-coral"},
    }
    for family, orders in expected.items():
        at = {action.order: action.name for action in ACTIONS if action.addresses == family}
        assert {order: at[order] for order in orders} == orders
    assert {"schedule", "tune", "longer-training"} <= set(NAMED)
    assert all(action.why.endswith(".") and action.cost for action in ACTIONS)
    assert len(NAMED) == len(ACTIONS)


def test_every_action_has_a_case_that_it_helps_and_one_that_it_does_not():
    for helps in (True, False):
        assert {case.action for case in CASES if case.helps is helps} == set(NAMED)


@pytest.mark.parametrize(
    ("name", "start", "context", "expected"),
    [
        (
            "less-regularisation",
            {"train.mixup": 0.2, "train.label_smoothing": 0.1},
            IMAGES,
            {"train.mixup": [0.2, 0.0], "train.label_smoothing": [0.1, 0.0]},
        ),
        (
            "another-architecture",
            {"model.name": "resnet"},
            IMAGES,
            {"model.depth": [1, 2], "model.normalization": ["none", "batch"]},
        ),
        ("mixup", {}, IMAGES, {"train.mixup": [0.0, 0.2]}),
        ("label-smoothing", {}, IMAGES, {"train.label_smoothing": [0.0, 0.1]}),
        ("augmentation-crop", {"model.name": "conv1d"}, CURVES, {"train.augmentation": ["none", "crop"]}),
        ("augmentation-swap", {"model.name": "mlp"}, TABLE, {"train.augmentation": ["none", "swap"]}),
        (
            "early-stopping",
            {"train.epochs": 20},
            Context(IMAGES.spec, 9, (3, 2, 1, 2, 3, 4, 5, 6, 7, 8)),
            {"train.epochs": [20, 3]},
        ),
        ("synthesise", THERE, IMAGES, {"train.synthesis": ["none", "target"]}),
        ("mixup-across", THERE, IMAGES, {"train.mixup": [0.0, 0.4]}),
        (
            "adapt-batch-norm",
            {**THERE, "model.normalization": "batch"},
            IMAGES,
            {"train.adaptation": ["none", "batch-norm"]},
        ),
        ("adapt-importance", THERE, TABLE, {"train.adaptation": ["none", "importance"]}),
        ("adapt-coral", THERE, TABLE, {"train.adaptation": ["none", "coral"]}),
    ],
)
def test_what_an_action_changes(name, start, context, expected):
    before = params(start)
    assert changes(before, apply(NAMED[name], before, context)) == expected


@pytest.mark.parametrize(
    ("name", "start", "context"),
    [
        ("synthesise", {}, IMAGES),  # one domain: nothing to adapt to
        ("adapt-coral", {}, TABLE),
        ("adapt-batch-norm", THERE, IMAGES),  # no batch norm
        ("adapt-coral", {**THERE, "train.adaptation": "importance"}, TABLE),
        ("adapt-coral", THERE, Context(Spec("image", (3, 64, 64), ("a", "b")), 9)),
        ("augmentation-crop", {}, IMAGES),
        ("augmentation-swap", {}, CURVES),
        ("early-stopping", {"train.epochs": 20}, Context(IMAGES.spec, 9, (5, 4, 3, 2, 1))),  # still falling
        ("label-smoothing", {}, Context(Spec("tabular", (1,), target=SimpleNamespace(name="x", unit="")), 9)),
        ("tune", {}, IMAGES),  # has to look first
    ],
)
def test_where_an_action_does_not_apply(name, start, context):
    assert apply(NAMED[name], params(start), context) is None


def test_a_smoothed_course_is_least_where_it_stays_low():
    falling = tuple(1 + 0.01 * abs(epoch - 25) for epoch in range(40))
    assert 20 <= least_at((*falling[:5], 0.98, *falling[6:])) <= 30  # one lucky epoch decides nothing
    assert least_at((1.0,)) == 1


def test_an_action_of_a_person_may_look_first_and_mistakes_are_named():
    action = Action("mine", "under-fitting", "x.", discover=lambda p, c, m: Discovery({"train.epochs": 7}, 5, 2))
    means = Means(lambda trial: None, 10, *digits())
    after, found = discover(action, params(), IMAGES, means)
    assert after.train.epochs == 7 and (found.spent, found.asked) == (5, 2)
    wrong = Action("mine", "under-fitting", "x.", discover=lambda p, c, m: Discovery({"train.epoch": 7}))
    with pytest.raises(
        UserError, match=r"action `mine`: unknown parameter `train\.epoch`: did you mean `train\.epochs`"
    ):
        discover(wrong, params(), IMAGES, means)
    same = Action("mine", "under-fitting", "x.", discover=lambda p, c, m: Discovery({"train.epochs": 30}, 5))
    assert discover(same, params(), IMAGES, means)[0] is None
    with pytest.raises(UserError, match="`tune` is there already"):
        known_actions([Action("tune", "under-fitting", "x.")])


# That they work: some of tests/benchmarks/actions.py, which holds them all


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.action in ("adapt-coral", "adapt-importance")],
    ids=lambda case: f"{case.action}: {case.about}",
)
def test_an_action_is_kept_where_it_must_help_and_undone_where_not(case, tmp_path):
    found = Bench(tmp_path).judged(case)
    assert found["kept"] is case.helps, found


# Adaptation and synthesis


def test_synthesis_brings_the_moments_and_frequencies_of_the_target():
    train, there = shifted_curves("instrument")
    made = synthesised(train, there.inputs, 1)
    assert made.inputs.shape == train.inputs.shape and made.labels is train.labels
    still = (made.inputs == train.inputs).all(axis=(1, 2)).mean()
    assert still == pytest.approx(1 / 3, abs=0.05)
    far = synthesised(train, there.inputs, 2)
    for each in (made, far):
        before, after, aim = (abs(x.inputs.mean()) for x in (train, each, there))
        assert before < after < aim
    assert abs(np.fft.rfft(made.inputs, axis=2)).mean() > abs(np.fft.rfft(train.inputs, axis=2)).mean()
    assert np.array_equal(synthesised(train, there.inputs, 1).inputs, made.inputs)  # by its seed alone


def test_synthesis_of_images_and_tables_keeps_their_kind():
    train, validation = digits()
    dark = (validation.inputs // 2).astype(np.uint8)
    made = synthesised(train, dark, 1)
    assert made.inputs.dtype == np.uint8
    assert made.inputs.mean() == pytest.approx(0.75 * train.inputs.mean(), rel=0.15)
    rows, others = passengers()
    moved = others.inputs.copy()
    moved[:, 0] += 40
    moved[: len(moved) // 2, 1] = np.nan
    made = synthesised(rows, moved, 1)
    assert np.nanmean(made.inputs[:, 0]) > np.nanmean(rows.inputs[:, 0]) + 5
    assert np.isnan(made.inputs[:, 1]).mean() > np.isnan(rows.inputs[:, 1]).mean() + 0.05
    assert np.array_equal(made.inputs[:, 2], rows.inputs[:, 2], equal_nan=True)  # a category


def test_importance_weights_are_the_ratio_of_densities():
    rng = np.random.default_rng(0)
    source, target = rng.normal(0, 1, (4000, 1)).astype(np.float32), rng.normal(1, 1, (4000, 1)).astype(np.float32)
    weights = importance_weights(source, target, Spec("tabular", (1,), ("a", "b"), (Feature("x"),)))
    expected = np.exp(source[:, 0] - 0.5)  # N(1, 1) over N(0, 1)
    common = np.abs(source[:, 0]) < 1.5
    assert np.corrcoef(weights[common], expected[common])[0, 1] > 0.97
    assert weights.mean() == pytest.approx(1)
    drawn = source[resampled(weights, 1), 0]
    assert drawn.mean() == pytest.approx(1, abs=0.15) and len(drawn) == len(source)
    counts = np.bincount(resampled(weights, 1), minlength=len(weights))
    assert np.all(np.abs(counts - weights) < 1 + 1e-9)


def test_coral_gives_inputs_the_targets_mean_and_covariance():
    train, there = elsewhere("turned")
    moved = aligned(train.inputs, there.inputs, train.spec)
    assert moved.mean(axis=0) == pytest.approx(there.inputs.mean(axis=0), abs=0.05)
    assert np.cov(moved.T) == pytest.approx(np.cov(there.inputs.T), abs=0.3)
    assert not np.allclose(np.cov(train.inputs.T), np.cov(there.inputs.T), atol=0.5)
    missing = train.inputs.copy()
    missing[0, 0] = np.nan
    assert np.isnan(aligned(missing, there.inputs, train.spec)[0, 0])


def test_batch_norm_settles_on_the_target_and_leaves_all_else():
    task = make(changes={"model.normalization": "batch"}, train=digits()[0])
    weights = {name: value.clone() for name, value in task.named_parameters()}
    inputs = (digits()[1].inputs // 2).astype(np.uint8)
    settle_batch_norm(task, inputs)
    layer = next(module for module in task.modules() if isinstance(module, torch.nn.BatchNorm2d))
    seen = []
    hook = layer.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    task(torch.tensor(inputs))
    hook.remove()
    assert layer.running_mean == pytest.approx(seen[0].detach().mean(dim=(0, 2, 3)), abs=1e-4)
    assert all(torch.equal(weights[name], value) for name, value in task.named_parameters())
    assert not task.training and not layer.training and layer.momentum == 0.1
    with pytest.raises(UserError, match=r"needs model\.normalization: batch"):
        settle_batch_norm(make(train=digits()[0]), inputs)


def test_adaptation_needs_another_domain_and_none_changes_nothing():
    train, there = elsewhere("turned")
    assert fitted_to(train, there.inputs, params().train, 1) is train
    with pytest.raises(UserError, match=r"train.adaptation is `coral`, but .* `data.target_domain`"):
        refuse_without_target(params({"train.adaptation": "coral"}).train, False)
    refuse_without_target(params({"train.adaptation": "coral"}).train, True)


# Columns, augmentation


def test_an_ignored_column_changes_no_output_and_the_others_do():
    train, _ = passengers()
    for name in ("mlp", "linear"):
        p = params({"model.name": name, "model.ignore": ["age", "deck"]})
        statistics = without_columns(statistics_of(train), train.spec, p.model.ignore)
        task = type(make(train=train, changes={"model.name": "mlp"}))(p, train.spec, statistics)
        rows = torch.tensor(train.inputs[:50])
        before = task(rows)
        for column, ignored in enumerate((True, False, True, False)):
            other = rows.clone()
            other[:, column] = other[:, column].flip(0)
            assert torch.equal(task(other), before) is ignored
            other[:, column] = torch.nan
            assert torch.equal(task(other), before) is ignored
    with pytest.raises(UserError, match=r"model.ignore: no column `aeg`: did you mean `age`"):
        without_columns(statistics_of(train), train.spec, ["aeg"])


def test_permutation_importance_finds_the_columns_that_count():
    train, validation = chance_table(useless=25, strength=1.5)

    def predict(inputs):
        chance = 1 / (1 + np.exp(-1.5 * inputs[:, :5].sum(axis=1) - 0.1 * inputs[:, 5]))
        return np.stack([1 - chance, chance], axis=1)

    gains = permutation_importance(predict, validation.inputs, validation.labels, train.spec)
    useless = useless_columns(gains, [])
    assert set(useless) <= set(range(5, 30)) and len(useless) == 15  # at most half at once
    assert (gains.mean(axis=1)[:5] > 0.1).all() and not set(useless_columns(gains, useless)) & set(useless)


def test_crop_stretches_a_part_and_swap_takes_cells_of_other_rows():
    ramp = torch.arange(40.0).repeat(64, 1, 1)
    padded = ramp.clone()
    padded[:, :, 30:] = torch.nan
    generator = torch.Generator().manual_seed(1)
    out = augment(ramp, "crop", generator)
    spans = out[:, 0, -1] - out[:, 0, 0]
    assert spans.min() >= 26 and spans.max() <= 39 and spans.std() > 1
    assert (out.diff(dim=2) >= 0).all()
    cut = augment(padded, "crop", generator)
    assert torch.equal(cut.isnan(), padded.isnan()) and cut[:, :, :30].max() <= 29
    rows = torch.arange(400.0).reshape(100, 4)
    swapped = augment(rows, "swap", generator)
    changed = swapped != rows
    assert 0.05 < changed.float().mean() < 0.15
    assert (swapped % 4 == rows % 4).all()  # each from its own column


# Requests


def decomposed(train, validation, held_out=None):
    rate = lambda value: Rate(round(value * 1000), 1000)  # noqa: E731
    return decompose(0.01, rate(train), rate(validation), rate(held_out) if held_out is not None else None)


def split(n):
    ids = tuple(f"{i:032x}" for i in range(n))
    return Examples(ids, np.zeros((n, 1, 8, 8), np.uint8), np.arange(n) % 10, digits()[0].spec)


def test_requests_say_how_many_of_what_and_what_they_buy():
    train, validation = split(1000), split(400)
    outputs = np.full((400, 10), 0.1, np.float32)
    size = {"doubling": {"gain": {"value": 0.3, "low": 0.25, "high": 0.4}}}
    own = measured_gain(size)
    assert (own.low, own.high) == (0.25, 0.4) and measured_gain(None) is None
    assert measured_gain({"doubling": {"gain": {"low": None, "high": 1}}}) is None
    over = {
        r.kind: r
        for r in requests_for(decomposed(0.02, 0.2), train, validation, outputs, doubling=own, unlabelled=["a"] * 1000)
    }
    assert over["collect"].count == 1000 and over["collect"].gain == own
    assert "25 to 40 % off" in over["collect"].message and "this project's learning curve" in over["collect"].message
    assert over["label"].gain.low == pytest.approx(0.25)  # as many again: a doubling
    assumed = {r.kind: r for r in requests_for(decomposed(0.02, 0.2), train, validation, outputs)}
    assert assumed["collect"].gain == ASSUMED and "label" not in assumed
    under = {r.kind: r for r in requests_for(decomposed(0.2, 0.21), train, validation, outputs)}
    assert under["features"].gain.high == pytest.approx(0.19 / 0.21, rel=1e-3)
    shifted = {r.kind: r for r in requests_for(decomposed(0.02, 0.3, 0.03), train, validation, outputs)}
    assert shifted["collect-like-validation"].gain.high == pytest.approx(0.9, abs=0.01)
    assert shifted["collect-like-validation"].count == 400


def test_labels_worth_a_look_buy_at_most_their_share_of_the_error():
    train, validation = split(1000), split(400)
    outputs = np.full((400, 10), 0.02, np.float32)
    outputs[np.arange(400), validation.labels] = 0.82
    outputs[:20] = 0.005
    outputs[np.arange(20), (validation.labels[:20] + 1) % 10] = 0.955
    found = {r.kind: r for r in requests_for(decomposed(0.02, 0.05), train, validation, outputs)}
    check = found["check-labels"]
    assert check.count == 20 and check.gain.high == 1.0 and check.gain.low == 0.0
    assert check.as_json()["gain"]["high"] == 1.0
