"""MNIST-1D as published, in small: the networks reach what others reached. All of it: benchmarks/known_results.py."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))


@pytest.mark.parametrize(("name", "changes"), [("linear", {}), ("conv1d", {"train.epochs": 6})])
def test_published_accuracies_are_reached(name, changes):
    from known_results import MNIST_1D, accuracy, mnist1d

    train, test = mnist1d()
    assert (len(train), len(test), train.spec.shape) == (4000, 1000, (1, 40))
    found, _ = accuracy(name, 1, train, test, {**MNIST_1D[name].settings, **changes})
    assert found >= MNIST_1D[name].least
