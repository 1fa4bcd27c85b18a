"""What a pipeline run and its trials are in the tracker: one parent run, a child a trial, and the tags of all of them.

Writes journals only; `tracking` sends them.
"""

import json
import os
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Params, Project
from ..files import digest
from ..journal import Journal
from .tracking import FOLDER

if TYPE_CHECKING:
    from ..training.trials import Trial


def git(root: Path, *arguments: str) -> str | None:
    """What `git ARGUMENTS` prints, or None without git or a repository."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def version_tags(root: Path, stage: str) -> dict[str, str]:
    """The tags that say what a run saw: code, data and the pipeline's lock.

    `data.version` is a digest of the manifest and the splits; `dvc.lock` one of that file. What is missing is `none`.
    """
    commit = git(root, "rev-parse", "HEAD")
    dirty = git(root, "status", "--porcelain", "--untracked-files=no")
    manifest, splits, lock = root / "data" / "manifest.jsonl", root / "data" / "splits.jsonl", root / "dvc.lock"
    present = [path for path in (manifest, splits) if path.exists()]
    return {
        "git.commit": commit or "none",
        "git.dirty": "unknown" if dirty is None else str(bool(dirty)).lower(),
        "data.version": digest(*present)[:12] if present else "none",
        "dvc.lock": digest(lock)[:12] if lock.exists() else "none",
        "stage": stage,
    }


def flat(params: Params) -> dict[str, Any]:
    """Every value of params by dotted name."""

    def walk(tree: dict[str, Any], prefix: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in tree.items():
            found |= walk(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
        return found

    return walk(params.model_dump(mode="json"), "")


@dataclass(frozen=True)
class Record:
    """The parent run of one pipeline run.

    Attributes:
        root: The project's root.
        key: The run's identity; trials name it as their parent.
        journal: Where its metrics and tags go.
    """

    root: Path
    key: str
    journal: Journal

    @classmethod
    def open(cls, project: Project, repro: "Repro | None" = None) -> "Record":
        """Start the record of a pipeline run, or go on with that of the `dvc repro` that this process is a stage of."""
        folder = project.root / FOLDER
        if repro and (known := sorted(folder.glob(f"*-pipeline-{repro.key}.jsonl"))):
            return cls(project.root, repro.key, Journal(known[-1]))
        key = repro.key if repro else f"{time.time_ns():x}-{os.getpid()}"
        record = cls(project.root, key, Journal(folder / f"{time.time_ns()}-pipeline-{key}.jsonl"))
        tags = version_tags(project.root, "pipeline")
        if repro:  # no process of ours outlives its stage: the sender ends the run after `dvc repro` did
            record.journal.start(key, "pipeline", tags=tags, owner=repro.pid, orphaned="FINISHED")
        else:
            record.journal.start(key, "pipeline", tags=tags)
        record.journal.params(flat(project.params))
        return record

    def of_trial(self, trial: "Trial") -> "Trial":
        """The trial with a journal as a child of this run, or without one where this run has recorded it before."""
        from ..training.trials import trial_key

        name = f"{trial_key(self.root, trial)}-{self.key}.jsonl"
        if list((self.root / FOLDER).glob(f"*-{name}")):
            return trial
        return replace(trial, journal=self.root / FOLDER / f"{time.time_ns()}-{name}", run_parent=self.key)

    def trials(self) -> list[Path]:
        """The journals of this run's trials so far."""
        return sorted((self.root / FOLDER).glob(f"*-{TRIAL_KEY}-{self.key}.jsonl"))

    def close(self, status: str = "FINISHED") -> None:
        tags = version_tags(self.root, "pipeline")
        self.journal.tags({name: tags[name] for name in ("data.version", "dvc.lock")})
        self.journal.end(status)


TRIAL_KEY = "[0-9a-f]" * 32


def examples_seen(journal: Path) -> int:
    """How many examples a trial has seen, by the last epoch in its journal."""
    with journal.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        for line in reversed(file.read().splitlines()):
            try:
                return int(json.loads(line)["values"]["seen"])
            except (ValueError, KeyError, TypeError):
                continue
    return 0


@dataclass(frozen=True)
class Repro:
    """A running `dvc repro`: its process and an identity that no other one has."""

    pid: int
    key: str

    @classmethod
    def of_this_process(cls) -> "Repro | None":
        """The `dvc repro` that this process is a stage of, or None outside of one."""
        if "DVC_STAGE" not in os.environ:
            return None
        import psutil

        for process in psutil.Process().parents():
            try:
                if any("dvc" in Path(word).name for word in process.cmdline()[:3]):
                    return cls(process.pid, f"repro-{process.pid}-{int(process.create_time())}")
            except psutil.Error:
                continue
        return None
