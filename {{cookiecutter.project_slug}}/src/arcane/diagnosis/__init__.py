"""Where the error comes from: the doctor, baselines, the decomposition and the error analysis.

`from arcane.diagnosis import watch` watches any training code; it needs no project.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .watching import watch as watch


def __getattr__(name: str) -> Any:
    """`watch`, loaded when it is asked for: it imports torch, which the other rooms need not."""
    if name == "watch":
        from .watching import watch

        return watch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
