"""Mistakes with rows and labels that show where training is held against evaluation, each beside its right twin."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from watched import blobs, codes

Change = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def same(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return x, y


def learn(
    data: tuple[Tensor, Tensor],
    known: int,
    *,
    change: Change = same,
    asked: Change = same,
    model: nn.Module | None = None,
    outside: bool = False,
) -> None:
    """Classes in batches of 24 for four epochs, `change` at each batch; evaluation after each epoch."""
    x, y = data
    width = x[0].numel()
    model = model or nn.Sequential(nn.Flatten(), nn.Linear(width, 32), nn.Tanh(), nn.Linear(32, int(y.max()) + 1))
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(4):
        model.train()
        for rows in torch.randperm(known).split(24):
            inputs, labels = change(x[rows], y[rows])
            optimiser.zero_grad()
            F.cross_entropy(model(inputs), labels).backward()
            optimiser.step()
        model.eval()
        inputs, labels = asked(x[known:], y[known:])
        with torch.no_grad():
            said = model(inputs).argmax(1)
        print((said.numpy() == labels.numpy()).mean() if outside else (said == labels).float().mean().item())


def arrows(n: int = 500, noise: float = 0.3) -> tuple[Tensor, Tensor]:
    """Pictures of 8 x 8: an arrow to the left, to the right, or a bar that stands."""
    generator = torch.Generator().manual_seed(0)
    left = torch.zeros(8, 8)
    left[4, 1:7] = left[3, 2] = left[5, 2] = left[2, 3] = left[6, 3] = 1.0
    bar = torch.zeros(8, 8)
    bar[1:7, 4] = 1.0
    labels = torch.randint(0, 3, (n,), generator=generator)
    pictures = torch.stack([left, left.flip(1), bar])[labels][:, None]
    return pictures + noise * torch.randn(n, 1, 8, 8, generator=generator), labels


def walks(n: int = 600) -> tuple[Tensor, Tensor]:
    """Noisy walks that go up or down."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 2, (n,), generator=generator)
    steps = 0.5 * torch.randn(n, 16, generator=generator) + (labels[:, None] * 2 - 1) * 0.4
    return steps.cumsum(1)[..., None] / 4, labels


