"""Where in the program something happened: the innermost line of the person's own code, never of torch or of ours."""

import os
import sys
import sysconfig
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType

ENGINE = str(Path(__file__).resolve().parents[2]) + os.sep
RUNNER = str(Path(__file__).with_name("program.py"))
"""Runs a program: whoever called it is no part of that."""
LIBRARIES = tuple(
    sorted({str(Path(p).resolve()) + os.sep for n, p in sysconfig.get_paths().items() if n not in ("scripts", "data")})
)
DEEPEST = 60
"""Frames looked at; a person's line is nearer than that in any program that is not a deep recursion."""


@dataclass(frozen=True)
class Place:
    """A line of the program.

    Attributes:
        file: Absolute path.
        line: From 1.
        function: The function's name, `<module>` outside of any.
        at: The code and its instruction there, where they were kept.
    """

    file: str
    line: int
    function: str
    at: tuple[CodeType, int] | None = field(default=None, compare=False, repr=False)

    @property
    def shown(self) -> str:
        """`file:line`, the file's name and its folder when it is not in the working directory."""
        path = Path(self.file)
        try:
            return f"{path.relative_to(Path.cwd()).as_posix()}:{self.line}"
        except ValueError:
            return f"{'/'.join(path.parts[-2:])}:{self.line}"

    @property
    def source(self) -> str:
        """The line's text, empty where the file cannot be read."""
        import linecache

        return linecache.getline(self.file, self.line).strip()

    @property
    def expression(self) -> str:
        """The text of the call alone that is made there, of several on a line; empty where it is not known."""
        import linecache

        first, last, start, end = (
            next(islice(self.at[0].co_positions(), self.at[1] // 2, None)) if self.at else (0,) * 4
        )
        if not first or first != last or start is None:
            return ""
        return linecache.getline(self.file, first).encode()[start:end].decode(errors="ignore")


@cache
def is_own(file: str) -> bool:
    """Whether a file is the person's: not a library's, not the standard library's, not the engine's."""
    if file.startswith("<") and not file.startswith("<ipython"):
        return False
    path = str(Path(file).resolve())
    return not (path.startswith(ENGINE) or path.startswith(LIBRARIES) or f"{os.sep}site-packages{os.sep}" in path)


def here(skip: int = 1) -> Place | None:
    """The innermost line of the person's code on the stack."""
    frame = sys._getframe(skip)
    for _ in range(DEEPEST):
        code = frame.f_code
        if is_own(code.co_filename):
            return Place(code.co_filename, frame.f_lineno, code.co_name)
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


def callers(skip: int = 1, most: int = 4) -> tuple[Place, ...]:
    """The person's lines above the innermost one, innermost first; above a program that is run there are none."""
    found: list[Place] = []
    frame: FrameType | None = sys._getframe(skip)
    for _ in range(DEEPEST):
        if frame is None or len(found) > most or frame.f_code.co_filename == RUNNER:
            break
        if is_own(frame.f_code.co_filename):
            code = frame.f_code
            found.append(Place(code.co_filename, frame.f_lineno, code.co_name, (code, frame.f_lasti)))
        frame = frame.f_back
    return tuple(found[1:])


def line_at(location: str | None) -> str:
    """The text of the line at `file:line`, relative to the working directory; empty where it cannot be read."""
    import linecache

    if not location or ":" not in location:
        return ""
    file, _, line = location.rpartition(":")
    return linecache.getline(str(Path.cwd() / file), int(line)) if line.isdigit() else ""
