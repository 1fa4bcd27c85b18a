"""Runs a baked project's commands as a person would, in the environment of the tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from arcane.config import find_project
from arcane.pipeline.workspace import write_overrides

SMALL = {
    "data.limit": 600,
    "train.epochs": 3,
    "improve.actions": ["batch-norm", "bigger-model"],
    "improve.budget": 60_000,
    "improve.slots": 2,
}


def environment(root: Path, **more: str) -> dict[str, str]:
    """This process's environment with the project's sources on the path and nothing of a stray Prefect or MLflow."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_", "DVC_"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    return {**kept, "PYTHONPATH": str(root / "src"), "PATH": path, "NO_COLOR": "1", "COLUMNS": "120", **more}


def start(root: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start `python -m PACKAGE ARGUMENTS` and do not wait for it."""
    return subprocess.Popen(
        [sys.executable, "-m", find_project(root).package, *arguments],
        cwd=root,
        env=environment(root, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def command(root: Path, *arguments: str, code: int = 0, timeout: float = 600, **more: str) -> str:
    """Run `python -m PACKAGE ARGUMENTS`; returns what it printed, and fails unless it ended with `code`."""
    process = start(root, *arguments, **more)
    try:
        printed, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"{arguments} took more than {timeout} s: {process.communicate()[0]}") from None
    assert process.returncode == code, f"{arguments} ended with {process.returncode}, not {code}:\n{printed}"
    return printed


def dvc(root: Path, *arguments: str) -> str:
    """Run `dvc ARGUMENTS`; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        env=environment(root),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"dvc {arguments}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def git(root: Path, *arguments: str) -> str:
    """Run `git ARGUMENTS` under a name of the tests."""
    names = ["-c", "user.name=tests", "-c", "user.email=tests@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *names, *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "a run")


def quick(root: Path) -> Path:
    """Make the project's params small enough for a test."""
    write_overrides(root / "params.yaml", SMALL)
    return root


def copied(root: Path, folder: Path) -> Path:
    """A copy of a project for a test that changes it; its DVC cache comes along, its records of other runs do not."""
    target = folder / root.name
    records = shutil.ignore_patterns("mlflow.db", "mlartifacts", ".prefect", ".arcane", "__pycache__")
    shutil.copytree(root, target, symlinks=True, ignore=records)
    return target
