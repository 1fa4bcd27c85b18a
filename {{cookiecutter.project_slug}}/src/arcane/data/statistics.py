"""Statistics of the training split that inputs and targets are normalised by (RECIPE 2.3). Knows arrays only."""

import numpy as np

from ..spec import Spec, Statistics
from .loading import Examples

AT_ONCE = 4096


def statistics_of(train: Examples) -> Statistics:
    """Mean and standard deviation of each channel or column, and of a regression's targets.

    What is absent (NaN) does not count. A channel that never varies gets the deviation 1, and so does a category, whose
    mean is 0: a model reads its codes as they are.

    Args:
        train: The training split, or what a trial takes of it; never validation or test.
    """
    mean, std = _of_images(train.inputs) if train.spec.modality == "image" else _of_numbers(train.inputs, train.spec)
    target = moments(train.labels) if train.spec.regression else (0.0, 1.0)
    return Statistics(tuple(mean), tuple(std), *target, absent=absent_in(train.inputs))


def absent_in(inputs: np.ndarray) -> tuple[bool, ...]:
    """Whether each channel or column (axis 1) holds a NaN; empty where none does."""
    if inputs.dtype == np.uint8:
        return ()
    absent = tuple(bool(np.isnan(inputs[:, column]).any()) for column in range(inputs.shape[1]))
    return absent if any(absent) else ()


def _of_images(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Of pixels from 0 to 1; exact and independent of the images' order: counted from the 256 values of a pixel."""
    mean, std = [], []
    values = np.arange(256) / 255
    for channel in range(images.shape[1]):
        counts = np.zeros(256, np.int64)
        for start in range(0, len(images), AT_ONCE):  # counting takes 8 bytes a pixel, and the images may lie on disk
            counts += np.bincount(images[start : start + AT_ONCE, channel].ravel(), minlength=256)
        weights = counts / images[:, channel].size
        centre = float(weights @ values)
        mean.append(centre)
        std.append(float(np.sqrt(weights @ (values - centre) ** 2)) or 1.0)
    return mean, std


def _of_numbers(inputs: np.ndarray, spec: Spec) -> tuple[list[float], list[float]]:
    mean, std = [], []
    for column in range(inputs.shape[1]):
        category = spec.modality == "tabular" and bool(spec.features) and spec.features[column].kind == "category"
        centre, spread = (0.0, 1.0) if category else moments(inputs[:, column])
        mean.append(centre)
        std.append(spread)
    return mean, std


def moments(values: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of what is present in float `[N]`: (0, 1) of nothing, a deviation of 1 for 0."""
    present = values[~np.isnan(values)].astype(np.float64)
    if not len(present):
        return 0.0, 1.0
    # Equal numbers can have a mean that is off in the last bit, and then a tiny deviation in place of none.
    varies = present.min() < present.max()
    return float(present.mean()), float(present.std()) if varies else 1.0