def half(turn: Callable[[Tensor], Tensor]) -> Change:
    """Turn half of the rows of a batch, drawn anew each time."""

    def change(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        drawn = torch.rand(len(x)) < 0.5
        return torch.stack([turn(row) if yes else row for row, yes in zip(x, drawn, strict=True)]), y

    return change


def jitter(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return x.roll(int(torch.randint(-1, 2, ())), -1) + 0.1 * torch.randn(x.shape), y


TURNED = [
    (arrows, half(lambda row: row.flip(-1)), True),
    (arrows, half(lambda row: row.flip(-2)), False),
    (arrows, jitter, False),
    (walks, half(lambda row: -row), True),
    (walks, lambda x, y: (x * (0.8 + 0.4 * torch.rand(len(x), 1, 1)), y), False),
]


@pytest.mark.parametrize(("made", "change", "wrong"), TURNED, ids=["mirror", "flip", "jitter", "sign", "scale"])
def test_an_augmentation_that_makes_another_class(made: Callable, change: Change, wrong: bool) -> None:
    found = codes(lambda: learn(made(), 400, change=change))
    assert found[:1] == (["augmentation-breaks-labels"] if wrong else [])


@pytest.mark.parametrize("outside", [False, True], ids=["in torch", "in numpy"])
def test_evaluation_whose_rows_are_paired_with_others(outside: bool) -> None:
    def moved(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return x, y.roll(7)

    assert codes(lambda: learn(blobs(500), 360, outside=outside)) == []
    assert codes(lambda: learn(blobs(500), 360, asked=moved))[:1] == ["labels-out-of-order"]


def test_training_rows_that_are_paired_with_others() -> None:
    x, y = blobs(500)
    assert codes(lambda: learn((x, torch.cat([y[:360].roll(7), y[360:]])), 360))[:1] == ["labels-out-of-order"]


def test_a_third_of_the_training_labels_drawn_at_random() -> None:
    x, y = blobs(700)
    drawn = torch.where(torch.arange(700) % 3 == 0, torch.randint(0, 5, (700,), generator=torch.Generator()), y)
    noisy = torch.cat([drawn[:500], y[500:]])
    assert codes(lambda: learn((x, noisy), 500))[:1] == ["labels-corrupt"]


def test_classes_that_training_counts_otherwise() -> None:
    x, y = blobs(600)
    other = torch.tensor([0, 2, 1, 4, 3])
    renamed = torch.cat([other[y[:440]], y[440:]])
    assert codes(lambda: learn((x, renamed), 440))[:1] == ["labels-corrupt"]
    assert codes(lambda: learn((x, other[y]), 440)) == []


def test_a_small_set_without_any_relation() -> None:
    x, y = blobs(150, classes=3)
    x = 1.3 * x + 0.2
    mixed = y[torch.randperm(150, generator=torch.Generator().manual_seed(1))]
    assert codes(lambda: learn((x, y), 105)) == []
    assert codes(lambda: learn((x, mixed), 105))[:1] == ["labels-out-of-order"]


def numbers(
    *,
    change: Change = same,
    asked: Change = same,
    pairs: Callable[[Tensor], Tensor] = lambda y: y,
) -> None:
    """A regression on walks: how far each goes from its first place to its last."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 12, generator=generator).cumsum(1) / 3
    y = x[:, -1] - x[:, 0] + 0.05 * torch.randn(500, generator=generator)
    y = torch.cat([pairs(y[:340]), y[340:]])
    model = nn.Sequential(nn.Linear(12, 32), nn.Tanh(), nn.Linear(32, 1), nn.Flatten(0))
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(4):
        for rows in torch.randperm(340).split(24):
            inputs, targets = change(x[rows], y[rows])
            optimiser.zero_grad()
            F.mse_loss(model(inputs), targets).backward()
            optimiser.step()
        inputs, targets = asked(x[340:], y[340:])
        with torch.no_grad():
            print(F.mse_loss(model(inputs), targets).item())


def test_targets_that_are_numbers_are_read_across() -> None:
    assert codes(numbers) == []
    assert codes(lambda: numbers(change=lambda x, y: (x + 0.05 * torch.randn(x.shape), y))) == []
    assert codes(lambda: numbers(asked=lambda x, y: (x, y.roll(9))))[:1] == ["labels-out-of-order"]
    assert codes(lambda: numbers(pairs=lambda y: y.roll(9)))[:1] == ["labels-out-of-order"]
    assert codes(lambda: numbers(change=half(lambda row: row.flip(0))))[:1] == ["augmentation-breaks-labels"]


def test_masks_that_stay_behind_where_torch_does_not_see_it() -> None:
    """Discs on a noisy ground; mirrored in numpy, with their masks or without."""

    def program(both: bool) -> None:
        generator = np.random.default_rng(0)
        y, x = np.mgrid[:16, :16]
        places = generator.integers(3, 13, (300, 2, 1, 1))
        masks = ((y - places[:, 0]) ** 2 + (x - places[:, 1]) ** 2 < 8).astype(np.float32)
        pictures = (masks + 0.3 * generator.standard_normal(masks.shape)).astype(np.float32)
        model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for epoch in range(3):
            for rows in np.split(generator.permutation(200), 10):
                turned = generator.random(20) < 0.5
                flipped = [np.flip(pictures[i], 1) if t else pictures[i] for i, t in zip(rows, turned, strict=True)]
                marks = [np.flip(masks[i], 1) if t and both else masks[i] for i, t in zip(rows, turned, strict=True)]
                inputs, targets = (torch.from_numpy(np.stack(side))[:, None] for side in (flipped, marks))
                optimiser.zero_grad()
                F.binary_cross_entropy_with_logits(model(inputs), targets).backward()
                optimiser.step()
            with torch.no_grad():
                scores = model(torch.from_numpy(pictures[200:])[:, None])
                print(epoch, F.binary_cross_entropy_with_logits(scores, torch.from_numpy(masks[200:])[:, None]).item())

    assert codes(lambda: program(True)) == []
    assert codes(lambda: program(False))[:1] == ["augmentation-breaks-labels"]


def test_a_class_that_training_puts_into_another() -> None:
    x, y = blobs(500)
    merged = torch.where(y == 4, 0, y)
    assert codes(lambda: learn((x, torch.cat([merged[:360], y[360:]])), 360))[:1] == ["labels-corrupt"]
    assert codes(lambda: learn((x[y != 4], y[y != 4]), 300)) == []


@pytest.mark.parametrize(("inside", "outside"), [(True, False), (False, True), (False, False)])
def test_weights_of_torchvision_that_are_normalised_by_the_model_itself(inside: bool, outside: bool) -> None:
    models = pytest.importorskip("torchvision.models")

    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = models.squeezenet1_1(num_classes=5)
            self.body.load_state_dict(self.body.state_dict())

        def forward(self, pictures: Tensor) -> Tensor:
            return self.body((pictures - 0.5) / 0.25 if inside else pictures)

    def program() -> None:
        generator = torch.Generator().manual_seed(0)
        x = torch.rand(64, 3, 40, 40, generator=generator)
        x, y = (x - 0.5) / 0.28 if outside else x, torch.randint(0, 5, (64,), generator=generator)
        model = Mine()
        optimiser = torch.optim.SGD(model.parameters(), 0.001)
        for rows in torch.randperm(64).split(16):
            optimiser.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()

    found = codes(program)
    assert ("pretrained-normalisation-mismatch" in found) == (not (inside or outside))


def test_targets_that_are_missing() -> None:
    def absent(y: Tensor) -> Tensor:
        return torch.where(torch.arange(len(y)) % 50 == 7, torch.nan, y)

    assert codes(lambda: numbers(pairs=absent))[:1] == ["labels-corrupt"]
