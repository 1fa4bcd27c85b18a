"""`improve`: the improvement loop by hand, from another start, with another budget, one action alone, or only planned.

What it changes goes into params.yaml first, so that DVC sees it: the outcome is that of `run` with these params.
"""

from typing import Any

from ..config import Project
from ..errors import UserError
from ..files import read_json
from ..terminal import Terminal
from .compare import model_folder


def changes_for(project: Project, start: str | None, budget: int | None, only: list[str]) -> dict[str, Any]:
    """What to write into params.yaml, by dotted name; only what differs.

    Args:
        project: The project.
        start: A run to start from, as `compare` takes it: its model and its training become the starting point.
        budget: Examples that may be seen; None keeps it.
        only: Actions to try, in this order; none keeps all.

    Raises:
        UserError: There is no such run, an action is unknown, or a value does not fit.
    """
    from ..improvement.actions import choose_actions

    changes: dict[str, Any] = {} if start is None else architecture_of(project, start)
    if budget is not None:
        changes["improve.budget"] = budget
    if only:
        choose_actions(project.module("actions").ACTIONS, only)
        changes["improve.actions"] = only
    changed = project.params.changed(changes, "improve")
    return {name: value for name, value in changes.items() if project.params.value(name) != changed.value(name)}


def architecture_of(project: Project, run: str) -> dict[str, Any]:
    """The params under `model` and `train` that a run's model was trained with, by dotted name.

    Raises:
        UserError: There is no such run, or its model does not say.
    """
    with model_folder(project, run) as folder:
        described = read_json(folder / "model.json").get("architecture", {})
    if not all(isinstance(described.get(section), dict) for section in ("model", "train")):
        raise UserError(f"{run}: its model.json does not say how it was trained; give params by `--set` instead")
    return {f"{section}.{name}": value for section in ("model", "train") for name, value in described[section].items()}


def plan_now(project: Project, changes: dict[str, Any], terminal: Terminal) -> None:
    """Say what limits the model and what the loop would try, in order; train nothing.

    Raises:
        UserError: The baseline with these params has not been trained.
    """
    from ..data.loading import load_split
    from ..improvement.loop import planned
    from ..training.trials import RESULT, TRIALS, Trial, read_result, trial_key
    from .stage.examine import RESOLUTION, chosen_resolution

    params = project.params.changed(changes, "improve")
    resolution = chosen_resolution(project.root) if (project.root / RESOLUTION).is_file() else None
    folder = (
        project.root / TRIALS / trial_key(project.root, Trial("baseline", params, params.seed, resolution=resolution))
    )
    if not (folder / RESULT).is_file():
        raise UserError("a model with these params has not been trained: `dvc repro baseline` trains it first")
    train = load_split(project.root, "train")
    verdict, lines = planned(params, train, read_result(folder), project.module("actions").ACTIONS)
    terminal.say(f"improve: {verdict}")
    cost = params.train.epochs * len(train)
    terminal.say(f"  a training sees {cost:,} examples; the budget is {params.improve.budget:,}")
    for number, line in enumerate(lines, start=1):
        terminal.say(f"  {number}. {line}")
    if not lines:
        terminal.say("  nothing would be tried")
