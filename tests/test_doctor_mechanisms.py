"""Mechanisms that the watching doctor sees in any style: functions without modules, losses that are written out,
metrics of numpy, batches that are dataclasses, models called by name; and its silence where such programs are right.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from watched import blobs, codes


def by_hand(
    *,
    last: Callable = lambda z: z,
    loss_of: Callable = lambda z, y: -torch.log_softmax(z, 1)[torch.arange(len(y)), y].mean(),
    step: Callable = lambda p, rate: p.sub_(rate * p.grad),
    labels_of: Callable = lambda y, rows, start: y[rows],
    rate: float = 0.2,
    first_evaluated: int = 240,
    middle: Callable = torch.relu,
    order: Callable = torch.randperm,
    sort: bool = False,
) -> None:
    """A classifier without modules and without an optimiser, which numpy scores."""
    x, y = blobs()
    if sort:
        x[:240], y[:240] = x[y[:240].argsort()], y[:240].sort().values
    weights = [(torch.randn(8, 24) * 0.3).requires_grad_(), torch.zeros(24, requires_grad=True)]
    weights += [(torch.randn(24, 5) * 0.2).requires_grad_(), torch.zeros(5, requires_grad=True)]

    def model(rows: torch.Tensor) -> torch.Tensor:
        return last(middle(rows @ weights[0] + weights[1]) @ weights[2] + weights[3])

    for _ in range(4):
        chosen = order(240)
        for start in range(0, 240, 20):
            rows = chosen[start : start + 20]
            loss_of(model(x[rows]), labels_of(y, rows, start)).backward()
            with torch.no_grad():
                for p in weights:
                    step(p, rate)
                    p.grad = None
        with torch.no_grad():
            said = model(x[first_evaluated:]).argmax(1).numpy()
        print(f"accuracy {(said == y[first_evaluated:].numpy()).mean():.4f}")


BY_HAND: list[tuple[str, dict]] = [
    ("loss-sign-flipped", {"step": lambda p, rate: p.add_(rate * p.grad)}),
    ("loss-sign-flipped", {"loss_of": lambda z, y: torch.log_softmax(z, 1).gather(1, y[:, None]).mean()}),
    ("loss-sign-flipped", {"loss_of": lambda z, y: (z.gather(1, y[:, None])[:, 0] - z.logsumexp(1)).mean()}),
    ("activation-on-logits", {"last": torch.relu}),
    ("loss-expects-logits", {"last": lambda z: z.softmax(1)}),
    ("loss-expects-probabilities", {"loss_of": lambda z, y: -z[torch.arange(len(y)), y].mean()}),
    ("softmax-wrong-dim", {"loss_of": lambda z, y: -torch.log_softmax(z, 0)[torch.arange(len(y)), y].mean()}),
    ("missing-nonlinearity", {"middle": lambda h: h}),
    ("labels-out-of-order", {"labels_of": lambda y, rows, start: y[start : start + 20]}),
    ("single-class", {"labels_of": lambda y, rows, start: y[rows] * 0 + 2}),
    ("data-not-shuffled", {"order": torch.arange, "sort": True}),
    ("learning-rate-too-low", {"rate": 1e-8}),
    ("learning-rate-too-high", {"rate": 300.0}),
]


@pytest.mark.parametrize(("code", "change"), BY_HAND, ids=[f"{n}-{code}" for n, (code, _) in enumerate(BY_HAND)])
def test_a_program_of_functions_is_seen(code: str, change: dict) -> None:
    assert codes(lambda: by_hand(**change))[:1] == [code]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"loss_of": lambda z, y: (z.logsumexp(1) - z.gather(1, y[:, None])[:, 0]).mean()},
        {"loss_of": lambda z, y: -(F.one_hot(y, 5) * z.log_softmax(1)).sum(1).mean()},
    ],
)
def test_silent_on_a_right_program_of_functions(change: dict) -> None:
    assert codes(lambda: by_hand(**change)) == []


@dataclass
class Batch:
    x: torch.Tensor
    y: torch.Tensor


class OfBatch(nn.Module):
    """Takes a dataclass; `mixed` takes the batch's own mean off."""

    def __init__(self, mixed: bool = False, blind: bool = False, dropout: float = 0.0):
        super().__init__()
        self.hidden, self.out, self.mixed, self.blind = nn.Linear(8, 24), nn.Linear(24, 5), mixed, blind
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: Batch) -> torch.Tensor:
        h = torch.tanh(self.hidden(batch.x * 0 if self.blind else batch.x))
        return self.out(self.dropout(h - h.mean(0) if self.mixed else h))


