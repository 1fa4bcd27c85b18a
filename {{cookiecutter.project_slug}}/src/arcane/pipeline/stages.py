"""The stages: each a plain function that reads and writes what `dvc.yaml` says, whoever calls it.

Wiring only: what a stage decides lives in the rooms below.
"""

import contextvars
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..config import Project, unknown_name
from ..errors import ExaminationError, UserError
from ..files import digest, folder_digest, read_json, replacing, write_json
from ..report.words import percent, plural
from .record import Record, examples_seen, version_tags

if TYPE_CHECKING:
    from ..diagnosis.examine import Examination

SCHEMA = 1
Submit = Callable[[Any], Any]
WithSlots = Callable[[Callable[[Submit], Any]], Any]


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
        with_slots: Calls a body with a `submit` for trials; how they run in parallel is the caller's business.
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
        UserError: There is no such stage; or what the stage raises.
    """
    if name not in STAGES:
        raise UserError(unknown_name(name, STAGES).replace("parameter", "stage"))
    return STAGES[name](context)


def ingest(context: Context) -> Result:
    from ..data.ingest import ingest as ingest_source

    project = context.project
    source = project.module("source").source(project)
    with said(context.voice):
        records = ingest_source(source, project.root, project.params.data, counted(context.voice, "images"))
    return Result(f"{len(records):,} examples of {len(source.classes)} classes from {source.name}")


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
    from ..data.assets import read_assets
    from ..data.findings import stopping
    from ..data.manifest import read_records
    from ..data.validation import validate as validate_records

    root = context.root
    records = read_records(root / "data" / "manifest.jsonl")
    findings = validate_records(records, read_assets(root / "data" / "assets"))
    counts: dict[str, int] = {}
    for record in records:
        counts[record.label or ""] = counts.get(record.label or "", 0) + 1
    write_json(
        root / "reports" / "validation.json",
        {"schema": SCHEMA, "examples": len(records), "classes": counts, "findings": [f.as_json() for f in findings]},
    )
    if stop := stopping(findings, context.project.params.data.accept):
        raise UserError(
            "\n".join(f"{f.code}: {f.message}. {f.advice}" for f in stop)
            + "\nto go on all the same, add the code to `data.accept` in params.yaml"
        )
    shown = [f"{f.code} ({f.count:,})" for f in findings if f.severity != "note"]
    return Result(", ".join(shown) if shown else "nothing wrong found")


def split(context: Context) -> Result:
    from ..data.manifest import read_records
    from ..data.splits import SPLITS, write_splits
    from ..data.splits import split as split_records

    root = context.root
    assigned, report = split_records(read_records(root / "data" / "manifest.jsonl"), context.project.params)
    write_splits(root / SPLITS, assigned)
    write_json(root / "reports" / "splits.json", {"schema": SCHEMA, **report})
    return Result(", ".join(f"{name} {part['n']:,}" for name, part in report["splits"].items()))


def examination(project: Project) -> "Examination":
    """Examine the project's task on its training split."""
    from ..data.loading import load_split
    from ..diagnosis.examine import examine as examine_task
    from ..training.trials import make_task, torch_threads

    train = load_split(project.root, "train")
    params = project.params
    with torch_threads(params.run.threads):
        task = make_task(project, params, train, params.seed)
        return examine_task(task, train, seed=params.seed, accept=params.data.accept, root=project.root)


def examine(context: Context) -> Result:
    examined = examination(context.project)
    # The seconds are the machine's, not the data's: they go to the tracker, and the file stays the same bytes.
    write_json(context.root / "reports" / "examination.json", {"schema": SCHEMA, **examined.as_json(), "seconds": None})
    accept = context.project.params.data.accept
    if stop := [f for f in examined.findings if f.severity == "error" and f.code not in accept]:
        raise ExaminationError(
            "\n".join(
                f"{f.code}: {f.message}" + (f"\n  at {f.location}" if f.location else "") + f"\n  {f.advice}"
                for f in stop
            )
            + "\nto go on all the same, add the code to `data.accept` in params.yaml"
        )
    return Result(examined.verdict)


