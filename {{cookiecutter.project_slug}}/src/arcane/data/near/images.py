"""Near-duplicate images: a picture that was encoded again, scaled and back, made a little brighter, shifted or noisy.

Fingerprints alone cannot tell: at 28 by 28 pixels two pairs of white trousers are as alike to a perceptual hash as a
picture and its copy. So what is close is compared pixel by pixel, once the one is shifted, brightened and filtered to
match the other as well as it can: a copy leaves nothing behind, other trousers leave an edge somewhere.
"""

from collections.abc import Callable, Iterator

import numpy as np

from ...spec import Spec
from .tree import Tree

# Images are compared as thumbnails of at most 32 pixels a side.
SIDE = 32
# An image shifted by a pixel is the same picture. Below 14 pixels a side that is too much; from 190 on it moves a
# fingerprint by less than the radius (3 pi / 190), so that it need not be looked for.
SHIFTED = range(14, 190)
# Cosines up to this order: 27 numbers. Of planted copies of Fashion-MNIST (JPEG at 60, scaled by 2 pixels and back),
# 99 % lie within 0.056; with fewer orders ever more others do too.
ORDERS = 7
RADIUS = 0.06
# The largest difference left, in standard deviations of the image. Of Fashion-MNIST's 60,000 training images 59 have an
# older one below 0.15, by eye the same garment, and all of one label; from 0.16 on, most are other trousers. Of planted
# copies 87 % (JPEG at 60), 91 % (scaled by 2 pixels and back), 97 % (JPEG at 75) and 99.8 % of all others are below.
DIFFERENCE = 0.15
# Below this many pixels a side there are too few to fit a filter; only brightness and contrast are. On digits (8 by 8)
# no pair is below 0.11; of planted copies 81 % (JPEG at 60) to all (JPEG at 75, noise, brightness) are found.
FEW_PIXELS, DIFFERENCE_OF_FEW = 14, 0.10
# A copy may be brighter or of more contrast, by a fifth; beyond that it is the same coat in another colour.
LEAST_GAIN, MOST_GAIN = 0.8, 1.25
# Colours may differ by half a standard deviation of the grey image or 10 levels: JPEG keeps them at half the
# resolution, and brightness scales them. The same dress in another colour is farther off.
COLOURS_APART, LEVELS_APART = 0.5, 10.0
# Grey levels; what varies less is blank, and what is left of it is noise.
LEAST_CONTRAST = 2.0
BLOCK = 4096
VERIFIED_BYTES = 32 * 2**20
Shift = tuple[int, int]


def fingerprints(images: np.ndarray) -> np.ndarray:
    """Low-frequency cosine transform of each image's grey thumbnail, mean and contrast taken out.

    The real numbers, of which a perceptual hash keeps the signs; the signs alone do not tell small images apart.

    Args:
        images: uint8 `[n, C, H, W]`.

    Returns:
        float16 `[n, K]`, K at most 27, of unit length; zeros for a blank image.
    """
    return _shifted_fingerprints(images, [(0, 0)])[0]


