"""Real digits, the template's task, and ways to plant a bug in it; shared by the tests of diagnosis and improvement."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from projects import TEMPLATE_PROJECT

from arcane.config import Params, parse_params
from arcane.data.loading import Examples
from arcane.data.statistics import statistics_of
from arcane.spec import Feature, Spec, Target

TREE = {
    "seed": 1,
    "goal": {"error": 0.01, "source": "a test"},
    "data": {},
    "model": {},
    "train": {},
    "improve": {"budget": 1_000_000},
}


def params(changes: Mapping[str, Any] | None = None) -> Params:
    """Defaults with some values replaced."""
    return parse_params(TREE, "the test's params").changed(changes or {})


@cache
def digits() -> tuple[Examples, Examples]:
    """1,150 and 300 of scikit-learn's digits as training and validation split."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.round(data.images * 255 / 16).astype(np.uint8)[:, None]
    parts = (slice(0, 1150), slice(1150, 1450))
    return tuple(
        Examples(
            tuple(f"{i:032x}" for i in range(part.start, part.stop)),
            images[part],
            data.target[part].astype(np.int64),
            Spec("image", (1, 8, 8), tuple("0123456789")),
        )
        for part in parts
    )


@cache
def task_class() -> Any:
    """The template's own `Task`."""
    file = TEMPLATE_PROJECT / "src" / "{{cookiecutter.package_name}}" / "task.py"
    spec = importlib.util.spec_from_file_location("template_task", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["template_task"] = module
    spec.loader.exec_module(module)
    return module.Task


def template_project() -> Any:
    """What `load_model` asks of a project: the module with the template's `Task`."""
    task_class()
    return SimpleNamespace(module=lambda name: sys.modules["template_task"])


def make(
    kind: Any = None,
    changes: Mapping[str, Any] | None = None,
    prepare: Callable[[Any], None] | None = None,
    train: Examples | None = None,
) -> Any:
    """A task with fresh weights.

    Args:
        kind: A subclass of the template's task; None for that itself.
        changes: Of the params.
        prepare: Called with the task before it is returned.
        train: Its training split; the digits when None.
    """
    train = train or digits()[0]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        task = (kind or task_class())(params(changes), train.spec, statistics_of(train))
        if prepare:
            prepare(task)
    return task


@cache
def curves() -> tuple[Examples, Examples]:
    """1,500 and 300 of MNIST-1D's curves: sequences of ten classes."""
    from arcane.data.sources.mnist1d import generate

    made = generate()["train"]
    spec = Spec("sequence", (1, 40), tuple("0123456789"))
    return split_at(1500, 300, made.x[:, None].astype(np.float32), made.y.astype(np.int64), spec)


@cache
def heights() -> tuple[Examples, Examples]:
    """1,200 and 300 sequences of uneven lengths (NaN after the end), whose first channel's mean is to be estimated."""
    rng = np.random.default_rng(0)
    walks = rng.normal(size=(1500, 2, 30)).cumsum(2).astype(np.float32)
    for walk, length in zip(walks, rng.integers(20, 31, 1500), strict=True):
        walk[:, length:] = np.nan
    targets = (100 + 10 * np.nanmean(walks[:, 0], 1) + rng.normal(0, 2, 1500)).astype(np.float32)
    return split_at(1200, 300, walks, targets, Spec("sequence", (2, 30), target=Target("height", "metres")))


@cache
def passengers() -> tuple[Examples, Examples]:
    """800 and 200 rows of a table with categories, missing values, and two classes that they tell apart."""
    rng = np.random.default_rng(0)
    n = 1000
    age, fare = rng.normal(30, 12, n), rng.lognormal(3, 1, n)
    deck, port = rng.integers(1, 6, n), rng.integers(1, 4, n)
    odds = 0.08 * (age - 30) - 0.9 * np.log(fare / 20) + np.array([0, 2, 0, -2, 1, -1])[deck] + rng.normal(0, 0.3, n)
    rows = np.column_stack([age, fare, deck, port]).astype(np.float32)
    rows[rng.random(rows.shape) < 0.1] = np.nan
    features = (
        Feature("age"), Feature("fare"), Feature("deck", "category", tuple("ABCDE")),
        Feature("port", "category", ("north", "south", "west")),
    )  # fmt: skip
    return split_at(800, 200, rows, (odds > 0).astype(np.int64), Spec("tabular", (4,), ("lost", "saved"), features))


@cache
def patients() -> tuple[Examples, Examples]:
    """280 and 80 of scikit-learn's diabetes data: a regression."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    order = np.random.default_rng(0).permutation(len(data.target))
    features = tuple(Feature(name) for name in data.feature_names)
    spec = Spec("tabular", (10,), features=features, target=Target("progression", "points"))
    return split_at(280, 80, data.data[order].astype(np.float32), data.target[order].astype(np.float32), spec)


def split_at(train: int, validation: int, inputs: np.ndarray, labels: np.ndarray, spec: Spec) -> tuple[Examples, ...]:
    """The first examples, and those that follow."""
    parts = (slice(0, train), slice(train, train + validation))
    return tuple(
        Examples(tuple(f"{i:032x}" for i in range(part.start, part.stop)), inputs[part], labels[part], spec)
        for part in parts
    )
