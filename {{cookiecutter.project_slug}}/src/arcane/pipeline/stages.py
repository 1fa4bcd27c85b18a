"""The stages: each a plain function that reads and writes what `dvc.yaml` says, whoever calls it.

Wiring only: what a stage decides lives in the rooms below.
"""

import contextvars
import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..config import Project, unknown_name
from ..errors import DivergedError, ExaminationError, UserError
from ..files import digest, folder_digest, read_json, replacing, write_json
from ..report.words import percent, plural, stated, stated_with_interval
from .findings import record_verdict
from .record import Record, examples_seen, version_tags

if TYPE_CHECKING:
    import numpy as np

    from ..data.loading import Examples
    from ..data.rates import Measured
    from ..diagnosis.examine import Examination
    from ..diagnosis.folds import OutOfFold
    from ..diagnosis.seeds import Plan
    from ..improvement.floor import Floor
    from ..improvement.requests import Gain
    from ..improvement.rounds import Round
    from ..training.trials import TrialResult

SCHEMA = 1
RESOLUTION = Path("reports/resolution.json")
IMPROVEMENT, ERRORS = Path("reports/improvement.json"), Path("reports/errors.json")
DRIFT_EXAMPLES = 10_000  # of each split, drawn by id: what a comparison of distributions needs, of any number
Submit = Callable[[Any], Any]


@dataclass(frozen=True)
class Places:
    """Where trials run.

    Attributes:
        count: How many at once.
        device: On what.
        submit: Starts one.
        close: Stops those that run: nobody waits for them any more.
    """

    count: int
    device: str
    submit: Submit
    close: Callable[[], None] = lambda: None


WithSlots = Callable[[Callable[[Places], Any]], Any]


class Voice(Protocol):
    """Whoever tells the person how work proceeds."""

    def say(self, text: str) -> None: ...

    def progress(self, text: str, done: float, total: float) -> None: ...


@dataclass(frozen=True)
class Context:
    """What a stage is given.

    Attributes:
        project: The project.
        record: The pipeline run in the tracker.
        voice: Told how it goes.
        with_slots: Calls a body with the places for trials; how they run in parallel is the caller's business.
    """

    project: Project
    record: Record
    voice: Voice
    with_slots: WithSlots

    @property
    def root(self) -> Path:
        return self.project.root

    @cached_property
    def device(self) -> str:
        from ..training.devices import choose_device

        return choose_device(self.project.params.run.device)


@dataclass(frozen=True)
class Result:
    """What a stage says about itself in a line."""

    summary: str


def run_stage(name: str, context: Context) -> Result:
    """Run the stage called `name`.

    Raises:
        UserError: There is no such stage, `improve.actions` names an unknown action; or what the stage raises.
    """
    if name not in STAGES:
        raise UserError(unknown_name(name, STAGES).replace("parameter", "stage"))
    refuse_unknown_actions(context.project)
    return STAGES[name](context)


def refuse_unknown_actions(project: Project) -> None:
    """Stop before the first stage, and not an hour later in `improve`.

    Raises:
        UserError: `improve.actions` names an action that is not there, or one of actions.py has a name that is taken.
    """
    from ..improvement.actions import choose_actions

    choose_actions(project.module("actions").ACTIONS, project.params.improve.actions)


def ingest(context: Context) -> Result:
    from ..data.ingest import ingest as ingest_source

    project = context.project
    source = project.module("source").source(project)
    with said(context.voice):
        count = ingest_source(source, project.root, project.params.data, counted(context.voice, "examples"))
    told = f"of {len(source.classes)} classes" if source.target is None else f"with {source.target.name} to estimate"
    return Result(f"{count:,} examples {told}, from {source.name}")


