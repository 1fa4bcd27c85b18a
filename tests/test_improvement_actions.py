"""The improvement actions: what each changes, where it applies, and that the real ones do what they say."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from action_cases import CASES, Bench, chance_table, elsewhere, shifted_curves
from diagnosis_tasks import curves, digits, make, params, passengers
from PIL import Image
from projects import make_project, quiet_context, write_data
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from arcane.data.loading import Examples, load_split
from arcane.data.manifest import MANIFEST, read_manifest
from arcane.data.rates import Rate
from arcane.data.splits import split as divide
from arcane.data.splits import write_splits
from arcane.data.statistics import statistics_of
from arcane.diagnosis.decomposition import decompose
from arcane.errors import UserError
from arcane.files import read_json, write_json
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
from arcane.improvement.requests import ASSUMED, measured_gain, most_useful_first, requests_for
from arcane.pipeline.places import Places
from arcane.pipeline.pretraining import pretrained_by_proxy
from arcane.pipeline.stages import run_stage
from arcane.pipeline.unlabelled import unlabelled_examples
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
from arcane.training.inference import load_model, predict
from arcane.training.synthesis import synthesised
from arcane.training.trials import make_task, run_trial

NAMED = known_actions()
IMAGES, CURVES = Context(digits()[0].spec, 1000), Context(curves()[0].spec, 1000)
TABLE = Context(passengers()[0].spec, 1000)
THERE = {"data.target_domain": "there"}
WARM = {"model.pretrained": "there"}
ADAMW, DECAY = {"train.optimizer": "adamw"}, {"train.optimizer": ["adam", "adamw"]}


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
        # Weights shrink by e over the training, 30 epochs of 16 steps at 3e-4; Adam's own L2 is another thing.
        ("weight-decay", {"train.weight_decay": 1e-4}, IMAGES, DECAY | {"train.weight_decay": [1e-4, 6.9]}),
        ("weight-decay", {"train.weight_decay": 6.9, **ADAMW}, IMAGES, {"train.weight_decay": [6.9, 28.0]}),
        # Weights of another width fit nowhere.
        ("smaller-model", WARM, IMAGES, {"model.width": [1.0, 0.5], "model.pretrained": ["there", None]}),
        ("batch-norm", WARM, IMAGES, {"model.normalization": ["none", "batch"]}),
        (
            "early-stopping",
            {"train.epochs": 20},
            Context(IMAGES.spec, 9, (3, 2, 1, 2, 3, 4, 5, 6, 7, 8)),
            {"train.epochs": [20, 3]},
        ),
        ("synthesise", THERE, IMAGES, {"train.synthesis": ["none", "target"]}),
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
        ("weight-decay", {"train.weight_decay": 28.0, **ADAMW}, IMAGES),  # four times the first already
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


def test_the_examples_whose_label_would_teach_most_come_first():
    sure, torn, split_in_three = [0.9, 0.05, 0.05], [0.48, 0.47, 0.05], [0.4, 0.35, 0.25]
    assert most_useful_first([np.array([sure, torn, split_in_three])]).tolist() == [1, 2, 0]
    one, other = np.array([[0.99, 0.01], [0.7, 0.3]]), np.array([[0.01, 0.99], [0.7, 0.3]])
    assert most_useful_first([one, other]).tolist() == [0, 1]  # its seeds do not agree
    assert most_useful_first([np.array([1.0, 5.0, 9.0]), np.array([1.0, 7.0, 8.0])]).tolist() == [1, 2, 0]


def here(project):
    """A stage's context whose trials run in this process."""
    quiet = quiet_context(project)

    def submit(trial):
        result = run_trial(project.root, trial)
        return SimpleNamespace(result=lambda: result)

    quiet.record.trials = list
    quiet.record.journal = SimpleNamespace(model=lambda *given: None, artifact=lambda *given: None)
    write_json(project.root / "reports/resolution.json", {"chosen": None})
    return replace(quiet, with_slots=lambda body: body(Places(1, "cpu", submit)))


