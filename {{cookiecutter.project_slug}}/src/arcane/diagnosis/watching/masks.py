"""Masks and their pictures: whether a mask lies on what it marks, told by a reader of evaluation's pairs."""

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .graph import given, owners
from .reading import ridge
from .trace import Call, Trace
from .turning import turns

FEWEST, PIXELS = 20, 6000
"""Pictures of a side, and pixels that the reader is fitted on."""

SIGNS = ("negated", "of the other sign")
"""Turns that a mask does not know."""

RELATED = 0.3
"""Correlation of what the reader says with evaluation's masks from which on it is asked about training's."""


def look_at_masks(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Fit a reader of a pixel's surroundings on evaluation, and turn training's masks to see which way they fit."""
    learned = [c for c in trace.learned if c.number in captures.targets]
    if not learned or not given(trace):
        return
    owner, model = owners(trace), learned[0].model
    asked = [c for c in trace.asked if c.number in captures.targets and owner[c.model] == model]
    own, rest = _pairs(learned, captures), _pairs(asked, captures)
    if own is None or rest is None:
        return
    (pictures, masks), (other, wanted) = own, rest
    if pictures.shape[1:] != other.shape[1:] or masks.shape[1:] != wanted.shape[1:]:
        return
    cut = len(other) // 2
    said_held = said_of(other[:cut], wanted[:cut], other[cut:])
    held = fits(said_held, wanted[cut:])
    if float(np.median(held)) < RELATED:
        return
    said = said_of(other, wanted, pictures)
    as_is = fits(said, masks)
    inverted = (as_is < -RELATED).mean() - 2 * (held < -RELATED).mean()
    if inverted > trace.limit("inverted_masks"):
        yield found(
            "labels-corrupt", "error",
            f"{100 * (as_is < -RELATED).mean():.0f} % of the training masks mark all but what evaluation's mark: 0 and "
            "1 have changed places.",
            "Give both sides their masks in one way.", learned[0].place, "masks that mark the same",
            share=float((as_is < -RELATED).mean()),
        )  # fmt: skip
        return
    for name, turn in turns(masks).items():
        turned = fits(said, turn(masks))
        controls = fits(said_held, turn(wanted[cut:]))
        better, usual = turned > as_is + 0.5 * RELATED, controls > held + 0.5 * RELATED
        if name not in SIGNS and better.mean() > trace.limit("turned_masks") + 2 * usual.mean():
            yield found(
                "augmentation-breaks-labels", "error",
                f"{100 * better.mean():.0f} % of the training masks lie on what they mark only when they are {name}; "
                f"of evaluation's it is {100 * usual.mean():.0f} %.",
                "Turn masks together with their pictures, by the same draw.", learned[0].place,
                "masks that lie on what they mark", share=float(better.mean()),
            )  # fmt: skip
            return
    off, usual = _moved(said, masks, as_is), _moved(said_held, wanted[cut:], held)
    if off.mean() > trace.limit("turned_masks") + 2 * usual.mean() and belongs(said, masks):
        yield found(
            "augmentation-breaks-labels", "error",
            f"{100 * off.mean():.0f} % of the training masks lie on what they mark only when they are moved by some "
            f"pixels; of evaluation's it is {100 * usual.mean():.0f} %.",
            "Crop or shift masks together with their pictures, by the same draw.", learned[0].place,
            "masks that lie on what they mark", share=float(off.mean()),
        )  # fmt: skip


def belongs(said: np.ndarray, masks: Tensor, least: float = 0.01) -> bool:
    """Whether what a reader says fits each picture's own mask better than another picture's."""
    from scipy.stats import ttest_rel

    return bool(ttest_rel(fits(said, masks), fits(said, masks.roll(1, 0)), alternative="greater").pvalue < least)


def _moved(said: np.ndarray, masks: Tensor, as_is: np.ndarray) -> np.ndarray:
    """Whether each mask [n, 1, H, W] fits better somewhere else, by a quarter of its edge at most; by correlation."""
    height, width = masks.shape[2:]
    best = as_is.copy()
    for down in range(-(height // 4), height // 4 + 1):
        for across in range(-(width // 4), width // 4 + 1):
            if max(abs(down), abs(across)) > 1:  # a pixel to the side is no mistake
                best = np.maximum(best, fits(said, masks.roll((down, across), (2, 3))))
    return best > as_is + 0.5 * RELATED


def _pairs(calls: list[Call], captures: Captures) -> tuple[Tensor, Tensor] | None:
    """Pictures [n, C, H, W] and masks [n, 1, H, W] of numbers; None where they are too few or of several sizes."""
    calls = [c for c in calls if captures.inputs[c.number].dim() == 4]
    if not calls or len({captures.inputs[c.number].shape[1:] for c in calls}) > 1:
        return None
    pictures = torch.cat([captures.inputs[c.number] for c in calls])[:200].float()
    masks = torch.cat([captures.targets[c.number] for c in calls])[:200].double()
    masks = masks[:, None] if masks.dim() == 3 else masks
    autoencoder = masks.shape == pictures.shape and bool(torch.equal(masks.float(), pictures))
    good = masks.dim() == 4 and masks.shape[1] == 1 and len(pictures) >= FEWEST and min(pictures.shape[2:]) >= 6
    return (pictures, (masks > 0).double()) if good and not autoencoder and bool(pictures.isfinite().all()) else None


def _surroundings(pictures: Tensor) -> Tensor:
    """Of each pixel itself, its surroundings' means at two sizes, and how far it stands out [n * H * W, 3 C]."""
    values = (pictures - pictures.mean((0, 2, 3), keepdim=True)) / (pictures.std((0, 2, 3), keepdim=True) + 1e-9)
    near, far = (F.avg_pool2d(values, size, 1, size // 2, count_include_pad=False) for size in (3, 5))
    maps = torch.cat([values, near, far, (values - far) ** 2, values**2], 1)
    return maps.permute(0, 2, 3, 1).flatten(0, 2).double()


def said_of(known: Tensor, masks: Tensor, asked: Tensor) -> np.ndarray:
    """What the reader says of each pixel [n, H * W]."""
    features, wanted = _surroundings(known).numpy(), masks.flatten().numpy()[:, None]
    step = max(1, len(features) // PIXELS)
    return ridge(features[::step], wanted[::step], _surroundings(asked).numpy()).reshape(len(asked), -1)


def fits(said: np.ndarray, masks: Tensor) -> np.ndarray:
    """Correlation of what is said with each mask [n]."""
    truth = masks.flatten(1).numpy()
    first, second = said - said.mean(1, keepdims=True), truth - truth.mean(1, keepdims=True)
    size = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    return (first * second).sum(1) / np.maximum(size, 1e-12)
