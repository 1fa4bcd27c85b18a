"""The examination's mechanisms, one by one: each planted bug is named first, and its correct twin has no finding."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diagnosis_tasks import digits, make, params, patients, task_class
from torch import nn

from arcane.data.loading import Examples
from arcane.data.statistics import statistics_of
from arcane.diagnosis.examine import examine
from arcane.diagnosis.limits import Settings

Task = task_class()
MLP = {"model.name": "mlp"}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def normal(self, images):
    return (images.float() / 255 - self.mean) / self.std


def changed(**methods):
    return type("Changed", (Task,), methods)


def step(body):
    return changed(training_step=lambda self, batch, index: body(self, *batch))


def forward(body):
    return changed(forward=body)


def validate(body):
    return changed(validation_step=lambda self, batch, index: body(self, *batch))


def with_model(build):
    """The template's task on digits with another network."""

    def made(self, *given):
        Task.__init__(self, *given)
        self.model = build()

    return changed(__init__=made)


def by_hand(body):
    """A task that takes its steps itself: `body(self, optimizer, loss)`, and returns the loss."""

    def made(self, *given):
        Task.__init__(self, *given)
        self.automatic_optimization = False

    def training_step(self, batch, index):
        loss = self.loss(self(batch[0]), batch[1])
        body(self, self.optimizers(), loss)
        return loss.detach()

    return changed(
        __init__=made,
        training_step=training_step,
        configure_optimizers=lambda self: torch.optim.Adam(self.parameters(), 1e-3),
    )


def deep(layers, activation, width=64):
    parts = [nn.Flatten(), nn.Linear(64, width), activation()]
    for _ in range(layers):
        parts += [nn.Linear(width, width), activation()]
    return nn.Sequential(*parts, nn.Linear(width, 10))


def filled(network, fill):
    for module in network.modules():
        if isinstance(module, nn.Linear):
            fill(module)
    return network


def alike(layer):
    nn.init.constant_(layer.weight, 0.02)
    nn.init.zeros_(layer.bias)


def eval_left_behind(self, batch, index):
    self.eval()
    return self.loss(self(batch[0]), batch[1])


def train_and_back(self, batch, index):
    self.train()
    loss = self.loss(self(batch[0]), batch[1])
    self.eval()
    return loss


def learns_from_validation(self, batch, index):
    loss = self.loss(self(batch[0]), batch[1])
    loss.backward()
    return loss


def logged(of):
    def validation_step(self, batch, index):
        logits = self(batch[0])
        self.log("validation_accuracy", of(logits, batch[1]))
        return self.loss(logits, batch[1])

    return changed(validation_step=validation_step)


def zero_first(self, optimizer, loss):
    optimizer.zero_grad()
    self.manual_backward(loss)
    nn.utils.clip_grad_norm_(self.parameters(), 1.0)
    optimizer.step()


def never_zero(self, optimizer, loss):
    self.manual_backward(loss)
    optimizer.step()


def clip_late(self, optimizer, loss):
    optimizer.zero_grad()
    self.manual_backward(loss)
    optimizer.step()
    nn.utils.clip_grad_norm_(self.parameters(), 1.0)


def scheduled(make_schedule):
    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), 1e-3)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": make_schedule(optimizer), "interval": "step"},
        }

    return changed(configure_optimizers=configure_optimizers)


def of_another_model(self):
    return torch.optim.Adam([*self.parameters(), *nn.Linear(64, 10).parameters()], 1e-3)


def out_of_memory(self, x, y):
    if len(y) > 16:
        raise torch.OutOfMemoryError("CUDA out of memory")
    return self.loss(self(x), y)


