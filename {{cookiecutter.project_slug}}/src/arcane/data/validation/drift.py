"""Drift: whether the examples of two splits come from one distribution, as far as a simple classifier can tell."""

import numpy as np

from ..findings import Finding
from ..loading import Examples
from .given import NOUNS

EXAMPLES = 2000
FEWEST = 50
FOLDS = 5
DIRECTIONS = 32
# Area under the curve of a classifier that tells the splits apart, at the lower end of its 95 % interval: 0.5 is
# guessing, random splits of the shipped data sets reach 0.51.
APART = 0.60
# Share of examples that would have to change their class, beyond what chance makes of splits of these sizes.
LABELS_APART = 0.10


def drift(train: Examples, other: Examples, name: str) -> list[Finding]:
    """`split-drift`: another split differs from the training split, in its inputs or in its labels.

    Inputs: a logistic regression on the inputs' principal directions and their squares is fitted to tell the two splits
    apart, and judged on examples left out. Labels: the share of examples that would have to change their class; for
    numbers, the difference of means in standard deviations. Neither is a p-value: of many examples the smallest
    difference has one.

    Args:
        train: The training split.
        other: Another split.
        name: Its name.
    """
    found = []
    area, error = separability(drawn(train), drawn(other))
    low = area - 1.96 * error
    if low > APART:
        worst, effect = _largest_effect(train, other)
        found.append(
            Finding(
                "split-drift",
                "warning",
                f"{name} differs from train: a classifier tells their {NOUNS[train.spec.modality]} apart with an area "
                f"under the curve of {area:.2f} ({low:.2f} to {min(1.0, area + 1.96 * error):.2f}; 0.5 is guessing)"
                + (f"; most in {worst}, by {effect:.2f} standard deviations" if worst else ""),
                "Look at what differs. Where it is meant (another domain, later times), say so with data.target_domain "
                "or data.split: time; else the split or the source is not drawn at random.",
                count=len(other),
                evidence={"area": area, "low": low, "effect": effect},
                expected=f"below {APART:.2f}",
            )
        )
    apart, margin, measure = labels_apart(train, other)
    if apart - margin > LABELS_APART:
        found.append(
            Finding(
                "split-drift",
                "warning",
                f"the labels of {name} differ from those of train: {measure.format(apart)} (chance makes {margin:.2f})",
                "Look at how the split was made; a test split of the source may be balanced where its train is not.",
                count=len(other),
                evidence={"labels_apart": apart, "by_chance": margin},
                expected=f"at most {LABELS_APART:.2f} more than by chance",
            )
        )
    return found


def separability(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Area under the curve of a classifier that tells two samples apart, on examples left out, and its standard error.

    Args:
        first, second: float `[n, D]` and `[m, D]`.
    """
    scores = told_apart(first, second)
    return (0.5, 1.0) if scores is None else area_of(scores, len(first))


def area_of(scores: np.ndarray, first: int) -> tuple[float, float]:
    """Area under the curve of scores, and its standard error: Hanley and McNeil's (Radiology 143 (1982), 29-36).

    Args:
        scores: float `[n + m]`.
        first: How many of them, at the beginning, are of the first sample: those that should be low.
    """
    from sklearn.metrics import roc_auc_score

    n, m = first, len(scores) - first
    area = float(roc_auc_score(np.repeat([0, 1], [n, m]), scores))
    first_term, second_term = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (m - 1) * (first_term - area**2) + (n - 1) * (second_term - area**2)
    return area, float(max(variance, 0.0) / (n * m)) ** 0.5


def told_apart(first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
    """How much each example looks like one of the second sample, by a classifier that was not fitted on it.

    Args:
        first, second: float `[n, D]` and `[m, D]`.

    Returns:
        float `[n + m]`, the larger the likelier; None where a sample is too small to fit a classifier to.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    n, m = len(first), len(second)
    if min(n, m) < FEWEST:
        return None
    points = _directions(np.concatenate([first, second]))
    points = np.concatenate([points, points**2], axis=1)
    which = np.repeat([0, 1], [n, m])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced"))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    return np.asarray(cross_val_predict(model, points, which, cv=folds, method="decision_function"))


def drawn_rows(examples: Examples) -> np.ndarray:
    """Rows of at most 2,000 examples, evenly over the order of their hashes."""
    return np.linspace(0, len(examples) - 1, min(len(examples), EXAMPLES)).astype(np.int64)


def drawn(examples: Examples) -> np.ndarray:
    """The examples of `drawn_rows` as numbers; 0 stands for what is missing."""
    return np.nan_to_num(_numbers(examples.inputs[drawn_rows(examples)]), posinf=0, neginf=0)


def _numbers(inputs: np.ndarray) -> np.ndarray:
    """Inputs as float64 `[n, D]`; of images means over blocks, at most 16 a side: few enough to fit a classifier to."""
    if inputs.ndim == 4:
        sides = [side // -(-side // 16) for side in inputs.shape[2:]]
        down, right = inputs.shape[2] // sides[0], inputs.shape[3] // sides[1]
        cut = inputs[:, :, : sides[0] * down, : sides[1] * right]
        inputs = cut.reshape(*inputs.shape[:2], sides[0], down, sides[1], right).mean(axis=(3, 5))
    return inputs.reshape(len(inputs), -1).astype(np.float64)


def _directions(points: np.ndarray) -> np.ndarray:
    spread = points.std(axis=0)
    points = (points - points.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    if points.shape[1] <= DIRECTIONS:
        return points
    return points @ np.linalg.eigh(points.T @ points)[1][:, -DIRECTIONS:]


def _largest_effect(train: Examples, other: Examples) -> tuple[str, float]:
    """The column of a table whose mean differs most, in standard deviations; of other inputs their mean level."""
    first, second = _numbers(train.inputs), _numbers(other.inputs)
    if not train.spec.features:
        first, second = np.nanmean(first, axis=1, keepdims=True), np.nanmean(second, axis=1, keepdims=True)
    spread = np.nanstd(first, axis=0)
    effects = np.abs(np.nanmean(first, axis=0) - np.nanmean(second, axis=0)) / np.where(spread > 0, spread, 1)
    at = int(np.nanargmax(effects))
    return train.spec.features[at].name if train.spec.features else "their mean level", float(effects[at])


def labels_apart(train: Examples, other: Examples) -> tuple[float, float, str]:
    """How far labels are apart, how far chance would put them, and a sentence that says it."""
    n, m = len(train), len(other)
    if min(n, m) < FEWEST:
        return 0.0, 0.0, ""
    if train.spec.regression:
        spread = float(train.labels.std()) or 1.0
        apart = abs(float(train.labels.mean() - other.labels.mean())) / spread
        return apart, 1.96 * (1 / n + 1 / m) ** 0.5, "their means lie {:.2f} standard deviations apart"
    classes = len(train.spec.classes)
    shares = [np.bincount(part.labels, minlength=classes) / len(part) for part in (train, other)]
    both = (shares[0] * n + shares[1] * m) / (n + m)
    # Half the sum of absolute differences, each half-normal by chance: its mean and two standard deviations.
    variance = both * (1 - both) * (1 / n + 1 / m)
    by_chance = float(np.sqrt(variance * 2 / np.pi).sum() + 2 * np.sqrt((variance * (1 - 2 / np.pi)).sum())) / 2
    apart = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return apart, by_chance, "{:.2f} of its examples would have to change their class"
