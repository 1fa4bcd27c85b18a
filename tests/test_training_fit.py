"""fit: learns, repeats itself to the bit, leaves no trace, and names what went wrong. Also what it is made of."""

import hashlib
import random
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from projects import make_project

from arcane.data.loading import Examples
from arcane.errors import UserError
from arcane.training.devices import choose_device, choose_precision, default_slots, usable_cores
from arcane.training.fit import batch_sizes, fit
from arcane.training.inference import evaluate
from arcane.training.optimisers import SCHEDULES, configure_optimizer
from arcane.training.randomness import key, order
from arcane.training.trials import make_task


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("fit"))


@pytest.fixture(scope="module")
def examples(project):
    from arcane.data.loading import load_split

    return load_split(project.root, "train"), load_split(project.root, "validation")


def trained(project, examples, seed=1, changes=None, **options):
    params = project.params.changed({"train.learning_rate": 3e-3, "train.epochs": 2, **(changes or {})})
    task = make_task(project, params, examples[0], seed)
    settings: dict[str, Any] = {
        "epochs": params.train.epochs,
        "batch_size": params.train.batch_size,
        "seed": seed,
        **options,
    }
    return task, fit(task, *examples, **settings)


def weights_hash(task) -> str:
    total = hashlib.sha256()
    for name, tensor in sorted(task.state_dict().items()):
        total.update(name.encode() + tensor.numpy().tobytes())
    return total.hexdigest()


STOCHASTIC = {
    "model.dropout": 0.3,
    "model.normalization": "batch",
    "train.augmentation": "affine",
    "train.schedule": "one-cycle",
}


def test_learns_digits(project, examples):
    task, epochs = trained(project, examples, changes={"train.epochs": 12})
    assert epochs[-1].validation_error < 0.06
    assert epochs[-1].train_loss < epochs[0].train_loss / 5
    assert [epoch.epoch for epoch in epochs] == list(range(1, 13))
    assert epochs[-1].seen == 12 * len(examples[0])
    assert epochs[-1].learning_rate == pytest.approx(3e-3)
    assert not task.training


@pytest.mark.parametrize("changes", [{}, STOCHASTIC], ids=["plain", "stochastic"])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(project, examples, changes):
    random.seed(1)
    first, curve = trained(project, examples, changes=changes)
    random.seed(2)
    torch.rand(7)
    second, again = trained(project, examples, changes=changes)
    other, different = trained(project, examples, seed=2, changes=changes)
    assert weights_hash(first) == weights_hash(second)
    assert curve == again
    assert weights_hash(first) != weights_hash(other)
    assert curve != different


def test_draws_depend_on_seed_epoch_and_step_alone(project, examples):
    """Two epochs at once and two epochs of three give the same first epochs: nothing is carried but weights."""
    _, short = trained(project, examples, changes={"model.dropout": 0.3, "train.augmentation": "affine"}, epochs=2)
    _, long = trained(project, examples, changes={"model.dropout": 0.3, "train.augmentation": "affine"}, epochs=3)
    assert long[:2] == short


def test_random_state_is_left_as_it_was(project, examples):
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    expected = random.random(), np.random.rand(), torch.rand(3)
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    trained(project, examples, changes=STOCHASTIC, epochs=1)
    found = random.random(), np.random.rand(), torch.rand(3)
    assert expected[:2] == found[:2]
    assert torch.equal(expected[2], found[2])


def test_logging_needs_no_trainer_and_is_kept(project, examples):
    params = project.params
    task = make_task(project, params, examples[0], 1)
    step = type(task).training_step

    class Logs(type(task)):
        def training_step(self, batch, batch_idx):
            self.log_dict({"brightness": batch[0].float().mean()}, prog_bar=True)
            return step(self, batch, batch_idx)

    task.__class__ = Logs
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        epochs = fit(task, *examples, epochs=1, batch_size=64, seed=1)
    assert set(epochs[0].logged) == {"brightness", "gradient_norm", "update_ratio", "dead_units"}
    assert epochs[0].logged["brightness"] == pytest.approx(examples[0].inputs.mean(), rel=0.02)
    assert "log" not in task.__dict__
    assert not task._forward_hooks