BUGS = {
    "doubled in uint8": ("input-casting", forward(lambda self, x: self.model(normal(self, x * 2)))),
    "divided as whole numbers": ("input-casting", forward(lambda self, x: self.model((x // 200).float() * 2))),
    "cast to whole numbers": ("input-casting", forward(lambda self, x: self.model((x.float() / 255).long().float()))),
    "normalised in training alone": (
        "train-eval-preprocessing-differ",
        changed(
            forward=lambda self, x: self.model(normal(self, x) if self.training else x.float() / 255 * 8),
        ),
    ),
    "scaled in the step": (
        "train-eval-preprocessing-differ",
        step(lambda self, x, y: self.loss(self(x // 8), y)),
    ),
    "labels counted from 1": ("labels-corrupt", step(lambda self, x, y: self.loss(self(x), (y + 1) % 10))),
    "labels beyond the outputs": ("label-out-of-range", step(lambda self, x, y: self.loss(self(x), y + 1))),
    "one-hot whole numbers": (
        "label-format-mismatch",
        step(lambda self, x, y: F.cross_entropy(self(x), F.one_hot(y, 10))),
    ),
    "nll of logits": ("loss-expects-probabilities", step(lambda self, x, y: F.nll_loss(self(x), y))),
    "nll of probabilities": (
        "loss-expects-probabilities",
        step(lambda self, x, y: F.nll_loss(self(x).softmax(1), y)),
    ),
    "tanh on the logits": ("activation-on-logits", forward(lambda self, x: self.model(normal(self, x)).tanh())),
    "squared error of class numbers": (
        "loss-target-mismatch",
        step(lambda self, x, y: F.mse_loss(self(x)[:, 0], y.float())),
    ),
    "loss clamped": ("loss-clipped", step(lambda self, x, y: F.cross_entropy(self(x), y).clamp(max=1.0))),
    "losses clamped one by one": (
        "loss-clipped",
        step(lambda self, x, y: F.cross_entropy(self(x), y, reduction="none").clamp(max=2.0).mean()),
    ),
    "all weights alike": (
        "bad-initialisation",
        with_model(lambda: filled(deep(1, nn.Tanh), alike)),
    ),
    "weights of unit variance": (
        "bad-initialisation",
        with_model(lambda: filled(deep(2, nn.ReLU, 800), lambda m: nn.init.normal_(m.weight))),
    ),
    "biases at -10": (
        "dead-units",
        with_model(lambda: filled(deep(1, nn.ReLU), lambda m: nn.init.constant_(m.bias, -10.0))),
    ),
    "huge weights before tanh": (
        "saturated-units",
        with_model(
            lambda: nn.Sequential(
                nn.Flatten(), filled(nn.Linear(64, 64), lambda m: nn.init.normal_(m.weight, std=60)), nn.Tanh(),
                nn.Linear(64, 10),
            )
        ),
    ),
    "twelve sigmoid layers": ("gradient-vanishing", with_model(lambda: deep(12, nn.Sigmoid))),
    "sixty times too large through ten layers": (
        "gradient-exploding",
        with_model(lambda: filled(deep(10, nn.ReLU), lambda m: m.weight.data.mul_(12))),
    ),
    "another model's parameters": (
        "optimiser-holds-foreign-parameters", changed(configure_optimizers=of_another_model),
    ),
    "eval left behind": ("eval-mode-in-training", changed(training_step=eval_left_behind)),
    "train mode for the evaluation alone": ("train-mode-in-evaluation", changed(validation_step=train_and_back)),
    "backward in the evaluation": ("backward-in-evaluation", changed(validation_step=learns_from_validation)),
    "no zero_grad": ("gradients-accumulate", by_hand(never_zero)),
    "clipped late": ("clip-after-step", by_hand(clip_late)),
    "accuracy over the planned batch": (
        "metric-wrong",
        logged(lambda logits, y: (logits.argmax(1) == y).sum() / 64),
    ),
    "accuracy of a broadcast": (
        "metric-wrong",
        logged(lambda logits, y: (logits.argmax(1) == y[:, None]).float().sum() / len(y)),
    ),
    "out of memory": ("out-of-memory", step(out_of_memory)),
}  # fmt: skip


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_named_first(bug):
    code, kind = BUGS[bug]
    found = examine(make(kind, MLP), digits()[0], seed=1)
    assert [f.message for f in found.findings if f.code == "check-failed"] == []
    assert [f.code for f in found.errors][:1] == [code], [(f.code, f.message) for f in found.findings]


WARNINGS = {
    "a bias before batch norm": (
        "bias-before-batch-norm",
        with_model(
            lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
        ),
        {},
    ),
    "no activation": (
        "missing-nonlinearity",
        with_model(
            lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
        ),
        {},
    ),
    "batch norm of four": (
        "batch-norm-batch-too-small",
        None,
        {"model.name": "resnet", "model.normalization": "batch", "train.batch_size": 4},
    ),
    "cosine in epochs": (
        "schedule-stepped-wrongly",
        scheduled(lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 15)),
        {},
    ),
    "decay in epochs": (
        "schedule-stepped-wrongly",
        scheduled(lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.5)),
        {},
    ),
}


@pytest.mark.parametrize("bug", WARNINGS)
def test_what_harms_less_is_a_warning_or_a_note(bug):
    code, kind, changes = WARNINGS[bug]
    found = examine(make(kind, MLP | changes), digits()[0], seed=1)
    assert [f.code for f in found.findings] == [code], [(f.code, f.message) for f in found.findings]
    assert found.findings[0].severity == ("note" if code == "bias-before-batch-norm" else "warning")


RIGHT = {
    "by hand": by_hand(zero_first),
    "whole-number augmentation": step(
        lambda self, x, y: self.loss(self((x.float() * 0.9 + 5).round().to(torch.uint8)), y)
    ),
    "noise on the inputs": step(
        lambda self, x, y: self.loss(self((x.float() + 10 * torch.randn(x.shape)).clamp(0, 255).round().byte()), y)
    ),
    "soft capped logits": forward(lambda self, x: 30 * torch.tanh(self.model(normal(self, x)) / 30)),
    "a low-rank layer": with_model(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Linear(16, 128), nn.ReLU(), nn.Linear(128, 10))
    ),
    "accuracy in per cent": logged(lambda logits, y: 100 * (logits.argmax(1) == y).float().mean()),
    "warm restarts": scheduled(lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 180)),
    "warm-up alone": scheduled(lambda o: torch.optim.lr_scheduler.LinearLR(o, 0.1, total_iters=100)),
    "squared error of one-hot": step(lambda self, x, y: 10 * F.mse_loss(self(x), F.one_hot(y, 10).float())),
    "a clamp that does nothing": step(lambda self, x, y: self.loss(self(x), y).clamp(max=1e6)),
    "twelve residual layers": with_model(
        lambda: nn.Sequential(nn.Flatten(), *(Residual(64) for _ in range(12)), nn.LayerNorm(64), nn.Linear(64, 10))
    ),
}  # fmt: skip


class Residual(nn.Module):
    """A layer beside a shortcut."""

    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, features):
        return features + torch.relu(self.layer(features))


@pytest.mark.parametrize("name", RIGHT)
def test_its_correct_twin_passes(name):
    found = examine(make(RIGHT[name], MLP), digits()[0], seed=1)
    assert [(f.code, f.message) for f in found.findings] == []


def test_two_networks_that_train_against_each_other_do_not_accumulate():
    def made(self, *given):
        Task.__init__(self, *given)
        self.automatic_optimization = False
        self.judge = nn.Linear(10, 1)

    def training_step(self, batch, index):
        own, judge = self.optimizers()
        logits = self(batch[0])
        loss = self.loss(logits, batch[1])
        own.zero_grad()
        (loss - 0.01 * self.judge(logits).mean()).backward()
        own.step()
        judge.zero_grad()
        self.judge(logits.detach()).square().mean().backward()
        judge.step()
        return loss.detach()

    def configure_optimizers(self):
        return [torch.optim.Adam(self.model.parameters(), 1e-3), torch.optim.Adam(self.judge.parameters(), 1e-3)]

    kind = changed(__init__=made, training_step=training_step, configure_optimizers=configure_optimizers)
    found = examine(make(kind, MLP), digits()[0], seed=1)
    assert [(f.code, f.message) for f in found.findings] == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (
            "output-range-cannot-reach-targets",
            forward(lambda self, x: torch.sigmoid(self.model((x - self.mean) / self.std))[:, 0]),
        ),
        (
            "output-range-cannot-reach-targets",
            forward(lambda self, x: torch.tanh(self.model((x - self.mean) / self.std))[:, 0] * 77 + 150),
        ),
        (
            "loss-target-mismatch",
            step(lambda self, x, y: F.binary_cross_entropy_with_logits((self(x) - 150) / 77, y)),
        ),
    ],
)
def test_a_bug_in_a_regression(code, kind):
    train = patients()[0]
    found = examine(make(kind, MLP, train=train), train, seed=1)
    assert [f.code for f in found.errors][:1] == [code], [(f.code, f.message) for f in found.findings]


