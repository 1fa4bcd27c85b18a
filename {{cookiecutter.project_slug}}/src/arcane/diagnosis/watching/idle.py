"""Units that are idle: which share of a layer's non-linearities gives nothing, or lies at its bounds."""

from typing import Any

from torch import Tensor

from .trace import Node, Units

SQUASHES = frozenset({"sigmoid", "tanh"})
LARGEST = 1 << 22
"""Values of a layer that are looked at."""


class Idle:
    """Told of the non-linearities behind layers.

    Args:
        recorder: The recorder.
        layers: Names of the operations that are layers.
    """

    def __init__(self, recorder: Any, layers: frozenset[str]):
        self.recorder, self.layers = recorder, layers
        self.ordinals: dict[tuple[int, str], int] = {}

    def look(self, node: Node, result: Tensor) -> None:
        """Share of idle units; the unit's dimension is 1 behind a convolution and the last one elsewhere."""
        if not node.layers or not node.wants_gradient or result.dim() < 2 or result.numel() > LARGEST:
            return
        call = max(node.calls, default=-1)
        ordinal = self.ordinals[call, node.name] = self.ordinals.get((call, node.name), 0) + 1
        values = result.detach()
        unit = 1 if values.dim() == 4 or (values.dim() == 3 and self.convolved(node)) else -1
        values = values.movedim(unit, -1).flatten(0, -2)
        if node.name in SQUASHES:
            low, high = (0.01, 0.99) if node.name == "sigmoid" else (-0.99, 0.99)
            idle = float(((values < low) | (values > high)).double().mean())
        else:
            idle = float((values == values.amin(0)).all(0).double().mean()) if len(values) > 1 else 0.0
        model = self.recorder.trace.calls[call].model if call >= 0 else 0
        units = self.recorder.trace.units
        found = units.setdefault(
            (model, node.name, ordinal), Units(node.name, node.place, 0, values.shape[1])
        )  # fmt: skip
        found.rows = max(found.rows, len(values))
        found.idle.append(idle)
        found.steps.append(self.recorder.trace.steps)

    def convolved(self, node: Node) -> bool:
        """Whether a convolution is the layer before."""
        while node.inputs:
            if node.name.startswith("conv"):
                return True
            if node.name in self.layers and node.name != "batch_norm":
                return False
            node = node.inputs[0]
        return False
