"""The examination: each planted bug is named, each odd but right task passes, and nothing is left changed."""

import copy
import math
import pickle
import random
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diagnosis_tasks import digits, make, task_class
from torch import nn

from arcane.diagnosis.checks import CHECKS, Check
from arcane.diagnosis.examine import examine

Task = task_class()


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def codes(task, train=None, severity="error", **options) -> list[str]:
    found = examine(task, train or digits()[0], seed=1, **options)
    assert not [f.message for f in found.findings if f.code == "check-failed"]
    return [finding.code for finding in found.findings if finding.severity == severity]


def step(body):
    """The template's task with another training step."""
    return type("Changed", (Task,), {"training_step": lambda self, batch, index: body(self, *batch)})


def forward(body):
    """The template's task with another forward."""
    return type("Changed", (Task,), {"forward": body})


def optimisers(body):
    return type("Changed", (Task,), {"configure_optimizers": body})


def normal(self, images):
    return (images.float() / 255 - self.mean) / self.std


def detached(self, images):
    layers = list(self.model)
    for layer in layers[:-3]:
        images = layer(images) if images.is_floating_point() else layer(normal(self, images))
    return nn.Sequential(*layers[-3:])(images.detach())


def hide_last_layer(task):
    task.hidden_layers = [task.model[-1]]
    task.model = task.model[:-1]


def freeze_last_layer(task):
    task.model[-1].requires_grad_(False)


def grow_output(task):
    task.model[-1].weight.data.mul_(200)


class DropoutForgotten(Task):
    def forward(self, images):
        return self.model(F.dropout(normal(self, images), 0.5))


class TrainModeKept(Task):
    def validation_step(self, batch, index):
        self.train()
        return super().validation_step(batch, index)


class SquareRootAtZero(Task):
    def training_step(self, batch, index):
        logits = self(batch[0])
        return F.cross_entropy(logits, batch[1]) + 0 * (logits - logits).pow(2).sum().sqrt()


def shuffle(labels):
    return labels[torch.randperm(len(labels))]


