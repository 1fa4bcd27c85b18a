"""`size`: how much data the goal needs, by this project's learning curve and that of a like problem (RECIPE 1.2).

Wiring only: what is measured is decided in `diagnosis.learning_curve`, what it means in `data.sizing`.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..config import Project, find_project
from ..errors import UserError
from ..files import read_json, replacing, write_json
from ..report.words import percent, plural, quantity
from ..terminal import Terminal, shown

if TYPE_CHECKING:
    from ..data.loading import Examples
    from ..data.sizing import Curve
    from ..diagnosis.learning_curve import Measurement
    from ..spec import Modality
    from .context import Voice

SCHEMA = 1
REPORT, PICTURE = Path("reports/size.json"), Path("reports/size.svg")
PROXIES = Path(".arcane/proxy")
NORMAL_90, BLUR = 1.645, 1 / 3
SHARE = 0.5
"""Of `improve.budget` that a curve may spend where `--budget` does not say."""
PROXY_SHARE = 1 / 3
"""Of that, for the like problem: it is only shown beside the project's own."""
LARGER = 4
"""Times the project's training examples that the like problem has at most: enough to see what lies ahead."""
LIKE: dict[tuple["Modality", bool], tuple[str, ...]] = {
    ("image", False): ("digits", "fashion-mnist"),
    ("sequence", False): ("mnist1d",),
    ("tabular", False): ("breast_cancer", "wine"),
    ("tabular", True): ("diabetes",),
}
"""Like problems by modality and whether a number is estimated; the first that is not the project's own data."""


TOO_SHORT = (
    "Training ended too early to judge the data (its loss still fell, and much of the training split is not learnt): "
    "raise `train.epochs` first. As it is trained now: "
)


def size_now(project: Project, budget: int | None, proxy: str | None, terminal: Terminal) -> None:
    """Measure the learning curve, write reports/size.json and reports/size.svg, and say the answer.

    Args:
        project: The project; its splits are there.
        budget: Examples that all trainings may see; None takes half of `improve.budget`.
        proxy: A source's name, another project's folder or its reports/size.json, or `none`; None takes a like problem
            of the same modality.
        terminal: Told how it goes.

    Raises:
        UserError: There are no splits, too little data or budget, or no such proxy.
    """
    if not (project.root / "data" / "splits.jsonl").exists():
        raise UserError("data/splits.jsonl: not there; `dvc repro split` (or `run`) makes the splits")
    content = sized(project, budget, proxy, terminal)
    from ..report.size_picture import size_picture

    write_json(project.root / REPORT, content)
    with replacing(project.root / PICTURE, "wb") as file:
        file.write(size_picture(content))
    terminal.say(f"size: {content['answer']}")
    for note in content["notes"]:
        terminal.say(f"  {note}")
    terminal.say(f"  the curve is in {shown(project.root / PICTURE)}, its numbers in {shown(project.root / REPORT)}")


def sized(project: Project, budget: int | None, proxy: str | None, terminal: Terminal) -> dict[str, Any]:
    """What reports/size.json holds."""
    from ..data.loading import load_split
    from ..data.sizing import answer, fit_curve

    params = project.params
    total = round(SHARE * params.improve.budget) if budget is None else budget
    train = load_split(project.root, "train")
    fixed = named_proxy(project, proxy, train.spec.regression)
    own = total if fixed is None else round((1 - PROXY_SHARE) * total)
    measurement = measured_here(project, len(train), train.spec.outputs, own, terminal)
    curve = fit_curve(measurement.points, pool=len(train))
    show, unit = shown_errors(train)
    notes = notes_on(measurement, unit)
    like: dict[str, Any] | None = None
    if fixed is None and proxy is None:
        notes.append("there is no other ready data set of this kind to compare with; `--proxy` takes another project")
    if fixed is not None:
        try:
            like = like_problem(project, fixed, len(train), total - own, terminal)
        except UserError as error:
            if proxy is not None:
                raise
            notes.append(f"no like problem beside it: {error}")
    if like is not None:
        notes.append(compared(curve, like))
    return {
        "schema": SCHEMA,
        "goal": params.goal.error,
        "goal_source": params.goal.source,
        "examples": len(train),
        **curve.as_json(params.goal.error),
        **measurement.as_json(),
        "budget": total,
        "answer": (TOO_SHORT if measurement.unfinished else "") + answer(curve, params.goal.error, show),
        "notes": notes,
        "proxy": like,
    }


