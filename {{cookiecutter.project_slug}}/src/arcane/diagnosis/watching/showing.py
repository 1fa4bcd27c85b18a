"""Numbers that the program shows or keeps: what it prints, and the variables beside it."""

import math
import re
from typing import Any

import numpy as np

from .places import Place
from .trace import Report

NUMBER = re.compile(
    r"([A-Za-z_][\w\- /]*?)?[\'\"]?\s*[:=]?\s*(?<![A-Za-z_])(-?\d+(?:\.(\d+))?(?:[eE][-+]?\d+)?)\s*(%)?"
)
MOST = 4000


def look_at_print(recorder: Any, frame: Any, args: tuple) -> None:
    """Numbers with decimals in a printed line, with the word before each."""
    text = " ".join(str(arg) for arg in args if isinstance(arg, str | int | float | dict))
    for word, number, decimals, percent in NUMBER.findall(text[:2000]):
        if decimals or percent:
            value = float(number)
            add(recorder, (word or "").strip().lower(), value, len(decimals), frame)


def look_at_locals(recorder: Any, frame: Any) -> None:
    """Floats that have a name where the line was printed."""
    for name, value in list(frame.f_locals.items())[:200]:
        if isinstance(value, float | np.floating) and math.isfinite(value) and not name.startswith("_"):
            add(recorder, name.lower(), float(value), _digits(value), frame)


def look_at_globals(recorder: Any, variables: dict[str, Any]) -> None:
    """Floats, and the last ones of lists and dictionaries, that the program ended with."""
    for name, value in list(variables.items())[:500]:
        if name.startswith("_"):
            continue
        if isinstance(value, dict) and len(value) < 200:
            for key, inner in list(value.items()):
                _keep(recorder, f"{name}.{key}", inner)
        else:
            _keep(recorder, name, value)


def _keep(recorder: Any, name: str, value: Any) -> None:
    if isinstance(value, list | tuple) and value and len(value) < 10_000:
        value = value[-1]
    if isinstance(value, float | np.floating) and math.isfinite(value):
        add(recorder, name.lower(), float(value), _digits(value), None)


def _digits(value: Any) -> int | None:
    """After the decimal point, of a number of single precision: five that count; None where all are known."""
    single = isinstance(value, np.floating) and value.dtype.itemsize < 8
    return max(0, 5 - math.ceil(math.log10(abs(float(value)) or 1.0))) if single else None


def add(recorder: Any, name: str, value: float, digits: int | None, frame: Any) -> None:
    reports = recorder.trace.reports
    if len(reports) >= MOST:
        return
    place = Place(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name) if frame is not None else None
    reports.append(Report(name, value, digits, recorder.trace.steps, recorder.tick(), place))
