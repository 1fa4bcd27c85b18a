"""A small transformer encoder (arXiv:1706.03762) for sequences: a later model (RECIPE 2.1)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import Model
from ..spec import Spec
from .absent import Sequences
from .layers import ACTIVATIONS, bias_before, normalised, scaled, unrectified

HEADS = 4
UNITS_A_HEAD = 16
KERNEL = 5
MOST_STEPS = 256


def attention(params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
    """A convolution, positions added as sines, 2 x `depth` encoder blocks of 64 units and 4 heads, the mean over steps.

    Attention costs the square of the length: longer sequences are strided by the convolution to at most 256 steps. The
    blocks have the layer normalisation that belongs to them, before each part (arXiv:2002.04745); `normalization` is
    that of the convolution.
    """
    units = HEADS * scaled(UNITS_A_HEAD, params.width)
    stride = -(-spec.shape[1] // MOST_STEPS)
    body = Encoder(params, spec.shape[0] + sum(absent), units, stride, spec.shape[1])
    head = [nn.Dropout(params.dropout)] if params.dropout else []
    return Sequences(absent, body, nn.Sequential(*head, nn.Linear(units, spec.outputs)))


class Encoder(nn.Module):
    """The convolution, the positions, the blocks."""

    positions: Tensor

    def __init__(self, params: Model, channels: int, units: int, stride: int, length: int):
        super().__init__()
        self.stride = stride
        kernel = max(KERNEL, 2 * stride - 1)
        stem = nn.Conv1d(channels, units, kernel, stride, kernel // 2, bias=bias_before(params))
        self.stem = nn.Sequential(stem, *normalised(params, units, images=False), ACTIVATIONS[params.activation]())
        self.register_buffer("positions", sines(-(-length // stride), units), persistent=False)
        self.blocks = nn.ModuleList(Block(params, units) for _ in range(2 * params.depth))
        self.norm = nn.LayerNorm(units)

    def forward(self, inputs: Tensor, steps: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`[N, C, L]` and bool `[N, L]` to `[N, units, L / stride]` and bool `[N, L / stride]`."""
        if steps is not None:
            steps = steps[:, :: self.stride]
        features = self.stem(inputs).transpose(1, 2)
        features = features + self.positions[: features.shape[1]]
        for block in self.blocks:
            features = block(features, steps)
        return self.norm(features).transpose(1, 2), steps


class Block(nn.Module):
    """Attention of each step to all, then two dense layers at each step, both beside a shortcut."""

    def __init__(self, params: Model, units: int):
        super().__init__()
        self.dropout = params.dropout
        self.norms = nn.ModuleList(nn.LayerNorm(units) for _ in range(2))
        self.asked, self.answered = unrectified(nn.Linear(units, 3 * units)), unrectified(nn.Linear(units, units))
        drop = [nn.Dropout(params.dropout)] if params.dropout else []
        self.dense = nn.Sequential(
            nn.Linear(units, 2 * units),
            ACTIVATIONS[params.activation](),
            *drop,
            unrectified(nn.Linear(2 * units, units)),
            *drop,
        )

    def forward(self, features: Tensor, steps: Tensor | None) -> Tensor:
        """`[N, L, units]` and bool `[N, L]` to the same shape; steps that are not the sequence's own are not seen."""
        n, length, units = features.shape
        heads = self.asked(self.norms[0](features)).view(n, length, 3, HEADS, units // HEADS).permute(2, 0, 3, 1, 4)
        seen = None if steps is None else steps[:, None, None]
        mixed = F.scaled_dot_product_attention(*heads, attn_mask=seen, dropout_p=self.dropout if self.training else 0.0)
        features = features + self.answered(mixed.transpose(1, 2).reshape(n, length, units))
        return features + self.dense(self.norms[1](features))


def sines(length: int, units: int) -> Tensor:
    """Sines and cosines of wavelengths from 2 pi to 10,000 x 2 pi steps: float `[length, units]`."""
    rates = 10_000 ** -(torch.arange(0, units, 2) / units)
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], 2).view(length, -1)[:, :units]
