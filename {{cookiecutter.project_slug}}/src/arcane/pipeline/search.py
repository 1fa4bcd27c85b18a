"""`search METHOD`: tries hyper-parameters, says what is best and whether it is truly better (RECIPE 5.5).

Wiring only: what is tried is decided in `improvement.search`. The test split is not opened.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..config import Project
from ..errors import UserError
from ..files import read_json, write_json
from ..report.words import percent, plural
from ..terminal import Terminal, shown
from .lease import project_lease
from .record import Record, version_tags
from .workspace import write_overrides

if TYPE_CHECKING:
    from ..data.loading import Examples
    from ..improvement.search.tuning import Confirmation, Found, Plan

SCHEMA = 1
REPORT, JOURNAL = Path("reports/search.json"), Path(".arcane/search.journal")
METHODS = ("manual", "grid", "random", "coarse-to-fine", "bayes")
EACH = 4
"""Trials for each dimension of a space that is chosen here: fewer cannot tell that many dimensions apart."""
LEAST = 3
RESOLUTION = Path("reports/resolution.json")


def search_now(
    project: Project, method: str | None, listed: Path | None, trials: int | None, apply: bool, terminal: Terminal
) -> None:
    """Search, write reports/search.json, and say what was found.

    Args:
        project: The project; its splits are there.
        method: One of `METHODS`; None takes `search.method`.
        listed: The list of `manual`.
        trials: At most so many; None takes `search.trials`.
        apply: Write the best values into params.yaml where they are better beyond noise.
        terminal: Told how it goes.

    Raises:
        UserError: There are no splits, no such method, or the space or the list is wrong.
    """
    if not (project.root / "data" / "splits.jsonl").exists():
        raise UserError("data/splits.jsonl: not there; `dvc repro split` (or `run`) makes the splits")
    from ..data.loading import load_split

    train = load_split(project.root, "train")
    plan = planned(project, train, method, listed, trials)
    with project_lease(project.root, "search"):
        content = searched(project, plan, train, terminal)
        write_json(project.root / REPORT, content)
        terminal.say(f"search: {content['sentence']}")
        if apply and content["change"] and content["better"]:
            write_overrides(project.root / "params.yaml", {name: new for name, (_, new) in content["change"].items()})
            terminal.say("  params.yaml: the best values are written into it")
        elif apply:
            terminal.say("  params.yaml: left as it is")
    terminal.say(f"  its trials are in {shown(project.root / REPORT)}")


def planned(project: Project, train: "Examples", method: str | None, listed: Path | None, trials: int | None) -> "Plan":
    """What to try, checked before anything is trained.

    Raises:
        UserError: The method, the list or the space is wrong.
    """
    import difflib

    from ..improvement.search.space import default_space, grid_size, parse_space
    from ..improvement.search.tuning import Plan, listed_points

    params = project.params
    method = method or params.search.method
    if method not in METHODS:
        near = difflib.get_close_matches(method, METHODS, n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(METHODS)}"
        raise UserError(f"search {method}: unknown method: {hint}")
    if (method == "manual") != (listed is not None):
        wanted = "needs the file that lists the values to try" if method == "manual" else "takes no file"
        raise UserError(f"search {method}: {wanted}, as in `search manual tries.yaml`")
    most = trials or params.search.trials
    budget = params.improve.budget if params.search.budget is None else params.search.budget
    common = Plan(method, (), most, budget, params.search.prune, params.search.sampler)
    if listed is not None:
        points, space = listed_points(read_list(listed), params, listed.name)
        return replace(common, space=space, points=points, trials=trials or len(points))
    space = parse_space(params.search.space, params)
    if not space:
        space = default_space(params, train.spec, max(LEAST, most // EACH))
        while method == "grid" and len(space) > 1 and grid_size(space) > most:
            space = space[:-1]
    elif method == "grid" and trials is None:
        common = replace(common, trials=grid_size(space))  # a grid is complete unless its trials are limited here
    return replace(common, space=space)


def read_list(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        UserError: It is not there, or not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())})") from None


def searched(project: Project, plan: "Plan", train: "Examples", terminal: Terminal) -> dict[str, Any]:
    """Run the search and hold the best against the start; returns what reports/search.json holds."""
    from ..improvement.search.methods import Tried
    from ..improvement.search.tuning import confirm, tune
    from .places import trial_places
    from .tracking import start_sender

    params, tags = project.params, version_tags(project.root, "search")
    record = Record.open(project)
    start_sender(project.root, params.track.uri, project.name)
    terminal.say(
        f"search: {plan.method} over {', '.join(each.name for each in plan.space)}; at most "
        f"{plural(plan.trials, 'trial')}"
    )
    best = float("inf")

    def tell(tried: Tried) -> None:
        nonlocal best
        if tried.state == "complete" and tried.error < best:
            best = tried.error
            values = ", ".join(f"{name} {value}" for name, value in tried.values.items())
            terminal.say(f"    trial {tried.number}: validation {percent(tried.error)} ({values})")
        terminal.progress("trials", tried.number + 1, plan.trials)

    status = "FAILED"
    try:
        with trial_places(project) as places:
            resolution = chosen_resolution(project.root)

            def submit(trial: Any) -> Any:
                return places.submit(record.of_trial(replace(trial, tags=tags, resolution=resolution)))

            found = tune(
                params,
                plan,
                len(train),
                submit,
                data=f"{tags['data.version']} {resolution}",
                storage=storage(project),
                on_trial=tell,
                name=f"search {plan.method}",
            )
            confirmation = confirm(params, found.params, submit) if found.params != params else None
        status = "FINISHED"
    finally:
        record.close(status)
    return report(project, plan, found, confirmation, len(train))


def storage(project: Project) -> str | Path:
    """Where the project's studies are kept; a relative sqlite file lies in the project."""
    given = project.params.search.storage
    if given is None:
        return project.root / JOURNAL
    prefix = "sqlite:///"
    if given.startswith(prefix) and not given.startswith(f"{prefix}/"):
        return prefix + str(project.root / given.removeprefix(prefix))
    return given


