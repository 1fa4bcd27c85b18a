"""Programs of several stages, and of several models: what belongs to which, each mistake beside its right twin."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from watched import blobs, codes, read

from arcane.diagnosis.watching.formulas import reductions
from arcane.diagnosis.watching.operations import Table
from arcane.diagnosis.watching.trace import Node


def network(dropout: float = 0.0, width: int = 32) -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, 5))


def learn(model: nn.Module, loss_of, optimiser: torch.optim.Optimizer | None = None, epochs: int = 4) -> None:
    """Epochs of ten batches, in which `loss_of` gets rows and labels."""
    x, y = blobs()
    optimiser = optimiser or torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(epochs):
        for rows in torch.randperm(240).split(24):
            optimiser.zero_grad()
            loss_of(x[rows], y[rows]).backward()
            optimiser.step()


def taught(other_rows: bool) -> None:
    """A student of a teacher that is in eval mode, and whose answers are detached."""
    x, _ = blobs()
    teacher, student = network(0.2, width=64), network()
    learn(teacher, lambda a, b: F.cross_entropy(teacher(a), b), epochs=8)
    teacher.eval()

    def loss_of(rows: Tensor, labels: Tensor) -> Tensor:
        asked = x[torch.randperm(240)[: len(rows)]] if other_rows else rows
        answers = teacher(asked).detach().softmax(1)
        said = student(rows)
        return F.cross_entropy(said, labels) + F.kl_div(said.log_softmax(1), answers, reduction="batchmean")

    learn(student, loss_of, epochs=8)


def test_a_teacher_in_eval_mode_is_not_taken_for_a_model_that_learns():
    assert codes(lambda: taught(other_rows=False)) == []


def test_a_teacher_that_is_asked_about_other_rows():
    assert codes(lambda: taught(other_rows=True))[:1] == ["labels-out-of-order"]


def test_what_gets_no_gradient_does_not_gather_any():
    old, model = network(), network()
    optimiser = torch.optim.Adam(old.parameters(), 0.01)

    def loss_of(rows: Tensor, labels: Tensor) -> Tensor:
        model.zero_grad()
        return F.cross_entropy(model(rows), labels)

    found = codes(lambda: learn(model, loss_of, optimiser))
    assert found[:1] == ["optimiser-holds-foreign-parameters"] and "gradients-accumulate" not in found


def test_a_bound_on_the_whole_of_a_loss_of_two_parts():
    model = network()

    def loss_of(rows: Tensor, labels: Tensor) -> Tensor:
        said = model(rows)
        return torch.clamp(F.cross_entropy(said, labels) + 0.01 * said.pow(2).mean(), max=1.0)

    assert codes(lambda: learn(model, loss_of))[:1] == ["loss-clipped"]


CRASHING = """
import torch
from torch import nn
model = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid())
x = torch.rand(32, 4)
nn.functional.binary_cross_entropy({outputs}, {targets}).backward()
"""


@pytest.mark.parametrize(
    ("outputs", "targets", "code"),
    [
        ("model(x)", "2 * x - 1", "output-range-cannot-reach-targets"),
        ("model(x)", "(x > 0.5).float() + 1", "label-out-of-range"),
        ("model(x).sub(2).log()", "x", "loss-not-finite"),
        ("model(x) * 3 + 1", "x", "loss-expects-probabilities"),
    ],
)
def test_what_a_binary_cross_entropy_refuses(outputs, targets, code, tmp_path):
    found = read(CRASHING.format(outputs=outputs, targets=targets), tmp_path / "train.py")
    assert found[0].code == code


def test_what_a_gradient_goes_through_is_known_for_one_more_step():
    table, weight = Table(), torch.ones(2, requires_grad=True)
    made = weight * 2
    node = table.set(made, Node("mul", (), (2,), "float32", True))
    table.set(made.detach(), Node("detach", (), (2,), "float32", False))
    table.forget(keep=True)
    assert table.get(made) is node and len(table) == 1
    table.forget(keep=True)
    assert table.get(made) is None


def test_what_a_number_was_reduced_by():
    def node(name: str, *inputs: Node, **options) -> Node:
        return Node(name, inputs, (), "float32", True, options=options)

    mean, total = node("mse_loss"), node("mse_loss", reduction="sum")
    losses = {"mse_loss"}
    assert reductions(node("add", mean, node("mul", node("mean"), **{"1": 0.1})), losses) == ("mean",)
    assert reductions(node("add", total, node("sum")), losses) == ("sum",)
    assert reductions(node("add", total, node("mean")), losses) == ()
