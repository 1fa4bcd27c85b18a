"""A convolutional network over time: the first model for sequences beside the LSTM (RECIPE 2.1)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Model
from ..spec import Spec
from .absent import Sequences
from .layers import ACTIVATIONS, bias_before, normalised, scaled

CHANNELS = 32
MOST_CHANNELS = 128
KERNEL = 5
SHORTEST = 8


def conv1d(params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
    """Stages of 32, 64 and 128 channels, each halving the length, until at most 8 steps are left; then their mean.

    `depth` convolutions a stage, at least two stages; channels stay at 128 from the third on. What the mean drops is
    where in the sequence something was: a pattern is known wherever it stands.
    """
    channels, length = spec.shape[0] + sum(absent), spec.shape[1]
    stages: list[nn.Module] = []
    out = CHANNELS
    while len(stages) < 2 or length > SHORTEST:
        width = scaled(out, params.width)
        stages.append(Stage(params, channels, width))
        channels, length, out = width, -(-length // 2), min(2 * out, MOST_CHANNELS)
    head = [nn.Dropout(params.dropout)] if params.dropout else []
    return Sequences(absent, Stages(stages), nn.Sequential(*head, nn.Linear(channels, spec.outputs)))


class Stages(nn.ModuleList):
    """Stages one after the other."""

    def forward(self, features: Tensor, steps: Tensor | None) -> tuple[Tensor, Tensor | None]:
        for stage in self:
            features, steps = stage(features, steps)
        return features, steps


class Stage(nn.Module):
    """`depth` convolutions, then the larger of each two steps. Padding is kept at zero, so that it is never seen."""

    def __init__(self, params: Model, channels: int, out: int):
        super().__init__()
        self.layers = nn.ModuleList()
        for place in range(params.depth):
            layer = nn.Conv1d(
                channels if place == 0 else out, out, KERNEL, padding=KERNEL // 2, bias=bias_before(params)
            )
            self.layers.append(
                nn.Sequential(layer, *normalised(params, out, images=False), ACTIVATIONS[params.activation]())
            )

    def forward(self, features: Tensor, steps: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`[N, C, L]` and bool `[N, L]` to `[N, out, L / 2]` and bool `[N, L / 2]`."""
        for layer in self.layers:
            features = layer(features)
            if steps is not None:
                features = features * steps[:, None]
        if steps is None:
            return F.max_pool1d(features, 2, ceil_mode=True), None
        features = F.max_pool1d(features.masked_fill(~steps[:, None], -torch.inf), 2, ceil_mode=True)
        steps = steps[:, ::2]  # steps end, so a pair has one if its first is one
        return features.masked_fill(~steps[:, None], 0.0), steps