def chosen_resolution(root: Path) -> int | None:
    """Pixels a side that a sweep chose for trials, where one was made."""
    return read_json(root / RESOLUTION)["chosen"] if (root / RESOLUTION).is_file() else None


def report(
    project: Project, plan: "Plan", found: "Found", confirmation: "Confirmation | None", examples: int
) -> dict[str, Any]:
    """What reports/search.json holds."""
    from ..improvement.acceptance import ALPHA
    from ..improvement.actions import changes
    from ..improvement.search.space import grid_size

    params = project.params
    better = confirmation is not None and confirmation.p_value < ALPHA
    changed = changes(params, found.params)
    return {
        "schema": SCHEMA,
        "method": plan.method,
        "seed": params.seed,
        "space": {each.name: each.as_json() for each in plan.space},
        "grid": grid_size(plan.space) if plan.method == "grid" else None,
        "examples": examples,
        "budget": plan.budget,
        "spent": found.spent,
        "trials": [
            {
                "number": tried.number,
                "values": dict(tried.values),
                "state": tried.state,
                "error": tried.error if tried.rungs else None,
                "rungs": [{"seen": seen, "error": error} for seen, error in tried.rungs],
            }
            for tried in found.told
        ],
        "best": {"number": found.best.number, "error": found.best.error, "values": dict(found.best.values)}
        if found.best
        else None,
        "importance": found.importance,
        "confirmation": confirmation.as_json() if confirmation else None,
        "better": better,
        "change": changed,
        "sentence": sentence(found, confirmation, better, changed),
    }


def sentence(found: "Found", confirmation: "Confirmation | None", better: bool, changed: dict[str, Any]) -> str:
    """What was found, in words."""
    count = plural(len(found.told), "trial")
    pruned = sum(tried.state == "pruned" for tried in found.told)
    stopped = f", {pruned} of them stopped early" if pruned else ""
    if found.best is None:
        return f"None of {count} could be trained to the end; nothing to propose."
    if not changed:
        return f"Of {count}{stopped}, none was better than the params as they are."
    what = ", ".join(f"{name} {old} → {new}" for name, (old, new) in changed.items())
    if confirmation is None:
        return f"The best of {count}{stopped} ({what}) diverges with another seed; nothing to propose."
    course = (
        f"validation {percent(confirmation.before)} → {percent(confirmation.after)} over three seeds, "
        f"p = {confirmation.p_value:.2g}"
    )
    verdict = "It is better beyond noise" if better else "The difference is within noise: keep the params as they are"
    return f"The best of {count}{stopped}: {what}. {verdict} ({course})."
