"""A residual network for small images (He et al. 2015, section 4.2): the model after LeNet (RECIPE 2.1)."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..config import Model
from ..spec import Spec
from .layers import ACTIVATIONS, convolution, scaled

CHANNELS = (16, 32, 64)


def resnet(params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
    """Three stages of 16, 32 and 64 channels, `depth` blocks each; depth 3 with batch norm is the paper's ResNet-20.

    The first stage works at 32 pixels a side at most: larger images are strided down by the stem.
    """
    activation = ACTIVATIONS[params.activation]
    stride = max(1, -(-max(spec.shape[1:]) // 32))
    channels = scaled(CHANNELS[0], params.width)
    kernel = max(3, 2 * stride - 1)
    parts = [*convolution(params, spec.shape[0], channels, kernel, kernel // 2, stride), activation()]
    for stage, size in enumerate(CHANNELS):
        for block in range(params.depth):
            out = scaled(size, params.width)
            parts.append(Block(params, channels, out, stride=2 if stage > 0 and block == 0 else 1))
            channels = out
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if params.dropout:
        parts.append(nn.Dropout(params.dropout))
    return nn.Sequential(*parts, nn.Linear(channels, spec.outputs))


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, which is a 1 x 1 convolution where the shape changes.

    Without normalisation each block would double the variance; the branch's last layer then starts scaled by
    1 / sqrt(blocks), which bounds it at any depth (arXiv:1901.09321).
    """

    def __init__(self, params: Model, channels: int, out: int, stride: int):
        super().__init__()
        self.activation = ACTIVATIONS[params.activation]()
        self.branch = nn.Sequential(
            *convolution(params, channels, out, 3, 1, stride), self.activation, *convolution(params, out, out, 3, 1)
        )
        if params.normalization == "none":
            self.branch[-1].residual_scale = (len(CHANNELS) * params.depth) ** -0.5
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else nn.Sequential(*convolution(params, channels, out, 1, 0, stride))

    def forward(self, images: Tensor) -> Tensor:
        """Maps `[N, C, H, W]` to `[N, out, H / stride, W / stride]`."""
        return self.activation(self.branch(images) + self.shortcut(images))