def by_batches(model: nn.Module, *, evaluating: bool = True, loss_of: Callable = F.cross_entropy) -> None:
    x, y = blobs()
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(3):
        model.train()
        for rows in torch.randperm(240).split(24):
            loss = loss_of(model(Batch(x[rows], y[rows])), y[rows])
            loss = loss + 1e-4 * sum((p**2).sum() for p in model.parameters())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        model.train(not evaluating)
        with torch.no_grad():
            said = model(Batch(x[240:], y[240:])).argmax(1).tolist()
        print(sum(a == b for a, b in zip(said, y[240:].tolist(), strict=True)) / 60)


def test_batches_of_a_dataclass_and_a_weight_decay_by_hand() -> None:
    assert codes(lambda: by_batches(OfBatch())) == []
    assert codes(lambda: by_batches(OfBatch(), loss_of=lambda z, y: -F.cross_entropy(z, y)))[0] == "loss-sign-flipped"


def test_copies_are_asked_whether_rows_matter_and_stand_for_themselves() -> None:
    assert codes(lambda: by_batches(OfBatch(mixed=True)))[0] == "examples-mixed"
    found = codes(lambda: by_batches(OfBatch(blind=True)))
    assert "input-ignored" in found


def test_a_metric_of_python_is_an_evaluation_too() -> None:
    assert codes(lambda: by_batches(OfBatch(dropout=0.3))) == []
    assert codes(lambda: by_batches(OfBatch(dropout=0.3), evaluating=False))[0] == "train-mode-in-evaluation"


def binary(loss_of: Callable, *, signs: bool = False, flat: bool = True) -> None:
    """Two classes, with a cross entropy that is written out."""
    x, y = blobs(classes=2)
    y = (2.0 * y - 1) if signs else y.float()
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(3):
        for rows in torch.randperm(240).split(24):
            p = torch.sigmoid(model(x[rows])[:, 0] if flat else model(x[rows]))
            optimiser.zero_grad()
            loss_of(p, y[rows]).backward()
            optimiser.step()


