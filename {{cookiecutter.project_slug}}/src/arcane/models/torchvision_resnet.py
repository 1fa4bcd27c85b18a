"""torchvision's residual networks (He et al. 2015, table 1), which published weights fit: `resnet18` and larger."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from ..config import Model
from ..spec import Spec
from .layers import ACTIVATIONS, group_count, scaled

STEM_CHANNELS = 64
SMALL_SIDE = 64
LAYERS: dict[str, tuple[type[BasicBlock | Bottleneck], tuple[int, int, int, int]]] = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
}


class ScaledResNet(ResNet):
    """torchvision's network with `width` times its channels; at 1 it is torchvision's own, names of weights included.

    Args:
        block: Its kind of block.
        layers: Blocks of each of its four stages.
        width: As said.
        norm_layer: Makes the normalisation of so many channels.
    """

    def __init__(self, block: Any, layers: Sequence[int], width: float, norm_layer: Callable[..., nn.Module]):
        self.width = width
        super().__init__(block, list(layers), norm_layer=norm_layer)

    def _make_layer(self, block: Any, planes: int, *args: Any, **options: Any) -> nn.Sequential:
        if planes == STEM_CHANNELS:
            self.inplanes = scaled(STEM_CHANNELS, self.width)
        return super()._make_layer(block, scaled(planes, self.width), *args, **options)


def torchvision_resnet(name: str, params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
    """The network of that name, `depth` times its blocks, for images of any size and number of channels.

    Images of less than 64 pixels a side get a stem of 3 x 3 without stride and pooling, as is usual for CIFAR: the
    published one would leave 1 x 1 of them. Published weights have batch norm; without normalisation each block's last
    layer starts scaled as in `resnet`.
    """
    block, layers = LAYERS[name]
    network: Any = ScaledResNet(block, [count * params.depth for count in layers], params.width, norm_of(params))
    channels, bias = scaled(STEM_CHANNELS, params.width), params.normalization == "none"
    small = max(spec.shape[1:]) < SMALL_SIDE
    kernel, stride = (3, 1) if small else (7, 2)
    network.conv1 = nn.Conv2d(spec.shape[0], channels, kernel, stride, kernel // 2, bias=bias)
    network.bn1 = norm_of(params)(channels)
    if small:
        network.maxpool = nn.Identity()
    features = scaled(512, params.width) * block.expansion
    head = nn.Linear(features, spec.outputs)
    network.fc = nn.Sequential(nn.Dropout(params.dropout), head) if params.dropout else head
    module: Any
    for module in [network, *network.modules()]:
        if hasattr(module, "relu"):
            module.relu = ACTIVATIONS[params.activation]()
    if params.normalization == "none":
        for part in network.modules():
            if isinstance(part, BasicBlock | Bottleneck):
                last: Any = part.conv2 if isinstance(part, BasicBlock) else part.conv3
                last.residual_scale = sum(layers * params.depth) ** -0.5
    return network


def norm_of(params: Model) -> Callable[[int], nn.Module]:
    """What makes the normalisation of so many channels."""
    if params.normalization == "batch":
        return nn.BatchNorm2d
    if params.normalization == "group":
        return lambda channels: nn.GroupNorm(group_count(channels), channels)
    return nn.Identity
