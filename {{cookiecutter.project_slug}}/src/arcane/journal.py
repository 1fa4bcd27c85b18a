"""A run's record: an append-only file of JSON lines that training writes and a tracker sends later.

Writing a line costs microseconds and needs no server; the side that sends is `pipeline.tracking`.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Journal:
    """Appends one run's parameters, metrics, tags, artifacts and end to a file.

    A line is written by a single `write` call on an append-mode file, so a kill leaves whole lines and at most one torn
    last one, which readers skip.

    Args:
        path: The file; its folder is made.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def _append(self, kind: str, **content: Any) -> None:
        line = (
            json.dumps({"kind": kind, "time": int(time.time() * 1000), **content}, sort_keys=True, default=str) + "\n"
        )
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)

    def start(
        self,
        key: str,
        name: str,
        parent: str | None = None,
        tags: Mapping[str, str] | None = None,
        owner: int | None = None,
        orphaned: str = "KILLED",
    ) -> None:
        """Open the run.

        Args:
            key: Its identity: the same key is the same run.
            name: Its name.
            parent: Another run's key.
            tags: Its tags.
            owner: The process that ends it; this one by default.
            orphaned: The status that it gets when the owner is gone and did not end it.
        """
        self._append(
            "start",
            key=key,
            name=name,
            parent=parent,
            tags=dict(tags or {}),
            owner=owner or os.getpid(),
            orphaned=orphaned,
        )

    def params(self, values: Mapping[str, Any]) -> None:
        self._append("params", values=dict(values))

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        self._append("metrics", values=dict(values), step=step)

    def tags(self, values: Mapping[str, str]) -> None:
        self._append("tags", values=dict(values))

    def artifact(self, path: Path, folder: str = "") -> None:
        self._append("artifact", path=str(path), folder=folder)

    def model(self, path: Path, name: str) -> None:
        """The folder of a saved model, to be logged with its signature and registered under `name`."""
        self._append("model", path=str(path), name=name)

    def end(self, status: str = "FINISHED") -> None:
        """Close the run: FINISHED, FAILED or KILLED."""
        self._append("end", status=status)