def entropy(p: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return -(y * torch.log(p + 1e-7) + (1 - y) * torch.log(1 - p + 1e-7)).mean()


def test_a_binary_cross_entropy_that_is_written_out() -> None:
    assert codes(lambda: binary(entropy)) == []
    assert codes(lambda: binary(lambda p, y: -entropy(p, y)))[0] == "loss-sign-flipped"
    assert codes(lambda: binary(lambda p, y: entropy(p.sigmoid(), y)))[0] == "loss-expects-logits"
    assert codes(lambda: binary(entropy, signs=True))[0] == "label-format-mismatch"
    assert codes(lambda: binary(entropy, flat=False))[0] == "accidental-broadcast"


@pytest.mark.parametrize(
    "loss_of",
    [
        lambda e: torch.log(torch.cosh(e)).mean(),
        lambda e: torch.maximum(0.3 * e, -0.7 * e).mean(),
        lambda e: (e * e).mean().sqrt(),
    ],
)
def test_a_difference_broadcasts_in_any_formula(loss_of: Callable) -> None:
    def program(shape: tuple[int, ...]) -> None:
        x, _ = blobs()
        y, model = x[:, 0] * 2 + x[:, 1], nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(2):
            for rows in torch.randperm(240).split(24):
                optimiser.zero_grad()
                loss_of(model(x[rows]).reshape(shape) - y[rows]).backward()
                optimiser.step()

    assert codes(lambda: program((-1,))) == []
    assert codes(lambda: program((-1, 1)))[0] == "accidental-broadcast"


class Attention(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        self.embed, self.dim = nn.Embedding(6, 16), dim
        self.query, self.key, self.value, self.out = (nn.Linear(16, n) for n in (16, 16, 16, 3))

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        h = self.embed(tokens) * mask[..., None]
        scores = self.query(h) @ self.key(h).transpose(1, 2) / math.sqrt(16)
        return self.out((h + scores.softmax(self.dim) @ self.value(h)).mean(1))


def test_attention_over_the_queries() -> None:
    def program(dim: int) -> None:
        generator = torch.Generator().manual_seed(0)
        tokens = torch.randint(0, 6, (240, 9), generator=generator)
        labels = (tokens == tokens[:, :1]).sum(1).clamp(max=3) - 1
        model = Attention(dim)
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(2):
            for rows in torch.randperm(240).split(24):
                optimiser.zero_grad()
                logits = model(tokens=tokens[rows], mask=torch.ones(len(rows), 9))
                F.cross_entropy(logits, labels[rows]).backward()
                optimiser.step()

    assert codes(lambda: program(-1)) == []
    assert codes(lambda: program(1))[0] == "softmax-wrong-dim"


def test_distances_are_no_logits() -> None:
    def program(sign: int) -> None:
        x, y = blobs()
        model, centres = nn.Linear(8, 4), nn.Parameter(torch.randn(5, 4))
        optimiser = torch.optim.Adam([*model.parameters(), centres], 0.01)
        for _ in range(2):
            for rows in torch.randperm(240).split(24):
                optimiser.zero_grad()
                F.cross_entropy(sign * torch.cdist(model(x[rows]), centres) / 0.5, y[rows]).backward()
                optimiser.step()

    assert codes(lambda: program(-1)) == []
    assert codes(lambda: program(1))[0] == "loss-sign-flipped"


def test_a_mask_stays_where_its_image_is_mirrored() -> None:
    def program(both: bool) -> None:
        generator = torch.Generator().manual_seed(0)
        masks = torch.zeros(80, 8, 8, dtype=torch.long)
        for mask in masks:
            row, column = torch.randint(0, 5, (2,), generator=generator).tolist()
            mask[row : row + 3, column : column + 3] = 1
        images = masks[:, None] * 2.0 - 0.5 + 0.3 * torch.randn(80, 1, 8, 8, generator=generator)
        model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(3):
            for rows in torch.randperm(80).split(10):
                optimiser.zero_grad()
                targets = masks[rows].flip(-1) if both else masks[rows]
                F.cross_entropy(model(images[rows].flip(-1)), targets).backward()
                optimiser.step()

    assert codes(lambda: program(True)) == []
    assert codes(lambda: program(False))[0] == "augmentation-breaks-labels"


def test_what_is_called_a_reward_is_not_minimised() -> None:
    def program(sign: int) -> None:
        policy, pays = nn.Linear(5, 3), torch.randn(5, 3)
        optimiser = torch.optim.Adam(policy.parameters(), 0.01)
        for _ in range(20):
            seen = torch.randn(32, 5)
            chances = torch.distributions.Categorical(logits=policy(seen))
            actions = chances.sample()
            reward = (seen @ pays).gather(1, actions[:, None])[:, 0]
            loss = sign * (chances.log_prob(actions) * (reward - reward.mean())).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    assert codes(lambda: program(-1)) == []
    assert codes(lambda: program(1))[0] == "loss-sign-flipped"


def spoilt(labels: np.ndarray, how: str) -> np.ndarray:
    draws = np.random.default_rng(1)
    wrong = draws.random(len(labels)) < 0.35
    other = {"one": 0 * labels, "next": (labels + 1) % 10, "any": draws.integers(0, 10, len(labels))}.get(how, labels)
    return np.where(wrong, other, labels)


@pytest.mark.parametrize("how", ["not", "one", "next", "any"])
def test_labels_that_were_overwritten(how: str) -> None:
    from sklearn.datasets import load_digits

    def program() -> None:
        digits = load_digits()
        x = torch.tensor(digits.data / 8 - 0.6, dtype=torch.float32)
        y = torch.tensor(spoilt(digits.target, how))
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for rows in torch.randperm(len(x)).split(60):
            optimiser.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()

    assert codes(program) == ([] if how == "not" else ["labels-corrupt"])


def test_one_function_for_both_called_with_the_optimiser_for_both() -> None:
    def run(model: nn.Module, x: torch.Tensor, y: torch.Tensor, optimiser: torch.optim.Optimizer | None) -> None:
        for rows in torch.randperm(len(x)).split(20):
            loss = F.cross_entropy(model(x[rows]), y[rows])
            if optimiser:
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

    def program(careless: bool) -> None:
        x, y = blobs()
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5))
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        x_train, x_valid, y_train, y_valid = x[:240], x[240:], y[:240], y[240:]
        for _ in range(3):
            run(model, x_train, y_train, optimiser)
            run(model, x_valid, y_valid, optimiser if careless else None)

    assert codes(lambda: program(False)) == []
    assert codes(lambda: program(True))[0] == "backward-in-evaluation"


