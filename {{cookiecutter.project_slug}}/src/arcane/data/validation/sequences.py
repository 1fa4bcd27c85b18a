"""Sequences that are constant, holed or infinite, or whose length is odd."""

from collections.abc import Iterator

import numpy as np

from ..findings import Finding
from .given import Check, Given, first_ids, where
from .values import MANY_MISSING, infinite_values

# Times the usual length, either way.
ODD_LENGTH = 4.0


def holes(given: Given) -> Iterator[Finding]:
    """`missing-values`, `infinite-values`: values that are absent before the sequence's end, or no numbers."""
    missing, infinite, length, _ = given.measured(_look).T
    bad = given.of_assets(np.flatnonzero(missing > 0))
    if len(bad):
        share = float(missing.sum() / max(1.0, length.sum() * given.spec.shape[0]))
        yield Finding(
            "missing-values",
            "warning" if share > MANY_MISSING else "note",
            f"{len(bad)} sequences have missing values, {share:.2%} of all values, such as {where(bad)}",
            "Fill them from their neighbours, or see to it that the model is told what is missing.",
            count=len(bad),
            ids=first_ids(bad),
            evidence={"share": share},
        )
    bad = given.of_assets(np.flatnonzero(infinite > 0))
    if len(bad):
        yield infinite_values(int(infinite.sum()), f"{len(bad)} sequences", bad)


def constant_sequences(given: Given) -> Iterator[Finding]:
    """`constant-sequences`: one value at all steps, in every channel."""
    constant = given.measured(_look)[:, 3]
    bad = given.of_assets(np.flatnonzero(constant))
    if len(bad):
        yield Finding(
            "constant-sequences",
            "warning",
            f"{len(bad)} sequences have one value at all steps, such as {where(bad)}",
            "Look at them; remove those that came out of a sensor that was off or unplugged.",
            count=len(bad),
            ids=first_ids(bad),
        )


def odd_lengths(given: Given) -> Iterator[Finding]:
    """`odd-lengths`: sequences much longer or shorter than is usual."""
    length = given.measured(_look)[:, 2]
    if not len(length):
        return
    usual = float(np.median(length))
    bad = given.of_assets(np.flatnonzero((length > ODD_LENGTH * usual) | (length * ODD_LENGTH < usual)))
    if len(bad):
        yield Finding(
            "odd-lengths",
            "warning",
            f"{len(bad)} sequences are {ODD_LENGTH:g} times longer or shorter than is usual ({usual:g} steps), such as "
            f"{where(bad)}",
            "Look for recordings that were cut off or run together; shorter ones are padded to the longest.",
            count=len(bad),
            ids=first_ids(bad),
            evidence={"usual": usual, "shortest": float(length.min()), "longest": float(length.max())},
            expected=f"within {ODD_LENGTH:g} times the median, either way",
        )


def _look(sequences: np.ndarray) -> np.ndarray:
    """Per sequence how many values are missing before its end, how many are infinite, its length, if it is constant."""
    known = np.logical_not(np.isnan(sequences))
    last = np.where(np.any(known, axis=1), np.arange(1, sequences.shape[2] + 1), 0)
    length = last.max(axis=1)
    inside = np.arange(sequences.shape[2]) < length[:, None]
    missing = (~known & inside[:, None]).sum(axis=(1, 2))
    finite = np.isfinite(sequences)
    low = np.where(finite, sequences, np.inf).min(axis=2)
    high = np.where(finite, sequences, -np.inf).max(axis=2)
    return np.stack([missing, (known & ~finite).sum(axis=(1, 2)), length, (low >= high).all(axis=1)], axis=1)


SEQUENCES = (
    Check(("missing-values", "infinite-values"), holes, ("sequence",)),
    Check(("constant-sequences",), constant_sequences, ("sequence",)),
    Check(("odd-lengths",), odd_lengths, ("sequence",)),
)
