"""Near-duplicates: examples that are the same thing recorded, scaled, rounded or encoded again.

Candidates come from fingerprints, by a tree; each candidate is verified on the inputs themselves. Decides nothing about
what a near-duplicate means for a split or a label.
"""

from collections.abc import Callable

import numpy as np

from ...spec import Spec
from . import images, rows

InputsOf = Callable[[np.ndarray], np.ndarray]


def fingerprints(inputs: np.ndarray, spec: Spec) -> np.ndarray:
    """A row of numbers an example, close for near-duplicates.

    They depend on the example alone, so that those of old examples can be kept.

    Args:
        inputs: `[n, *spec.shape]`, as packed.
        spec: What an example is.

    Returns:
        float `[n, K]`; zeros where there is nothing to compare (a blank image, a constant sequence). The rows of a
        table are their own fingerprints.
    """
    if spec.modality == "image":
        return images.fingerprints(inputs)
    return rows.sequence_fingerprints(inputs) if spec.modality == "sequence" else inputs.astype(np.float32)


def near_links(
    new_rows: np.ndarray, fingerprints: np.ndarray, inputs_of: InputsOf, spec: Spec
) -> list[tuple[int, int, float]]:
    """For each new example the nearest older one that it nearly duplicates, where there is one.

    Examples that are not new are older than all new ones; of two new ones the lower row is the older.

    Args:
        new_rows: int64; which rows of `fingerprints` are new.
        fingerprints: Of all examples, `[N, K]`.
        inputs_of: The inputs of some rows (int64, ascending), `[n, *spec.shape]`; asked only for what must be verified.
        spec: What an example is.

    Returns:
        Row, older row and distance, by row. The distance of images is the largest difference that is left between
        them (`images.difference`), of sequences and tables the root mean square difference in standard deviations.
    """
    new_rows = np.unique(np.asarray(new_rows, np.int64))
    if len(new_rows) == 0 or len(fingerprints) < 2:
        return []
    find = images.near_pairs if spec.modality == "image" else rows.near_pairs
    pairs, distances = find(new_rows, fingerprints, inputs_of, spec)
    age = np.arange(len(fingerprints))
    age[new_rows] += len(fingerprints)
    swap = age[pairs[:, 0]] < age[pairs[:, 1]]
    younger, older = np.where(swap, pairs[:, 1], pairs[:, 0]), np.where(swap, pairs[:, 0], pairs[:, 1])
    order = np.lexsort((older, distances, younger))
    first = order[np.unique(younger[order], return_index=True)[1]]
    return [(int(younger[at]), int(older[at]), float(distances[at])) for at in first]