def test_folds_one_after_the_other_are_no_rivals() -> None:
    def program() -> None:
        x, y = blobs()
        for _ in range(2):
            model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5))
            optimiser = torch.optim.Adam(model.parameters(), 1e-3)
            for rows in torch.randperm(240).split(24):
                optimiser.zero_grad()
                (-F.cross_entropy(model(x[rows]), y[rows])).backward()
                optimiser.step()

    assert codes(program)[0] == "loss-sign-flipped"


def test_a_gradient_breaks_on_the_way_back_of_a_finite_loss() -> None:
    def program() -> None:
        x, _ = blobs()
        model = nn.Linear(8, 4)
        optimiser = torch.optim.SGD(model.parameters(), 0.01)
        for _ in range(12):
            z = model(x[:40])
            apart = ((z[:, None] - z[None]) ** 2).sum(-1).sqrt()  # the slope of a root at the diagonal's zeros
            optimiser.zero_grad()
            apart.mean().backward()
            optimiser.step()

    assert codes(program)[0] == "gradient-not-finite"


def two_stages(*, scale: float = 1.0, shift: float = 0.0, evaluating: bool = True, copied: bool = False) -> None:
    """A teacher is trained, then teaches; or its weights are loaded into another module that gives features."""
    x, y = blobs()
    teacher = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 5))
    optimiser = torch.optim.Adam(teacher.parameters(), 0.01)
    for rows in torch.randperm(240).split(24):
        optimiser.zero_grad()
        F.cross_entropy(teacher(x[rows]), y[rows]).backward()
        optimiser.step()
    if copied:
        again = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 5))
        again.load_state_dict(teacher.state_dict())
        teacher = again
    teacher.train(not evaluating).requires_grad_(False)
    student = nn.Linear(8, 5)
    optimiser = torch.optim.Adam(student.parameters(), 0.01)
    for rows in torch.randperm(240).split(24):
        with torch.no_grad():
            soft = teacher(x[rows] * scale + shift).softmax(1)
        optimiser.zero_grad()
        F.kl_div(student(x[rows]).log_softmax(1), soft, reduction="batchmean").backward()
        optimiser.step()


@pytest.mark.parametrize("copied", [False, True])
def test_weights_know_the_inputs_that_they_were_trained_on(copied: bool) -> None:
    assert codes(lambda: two_stages(copied=copied)) == []
    assert codes(lambda: two_stages(copied=copied, scale=0.3, shift=0.3))[0] == "pretrained-normalisation-mismatch"


def test_a_teacher_answers_in_train_mode() -> None:
    assert codes(lambda: two_stages(evaluating=False))[0] == "train-mode-in-evaluation"


