"""A trial: one training of the task with given params and seed, measured on train and validation, kept by its content.

Nothing is trained twice: the key covers all that the outcome depends on. Must not know why a trial is run.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .. import __version__
from ..config import Params, Project, find_project
from ..data.assets import ASSETS
from ..data.loading import Examples, load_fold, load_splits, measured_splits
from ..data.rates import Average, Measured, Rate, measured
from ..data.statistics import moments, statistics_of
from ..errors import UserError
from ..files import digest, read_json, write_json
from ..journal import Journal
from ..models import count_parameters
from .adaptation import fitted_to, refuse_without_target, settle_batch_norm
from .augmentation import augmentation
from .checkpoints import Checkpoints, prune
from .devices import choose_device
from .fit import Epoch, Options, fit, on_device
from .ignoring import without_columns
from .inference import Evaluation, evaluate, save_model
from .mixing import refuse_cutmix
from .pretrained import Pretrained, files_of, pretrained_path, warn_outside
from .randomness import key, random_state_kept, reseed
from .reduced import at_resolution, first_examples
from .speed import choose_speed, note_memory
from .stopping import stop_on_signals

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

TRIALS, CHECKPOINTS = Path(".arcane/trials"), Path(".arcane/checkpoints")
RESULT, MODEL, SCHEMA = "result.json", "model", 2
ERRORS, OUTPUTS = "validation_errors.npy", "validation_outputs.npy"
INITIAL_WEIGHTS = 3
SCRATCH_SECONDS = 86_400.0  # a result takes seconds to write
# What a person's package holds beside the task and what it imports; editing these changes no training.
OUTSIDE_TRAINING = frozenset({"__main__.py", "actions.py", "source.py"})


@dataclass(frozen=True)
class Trial:
    """What to train.

    Attributes:
        name: For people: shown in progress, trackers and errors.
        params: `model` and `train` shape the outcome, `run` the machine.
        seed: Of the weights, the order and the augmentation.
        journal: Where the run is recorded; None records nothing.
        run_parent: The key of the journal's run that this one belongs to.
        tags: For the journal.
        examples: Train on so many of the training split only, the first in its nested order by `seed`.
        resolution: Train on images of so many pixels a side.
        fold: Validate on this fold of train and validation, and train on the others; None takes the splits as they are.
    """

    name: str
    params: Params
    seed: int
    journal: Path | None = None
    run_parent: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    examples: int | None = None
    resolution: int | None = None
    fold: int | None = None


@dataclass(frozen=True)
class TrialResult:
    """What came out, as kept in `folder`.

    Attributes:
        key: The content key.
        folder: Holds `model/` (weights and description), `result.json` and the arrays.
        errors: In eval mode without augmentation, under `train` (the examples trained on) and `validation`; a
            regression's are shares of the variance of the whole training split's targets.
        curve: A record an epoch.
        seen: Training examples seen.
        parameters: How many numbers were trained.
    """

    key: str
    folder: Path
    errors: dict[str, Measured]
    curve: tuple[Epoch, ...]
    seen: int
    parameters: int

    @property
    def model(self) -> Path:
        """The saved model's folder."""
        return self.folder / MODEL

    @cached_property
    def validation_errors(self) -> np.ndarray:
        """`Evaluation.errors`: bool or float64 `[n]`, in the order of `load_split(root, "validation")`."""
        return np.load(self.folder / ERRORS, allow_pickle=False)

    @cached_property
    def validation_outputs(self) -> np.ndarray:
        """`Evaluation.outputs`: float32 `[n, K]` or `[n]`, in the same order."""
        return np.load(self.folder / OUTPUTS, allow_pickle=False)


def trial_key(root: Path, trial: Trial) -> str:
    """A hash of all that the outcome depends on: data, splits, the person's task, engine, torch, `model`, `train`,
    seed.

    Raises:
        UserError: Data or splits are not there.
    """
    root = Path(root)
    project = find_project(root)
    task = sorted(path for path in project.package_folder.glob("**/*.py") if path.name not in OUTSIDE_TRAINING)
    files = [root / "data/manifest.jsonl", root / ASSETS / "index.json", root / "data/splits.jsonl", *task]
    missing = [str(file) for file in files[:3] if not file.is_file()]
    if missing:
        raise UserError(f"{', '.join(missing)}: not there; the stages ingest and split write them (`dvc repro split`)")
    return digest(
        *(part for file in files for part in (file.relative_to(root).as_posix(), file)),
        f"arcane {__version__}, torch {torch.__version__}, {SCHEMA}",
        trial.params.model.model_dump_json(),
        trial.params.train.model_dump_json(),
        str(trial.seed),
        f"examples {trial.examples}, resolution {trial.resolution}"
        + (f", fold {trial.fold}" if trial.fold is not None else ""),
        *pretrained_files(root, trial.params),
    )[:32]


