"""Pre-trained weights of this project's own making: the same network, trained first on a like data set.

Wiring only, for the action `pre-trained-weights`; the like data set is the one that `size` compares with.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Params, Project
from ..errors import UserError
from .size import named_proxy, proxy_project

if TYPE_CHECKING:
    from .stages import Voice

KEPT = Path(".arcane/pretrained")
"""Not models/pretrained: the stages depend on that folder, and a stage must not write what it reads."""
LARGER = 4
"""Times the project's training examples that the like data set has at most."""


def pretrained_by_proxy(project: Project, params: Params, budget: int, terminal: "Voice") -> tuple[str, int] | None:
    """Train on a like data set and keep the model under `.arcane/pretrained/`.

    Args:
        project: Its splits are there.
        params: What is trained.
        budget: Examples that the training may see.
        terminal: Told how it goes.

    Returns:
        The model's folder relative to the project's, and the examples seen; None where there is no like data set that
        this network reads, or too little budget.
    """
    from ..data.loading import load_split
    from ..training.trials import Trial, run_trial

    train = load_split(project.root, "train")
    name = named_proxy(project, None, train.spec.regression)
    affordable = min(LARGER * len(train), budget // params.train.epochs)
    if name is None or affordable < len(train) // 2:
        return None
    side = train.spec.shape[1] if train.spec.modality == "image" else None
    proxy = proxy_project(project, name, affordable, terminal)
    there = load_split(proxy.root, "train")
    if there.spec.shape[0] != train.spec.shape[0] or there.spec.features != train.spec.features:
        return None  # other channels or columns: not one weight of the first layer would mean the same
    trial = Trial(f"pre-training on {name}", params.changed({"model.pretrained": None}), params.seed, resolution=side)
    try:
        result = run_trial(proxy.root, trial)
    except UserError as error:
        terminal.say(f"  no pre-training on {name}: {error}")
        return None
    folder = KEPT / f"{name}-{result.key[:12]}"
    shutil.copytree(result.model, project.root / folder, dirs_exist_ok=True)
    return folder.as_posix(), result.seen
