"""Programs under the watching doctor, for its tests: data of a few classes, and what is found."""

from collections.abc import Callable

import torch

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