@contextmanager
def said(voice: Voice) -> Iterator[None]:
    """Let the person hear what the rooms below log."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            voice.say(f"  {record.getMessage()}")

    logger, handler = logging.getLogger("arcane"), Handler(logging.INFO)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def counted(voice: Voice, what: str) -> Callable[[int, int | None], None]:
    """A progress callback that may not know the total."""

    def progress(done: int, total: int | None) -> None:
        if total:
            voice.progress(what, done, total)

    return progress


def validate(context: Context) -> Result:
    import polars as pl

    from ..data.assets import read_assets
    from ..data.findings import stop_message
    from ..data.manifest import MANIFEST
    from ..data.validation import read_for_validation
    from ..data.validation import validate as validate_manifest

    root = context.root
    frame = read_for_validation(root / MANIFEST)
    assets = read_assets(root / "data" / "assets")
    findings = validate_manifest(frame, assets, context.project.params.data)
    labels = frame["label"].cast(pl.String).fill_null("")
    counts = {} if assets.spec.regression else dict(labels.value_counts().sort("label").iter_rows())
    write_json(
        root / "reports" / "validation.json",
        {"schema": SCHEMA, "examples": len(frame), "classes": counts, "findings": [f.as_json() for f in findings]},
    )
    if stop := [finding for finding in findings if finding.severity == "error"]:
        raise UserError(stop_message(stop))
    shown = [f"{f.code} ({f.count:,})" for f in findings if f.severity != "note"]
    return Result(", ".join(shown) if shown else "nothing wrong found")


def split(context: Context) -> Result:
    from ..data.findings import with_accepted
    from ..data.loading import load_splits
    from ..data.manifest import MANIFEST, read_manifest
    from ..data.splits import SPLITS, write_splits
    from ..data.splits import split as split_examples
    from ..data.validation import drift, unrepresentative

    root, params = context.root, context.project.params
    manifest = read_manifest(root / MANIFEST)
    assigned, report = split_examples(manifest, params)
    write_splits(root / SPLITS, assigned)
    parts = load_splits(root, report["splits"], most=DRIFT_EXAMPLES)
    found = unrepresentative(manifest, assigned, params.data)
    if params.data.target_domain is None:
        pairs = [("train", "validation"), ("train", "test")]
    else:  # validation and test differ from train on purpose; `diagnose` measures what that costs
        pairs = [("train", "train_val"), ("validation", "test")]
    for one, other in pairs:
        found += drift(parts[one], parts[other], other)
    findings = with_accepted(found, params.data.accept)
    write_json(
        root / "reports" / "splits.json",
        {"schema": SCHEMA, **report, "findings": [finding.as_json() for finding in findings]},
    )
    for finding in findings:
        if finding.severity != "note":
            context.voice.say(f"  {finding.code}: {finding.message}")
    return Result(", ".join(f"{name} {part['n']:,}" for name, part in report["splits"].items()))


def examination(project: Project) -> "Examination":
    """Examine the project's task on its training split; the validation split only shows what both share."""
    from ..data.loading import load_splits
    from ..diagnosis.examine import examine as examine_task
    from ..diagnosis.limits import settings
    from ..training.trials import make_task, torch_threads

    params = project.params
    given = settings(params.doctor.thresholds, params.doctor.silence)
    parts = load_splits(project.root, ("train", "validation"))
    train, validation = parts["train"], parts["validation"]
    with torch_threads(params.run.threads):
        task = make_task(project, params, train, params.seed)
        return examine_task(
            task,
            train,
            seed=params.seed,
            accept=params.data.accept,
            root=project.root,
            validation=validation,
            settings=given,
        )


def examine(context: Context) -> Result:
    from ..data.findings import stop_message

    examined = examination(context.project)
    # The seconds are the machine's, not the data's: they go to the tracker, and the file stays the same bytes.
    write_json(context.root / "reports" / "examination.json", {"schema": SCHEMA, **examined.as_json(), "seconds": None})
    if examined.errors:
        raise ExaminationError(stop_message(examined.errors))
    looked = {"chosen": None} | resolution_swept(context)
    write_json(context.root / RESOLUTION, {"schema": SCHEMA, **looked})
    return Result("; ".join(filter(None, (examined.verdict, looked.get("sentence")))))


