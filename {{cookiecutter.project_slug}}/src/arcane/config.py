"""The project as its files describe it: where it lies, whose package it runs, and every number that shapes a run.

Knows `params.yaml` and `pyproject.toml`; must not know how anything is trained, stored or shown.
"""

import difflib
import importlib
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from .errors import UserError
from .spec import Modality


class Section(BaseModel):
    """A part of `params.yaml`: values are fixed once read, and a name that is not listed is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Goal(Section):
    """The error to reach, and whose claim it is (human level, a published result, annotators' disagreement)."""

    error: float = Field(gt=0, lt=1)
    source: str = Field(min_length=1)
    kind: Literal["number", "published", "human", "annotators", "label-noise"] = Field(
        "number",
        description="what kind of claim: your number, a published result, people's error, how often "
        "annotators disagree, or an estimate of wrong labels",
    )
    n: int | None = Field(
        None,
        ge=1,
        description="examples that the claim was measured on, which gives it an interval; null: taken as exact",
    )


class Data(Section):
    """Where the examples come from and how they are split."""

    modality: Modality = "image"
    source: str = "digits"
    path: str = "data/raw"
    target: str | None = Field(None, description="column of the label or the number to estimate; null looks for it")
    task: Literal["auto", "classification", "regression"] = Field(
        "auto", description="auto: text, or whole numbers of few values, are classes"
    )
    unit: str = Field("", description="what a regression's numbers count, for people")
    group: str | None = Field(None, description="column of what examples share; a group stays in one split")
    time: str | None = Field(None, description="column of when an example was taken")
    domain: str | None = Field(None, description="column of the distribution an example comes from")
    ignore: tuple[str, ...] = Field((), description="columns left out")
    limit: int | None = Field(None, ge=10, description="use at most this many examples, drawn by class; null for all")
    validation: float = Field(0.2, gt=0, lt=0.5, description="share of the training data kept for validation")
    test: float = Field(0.2, gt=0, lt=0.5, description="share kept for the test, where the source brings no test split")
    split: Literal["random", "time"] = Field("random", description="time: the newest examples validate and test")
    cuts: tuple[str, str] | None = Field(
        None, description="with split: time, when validation and test begin; null: by the first ingest's times"
    )
    folds: int | None = Field(
        None, ge=2, le=20, description="folds of train and validation; null: where they are needed"
    )
    detect: float = Field(0.02, gt=0, lt=1, description="the smallest difference in error that matters")
    confidence_width: float = Field(0.04, gt=0, lt=1, description="the width wanted for the test error's interval")
    target_domain: str | None = None
    resolution: Literal["sweep"] | int | None = Field(
        None, description="images are brought to this size, 4 to 1024; sweep looks for the smallest that serves"
    )
    accept: tuple[str, ...] = Field((), description="codes of findings that must not stop the pipeline")

    @field_validator("cuts", mode="before")
    @classmethod
    def _as_written(cls, value: Any) -> Any:
        return [str(each) for each in value] if isinstance(value, list | tuple) else value  # YAML reads dates itself

    @field_validator("resolution")
    @classmethod
    def _within_reach(cls, value: Any) -> Any:
        if isinstance(value, int) and not 4 <= value <= 1024:
            raise ValueError("expected 4 to 1024 pixels a side, sweep, or null")
        return value


class Model(Section):
    """The network, by name, and its sizes."""

    name: str = "lenet"
    width: float = Field(1.0, gt=0, le=64, description="times the model's own number of channels and units")
    depth: int = Field(1, ge=1, le=32, description="times the model's own number of blocks")
    normalization: Literal["none", "batch", "group"] = "none"
    dropout: float = Field(0.0, ge=0, lt=1)
    activation: Literal["relu", "gelu", "tanh"] = "relu"
    pretrained: str | None = Field(
        None,
        description="weights to start from: a saved model's folder, a file of torchvision's, or `torchvision`",
    )
    ignore: tuple[str, ...] = Field((), description="columns of a table that the model does not see")


class Train(Section):
    """How the network is trained."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(3e-4, gt=0, le=10)
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    weight_decay: float = Field(0.0, ge=0, le=100)
    batch_size: int = Field(64, ge=1)
    epochs: int = Field(30, ge=1)
    augmentation: str = "none"
    precision: Literal["auto", "32", "bf16"] = "auto"
    channels_last: bool | None = Field(None, description="layout of images in memory; null: on GPUs")
    accumulate: int = Field(1, ge=1, description="parts that a batch is cut into, to need less memory")
    clip: float | None = Field(None, gt=0, description="largest norm of a step's gradient; null for any")
    ema: float | None = Field(None, gt=0, lt=1, description="decay of an average of the weights, used in their place")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of each label spread over all classes")
    mixup: float = Field(0.0, ge=0, le=10, description="alpha of mixing pairs of examples; 0 for none")
    cutmix: float = Field(0.0, ge=0, le=10, description="alpha of pasting a part of another image; 0 for none")
    patience: int | None = Field(None, ge=1, description="epochs without a new best before training ends; null for all")
    synthesis: Literal["none", "target"] = Field(
        "none", description="target: training examples made to look like the domain that counts"
    )
    adaptation: Literal["none", "batch-norm", "importance", "coral"] = Field(
        "none", description="to the domain that counts, by the validation split's inputs: no labels"
    )


class Diagnose(Section):
    """What the diagnosis may spend on more trainings, which tell luck from cause."""

    share: float = Field(
        0.1, ge=0, le=1, description="share of improve.budget for more seeds, or for folds where the splits have them"
    )


class Improve(Section):
    """How much the improvement loop may spend and what it may do."""

    budget: int = Field(ge=0, description="training work: examples seen, over all trials")
    seconds: float | None = Field(
        None, gt=0, description="stop after this time too; null keeps the outcome reproducible"
    )
    trials: int = Field(40, ge=0)
    slots: int | None = Field(None, ge=1, description="trials at once; null: a GPU each, or cores divided by threads")
    actions: tuple[str, ...] | None = Field(
        None, description="only these actions, in this order; null for the recipe's"
    )


class Search(Section):
    """Hyper-parameter search."""

    method: Literal["manual", "grid", "random", "coarse-to-fine", "bayes"] = Field(
        "bayes", description="what `search` and the action `tune` do where they are not told"
    )
    space: dict[str, Any] = Field(
        {}, description="values by name: a list, or {low, high, log, points}; empty: a space around the params"
    )
    trials: int = Field(30, ge=1, description="trials at most")
    budget: int | None = Field(None, ge=0, description="examples that they may see; null: as `improve.budget`")
    prune: bool = Field(True, description="whether a trial must earn its later epochs (successive halving)")
    sampler: Literal["tpe", "gp"] = Field("tpe", description="of bayes: Parzen estimators, or a Gaussian process")
    storage: str | None = Field(
        None, description="a database's URL that keeps the studies; null: a journal in .arcane/"
    )


class Doctor(Section):
    """What the doctor compares with, and what it leaves unsaid; the names are checked where they are used."""

    thresholds: dict[str, float] = Field({}, description="thresholds of your own, by the names that `explain` gives")
    silence: tuple[str, ...] = Field((), description="codes that are not reported at all")


class Track(Section):
    """Where runs are tracked: an MLflow tracking URI; a relative sqlite path lies in the project."""

    uri: str = Field("sqlite:///mlflow.db", min_length=1)


class Run(Section):
    """The machine: none of it may change what a run finds."""

    device: str = Field("auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    threads: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = Field(
        1, description="CPU threads a trial; auto measures once what pays"
    )
    compile: Literal["never", "auto", "always"] = Field(
        "never", description="torch.compile; auto measures once whether it pays"
    )
    checkpoint: float | None = Field(30.0, ge=0, description="seconds between a training's checkpoints; null for none")


class Params(Section):
    """Everything in `params.yaml`."""

    seed: int = Field(ge=0, lt=2**32)
    goal: Goal
    data: Data
    model: Model
    train: Train
    diagnose: Diagnose = Diagnose()
    improve: Improve
    search: Search = Search()
    doctor: Doctor = Doctor()
    track: Track = Track()
    run: Run = Run()

    def changed(self, changes: Mapping[str, Any], where: str = "the changed params") -> "Params":
        """The same params with some values replaced.

        Args:
            changes: New values by dotted name, `{"model.width": 2.0}`.
            where: What a message calls their source.

        Raises:
            UserError: A name is unknown or a value does not fit; the message offers the nearest name.
        """
        tree = self.model_dump(mode="json")
        for name, value in changes.items():
            *parents, leaf = name.split(".")
            node = tree
            for parent in parents:
                node = node.get(parent) if isinstance(node, dict) else None
            if not isinstance(node, dict) or (leaf not in node and node is not tree["search"].get("space")):
                raise UserError(unknown_name(name, known_names()))
            node[leaf] = value
        return parse_params(tree, where)

    def value(self, name: str) -> Any:
        """The value under a dotted name, such as `model.width`."""
        node: Any = self
        for part in name.split("."):
            node = getattr(node, part)
        return node


def known_names(model: type[BaseModel] = Params, prefix: str = "") -> list[str]:
    """Every dotted name that `params.yaml` may hold."""
    names = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            names += known_names(kind, f"{prefix}{name}.")
        else:
            names.append(prefix + name)
    return names


def unknown_name(name: str, known: Iterable[str]) -> str:
    """A sentence that says that `name` is unknown and offers the nearest known one."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if not near:
        leaves = {k.rsplit(".", 1)[-1]: k for k in known}
        near = [leaves[m] for m in difflib.get_close_matches(name.rsplit(".", 1)[-1], leaves, n=1, cutoff=0.6)]
    hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(known)}"
    return f"unknown parameter `{name}`: {hint}"


