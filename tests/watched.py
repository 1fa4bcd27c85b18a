"""Programs under the watching doctor, for its tests: data of a few classes, and what is found."""

import warnings
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path

import torch

from arcane.data.findings import Finding
from arcane.diagnosis import watch


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
    """What is found in a program that stands in a file; what it prints is swallowed, and how it ends."""
    file.write_text(source, encoding="utf-8")
    torch.set_num_threads(1)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        with suppress(Exception), watch(show=False) as report:
            exec(compile(source, str(file), "exec"), {"__name__": "__main__"})
    return list(report.findings)
