"""Correct programs of unusual training: what asks a model without evaluating it, and steps that are let by."""

import pytest
import torch
from torch import nn
from watched import blobs, read
from zoo.plain_odd import SILENT

from arcane.diagnosis import watch


@pytest.mark.parametrize("program", SILENT, ids=range(len(SILENT)))
def test_an_unusual_program_is_not_accused(program, tmp_path):
    findings = read(program, tmp_path / "train.py")
    assert [(f.code, f.message) for f in findings if f.severity != "note"] == []


def by_hand(steps: int) -> list[float]:
    """Train a module by steps written out; the loss of each."""
    torch.manual_seed(0)
    rows, labels = blobs()
    model, losses = nn.Linear(8, 5), []
    for _ in range(steps):
        chosen = torch.randperm(240)[:24]
        loss = nn.functional.cross_entropy(model(rows[chosen]), labels[chosen])
        model.zero_grad()
        loss.backward()
        for parameter in model.parameters():
            assert parameter.grad is not None
            parameter.data.add_(parameter.grad, alpha=-0.1)
        losses.append(loss.item())
    return losses


def test_most_steps_by_hand_are_let_by_and_train_as_they_do_alone():
    torch.set_num_threads(1)
    alone = by_hand(600)
    with watch(show=False) as report:
        watched = by_hand(600)
    assert watched == alone
    assert report.trace is not None
    assert 100 <= report.trace.steps <= 200, "they were seen densely, and then a tenth of them"
    assert report.trace.optimisers[0].steps == report.trace.steps
    assert [f.code for f in report.findings if f.severity != "note"] == []


def test_a_second_backward_of_a_model_in_eval_mode_with_targets_is_still_named(tmp_path):
    attack = SILENT[1]
    assert "x = Xva[i:i + 100].clone().requires_grad_(True)" in attack
    wrong = attack.replace(".clone().requires_grad_(True)", "").replace("adv = x + 0.1 * x.grad.sign()", "adv = x")
    assert "backward-in-evaluation" in [f.code for f in read(wrong, tmp_path / "train.py")]