def resolution_swept(context: Context) -> dict[str, Any]:
    """What the sweep over image sizes found, where `data.resolution` asks for one."""
    from ..data.assets import ASSETS, read_assets
    from ..diagnosis.resolution import sweep

    params = context.project.params
    if params.data.resolution != "sweep":
        return {}
    shape, tags = read_assets(context.root / ASSETS).spec.shape, version_tags(context.root, "examine")

    def with_places(places: Places) -> Any:
        return sweep(
            params,
            shape,
            lambda trial: places.submit(context.record.of_trial(replace(trial, tags=tags))),
            percent,
            lambda done, total: context.voice.progress("trainings", done, total),
        )

    return context.with_slots(with_places).as_json()


def chosen_resolution(root: Path) -> int | None:
    """Pixels a side that the sweep chose for trials; None for the images as they are packed."""
    return read_json(root / RESOLUTION)["chosen"]


def baseline(context: Context) -> Result:
    from ..training.trials import Trial, run_trial

    params = context.project.params
    tags, resolution = version_tags(context.root, "baseline"), chosen_resolution(context.root)
    trial = Trial("baseline", params, params.seed, tags=tags, resolution=resolution)
    result = run_trial(
        context.root,
        context.record.of_trial(trial),
        on_epoch=lambda epoch: context.voice.progress("epochs", epoch.epoch, params.train.epochs),
    )
    keep_model(result.model, context.root / "models" / "baseline")
    errors = {name: error.as_json() for name, error in result.errors.items()}
    write_json(
        context.root / "reports" / "baseline.json",
        {
            "schema": SCHEMA,
            "params": {"model": params.model.model_dump(mode="json"), "train": params.train.model_dump(mode="json")},
            "parameters": result.parameters,
            "seen": result.seen,
            "curve": [epoch.as_json() for epoch in result.curve],
            "errors": errors,
        },
    )
    train, validation = stated(errors["train"]), stated(errors["validation"])
    return Result(f"{params.model.name}: train error {train}, validation {validation}")


