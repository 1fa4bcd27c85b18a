"""How far the rows that reach a model are made of others of their batch: mixed with them, or with values of theirs."""

import torch
from torch import Tensor

LARGEST = 1 << 18
"""Values of a batch that is looked at."""

FEWEST_ROWS, FEWEST_COLUMNS, MOST_COLUMNS = 8, 3, 16
"""Rows and columns without which a row may be made of others by chance, and columns looked at for single values."""

VARIED = 0.9
"""Share of different values in a column from which on one of them tells which row it is of."""


def share_of_others(given: Tensor, made: Tensor) -> float:
    """Mean weight of other rows in rows [n, F] that were made of given ones [n, F]; 0 where they were not."""
    if given.shape != made.shape or len(given) < FEWEST_ROWS or given.numel() > LARGEST:
        return 0.0
    before, after = given.detach().flatten(1).double(), made.detach().flatten(1).double()
    if before.shape[1] < FEWEST_COLUMNS or torch.equal(before, after):
        return 0.0
    if not bool(before.isfinite().all() and after.isfinite().all()):
        return 0.0
    return _blended(before, after) or _swapped(before, after)


def _blended(before: Tensor, after: Tensor) -> float:
    """Weights where each row lies on the line from its own to another row."""
    move = after - before
    length = move.norm(dim=1)
    moved = length > 1e-6 * before.norm(dim=1).mean()
    if moved.double().mean() < 0.5:
        return 0.0
    along = before @ move.T - (before * move).sum(1)  # [j, i]: from row i to row j, along row i's own move
    apart = torch.cdist(before, before, compute_mode="donot_use_mm_for_euclid_dist")
    straight = along / (apart * length).clamp_min(1e-30)
    best, other = straight.max(0)
    if (best[moved] > 1 - 1e-6).double().mean() < 0.9:
        return 0.0
    weights = length / apart.gather(0, other[None])[0].clamp_min(1e-30)
    return float(weights[moved].clamp(max=1).sum() / len(before))


def _swapped(before: Tensor, after: Tensor) -> float:
    """Share of values that are another row's, where all that changed are."""
    varied = [c for c in range(before.shape[1]) if len(before[:, c].unique()) >= VARIED * len(before)][:MOST_COLUMNS]
    if len(varied) < FEWEST_COLUMNS:
        return 0.0
    own, now = before[:, varied], after[:, varied]
    changed = own != now
    known = torch.stack([torch.isin(now[:, c], own[:, c]) for c in range(len(varied))], 1)
    return float(changed.double().mean()) if bool(changed.any()) and known[changed].double().mean() > 0.99 else 0.0
