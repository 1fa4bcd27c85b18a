"""Pre-trained weights of this project's own making: the same network, trained first on a like data set.

Wiring only, for the action `pre-trained-weights`. Like data sets are those that come with the engine: what the loop
finds must not depend on a network or on a folder that happens to be there.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Params, Project
from ..errors import UserError
from ..files import read_json, write_json
from .size import LARGER, proxy_project

if TYPE_CHECKING:
    from ..data.loading import Examples
    from ..spec import Modality
    from .context import Voice

KEPT = Path(".arcane/pretrained")
"""Not models/pretrained: the stages depend on that folder, and a stage must not write what it reads."""
LIKE: dict["Modality", str] = {"image": "digits", "sequence": "mnist1d"}
"""No table: another's columns mean other things."""


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

    name = LIKE.get(params.data.modality)
    train = load_split(project.root, "train")
    affordable = min(LARGER * len(train), budget // params.train.epochs)
    if name is None or name == params.data.source or affordable < len(train) // 2:
        return None
    proxy = proxy_project(project, name, affordable, terminal)
    there = load_split(proxy.root, "train")
    if there.spec.shape[0] != train.spec.shape[0]:
        return None  # other channels: not one weight of the first layer would mean the same
    side = train.spec.shape[1] if train.spec.modality == "image" else None
    most = min(len(there), affordable)
    trial = Trial(
        f"pre-training on {name}",
        params.changed({"model.pretrained": None, "train.adaptation": "none", "train.synthesis": "none"}),
        params.seed,
        examples=None if most == len(there) else most,
        resolution=side,
    )
    terminal.say(f"  pre-training on {most:,} examples of {name}")
    try:
        result = run_trial(proxy.root, trial)
        folder = KEPT / f"{name}-{result.key[:12]}"
        keep(result.model, project.root / folder, train)
        refuse_unfit(project, params.changed({"model.pretrained": folder.as_posix()}), train)
    except UserError as error:
        terminal.say(f"  no pre-training on {name}: {error}")
        return None
    return folder.as_posix(), result.seen


def keep(model: Path, folder: Path, train: "Examples") -> None:
    """Copy a model; it reads inputs that are normalised by their own statistics, and those are now this project's.

    Another instrument's level and scale are no part of what was learnt: with the other data's statistics, inputs in
    other units would reach the first layer a hundred times too large.
    """
    from ..data.statistics import statistics_of

    shutil.copytree(model, folder, dirs_exist_ok=True)
    description = read_json(folder / "model.json")
    own = statistics_of(train).as_json()
    description["normalisation"] |= {name: own[name] for name in ("mean", "std")}
    write_json(folder / "model.json", description)


def refuse_unfit(project: Project, params: Params, train: "Examples") -> None:
    """Stop where the weights do not fit this project's network, before a trial of the loop ends in it.

    Raises:
        UserError: None of them fits.
    """
    from ..training.trials import make_task

    make_task(project, params, train, params.seed)