def test_examples_without_a_label_are_asked_for_most_useful_first(tmp_path):
    short = {"data.limit": 500, "train.epochs": 3, "train.learning_rate": 3e-3, "model.name": "mlp"}
    project = make_project(tmp_path, {**short, "improve.budget": 0}, with_data=False)
    write_data(project)
    lines = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
    gone = [line["id"] for line in lines[::4]]
    for line in lines[::4]:
        line["label"] = None
    (tmp_path / MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_splits(tmp_path / "data/splits.jsonl", divide(read_manifest(tmp_path / MANIFEST), project.params)[0])
    run_stage("improve", here(project))
    content = read_json(tmp_path / "reports/improvement.json")
    asked = next(request for request in content["requests"] if request["kind"] == "label")
    assert asked["count"] == len(gone) == 125 and set(asked["ids"]) <= set(gone) and len(asked["ids"]) == 50
    assert f"Label the {len(gone)} examples" in asked["message"]
    task = load_model(tmp_path / "models/best", project)
    examples, every = unlabelled_examples(project)
    chances = np.sort(predict(task, examples.inputs), axis=1)
    margins = dict(zip(examples.ids, chances[:, -1] - chances[:, -2], strict=True))
    first, last = asked["ids"], set(every) - set(asked["ids"])
    assert max(margins[each] for each in first) <= min(margins[each] for each in last) + 1e-5
    assert [margins[each] for each in first] == sorted(margins[each] for each in first)


def test_a_wrong_action_in_the_params_stops_the_first_stage(tmp_path):
    project = make_project(tmp_path, {"improve.actions": ["droput"]}, with_data=False)
    with pytest.raises(UserError, match=r"improve\.actions: unknown action `droput`: did you mean `dropout`"):
        run_stage("ingest", quiet_context(project))
    assert not (tmp_path / "data").exists()


# Pre-training


@pytest.fixture
def own_script(tmp_path):
    """A project on a script of its own: the digits with rows and columns swapped, dark on light, twice as large."""
    data = load_digits()
    for number in range(0, 1797, 5):
        file = tmp_path / "data/raw" / "abcdefghij"[data.target[number]] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image = (255 - data.images[number].T * 255 / 16).astype(np.uint8)
        Image.fromarray(image.repeat(2, 0).repeat(2, 1)).save(file)
    return make_project(tmp_path, {"data.source": "own", "train.epochs": 2})


def test_pre_training_on_digits_fits_a_script_of_ones_own(own_script):
    said = []
    voice = SimpleNamespace(say=said.append, progress=lambda *given: None)
    params, root = own_script.params, own_script.root
    train = load_split(root, "train")
    assert pretrained_by_proxy(own_script, params, 10, voice) is None  # hardly any budget
    folder, seen = pretrained_by_proxy(own_script, params, 100_000, voice)
    assert folder.startswith(".arcane/pretrained/digits-") and 2 * len(train) < seen <= 2 * 4 * len(train)
    assert "pre-training on" in said[0]
    kept, own = read_json(root / folder / "model.json"), statistics_of(train)
    assert kept["normalisation"]["mean"] == list(own.mean) and kept["shape"] == [1, 16, 16]
    start = make_task(own_script, params.changed({"model.pretrained": folder}), train, 1)
    weights = load_file(root / folder / "weights.safetensors")
    name = next(name for name, value in start.named_parameters() if value.ndim == 4)
    assert torch.equal(start.state_dict()[name], weights[name])
    assert start.statistics.mean == own.mean
    assert pretrained_by_proxy(own_script, params, 100_000, voice) == (folder, seen)  # nothing is trained twice


def test_nothing_is_pre_trained_where_no_data_set_is_alike(own_script):
    voice = SimpleNamespace(say=lambda text: None, progress=lambda *given: None)
    for other in ({"data.source": "digits"}, {"data.modality": "tabular", "data.source": "own"}):
        assert pretrained_by_proxy(own_script, own_script.params.changed(other), 10**6, voice) is None
    assert not (own_script.root / ".arcane/proxy").exists()


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