def test_classes_have_the_same_numbers_in_training_and_evaluation() -> None:
    def program(turned: int) -> None:
        x, y = blobs(500)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 5))
        optimiser = torch.optim.Adam(model.parameters(), 0.02)
        for _ in range(3):
            for rows in torch.randperm(400).split(25):
                optimiser.zero_grad()
                F.cross_entropy(model(x[rows]), y[rows]).backward()
                optimiser.step()
        with torch.no_grad():
            print((model(x[400:]).argmax(1) == (y[400:] + turned) % 5).float().mean().item())

    assert codes(lambda: program(0)) == []
    assert codes(lambda: program(2))[0] == "labels-corrupt"


def test_each_of_a_batch_with_each_is_compared_on_purpose() -> None:
    def program() -> None:
        x, y = blobs()
        model = nn.Linear(8, 1)
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for rows in torch.randperm(240).split(24):
            risk = model(x[rows])[:, 0]
            later = y[rows][:, None] > y[rows][None]
            optimiser.zero_grad()
            F.softplus(risk[None] - risk[:, None])[later].mean().backward()
            optimiser.step()
        with torch.no_grad():
            risk = model(x[240:])[:, 0].round()
            print((risk[:, None] == risk[None]).float().mean().item())

    assert codes(program) == []


def test_two_optimisers_of_one_model() -> None:
    def program(right: bool) -> None:
        maker, judge = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
        of_judge = torch.optim.Adam(judge.parameters(), 1e-3)
        of_maker = torch.optim.Adam((maker if right else judge).parameters(), 1e-3)
        for _ in range(20):
            made = maker(torch.randn(32, 3))
            of_judge.zero_grad()
            (F.softplus(judge(made.detach())) + F.softplus(-judge(torch.randn(32, 2)))).mean().backward()
            of_judge.step()
            of_maker.zero_grad()
            F.softplus(-judge(made)).mean().backward()
            of_maker.step()

    assert codes(lambda: program(True)) == []
    assert codes(lambda: program(False))[0] == "optimiser-holds-foreign-parameters"


def test_quantiles_lose_by_the_larger_slope() -> None:
    def program(bend: Callable) -> None:
        x, _ = blobs()
        model = nn.Sequential(nn.Linear(8, 16), nn.ELU(), nn.Linear(16, 3))
        quantiles = torch.tensor([0.1, 0.5, 0.9])
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for rows in torch.randperm(240).split(24):
            error = x[rows, :1] - model(x[rows])
            optimiser.zero_grad()
            bend(quantiles * error, (quantiles - 1) * error).mean().backward()
            optimiser.step()

    assert codes(lambda: program(torch.maximum)) == []
    assert codes(lambda: program(torch.minimum))[0] == "loss-sign-flipped"
    bounded = codes(lambda: program(lambda a, b: torch.maximum(a, b).clamp(max=0.1)))
    assert bounded[0] == "loss-clipped"


@pytest.mark.parametrize(("fitted", "code"), [(240, None), (300, "preprocessing-leak"), (0, "preprocessing-leak")])
def test_statistics_of_rows_that_only_numpy_scores(fitted: int, code: str | None) -> None:
    def program() -> None:
        generator = np.random.default_rng(0)
        x = generator.normal(3, 2, (300, 6))
        y = torch.tensor((x[:, 0] > x[:, 1]).astype("int64"))
        if fitted:
            x = (x - x[:fitted].mean(0)) / x[:fitted].std(0)
        else:  # each part by its own statistics
            x = np.concatenate([(part - part.mean(0)) / part.std(0) for part in (x[:240], x[240:])])
        rows_of = torch.tensor(x, dtype=torch.float32)
        model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for rows in torch.randperm(240).split(24):
            optimiser.zero_grad()
            F.cross_entropy(model(rows_of[rows]), y[rows]).backward()
            optimiser.step()
        model.eval()
        with torch.no_grad():
            said = model(rows_of[240:]).argmax(1).numpy()
        print((said == y[240:].numpy()).mean())

    assert codes(program) == ([code] if code else [])
