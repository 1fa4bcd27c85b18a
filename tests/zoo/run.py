"""Runs the zoo's programs, correct ones and patched ones, with or without the doctor, and says what came of each.

Torch takes seconds to import, a program half a second to run: one warm process imports everything once and forks a
child for each program, two at a time. It must not know any code of the catalogue.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .state import keep_all, write

ZOO = Path(__file__).resolve().parent
PROGRAMS = ZOO / "programs"
SOURCE = ZOO.parents[1] / "{{cookiecutter.project_slug}}" / "src"
WARM = ("numpy", "torch", "torch.nn", "torch.utils.data", "torch.func", "torch.distributions", "lightning")
WARM += ("sklearn.datasets", "sklearn.metrics", "sklearn.neighbors", "sklearn.linear_model", "sklearn.preprocessing")
WARM += ("sklearn.model_selection", "torchvision.models", "torchvision.transforms", "torch.optim.swa_utils")
WARM += ("torch._dynamo",)
LIMIT = 60.0
WORKERS = 2


@dataclass(frozen=True)
class Bug:
    """One bug planted in one program.

    Attributes:
        code: The catalogue's name of the mechanism.
        program: Stem of the program's file in `programs/`.
        patch: Pairs of old and new text; each old text stands in the program exactly once.
        why: How a person comes to write this.
        also: Codes that name the same plant equally well.
        crashes: Whether the program ends by an exception.
    """

    code: str
    program: str
    patch: Sequence[tuple[str, str]]
    why: str
    also: Sequence[str] = ()
    crashes: bool = False

    @property
    def answers(self) -> frozenset[str]:
        """The codes that are right for this plant."""
        return frozenset((self.code, *self.also))


@dataclass(frozen=True)
class Outcome:
    """What came of one run.

    Attributes:
        program: Stem of the program's file.
        bug: The planted bug, None for the correct program.
        findings: As the doctor's `--json` lists them, best first; empty without the doctor.
        seconds: Wall-clock time.
        cpu: Processor time of the program and its children.
        stdout: What the program printed.
        stderr: Warnings, tracebacks and the doctor's own view.
        code: Exit code; -9 where it ran past the limit.
        examined: Whether the doctor wrote its file.
        state: Digests of what the program left behind, where they were asked for; see `state.py`.
    """

    program: str
    bug: Bug | None
    findings: list[dict] = field(repr=False)
    seconds: float
    cpu: float
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)
    code: int
    examined: bool
    state: dict = field(default_factory=dict, repr=False)


def programs() -> list[str]:
    """Names of the correct programs."""
    return sorted(path.stem for path in PROGRAMS.glob("*.py"))


def patched(bug: Bug) -> str:
    """The program's text with the bug in it.

    Raises:
        ValueError: An old text of the patch does not stand in the program exactly once.
    """
    text = (PROGRAMS / f"{bug.program}.py").read_text(encoding="utf-8")
    for old, new in bug.patch:
        if text.count(old) != 1:
            raise ValueError(f"{bug.code} in {bug.program}: {text.count(old)} places hold {old!r}")
        text = text.replace(old, new)
    return text


def run(
    jobs: Sequence[str | Bug], doctor: bool, limit: float = LIMIT, workers: int = WORKERS, state: bool = False
) -> list[Outcome]:
    """Run programs (by name) and bugs, each in its own folder and process.

    Args:
        jobs: Names of correct programs, and bugs.
        doctor: Whether the doctor watches.
        limit: Seconds after which a run is killed.
        workers: Runs at a time.
        state: Whether to say what the programs left behind.

    Returns:
        One outcome a job, in the jobs' order.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for number, job in enumerate(jobs):
            place = root / str(number)
            place.mkdir()
            name, text = (job.program, patched(job)) if isinstance(job, Bug) else (job, "")
            text = text or (PROGRAMS / f"{job}.py").read_text(encoding="utf-8")
            (place / f"{name}.py").write_text(text, encoding="utf-8")
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ZOO.parent), str(SOURCE)]),
            "PYTHONUTF8": "1",
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "120",
        }
        command = [sys.executable, "-m", "zoo.run", folder, str(int(doctor)), str(limit), str(workers), str(int(state))]
        subprocess.run(command, env=environment, check=True)
        return [_outcome(root / str(number), job) for number, job in enumerate(jobs)]


def _outcome(place: Path, job: str | Bug) -> Outcome:
    measured = json.loads((place / "measured.json").read_text())
    report = place / "findings.json"
    examined = report.exists() and report.stat().st_size > 0
    return Outcome(
        program=job.program if isinstance(job, Bug) else job,
        bug=job if isinstance(job, Bug) else None,
        findings=json.loads(report.read_text(encoding="utf-8"))["findings"] if examined else [],
        stdout=(place / "stdout").read_text(encoding="utf-8", errors="replace"),
        stderr=(place / "stderr").read_text(encoding="utf-8", errors="replace"),
        examined=examined,
        state=json.loads(state.read_text()) if (state := place / "state.json").exists() else {},
        **measured,
    )


def _serve(folder: str, doctor: str, limit: str, workers: str, state: str) -> None:
    """The warm process: import all, then fork one child a job."""
    for name in WARM:
        with contextlib.suppress(ImportError):
            __import__(name)
    if doctor == "1":
        __import__("arcane.diagnosis.watching.command")
    import torch

    torch.set_num_threads(1)
    waiting = sorted((place for place in Path(folder).iterdir()), key=lambda place: int(place.name))
    running: dict[int, tuple[Path, float]] = {}
    while waiting or running:
        while waiting and len(running) < int(workers):
            place = waiting.pop(0)
            child = os.fork()
            if child == 0:
                _child(place, doctor == "1", state == "1")
            running[child] = (place, time.monotonic())
        _reap(running, float(limit))


def _reap(running: dict[int, tuple[Path, float]], limit: float) -> None:
    """Note the children that ended; kill those that ran too long."""
    for child, (place, start) in list(running.items()):
        seconds = time.monotonic() - start
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if not ended and seconds > limit:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            ended, status, usage = os.wait4(child, 0)
        if ended:
            cpu = usage.ru_utime + usage.ru_stime
            code = os.waitstatus_to_exitcode(status)
            (place / "measured.json").write_text(json.dumps({"seconds": seconds, "cpu": cpu, "code": code}))
            del running[child]
    time.sleep(0.005)


def _child(place: Path, doctor: bool, state: bool) -> None:
    """Run the one program of the folder as `python` would, and end the process."""
    os.setsid()
    os.chdir(place)
    for stream, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT, 0o644), stream)
    program = next(place.glob("*.py")).name
    code = 0
    if state:
        keep_all()
    try:
        if doctor:
            from arcane.cli import app

            app(["doctor", program, "--json", "findings.json"])
        else:
            sys.argv = [program]
            sys.path[0] = str(place)
            main = sys.modules["__main__"] = types.ModuleType("__main__")  # its variables outlive the program
            vars(main)["__file__"] = str(place / program)
            exec(compile(Path(program).read_text(encoding="utf-8"), str(place / program), "exec"), vars(main))
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    if state:
        write(place / "state.json")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
