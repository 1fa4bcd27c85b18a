"""What a model says about each split, and its error there."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from ...data.loading import Examples
    from ...data.rates import Measured


def groups_by_split(root: Path, parts: "Mapping[str, Examples]") -> "dict[str, np.ndarray | None]":
    """Which group each example of each split belongs to; None where the data has no groups."""
    from ...data.loading import groups_of

    return {name: groups_of(root, part.ids) for name, part in parts.items()}


def baseline_error(task: Any, errors: "np.ndarray", groups: "np.ndarray | None") -> "Measured":
    """A baseline's error in the words of the task: rates, or averages in its target's unit."""
    from ...data.rates import measured

    unit = task.spec.target.unit if task.spec.target else ""
    return measured(errors, task.statistics.target_std, unit, groups)


def evaluated(
    task: Any, parts: "Mapping[str, Examples]", groups: "Mapping[str, np.ndarray | None] | None" = None
) -> "tuple[dict[str, np.ndarray], dict[str, Measured]]":
    """What a task says about each part, and its error there."""
    from ...data.rates import measured
    from ...training.fit import on_device
    from ...training.inference import evaluate as evaluate_task
    from ...training.reduced import at_resolution

    if task.spec.modality == "image" and task.spec.shape != next(iter(parts.values())).spec.shape:
        parts = {name: at_resolution(part, task.spec.shape[1]) for name, part in parts.items()}
    found = {name: evaluate_task(task, *on_device(part, task.device)) for name, part in parts.items()}
    scale, unit = task.statistics.target_std, task.spec.target.unit if task.spec.target else ""
    return (
        {name: part.outputs for name, part in found.items()},
        {name: measured(part.errors, scale, unit, (groups or {}).get(name)) for name, part in found.items()},
    )