def near_pairs(
    new_rows: np.ndarray, fingerprints: np.ndarray, inputs_of: Callable[[np.ndarray], np.ndarray], spec: Spec
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of near-duplicates with a new row in them, int64 `[n, 2]`, and their differences, float `[n]`."""
    tree = Tree(fingerprints)
    shifts = _shifts(spec.shape, every=len(new_rows) < len(fingerprints))
    found: set[tuple[int, int, int, int]] = set()
    for start in range(0, len(new_rows), BLOCK):
        rows = new_rows[start : start + BLOCK]
        images = inputs_of(rows) if len(shifts) > 1 else None
        probes = [fingerprints[rows]] if images is None else _shifted_fingerprints(images, shifts)
        for (down, right), probe in zip(shifts, probes, strict=True):
            for row, other in tree.near(rows, probe, RADIUS).tolist():
                found.add((row, other, down, right) if row < other else (other, row, -down, -right))
    candidates = np.array(sorted(found), np.int64).reshape(-1, 4)
    differences = np.empty(len(candidates))
    for part in _parts(len(candidates), max(1, min(512, VERIFIED_BYTES // spec.size))):
        rows, place = np.unique(candidates[part, :2], return_inverse=True)
        first, second = inputs_of(rows)[place.reshape(-1, 2).T]
        differences[part] = difference(first, second, candidates[part, 2:])
    near = differences <= (DIFFERENCE if _filtered(spec.shape) else DIFFERENCE_OF_FEW)
    return candidates[near, :2], differences[near]


def difference(first: np.ndarray, second: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """The largest difference left once one image is brought to the other as well as possible.

    One thumbnail, in grey, is fitted to the other by least squares through a filter of 3 by 3 (blur, sharpening, parts
    of a pixel, contrast) and an offset. The difference is the largest mean over 3 by 3 pixels, in standard deviations
    of the image: noise averages out, an edge in another place does not. The better of the two directions counts.

    Args:
        first, second: uint8 `[n, C, H, W]`.
        shifts: int64 `[n, 2]`; how many pixels down and right `first` is moved against `second`.

    Returns:
        float64 `[n]`; infinite where the contrast differs by more than a quarter, or the colours do.
    """
    border = _border(first.shape[1:])
    height, width = first.shape[2] - 2 * border, first.shape[3] - 2 * border
    moved = np.empty((*first.shape[:2], height, width), first.dtype)
    for shift in np.unique(shifts, axis=0):
        these = (shifts == shift).all(axis=1)
        top, left = border + shift
        moved[these] = first[these, :, top : top + height, left : left + width]
    still = second[:, :, border : border + height, border : border + width]
    colours = [_thumbnails(images).astype(np.float64) for images in (moved, still)]
    grey = [images.mean(axis=1) for images in colours]
    filtered = _filtered(first.shape[1:])
    left = np.minimum(_residual(grey[0], grey[1], filtered), _residual(grey[1], grey[0], filtered))
    return np.where(_colours_apart(colours, grey) <= 1, left, np.inf)


def _colours_apart(colours: list[np.ndarray], grey: list[np.ndarray]) -> np.ndarray:
    """The largest difference of colour (channel less grey), over 3 by 3 pixels, as a share of what is let pass."""
    from scipy.ndimage import uniform_filter

    if colours[0].shape[1] == 1:
        return np.zeros(len(grey[0]))
    apart = (colours[0] - grey[0][:, None]) - (colours[1] - grey[1][:, None])
    largest = np.abs(uniform_filter(apart, (1, 1, 3, 3))).max(axis=(1, 2, 3))
    spread = np.minimum(grey[0].std(axis=(1, 2)), grey[1].std(axis=(1, 2)))
    return largest / np.maximum(COLOURS_APART * spread, LEVELS_APART)


def _residual(target: np.ndarray, source: np.ndarray, filtered: bool) -> np.ndarray:
    """What `source`, float64 `[n, h, w]`, leaves of `target` when it is fitted to it."""
    from scipy.ndimage import uniform_filter

    n, height, width = target.shape
    margin = 1 if filtered else 0
    inner = (height - 2 * margin, width - 2 * margin)
    wanted = target[:, margin : margin + inner[0], margin : margin + inner[1]].reshape(n, -1, 1)
    wanted = wanted - wanted.mean(axis=1, keepdims=True)
    reach = range(2 * margin + 1)
    terms = np.stack(
        [source[:, down : down + inner[0], right : right + inner[1]] for down in reach for right in reach], axis=-1
    ).reshape(n, inner[0] * inner[1], -1)
    terms = terms - terms.mean(axis=1, keepdims=True)
    gram = np.swapaxes(terms, 1, 2) @ terms
    # A thousandth of the mean keeps the filter's weights small where neighbouring pixels are all alike.
    ridge = 1e-3 * np.trace(gram, axis1=1, axis2=2)[:, None, None] / gram.shape[-1] + 1e-9
    weights = np.linalg.solve(gram + ridge * np.eye(gram.shape[-1]), np.swapaxes(terms, 1, 2) @ wanted)
    left = (wanted - terms @ weights).reshape(n, *inner)
    largest = np.abs(uniform_filter(left, (1, 3, 3))).max(axis=(1, 2))
    gain = weights.sum(axis=(1, 2))
    alike = (gain >= LEAST_GAIN) & (gain <= MOST_GAIN)
    spread = np.sqrt((wanted**2).mean(axis=(1, 2)))
    return np.where(alike, largest / np.maximum(spread, 1e-9), np.inf)


def _shifted_fingerprints(images: np.ndarray, shifts: list[Shift]) -> list[np.ndarray]:
    """Fingerprints of the images as they would be, were they shifted: for each shift float16 `[n, K]`."""
    shape = images.shape[1:]
    large = min(shape[1:]) not in SHIFTED
    bases = [_cosines(_thumbnail_shape(shape) if large else shape, shift) for shift in shifts]
    found: list[list[np.ndarray]] = [[] for _ in shifts]
    for part in _parts(len(images), BLOCK):
        grey = (_thumbnails(images[part]) if large else images[part]).mean(axis=1, dtype=np.float32)
        grey = grey.reshape(len(grey), -1)
        for parts, basis in zip(found, bases, strict=True):
            waves = grey @ basis
            contrast = np.linalg.norm(waves, axis=1, keepdims=True)
            with np.errstate(divide="ignore", invalid="ignore"):
                parts.append(np.where(contrast >= LEAST_CONTRAST, waves / contrast, 0).astype(np.float16))
    return [np.concatenate(parts) if parts else np.empty((0, 1), np.float16) for parts in found]


def _cosines(shape: tuple[int, ...], shift: Shift) -> np.ndarray:
    """The products of cosines, the constant left out, over the image without its border: float32 `[h·w, K]`.

    Without the border a shifted copy and its original have a window in common, whatever came in at the edge.
    """
    _, height, width = shape
    border = _border(shape)
    inner = (height - 2 * border, width - 2 * border)
    waves = [
        np.cos(np.pi * (np.arange(size) + 0.5) * np.arange(min(ORDERS, size))[:, None] / size)
        * np.where(np.arange(min(ORDERS, size)) > 0, 2**0.5, 1)[:, None]
        for size in inner
    ]
    orders = [(u, v) for u in range(len(waves[0])) for v in range(len(waves[1])) if 0 < u + v < ORDERS]
    basis = np.zeros((height, width, max(len(orders), 1)), np.float32)
    top, left = border + shift[0], border + shift[1]
    for number, (u, v) in enumerate(orders):
        basis[top : top + inner[0], left : left + inner[1], number] = np.outer(waves[0][u], waves[1][v])
    return basis.reshape(height * width, -1) / (inner[0] * inner[1])


def _thumbnails(images: np.ndarray) -> np.ndarray:
    """Means over blocks of whole pixels: float32 `[n, C, h, w]`, h and w at most 32."""
    n, channels, height, width = images.shape
    _, rows, columns = _thumbnail_shape(images.shape[1:])
    down, right = height // rows, width // columns
    blocks = images[:, :, : rows * down, : columns * right].reshape(n, channels, rows, down, columns, right)
    return blocks.mean(axis=(3, 5), dtype=np.float32)


def _thumbnail_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    channels, height, width = shape
    return channels, height // -(-height // SIDE), width // -(-width // SIDE)


def _border(shape: tuple[int, ...]) -> int:
    return 1 if min(shape[1:]) in SHIFTED else 0


def _filtered(shape: tuple[int, ...]) -> bool:
    return min(shape[1:]) >= FEW_PIXELS


def _shifts(shape: tuple[int, ...], every: bool) -> list[Shift]:
    """The shifts to look at; where all rows ask, half of them: the others are found from the other side."""
    reach = range(-_border(shape), _border(shape) + 1)
    return [(down, right) for down in reach for right in reach if every or (down, right) >= (0, 0)]


def _parts(count: int, size: int) -> Iterator[slice]:
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