BUGS = {
    "wrong sign": ("loss-sign-flipped", step(lambda self, x, y: -F.cross_entropy(self(x), y))),
    "optimiser maximises": (
        "loss-sign-flipped",
        optimisers(lambda self: torch.optim.SGD(self.parameters(), 0.01, maximize=True)),
    ),
    "softmax before cross entropy": (
        "loss-expects-logits",
        step(lambda self, x, y: F.cross_entropy(self(x).softmax(1), y)),
    ),
    "forward gives probabilities": (
        "loss-expects-logits",
        forward(lambda self, x: self.model(normal(self, x)).softmax(1)),
    ),
    "sigmoid before cross entropy": (
        "loss-expects-logits",
        step(lambda self, x, y: F.cross_entropy(self(x).sigmoid(), y)),
    ),
    "softmax over the batch": (
        "softmax-wrong-dim",
        step(lambda self, x, y: F.nll_loss(F.log_softmax(self(x), 0), y)),
    ),
    "softmax over the batch by hand": (
        "softmax-wrong-dim",
        step(lambda self, x, y: -torch.log_softmax(self(x), dim=0).gather(1, y[:, None]).mean()),
    ),
    "rectifier on the logits": ("activation-on-logits", forward(lambda self, x: self.model(normal(self, x)).relu())),
    "raw pixels": ("input-not-normalised", forward(lambda self, x: self.model(x.float()))),
    "divided twice": ("input-over-normalised", forward(lambda self, x: self.model(x.float() / 255 / 255))),
    "zeroed input": ("input-ignored", forward(lambda self, x: self.model(normal(self, x) * 0))),
    "zeroed in training alone": (
        "input-ignored",
        step(lambda self, x, y: F.cross_entropy(self(torch.zeros_like(x)), y)),
    ),
    "NaN in the inputs": (
        "input-not-finite",
        forward(lambda self, x: self.model((x.float() - x.float().mean(0)) / x.float().std(0))),
    ),
    "labels shuffled": ("labels-out-of-order", step(lambda self, x, y: F.cross_entropy(self(x), shuffle(y)))),
    "images shuffled": ("labels-out-of-order", step(lambda self, x, y: F.cross_entropy(self(shuffle(x)), y))),
    "pixels shuffled": (
        "augmentation-breaks-labels",
        step(lambda self, x, y: F.cross_entropy(self(x.flatten(1)[:, torch.randperm(64)].view_as(x)), y)),
    ),
    "upside down": (
        "augmentation-breaks-labels",
        step(lambda self, x, y: F.cross_entropy(self(x.rot90(2, (2, 3))), y)),
    ),
    "detached": ("gradient-does-not-flow", forward(detached)),
    "no gradient at all": (
        "gradient-does-not-flow",
        step(lambda self, x, y: F.cross_entropy(self(x).detach(), y)),
    ),
    "some layers in no optimiser": (
        "parameter-not-in-optimiser",
        optimisers(lambda self: torch.optim.Adam(list(self.parameters())[2:], 3e-4)),
    ),
    "learning rate 10": (
        "learning-rate-too-high",
        optimisers(lambda self: torch.optim.Adam(self.parameters(), 10.0)),
    ),
    "dropout in evaluation": ("dropout-active-in-evaluation", DropoutForgotten),
    "noise in evaluation": (
        "evaluation-not-deterministic",
        forward(lambda self, x: self.model(normal(self, x) + torch.randn(1))),
    ),
    "train mode kept": ("train-mode-in-evaluation", TrainModeKept),
    "examples mixed": (
        "examples-mixed",
        forward(lambda self, x: self.model(normal(self, x) - normal(self, x).mean(0))),
    ),
    "too few outputs": ("output-shape-mismatch", forward(lambda self, x: self.model(normal(self, x))[:, :9].mean(1))),
    "a step that fails": ("step-failed", step(lambda self, x, y: F.cross_entropy(self(x), y[:-1]))),
    "loss is NaN": ("loss-not-finite", step(lambda self, x, y: F.cross_entropy(self(x), y) * math.nan)),
    "gradient is NaN": ("gradient-not-finite", SquareRootAtZero),
    "dead outputs": (
        "constant-output",
        forward(lambda self, x: self.model(normal(self, x)) * 1e-30 + self.model[-1].bias),
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_named_first(bug):
    code, kind = BUGS[bug]
    assert codes(make(kind))[:1] == [code]


@pytest.mark.parametrize(
    ("code", "prepare"),
    [("parameter-not-registered", hide_last_layer), ("gradient-does-not-flow", freeze_last_layer)],
)
def test_a_bug_in_how_the_task_is_built(code, prepare):
    def through_hidden(self, images):
        images = self.model(normal(self, images))
        return self.hidden_layers[0](images) if hasattr(self, "hidden_layers") else images

    assert codes(make(forward(through_hidden), prepare=prepare))[:1] == [code]


def test_shuffled_labels_in_the_data():
    train, _ = digits()
    shuffled = replace(train, labels=np.random.default_rng(0).permutation(train.labels))
    assert codes(make(), shuffled)[:1] == ["labels-out-of-order"]


@pytest.mark.parametrize(
    ("code", "kind", "changes", "prepare"),
    [
        ("loss-sum-reduction", step(lambda self, x, y: F.cross_entropy(self(x), y, reduction="sum")), {}, None),
        ("loss-at-init-off", None, {}, grow_output),
        ("learning-rate-too-low", None, {"train.learning_rate": 1e-7}, None),
    ],
)
def test_what_may_be_meant_is_a_warning(code, kind, changes, prepare):
    assert codes(make(kind, changes, prepare), severity="warning") == [code]


def test_what_no_check_knows_is_a_symptom_with_ranked_suspects():
    # The loss does not look at the labels: no mechanism of the catalogue, and nothing is learnt.
    task = make(step(lambda self, x, y: self(x).pow(2).mean()))
    (found,) = examine(task, digits()[0], seed=1).errors
    assert found.code == "cannot-overfit-batch"
    assert "with plain cross entropy the same model learns it" in found.message
    assert found.advice.startswith("Suspects, likeliest first: ")


def freeze_backbone(task):
    for layer in list(task.model)[:-1]:
        layer.requires_grad_(False)


def accumulate(self, batch, index):
    images, labels = batch
    return sum(F.cross_entropy(self(x), y) for x, y in zip(images.chunk(2), labels.chunk(2), strict=True)) / 2


ODD = {
    "lenet": (None, {}, None),
    "linear": (None, {"model.name": "linear"}, None),
    "mlp": (None, {"model.name": "mlp"}, None),
    "resnet": (None, {"model.name": "resnet"}, None),
    "batch norm": (None, {"model.name": "resnet", "model.normalization": "batch"}, None),
    "group norm, tiny batches": (None, {"model.normalization": "group", "train.batch_size": 2}, None),
    "dropout": (None, {"model.dropout": 0.5}, None),
    "tanh": (None, {"model.activation": "tanh"}, None),
    "plain SGD at 0.1": (optimisers(lambda self: torch.optim.SGD(self.parameters(), 0.1)), {}, None),
    "momentum": (None, {"train.optimizer": "sgd", "train.learning_rate": 0.1}, None),
    "one cycle": (None, {"train.schedule": "one-cycle", "train.learning_rate": 0.003}, None),
    "weight decay": (None, {"train.optimizer": "adamw", "train.weight_decay": 0.05}, None),
    "augmentation": (None, {"train.augmentation": "affine"}, None),
    "log-softmax twice": (step(lambda self, x, y: F.cross_entropy(F.log_softmax(self(x), 1), y)), {}, None),
    "negative log likelihood": (step(lambda self, x, y: F.nll_loss(F.log_softmax(self(x), 1), y)), {}, None),
    "negative loss": (step(lambda self, x, y: F.cross_entropy(self(x), y) - 5), {}, None),
    "gradient accumulation": (type("Changed", (Task,), {"training_step": accumulate}), {}, None),
    "scaled loss": (step(lambda self, x, y: F.cross_entropy(self(x), y) / 8), {}, None),
    "label smoothing": (step(lambda self, x, y: F.cross_entropy(self(x), y, label_smoothing=0.1)), {}, None),
    "batch reordered as one": (
        step(lambda self, x, y: (lambda order: F.cross_entropy(self(x[order]), y[order]))(torch.randperm(len(y)))),
        {},
        None,
    ),
    "pixels from 0 to 1": (forward(lambda self, x: self.model(x.float() / 255)), {}, None),
    "zero head": (None, {}, lambda task: nn.init.zeros_(task.model[-1].weight)),
    "frozen backbone": (None, {"train.learning_rate": 0.01}, freeze_backbone),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_but_right_task_passes(name):
    kind, changes, prepare = ODD[name]
    found = examine(make(kind, changes, prepare), digits()[0], seed=1)
    assert [(f.severity, f.code, f.message) for f in found.findings if f.severity != "note"] == []
    assert found.verdict.startswith("no error found")


def test_the_templates_task_has_no_finding_at_all_and_is_examined_in_time():
    start = time.process_time()
    found = examine(make(), digits()[0], seed=1)
    assert time.process_time() - start < 30
    assert found.findings == () and found.verdict == "no error found"
    assert found.measurements["loss_at_init"] == pytest.approx(math.log(10), abs=0.2)
    assert found.measurements["overfit_error"] == 0 < 0.8 < found.measurements["zeroed_error"]


def test_imbalanced_classes_pass():
    train, _ = digits()
    kept = (train.labels == 0) | (np.arange(len(train.labels)) % 12 == 0)
    few = replace(
        train,
        ids=tuple(np.array(train.ids)[kept]),
        inputs=train.inputs[kept],
        labels=train.labels[kept],
    )
    assert codes(make(), few) == []


@pytest.mark.parametrize("kind", [None, DropoutForgotten, step(lambda self, x, y: -F.cross_entropy(self(x), y))])
def test_nothing_is_left_changed(kind):
    task, (train, _) = make(kind, {"model.normalization": "batch"}), digits()
    task.model[0].eval()
    weights = copy.deepcopy(task.state_dict())
    modes = [module.training for module in task.modules()]
    images, labels = train.inputs.copy(), train.labels.copy()
    attributes = set(vars(task))
    python, arrays, tensors = random.getstate(), pickle.dumps(np.random.get_state()), torch.get_rng_state()
    examine(task, train, seed=1)
    assert all(torch.equal(task.state_dict()[name], weights[name]) for name in weights)
    assert [module.training for module in task.modules()] == modes
    assert all(p.grad is None for p in task.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in task.modules())
    assert set(vars(task)) == attributes
    assert random.getstate() == python and torch.equal(torch.get_rng_state(), tensors)
    assert pickle.dumps(np.random.get_state()) == arrays
    np.testing.assert_array_equal(train.inputs, images)
    np.testing.assert_array_equal(train.labels, labels)


def test_the_same_seed_finds_the_same():
    first, second = (examine(make(None, {"model.dropout": 0.2}), digits()[0], seed=3) for _ in range(2))
    assert first.as_json() == second.as_json()


def test_accepted_codes_do_not_stop_and_the_place_is_named():
    kind, (train, _) = BUGS["dropout in evaluation"][1], digits()
    found = examine(make(kind), train, seed=1)
    assert found.errors[0].location.startswith("tests/test_diagnosis_examine.py:")
    assert found.verdict.startswith("dropout-active-in-evaluation (tests/test_diagnosis_examine.py:")
    accepted = examine(make(kind), train, seed=1, accept=["dropout-active-in-evaluation"])
    assert accepted.errors == ()
    assert [(f.code, f.severity) for f in accepted.findings] == [("dropout-active-in-evaluation", "note")]


def test_a_check_that_fails_is_a_note_and_harms_no_other():
    broken = Check(("input-ignored",), lambda bench: 1 / 0)
    of_inputs = [check for check in CHECKS if "input-not-normalised" in check.codes]
    found = examine(make(BUGS["raw pixels"][1]), digits()[0], seed=1, checks=(broken, *of_inputs))
    assert [f.code for f in found.findings] == ["input-not-normalised", "check-failed"]
    assert "ZeroDivisionError" in found.findings[1].message
