"""A tensor that the program made, and how: what the graph of a loss is made of."""

from dataclasses import dataclass, field
from typing import Any

from .places import Place


@dataclass(eq=False, slots=True)
class Node:
    """A tensor that was made, and how.

    Attributes:
        name: The function that made it, without underscores (`sub`, `cross_entropy`); `parameter` for a leaf that
            wants a gradient, `data` for any other leaf.
        inputs: The tensors that it was made from, in order.
        shape: Of the result.
        dtype: Of the result, as `float32`.
        wants_gradient: Whether a gradient goes through it.
        place: The person's line.
        options: Arguments that are no tensors, by name where the name is known, else by position (`1`).
        facts: Measurements of values, by name; `input.` and `target.` before those of a loss's arguments.
        calls: Numbers of the model calls that it comes from.
        module: Class of the innermost module that made it, empty outside of modules.
        key: Identity of a parameter.
        layers: Layers with parameters on the longest way to it.
    """

    name: str
    inputs: tuple["Node", ...]
    shape: tuple[int, ...]
    dtype: str
    wants_gradient: bool
    place: Place | None = None
    options: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    calls: frozenset[int] = frozenset()
    module: str = ""
    key: int = 0
    layers: int = 0

    def option(self, name: str, position: int, default: Any = None) -> Any:
        """An argument that is no tensor, by its name or its position."""
        return self.options.get(name, self.options.get(str(position), default))
