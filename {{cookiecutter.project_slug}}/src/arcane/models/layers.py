"""The pieces that several networks share: activation, normalisation, and the sizes that follow `width`."""

from typing import Any

from torch import nn

from ..config import Model

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


def scaled(size: int, width: float) -> int:
    """`size` channels or units times `width`, at least one."""
    return max(1, round(size * width))


def bias_before(params: Model) -> bool:
    """Whether a layer in front of the normalisation carries a bias: batch norm would subtract it again."""
    return params.normalization != "batch"


def normalised(params: Model, channels: int, images: bool = True) -> list[nn.Module]:
    """The chosen normalisation of the channels of `images`, or of a sequence's channels or units; or nothing."""
    if params.normalization == "batch":
        return [nn.BatchNorm2d(channels) if images else nn.BatchNorm1d(channels)]
    if params.normalization == "group":
        return [nn.GroupNorm(group_count(channels), channels)]
    return []


def group_count(channels: int) -> int:
    """The most groups, up to 8, that divide `channels` and keep four or more: a lone 1 x 1 channel becomes zero."""
    return next((groups for groups in range(8, 1, -1) if channels % groups == 0 and channels // groups >= 4), 1)


def convolution(params: Model, channels: int, out: int, kernel: int, padding: int, stride: int = 1) -> list[nn.Module]:
    """Convolution and the chosen normalisation, no activation."""
    layer = nn.Conv2d(channels, out, kernel, stride=stride, padding=padding, bias=bias_before(params))
    return [layer, *normalised(params, out)]


def hidden(params: Model, units: int, out: int) -> list[nn.Module]:
    """A dense hidden layer with normalisation, activation and dropout as chosen."""
    parts = [nn.Linear(units, out, bias=bias_before(params)), *normalised(params, out, images=False)]
    parts.append(ACTIVATIONS[params.activation]())
    return [*parts, nn.Dropout(params.dropout)] if params.dropout else parts


def unrectified(layer: Any) -> Any:
    """The same layer, marked: no rectifier follows it, so its first weights are Glorot's."""
    layer.glorot = True
    return layer