def keep_model(source: Path, folder: Path) -> None:
    """Make `folder` hold the model that lies in `source`, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        if stale.name not in MODEL_FILES:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    for name in MODEL_FILES:
        with replacing(folder / name, "wb") as file:
            file.write((source / name).read_bytes())


MODEL_FILES = ("weights.safetensors", "model.json")


def diagnose(context: Context) -> Result:
    from ..data.loading import load_splits, measured_splits
    from ..data.manifest import MANIFEST, read_manifest
    from ..diagnosis.baselines import kept_errors
    from ..diagnosis.decomposition import decompose
    from ..diagnosis.error_analysis import Analysed, error_report
    from ..diagnosis.goal import claim_of, judge, label_noise
    from ..diagnosis.seeds import over_seeds
    from ..training.inference import load_model

    root, params = context.root, context.project.params
    parts = load_splits(root, measured_splits(root))
    validation = parts["validation"]
    task: Any = load_model(root / "models" / "baseline", context.project)
    groups = groups_by_split(root, parts)
    outputs, first = evaluated(task, parts, groups)
    claim = claim_of(params.goal, validation.spec.regression)
    plan, others, folds = trained_again(context, parts)
    errors = over_seeds(first, others)
    decomposition = decompose(claim, errors["train"], errors["validation"], errors.get("train_val"))
    stated_by_folds = folds.decomposed(claim) if folds else None
    leading, decided_by = decomposition, "validation"
    if decomposition.dominant == "undecided" and stated_by_folds and stated_by_folds.dominant != "undecided":
        leading, decided_by = stated_by_folds, "folds"
    analysed = Analysed(
        outputs["validation"],
        parts,
        read_manifest(root / MANIFEST),
        task.statistics.target_std,
        curve=first_curve(root),
        again=[other.validation_outputs for other in others],
        shift_expected=params.data.target_domain is not None,
        seed=params.seed,
        answers=folds.answers if folds else None,
    )
    analysis = error_report(analysed)
    write_json(root / "reports" / "errors.json", {"schema": SCHEMA, **analysis})
    kept = kept_errors(root, parts["train"], {"validation": validation}, params.seed)
    write_json(
        root / "reports" / "diagnosis.json",
        {
            "schema": SCHEMA,
            **decomposition.as_json(),
            "dominant": leading.dominant,
            "verdict": leading.verdict,
            "decided_by": decided_by,
            "goal": judge(params.goal, errors["validation"], label_noise(analysis)).as_json(),
            "goal_source": params.goal.source,
            "baselines": {
                name: baseline_error(task, each["validation"], groups["validation"]).as_json()
                for name, each in kept.items()
            },
            "folds": folds.as_json(claim) if folds else None,
            "plan": plan.as_json(),
        },
    )
    stated = {**decomposition.as_json(), "dominant": leading.dominant, "verdict": leading.verdict}
    record_verdict(context.record.journal, stated, "baseline.")
    return Result(leading.verdict)


def trained_again(
    context: Context, parts: "Mapping[str, Examples]"
) -> "tuple[Plan, list[TrialResult], OutOfFold | None]":
    """Train more seeds, or folds, as far as `diagnose.share` goes; the improvement loop finds the seeds done."""
    from ..data.loading import groups_of
    from ..data.splits import SPLITS, read_splits
    from ..diagnosis.folds import fold_trials, out_of_fold
    from ..diagnosis.seeds import plan, seed_trials

    root, params = context.root, context.project.params
    assigned = read_splits(root / SPLITS)
    in_fold = assigned["fold"].drop_nulls() if "fold" in assigned.columns else None
    count = 0 if in_fold is None else int(in_fold.max()) + 1  # type: ignore[arg-type]
    planned = plan(params, len(parts["train"]), count, 0 if in_fold is None else len(in_fold))
    if planned.cost == 0:
        return planned, [], None
    tags, resolution = version_tags(root, "diagnose"), chosen_resolution(root)
    seeds, folds = seed_trials(params, planned.seeds, resolution), fold_trials(params, planned.folds, resolution)

    def with_places(places: Places) -> Any:
        futures = [places.submit(context.record.of_trial(replace(trial, tags=tags))) for trial in (*seeds, *folds)]
        results = []
        for done, future in enumerate(futures, 1):
            try:
                results.append(future.result())
            except DivergedError as diverged:  # `improve`, which trains these seeds too, says what to do about it
                context.voice.say(f"  {diverged}")
                results.append(None)
            context.voice.progress("trainings", done, len(futures))
        return results

    results: list[TrialResult | None] = context.with_slots(with_places)
    again = [result for result in results[: len(seeds)] if result is not None]
    out = [result for result in results[len(seeds) :] if result is not None]
    if not folds or len(out) < len(folds):
        return planned, again, None
    in_order = assigned.filter(assigned["fold"].is_not_null()).sort("fold", "id")["id"]
    return planned, again, out_of_fold(out, groups_of(root, in_order), in_order.to_list())


def groups_by_split(root: Path, parts: "Mapping[str, Examples]") -> "dict[str, np.ndarray | None]":
    """Which group each example of each split belongs to; None where the data has no groups."""
    from ..data.loading import groups_of

    return {name: groups_of(root, part.ids) for name, part in parts.items()}


def baseline_error(task: Any, errors: "np.ndarray", groups: "np.ndarray | None") -> "Measured":
    """A baseline's error in the words of the task: rates, or averages in its target's unit."""
    from ..data.rates import measured

    unit = task.spec.target.unit if task.spec.target else ""
    return measured(errors, task.statistics.target_std, unit, groups)


def first_curve(root: Path) -> "list[dict[str, Any]]":
    """The first network's course, an entry an epoch; none where `baseline` has not written it."""
    path = root / "reports" / "baseline.json"
    return read_json(path)["curve"] if path.is_file() else []


