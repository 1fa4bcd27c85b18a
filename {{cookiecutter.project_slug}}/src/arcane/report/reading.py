"""Reads what the stages wrote. Every file is optional: the page says which one is missing instead of failing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..config import Params, read_params
from ..errors import UserError
from ..files import read_json

STAGES = {
    "metrics": "report",
    "improvement": "improve",
    "diagnosis": "diagnose",
    "errors": "diagnose",
    "baseline": "baseline",
    "examination": "examine",
    "splits": "split",
    "validation": "validate",
}
"""The reports that the page reads, and the stage that writes each."""

ASKED = ("size",)
"""Reports of commands outside the pipeline: shown where they are there, and not missed where they are not."""

UPSTREAM = ("ingest", "validate", "split", "examine", "baseline", "diagnose", "improve")
"""The stages whose outputs the page may name: the page's own digest, or one made from it, cannot stand in the page."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Version:
    """One output as `dvc.lock` records it."""

    stage: str
    path: str
    digest: str


@dataclass(frozen=True)
class Reports:
    """Everything that the page is made from.

    Attributes:
        by_name: The JSON reports that are there, by name.
        missing: The JSON reports that are not, with the stage that writes each.
        params: `params.yaml`, checked, and `params_text`, as it was written.
        versions: The stages' outputs and `commands`, the stages' commands, as `dvc.lock` has them.
        logbook: `LOGBOOK.md` as it was written.
    """

    by_name: dict[str, Json]
    missing: tuple[tuple[str, str], ...]
    params: Params | None
    params_text: str
    versions: tuple[Version, ...]
    commands: tuple[str, ...]
    logbook: str

    def __getitem__(self, name: str) -> Json:
        return self.by_name.get(name, {})


def read_reports(root: Path) -> Reports:
    """Read a project's reports.

    Raises:
        UserError: A file is there and is not what it should be.
    """
    found, missing = {}, []
    for name in (*STAGES, *ASKED):
        path = root / "reports" / f"{name}.json"
        if not path.is_file():
            missing += [(path.relative_to(root).as_posix(), STAGES[name])] if name in STAGES else []
            continue
        content = read_json(path)
        if not isinstance(content, dict):
            raise UserError(f"{path}: expected a JSON object, found {type(content).__name__}; run the pipeline again")
        found[name] = content
    params = root / "params.yaml"
    versions, commands = _read_lock(root / "dvc.lock")
    return Reports(
        by_name=found,
        missing=tuple(missing),
        params=read_params(params) if params.is_file() else None,
        params_text=_text(params),
        versions=versions,
        commands=commands,
        logbook=_text(root / "LOGBOOK.md"),
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""


def _read_lock(path: Path) -> tuple[tuple[Version, ...], tuple[str, ...]]:
    """The outputs and commands of the upstream stages in a `dvc.lock`; nothing where there is none."""
    if not path.is_file():
        return (), ()
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        raise UserError(f"{path}: not YAML; `git checkout dvc.lock` brings the last good one back") from None
    stages = (tree if isinstance(tree, dict) else {}).get("stages") or {}
    versions, commands = [], []
    for name in UPSTREAM:
        stage = stages.get(name) or {}
        if stage.get("cmd"):
            commands.append(str(stage["cmd"]))
        versions += [Version(name, str(out["path"]), str(out.get("md5", ""))) for out in stage.get("outs") or ()]
    return tuple(versions), tuple(commands)