def pretrained_files(root: Path, params: Params) -> list[Path]:
    """The files of `model.pretrained`; none where it is null.

    Raises:
        UserError: One of them is not there.
    """
    path = pretrained_path(root, params.model)
    return [] if path is None else files_of(path)


def run_trial(
    root: Path, trial: Trial, device: str | None = None, on_epoch: Callable[[Epoch], None] | None = None
) -> TrialResult:
    """Train, measure and keep; or read what the same trial left before, or go on from where it was interrupted.

    Args:
        root: The project's folder.
        trial: What to train.
        device: Where; `run.device` when None.
        on_epoch: Called after every epoch that is trained.

    Raises:
        UserError: Something of the person's is wrong: a name, the data, a loss that is not finite.
        Stopped: Ctrl-C or SIGTERM came; the next run goes on from the step that it came in.
    """
    root = Path(root)
    identity = trial_key(root, trial)
    folder = root / TRIALS / identity
    record = Record(trial, identity, on_epoch)
    if (folder / RESULT).is_file():
        result = read_result(folder)
        for epoch in result.curve:
            record.epoch(epoch)
    else:
        try:
            remove_abandoned(root)
            with torch_threads(trial.params.run.threads), stop_on_signals() as stop:
                place = device or choose_device(trial.params.run.device)
                result = train_and_keep(root, trial, folder, place, record, stop)
        except BaseException as error:
            record.end("FAILED" if isinstance(error, Exception) else "KILLED")
            raise
    record.end("FINISHED", result)
    return result


def train_and_keep(
    root: Path, trial: Trial, folder: Path, device: str, record: "Record", stop: threading.Event
) -> TrialResult:
    """Train in a folder beside `folder`, and rename it into place when everything in it is written."""
    project = find_project(root)
    parts = load_splits(root, measured_splits(root))
    if trial.fold is not None:
        parts |= load_fold(root, trial.fold)
    whole, validation = parts["train"], parts["validation"]
    train = whole if trial.examples is None else first_examples(whole, trial.examples, trial.seed)
    if trial.resolution is not None:
        train, validation = at_resolution(train, trial.resolution), at_resolution(validation, trial.resolution)
        parts = {name: at_resolution(part, trial.resolution) for name, part in parts.items()}
    params, every = trial.params.train, trial.params.run.checkpoint
    refuse_without_target(params, "train_val" in parts)
    fitted = fitted_to(train, validation.inputs, params, trial.seed)
    task = make_task(project, trial.params, fitted, trial.seed)
    checkpoints = Checkpoints(root / CHECKPOINTS / folder.name, folder.name)
    compiled = choose_speed(root, trial.params, task, train, torch.device(device))
    curve = fit(
        task,
        fitted,
        validation,
        epochs=params.epochs,
        batch_size=params.batch_size,
        seed=trial.seed,
        device=device,
        precision=params.precision,
        options=Options(params.accumulate, params.clip, params.ema, params.patience, params.channels_last, compiled),
        on_epoch=record.epoch,
        checkpoints=None if every is None else checkpoints,
        every=every or 0.0,
        stop=stop,
    )
    note_memory(root, torch.device(device))
    splits = parts | {"train": train, "validation": validation}
    scale = moments(whole.labels)[1] if whole.spec.regression else 1.0
    evaluated = {}
    for name in sorted(splits, key="validation".__eq__):  # last: the others are of the domain that was trained on
        if name == "validation" and params.adaptation == "batch-norm":
            settle_batch_norm(task, validation.inputs)
        part = on_device(splits[name], task.device)
        evaluated[name] = in_scale(evaluate(task, *part), task, scale)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        write_result(scratch, task, project.package, evaluated, curve, scale)
        try:
            scratch.rename(folder)
        except OSError:
            # The same trial, run elsewhere at the same time, was first; on a CPU its bytes are the same.
            if not (folder / RESULT).is_file():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    checkpoints.clear()
    return read_result(folder)


def remove_abandoned(root: Path) -> None:
    """Delete checkpoints of trials that have ended or were given up, and what a kill left half-written of results."""
    prune(root / CHECKPOINTS, lambda name: (root / TRIALS / name / RESULT).is_file())
    for scratch in (root / TRIALS).glob(".*"):
        with suppress(OSError):
            if time.time() - scratch.stat().st_mtime > SCRATCH_SECONDS:
                shutil.rmtree(scratch)