def evaluated(
    task: Any, parts: "Mapping[str, Examples]", groups: "Mapping[str, np.ndarray | None] | None" = None
) -> "tuple[dict[str, np.ndarray], dict[str, Measured]]":
    """What a task says about each part, and its error there."""
    from ..data.rates import measured
    from ..training.fit import on_device
    from ..training.inference import evaluate as evaluate_task
    from ..training.reduced import at_resolution

    if task.spec.modality == "image" and task.spec.shape != next(iter(parts.values())).spec.shape:
        parts = {name: at_resolution(part, task.spec.shape[1]) for name, part in parts.items()}
    found = {name: evaluate_task(task, *on_device(part, task.device)) for name, part in parts.items()}
    scale, unit = task.statistics.target_std, task.spec.target.unit if task.spec.target else ""
    return (
        {name: part.outputs for name, part in found.items()},
        {name: measured(part.errors, scale, unit, (groups or {}).get(name)) for name, part in found.items()},
    )


def improve(context: Context) -> Result:
    from ..data.loading import load_splits
    from ..improvement.logbook import append_rounds
    from ..improvement.loop import improve as improve_model
    from ..improvement.requests import requests_for
    from .pretraining import pretrained_by_proxy
    from .unlabelled import most_useful_unlabelled

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
    from ..diagnosis.baselines import kept_errors

    kept = kept_errors(context.root, train, {"validation": validation}, context.project.params.seed)
    return {name: errors["validation"] for name, errors in kept.items() if name not in ("majority", "mean")}


def floor_of_labels(root: Path) -> "Floor | None":
    """The share of labels that look wrong (reports/errors.json) as an error that no model gets below."""
    from ..diagnosis.goal import label_noise
    from ..improvement.floor import Floor

    path = root / "reports" / "errors.json"
    share = label_noise(read_json(path)) if path.is_file() else None
    if share is None:
        return None
    return Floor(share.value, *share.interval(), "the share of labels that look wrong (reports/errors.json)")


def gain_by_size(root: Path) -> "Gain | None":
    """What twice the data is expected to buy, where `size` has measured it."""
    from ..improvement.requests import measured_gain

    path = root / "reports" / "size.json"
    return measured_gain(read_json(path)) if path.is_file() else None


def predicted_by(result: "TrialResult", project: Project) -> "Callable[[np.ndarray], np.ndarray]":
    """A trained model as a function from inputs to outputs."""
    from ..training.inference import load_model, predict

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


def report(context: Context) -> Result:
    from ..report.page import render_page

    metrics = final_metrics(context)
    write_json(context.root / "reports" / "metrics.json", metrics)
    page = render_page(context.root)
    context.record.journal.metrics(
        {f"{split}_error": error["value"] for split, error in metrics["errors"].items()}
        | {f"{split}_rmse": error["rmse"]["value"] for split, error in metrics["errors"].items() if "rmse" in error}
        | {"validation_overfit": metrics["validation_overfit"]["value"], "parameters": metrics["parameters"]}
    )
    record_verdict(context.record.journal, metrics)
    for path in (page, *sorted((context.root / "reports").glob("*.json"))):
        context.record.journal.artifact(path, "reports")
    return Result(f"test error {stated_with_interval(metrics['errors']['test'])}; {page.relative_to(context.root)}")


