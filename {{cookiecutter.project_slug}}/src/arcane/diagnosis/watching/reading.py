"""Plain readers of rows: ridge regression on a few views of the inputs, fitted on some rows and asked about others."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

COLUMNS = 1024
"""Values of a row that are read, evenly spaced."""

STRENGTH = 0.1
"""Of the ridge, of the number of features."""

CELLS, SMALLEST = 4, 6
"""Edges of pictures are summed in so many cells each way; smaller pictures have none."""

MOST_CODES = 512
"""Of a larger vocabulary the codes beyond are one."""


Fit = tuple[np.ndarray, np.ndarray]
"""A mean [K] and weights [F, K]."""


def fitted(features: np.ndarray, coded: np.ndarray) -> Fit:
    """Ridge regression of coded labels [n, K] on features [n, F]."""
    centre, (rows, count) = coded.mean(0), features.shape
    if count < rows:
        inner = features.T @ features + STRENGTH * count * np.eye(count)
        return centre, np.linalg.solve(inner, features.T @ (coded - centre))
    gram = features @ features.T + STRENGTH * count * np.eye(rows)
    return centre, features.T @ np.linalg.solve(gram, coded - centre)


def ridge(features: np.ndarray, coded: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Scores [m, K] of the rows asked [m, F] by ridge regression on features [n, F] and coded labels [n, K]."""
    centre, weights = fitted(features, coded)
    return centre + asked @ weights


def folded(features: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """Scores [n, K] of each row by ridge regression on the four fifths that do not hold it."""
    scores, folds = np.empty_like(coded), np.arange(len(coded)) % 5
    for fold in range(5):
        own = folds == fold
        scores[own] = ridge(features[~own], coded[~own], features[own])
    return scores


def margins(scores: np.ndarray) -> np.ndarray:
    """By how much the best class of each row beats the second."""
    ordered = np.sort(scores, 1)
    return ordered[:, -1] - ordered[:, -2]


@dataclass(frozen=True)
class View:
    """A way to look at rows, with the mean and the deviation by which both sides are standardised."""

    kind: str
    mean: np.ndarray
    scale: np.ndarray

    def of(self, rows: Tensor) -> np.ndarray:
        """Features [n, F] of rows [n, ...]."""
        return (seen_as(self.kind, rows) - self.mean) / self.scale


def view(kind: str, rows: Tensor) -> View:
    """Standardised by these rows; a feature that hardly varies in them counts for little in others."""
    features = seen_as(kind, rows)
    deviation = features.std(0)
    typical = float(np.median(deviation[deviation > 0])) if (deviation > 0).any() else 1.0
    scale = np.maximum(deviation, 0.1 * typical) + 1e-12
    if kind == "both":  # each half weighs as much
        values, edges = view("values", rows), view("edges", rows)
        heavier = (len(values.scale) / len(edges.scale)) ** 0.5
        scale = np.concatenate([values.scale, edges.scale / heavier])
    return View(kind, features.mean(0), scale)


def kinds(rows: Tensor) -> list[str]:
    """The views that rows of this form have."""
    if not rows.is_floating_point():
        return ["codes"] if rows.dim() > 1 and rows.dtype != torch.bool else ["values"]
    return ["values", "edges", "both"] if pictured(rows) is not None else ["values"]


def seen_as(kind: str, rows: Tensor) -> np.ndarray:
    """Features [n, F], float64."""
    pictures = pictured(rows)
    if kind == "edges" and pictures is not None:
        return _edges(pictures)
    if kind == "both":
        return np.concatenate([seen_as("values", rows), seen_as("edges", rows)], 1)
    flat = rows.reshape(len(rows), -1)
    if kind == "codes":
        counts = np.zeros((len(flat), MOST_CODES))
        np.add.at(counts, (np.arange(len(flat))[:, None], flat.clamp(0, MOST_CODES - 1).numpy()), 1)
        return counts
    return flat[:, :: max(1, math.ceil(flat.shape[1] / COLUMNS))].double().numpy()


def pictured(rows: Tensor) -> Tensor | None:
    """Rows as pictures [n, C, H, W]; None where they are none. Squares that were laid flat are pictures, too."""
    if rows.dim() == 3:
        rows = rows[:, None]
    elif rows.dim() == 2 and math.isqrt(rows.shape[1]) ** 2 == rows.shape[1]:
        side = math.isqrt(rows.shape[1])
        rows = rows.reshape(len(rows), 1, side, side)
    return rows if rows.dim() == 4 and min(rows.shape[2:]) >= SMALLEST else None


def moved(rows: Tensor) -> list[Tensor]:
    """Rows as they are, and pictures moved by a place each way, as nearly every augmentation moves them."""
    pictures = pictured(rows)
    if pictures is None:
        return [rows]
    steps = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
    return [pictures.roll(step, (-2, -1)).reshape(rows.shape) for step in steps]


def _edges(pictures: Tensor) -> np.ndarray:
    """How strong edges of each direction are in each cell, of all in the picture."""
    values = pictures.double()
    down = values[:, :, 1:, 1:] - values[:, :, :-1, 1:]
    across = values[:, :, 1:, 1:] - values[:, :, 1:, :-1]
    maps = torch.cat([(down**2).sum(1, True), (across**2).sum(1, True), (down * across).sum(1, True)], 1)
    total = maps[:, :2].sum((1, 2, 3)) + 1e-12
    return (F.adaptive_avg_pool2d(maps, CELLS) / total[:, None, None, None]).flatten(1).numpy()
