"""Random changes of whole batches of training examples that leave the label true; each example gets its own draw.

torchvision's v2 transforms draw one set of numbers for a whole batch (of its random geometric ones none draws by
example), so 64 images would be turned by the same angle; these draw 64 and stay one tensor operation. A new one is a
function `(inputs, generator) -> the same shape and type` and a line in `AUGMENTATIONS`.
"""

import difflib
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ..errors import UserError
from ..spec import Modality

SHIFT = 0.1
DEGREES = 10.0
SCALE = 0.1
NOISE = 0.05
SWAPPED = 0.1
SHORTEST_CROP = 0.7
MODALITY_OF: dict[int, Modality] = {4: "image", 3: "sequence", 2: "tabular"}


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
    rows = shifted(height, draws[0], max(1, height // 8))
    columns = shifted(width, draws[1], max(1, width // 8))
    columns = torch.where((draws[2] < 0.5)[:, None], columns.flip(1), columns)
    images = images.gather(2, rows[:, None, :, None].expand(n, channels, height, width))
    return images.gather(3, columns[:, None, None, :].expand(n, channels, height, width))


def shift_scale_noise(sequences: Tensor, generator: Generator | None) -> Tensor:
    """Shift by whole steps up to a tenth of the length (the ends go on), stretch the swing about each channel's own
    mean by 0.9 to 1.1, add noise of 5 % of its own deviation; what is absent stays absent.

    For things that mean the same a little earlier, louder or noisier: not where the level or the exact time counts.
    """
    n, channels, length = sequences.shape
    draws = torch.rand(2, n, device=sequences.device, generator=generator)
    steps = shifted(length, draws[0], max(1, int(length * SHIFT)))
    moved = sequences.gather(2, steps[:, None].expand(n, channels, length))
    middle = moved.nanmean(2, keepdim=True)
    swing = moved - middle
    deviation = swing.square().nanmean(2, keepdim=True).sqrt()
    noise = torch.randn(moved.shape, device=moved.device, generator=generator) * deviation * NOISE
    return middle + swing * (1 + (2 * draws[1, :, None, None] - 1) * SCALE) + noise


def crop(sequences: Tensor, generator: Generator | None) -> Tensor:
    """A part of each sequence, 70 to 100 % of its steps, stretched to its whole length (the nearest step, no blends).

    For things that mean the same at another pace, or a little cut: not where the whole or the exact time counts.
    Padding stays where it is.
    """
    n, channels, length = sequences.shape
    draws = torch.rand(2, n, device=sequences.device, generator=generator)
    step = torch.arange(length, device=sequences.device)
    there = ~sequences.isnan().all(1)
    own = (there * (step + 1)).amax(1).clamp(min=1)  # steps up to the last that has a value
    share = 1 - draws[0] * (1 - SHORTEST_CROP)
    start = draws[1] * own * (1 - share)
    taken = (start[:, None] + step * share[:, None]).floor().long()
    taken = torch.where(step < own[:, None], taken.clamp(max=length - 1), step)
    return sequences.gather(2, taken[:, None].expand(n, channels, length))


def swap(rows: Tensor, generator: Generator | None) -> Tensor:
    """A tenth of the cells take the value of the same column in another row of the batch: swap noise.

    Every column keeps its distribution, so that it suits numbers, categories and missing values alike (M. Jahrer's
    solution of Porto Seguro's challenge, Kaggle 2017).
    """
    others = torch.randint(len(rows), rows.shape, device=rows.device, generator=generator)
    swapped = torch.rand(rows.shape, device=rows.device, generator=generator) < SWAPPED
    return torch.where(swapped, rows.gather(0, others), rows)


def shifted(side: int, draws: Tensor, reach: int) -> Tensor:
    """Indices `[N, side]` moved by up to `reach`, kept inside; draws from 0 to 1, `[N]`."""
    offsets = (draws * (2 * reach + 1)).floor().long() - reach
    return (torch.arange(side, device=draws.device) + offsets[:, None]).clamp_(0, side - 1)


AUGMENTATIONS: dict[Modality, dict[str, Callable[[Tensor, Generator | None], Tensor]]] = {
    "image": {"none": unchanged, "affine": affine, "crop-flip": crop_flip},
    "sequence": {"none": unchanged, "shift-scale-noise": shift_scale_noise, "crop": crop},
    "tabular": {"none": unchanged, "swap": swap},
}


def augmentation(name: str, modality: Modality) -> Callable[[Tensor, Generator | None], Tensor]:
    """The augmentation of that name.

    Raises:
        UserError: The name is unknown (the nearest is offered), or is of another modality.
    """
    fitting = AUGMENTATIONS[modality]
    if name not in fitting:
        known = ", ".join(fitting)
        if any(name in others for others in AUGMENTATIONS.values()):
            raise UserError(f"train.augmentation is `{name}`, which does not suit {modality} data; for it: {known}")
        near = difflib.get_close_matches(name, fitting, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`? known" if near else "known"
        raise UserError(f"train.augmentation is `{name}`, which is unknown; {hint}: {known}")
    return fitting[name]


def augmentation_names(modality: Modality | None = None) -> tuple[str, ...]:
    """The names that `train.augmentation` may take, for one modality or any."""
    found = AUGMENTATIONS.values() if modality is None else [AUGMENTATIONS[modality]]
    return tuple(dict.fromkeys(name for kinds in found for name in kinds))


def augment(inputs: Tensor, name: str, generator: Generator | None = None) -> Tensor:
    """Change each example of a training batch at random.

    Args:
        inputs: Images uint8 `[N, C, H, W]`, sequences float32 `[N, C, L]`, or rows of a table float32 `[N, F]`.
        name: One of `augmentation_names`.
        generator: Where the draws come from; torch's global generator when None, which `fit` seeds by step.

    Returns:
        The same shape and type.
    """
    return augmentation(name, MODALITY_OF[inputs.ndim])(inputs, generator)