def test_runs_unchanged_under_lightnings_trainer(project, examples):
    import lightning.pytorch as lightning
    from torch.utils.data import DataLoader, TensorDataset

    train, validation = examples
    params = project.params.changed({"train.schedule": "cosine", "train.learning_rate": 3e-3})
    task = make_task(project, params, train, 1)
    before = evaluate(task, torch.tensor(validation.inputs), torch.tensor(validation.labels))
    trainer = lightning.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    loaders = [
        DataLoader(TensorDataset(torch.tensor(part.inputs), torch.tensor(part.labels)), 64)
        for part in (train, validation)
    ]
    trainer.fit(task, loaders[0], loaders[1])
    after = evaluate(task, torch.tensor(validation.inputs), torch.tensor(validation.labels))
    assert after.loss < before.loss - 0.3
    assert float(trainer.callback_metrics["validation_loss"]) == pytest.approx(after.loss, rel=1e-4)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


class WrongStep:
    """Stands in for a person's mistakes: replaces a task's training step."""

    def __init__(self, task, step):
        task.__dict__["training_step"] = step


def test_a_loss_that_is_never_finite_is_named(project, examples):
    task = make_task(project, project.params, examples[0], 1)
    WrongStep(task, lambda batch, i: task(batch[0]).sum() * float("nan"))
    with pytest.raises(UserError, match=r"became nan at epoch 1, step 1; it was so before any weight had moved"):
        fit(task, *examples, epochs=1, batch_size=64, seed=1)


def test_a_learning_rate_that_explodes_is_named(project, examples):
    params = project.params.changed({"train.optimizer": "sgd", "train.learning_rate": 10.0})
    task = make_task(project, params, examples[0], 1)
    WrongStep(task, lambda batch, i: (task(batch[0]) - 1).square().mean())
    message = (
        r"became (nan|inf) at epoch 1, step \d+; it had grown from .* train\.learning_rate \(10\) is likely too high"
    )
    with pytest.raises(UserError, match=message):
        fit(task, *examples, epochs=1, batch_size=64, seed=1)


def test_a_step_that_hides_its_logits_is_told_how_to_show_them(project, examples):
    task: Any = make_task(project, project.params, examples[0], 1)
    WrongStep(task, lambda batch, i: task.model(batch[0].float()).logsumexp(1).mean())
    with pytest.raises(UserError, match=r"self\(inputs\)"):
        fit(task, *examples, epochs=1, batch_size=64, seed=1)


def test_optimisers_of_another_form_are_refused(project, examples):
    task = make_task(project, project.params, examples[0], 1)
    task.__dict__["configure_optimizers"] = lambda: [torch.optim.SGD(task.parameters(), 0.1)] * 2
    with pytest.raises(UserError, match="configure_optimizers returned list"):
        fit(task, *examples, epochs=1, batch_size=64, seed=1)


def test_nothing_to_train_on_is_said(project, examples):
    nothing = Examples((), examples[0].inputs[:0], examples[0].labels[:0], examples[0].spec)
    task = make_task(project, project.params, examples[0], 1)
    with pytest.raises(UserError, match="train has 0"):
        fit(task, nothing, examples[1], epochs=1, batch_size=64, seed=1)


def test_a_batch_larger_than_the_data_is_all_of_it(project, examples):
    train = examples[0]
    few = Examples(train.ids[:10], train.inputs[:10], train.labels[:10], train.spec)
    _, epochs = trained(project, (few, examples[1]), changes={"model.normalization": "batch"}, batch_size=10_000)
    assert epochs[0].seen == 10


@given(n=st.integers(1, 500), size=st.integers(2, 200))
def test_batches_cover_every_example_and_none_is_alone(n, size):
    sizes = batch_sizes(n, size)
    assert sum(sizes) == n
    assert all(part == size for part in sizes[:-1]) and sizes[-1] <= size + 1
    assert n == 1 or min(sizes) > 1


def test_error_and_loss_are_those_of_the_whole_split(project, examples):
    """Batches of unequal size weigh by their examples."""
    task = make_task(project, project.params, examples[0], 1)
    images, labels = torch.tensor(examples[1].inputs), torch.tensor(examples[1].labels)
    whole = evaluate(task, images, labels, batch_size=len(labels))
    parts = evaluate(task, images, labels, batch_size=100)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-6)
    expected = torch.nn.functional.cross_entropy(task(images), labels)
    assert whole.loss == pytest.approx(expected.item(), rel=1e-6)
    assert (whole.errors == (whole.outputs.argmax(1) != examples[1].labels)).all()


