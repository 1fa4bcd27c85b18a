"""The catalogue: what each finding of the doctor means, why it matters, how it is measured, mended and silenced.

Its words lie in `codes/*.toml`, a file for each row of RECIPE 3.4; `doctor explain CODE` and the documentation's page
show the same ones. Knows no check, and imports nothing heavy.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import UserError
from .limits import LIMITS, nearest

FOLDER = Path(__file__).parent / "codes"
SECTIONS = (
    "shapes", "inputs", "labels", "loss", "model", "gradients", "optimiser", "mode", "data-flow", "resources",
    "symptoms",
)  # fmt: skip
"""The rows of RECIPE 3.4, in its order, then what names no mechanism: the files of `codes/`."""


@dataclass(frozen=True)
class Entry:
    """What is to be known about a code.

    Attributes:
        code: Its name.
        section: The row of the recipe's table that it stands in.
        title: What is wrong, in a few words.
        what: The mechanism.
        why: What a person would see: mostly slightly worse numbers.
        measured: How it is measured, from where on it fires, and how that was calibrated.
        mend: What to do.
        wrong: A few lines of Python that have it.
        right: The same lines, mended.
        severity: Those that it can have, the gravest first.
        found_by: `examine`, `watch`, or both.
        silence: How to silence it, beyond what serves for every code; mostly empty.
    """

    code: str
    section: str
    title: str
    what: str
    why: str
    measured: str
    mend: str
    severity: tuple[str, ...]
    found_by: tuple[str, ...]
    wrong: str = ""
    right: str = ""
    silence: str = ""

    @property
    def thresholds(self) -> tuple[str, ...]:
        """Names of the thresholds that decide about it, which `doctor.thresholds` may set."""
        return tuple(name for name, limit in LIMITS.items() if self.code in limit.codes)


@cache
def entries() -> dict[str, Entry]:
    """Every entry by its code, in the recipe's order."""
    found: dict[str, Entry] = {}
    for section in SECTIONS:
        for code, fields in tomllib.loads((FOLDER / f"{section}.toml").read_text("utf-8")).items():
            found[code] = _entry(code, section, fields)
    return found


def _entry(code: str, section: str, fields: dict[str, Any]) -> Entry:
    prose = {
        name: " ".join(fields[name].split())
        for name in ("what", "why", "measured", "mend", "silence")
        if name in fields
    }
    code_lines = {name: fields[name].strip("\n") for name in ("wrong", "right") if name in fields}
    severity, ways = tuple(fields["severity"]), tuple(fields["found_by"])
    return Entry(code, section, fields["title"], severity=severity, found_by=ways, **prose, **code_lines)


class _Codes:
    """The codes, read when they are first asked for."""

    def __iter__(self):
        return iter(entries())

    def __contains__(self, code: object) -> bool:
        return code in entries()


CODES = _Codes()


def entry(code: str) -> Entry:
    """What is to be known about a code.

    Raises:
        UserError: It is unknown; the nearest is offered.
    """
    found = entries().get(code)
    if found is None:
        raise UserError(f"no finding of the doctor is called `{code}`; {nearest(code, entries())}")
    return found


def explain(code: str) -> str:
    """A code in words, for the terminal.

    Raises:
        UserError: It is unknown; the nearest is offered.
    """
    found = entry(code)
    ways = " and ".join({"examine": "examine", "watch": "doctor SCRIPT"}[way] for way in found.found_by)
    parts = [
        f"{found.code}: {found.title}",
        f"What it is\n{_wrapped(found.what)}",
        f"Why it matters\n{_wrapped(found.why)}",
        f"How it is measured ({' or '.join(found.severity)}; found by {ways})\n{_wrapped(found.measured)}",
        f"How to mend it\n{_wrapped(found.mend)}",
    ]
    if found.wrong:
        parts.append(f"Wrong\n{_indented(found.wrong)}\nRight\n{_indented(found.right)}")
    parts.append(f"How to silence it\n{_wrapped(how_to_silence(found))}")
    return "\n\n".join(parts)


def how_to_silence(of: Entry) -> str:
    """In a sentence or two, with the thresholds that can be set."""
    says = [
        f"Put `# arcane: ignore[{of.code}]` on the line that the finding names, or list the code under `data.accept` "
        "of params.yaml (it is then a note) or under `doctor.silence` (it is then not reported)."
    ]
    for name in of.thresholds:
        says.append(f"Threshold `doctor.thresholds.{name}`, {LIMITS[name].default:g}: {LIMITS[name].says}.")
    return " ".join([*says, *([of.silence] if of.silence else [])])


def _wrapped(text: str) -> str:
    import textwrap

    return textwrap.fill(
        text, 96, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _indented(code: str) -> str:
    return "\n".join(f"    {line}" for line in code.splitlines())
