"""Improve the first network, one justified action at a time."""

import contextvars
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import Project
from ...files import read_json, write_json
from ...report.words import percent, plural
from ..context import SCHEMA, Context, Result
from ..places import Places
from ..record import examples_seen, version_tags
from .baseline import keep_model
from .diagnose import ERRORS
from .examine import chosen_resolution

if TYPE_CHECKING:
    import numpy as np

    from ...data.loading import Examples
    from ...improvement.floor import Floor
    from ...improvement.requests import Gain
    from ...improvement.rounds import Round
    from ...training.trials import TrialResult

IMPROVEMENT = Path("reports/improvement.json")


def improve(context: Context) -> Result:
    from ...data.loading import load_splits
    from ...improvement.logbook import append_rounds
    from ...improvement.loop import improve as improve_model
    from ...improvement.requests import requests_for
    from ..pretraining import pretrained_by_proxy
    from ..unlabelled import most_useful_unlabelled

    project, root, params = context.project, context.root, context.project.params
    train, validation = load_splits(root, ("train", "validation")).values()
    tags, resolution = version_tags(root, "improve"), chosen_resolution(root)

    def with_places(places: Places) -> Any:
        return improve_model(
            params,
            train,
            validation,
            lambda trial: places.submit(context.record.of_trial(replace(trial, tags=tags, resolution=resolution))),
            slots=places.count,
            own=project.module("actions").ACTIONS,
            known=simple_models(context, train, validation),
            floor=floor_of_labels(root),
            doubling=gain_by_size(root),
            predict=lambda result: predicted_by(result, project),
            proxy=lambda changed, budget: pretrained_by_proxy(project, changed, budget, context.voice),
            on_start=lambda number, actions: context.voice.say(f"  round {number}: {' and '.join(actions)}"),
            on_round=lambda tried: context.voice.say(f"    {outcome_in_words(tried, train.spec.regression)}"),
        )

    with work_shown(context, max(1, params.improve.budget)):
        improvement = context.with_slots(with_places)
    if unlabelled := most_useful_unlabelled(project, improvement.final, resolution):
        asked = requests_for(
            improvement.decomposition,
            train,
            validation,
            improvement.final.outputs,
            doubling=gain_by_size(root),
            unlabelled=unlabelled,
        )
        improvement = replace(improvement, requests=asked)
    keep_model(improvement.best.model, root / "models" / "best")
    write_json(root / IMPROVEMENT, {"schema": SCHEMA, **improvement.as_json()})
    append_rounds(root / "LOGBOOK.md", improvement.rounds, train.spec.regression)
    context.record.journal.model(root / "models" / "best", project.name)
    context.record.journal.artifact(root / "LOGBOOK.md", "")
    return Result(f"{improvement.stopped}: {improvement.reason}")


def outcome_in_words(tried: "Round", regression: bool) -> str:
    """A tried action in a line of the terminal."""
    course = ""
    if tried.after:
        before, after = percent(tried.before["validation"]), percent(tried.after["validation"])
        how = f"{plural(tried.seeds, 'seed')}, p = {tried.p_value:.2g}" if tried.seeds else f"{tried.epochs} epochs"
        course = f"validation {before} → {after}{' of the variance' if regression else ''} ({how}). "
    return f"{tried.action}: {course}{tried.reason}"


def simple_models(context: Context, train: "Examples", validation: "Examples") -> "dict[str, np.ndarray]":
    """Errors by example of the baselines that look at the inputs: where they find something, something is there."""
    from ...diagnosis.baselines import kept_errors

    kept = kept_errors(context.root, train, {"validation": validation}, context.project.params.seed)
    return {name: errors["validation"] for name, errors in kept.items() if name not in ("majority", "mean")}


def floor_of_labels(root: Path) -> "Floor | None":
    """The share of labels that look wrong (reports/errors.json) as an error that no model gets below."""
    from ...diagnosis.goal import label_noise
    from ...improvement.floor import Floor

    path = root / ERRORS
    share = label_noise(read_json(path)) if path.is_file() else None
    if share is None:
        return None
    return Floor(share.value, *share.interval(), "the share of labels that look wrong (reports/errors.json)")


def gain_by_size(root: Path) -> "Gain | None":
    """What twice the data is expected to buy, where `size` has measured it."""
    from ...improvement.requests import measured_gain

    path = root / "reports" / "size.json"
    return measured_gain(read_json(path)) if path.is_file() else None


def predicted_by(result: "TrialResult", project: Project) -> "Callable[[np.ndarray], np.ndarray]":
    """A trained model as a function from inputs to outputs."""
    from ...training.inference import load_model, predict

    task = load_model(result.model, project)
    return lambda inputs: predict(task, inputs)


@contextmanager
def work_shown(context: Context, budget: int) -> Iterator[None]:
    """Show how much of the budget the trials have used, from the lines that they write while they train."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(1.0):
            seen = sum(examples_seen(journal) for journal in context.record.trials())
            context.voice.progress("examples seen", min(seen, budget), budget)

    # In a copy of this context: Prefect finds the task that a log line belongs to by it.
    watcher = threading.Thread(target=contextvars.copy_context().run, args=(watch,), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
