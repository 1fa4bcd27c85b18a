"""Near-duplicate sequences and rows of tables: the same record with its numbers rounded, noisy or measured again.

Numbers that lie close need not be copies: in a table of two columns every row has a close neighbour. So a pair counts
only where it lies closer than chance would put any two examples of this data set.
"""

from collections.abc import Callable

import numpy as np

from ...spec import Spec
from .tree import Tree

# Root mean square difference in standard deviations: of the column (tables), of the sequence itself (sequences).
# Rounding to three digits makes less; the nearest neighbours of the shipped tables lie at 0.12 to 0.32.
DIFFERENCE = 0.05
# Expected number of such pairs in the whole data set, were all examples drawn independently: a false alarm in a
# thousand data sets. At 0.01 eight of 720 independent tables had a pair; at 0.0001 noisy copies in wine are missed.
CHANCE = 0.001
SAMPLE, NEIGHBOURS = 2000, 5
ORDERS = 16
VERIFIED = 2048


def sequence_fingerprints(sequences: np.ndarray) -> np.ndarray:
    """Low-frequency cosine transform of each sequence, mean and scale taken out.

    Args:
        sequences: float32 `[n, C, L]`; NaN counts as the mean.

    Returns:
        float32 `[n, C * min(L, 16)]`; zeros for a constant sequence. Distances are at most those of the sequences
        themselves, so nothing close is lost.
    """
    from scipy.fft import dct

    n, channels, length = sequences.shape
    scaled = np.nan_to_num(_scaled_sequences(sequences)) / (channels * length) ** 0.5
    return dct(scaled, axis=2, norm="ortho")[:, :, :ORDERS].reshape(n, -1).astype(np.float32)


def near_pairs(
    new_rows: np.ndarray, fingerprints: np.ndarray, inputs_of: Callable[[np.ndarray], np.ndarray], spec: Spec
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of near-duplicates with a new row in them, int64 `[n, 2]`, and their distances, float `[n]`.

    The chance is that of a Poisson process in as many dimensions as the data really has, at the local density that the
    fifth neighbour shows.
    """
    sample = np.unique(np.linspace(0, len(fingerprints) - 1, SAMPLE).astype(np.int64))
    if len(sample) <= 2 * NEIGHBOURS:
        return np.empty((0, 2), np.int64), np.empty(0)
    points = fingerprints if spec.modality == "sequence" else _points(fingerprints, sample, spec)
    if not points.shape[1]:
        return np.empty((0, 2), np.int64), np.empty(0)
    pairs = Tree(points).near(new_rows, points[new_rows], DIFFERENCE)
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    if not len(pairs):
        return pairs, np.empty(0)
    scale = _scale(fingerprints, sample, spec)
    around = scale(inputs_of(sample))
    dimension = _dimension(around)
    distances, kept = np.full(len(pairs), np.inf), np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), VERIFIED):
        part = slice(start, start + VERIFIED)
        rows, place = np.unique(pairs[part], return_inverse=True)
        inputs = inputs_of(rows)
        first, second = place.reshape(-1, 2).T
        distances[part] = _distance(scale(inputs), inputs, first, second, spec)
        near = distances[part] <= DIFFERENCE
        local = _local_radius(scale(inputs[first[near]]), around)
        apart = np.divide(distances[part][near], local, out=np.full(len(local), np.inf), where=local > 0)
        expected = len(fingerprints) ** 2 * NEIGHBOURS / len(sample) * apart**dimension
        kept[part][near] = expected <= CHANCE
    return pairs[kept], distances[kept]


def _distance(scaled: np.ndarray, inputs: np.ndarray, first: np.ndarray, second: np.ndarray, spec: Spec) -> np.ndarray:
    """Root mean square difference; infinite where other values are missing or a category differs."""
    numbers = np.array([f.kind == "number" for f in spec.features], bool)
    flat = inputs.reshape(len(inputs), -1)
    known = np.isnan(flat)
    same = (known[first] == known[second]).all(axis=1)
    if spec.modality == "tabular":
        codes = flat[:, ~numbers]
        same &= ((codes[first] == codes[second]) | np.isnan(codes[first])).all(axis=1)
        distance = np.sqrt(((scaled[first] - scaled[second]) ** 2).mean(axis=1))
    else:
        flat = np.nan_to_num(flat)
        spread = np.nanstd(inputs.reshape(len(inputs), -1), axis=1)
        count = np.maximum((~known).sum(axis=1), 1)
        distance = np.sqrt(((flat[first] - flat[second]) ** 2).sum(axis=1) / count[first])
        distance = distance / np.maximum(np.maximum(spread[first], spread[second]), 1e-12)
    return np.where(same, distance, np.inf)


def _scale(fingerprints: np.ndarray, sample: np.ndarray, spec: Spec) -> Callable[[np.ndarray], np.ndarray]:
    """A function that gives inputs as vectors whose root mean square differences count: float64 `[n, D]`."""
    if spec.modality == "sequence":
        return lambda inputs: np.nan_to_num(_scaled_sequences(inputs)).reshape(len(inputs), -1)
    numbers = np.array([f.kind == "number" for f in spec.features], bool)
    mean, deviation = _moments(fingerprints[sample][:, numbers])
    return lambda inputs: np.nan_to_num((inputs[:, numbers] - mean) / deviation, posinf=0, neginf=0)


def _points(table: np.ndarray, sample: np.ndarray, spec: Spec) -> np.ndarray:
    """The numbers of a table such that distances are root mean squares over the columns: float64 `[N, D]`."""
    scaled = _scale(table, sample, spec)(table)
    return scaled / max(scaled.shape[1], 1) ** 0.5


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    finite = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    empty = np.isnan(finite).all(axis=0)
    finite[:, empty] = 0
    deviation = np.nanstd(finite, axis=0)
    return np.nanmean(finite, axis=0), np.where(deviation > 0, deviation, 1.0)


def _scaled_sequences(sequences: np.ndarray) -> np.ndarray:
    finite = np.where(np.isfinite(sequences), sequences, np.nan).astype(np.float64)
    finite[np.isnan(finite).all(axis=(1, 2))] = 0
    mean = np.nanmean(finite, axis=(1, 2), keepdims=True)
    deviation = np.nanstd(finite, axis=(1, 2), keepdims=True)
    return np.where(deviation > 1e-6 * np.abs(mean), (finite - mean) / np.where(deviation > 0, deviation, 1.0), 0.0)


def _dimension(points: np.ndarray) -> float:
    """The dimension of the data as its neighbours tell, at least 1.

    From the ratio of the distances to the fourth and second neighbour, to the power of the dimension a Beta(2, 2) whose
    median is one half (Denti et al., Scientific Reports 12 (2022), 20005). The first is left out: it may be a copy.
    """
    second, fourth = np.sqrt(np.partition(_squares(points, points), (2, 4), axis=1)[:, [2, 4]]).T
    apart = second > 1e-6
    if not apart.any():
        return 1.0
    ratio = float(np.median(fourth[apart] / second[apart]))
    return max(1.0, float(np.log(2) / np.log(max(ratio, 1 + 1e-6))))


def _local_radius(points: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Distance to the fifth of the sample, two let pass: they may be the example itself and its copy."""
    if not len(points):
        return np.empty(0)
    return np.sqrt(np.partition(_squares(points, around), NEIGHBOURS + 1, axis=1)[:, NEIGHBOURS + 1])


def _squares(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean squared differences of all pairs."""
    squares = (first**2).mean(axis=1)[:, None] + (second**2).mean(axis=1) - 2 / first.shape[1] * first @ second.T
    return np.maximum(squares, 0.0)