def baseline(context: Context) -> Result:
    from ..training.trials import Trial, run_trial

    params = context.project.params
    trial = Trial("baseline", params, params.seed, tags=version_tags(context.root, "baseline"))
    result = run_trial(
        context.root,
        context.record.of_trial(trial),
        on_epoch=lambda epoch: context.voice.progress("epochs", epoch.epoch, params.train.epochs),
    )
    keep_model(result.model, context.root / "models" / "baseline")
    errors = {name: rate.as_json() for name, rate in result.errors.items()}
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
    train, validation = errors["train"]["value"], errors["validation"]["value"]
    return Result(f"{params.model.name}: train error {percent(train)}, validation {percent(validation)}")


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
    from ..data.loading import load_splits
    from ..data.rates import Rate
    from ..diagnosis.baselines import fit_baselines
    from ..diagnosis.decomposition import decompose
    from ..diagnosis.error_analysis import analyse_errors
    from ..training.inference import load_model, predict_probabilities

    root, params = context.root, context.project.params
    train, validation = load_splits(root, ("train", "validation")).values()
    task = load_model(root / "models" / "baseline", context.project)
    of_train, of_validation = (predict_probabilities(task, part.inputs) for part in (train, validation))
    decomposition = decompose(
        params.goal.error,
        Rate(int((of_train.argmax(1) != train.labels).sum()), len(train)),
        Rate(int((of_validation.argmax(1) != validation.labels).sum()), len(validation)),
    )
    baselines = fit_baselines(train, seed=params.seed)
    write_json(
        root / "reports" / "diagnosis.json",
        {
            "schema": SCHEMA,
            **decomposition.as_json(),
            "goal_source": params.goal.source,
            "baselines": {name: model.rate(validation).as_json() for name, model in baselines.items()},
        },
    )
    analysis = analyse_errors(of_validation, validation.labels, validation.ids, validation.classes)
    write_json(root / "reports" / "errors.json", {"schema": SCHEMA, **analysis.as_json("validation")})
    return Result(decomposition.verdict)


def improve(context: Context) -> Result:
    from ..data.loading import load_splits
    from ..improvement.logbook import append_rounds
    from ..improvement.loop import Round
    from ..improvement.loop import improve as improve_model

    project, root = context.project, context.root
    train, validation = load_splits(root, ("train", "validation")).values()
    tags = version_tags(root, "improve")

    def decided(tried: Round) -> None:
        course = ""
        if tried.after:
            before, after = percent(tried.before["validation"]), percent(tried.after["validation"])
            course = f"validation {before} → {after} ({plural(tried.seeds, 'seed')}, p = {tried.p_value:.2g}). "
        context.voice.say(f"    {tried.action}: {course}{tried.reason}")

    def started(number: int, actions: list[str]) -> None:
        context.voice.say(f"  round {number}: trying {' and '.join(actions)}")

    def with_submit(submit: Submit) -> Any:
        return improve_model(
            project.params,
            train,
            validation,
            lambda trial: submit(context.record.of_trial(replace(trial, tags=tags))),
            own=project.module("actions").ACTIONS,
            on_start=started,
            on_round=decided,
        )

    with work_shown(context, max(1, project.params.improve.budget)):
        improvement = context.with_slots(with_submit)
    keep_model(improvement.best.model, root / "models" / "best")
    write_json(root / "reports" / "improvement.json", {"schema": SCHEMA, **improvement.as_json()})
    append_rounds(root / "LOGBOOK.md", improvement.rounds)
    context.record.journal.model(root / "models" / "best", project.name)
    return Result(f"{improvement.stopped}: {improvement.reason}")


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
        | {"validation_overfit": metrics["validation_overfit"]["value"], "parameters": metrics["parameters"]}
    )
    for path in (page, *sorted((context.root / "reports").glob("*.json"))):
        context.record.journal.artifact(path, "reports")
    test = metrics["errors"]["test"]
    return Result(
        f"test error {percent(test['value'])} ({percent(test['low'])} to {percent(test['high'])}); "
        f"{page.relative_to(context.root)}"
    )


