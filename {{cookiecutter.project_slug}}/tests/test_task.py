"""Your task learns: the first thing to check after every change of task.py."""

import warnings
from math import log

import pytest
import torch

from arcane.config import find_project

CLASSES = ("a", "b", "c")
SHAPE = (1, 16, 16)


@pytest.fixture
def task():
    project = find_project()
    torch.manual_seed(0)
    warnings.filterwarnings("ignore", message=".*self.log.*")  # there is no trainer here to log to
    return project.module("task").Task(project.params, SHAPE, CLASSES, mean=[0.5], std=[0.25])


@pytest.fixture
def batch():
    """Twelve random images, and labels that only memory can get right."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (12, *SHAPE), dtype=torch.uint8, generator=generator)
    return images, torch.arange(12) % len(CLASSES)


def test_gives_one_logit_for_each_class(task, batch):
    assert task(batch[0]).shape == (12, len(CLASSES))
    assert task.classes == CLASSES


def test_the_loss_starts_at_chance(task, batch):
    task.eval()
    assert task.validation_step(batch, 0).item() == pytest.approx(log(len(CLASSES)), rel=0.3)


def test_learns_one_batch_by_heart(task, batch):
    task.train()
    first = task.training_step(batch, 0).item()
    optimizer = torch.optim.Adam(task.parameters(), 1e-3)
    for step in range(150):
        optimizer.zero_grad()
        loss = task.training_step(batch, step)
        loss.backward()
        optimizer.step()
    assert loss.item() < first / 4


def test_evaluation_repeats_itself(task, batch):
    task.eval()
    assert torch.equal(task(batch[0]), task(batch[0]))
    assert task.validation_step(batch, 0).item() == task.validation_step(batch, 0).item()
