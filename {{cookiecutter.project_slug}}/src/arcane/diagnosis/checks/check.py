"""What a check is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ...data.findings import Finding
from ..bench import Bench


@dataclass(frozen=True)
class Check:
    """One kind of mistake, looked for; why it matters and from where on it fires stands in the catalogue, by its codes.

    Attributes:
        codes: The findings that it can make.
        look: Measures, and yields what it finds; values go to `bench.measurements`.
        blocking: Whether an error found here leaves nothing for later checks to work on.
        symptom: It names no mechanism, so it is left out where another check found an error.
    """

    codes: tuple[str, ...]
    look: Callable[[Bench], Iterable[Finding]]
    blocking: bool = False
    symptom: bool = False