def parse_params(tree: Any, where: str) -> Params:
    """Check a tree of params.

    Raises:
        UserError: One line a mistake: where, what was found, what was expected.
    """
    if not isinstance(tree, dict):
        raise UserError(f"{where}: expected names and values such as `seed: 1`, found {type(tree).__name__}")
    try:
        return Params.model_validate(tree)
    except ValidationError as error:
        lines = []
        for mistake in error.errors():
            name = ".".join(str(part) for part in mistake["loc"])
            if mistake["type"] == "extra_forbidden":
                lines.append(unknown_name(name, known_names()))
            elif mistake["type"] == "missing":
                lines.append(f"`{name}` is missing")
            else:
                lines.append(f"`{name}` is {mistake['input']!r}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}")
        raise UserError("\n".join(f"{where}: {line}" for line in lines)) from None


def parse_override(text: str) -> tuple[str, Any]:
    """Read `model.width=2` as a dotted name and a YAML value.

    Raises:
        UserError: There is no `=` in it.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UserError(f"`{text}`: expected NAME=VALUE, such as `train.epochs=5`")
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise UserError(f"`{text}`: `{value}` is not a value that YAML reads") from None


@dataclass(frozen=True)
class Project:
    """A project on disk.

    Attributes:
        root: The folder with `pyproject.toml`, `params.yaml` and `dvc.yaml`.
        package: The import name of the person's package.
        name: The distribution's name, also the console script's.
        runner: Where trials run: `local`, or `ray` for a Ray cluster.
    """

    root: Path
    package: str
    name: str
    runner: str = "local"

    @cached_property
    def params(self) -> Params:
        """`params.yaml`, read once and checked."""
        return read_params(self.root / "params.yaml")

    @property
    def package_folder(self) -> Path:
        return self.root / "src" / self.package

    def module(self, name: str) -> ModuleType:
        """Import `name` (task, source, actions) of the person's package.

        Raises:
            UserError: The module is missing.
        """
        source = str(self.root / "src")
        if source not in sys.path:
            sys.path.insert(0, source)
        full = f"{self.package}.{name}"
        try:
            return importlib.import_module(full)
        except ModuleNotFoundError as error:
            if error.name not in (self.package, full):
                raise
            raise UserError(
                f"{self.package_folder / name}.py: not there; the project's own `{name}` is read from it"
            ) from None


def read_params(path: Path) -> Params:
    """Read and check a `params.yaml`.

    Raises:
        UserError: The file is missing, not YAML, or holds a wrong name or value.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: not there; every number of a run is read from it") from None
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path.name}{line}: not YAML ({getattr(error, 'problem', error)})") from None
    return parse_params(tree, path.name)


def find_project(start: Path | None = None) -> Project:
    """Find the project that `start` (the working directory by default) lies in.

    Raises:
        UserError: No folder above has a `pyproject.toml` with `[tool.arcane]`.
    """
    start = Path(start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            tree = tomllib.loads(file.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise UserError(f"{file}: not TOML ({error})") from None
        settings = tree.get("tool", {}).get("arcane", {})
        if package := settings.get("package"):
            runner = settings.get("runner", "local")
            if runner not in ("local", "ray"):
                raise UserError(f"{file}: [tool.arcane] runner is {runner!r}; expected 'local' or 'ray'")
            return Project(folder, package, tree.get("project", {}).get("name", package), runner)
    raise UserError(f"{start}: not inside an arcane project (no pyproject.toml above it has [tool.arcane] package)")