def in_scale(evaluation: Evaluation, task: Any, scale: float) -> Evaluation:
    """A regression's errors by the whole training split's variance: a part of it has another, and curves over parts
    of different sizes would then be no curves of one thing."""
    if not task.spec.regression:
        return evaluation
    return replace(evaluation, errors=evaluation.errors * (task.statistics.target_std / scale) ** 2)


def make_task(project: Project, params: Params, train: Examples, seed: int) -> "LightningModule":
    """The person's `Task` with fresh weights, drawn by `seed`, on the CPU until `fit` moves it.

    Raises:
        UserError: A model's or augmentation's name is unknown, or `task.py` has no `Task`.
    """
    augmentation(params.train.augmentation, train.spec.modality)
    refuse_cutmix(params.train, train.spec)
    module = project.module("task")
    if not hasattr(module, "Task"):
        raise UserError(f"{project.package_folder / 'task.py'}: has no class `Task`, which the engine trains")
    statistics = statistics_of(train)
    path = pretrained_path(project.root, params.model)
    pretrained = Pretrained(path) if path else None
    if pretrained is not None:
        statistics = pretrained.normalisation(statistics, train.spec)
    statistics = without_columns(statistics, train.spec, params.model.ignore)
    with random_state_kept(torch.device("cpu")):
        reseed(torch.device("cpu"), key(seed, INITIAL_WEIGHTS))
        task = module.Task(params.model_copy(update={"seed": seed}), train.spec, statistics)
    if pretrained is not None:
        warn_outside(project.root, params.model)
        pretrained.into(task)
    return task


def write_result(
    folder: Path,
    task: Any,
    package: str,
    evaluated: Mapping[str, Evaluation],
    curve: Sequence[Epoch],
    scale: float,
) -> None:
    """Write the model, the arrays, and last `result.json`; `scale` is the targets' deviation that errors refer to."""
    save_model(folder / MODEL, task, package)
    np.save(folder / ERRORS, evaluated["validation"].errors)
    np.save(folder / OUTPUTS, evaluated["validation"].outputs)
    unit = task.spec.target.unit if task.spec.target else ""
    content = {
        "schema": SCHEMA,
        "errors": {name: asdict(measured(part.errors, scale, unit)) for name, part in evaluated.items()},
        "curve": [epoch.as_json() for epoch in curve],
        "parameters": count_parameters(task),
    }
    write_json(folder / RESULT, content)


def read_result(folder: Path) -> TrialResult:
    """Read a kept trial."""
    content = read_json(folder / RESULT)
    curve = tuple(Epoch(**epoch) for epoch in content["curve"])
    errors = {name: (Rate if "wrong" in kept else Average)(**kept) for name, kept in content["errors"].items()}
    return TrialResult(folder.name, folder, errors, curve, curve[-1].seen, content["parameters"])


class Record:
    """The journal's side of a trial: silent where no journal is asked for."""

    def __init__(self, trial: Trial, identity: str, on_epoch: Callable[[Epoch], None] | None = None):
        self.on_epoch = on_epoch
        self.journal = Journal(trial.journal) if trial.journal else None
        if self.journal:
            # One trial may belong to several pipeline runs: each keeps a run of its own.
            self.journal.start(digest(trial.run_parent or "", identity)[:32], trial.name, trial.run_parent, trial.tags)
            sections = {**flattened("model", trial.params), **flattened("train", trial.params)}
            self.journal.params({"seed": trial.seed, **sections})
            self.journal.tags({"trial.key": identity})

    def epoch(self, epoch: Epoch) -> None:
        """Write the metrics of an epoch."""
        if self.on_epoch:
            self.on_epoch(epoch)
        if self.journal:
            names = ("train_loss", "train_error", "validation_loss", "validation_error", "learning_rate", "seen")
            self.journal.metrics({**epoch.logged, **{name: getattr(epoch, name) for name in names}}, step=epoch.epoch)

    def end(self, status: str, result: TrialResult | None = None) -> None:
        """Close the run, with the errors measured at the end."""
        if self.journal:
            if result:
                final = {f"final_{name}_error": rate.value for name, rate in result.errors.items()}
                self.journal.metrics({**final, "parameters": result.parameters}, step=len(result.curve))
            self.journal.end(status)


def flattened(section: str, params: Params) -> dict[str, Any]:
    """A section of params by dotted names."""
    return {f"{section}.{name}": value for name, value in params.value(section).model_dump(mode="json").items()}


@contextmanager
def torch_threads(count: int | str) -> Iterator[None]:
    """Let torch use `count` CPU threads for a while; with `auto` one, until they are measured (`speed`)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if isinstance(count, str) else count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
