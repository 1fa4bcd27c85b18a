"""Random changes of whole batches of training images that leave the label true; each example gets its own draw.

torchvision's v2 transforms draw one set of numbers for a whole batch (of its random geometric ones none draws by
example), so 64 images would be turned by the same angle; these draw 64 and stay one tensor operation. A new one is a
function `(images uint8 [N, C, H, W], generator) -> uint8 of the same shape` and a line in `AUGMENTATIONS`.
"""

import difflib
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ..errors import UserError

SHIFT = 0.1
DEGREES = 10.0
SCALE = 0.1


def unchanged(images: Tensor, generator: Generator | None) -> Tensor:
    """No augmentation."""
    return images


def affine(images: Tensor, generator: Generator | None) -> Tensor:
    """Shift up to a tenth of the side, turn up to 10 degrees, scale by 0.9 to 1.1; beyond the edge its pixels go on.

    For things that mean the same a little moved or turned; digits and clothes among them.
    """
    height, width = images.shape[2:]
    draws = torch.rand(4, len(images), device=images.device, generator=generator) * 2 - 1
    angle, scale = draws[0] * math.radians(DEGREES), 1 + draws[1] * SCALE
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    # The grid's coordinates run from -1 to 1 on both sides: a turn of a wide image mixes them by the sides' ratio.
    rows = (cosine, -sine * height / width, draws[2] * 2 * SHIFT, sine * width / height, cosine, draws[3] * 2 * SHIFT)
    matrices = torch.stack(rows, dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    moved = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return moved.round_().to(torch.uint8)


def crop_flip(images: Tensor, generator: Generator | None) -> Tensor:
    """Shift by whole pixels up to an eighth of the side (the edge's pixels go on) and mirror half of the images.

    For things that mean the same in a mirror: not for digits or letters.
    """
    n, channels, height, width = images.shape
    draws = torch.rand(3, n, device=images.device, generator=generator)
    rows = shifted(height, draws[0])
    columns = shifted(width, draws[1])
    columns = torch.where((draws[2] < 0.5)[:, None], columns.flip(1), columns)
    images = images.gather(2, rows[:, None, :, None].expand(n, channels, height, width))
    return images.gather(3, columns[:, None, None, :].expand(n, channels, height, width))


def shifted(side: int, draws: Tensor) -> Tensor:
    """Pixel indices `[N, side]` moved by up to an eighth of the side, kept inside."""
    reach = max(1, side // 8)
    offsets = (draws * (2 * reach + 1)).floor().long() - reach
    return (torch.arange(side, device=draws.device) + offsets[:, None]).clamp_(0, side - 1)


AUGMENTATIONS: dict[str, Callable[[Tensor, Generator | None], Tensor]] = {
    "none": unchanged,
    "affine": affine,
    "crop-flip": crop_flip,
}


def augmentation(name: str) -> Callable[[Tensor, Generator | None], Tensor]:
    """The augmentation of that name.

    Raises:
        UserError: The name is unknown; the nearest is offered.
    """
    if name not in AUGMENTATIONS:
        near = difflib.get_close_matches(name, AUGMENTATIONS, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`? known" if near else "known"
        raise UserError(f"train.augmentation is `{name}`, which is unknown; {hint}: {', '.join(AUGMENTATIONS)}")
    return AUGMENTATIONS[name]


def augment(images: Tensor, name: str, generator: Generator | None = None) -> Tensor:
    """Change each image of a training batch at random.

    Args:
        images: uint8 `[N, C, H, W]`.
        name: A name in `AUGMENTATIONS`.
        generator: Where the draws come from; torch's global generator when None, which `fit` seeds by step.

    Returns:
        uint8 of the same shape.
    """
    return augmentation(name)(images, generator)
