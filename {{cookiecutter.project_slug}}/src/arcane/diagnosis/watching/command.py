"""`doctor train.py`: run the program, show what was found on stderr, write it where asked, and give the exit code."""

import time
from collections.abc import Sequence
from pathlib import Path

from ...errors import UserError
from ...files import write_json
from ...terminal import Terminal
from ..limits import Settings, settings
from .program import run_watched

FOUND = 3


def watch_program(script: Path | str, arguments: Sequence[str], json_file: Path | None, steps: int | None) -> int:
    """Watch a program; its own exit code where it failed, else 3 where there are errors, else 0.

    Args:
        script: A Python file, or a module's name.
        arguments: The program's own; `--json FILE` among them, before a `--`, is the doctor's.
        json_file: Write the findings there.
        steps: Stop the program after so many optimiser steps.

    Raises:
        UserError: There is no such program.
    """
    own, asked = split_arguments(arguments)
    chosen = asked or json_file
    json_file = chosen.absolute() if chosen else None  # the program may change its folder
    accept, given = in_project(Path("params.yaml"))
    start = time.monotonic()
    code, report = run_watched(script, own, steps=steps, accept=accept, settings=given)
    seconds = time.monotonic() - start
    Terminal(stderr=True).doctor(report.verdict, report.findings)
    if json_file:
        write_json(json_file, {**report.as_json(), "seconds": round(seconds, 3)})
    return code or (FOUND if report.errors else 0)


def split_arguments(arguments: Sequence[str]) -> tuple[list[str], Path | None]:
    """The program's arguments, and the file that `--json` names; what follows a `--` is the program's alone."""
    own, asked, left = [], None, list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--":
            return [*own, *left], asked
        if argument == "--json" and left:
            asked = Path(left.pop(0))
        elif argument.startswith("--json="):
            asked = Path(argument.removeprefix("--json="))
        else:
            own.append(argument)
    return own, asked


def in_project(params: Path) -> tuple[tuple[str, ...], Settings]:
    """The codes that a project's `data.accept` lets through, and what its `doctor` sets; nothing without a project.

    A `params.yaml` of another tool's, of whatever form, sets nothing.

    Raises:
        UserError: `doctor` names a threshold or a code that does not exist, or gives a threshold that is no number.
    """
    if not params.is_file():
        return (), Settings()
    import yaml

    try:
        tree = yaml.safe_load(params.read_text(encoding="utf-8")) or {}
        accept = tuple(str(code) for code in tree.get("data", {}).get("accept", ()) or ())
        own = tree.get("doctor") or {}
        thresholds, silence = own.get("thresholds") or {}, own.get("silence") or ()
    except (yaml.YAMLError, AttributeError, TypeError, UnicodeDecodeError, OSError):
        return (), Settings()
    if not isinstance(thresholds, dict):
        raise UserError(f"{params}: doctor.thresholds: expected a number by name, not {thresholds!r}")
    for name, value in thresholds.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{params}: doctor.thresholds.{name}: expected a number by name, not {value!r}")
    return accept, settings(thresholds, silence, str(params))