def shown_errors(train: "Examples") -> tuple[Callable[[float], str], str | None]:
    """How an error is written, and the unit of a regression's target; None for classes."""
    from ..data.statistics import statistics_of

    if train.spec.target is None:
        return percent, None
    scale = statistics_of(train).target_std
    return lambda error: f"{percent(error)} (RMSE {quantity(scale * error**0.5)})", train.spec.target.unit


def measured_here(project: Project, examples: int, outputs: int, budget: int, terminal: Terminal) -> "Measurement":
    """This project's curve; its trials are recorded as one run of the tracker."""
    from dataclasses import replace

    from ..diagnosis.learning_curve import measure, plan, work_of
    from .places import trial_places
    from .record import Record, version_tags
    from .tracking import start_sender

    params = project.params
    steps = plan(examples, outputs, params.train.epochs, budget)
    work = work_of(steps, paid=False)
    terminal.say(
        f"size: {plural(sum(step.seeds for step in steps), 'training')} at {len(steps)} sizes from "
        f"{steps[0].examples:,} to {examples:,} examples"
    )
    record = Record.open(project)
    start_sender(project.root, params.track.uri, project.name)
    tags = version_tags(project.root, "size")
    status = "FAILED"
    try:
        with trial_places(project) as places:
            measurement = measure(
                params,
                steps,
                lambda trial: places.submit(record.of_trial(replace(trial, tags=tags))),
                on_trial=lambda seen: terminal.progress("examples seen", min(seen, work), work),
            )
        status = "FINISHED"
    finally:
        record.close(status)
    return measurement


def notes_on(measurement: "Measurement", unit: str | None) -> list[str]:
    """What a reader of the answer must know about how it was measured.

    Args:
        measurement: Of this project.
        unit: Of a regression's target; None for classes.
    """
    notes = []
    if max(step.seeds for step in measurement.steps) < 2:
        notes.append("each size was trained once; a larger `--budget` narrows the band")
    last = measurement.points[-1]
    if last.deviation is None and NORMAL_90 * (last.mean * (1 - last.mean) / last.held_out) ** 0.5 > BLUR * last.mean:
        notes.append(
            f"{last.held_out:,} validation examples measure an error of {percent(last.mean)} only to within a third of "
            "it: more of them would narrow the band, whatever is trained"
        )
    if unit is not None:
        notes.append(f"errors are shares of the target's variance, RMSE is in {unit or 'its unit'}")
    return notes


def named_proxy(project: Project, proxy: str | None, regression: bool) -> str | None:
    """The proxy to take: as asked for, else a like problem that is not the project's own data; None for none."""
    if proxy is not None:
        return None if proxy == "none" else proxy
    data = project.params.data
    return next((name for name in LIKE.get((data.modality, regression), ()) if name != data.source), None)


def like_problem(project: Project, proxy: str, examples: int, budget: int, terminal: Terminal) -> dict[str, Any]:
    """The curve of a like problem: another project's, or one measured on a ready data set.

    Raises:
        UserError: There is no such proxy, or it cannot be read or measured.
    """
    from ..data.sizing import fit_curve, read_points
    from ..data.sources import source_names

    names = source_names(project.params.data.modality)
    if proxy in names and proxy != "own":
        there = measured_there(project, proxy, examples, budget, terminal)
        name, points, spent = proxy, list(there.points), there.spent
    else:
        path = Path(proxy)
        path = path / REPORT if path.is_dir() else path
        if not path.is_file():
            raise UserError(
                f"--proxy {proxy}: neither a ready data set ({', '.join(n for n in names if n != 'own')}) nor another "
                "project's folder or its reports/size.json (`size`, run there, writes it)"
            )
        content = read_json(path)
        name = path.resolve().parent.parent.name
        try:
            points, spent = read_points(content["points"]), 0
        except (KeyError, TypeError, ValueError):
            raise UserError(f"{path}: not a report of `size`; run `size` again in that project") from None
    curve = fit_curve(points, pool=points[-1].examples)
    written = curve.as_json(project.params.goal.error)
    return {
        "name": name,
        "spent": spent,
        **{key: written[key] for key in ("points", "forms", "band", "floor", "doubling")},
    }


