"""Kills -9 of the improvement loop at random instants: is what it ends with the uninterrupted one's, byte for byte?

A project on some digits, its baseline and diagnosis done. One `improve` is left alone, with one slot; the others have
two, are killed, every other one with the whole process group, and run again until they end. A trial that was finished
before a kill must not be trained again, and none that the one slot trained may be missing.

    python tests/benchmarks/loop_kills.py [COUNT] [SEED]
"""

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src")]

SETTINGS = {
    "data.limit": 500,
    "train.epochs": 8,
    "improve.budget": 60_000,
    "improve.slots": 2,
    "run.checkpoint": 0.05,
    "run.device": "cpu",
}
BEFORE = ("ingest", "validate", "split", "examine", "baseline", "diagnose")
COMPARED = ("reports/improvement.json", "LOGBOOK.md")


def stages(root: Path, names: tuple[str, ...]) -> None:
    """Run stages in this process."""
    from arcane.config import find_project
    from arcane.pipeline.context import Context
    from arcane.pipeline.places import plain_slots
    from arcane.pipeline.record import Record
    from arcane.pipeline.stages import run_stage

    class Silent:
        def say(self, text: str) -> None: ...

        def progress(self, text: str, done: float, total: float) -> None: ...

    project = find_project(root)
    context = Context(project, Record.open(project), Silent(), lambda body: plain_slots(project, body))
    for name in names:
        run_stage(name, context)


def forked(root: Path, names: tuple[str, ...]) -> int:
    """Run stages in a child with a process group of its own; returns its process id."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        code = 1
        try:
            stages(root, names)
            code = 0
        finally:
            os._exit(code)
    return pid


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def trials(root: Path) -> dict[str, int]:
    """The instant at which each finished trial was written, by key."""
    return {path.parent.name: path.stat().st_mtime_ns for path in (root / ".arcane/trials").glob("*/result.json")}


def main(count: int, seed: int, folder: Path) -> int:
    """Print what came of each kill; the exit code is 0 when every outcome was the same."""
    from bakes import bake

    from arcane.pipeline.workspace import write_overrides

    for name in ("improvement.loop", "training.trials"):
        import_module(f"arcane.{name}")  # once, for all children
    draw, wrong = random.Random(seed), 0
    start = bake(folder / "start")
    write_overrides(start / "params.yaml", SETTINGS)
    assert ended(forked(start, BEFORE)) == 0
    whole = folder / "whole"
    shutil.copytree(start, whole, symlinks=True)
    write_overrides(whole / "params.yaml", {"improve.slots": 1})
    began = time.monotonic()
    assert ended(forked(whole, ("improve",))) == 0
    seconds = time.monotonic() - began
    expected = {name: (whole / name).read_bytes() for name in COMPARED}
    there = set(trials(whole))
    rounds = json.loads(expected["reports/improvement.json"])["rounds"]
    print(f"uninterrupted: {len(there)} trials, {len(rounds)} actions, {seconds:.0f} s")
    for number in range(count):
        root = folder / f"killed-{number}"
        shutil.copytree(start, root, symlinks=True)
        kills, again = 0, 0
        while True:
            before, pid = trials(root), forked(root, ("improve",))
            if kills < 2:
                time.sleep(draw.uniform(0.05, 0.7) * seconds)
                (os.killpg if number % 2 else os.kill)(pid, signal.SIGKILL)
                kills += 1
            code = ended(pid)
            again += sum(trials(root).get(key) != instant for key, instant in before.items())
            if code == 0:
                break
            if code != -signal.SIGKILL:
                raise SystemExit(f"kill {number}: exit code {code}")
        same = all((root / name).read_bytes() == expected[name] for name in COMPARED)
        lost = len(there - set(trials(root)))
        wrong += not same or bool(again) or bool(lost)
        print(f"{number}: {kills} kills, same {same}, trained again {again}, lost {lost}", flush=True)
    print(f"{count - wrong} of {count} ended as the uninterrupted one")
    return int(wrong > 0)


if __name__ == "__main__":
    kills, first = (int(sys.argv[i]) if len(sys.argv) > i else default for i, default in ((1, 10), (2, 7)))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(kills, first, Path(temporary)))
