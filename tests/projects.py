"""Builds a small project on disk for tests of the engine, without baking one: real files, real digits, in a second."""

import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import jinja2
import yaml

from arcane.config import Project, find_project

TEMPLATE_PROJECT = Path(__file__).resolve().parent.parent / "{{cookiecutter.project_slug}}"
DIGITS = {"data.source": "digits", "data.limit": None, "goal.error": 0.01, "goal.source": "a test"}
# Each project gets a package name of its own: modules stay imported, and one project must not see another's task.
numbers = count(1)


def make_project(folder: Path, params_overrides: Mapping[str, Any] | None = None, with_data: bool = True) -> Project:
    """Write a project on digits into `folder`.

    Args:
        folder: Made if needed.
        params_overrides: Values for `params.yaml` by dotted name, over the template's own.
        with_data: Also run ingest and split.
    """
    package = f"digits_project_{next(numbers)}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{package.replace("_", "-")}"\nversion = "0"\ndependencies = ["torch"]\n\n'
        f'[tool.arcane]\npackage = "{package}"\n'
    )
    shutil.copytree(
        TEMPLATE_PROJECT / "src" / "{{cookiecutter.package_name}}",
        folder / "src" / package,
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    write_params(folder / "params.yaml", {**DIGITS, **(params_overrides or {})})
    project = find_project(folder)
    if with_data:
        write_data(project)
    return project


class Quiet:
    """A voice and a record that keep to themselves; the journal is a file in the project."""

    def __init__(self, project: Project):
        from arcane.journal import Journal

        self.journal = Journal(project.root / ".arcane/quiet.jsonl")

    def say(self, text: str) -> None: ...

    def progress(self, text: str, done: float, total: float) -> None: ...

    def of_trial(self, trial: Any) -> Any:
        return trial


def quiet_context(project: Project) -> Any:
    """What a stage is given, without a tracker, a terminal or a pipeline around it."""
    from arcane.pipeline.context import Context
    from arcane.pipeline.places import plain_slots

    quiet: Any = Quiet(project)
    return Context(project, quiet, quiet, lambda body: plain_slots(project, body))


def write_params(path: Path, overrides: Mapping[str, Any]) -> None:
    """Write the template's `params.yaml` with some values replaced."""
    text = (TEMPLATE_PROJECT / "params.yaml").read_text(encoding="utf-8")
    answers = {"modality": "image", "dataset": "digits", "package_name": "digits"}
    tree = yaml.safe_load(jinja2.Template(text).render(cookiecutter=answers))
    for name, value in overrides.items():
        *parents, leaf = name.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")


def write_data(project: Project) -> None:
    """Ingest the project's source and split it."""
    from arcane.data.ingest import ingest
    from arcane.data.manifest import MANIFEST, read_manifest
    from arcane.data.sources import named_source
    from arcane.data.splits import split, write_splits

    params = project.params
    ingest(named_source(params.data, project.root), project.root, params.data)
    assigned, _ = split(read_manifest(project.root / MANIFEST), params)
    write_splits(project.root / "data/splits.jsonl", assigned)