def measured_there(project: Project, name: str, examples: int, budget: int, terminal: Terminal) -> "Measurement":
    """The curve of this project's task and params on a ready data set, in a small project under `.arcane/proxy`."""
    from ..data.loading import load_split
    from ..diagnosis.learning_curve import measure, plan, work_of
    from .places import trial_places

    params = project.params
    # Three passes over a ladder of halves cost about ten trainings on the whole.
    affordable = min(LARGER * examples, budget // (10 * params.train.epochs))
    proxy = proxy_project(project, name, affordable, terminal)
    train = load_split(proxy.root, "train")
    steps = plan(len(train), train.spec.outputs, params.train.epochs, budget, paid=False)
    work = work_of(steps, paid=False)
    terminal.say(f"size: the same on {name}, up to {len(train):,} examples")
    with trial_places(proxy) as places:
        return measure(
            proxy.params,
            steps,
            places.submit,
            name=f"size {name}",
            paid=False,
            on_trial=lambda seen: terminal.progress("examples seen", min(seen, work), work),
        )


def proxy_project(project: Project, name: str, examples: int, terminal: "Voice") -> Project:
    """A project of its own on a ready data set: this project's task and training, that data, ingested and split."""
    from ..data.ingest import ingest
    from ..data.manifest import MANIFEST, read_manifest
    from ..data.sources import named_source
    from ..data.splits import SPLITS, split, write_splits

    root = project.root / PROXIES / name
    tree = project.params.model_dump(mode="json")
    kept = ("modality", "validation", "test", "detect", "confidence_width")
    # About two thirds of what is read trains; the rest validates and tests.
    limit = max(100, examples * 3 // 2)
    tree["data"] = {key: tree["data"][key] for key in kept} | {"source": name, "limit": limit}
    tree["model"]["pretrained"] = None
    text = yaml.safe_dump(tree, sort_keys=True)
    shutil.rmtree(root / "src", ignore_errors=True)
    shutil.copytree(
        project.package_folder, root / "src" / project.package, ignore=shutil.ignore_patterns("__pycache__")
    )
    with replacing(root / "pyproject.toml") as file:
        file.write(f'[project]\nname = "{project.name}"\n\n[tool.arcane]\npackage = "{project.package}"\n')
    there = root / "params.yaml"
    if there.is_file() and there.read_text(encoding="utf-8") == text and (root / SPLITS).is_file():
        return find_project(root)
    with replacing(there) as file:
        file.write(text)
    (root / SPLITS).unlink(missing_ok=True)
    proxy = find_project(root)
    source = named_source(proxy.params.data, project.root)  # its files lie where this project's do
    ingest(
        source,
        proxy.root,
        proxy.params.data,
        lambda done, total: terminal.progress(f"reading {name}", done, total) if total else None,
    )
    assigned, _ = split(read_manifest(root / MANIFEST), proxy.params)
    write_splits(root / SPLITS, assigned)
    return proxy


def compared(curve: "Curve", like: dict[str, Any]) -> str:
    """What a doubling buys here and on the like problem, in a sentence."""
    here, there = curve.gain(2), like["doubling"]["gain"]
    return (
        f"twice the data takes {percent(here.low)} to {percent(here.high)} off the error here (90 % band); on "
        f"{like['name']}, from {like['points'][-1]['examples']:,} examples, {percent(there['low'])} to "
        f"{percent(there['high'])}"
    )
