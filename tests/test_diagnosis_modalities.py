"""The examination of sequences, tables and regressions: silent on what is right, and each planted bug is named."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diagnosis_tasks import curves, heights, make, passengers, patients, task_class

from arcane.diagnosis.examine import examine

Task = task_class()


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def changed(**methods):
    """The template's task with other methods."""
    return type("Changed", (Task,), methods)


def step(body):
    return changed(training_step=lambda self, batch, index: body(self, *batch))


def forward(body):
    return changed(forward=body)


def adam(rate):
    return changed(configure_optimizers=lambda self: torch.optim.Adam(self.parameters(), rate))


def normal(self, inputs):
    return (inputs - self.mean) / self.std


def estimate(self, outputs):
    return outputs[:, 0] * self.statistics.target_std + self.statistics.target_mean


def found_in(kind, data, changes=None, **options):
    train = data()[0]
    found = examine(make(kind, changes, train=train), train, seed=1, **options)
    assert not [f.message for f in found.findings if f.code == "check-failed"]
    return found


def codes(found, severity="error"):
    return [finding.code for finding in found.findings if finding.severity == severity]


@pytest.mark.parametrize(
    ("data", "model"),
    [
        (curves, "conv1d"),
        pytest.param(curves, "lstm", marks=pytest.mark.slow),
        pytest.param(curves, "attention", marks=pytest.mark.slow),
        (curves, "linear"),
        (heights, "conv1d"),
        pytest.param(heights, "wavenet", marks=pytest.mark.slow),
        (heights, "mlp"),
        (passengers, "mlp"),
        (passengers, "linear"),
        (patients, "mlp"),
        (patients, "linear"),
    ],
)
def test_the_templates_task_has_no_finding(data, model):
    found = found_in(None, data, {"model.name": model})
    assert [(f.severity, f.code, f.message) for f in found.findings] == []
    if data in (heights, patients):
        assert found.measurements["variances_at_init"] == pytest.approx(1, abs=0.25)
    else:
        classes = len(data()[0].classes)
        assert found.measurements["loss_at_init"] == pytest.approx(math.log(classes), abs=0.2)


SEQUENCE_BUGS = {
    "wrong sign": ("loss-sign-flipped", step(lambda self, x, y: -F.cross_entropy(self(x), y))),
    "softmax before cross entropy": (
        "loss-expects-logits",
        step(lambda self, x, y: F.cross_entropy(self(x).softmax(1), y)),
    ),
    "softmax over the batch": (
        "softmax-wrong-dim",
        step(lambda self, x, y: F.nll_loss(F.log_softmax(self(x), 0), y)),
    ),
    "labels shuffled": (
        "labels-out-of-order",
        step(lambda self, x, y: F.cross_entropy(self(x), y[torch.randperm(len(y))])),
    ),
    "not normalised": ("input-not-normalised", forward(lambda self, x: self.model(x * 100))),
    "zeroed": ("input-ignored", forward(lambda self, x: self.model(normal(self, x) * 0))),
    "NaN": ("input-not-finite", forward(lambda self, x: self.model(normal(self, x).log()))),
    "examples mixed": (
        "examples-mixed",
        forward(lambda self, x: self.model(normal(self, x) - normal(self, x).mean(0))),
    ),
    "learning rate 10": ("learning-rate-too-high", adam(10.0)),
    "wrong dimension": ("output-shape-mismatch", forward(lambda self, x: self.model(normal(self, x)).mean(1))),
}


@pytest.mark.parametrize("bug", SEQUENCE_BUGS)
def test_a_bug_in_a_task_of_sequences_is_named_first(bug):
    code, kind = SEQUENCE_BUGS[bug]
    # A convolution learns one batch ten times as slowly as a perceptron: where nothing hangs on it, it is spared.
    model = "conv1d" if bug in ("not normalised", "NaN", "wrong dimension", "examples mixed") else "mlp"
    assert codes(found_in(kind, curves, {"model.name": model}))[:1] == [code]


def scaled(self, x, y, loss=F.mse_loss):
    return loss(self(x) / self.statistics.target_std, y / self.statistics.target_std)


