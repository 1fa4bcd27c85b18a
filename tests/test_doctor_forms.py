"""The same mistakes in other forms than those that the checks were first written for, each beside its right twin."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from watched import blobs, codes

from arcane.diagnosis import watch
from arcane.diagnosis.limits import settings
from arcane.diagnosis.watching import findings_of
from arcane.errors import UserError


def classifier(
    *,
    middle: nn.Module | None = None,
    columns: int = 5,
    loss_of: Callable = F.cross_entropy,
    before: Callable = lambda rows, training: rows,
    said: Callable = lambda z: z.argmax(1),
    schedule: Callable | None = None,
    each_step: bool = False,
    reported: Callable | None = None,
    setup: Callable = lambda model: None,
    epochs: int = 3,
) -> None:
    """Five classes in batches of 24; each epoch ends with an evaluation in two batches."""
    x, y = blobs()
    model = nn.Sequential(nn.Linear(8, 24), middle or nn.Tanh(), nn.Linear(24, columns))
    setup(model)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    plan = schedule(optimiser) if schedule else None
    for _ in range(epochs):
        model.train()
        total, average = 0.0, 0.0
        for rows in torch.randperm(240).split(24):
            optimiser.zero_grad()
            loss = loss_of(model(before(x[rows], True)), y[rows])
            loss.backward()
            optimiser.step()
            total += loss.item()
            if plan and each_step:
                plan.step()
        model.eval()
        right = 0
        with torch.no_grad():
            for rows in torch.arange(240, 300).split(40):
                right += (said(model(before(x[rows], False))) == y[rows]).sum().item()
        if reported:
            average = reported(total)
            print(f"loss {average:.6f}")
        if plan and not each_step:
            plan.step()
        print(f"accuracy {right / 60:.4f}")


MISTAKES: list[tuple[str, dict]] = [
    ("evaluation-not-deterministic", {"before": lambda x, training: x if training else x + 0.1 * torch.randn(x.shape)}),
    ("evaluation-not-deterministic", {"before": lambda x, training: x if training else shifted(x)}),
    ("input-ignored", {"before": lambda x, training: torch.randn_like(x) if training else x}),
    ("output-shape-mismatch", {"columns": 60}),
    ("saturated-units", {"middle": nn.Sigmoid(), "setup": lambda model: model[0].bias.data.fill_(25.0)}),
    ("metric-wrong", {"reported": lambda total: total / 240}),
    ("label-format-mismatch", {"loss_of": lambda z, y: F.cross_entropy(z, 2.0 * F.one_hot(y, 5))}),
    ("loss-target-mismatch", {"loss_of": lambda z, y: F.cross_entropy(z, torch.randn(len(y), 5) * 2)}),
    (
        "schedule-stepped-wrongly",
        {"schedule": lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [2], 0.01), "each_step": True, "epochs": 5},
    ),
    (
        "schedule-stepped-wrongly",
        {
            "schedule": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: min(1.0, (step + 1) / 5000)),
            "each_step": True,
            "epochs": 5,
        },
    ),
]


def shifted(rows: torch.Tensor) -> torch.Tensor:
    """Rows moved by a column or not, drawn where no operation on them tells of it."""
    return torch.stack([row.roll(1) if np.random.default_rng().random() < 0.5 else row for row in rows])


@pytest.mark.parametrize(("code", "change"), MISTAKES, ids=[f"{n}-{code}" for n, (code, _) in enumerate(MISTAKES)])
def test_a_classifier_with_one_mistake(code: str, change: dict) -> None:
    assert codes(lambda: classifier(**change))[:1] == [code]


def test_silent_on_the_right_classifier() -> None:
    """Noise in training alone, the mean of means that is right, a sigmoid, and milestones counted in steps."""
    change = {
        "before": lambda x, training: x + 0.1 * torch.randn(x.shape) if training else x,
        "reported": lambda total: total / 10,
        "middle": nn.Sigmoid(),
        "schedule": lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [20, 25], 0.1),
        "each_step": True,
    }
    assert codes(lambda: classifier(**change)) == []


def regression(loss_of: Callable, *, pairs: Callable = lambda y, rows: y[rows], scores: Callable | None = None) -> None:
    """Two numbers a row."""
    x, _ = blobs()
    y = torch.stack([x[:, 0] * 2 + x[:, 1], x[:, 2] - x[:, 3]], 1)
    model = nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 2))
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(3):
        for rows in torch.randperm(240).split(24):
            optimiser.zero_grad()
            loss_of(model(x[rows]), pairs(y, rows)).backward()
            optimiser.step()
        if scores:
            with torch.no_grad():
                print(scores(model(x[240:]), y[240:]).item())


def test_the_push_tells_the_sign_of_any_formula() -> None:
    overlap = lambda z, y: (torch.sigmoid(z) * (y > 0)).sum() / (torch.sigmoid(z) + (y > 0)).sum()  # noqa: E731
    assert codes(lambda: regression(lambda z, y: 1 - F.cosine_similarity(z, y).mean())) == []
    assert codes(lambda: regression(lambda z, y: F.cosine_similarity(z, y).mean()))[:1] == ["loss-sign-flipped"]
    assert codes(lambda: regression(overlap))[:1] == ["loss-sign-flipped"]


def test_a_part_of_a_loss_that_is_maximised() -> None:
    both = lambda sign: lambda z, y: sign * F.mse_loss(z, y) + 0.1 * F.l1_loss(z[:, 0], y[:, 0])  # noqa: E731
    assert codes(lambda: regression(both(1))) == []
    assert codes(lambda: regression(both(-1)))[:1] == ["loss-sign-flipped"]


def test_several_targets_a_row_that_are_drawn_apart() -> None:
    assert codes(lambda: regression(F.mse_loss, pairs=lambda y, rows: y[torch.randint(0, 240, (len(rows),))]))[:1] == [
        "labels-out-of-order"
    ]


def test_a_broadcast_in_evaluation_alone() -> None:
    right, wrong = (lambda z, y: F.mse_loss(z[:, :1], y[:, :1])), (lambda z, y: F.mse_loss(z[:, :1], y[:, 0]))
    assert codes(lambda: regression(F.mse_loss, scores=right)) == []
    assert codes(lambda: regression(F.mse_loss, scores=wrong))[:1] == ["accidental-broadcast"]


class Language(nn.Module):
    """Gives its own loss, as language models do; `blind` leaves the tokens out."""

    def __init__(self, blind: bool):
        super().__init__()
        self.blind, self.out = blind, nn.Linear(16, 12)
        self.token, self.place = nn.Embedding(12, 16), nn.Embedding(6, 16)

    def forward(self, tokens: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.place(torch.arange(6)).expand(len(tokens), -1, -1)
        logits = self.out(torch.tanh(h if self.blind else h + self.token(tokens)))
        return logits, F.cross_entropy(logits.reshape(-1, 12), targets.reshape(-1))


def test_a_model_that_gives_its_own_loss_is_asked_too() -> None:
    def program(blind: bool) -> None:
        generator = torch.Generator().manual_seed(0)
        tokens = torch.randint(0, 12, (200, 1), generator=generator) + torch.arange(7)
        tokens, model = tokens % 12, Language(blind)
        model.token.requires_grad_(not blind)
        optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 0.01)
        for _ in range(20):
            rows = torch.randint(0, 200, (24,))
            _, loss = model(tokens[rows, :-1], tokens[rows, 1:])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    assert codes(lambda: program(False)) == []
    assert "input-ignored" in codes(lambda: program(True))


def test_a_tensor_that_the_steps_by_hand_leave_out() -> None:
    def program(changed: int) -> None:
        x, y = blobs()
        weights = [(torch.randn(8, 5) * 0.3).requires_grad_(), torch.zeros(5, requires_grad=True)]
        for _ in range(4):
            for rows in torch.randperm(240).split(24):
                F.cross_entropy(x[rows] @ weights[0] + weights[1], y[rows]).backward()
                with torch.no_grad():
                    for p in weights[:changed]:
                        p -= 0.1 * p.grad
                    for p in weights:
                        p.grad = None

    assert codes(lambda: program(2)) == []
    assert codes(lambda: program(1))[:1] == ["parameter-not-in-optimiser"]


def test_one_mean_for_all_features_of_all_rows() -> None:
    def program(known: int) -> None:
        x, y = blobs()
        x = x * torch.arange(8) + 3
        x = (x - x[:known].mean()) / x[:known].std(correction=0)
        model = nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 5))
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(3):
            for rows in torch.randperm(240).split(24):
                optimiser.zero_grad()
                F.cross_entropy(model(x[rows]), y[rows]).backward()
                optimiser.step()
            with torch.no_grad():
                print((model(x[240:]).argmax(1) == y[240:]).float().mean().item())
                print((model(x[240:]).argmax(1).numpy() == y[240:].numpy()).mean())

    assert codes(lambda: program(240)) == []
    assert codes(lambda: program(300))[:1] == ["preprocessing-leak"]


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("label-format-mismatch", "F.binary_cross_entropy_with_logits(model(x), torch.ones(len(x), 5) > 0)"),
        ("metric-wrong", "print((model(x).argmax(0) == y).float().mean())"),
    ],
)
def test_a_crash_is_read(code: str, line: str) -> None:
    def program() -> None:
        x, y = blobs()
        model = nn.Linear(8, 5)
        F.cross_entropy(model(x), y).backward()
        exec(line, {"F": F, "torch": torch, "model": model, "x": x, "y": y})

    with pytest.raises(RuntimeError), watch(show=False) as report:
        program()
    assert [f.code for f in report.findings][:1] == [code]


def test_thresholds_of_what_is_watched_can_be_set() -> None:
    with watch(show=False) as report:
        classifier(columns=60)
    assert [f.code for f in report.findings] == ["output-shape-mismatch"]
    assert findings_of(report.trace, settings=settings({"columns_per_class": 20}, [])) == ()
    with pytest.raises(UserError, match="`watched_overlaps` is unknown; did you mean `watched_overlap`"):
        settings({"watched_overlaps": 0.1}, [])


def test_rows_of_a_loop_over_what_is_held_out(tmp_path: Path) -> None:
    from arcane.diagnosis.watching.checks.flow import headers
    from arcane.diagnosis.watching.places import Place

    file = tmp_path / "program.py"
    file.write_text("def f():\n    for x in val_loader:\n        if x:\n            y = 1\n\n        z = model(x)\n")
    assert headers(Place(str(file), 6, "f")) == ["for x in val_loader:"]
