"""A WaveNet-like network: dilated causal convolutions with gates, residual and skip connections (arXiv:1609.03499)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Model
from ..spec import Spec
from .absent import Sequences
from .layers import ACTIVATIONS, bias_before, normalised, scaled, unrectified

CHANNELS = 32
KERNEL = 3


def wavenet(params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
    """`depth` stacks of blocks with dilations 1, 2, 4, ..., as many as the sequence's length needs; 32 channels.

    The sum of the skips goes through two dense layers, step by step, as in the paper; their mean over the steps and one
    dense layer make the outputs, where the paper predicts the next step. `activation` is that after the skips; the
    gates are tanh times sigmoid.
    """
    channels = scaled(CHANNELS, params.width)
    spans = dilations(spec.shape[1]) * params.depth
    blocks = [Block(params, channels, span, last=place == len(spans)) for place, span in enumerate(spans, 1)]
    body = Skips(params, spec.shape[0] + sum(absent), channels, blocks)
    head = [nn.Dropout(params.dropout)] if params.dropout else []
    return Sequences(absent, body, nn.Sequential(*head, nn.Linear(2 * channels, spec.outputs)))


def dilations(length: int) -> list[int]:
    """1, 2, 4, ... until the last step sees the whole sequence."""
    found = [1]
    while 1 + (KERNEL - 1) * sum(found) < length:
        found.append(2 * found[-1])
    return found


class Causal(nn.Conv1d):
    """A convolution that sees the present and the past."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(F.pad(input, ((self.kernel_size[0] - 1) * self.dilation[0], 0)))


class Block(nn.Module):
    """Two dilated causal convolutions, one gating the other; their product goes on (from all but the last block), and
    aside to the skips."""

    def __init__(self, params: Model, channels: int, dilation: int, last: bool):
        super().__init__()
        self.gated = nn.Sequential(
            unrectified(Causal(channels, 2 * channels, KERNEL, dilation=dilation, bias=bias_before(params))),
            *normalised(params, 2 * channels, images=False),
        )
        self.aside = unrectified(nn.Conv1d(channels, channels, 1))
        self.on = None if last else unrectified(nn.Conv1d(channels, channels, 1))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """`[N, C, L]` to what goes on and what goes aside, of the same shape."""
        signal, gate = self.gated(inputs).chunk(2, 1)
        product = torch.tanh(signal) * torch.sigmoid(gate)
        return (inputs if self.on is None else inputs + self.on(product)), self.aside(product)


class Skips(nn.Module):
    """All blocks, and the dense layers over the sum of what they put aside."""

    def __init__(self, params: Model, inputs: int, channels: int, blocks: list[Block]):
        super().__init__()
        activation = ACTIVATIONS[params.activation]
        self.first = unrectified(Causal(inputs, channels, KERNEL))
        self.blocks = nn.ModuleList(blocks)
        self.after = nn.Sequential(activation(), nn.Conv1d(channels, 2 * channels, 1), activation())

    def forward(self, inputs: Tensor, steps: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`[N, C, L]` to `[N, 2 channels, L]`."""
        features, total = self.first(inputs), torch.zeros((), device=inputs.device)
        for block in self.blocks:
            features, aside = block(features)
            total = total + aside
        return self.after(total), steps
