"""LeNet-5 (LeCun et al. 1998) with max pooling, fitted to the image's size: the first model for images (RECIPE 2.1)."""

from collections.abc import Sequence

from torch import nn

from ..config import Model
from ..spec import Spec
from .layers import ACTIVATIONS, convolution, hidden, scaled

SMALL_SIDE = 20
LARGEST_MAP = 8


def lenet(params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
    """Convolutions of 6 and 16 channels, each pooled, then 120 and 84 units: 61,706 parameters on 28 x 28 grey images.

    Images under 20 pixels a side get 3 x 3 kernels that keep the size, since two unpadded 5 x 5 ones leave nothing of
    8 x 8. Larger ones get further stages of twice the channels until the maps are at most 8 a side. `depth`
    convolutions a stage.
    """
    channels, *sides = spec.shape
    activation = ACTIVATIONS[params.activation]
    small = min(sides) < SMALL_SIDE
    kernel = 3 if small else 5
    features: list[nn.Module] = []
    out, stage = 6, 0
    while stage < 2 or max(sides) > LARGEST_MAP:
        padding = kernel // 2 if small or stage == 0 else 0
        width = scaled(out, params.width)
        features += [*convolution(params, channels, width, kernel, padding), activation()]
        for _ in range(params.depth - 1):
            features += [*convolution(params, width, width, 3, 1), activation()]
        # ceil_mode keeps an odd side's last row, and a side of 1.
        features.append(nn.MaxPool2d(2, ceil_mode=True))
        sides = [-(-(side + 2 * padding - kernel + 1) // 2) for side in sides]
        small = small or min(sides) < kernel
        channels, out, stage = width, 16 if stage == 0 else out * 2, stage + 1
    units = channels * sides[0] * sides[1]
    dense = [scaled(120, params.width), scaled(84, params.width)]
    return nn.Sequential(
        *features,
        nn.Flatten(),
        *hidden(params, units, dense[0]),
        *hidden(params, dense[0], dense[1]),
        nn.Linear(dense[1], spec.outputs),
    )
