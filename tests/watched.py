"""Programs under the watching doctor, for its tests: data of a few classes, and what is found."""

import linecache
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import torch

from arcane.data.findings import Finding
from arcane.diagnosis import watch
from arcane.diagnosis.watching.program import run_watched


def blobs(n: int = 300, classes: int = 5, features: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows around one centre a class, standardised by the first 240, and their classes: `[n, features]` and `[n]`."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, (n,), generator=generator)
    centres = torch.randn(classes, features, generator=generator) * 3
    rows = centres[labels] + torch.randn(n, features, generator=generator)
    return (rows - rows[:240].mean(0)) / rows[:240].std(0), labels


def codes(program: Callable[[], object]) -> list[str]:
    """What is found in a program, errors first; it runs on one thread, from seed 0."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with watch(show=False) as report:
        program()
    return [finding.code for finding in report.findings]


def read(source: str, file: Path) -> list[Finding]:
    """What `doctor` finds in a program that stands in a file; what it prints is swallowed, and how it ends."""
    file.write_text(source, encoding="utf-8")
    linecache.checkcache(str(file))  # it may have held another program before
    torch.set_num_threads(1)
    before = sys.argv, sys.path[:], sys.modules["__main__"], sys.excepthook
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            return list(run_watched(file, [])[1].findings)
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"], sys.excepthook = before
