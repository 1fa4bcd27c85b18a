"""Your task learns: the first thing to check after every change of task.py."""

import warnings
from math import log

import pytest
import torch

from arcane.config import find_project
from arcane.data.assets import ASSETS, read_assets
from arcane.spec import Feature, Spec, Statistics

CLASSES = ("a", "b", "c")
WHEN_THERE_IS_NO_DATA = {
    "image": Spec("image", (1, 16, 16), CLASSES),
    "sequence": Spec("sequence", (1, 40), CLASSES),
    "tabular": Spec("tabular", (6,), CLASSES, tuple(Feature(name) for name in "uvwxyz")),
}
N = 12


@pytest.fixture(scope="module")
def spec():
    """What an example is: as ingest packed it, or a small one of the project's modality."""
    project = find_project()
    assets = project.root / ASSETS
    return read_assets(assets).spec if assets.is_dir() else WHEN_THERE_IS_NO_DATA[project.params.data.modality]


@pytest.fixture
def task(spec):
    project = find_project()
    torch.manual_seed(0)
    warnings.filterwarnings("ignore", message=".*self.log.*")  # there is no trainer here to log to
    channels = spec.shape[0]
    statistics = Statistics((0.5,) * channels, (0.25,) * channels, target_mean=3.0, target_std=2.0)
    return project.module("task").Task(project.params, spec, statistics)


@pytest.fixture
def batch(spec):
    """Twelve random inputs, and labels that only memory can get right."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand(N, *spec.shape, generator=generator)
    if spec.dtype == "uint8":
        inputs = (inputs * 256).to(torch.uint8)
    for column, feature in enumerate(spec.features):
        if feature.kind == "category":
            inputs[:, column] = torch.arange(N) % (1 + len(feature.levels))
    if spec.regression:
        return inputs, 3.0 + 2.0 * torch.randn(N, generator=generator)
    return inputs, torch.arange(N) % len(spec.classes)


def test_gives_one_logit_for_each_class_or_one_estimate(task, batch, spec):
    assert task(batch[0]).shape == ((N,) if spec.regression else (N, len(spec.classes)))


def test_the_loss_starts_at_chance(task, batch, spec):
    task.eval()
    chance = (((batch[1] - 3.0) / 2.0) ** 2).mean().item() if spec.regression else log(len(spec.classes))
    assert task.validation_step(batch, 0).item() == pytest.approx(chance, rel=0.3)


def test_learns_one_batch_by_heart(task, batch):
    task.train()
    first = task.training_step(batch, 0).item()
    optimizer = torch.optim.Adam(task.parameters(), 1e-3)
    for step in range(300):
        optimizer.zero_grad()
        loss = task.training_step(batch, step)
        loss.backward()
        optimizer.step()
    assert loss.item() < first / 4


def test_evaluation_repeats_itself(task, batch):
    task.eval()
    assert torch.equal(task(batch[0]), task(batch[0]))
    assert task.validation_step(batch, 0).item() == task.validation_step(batch, 0).item()
