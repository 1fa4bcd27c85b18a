"""Shared by all tests: the engine on the import path, and one project whose pipeline ran, for those that need one."""

import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
TEMPLATE = Path(__file__).resolve().parent.parent
SOURCE = TEMPLATE / "{{cookiecutter.project_slug}}" / "src"
sys.path.insert(0, str(SOURCE))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baked project on digits after one small `run`, committed. Tests that change it copy it first (`copied`)."""
    from bakes import bake
    from commands import command, commit, quick

    root = quick(bake(tmp_path_factory.mktemp("finished")))
    command(root, "run")
    commit(root)
    return root
