"""Real digits, the template's task, and ways to plant a bug in it; shared by the tests of diagnosis and improvement."""

import importlib.util
import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch
from projects import TEMPLATE_PROJECT

from arcane.config import Params, parse_params
from arcane.data.loading import Examples
from arcane.spec import Spec

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


def make(
    kind: Any = None, changes: Mapping[str, Any] | None = None, prepare: Callable[[Any], None] | None = None
) -> Any:
    """A task on digits with fresh weights.

    Args:
        kind: A subclass of the template's task; None for that itself.
        changes: Of the params.
        prepare: Called with the task before it is returned.
    """
    train, _ = digits()
    pixels = train.inputs / 255
    with torch.random.fork_rng():
        torch.manual_seed(0)
        task = (kind or task_class())(params(changes), (1, 8, 8), train.classes, [pixels.mean()], [pixels.std()])
        if prepare:
            prepare(task)
    return task