def final_metrics(context: Context) -> dict[str, Any]:
    """Open the test split: measure the baselines, the first network and the best one on it, and count the opening."""
    from ..data.loading import load_splits
    from ..data.rates import Rate
    from ..diagnosis.baselines import fit_baselines
    from ..diagnosis.decomposition import decompose, difference
    from ..diagnosis.error_analysis import analyse_errors
    from ..training.inference import load_model, predict_probabilities

    root, params = context.root, context.project.params
    parts = load_splits(root, ("train", "validation", "test"))
    test = parts["test"]
    models: dict[str, dict[str, Any]] = {}
    for name, model in fit_baselines(parts["train"], seed=params.seed).items():
        models[name] = {split: model.rate(parts[split]).as_json() for split in ("validation", "test")}
    errors: dict[str, Rate] = {}
    probabilities = None
    for name in ("baseline", "best"):
        task = load_model(root / "models" / name, context.project)
        description = read_json(root / "models" / name / "model.json")
        predicted = {split: predict_probabilities(task, part.inputs) for split, part in parts.items()}
        errors = {
            split: Rate(int((predicted[split].argmax(1) != part.labels).sum()), len(part))
            for split, part in parts.items()
        }
        models[name] = {split: errors[split].as_json() for split in ("validation", "test")}
        models[name] |= {"parameters": description["parameters"]}
        probabilities = predicted["test"]
    assert probabilities is not None
    analysis = analyse_errors(probabilities, test.labels, test.ids, test.classes).as_json("test")
    decomposed = decompose(params.goal.error, errors["train"], errors["validation"]).as_json()
    model_digest, split_digest = folder_digest(root / "models" / "best", MODEL_FILES), digest(*test.ids)
    openings = count_opening(root / "reports" / "test_ledger.jsonl", model_digest, split_digest, errors["test"])
    return {
        "schema": SCHEMA,
        **decomposed,
        "errors": decomposed["errors"] | {"test": errors["test"].as_json()},
        "versions": read_json(root / "models" / "best" / "model.json")["versions"],
        "models": models,
        "parameters": models["best"]["parameters"],
        "validation_overfit": difference(errors["test"], errors["validation"]).as_json(),
        "test": {"model_digest": model_digest, "split_digest": split_digest, "openings": openings},
        **{name: analysis[name] for name in ("classes", "confusion", "per_class", "worst")},
    }


def count_opening(ledger: Path, model: str, split: str, error: Any) -> int:
    """Write down that a model met a test split, once for the same pair; returns which opening of this split it was."""
    import json

    lines = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
    opened = [entry for entry in map(json.loads, lines) if entry["split"] == split]
    for number, entry in enumerate(opened, start=1):
        if entry["model"] == model:
            return number
    entry = {"model": model, "split": split, "wrong": error.wrong, "n": error.n}
    with replacing(ledger) as file:
        file.writelines(line + "\n" for line in [*lines, json.dumps(entry, sort_keys=True)])
    return len(opened) + 1


STAGES: dict[str, Callable[[Context], Result]] = {
    stage.__name__: stage for stage in (ingest, validate, split, examine, baseline, diagnose, improve, report)
}


@dataclass(frozen=True)
class Places:
    """Where trials run: how many at once, on what, and how one is started."""

    count: int
    device: str
    submit: Submit


@contextmanager
def trial_places(project: Project) -> Iterator[Places]:
    """The places that the project's params, its runner and this machine give to trials."""
    from ..training.devices import choose_device, default_slots
    from ..training.slots import Slots
    from ..training.slots_ray import RaySlots

    params = project.params
    device = choose_device(params.run.device)
    count = params.improve.slots or default_slots(device, params.run.threads)
    runner = RaySlots if project.runner == "ray" else Slots
    with runner(project.root, count, params.run.threads, device) as slots:
        yield Places(count, device, slots.submit)


def plain_slots(project: Project, body: Callable[[Submit], Any]) -> Any:
    """Call `body` with a submit on a plain pool of processes, as under `dvc repro`."""
    with trial_places(project) as places:
        return body(places.submit)
