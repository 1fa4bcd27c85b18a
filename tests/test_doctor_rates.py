"""How far steps go, how rates change, what gradients grow to and which average is told, in forms old and new."""

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import lr_scheduler
from watched import blobs, codes

EPOCHS, BATCHES = 8, 10


def training(
    *,
    optimiser: Callable = lambda parameters: torch.optim.Adam(parameters, 0.01),
    made: Callable = lambda: nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 5)),
    loss_of: Callable = F.cross_entropy,
    each_step: Callable = lambda optimiser: None,
    each_epoch: Callable = lambda optimiser: None,
    evaluated: Callable | None = None,
) -> None:
    """Five classes in ten batches an epoch, and 60 rows to be evaluated in batches of 25."""
    x, y = blobs()
    model = made()
    steps = optimiser(model.parameters())
    kept: dict = {}
    for _ in range(EPOCHS):
        for rows in torch.randperm(240).split(24):
            steps.zero_grad()
            loss_of(model(x[rows]), y[rows]).backward()
            steps.step()
            each_step(steps)
        each_epoch(steps)
        if evaluated:
            with torch.no_grad():
                evaluated(((model(x[rows]), y[rows]) for rows in torch.arange(240, 300).split(25)), kept)


def scheduled(kind: Callable, each_step: bool) -> dict:
    """A schedule that is stepped with every batch, or once an epoch."""
    plans: dict[int, lr_scheduler.LRScheduler] = {}

    def step(optimiser: torch.optim.Optimizer) -> None:
        if id(optimiser) not in plans:
            plans[id(optimiser)] = kind(optimiser)
        else:
            plans[id(optimiser)].step()

    return {"each_step" if each_step else "each_epoch": step}


WRONG = {
    "a decay of epochs, with every batch": (lambda o: lr_scheduler.ExponentialLR(o, 0.85), True),
    "a slower one": (lambda o: lr_scheduler.ExponentialLR(o, 0.88), True),
    "by a function of epochs": (lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 0.8**epoch), True),
    "milestones of epochs": (lambda o: lr_scheduler.MultiStepLR(o, [3, 6], 0.1), True),
}
RIGHT = {
    "a decay of epochs": (lambda o: lr_scheduler.ExponentialLR(o, 0.85), False),
    "a decay of batches": (lambda o: lr_scheduler.ExponentialLR(o, 0.96), True),
    "half a cosine over all batches": (lambda o: lr_scheduler.CosineAnnealingLR(o, EPOCHS * BATCHES), True),
    "a short warm-up": (lambda o: lr_scheduler.LambdaLR(o, lambda step: min(1.0, (step + 1) / 10)), True),
}


@pytest.mark.parametrize(("kind", "each_step"), WRONG.values(), ids=WRONG)
def test_a_schedule_in_another_rhythm(kind: Callable, each_step: bool) -> None:
    assert codes(lambda: training(**scheduled(kind, each_step)))[:1] == ["schedule-stepped-wrongly"]


@pytest.mark.parametrize(("kind", "each_step"), RIGHT.values(), ids=RIGHT)
def test_silent_on_schedules_in_their_rhythm(kind: Callable, each_step: bool) -> None:
    assert codes(lambda: training(**scheduled(kind, each_step))) == []


def test_a_rate_that_the_program_sets_itself() -> None:
    def shrink(factor: float) -> Callable:
        def change(optimiser: torch.optim.Optimizer) -> None:
            for group in optimiser.param_groups:
                group["lr"] *= factor

        return change

    assert codes(lambda: training(each_step=shrink(0.8)))[:1] == ["schedule-stepped-wrongly"]
    assert codes(lambda: training(each_epoch=shrink(0.8))) == []


