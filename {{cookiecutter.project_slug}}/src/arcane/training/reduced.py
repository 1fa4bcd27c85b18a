"""A smaller problem out of the same data: fewer examples, smaller images (RECIPE 1.2, 1.4, 2.4). Knows arrays only."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..data.loading import Examples
from ..errors import UserError


def nested_order(ids: Sequence[str], labels: np.ndarray, seed: int) -> np.ndarray:
    """An order of examples in which every beginning is a smaller data set of the same kind.

    The first n examples are among the first n + 1, and hold each class in proportion, to within one example. The order
    within a class is drawn by hashing the ids: it does not depend on the rows' order, and an example that comes later
    moves no other past its neighbours.

    Args:
        ids: Of the examples.
        labels: int64 class indices; the floats of a regression have no classes, all are drawn alike.
        seed: Another seed, another order.

    Returns:
        Rows, int64 `[N]`.
    """
    drawn = [hashlib.sha256(f"{seed} {identifier}".encode()).digest() for identifier in ids]
    strata = labels if np.issubdtype(labels.dtype, np.integer) else np.zeros(len(labels), np.int64)
    places: list[tuple[float, bytes, int]] = []
    for stratum in np.unique(strata):
        rows = sorted(np.flatnonzero(strata == stratum).tolist(), key=lambda row: drawn[row])
        # Evenly from 0 to 1: merging the classes by it gives each its share of every beginning.
        places += [((rank + 0.5) / len(rows), drawn[row], row) for rank, row in enumerate(rows)]
    return np.array([row for _, _, row in sorted(places)], np.int64)


def first_examples(train: Examples, count: int, seed: int) -> Examples:
    """The first `count` in the nested order, in the order of their ids as any split.

    Raises:
        UserError: There are not so many, or fewer than two are wanted.
    """
    if not 2 <= count <= len(train):
        raise UserError(
            f"a trial on {count:,} examples: expected 2 to {len(train):,}, as many as the training split has"
        )
    return train.subset(np.sort(nested_order(train.ids, train.labels, seed)[:count]))


def at_resolution(examples: Examples, side: int) -> Examples:
    """The images brought to `side` x `side` pixels, as ingest brings a file to `data.resolution`.

    Raises:
        UserError: The examples are no images.
    """
    from ..data.images import fit_image

    if examples.spec.modality != "image":
        raise UserError(
            f"a trial at {side} pixels a side: the examples are no images but {examples.spec.modality} data"
        )
    shape = (examples.spec.shape[0], side, side)
    if shape == examples.spec.shape:
        return examples
    images = np.empty((len(examples), *shape), np.uint8)
    for row, image in enumerate(examples.inputs):
        images[row] = fit_image(image.transpose(1, 2, 0), shape)
    return replace(examples, inputs=images, spec=replace(examples.spec, shape=shape))
