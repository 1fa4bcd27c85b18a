"""Runs a program as `python PROGRAM` does, and watches it: same arguments, paths, `__main__`, output and exit code."""

import contextlib
import importlib.machinery
import importlib.util
import os
import sys
import traceback
import types
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...training.devices import without_probing
from ..examine import Examination
from ..limits import Settings
from .patches import Patches
from .places import ENGINE, is_own
from .recorder import Recorder, StopProgram
from .report import Watched, findings_of, saw_training
from .rewriting import finding, rewritten
from .showing import look_at_globals


def run_watched(
    script: Path | str,
    arguments: Sequence[str],
    *,
    steps: int | None = None,
    accept: Iterable[str] = (),
    settings: Settings | None = None,
) -> tuple[int, Watched]:
    """Run a program to its end, and say what was found.

    Args:
        script: A Python file, or the name of a module, which runs as `python -m` runs it.
        arguments: What follows it on the command line.
        steps: Stop the program after so many optimiser steps.
        accept: Codes that are reported as notes.
        settings: Silenced codes, and the active examination's thresholds.

    Returns:
        The program's own exit code, and the report.

    Raises:
        UserError: There is no such program, or it is no Python.
    """
    if isinstance(script, str):
        sys.path[0:1] = [str(Path.cwd())]
        code, main, file = _module_program(script)
    else:
        code, main, file = _compiled(script), _main_module(script), str(script)
        sys.path[0:1] = [str(script.resolve().parent)]
    recorder, report = Recorder(steps), Watched()
    patches = Patches(recorder)
    own, process = sys.modules["__main__"], os.getpid()
    sys.argv = [file, *arguments]
    sys.modules["__main__"] = main
    sys.excepthook = sys.__excepthook__  # typer puts its own there
    patches.install()
    recorder.arrays.install()
    finder = finding(is_own)
    try:
        with without_probing():  # our imports set what makes each of the program's steps slower
            exit_code = _run(code, main, recorder)
    finally:
        if os.getpid() != process:  # a child that the program forked reports nothing
            with contextlib.suppress(Exception):
                sys.stdout.flush()
        recorder.guarded(look_at_globals, recorder, vars(main))
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(finder)
        recorder.arrays.remove()
        patches.remove()
    if os.getpid() != process:
        sys.exit(exit_code)
    sys.stdout.flush()
    conclude(report, recorder, accept, settings)
    recorder.kept.append(own)
    return exit_code, report


def conclude(report: Watched, recorder: Recorder, accept: Iterable[str], settings: Settings | None = None) -> None:
    """Fill a report from what was recorded."""
    from .active import RECONSIDERED, asked_at_the_end

    trace, captures = recorder.trace, recorder.captures
    findings = findings_of(trace, accept, settings=settings)
    loud = {f.code for f in findings if f.severity == "error"}
    if saw_training(trace) and loud <= RECONSIDERED:
        # Only where no mechanism was seen: it trains copies, which takes seconds.
        further = asked_at_the_end(trace, captures, settings, only=loud)
        findings = findings_of(trace, accept, further, settings)
    report.trace = trace
    report.examination = Examination(findings, {"steps": float(trace.steps)})


def _compiled(script: Path) -> types.CodeType:
    if not script.is_file():
        raise UserError(f"{script}: no such file; `doctor train.py [arguments]` runs a Python program and watches it")
    try:
        return rewritten(script.read_bytes(), str(script.absolute()))
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{script}: no Python program: {error}") from None


def _module_program(name: str) -> tuple[types.CodeType, types.ModuleType, str]:
    """A module's code, its `__main__`, and its file: relative imports in it work, because it knows its package."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    except ImportError:
        spec = None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise UserError(f"{name}: no such module under {Path.cwd()}; `doctor -m package.train` runs it as `python -m`")
    file = Path(spec.origin)
    main = _main_module(file)
    vars(main).update(__spec__=spec, __package__=spec.parent, __loader__=spec.loader, __cached__=spec.cached)
    return _compiled(file), main, str(file)


def _main_module(script: Path) -> types.ModuleType:
    module = types.ModuleType("__main__")
    path = str(script.absolute())
    vars(module).update(
        __file__=path, __builtins__=sys.modules["builtins"], __spec__=None, __package__=None, __cached__=None,
        __loader__=importlib.machinery.SourceFileLoader("__main__", path),
    )  # fmt: skip
    return module


def _run(code: types.CodeType, main: types.ModuleType, recorder: Recorder) -> int:
    """Run the program and give its exit code; what it raises is shown as python shows it."""
    try:
        exec(code, vars(main))
        recorder.trace.ended = True
    except StopProgram:
        return 0
    except SystemExit as stop:
        recorder.trace.ended = True
        return _exit_code(stop)
    except BaseException as error:
        recorder.crashed(error)
        sys.stdout.flush()
        _show(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF
    print(stop.code, file=sys.stderr)
    return 1


def _show(error: BaseException) -> None:
    """The traceback without our own lines in it."""
    if sys.excepthook is not sys.__excepthook__:
        sys.excepthook(type(error), error, _own_trace(error.__traceback__))
        return
    shown = traceback.TracebackException.from_exception(error, capture_locals=False)
    left: list[Any] = [shown]
    while left:
        part = left.pop()
        part.stack = traceback.StackSummary.from_list([f for f in part.stack if not f.filename.startswith(ENGINE)])
        left += [other for other in (part.__cause__, part.__context__) if other is not None]
    print("".join(shown.format()), end="", file=sys.stderr)


def _own_trace(trace: types.TracebackType | None) -> types.TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(ENGINE):
        trace = trace.tb_next
    return trace