def test_a_schedule_of_an_optimiser_that_is_not_stepped() -> None:
    def of_another(optimiser: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
        return lr_scheduler.StepLR(torch.optim.Adam(optimiser.param_groups[0]["params"], 0.01), 3)

    assert codes(lambda: training(**scheduled(of_another, False)))[:1] == ["schedule-stepped-wrongly"]


@pytest.mark.parametrize(
    "optimiser",
    [lambda p: torch.optim.Adam(p, 2e-6), lambda p: torch.optim.SGD(p, 1e-5)],
    ids=["Adam", "SGD"],
)
def test_steps_that_lead_nowhere(optimiser: Callable) -> None:
    assert codes(lambda: training(optimiser=optimiser))[:1] == ["learning-rate-too-low"]


def test_each_optimiser_is_judged_by_its_own_losses() -> None:
    def one_after_the_other(rate: float) -> None:
        training()
        training(optimiser=lambda parameters: torch.optim.Adam(parameters, rate))

    assert codes(lambda: one_after_the_other(1e-6))[:1] == ["learning-rate-too-low"]
    assert codes(lambda: one_after_the_other(0.01)) == []


def deep(scale: float) -> Callable:
    """Ten narrow layers whose weights have a deviation of `scale` over the root of the fan in."""

    def made() -> nn.Module:
        sizes = [8, *[32] * 9, 5]
        layers = [nn.Linear(a, b) for a, b in pairwise(sizes)]
        for layer in layers:
            nn.init.normal_(layer.weight, std=scale / layer.in_features**0.5)
        return nn.Sequential(*[part for layer in layers for part in (layer, nn.ReLU())][:-1])

    return made


def test_signals_that_grow_from_layer_to_layer() -> None:
    assert codes(lambda: training(made=deep(3.5)))[:1] == ["gradient-exploding"]
    assert codes(lambda: training(made=deep(2**0.5))) == []


def told(pairs: Iterator, kept: dict, average: Callable) -> None:
    """Right answers of each batch, and what is told of them."""
    parts = [((z.argmax(1) == y).sum().item(), len(y)) for z, y in pairs]
    print(f"accuracy {average(parts, kept):.6f}")


def running(parts: list, kept: dict) -> float:
    """Never set to zero."""
    kept["right"] = kept.get("right", 0) + sum(right for right, _ in parts)
    kept["rows"] = kept.get("rows", 0) + sum(rows for _, rows in parts)
    return kept["right"] / kept["rows"]


AVERAGES = {
    "of the last batch": lambda parts, kept: parts[-1][0] / parts[-1][1],
    "over all evaluations": running,
    "a percentage of a percentage": lambda parts, kept: 1e4 * sum(a for a, _ in parts) / sum(b for _, b in parts),
    "of batch means": lambda parts, kept: sum(a / b for a, b in parts) / len(parts),
    "over one batch's rows": lambda parts, kept: sum(a for a, _ in parts) / 25,
}


@pytest.mark.parametrize("average", AVERAGES.values(), ids=AVERAGES)
def test_a_wrong_average_is_told(average: Callable) -> None:
    slow = lambda parameters: torch.optim.Adam(parameters, 5e-4)  # noqa: E731  (no batch is all right)
    found = codes(lambda: training(optimiser=slow, evaluated=lambda pairs, kept: told(pairs, kept, average)))
    assert found[:1] == ["metric-wrong"]


def test_silent_on_the_right_average() -> None:
    right = lambda parts, kept: sum(a for a, _ in parts) / sum(b for _, b in parts)  # noqa: E731
    assert codes(lambda: training(evaluated=lambda pairs, kept: told(pairs, kept, right))) == []


def test_answers_that_are_compared_with_something_else() -> None:
    def asked(compared: Callable) -> list[str]:
        def evaluated(pairs: Iterator, kept: dict) -> None:
            print(sum(compared(z, y).float().sum().item() for z, y in pairs) / 60)

        return codes(lambda: training(evaluated=evaluated))

    assert asked(lambda z, y: z.max(1)[0] == y)[:1] == ["metric-wrong"]
    assert asked(lambda z, y: (said := z.argmax(1)) == said)[:1] == ["metric-wrong"]
    assert asked(lambda z, y: z.max(1)[1] == y) == []


def test_a_tensor_beside_the_model_that_no_optimiser_holds() -> None:
    def with_temperature(held: bool) -> None:
        heat = torch.zeros(1, requires_grad=True)
        training(
            optimiser=lambda parameters: torch.optim.Adam([*parameters, *([heat] if held else [])], 0.01),
            loss_of=lambda z, y: F.cross_entropy(z * heat.exp(), y),
        )

    assert codes(lambda: with_temperature(False))[:1] == ["parameter-not-in-optimiser"]
    assert codes(lambda: with_temperature(True)) == []


def test_the_sign_of_a_divergence_that_is_written_out() -> None:
    def encoded(sign: float, inner: float = 1.0) -> None:
        x, _ = blobs()
        encoder, decoder = nn.Linear(8, 8), nn.Linear(4, 8)
        optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 0.01)
        for rows in torch.cat([torch.randperm(240) for _ in range(4)]).split(40):
            mean, spread = encoder(x[rows]).chunk(2, 1)
            code = mean + torch.randn_like(mean) * (0.5 * spread).exp()
            divergence = -0.5 * inner * (1 + spread - mean.pow(2) - spread.exp()).mean()
            optimiser.zero_grad()
            (F.mse_loss(decoder(code), x[rows]) + sign * 0.1 * divergence).backward()
            optimiser.step()

    assert codes(lambda: encoded(1.0)) == []
    assert codes(lambda: encoded(-1.0))[:1] == ["loss-sign-flipped"]
    assert codes(lambda: encoded(1.0, inner=-1.0))[:1] == ["loss-sign-flipped"]


def test_probabilities_and_weighted_likelihoods_that_are_minimised() -> None:
    def focal(sign: float) -> Callable:
        def loss_of(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            each = F.binary_cross_entropy_with_logits(z, F.one_hot(y, 5).float(), reduction="none")
            return sign * ((1 - torch.exp(-each)) ** 2 * each).mean()

        return loss_of

    assert codes(lambda: training(loss_of=focal(1.0))) == []
    assert codes(lambda: training(loss_of=focal(-1.0)))[:1] == ["loss-sign-flipped"]
    likely = lambda z, y: z.softmax(1).gather(1, y[:, None]).mean()  # noqa: E731
    assert codes(lambda: training(loss_of=likely))[:1] == ["loss-sign-flipped"]
    assert "loss-sign-flipped" not in codes(lambda: training(loss_of=lambda z, y: 1 - likely(z, y)))


def test_nan_in_evaluation_alone_and_in_a_later_batch() -> None:
    def holed(rows: slice, filled: bool = False) -> None:
        x, y = blobs()
        x[rows, 2] = float("nan")
        model = nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 5))
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        given = (lambda rows: x[rows].nan_to_num()) if filled else (lambda rows: x[rows])
        for step in range(60):
            index = torch.arange(240).roll(-24 * step)[:24]
            optimiser.zero_grad()
            F.cross_entropy(model(given(index)), y[index]).backward()
            optimiser.step()
        with torch.no_grad():
            print((model(given(slice(240, 300))).argmax(1) == y[240:]).float().mean().item())

    assert codes(lambda: holed(slice(250, 260)))[:1] == ["input-not-finite"]
    assert codes(lambda: holed(slice(150, 152)))[:1] == ["input-not-finite"]
    assert "input-not-finite" not in codes(lambda: holed(slice(150, 152), filled=True))
