"""What a training may do beyond the plain loop, what it watches, and what it says when something is in the way."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diagnosis_tasks import curves, digits, make, passengers, patients, task_class
from hypothesis import given
from hypothesis import strategies as st
from test_training_fit import weights_hash

from arcane.config import Train
from arcane.data.loading import Examples
from arcane.errors import UserError
from arcane.spec import Spec
from arcane.training.configured import configured
from arcane.training.fit import Options, fit, on_device
from arcane.training.inference import evaluate
from arcane.training.mixing import mix
from arcane.training.monitors import Monitors
from arcane.training.randomness import key, keys
from arcane.training.stopping import Patience


def few(count: int = 256) -> tuple[Examples, Examples]:
    train, validation = digits()
    return train.subset(np.arange(count)), validation.subset(np.arange(100))


def trained(
    options: Options = Options(),  # noqa: B008
    changes: dict[str, Any] | None = None,
    kind: Any = None,
    epochs: int = 2,
    data: Any = None,
    **settings: Any,
) -> tuple[Any, list]:
    splits = data or few()
    task = make(kind, {"train.learning_rate": 3e-3, **(changes or {})}, train=splits[0])
    settings = {"batch_size": 64, "seed": 1, **settings}
    return task, fit(task, *splits, epochs=epochs, options=options, **settings)


def flat(task: Any) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in task.parameters()])


@pytest.mark.parametrize("parts", [2, 3, 64])
def test_parts_of_a_batch_add_up_to_it(parts):
    """256 examples in batches of 100 end with one of 56: neither divides by 3."""
    sgd = {"train.optimizer": "sgd", "train.learning_rate": 0.03}
    whole, curve = trained(changes=sgd, batch_size=100)
    cut, other = trained(Options(accumulate=parts), changes=sgd, batch_size=100)
    assert torch.allclose(flat(whole), flat(cut), atol=1e-6)
    assert other[-1].train_loss == pytest.approx(curve[-1].train_loss, rel=1e-5)
    assert other[-1].train_error == curve[-1].train_error


def test_another_layout_is_the_same_training():
    plain, curve = trained()
    task, other = trained(Options(channels_last=True))
    assert task.model[3].weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(flat(plain), flat(task), atol=1e-4)
    assert other[-1].train_loss == pytest.approx(curve[-1].train_loss, rel=1e-4)


def test_clipping_bounds_the_step():
    sgd = {"train.optimizer": "sgd", "train.learning_rate": 1.0}
    before = make(changes={"train.learning_rate": 1.0}, train=few()[0])
    settings: dict[str, Any] = {"changes": sgd, "epochs": 1, "batch_size": 256}
    free, unbounded = trained(**settings)
    clipped, bounded = trained(Options(clip=0.01), **settings)
    assert (flat(free) - flat(before)).norm() > 0.02
    assert (flat(clipped) - flat(before)).norm().item() == pytest.approx(0.01, rel=1e-4)
    # the monitor tells the norm before clipping
    assert bounded[0].logged["gradient_norm"] == unbounded[0].logged["gradient_norm"] > 0.02
    same, _ = trained(Options(clip=1e6), **settings)
    assert weights_hash(same) == weights_hash(free)


def test_the_average_of_the_weights_is_what_is_measured_and_kept():
    seen: list[torch.Tensor] = []

    class Watched(task_class()):
        def training_step(self, batch, batch_idx):
            seen.append(flat(self).clone())
            return super().training_step(batch, batch_idx)

    plain, _ = trained(kind=Watched)
    path = [*seen[2:], flat(plain)]  # two batches were rehearsed; the weights before each step, and after the last
    averaged, curve = trained(Options(ema=0.9))
    expected = path[0]
    for step, weights in enumerate(path[1:], 1):
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * weights
    assert torch.allclose(flat(averaged), expected, atol=1e-5)
    assert not torch.allclose(flat(averaged), flat(plain), atol=1e-3)
    found = evaluate(averaged, *on_device(few()[1], torch.device("cpu")))
    assert found.errors.mean() == curve[-1].validation_error and found.loss == pytest.approx(curve[-1].validation_loss)


def test_early_stopping_keeps_the_best_epoch():
    """A learning rate that is far too high is best early."""
    changes = {"train.learning_rate": 0.05, "model.normalization": "batch"}
    task, curve = trained(Options(patience=2), changes=changes, epochs=40)
    errors = [epoch.validation_error for epoch in curve]
    best = int(np.argmin(errors))
    assert len(curve) == best + 3 < 40
    found = evaluate(task, *on_device(few()[1], torch.device("cpu")))
    assert found.errors.mean() == errors[best]
    _, whole = trained(changes=changes, epochs=40)
    assert whole[: len(curve)] == curve


@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=12), st.integers(1, 4))
def test_patience_ends_when_nothing_better_has_come(errors, wait):
    patience = Patience(wait)
    for epoch, error in enumerate(errors, 1):
        patience.take(epoch, error, {"epoch": torch.tensor(epoch)})
        first_best = errors.index(min(errors[:epoch])) + 1
        assert patience.weights["epoch"] == first_best == patience.epoch
        assert patience.over == (epoch - first_best >= wait)


def test_smoothed_labels_raise_the_floor_of_training_alone():
    smooth: Any = make(changes={"train.label_smoothing": 0.2}, train=few()[0])
    outputs, labels = torch.tensor([[9.0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]), torch.tensor([0])
    plain = F.cross_entropy(outputs, labels)
    shares = torch.full((1, 10), 0.02)
    shares[0, 0] += 0.8
    assert torch.allclose(smooth.train().loss(outputs, labels), F.cross_entropy(outputs, shares))
    assert torch.equal(smooth.eval().loss(outputs, labels), plain)


MIXED = [
    (digits, {"mixup": 0.4}),
    (digits, {"cutmix": 1.0}),
    (digits, {"mixup": 0.4, "cutmix": 1.0}),
    (curves, {"mixup": 0.4}),
    (passengers, {"mixup": 0.4}),
    (patients, {"mixup": 0.4}),
]


@pytest.mark.parametrize(("data", "alphas"), MIXED)
def test_mixing_keeps_shapes_and_shares(data, alphas):
    train, _ = data()
    inputs, labels = (part[:200] for part in on_device(train, torch.device("cpu")))
    kept = inputs.clone()
    torch.manual_seed(3)
    mixed, targets = mix(inputs, labels, train.spec, Train(**alphas))
    torch.manual_seed(3)
    again, _ = mix(inputs, labels, train.spec, Train(**alphas))
    assert torch.equal(mixed.nan_to_num(), again.nan_to_num())
    assert torch.equal(inputs.nan_to_num(), kept.nan_to_num())
    assert (mixed.dtype, mixed.shape) == (inputs.dtype, inputs.shape)
    assert torch.equal(mixed.isnan(), inputs.isnan())
    assert not torch.equal(mixed.nan_to_num(), inputs.nan_to_num())
    if train.spec.regression:
        low, high = torch.minimum(labels, labels.roll(1)), torch.maximum(labels, labels.roll(1))
        assert ((targets >= low - 1e-3) & (targets <= high + 1e-3)).all()
        return
    assert torch.allclose(targets.sum(1), torch.ones(200))
    own = targets[torch.arange(200), labels]
    same = labels == labels.roll(1)
    assert len(own[~same].unique()) > 15  # a draw an example; an area of 8 x 8 pixels has few values
    assert torch.allclose(own + targets[torch.arange(200), labels.roll(1)], torch.where(same, 2 * own, 1.0))


def test_mixup_weighs_inputs_as_it_weighs_labels():
    spec = Spec("sequence", (1, 5), ("a", "b"))
    inputs = torch.tensor([0.0, 1.0]).view(2, 1, 1).expand(2, 1, 5).contiguous()
    mixed, targets = mix(inputs, torch.tensor([0, 1]), spec, Train(mixup=1.0))
    assert torch.allclose(mixed[:, 0, 0], targets[:, 1])


def test_cutmix_weighs_labels_by_area():
    spec = Spec("image", (1, 16, 16), ("a", "b"))
    inputs = (torch.arange(2, dtype=torch.uint8) * 255).view(2, 1, 1, 1).expand(2, 1, 16, 16).contiguous()
    for seed in range(20):
        torch.manual_seed(seed)
        mixed, targets = mix(inputs, torch.tensor([0, 1]), spec, Train(cutmix=1.0))
        assert set(mixed.unique().tolist()) <= {0, 255}
        assert torch.allclose((mixed == 255).float().mean((1, 2, 3)), targets[:, 1])


def test_a_category_is_never_between_two():
    train, _ = passengers()
    inputs, labels = on_device(train, torch.device("cpu"))
    mixed, _ = mix(inputs, labels, train.spec, Train(mixup=1.0))
    codes = mixed[:, 2:].nan_to_num()
    assert torch.equal(codes, codes.round())
    assert not torch.equal(codes, inputs[:, 2:].nan_to_num())
    assert not torch.equal(mixed[:, 0].nan_to_num(), mixed[:, 0].nan_to_num().round())


def test_cutmix_of_a_table_is_refused():
    train, _ = passengers()
    with pytest.raises(UserError, match=r"train\.cutmix is 1, which is for images, not for tabular data"):
        mix(*on_device(train, torch.device("cpu")), train.spec, Train(cutmix=1.0))


@pytest.mark.parametrize(
    ("data", "alphas"), [(few, {"train.mixup": 0.4, "train.cutmix": 1.0}), (patients, {"train.mixup": 1.0})]
)
def test_mixed_examples_teach(data, alphas):
    model = {} if data is few else {"model.name": "mlp"}
    _, curve = trained(changes={**alphas, **model}, data=data(), epochs=15)
    assert curve[-1].validation_error < (0.35 if data is few else 0.7)


@given(st.lists(st.integers(0, 2**32), max_size=3), st.integers(0, 2**32))
def test_keys_are_those_of_key(numbers, last):
    assert keys(*numbers)(last) == key(*numbers, last)


class Adversarial(task_class()):
    """Two optimisers by hand: one moves the classifier, the other a disturbance of its inputs against it."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.automatic_optimization = False
        self.disturbance = torch.nn.Parameter(torch.zeros(1, 1, 8, 8))

    def training_step(self, batch, batch_idx):
        inputs, labels = batch
        classifier, disturber = self.optimizers()
        schedule = self.lr_schedulers()
        self.toggle_optimizer(disturber)
        against = -self.loss(self(inputs + 20 * self.disturbance.tanh()), labels)
        self.manual_backward(against)
        assert all(p.grad is None for p in self.model.parameters())
        disturber.step()
        disturber.zero_grad()
        self.untoggle_optimizer(disturber)
        loss = self.loss(self(inputs + 20 * self.disturbance.tanh().detach()), labels)
        self.manual_backward(loss)
        classifier.step()
        classifier.zero_grad()
        schedule.step()
        return loss

    def configure_optimizers(self):
        classifier = torch.optim.Adam(self.model.parameters(), 3e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(classifier, lambda step: 1 / (1 + step / 100))
        return [classifier, torch.optim.SGD([self.disturbance], 0.5)], [schedule]


def test_two_optimisers_by_hand():
    data = few(1024)
    task, curve = trained(kind=Adversarial, epochs=6, data=data)
    assert curve[-1].validation_error < 0.2
    assert task.disturbance.abs().max() > 0.05
    assert curve[-1].learning_rate == pytest.approx(3e-3 / (1 + 95 / 100))  # the rehearsal moved no schedule
    assert curve[-1].logged["update_ratio"] > 0
    again, records = trained(kind=Adversarial, epochs=6, data=data)
    assert weights_hash(again) == weights_hash(task) and records == curve
    assert not {"lr_schedulers", "toggle_optimizer", "forward", "log"} & set(vars(task))


def test_one_optimiser_by_hand_does_as_the_loop_does():
    class ByHand(task_class()):
        def __init__(self, *args: Any):
            super().__init__(*args)
            self.automatic_optimization = False

        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            optimizer = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
            return loss

    for changes in ({}, {"model.dropout": 0.3, "model.normalization": "batch"}):
        plain, curve = trained(changes=changes)
        by_hand, other = trained(changes=changes, kind=ByHand)
        assert weights_hash(plain) == weights_hash(by_hand)
        assert [e.train_loss for e in curve] == [e.train_loss for e in other]


def test_a_step_by_hand_that_returns_nothing_is_told_to():
    class Silent(task_class()):
        def training_step(self, batch, batch_idx):
            self(batch[0])

    with pytest.raises(UserError, match=r"training_step must return the mean loss.*returned NoneType"):
        trained(kind=Silent)


def test_optimisers_in_every_form():
    task = make(train=few()[0])
    first, second = torch.optim.SGD(task.parameters(), 0.1), torch.optim.SGD(task.parameters(), 0.2)
    schedule = torch.optim.lr_scheduler.ConstantLR(first, 1.0)
    task.automatic_optimization = False
    forms = [
        (first, 1, 0),
        ([first, second], 2, 0),
        ((first, second), 2, 0),
        (([first, second], [schedule]), 2, 1),
        (([first], [{"scheduler": schedule, "interval": "epoch"}]), 1, 1),
        ([{"optimizer": first, "lr_scheduler": schedule}, {"optimizer": second}], 2, 1),
    ]
    for form, optimizers, schedulers in forms:
        task.__dict__["configure_optimizers"] = lambda form=form: form
        found = configured(task)
        assert (len(found.optimizers), len(found.schedulers)) == (optimizers, schedulers), form
        assert found.learning_rate == 0.1
    task.__dict__["configure_optimizers"] = lambda: ["adam"]
    with pytest.raises(UserError, match="returned list with str where an optimiser was expected"):
        configured(task)


def test_monitors_tell_what_they_should():
    """Two units that never fire, a known gradient, a known step."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    with torch.no_grad():
        network[0].weight[:2] = 0
        network[0].bias[:] = torch.tensor([-1.0, -1.0] + [3.0] * 6)
    monitors, before = Monitors(network, 1), copy.deepcopy(network)
    assert monitors.due(0)
    monitors.before()
    network(torch.randn(50, 3)).sum().backward()
    gradients = torch.cat([p.grad.flatten() for p in network.parameters()])
    monitors.gradient()
    torch.optim.SGD(network.parameters(), 0.01).step()
    monitors.after()
    found = monitors.found()
    assert found["dead_units"] == pytest.approx(2 / 8)
    assert found["gradient_norm"] == pytest.approx(gradients.norm().item())
    moved = flat(network) - flat(before)
    assert found["update_ratio"] == pytest.approx((moved.norm() / flat(before).norm()).item(), rel=1e-3)
    assert not any(module._forward_hooks for module in network.modules())


@given(st.integers(1, 5000))
def test_monitors_look_at_few_steps_and_at_one_at_least(steps):
    monitors = Monitors(torch.nn.Linear(1, 1), steps)
    looked = sum(monitors.due(step) for step in range(steps))
    assert 1 <= looked <= 8
    assert looked <= max(1, steps // 50)


def test_dead_units_are_seen_in_a_training():
    def prepare(task):
        with torch.no_grad():
            task.model[0].bias.fill_(-100.0)

    train, validation = few()
    dead: Any = make(prepare=prepare, train=train)
    alive: Any = make(train=train)
    shares = [
        fit(task, train, validation, epochs=1, batch_size=64, seed=1)[0].logged["dead_units"] for task in (dead, alive)
    ]
    assert shares[0] == 1.0  # behind a dead layer all are dead: their biases are zero
    assert shares[1] < 0.4


def test_the_rehearsal_leaves_no_trace():
    """A run whose first epoch is stopped at its first step has moved by that step alone."""

    class Counting(task_class()):
        calls = 0
        rehearsed: Any = None

        def __init__(self, *args: Any):
            super().__init__(*args)
            self.steps_seen = 0
            self.history: list[int] = []

        def training_step(self, batch, batch_idx):
            type(self).calls += 1
            if type(self).calls == 3:
                type(self).rehearsed = {
                    "weights": weights_hash(self),
                    "state": (self.steps_seen, list(self.history)),
                    "gradients": all(p.grad is None for p in self.parameters()),
                    "draw": torch.rand(1).item(),
                    "training": self.training,
                }
            self.steps_seen += 1
            self.history.append(batch_idx)
            return super().training_step(batch, batch_idx)

    fresh = make(Counting, {"model.normalization": "batch", "model.dropout": 0.2}, train=few()[0])
    task = make(Counting, {"model.normalization": "batch", "model.dropout": 0.2}, train=few()[0])
    fit(task, *few(), epochs=1, batch_size=64, seed=1)
    found = Counting.rehearsed
    assert found["weights"] == weights_hash(fresh)
    assert found["state"] == (0, []) and found["gradients"] and found["training"]
    assert Counting.calls == 2 + 4 and task.steps_seen == 4


def test_a_step_that_raises_is_named_with_what_it_got():
    class Wrong(task_class()):
        def training_step(self, batch, batch_idx):
            return self.loss(self(batch[0]) @ torch.ones(11, 2), batch[1])

    class WrongLater(task_class()):
        def validation_step(self, batch, batch_idx):
            raise KeyError("nothing")

    with pytest.raises(
        UserError,
        match=r"training_step raised RuntimeError on its first batches \(inputs uint8 \[64, 1, 8, 8\], "
        r"labels int64 \[64\]\): mat1 and mat2",
    ):
        trained(kind=Wrong)
    with pytest.raises(UserError, match=r"validation_step raised KeyError .*\[100, 1, 8, 8\].*nothing"):
        trained(kind=WrongLater)


class Small(task_class()):
    """Stands for a device with room for so many examples, in training and in evaluation."""

    room = 20

    def forward(self, inputs):
        if len(inputs) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(inputs)


def test_out_of_memory_halves_what_is_at_once_and_keeps_the_batch(caplog):
    sgd = {"train.optimizer": "sgd", "train.learning_rate": 0.03}
    roomy, curve = trained(changes=sgd)
    small, other = trained(changes=sgd, kind=Small)
    assert torch.allclose(flat(roomy), flat(small), atol=1e-6)
    assert other[-1].train_loss == pytest.approx(curve[-1].train_loss, rel=1e-5)
    assert other[-1].validation_error == curve[-1].validation_error
    said = [record.message for record in caplog.records]
    assert "out of memory with 64 examples at once: goes on with 32 at once; a step is still of 64 examples" in said
    assert "out of memory with 32 examples at once: goes on with 16 at once; a step is still of 64 examples" in said


def test_out_of_memory_with_one_example_is_said():
    with pytest.raises(UserError, match="out of memory with one example at a time"):
        trained(kind=type("Tiny", (Small,), {"room": 0}))


@pytest.mark.parametrize(("label", "said"), [(10, "10"), (-1, "-1")])
def test_labels_out_of_range_are_named(label, said):
    train, validation = few()
    labels = train.labels.copy()
    labels[7] = label
    with pytest.raises(
        UserError,
        match=f"train split: 1 of 256 labels are out of range, the first is {said} of example {train.ids[7]}; "
        "expected 0 to 9",
    ):
        trained(data=(Examples(train.ids, train.inputs, labels, train.spec), validation))


def test_targets_that_are_no_numbers_are_named():
    train, validation = patients()
    labels = validation.labels.copy()
    labels[3] = np.nan
    broken = Examples(validation.ids, validation.inputs, labels, validation.spec)
    with pytest.raises(
        UserError, match=r"validation split: 1 of 80 labels .* nan of example .* expected a finite number"
    ):
        trained(data=(train, broken), changes={"model.name": "mlp"})


def test_absent_values_that_a_model_does_not_fill_are_named():
    class Unfilled(task_class()):
        def forward(self, inputs):
            return self.model[-1](F.pad(inputs, (0, self.model[-1].in_features - inputs.shape[1])))

    message = r"became nan at epoch 1, step 1; .* 2\d\d training examples hold NaN, which stands for an absent value"
    with pytest.raises(UserError, match=message):
        trained(data=passengers(), changes={"model.name": "mlp"}, kind=Unfilled)


def test_an_infinite_number_in_the_data_is_named():
    train, validation = patients()
    inputs = train.inputs.copy()
    inputs[5, 2] = np.inf
    data = Examples(train.ids, inputs, train.labels, train.spec), validation
    with pytest.raises(
        UserError, match=rf"train split: example {train.ids[5]} has an infinite number in bmi; expected"
    ):
        trained(data=data, changes={"model.name": "mlp"})


@pytest.mark.parametrize(
    "change",
    [{"train.epochs": 0}, {"train.accumulate": 0}, {"train.ema": 1.0}, {"train.clip": 0}, {"train.patience": 0},
     {"train.label_smoothing": 1.0}, {"train.mixup": -1}, {"train.batch_size": 0}],
)  # fmt: skip
def test_params_that_make_no_sense_are_refused(change):
    name = next(iter(change))
    with pytest.raises(UserError, match=rf"`{name}` is {change[name]!r}".replace(".", r"\.")):
        make(changes=change)
