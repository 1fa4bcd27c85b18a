"""The examples themselves, as the task gets them: labels that can be learnt, splits that share nothing."""

from collections.abc import Iterator

import numpy as np

from ...data.findings import Finding
from ...data.loading import Examples
from ...data.statistics import statistics_of
from ..aims import Classes
from ..bench import Bench
from .check import Check

SAME = 1e-4
"""Relative difference below which two statistics are the same: float32 sums in another order differ by 1e-6."""


def look_at_labels(bench: Bench) -> Iterator[Finding]:
    """Labels against what the spec says that they are."""
    labels, count = bench.train.labels, len(bench.train.classes)
    if bench.train.spec.regression:
        bad = ~np.isfinite(labels.astype(np.float64))
        if bad.any():
            yield Finding(
                "labels-corrupt",
                "error",
                f"{int(bad.sum()):,} of {len(labels):,} targets of the training split are NaN or infinite, "
                f"such as that of {bench.train.ids[int(bad.argmax())]}.",
                "Leave these examples out, or give them a target.",
                evidence={"not_finite": float(bad.mean())},
                expected="finite targets",
            )
    elif not np.issubdtype(labels.dtype, np.integer):
        yield Finding(
            "label-format-mismatch",
            "error",
            f"The labels are {labels.dtype}; indices into the {count} classes are whole numbers.",
            "Give labels as int64 indices.",
            expected="int64",
        )
        return
    else:
        bad = (labels < 0) | (labels >= count)
        if bad.any():
            yield Finding(
                "label-out-of-range",
                "error",
                f"{int(bad.sum()):,} of {len(labels):,} labels lie outside 0 to {count - 1}, such as "
                f"{labels[bad.argmax()]}.",
                "Count classes from 0, and give the model an output for each of them.",
                evidence={"lowest": float(labels.min()), "highest": float(labels.max()), "classes": float(count)},
                expected=f"0 to {count - 1}",
            )
    if len(labels) > 1 and len(np.unique(labels)) == 1:
        yield Finding(
            "single-class",
            "error",
            f"All {len(labels):,} labels of the training split are {labels[0]:g}: there is nothing to tell apart.",
            "Look at how the data was filtered, sorted and split.",
            evidence={"examples": float(len(labels))},
            expected="two values or more",
        )


def look_at_overlap(bench: Bench) -> Iterator[Finding]:
    """Inputs of the validation split that stand in the training split too."""
    if bench.validation is None or not len(bench.validation):
        return
    train, validation = _contents(bench.train), _contents(bench.validation)
    known = set(train)
    share = sum(content in known for content in validation) / len(validation)
    repeated = 1 - len(known) / len(train)  # a table of few values repeats itself without any mistake
    bench.measurements |= {"overlap_share": share, "repeated_share": repeated}
    if share > bench.limit("overlap_share") + 3 * repeated:
        yield Finding(
            "train-validation-overlap",
            "error",
            f"{100 * share:.3g} % of the validation examples have the very inputs of a training example; within "
            f"training {100 * repeated:.3g} % repeat another: validation measures memory.",
            "Split before anything copies, augments or oversamples, and keep copies in one split.",
            evidence={"share": share, "repeated": repeated},
            expected=f"at most {100 * bench.limit('overlap_share') + 300 * repeated:.3g} %",
        )


def _contents(examples: Examples) -> list[bytes]:
    return [row.tobytes() for row in np.ascontiguousarray(examples.inputs)]


def look_at_statistics(bench: Bench) -> Iterator[Finding]:
    """Whose mean and deviation the task carries: the training split's, or those of more."""
    given = getattr(bench.original, "statistics", None)
    mean = getattr(given, "mean", None)
    if bench.validation is None or not isinstance(mean, tuple | list):
        return
    both = Examples(
        bench.train.ids + bench.validation.ids,
        np.concatenate([bench.train.inputs, bench.validation.inputs]),
        np.concatenate([bench.train.labels, bench.validation.labels]),
        bench.train.spec,
    )
    own, of_both, theirs = (_numbers(s) for s in (statistics_of(bench.train), statistics_of(both), given))
    if len(theirs) != len(own):
        return
    scale = np.maximum(np.abs(own), 1e-6)
    from_train, from_both = (float((np.abs(theirs - other) / scale).max()) for other in (own, of_both))
    bench.measurements |= {"statistics_from_train": from_train, "statistics_from_both": from_both}
    if from_both < SAME < from_train:
        yield Finding(
            "preprocessing-leak",
            "error",
            "The task normalises by statistics of the training and the validation split together.",
            "Take mean and deviation from the training split alone; they are part of the model.",
            evidence={"from_train": from_train, "from_both": from_both},
            expected="the training split's",
            location=bench.location("__init__"),
        )


def _numbers(statistics: object) -> np.ndarray:
    return np.array([*getattr(statistics, "mean", ()), *getattr(statistics, "std", ())], np.float64)


def look_at_metrics(bench: Bench) -> Iterator[Finding]:
    """What validation_step logs as a share of right or wrong answers, against the same counted here."""
    if not isinstance(bench.aim, Classes):
        return
    for size in (64, 24):  # a whole batch and a partial one: a division by the planned size shows on the second
        batch = bench.batch(size)
        seen = bench.watch(bench.copy(train=False), batch, "validation_step")
        if seen.outputs is None or seen.outputs.shape != bench.aim.shape(len(batch[1])):
            return
        error = bench.aim.error(seen.outputs.detach(), batch[1])
        for name, values in seen.logged.items():
            right = _expected(name, error)
            said = _one(values)
            if right is None or said is None:
                continue
            apart = min(abs(said - right), abs(said / 100 - right))
            bench.measurements["metric_difference"] = max(apart, bench.measurements.get("metric_difference", 0.0))
            if apart > bench.limit("metric_difference"):
                outside = " That is outside of its range." if not 0 <= said <= 100 else ""
                yield Finding(
                    "metric-wrong",
                    "error",
                    f"validation_step logs {name} = {said:.4g} for a batch of {len(batch[1])} where "
                    f"{100 * right:.3g} % is right.{outside}",
                    "Divide by the number of examples in the batch, compare argmax over the classes with the labels, "
                    "and let no shape broadcast.",
                    evidence={"logged": said, "recomputed": right, "batch": float(len(batch[1]))},
                    expected=f"{right:.4g}",
                    location=bench.location("validation_step"),
                )
                return


OTHER_METRICS = ("top", "balanced", "macro", "weighted", "f1", "per_class", "class_")


def _expected(name: str, error: float) -> float | None:
    """What a metric of that name should be; None for one that is not known."""
    low = name.lower()
    if any(part in low for part in OTHER_METRICS):
        return None
    parts = low.replace("-", "_").replace("/", "_").split("_")
    if "accuracy" in parts or "acc" in parts:
        return 1 - error
    return error if parts[-1] in ("error", "err") else None


def _one(values: list) -> float | None:
    """The one number that was logged."""
    try:
        return float(values[-1])
    except (TypeError, ValueError, RuntimeError, IndexError):
        return None


DATA = (
    Check(
        ("label-format-mismatch", "label-out-of-range", "labels-corrupt", "single-class"), look_at_labels, blocking=True
    ),
    Check(("train-validation-overlap",), look_at_overlap),
    Check(("preprocessing-leak",), look_at_statistics),
)
METRICS = (Check(("metric-wrong",), look_at_metrics),)