def test_augmentation_is_off_in_evaluation(project, examples):
    plain: Any = make_task(project, project.params, examples[0], 1)
    augmented: Any = make_task(project, project.params.changed({"train.augmentation": "affine"}), examples[0], 1)
    images, labels = torch.tensor(examples[1].inputs), torch.tensor(examples[1].labels)
    first, second = evaluate(plain, images, labels), evaluate(augmented, images, labels)
    assert np.array_equal(first.outputs, second.outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # outside fit and evaluate, Lightning says that log has no trainer
        losses = [task.training_step((images, labels), 0).item() for task in (plain, augmented)]
    assert losses[0] == pytest.approx(first.loss, rel=1e-6)
    assert losses[1] != pytest.approx(first.loss, rel=1e-6)


def test_the_network_sees_zero_mean_and_unit_variance(project, examples):
    task: Any = make_task(project, project.params, examples[0], 1)
    seen = []
    task.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    task(torch.tensor(examples[0].inputs))
    assert seen[0].mean().item() == pytest.approx(0, abs=1e-5)
    assert seen[0].std().item() == pytest.approx(1, abs=1e-4)


def test_defaults_are_the_recipes(project, examples):
    task = make_task(project, project.params, examples[0], 1)
    optimizer = configure_optimizer(task, project.params.train)["optimizer"]
    assert type(optimizer) is torch.optim.Adam
    assert optimizer.param_groups[0]["lr"] == 3e-4
    assert optimizer.param_groups[0]["weight_decay"] == 0
    assert any(isinstance(module, torch.nn.ReLU) for module in task.modules())
    assert project.params.model.dropout == 0
    assert project.params.train.augmentation == "none"


def test_weight_decay_spares_biases_and_normalisation(project, examples):
    params = project.params.changed({"train.weight_decay": 0.1, "model.normalization": "group"})
    task = make_task(project, params, examples[0], 1)
    decayed, spared = configure_optimizer(task, params.train)["optimizer"].param_groups
    assert decayed["weight_decay"] == 0.1 and {p.ndim for p in decayed["params"]} == {2, 4}
    assert spared["weight_decay"] == 0.0 and {p.ndim for p in spared["params"]} == {1}


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_every_optimiser_learns(project, examples, kind):
    rate = {"sgd": 0.03}.get(kind, 3e-3)
    _, epochs = trained(project, examples, changes={"train.optimizer": kind, "train.learning_rate": rate})
    assert epochs[-1].validation_loss < epochs[0].train_loss < 2.4


def test_schedules_run_by_step_to_their_end(project, examples):
    assert [SCHEDULES["cosine"](x) for x in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert [SCHEDULES["one-cycle"](x) for x in (0, 0.3, 1)] == pytest.approx([0.04, 1, 0])
    assert SCHEDULES["constant"](0.7) == 1
    _, epochs = trained(project, examples, changes={"train.schedule": "cosine", "train.epochs": 4})
    assert [epoch.learning_rate for epoch in epochs] == sorted((e.learning_rate for e in epochs), reverse=True)
    assert epochs[1].learning_rate == pytest.approx(1.5e-3, rel=0.1)
    assert epochs[-1].learning_rate < 1e-5


@given(st.lists(st.integers(0, 2**32), min_size=1, max_size=4), st.integers(0, 3))
def test_keys_depend_on_every_number(numbers, place):
    place %= len(numbers)
    other = [number + (index == place) for index, number in enumerate(numbers)]
    assert key(*numbers) == key(*numbers)
    assert key(*numbers) != key(*other)
    assert 0 <= key(*numbers) < 2**32


def test_orders_are_permutations_that_differ_by_epoch():
    first, second = order(100, 1, 0, 1), order(100, 1, 0, 2)
    assert sorted(first.tolist()) == list(range(100))
    assert not torch.equal(first, second)
    assert torch.equal(first, order(100, 1, 0, 1))


def test_devices():
    assert choose_device("cpu") == "cpu"
    assert choose_precision("auto", "cpu") == "32-true"
    assert choose_precision("bf16", "cpu") == "bf16-mixed"
    assert default_slots("cpu", 1) == usable_cores() >= 1
    assert default_slots("cpu", 10_000) == 1
    with pytest.raises(UserError, match=r"`cuda:99`.*only cpu.*`auto`"):
        choose_device("cuda:99")


def test_bf16_trains_on_a_cpu(project, examples):
    task, epochs = trained(project, examples, precision="bf16")
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert {p.dtype for p in task.parameters()} == {torch.float32}