REGRESSION_BUGS = {
    "estimates of [N, 1]": (
        "accidental-broadcast",
        forward(lambda self, x: estimate(self, self.model(normal(self, x)))[:, None]),
    ),
    "a column against a row": (
        "accidental-broadcast",
        step(lambda self, x, y: F.mse_loss(self(x)[:, None] / 77, y / 77)),
    ),
    "a column against a row by hand": (
        "accidental-broadcast",
        step(lambda self, x, y: ((self(x) - y[:, None]) / 77).square().mean()),
    ),
    "wrong dimension": (
        "output-shape-mismatch",
        forward(lambda self, x: self.model(normal(self, x)).expand(-1, 2) * 77 + 150),
    ),
    "wrong sign": ("loss-sign-flipped", step(lambda self, x, y: -scaled(self, x, y))),
    "labels shuffled": (
        "labels-out-of-order",
        step(lambda self, x, y: scaled(self, x, y[torch.randperm(len(y))])),
    ),
    "inputs shuffled": (
        "labels-out-of-order",
        step(lambda self, x, y: scaled(self, x[torch.randperm(len(y))], y)),
    ),
    "zeroed": ("input-ignored", forward(lambda self, x: estimate(self, self.model(normal(self, x) * 0)))),
    "not normalised": ("input-not-normalised", forward(lambda self, x: estimate(self, self.model(x)))),
    "NaN": ("input-not-finite", forward(lambda self, x: estimate(self, self.model(normal(self, x).log())))),
    "noise in evaluation": (
        "evaluation-not-deterministic",
        forward(lambda self, x: estimate(self, self.model(normal(self, x) + torch.randn(1)))),
    ),
    "examples mixed": (
        "examples-mixed",
        forward(lambda self, x: estimate(self, self.model(normal(self, x) - normal(self, x).mean(0)))),
    ),
    "no gradient": ("gradient-does-not-flow", step(lambda self, x, y: scaled(self, x, y).detach() * 1)),
    "learning rate 10": ("learning-rate-too-high", adam(10.0)),
    "loss is NaN": ("loss-not-finite", step(lambda self, x, y: scaled(self, x, y) * math.nan)),
}


@pytest.mark.parametrize("bug", REGRESSION_BUGS)
def test_a_bug_in_a_regression_is_named_first(bug):
    code, kind = REGRESSION_BUGS[bug]
    assert codes(found_in(kind, patients, {"model.name": "mlp"}))[:1] == [code]


def test_a_loss_that_does_not_look_at_the_targets_is_a_symptom():
    (found,) = found_in(step(lambda self, x, y: (self(x) / 77).square().mean()), patients, {"model.name": "mlp"}).errors
    assert found.code == "cannot-overfit-batch"
    assert "300 steps leave 100 % of the variance unexplained, and the loss falls" in found.message
    assert "with plain squared error the same model learns it" in found.message


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("loss-sum-reduction", step(lambda self, x, y: scaled(self, x, y) * len(y))),
        ("loss-at-init-off", forward(lambda self, x: self.model(normal(self, x))[:, 0])),
        ("learning-rate-too-low", adam(1e-8)),
    ],
)
def test_what_may_be_meant_in_a_regression_is_a_warning(code, kind):
    assert codes(found_in(kind, patients, {"model.name": "mlp"}), "warning") == [code]


@pytest.mark.parametrize("data", [curves, heights, patients])
def test_shuffled_targets_in_the_data(data):
    train = data()[0]
    shuffled = replace(train, labels=np.random.default_rng(0).permutation(train.labels))
    found = examine(make(None, {"model.name": "mlp"}, train=train), shuffled, seed=1)
    assert codes(found)[:1] == ["labels-out-of-order"]


ODD = {
    "absolute error": step(lambda self, x, y: scaled(self, x, y, F.l1_loss)),
    "Huber's loss": step(lambda self, x, y: scaled(self, x, y, F.huber_loss)),
    "by hand": step(lambda self, x, y: ((self(x) - y) / 77).square().mean()),
    "in the targets' own unit": step(lambda self, x, y: F.mse_loss(self(x), y)),
    "of logarithms": step(lambda self, x, y: 10 * F.mse_loss(self(x).clamp(1).log(), y.log())),
    "a negative loss": step(lambda self, x, y: scaled(self, x, y) - 5),
    "pairs of examples": step(
        lambda self, x, y: scaled(self, x, y) + 0 * ((out := self(x))[:, None] - out).square().mean()
    ),
    "batch reordered as one": step(
        lambda self, x, y: (lambda order: scaled(self, x[order], y[order]))(torch.randperm(len(y)))
    ),
    "noise on the inputs": step(lambda self, x, y: scaled(self, x + 0.1 * self.std * torch.randn_like(x), y)),
    "plain SGD": changed(configure_optimizers=lambda self: torch.optim.SGD(self.parameters(), 0.02)),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_but_right_regression_passes(name):
    found = found_in(ODD[name], patients, {"model.name": "mlp"})
    assert [(f.severity, f.code, f.message) for f in found.findings if f.severity != "note"] == []


def test_nothing_is_left_changed():
    (train, _), weights = heights(), None
    task = make(None, {"model.name": "conv1d", "model.normalization": "batch"}, train=train)
    weights = {name: tensor.clone() for name, tensor in task.state_dict().items()}
    inputs, labels, state = train.inputs.copy(), train.labels.copy(), torch.get_rng_state()
    first = examine(task, train, seed=2)
    assert all(torch.equal(task.state_dict()[name], weights[name]) for name in weights)
    np.testing.assert_array_equal(train.inputs, inputs)
    np.testing.assert_array_equal(train.labels, labels)
    assert torch.equal(torch.get_rng_state(), state)
    assert examine(task, train, seed=2).as_json() == first.as_json()