@pytest.mark.parametrize(
    ("code", "labels"),
    [
        ("label-out-of-range", lambda y: y + 1),
        ("single-class", lambda y: np.zeros_like(y)),
        ("label-format-mismatch", lambda y: y.astype(np.float32)),
    ],
)
def test_labels_of_the_data_are_looked_at_first(code, labels):
    train = digits()[0]
    found = examine(make(None, MLP), replace(train, labels=labels(train.labels)), seed=1)
    assert [f.code for f in found.errors][:1] == [code]


def test_targets_that_are_not_finite():
    train = patients()[0]
    broken = train.labels.copy()
    broken[3] = np.nan
    found = examine(make(None, MLP, train=train), replace(train, labels=broken), seed=1)
    assert [f.code for f in found.errors] == ["labels-corrupt"] and train.ids[3] in found.errors[0].message


def both(first, second):
    return Examples(
        first.ids + second.ids,
        np.concatenate([first.inputs, second.inputs]),
        np.concatenate([first.labels, second.labels]),
        first.spec,
    )


def test_validation_examples_that_stand_in_training():
    train, validation = digits()
    mixed = both(validation, train.subset(np.arange(40)))
    found = examine(make(None, MLP), train, seed=1, validation=mixed)
    assert [f.code for f in found.errors] == ["train-validation-overlap"]
    assert found.errors[0].evidence["share"] == pytest.approx(40 / 340)
    assert examine(make(None, MLP), train, seed=1, validation=validation).findings == ()


