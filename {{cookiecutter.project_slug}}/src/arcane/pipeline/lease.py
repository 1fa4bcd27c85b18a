"""Who may work where: one pipeline a project, and no two trainings on one GPU."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError


@contextmanager
def project_lease(root: Path, what: str) -> Iterator[None]:
    """Hold the project for one pipeline run; the lock goes with the process, however it ends.

    Args:
        root: The project's root; the lock file is `.arcane/pipeline.lock`.
        what: What the holder does, for the message that another one gets.

    Raises:
        UserError: Another process holds it; the message says which.
    """
    path = root / ".arcane" / "pipeline.lock"
    path.parent.mkdir(exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{root.name}: {_holder(path)} is at work in this project; wait for it or stop it"
            ) from None
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "what": what}))
        file.flush()
        yield


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"`{holder['what']}` (process {holder['pid']} on {holder['host']})"
    except (ValueError, KeyError):
        return "another run"


@contextmanager
def gpu_slot(device: str) -> Iterator[None]:
    """Occupy one slot of Prefect's global concurrency limit `gpu` while a task works on a CUDA device.

    Raises:
        UserError: The server has no limit `gpu`: nothing would keep two tasks off one device.
    """
    if not device.startswith("cuda"):
        yield
        return
    from prefect.concurrency.sync import concurrency

    try:
        with concurrency("gpu", occupy=1, strict=True):
            yield
    except Exception as error:
        if "concurrency" in type(error).__name__.lower() or "does not exist" in str(error).lower():
            raise UserError(
                "the Prefect server has no concurrency limit `gpu`, so two tasks could share a GPU; create it with "
                "`prefect gcl create gpu --limit NUMBER_OF_GPUS`, or start the server by `make serve`, which does"
            ) from error
        raise
