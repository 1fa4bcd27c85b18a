"""Learns from inputs of two domains what turns one into the other, and does it to training examples, more or less.

A learnt corruption: the level and swing of each channel or column, how much of each frequency gets lost (blur), how
much is added (noise), and how many values are missing. Labels stay, so only what leaves them true is learnt.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..data.loading import Examples
from ..spec import Spec

UNTOUCHED = 1 / 3
"""Of the examples, about: they keep the network good where it was."""
LOW = 0.5
"""Of the power: the lowest frequencies that hold it tell the swing; blur and noise change them least."""


def synthesised(train: Examples, target: np.ndarray, seed: int) -> Examples:
    """The training split with each example moved towards the target domain, by a share of its own.

    Args:
        train: The training split.
        target: Inputs of the domain that counts, `[M, *spec.shape]`.
        seed: Of the shares and the noise.
    """
    rng = np.random.default_rng(seed)
    shares = np.clip(rng.uniform(-UNTOUCHED / (1 - UNTOUCHED), 1, len(train)), 0, 1)
    moved = corrupted(train.inputs, target, train.spec, rng)
    shares = shares.reshape(-1, *(1,) * (train.inputs.ndim - 1))
    before = train.inputs.astype(np.float64)
    # Blending two codes of a category names a third: categories and missing values are not blended but taken.
    taken = np.isnan(moved) & (rng.random(moved.shape) < shares)
    blended = np.where(np.isnan(moved), before, (1 - shares) * before + shares * moved)
    blended[taken] = np.nan
    if train.inputs.dtype == np.uint8:
        blended = np.clip(np.rint(blended), 0, 255)
    return replace(train, inputs=blended.astype(train.inputs.dtype))


def corrupted(source: np.ndarray, target: np.ndarray, spec: Spec, rng: np.random.Generator) -> np.ndarray:
    """The source's inputs as the target domain would show them, float64 `[N, *spec.shape]`."""
    if spec.modality == "tabular":
        return _columns(source.astype(np.float64), target.astype(np.float64), spec, rng)
    return np.stack(
        [
            _channel(source[:, c].astype(np.float64), target[:, c].astype(np.float64), rng)
            for c in range(source.shape[1])
        ],
        axis=1,
    )


def _columns(source: np.ndarray, target: np.ndarray, spec: Spec, rng: np.random.Generator) -> np.ndarray:
    moved = source.copy()
    for column in range(source.shape[1]):
        ours, theirs = source[:, column], target[:, column]
        if spec.features and spec.features[column].kind == "category":
            continue
        if (~np.isnan(ours)).sum() > 1 and (~np.isnan(theirs)).sum() > 1 and (swing := np.nanstd(ours)) > 0:
            moved[:, column] = (ours - np.nanmean(ours)) / swing * np.nanstd(theirs) + np.nanmean(theirs)
        lost = _more_missing(np.isnan(ours).mean(), np.isnan(theirs).mean())
        moved[rng.random(len(ours)) < lost, column] = np.nan
    return moved


def _more_missing(ours: float, theirs: float) -> float:
    """The share of what is there that must go, so that as much is missing as in the target domain."""
    return max(0.0, (theirs - ours) / (1 - ours)) if ours < 1 else 0.0


@dataclass(frozen=True)
class Spectrum:
    """What turns one domain's frequencies into another's.

    Attributes:
        scale: Of the swing.
        kept: Share of each frequency's amplitude that is kept, at most 1.
        added: Amplitude that is added to each frequency, with random phases.
    """

    scale: float
    kept: np.ndarray
    added: np.ndarray


def learnt_spectrum(ours: np.ndarray, theirs: np.ndarray) -> Spectrum:
    """Compare the mean power of two sets at each frequency.

    Args:
        ours: Power, the mean over examples of the squared amplitudes; the level (frequency 0) left out.
        theirs: The same of the target domain.
    """
    order = np.argsort(-ours, axis=None)
    strongest = order[: max(1, int(np.searchsorted(np.cumsum(ours.flat[order]), LOW * ours.sum())) + 1)]
    scale = (
        float(np.sqrt(theirs.flat[strongest].sum() / ours.flat[strongest].sum())) if ours.flat[strongest].sum() else 1.0
    )
    expected = scale**2 * ours
    kept = np.sqrt(np.minimum(1.0, theirs / np.maximum(expected, 1e-12)))
    return Spectrum(scale, kept, np.sqrt(np.maximum(0.0, theirs - expected)))


def _channel(source: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One channel, `[N, ...]`; what is absent stays absent."""
    axes = tuple(range(1, source.ndim))
    absent = np.isnan(source)
    ours, theirs = _filled(source), _filled(target)
    level, aim = ours.mean(axis=axes, keepdims=True), theirs.mean(axis=axes, keepdims=True)
    swing = ours - level
    spectrum = learnt_spectrum(
        (np.abs(np.fft.rfftn(swing, axes=axes)) ** 2).mean(axis=0),
        (np.abs(np.fft.rfftn(theirs - aim, axes=axes)) ** 2).mean(axis=0),
    )
    noise = np.fft.rfftn(rng.normal(size=source.shape), axes=axes) / np.sqrt(np.prod(source.shape[1:]))
    changed = np.fft.rfftn(swing, axes=axes) * spectrum.scale * spectrum.kept + noise * spectrum.added
    moved = np.fft.irfftn(changed, s=source.shape[1:], axes=axes)
    spread = level.std()
    levels = (level - level.mean()) * (aim.std() / spread if spread > 0 else 1.0) + aim.mean()
    return np.where(absent, np.nan, moved + levels)


def _filled(values: np.ndarray) -> np.ndarray:
    """Each example's own mean in place of what is absent."""
    axes = tuple(range(1, values.ndim))
    there = ~np.isnan(values)
    means = np.nansum(values, axis=axes, keepdims=True) / np.maximum(1, there.sum(axis=axes, keepdims=True))
    return np.where(there, values, means)