def test_statistics_of_training_and_validation_together():
    train, validation = digits()
    task = Task(params(MLP), train.spec, statistics_of(both(train, validation)))
    found = examine(task, train, seed=1, validation=validation)
    assert [f.code for f in found.errors] == ["preprocessing-leak"]


def test_inputs_that_become_the_same():
    found = examine(make(forward(lambda self, x: self.model(rows_of(self, x))), MLP), digits()[0], seed=1)
    assert found.errors[0].code == "input-degenerate"
    assert found.errors[0].evidence["left"] < 8


def rows_of(self, images):
    """The first row of pixels, as darker or lighter."""
    return (images.float()[:, :, :1, 2:3] > 0).float().expand(-1, -1, 8, 8) * 2 - 1


def test_pretrained_weights_of_another_scale(tmp_path):
    from arcane.training.inference import save_model

    train = digits()[0]
    save_model(tmp_path / "old", make(None, MLP), "digits")
    same = make(None, MLP | {"model.pretrained": "old"})
    assert examine(same, train, seed=1, root=tmp_path).findings == ()
    otherwise = make(forward(lambda self, x: self.model(x.float() / 255)), MLP | {"model.pretrained": "old"})
    found = examine(otherwise, train, seed=1, root=tmp_path)
    assert [f.code for f in found.errors] == ["pretrained-normalisation-mismatch"]


def test_batch_norm_that_remembers_other_inputs():
    def remember(task):
        norm = next(module for module in task.modules() if isinstance(module, nn.BatchNorm2d))
        norm.running_mean.fill_(0.1)
        norm.running_var.fill_(900.0)  # as of pixels from 0 to 255

    task = make(None, {"model.name": "resnet", "model.normalization": "batch"}, prepare=remember)
    found = examine(task, digits()[0], seed=1)
    assert "pretrained-normalisation-mismatch" in [f.code for f in found.findings if f.severity == "warning"]


class Ignored(Task):
    def training_step(self, batch, index):
        return F.cross_entropy(self(batch[0]).softmax(1), batch[1])  # arcane: ignore[loss-expects-logits]


def test_a_comment_a_setting_and_a_threshold_silence():
    train = digits()[0]
    found = examine(make(Ignored, MLP), train, seed=1)
    assert "loss-expects-logits" not in [f.code for f in found.findings]
    kind = step(lambda self, x, y: F.cross_entropy(self(x), y, reduction="sum"))
    task = make(kind, MLP)
    assert [f.code for f in examine(task, train, seed=1).findings] == ["loss-sum-reduction"]
    assert examine(task, train, seed=1, settings=Settings(silence=frozenset({"loss-sum-reduction"}))).findings == ()
    raw = make(forward(lambda self, x: self.model(x.float() / 20)), MLP)
    assert [f.code for f in examine(raw, train, seed=1).errors] == ["input-not-normalised"]
    assert examine(raw, train, seed=1, settings=Settings({"input_rms": 20.0})).errors == ()


def test_the_line_of_the_loss_is_named():
    first = examine(make(step(lambda self, x, y: F.cross_entropy(self(x).softmax(1), y)), MLP), digits()[0], seed=1)
    number = int(first.errors[0].location.rpartition(":")[2])
    assert "softmax(1), y)), MLP)" in Path(__file__).read_text().splitlines()[number - 1]
