"""Labels and targets: missing, unknown, too few, out of balance, far out."""

from collections.abc import Iterator

import numpy as np

from ..findings import Finding
from ..loading import unknown_label
from .given import Check, Given, first_ids, listed, where

# Below 30 of a class, validation holds about five: one of them is 20 points of that class' error.
FEW = 30
# Of 100 examples validation gets about 16: the 95 % interval of their error's root is ± 35 %.
FEW_IN_ALL = 100
# cleanlab's Datalab calls a class rare below this share of an even share (issue_manager/imbalance.py).
RARE = 0.1
# Robust standard deviations from the median. Of a normal target two of a billion are so far; of diabetes' the farthest
# is at 2.3. Skewed targets (prices, counts, times) must lie so far out in their logarithm as well, else they would
# always have some. Skewed is what leans by more than this share of the middle half: a normal target leans by 0,
# diabetes' by 0.14, an exponential one by 0.26.
FAR_OUT, SKEWED = 6.0, 0.2


def single_class(given: Given) -> Iterator[Finding]:
    """`single-class`: all labels are the same, or there is none; nothing can be learnt."""
    values = given.labelled["label"].unique().sort()
    if len(values) >= 2:
        return
    if given.spec.target is not None:
        what = f"the {given.spec.target.name} {values[0]:g}" if len(values) else ""
    else:
        what = f"the class {values[0]!r}" if len(values) else ""
    yield Finding(
        "single-class",
        "error",
        f"only {what} has examples" if len(values) else "no example has a label",
        "Add examples of another class." if given.spec.target is None else "Add examples with other targets.",
        count=len(given.frame),
        evidence={"classes": len(values)},
        expected="two classes or more" if given.spec.target is None else "targets that differ",
    )


def unknown_labels(given: Given) -> Iterator[Finding]:
    """`unknown-label`: a label of the manifest is none of the source's classes, or no number where one is due."""
    import polars as pl

    label, target = pl.col("label"), given.spec.target
    known = label.cast(pl.Float64, strict=False).is_not_null()
    if target is None:
        known = label.cast(pl.String).is_in(list(given.spec.classes))
    bad = given.labelled.filter(~known)
    if bad.is_empty():
        return
    first = bad.row(0, named=True)
    if target is None:
        what = f"are no class; {unknown_label(first['id'], where(bad), str(first['label']), given.spec.classes)}"
    else:
        what = f"are no number; {first['id']} ({where(bad)}) has {first['label']!r} for {target.name}"
    yield Finding(
        "unknown-label",
        "error",
        f"{len(bad)} labels {what}",
        "Correct the label in data/manifest.jsonl.",
        count=len(bad),
        ids=first_ids(bad),
    )


def missing_labels(given: Given) -> Iterator[Finding]:
    """`missing-labels`: examples without a label; they come into no split."""
    import polars as pl

    without = pl.col("label").is_null()
    if "conflicting_labels" in given.frame.columns:
        without &= pl.col("conflicting_labels").is_null()
    bad = given.frame.filter(without)
    if len(bad):
        yield Finding(
            "missing-labels",
            "warning",
            f"{len(bad)} of {len(given.frame)} examples have no label and will be in no split",
            "Label them, or remove them from the source.",
            count=len(bad),
            ids=first_ids(bad),
            evidence={"share": len(bad) / len(given.frame)},
        )


def too_few_examples(given: Given) -> Iterator[Finding]:
    """`too-few-examples`: a class has fewer than 30 examples; or a regression fewer than 100 in all."""
    import polars as pl

    if given.spec.regression:
        if len(given.labelled) < FEW_IN_ALL:
            yield Finding(
                "too-few-examples",
                "warning",
                f"only {len(given.labelled)} examples have a target; what is measured on a part of them says little",
                "Collect more, or set data.folds so that each example validates once.",
                count=len(given.labelled),
                ids=first_ids(given.labelled),
                evidence={"examples": len(given.labelled)},
                expected=f"{FEW_IN_ALL} or more",
            )
        return
    few = {label: size for label, size in given.class_sizes.items() if size < FEW}
    if few:
        shown = listed([f"{label} ({size})" for label, size in few.items()])
        yield Finding(
            "too-few-examples",
            "warning",
            f"{len(few)} of {len(given.spec.classes)} classes have fewer than {FEW} examples: {shown}",
            "Collect more of these classes, or merge them with others: their errors cannot be told from chance.",
            count=sum(few.values()),
            ids=first_ids(given.labelled.filter(pl.col("label").cast(pl.String).is_in(list(few)))),
            evidence={"smallest": min(few.values()), "classes": len(few)},
            expected=f"{FEW} a class or more",
        )


def imbalance(given: Given) -> Iterator[Finding]:
    """`imbalance`: a class has less than a tenth of an even share."""
    import polars as pl

    sizes = given.class_sizes
    even = sum(sizes.values()) / max(len(sizes), 1)
    rare = {label: size for label, size in sizes.items() if size < RARE * even}
    if rare:
        shown = listed([f"{label} ({size})" for label, size in rare.items()])
        yield Finding(
            "imbalance",
            "warning",
            f"classes are out of balance: {shown} of {sum(sizes.values())} examples, an even share is {even:.0f}",
            "Collect more of the rare classes; read the error class by class, the overall one hides them.",
            count=sum(rare.values()),
            ids=first_ids(given.labelled.filter(pl.col("label").cast(pl.String).is_in(list(rare)))),
            evidence={"smallest": min(sizes.values()), "largest": max(sizes.values()), "even_share": even},
            expected=f"at least {RARE:.0%} of an even share",
        )


def target_outliers(given: Given) -> Iterator[Finding]:
    """`target-outliers`: targets so far out that a few of them decide the squared error."""
    import polars as pl

    target = given.spec.target
    labels = given.labelled.filter(pl.col("label").cast(pl.Float64, strict=False).is_not_null())
    if target is None or labels.is_empty():
        return
    values = labels["label"].cast(pl.Float64).to_numpy()
    far = robust_distances(values)
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    if values.min() > 0 and high + low - 2 * middle > SKEWED * (high - low):
        far = np.minimum(far, robust_distances(np.log(values)))
    bad = labels.filter(pl.Series(far > FAR_OUT))
    if len(bad):
        worst = labels.row(int(far.argmax()), named=True)
        yield Finding(
            "target-outliers",
            "warning",
            f"{len(bad)} targets lie more than {FAR_OUT:g} robust standard deviations from the median "
            f"{float(np.median(values)):g}; {target.name} of {worst['id']} is {worst['label']} {target.unit}".rstrip(),
            "Look for slips of the decimal point or of the unit; where they are right, estimate the logarithm, or "
            "expect these few to decide the squared error.",
            count=len(bad),
            ids=first_ids(bad),
            evidence={"farthest": float(far.max()), "median": float(np.median(values))},
            expected=f"at most {FAR_OUT:g} robust standard deviations",
        )


def robust_distances(values: np.ndarray) -> np.ndarray:
    """Distances from the median in robust standard deviations (1.4826 times the median distance).

    Zeros where more than half of the values are the same: there is no scale to measure by.
    """
    apart = np.abs(values - np.median(values))
    scale = 1.4826 * float(np.median(apart))
    return apart / scale if scale > 0 else np.zeros_like(apart)


LABELS = (
    Check(("single-class",), single_class),
    Check(("unknown-label",), unknown_labels),
    Check(("missing-labels",), missing_labels),
    Check(("too-few-examples",), too_few_examples),
    Check(("imbalance",), imbalance),
    Check(("target-outliers",), target_outliers),
)
