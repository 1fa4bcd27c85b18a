"""What scripts write out by themselves: functions of formulas, layers without modules, errors by numpy."""

import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from watched import blobs, codes

from arcane.diagnosis import watch
from arcane.diagnosis.watching.checks.errors import Errors
from arcane.diagnosis.watching.checks.flow import HELD_OUT, TRAINING
from arcane.diagnosis.watching.places import callers
from arcane.diagnosis.watching.showing import NUMBER


def by_hand(
    *,
    soft: Callable = lambda z: z - z.exp().sum(1, keepdim=True).log(),
    start: Callable = lambda *shape: torch.randn(*shape) * 0.4,
    last: Callable = lambda z: z,
    between: Callable = lambda h: h,
    sign: float = 1.0,
) -> None:
    """Two layers, a softmax and steps without torch.nn and torch.optim."""
    x, y = blobs()
    first, second = start(8, 20), start(20, 5)
    for matrix in (first, second):
        matrix.requires_grad_(True)
    for _ in range(20):
        for rows in torch.randperm(240).split(24):
            z = last(between((x[rows] @ first).clamp(min=0)) @ second)
            loss = -soft(z)[torch.arange(len(rows)), y[rows]].mean()
            loss.backward()
            with torch.no_grad():
                for matrix in (first, second):
                    if matrix.grad is not None:
                        matrix -= sign * 0.1 * matrix.grad
                        matrix.grad.zero_()


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("softmax-wrong-dim", {"soft": lambda z: z - z.exp().sum(0, keepdim=True).log()}),
        ("activation-on-logits", {"last": lambda z: z.clamp(min=0)}),
        ("loss-sign-flipped", {"sign": -1.0}),
        ("bad-initialisation", {"start": lambda *shape: 10 * torch.randn(*shape)}),
        ("bad-initialisation", {"start": lambda *shape: torch.full(shape, 0.1)}),
        ("gradient-does-not-flow", {"between": lambda h: h.detach()}),
    ],
)
def test_a_mistake_in_a_network_by_hand(code: str, change: dict) -> None:
    assert codes(lambda: by_hand(**change))[:1] == [code]


@pytest.mark.parametrize(
    "soft",
    [
        lambda z: z - z.exp().sum(1, keepdim=True).log(),
        lambda z: (z - z.max(1, keepdim=True).values) - (z - z.max(1, keepdim=True).values).exp().sum(1)[:, None].log(),
        lambda z: (z.exp() / z.exp().sum(-1, keepdim=True)).log(),
        lambda z: z - torch.logsumexp(z, 1, keepdim=True),
    ],
)
def test_silent_on_a_softmax_by_hand(soft: Callable) -> None:
    assert codes(lambda: by_hand(soft=soft)) == []


def test_two_backward_passes_of_one_step() -> None:
    def program() -> None:
        x, y = blobs()
        model = torch.nn.Linear(8, 5)
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(30):
            for rows in torch.randperm(240).split(24):
                z = model(x[rows])
                optimiser.zero_grad()
                torch.nn.functional.cross_entropy(z, y[rows]).backward(retain_graph=True)
                (0.01 * z.square().mean()).backward()
                optimiser.step()

    assert codes(program) == []


def test_the_call_alone_of_several_on_a_line() -> None:
    def above() -> str:
        return callers(1)[0].expression

    found = [above(), above()]
    assert found == ["above()", "above()"]
    assert sys.version_info >= (3, 11)


def test_words_that_name_no_rows() -> None:
    assert not HELD_OUT.search("scores.max(1).values") and HELD_OUT.search("evaluate(x_val)")
    assert not TRAINING.search("trainer.fit(model)") and TRAINING.search("accuracy(x_train)")


def test_a_name_may_end_in_a_digit() -> None:
    numbers = [
        (word.strip(), number) for word, number, decimals, _ in NUMBER.findall("R2 0.781  'f1': 0.5") if decimals
    ]
    assert numbers == [("R2", "0.781"), ("f1", "0.5")]


def test_what_an_error_is_taken_for() -> None:
    errors = Errors(np.array([1.0, 2.0, 6.0]), np.array([2.0, 4.0, 3.0]))
    right, wrong = errors.right(), errors.wrong({9})
    assert right["mean absolute error"] == pytest.approx(2.0)
    assert right["share of variance"] == pytest.approx(1 - 14 / 2)
    assert wrong["mean absolute error"]["the sum over 3 rows over 9"] == pytest.approx(2 / 3)
    assert wrong["root of the mean squared error"]["the mean of the squares, without a root"] == pytest.approx(14 / 3)


def test_a_script_by_hand_computes_the_same_under_the_doctor() -> None:
    def weights() -> torch.Tensor:
        torch.manual_seed(0)
        by_hand()
        return torch.rand(3)

    alone = weights()
    with watch(show=False):
        assert torch.equal(weights(), alone)
