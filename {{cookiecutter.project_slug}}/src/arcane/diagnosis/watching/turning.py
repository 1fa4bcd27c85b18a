"""Ways to turn rows round that an augmentation may take: mirrors, quarter turns, time reversed, signs."""

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from .reading import SMALLEST, pictured

Turn = Callable[[Tensor], Tensor]


def turns(rows: Tensor) -> dict[str, Turn]:
    """What can be done to rows of this form [n, ...], by its name; each gives rows of the same form."""
    found: dict[str, Turn] = {}
    pictures = pictured(rows)
    if pictures is not None and not (rows.dim() == 3 and rows.shape[1] != rows.shape[2]):
        found |= {
            "mirrored": _on_pictures(lambda p: p.flip(-1)),
            "turned upside down": _on_pictures(lambda p: p.flip(-2)),
            "turned by half": _on_pictures(lambda p: p.flip(-1, -2)),
        }
        if pictures.shape[-1] == pictures.shape[-2]:
            found |= {
                "turned by a quarter": _on_pictures(lambda p: p.rot90(1, (-2, -1))),
                "turned back by a quarter": _on_pictures(lambda p: p.rot90(-1, (-2, -1))),
                "transposed": _on_pictures(lambda p: p.transpose(-2, -1)),
            }
        if pictures.shape[1] in (2, 3):
            found["of exchanged channels"] = _on_pictures(lambda p: p.flip(1))
    else:
        for dim in range(1, rows.dim()):
            if rows.shape[dim] >= SMALLEST:
                found["reversed" if dim < 2 else f"reversed along dimension {dim}"] = lambda r, d=dim: r.flip(d)
    if rows.is_floating_point():
        centre = rows.mean()
        found["negated"] = lambda r: -r
        found["of the other sign"] = lambda r: 2 * centre - r
    return found


FAMILIES: dict[str, tuple[str, ...]] = {
    "turned by quarters": ("turned by a quarter", "turned by half", "turned back by a quarter"),
    "mirrored or turned upside down": ("mirrored", "turned upside down", "turned by half"),
}
"""Turns that one augmentation draws from."""


ANGLES = tuple(range(30, 360, 30))
"""Degrees by which pictures are turned to see whether one was: a digit is still read 15 degrees beside upright."""


def rotated(rows: Tensor) -> dict[str, Turn]:
    """Turns of pictures by any angle; what comes in at the corners is what lies at the border."""
    return {f"turned by {angle} degrees": _on_pictures(partial(_rotate, angle)) for angle in ANGLES} if (
        pictured(rows) is not None and rows.is_floating_point()
    ) else {}  # fmt: skip


def _rotate(angle: int, pictures: Tensor) -> Tensor:
    turn = math.radians(angle)
    matrix = torch.tensor([[math.cos(turn), -math.sin(turn), 0.0], [math.sin(turn), math.cos(turn), 0.0]])
    grid = F.affine_grid(matrix.expand(len(pictures), 2, 3), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures.float(), grid, padding_mode="border", align_corners=False).to(pictures.dtype)


def _on_pictures(turn: Turn) -> Turn:
    def turned(rows: Tensor) -> Tensor:
        pictures = pictured(rows)
        return rows if pictures is None else turn(pictures).reshape(rows.shape)

    return turned