def final_metrics(context: Context) -> dict[str, Any]:
    """Open the test split: measure the baselines, the first network and the best one on it, and count the opening."""
    from ..data.loading import load_splits, measured_splits
    from ..diagnosis.baselines import kept_errors
    from ..diagnosis.decomposition import decompose
    from ..diagnosis.error_analysis import analysed
    from ..diagnosis.goal import REFERENCES, claim_of, judge, label_noise, placed, read_references
    from ..training.inference import load_model

    root, params = context.root, context.project.params
    parts = load_splits(root, (*measured_splits(root), "test"))
    test = parts["test"]
    groups = groups_by_split(root, parts)
    tasks: dict[str, Any] = {name: load_model(root / "models" / name, context.project) for name in ("baseline", "best")}
    held_out = {name: parts[name] for name in ("validation", "test")}
    models: dict[str, dict[str, Any]] = {
        name: {split: baseline_error(tasks["baseline"], each[split], groups[split]).as_json() for split in held_out}
        for name, each in kept_errors(root, parts["train"], held_out, params.seed).items()
    }
    outputs, errors = {}, {}
    for name, task in tasks.items():
        description = read_json(root / "models" / name / "model.json")
        outputs[name], errors[name] = evaluated(task, parts, groups)
        models[name] = {split: errors[name][split].as_json() for split in ("validation", "test")}
        models[name] |= {"parameters": description["parameters"]}
    best = errors["best"]
    analysis = analysed(outputs["best"]["test"], test, tasks["best"].statistics.target_std, "test")
    claim = claim_of(params.goal, test.spec.regression)
    decomposition = decompose(claim, best["train"], best["validation"], best.get("train_val"), best["test"])
    overfit = decomposition.validation_overfit
    assert overfit is not None  # as the test error was given
    # A model may be measured before it was diagnosed or improved: by a test, or by hand.
    tried, found_before = (read_json(root / file) if (root / file).is_file() else {} for file in (IMPROVEMENT, ERRORS))
    model_digest, split_digest = folder_digest(root / "models" / "best", MODEL_FILES), digest(*test.ids)
    openings = count_opening(root / "reports" / "test_ledger.jsonl", model_digest, split_digest, best["test"])
    return {
        **{name: value for name, value in analysis.items() if name not in ("split", "error")},
        "schema": SCHEMA,
        **decomposition.as_json(),
        "parts": {name: part.as_json() for name, part in decomposition.parts.items()},
        "goal": judge(params.goal, best["validation"], label_noise(found_before)).as_json(),
        "references": placed(best["test"], read_references(root / REFERENCES)),
        "versions": read_json(root / "models" / "best" / "model.json")["versions"],
        "models": models,
        "parameters": models["best"]["parameters"],
        "validation_overfit": overfit.as_json() | {"asked": times_asked(tried)},
        "test": {"model_digest": model_digest, "split_digest": split_digest, "openings": openings},
    }


def times_asked(improvement: "Mapping[str, Any]") -> int:
    """How many models' validation errors were compared by the improvement loop, its starting point among them.

    Each is a chance to take luck for progress: test − validation tells what that came to.
    """
    return 1 + len(improvement.get("rounds", []))


def count_opening(ledger: Path, model: str, split: str, error: "Measured") -> int:
    """Write down that a model met a test split, once for the same pair; returns which opening of this split it was."""
    import json

    from ..data.rates import Rate

    lines = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
    opened = [entry for entry in map(json.loads, lines) if entry["split"] == split]
    for number, entry in enumerate(opened, start=1):
        if entry["model"] == model:
            return number
    met = {"wrong": error.wrong} if isinstance(error, Rate) else {"value": error.value}
    entry = {"model": model, "split": split, "n": error.n, **met}
    with replacing(ledger) as file:
        file.writelines(line + "\n" for line in [*lines, json.dumps(entry, sort_keys=True)])
    return len(opened) + 1


STAGES: dict[str, Callable[[Context], Result]] = {
    stage.__name__: stage for stage in (ingest, validate, split, examine, baseline, diagnose, improve, report)
}


@contextmanager
def trial_places(project: Project) -> Iterator[Places]:
    """The places that the project's params, its runner and this machine give to trials."""
    from ..training.devices import choose_device, default_slots
    from ..training.measuring import MEASURED, Kept
    from ..training.slots import Slots
    from ..training.slots_ray import RaySlots

    params = project.params
    device = choose_device(params.run.device)
    memory = Kept(project.root / MEASURED).noted("memory") if device.startswith("cuda") else None
    count = params.improve.slots or default_slots(device, params.run.threads, memory)
    runner = RaySlots if project.runner == "ray" else Slots
    with runner(project.root, count, params.run.threads, device) as slots:
        yield Places(count, device, slots.submit, slots.close)


def plain_slots(project: Project, body: Callable[[Places], Any]) -> Any:
    """Call `body` with a plain pool of processes, as under `dvc repro`."""
    with trial_places(project) as places:
        return body(places)
