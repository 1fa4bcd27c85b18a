"""Shared by all tests: the engine on the import path, and one project whose pipeline ran, for those that need one."""

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
TEMPLATE = Path(__file__).resolve().parent.parent
SOURCE = TEMPLATE / "{{cookiecutter.project_slug}}" / "src"
sys.path.insert(0, str(SOURCE))
# A shell starts what runs in its background deaf to Ctrl-C, and so would be all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The zoo first: it keeps both cores busy by itself, and at the end one of two processes would wait for it."""
    items.sort(key=lambda item: item.path.name != "test_zoo.py")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baked project on digits after one small `run`, committed. Tests that change it copy it first (`copied`).

    The processes that share the tests share it: the first that asks makes it, the other waits.
    """
    from bakes import bake
    from commands import command, commit, quick
    from filelock import FileLock

    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    done = shared / "done"
    with FileLock(f"{shared}.lock"):
        if not done.exists():
            shutil.rmtree(shared, ignore_errors=True)
            root = quick(bake(shared))
            command(root, "run")
            commit(root)
            done.touch()
    return next(path.parent for path in shared.glob("*/params.yaml"))
