"""Whether two splits come from one distribution, and what differs: a classifier that tells them apart, and the size of
every column's difference.

No p-value: of many examples the smallest difference has a small one. What counts is how well a classifier that has not
seen an example tells where it comes from (D. Lopez-Paz, M. Oquab, Revisiting classifier two-sample tests, ICLR 2017),
and how many standard deviations a column moves, each with its interval.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.loading import Examples
from ..data.rates import rounded
from ..data.validation.drift import APART, FEWEST, area_of, drawn, drawn_rows, labels_apart, told_apart
from .calibration import beyond_chance
from .described import Column, described

if TYPE_CHECKING:
    import polars as pl

EXAMPLES = 5000
"""Of each split, evenly over the order of their hashes: a difference of 0.04 standard deviations is then seen."""

LEANING = 1.4
"""By how much the area's standard error must grow: left-out scores of one fold lean together. Of 900 pairs of samples
without a shift (80 to 2,000 examples, 3 to 64 numbers) the area then strays by 0.9 to 1.03 standard errors."""

STRONG = 0.8
SHOWN, TYPICAL = 12, 8
DRAWS = 200


@dataclass(frozen=True)
class Effect:
    """By how much one column differs.

    Attributes:
        name: The column's.
        measure: `cohens-d`, a difference of means in standard deviations, positive where the other split's is higher;
            or `total-variation`, the share of examples that would have to change their value, beyond chance.
        value, low, high: With an interval that holds for all columns at once (95 %, Bonferroni's correction).
        train, other: Means; or the shares of the value that differs most.
        sentence: The same in words.
    """

    name: str
    measure: str
    value: float
    low: float
    high: float
    train: float
    other: float
    sentence: str

    @property
    def sure(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Shift:
    """How two splits differ.

    Attributes:
        other: The name of the split that is compared with train.
        expected: Whether they differ on purpose (`data.target_domain`).
        area: Under the classifier's curve, with its standard error `error`; 0.5 is guessing.
        n: Examples that the classifier judged.
        effects: The columns that differ beyond chance, the largest first.
        labels: Share of labels apart, what chance makes, and a sentence.
        typical: By split: ids that the classifier finds most like it and least like the other.
    """

    other: str
    expected: bool
    area: float
    error: float
    n: int
    effects: tuple[Effect, ...]
    labels: tuple[float, float, str]
    typical: dict[str, tuple[str, ...]]

    @property
    def low(self) -> float:
        return max(0.0, self.area - 1.96 * self.error)

    @property
    def found(self) -> bool:
        """Whether the interval leaves guessing out: without a shift it does in at most 5 % of cases (measured)."""
        return self.n > 0 and self.low > 0.5

    @property
    def strength(self) -> str:
        if not self.found:
            return "none"
        return "slight" if self.low <= APART else "strong" if self.low > STRONG else "clear"

    @property
    def sentence(self) -> str:
        if not self.n:
            return f"Too few examples to tell whether {self.other} differs from train ({FEWEST} of each are needed)."
        area = f"area under the curve {self.area:.3f}, {self.low:.3f} to {min(1.0, self.area + 1.96 * self.error):.3f}"
        if not self.found:
            return f"A classifier cannot tell {self.other} from train ({area}; 0.5 is guessing): no shift to be seen."
        strength = {"slight": "a little better than by guessing", "clear": "clearly", "strong": "nearly always"}
        meant = "; the domains differ on purpose" if self.expected else ""
        what = "; ".join(effect.sentence for effect in self.effects[:3])
        what = f" What differs: {what}." if what else " No single column says in what: look at the typical examples."
        return f"A classifier tells {self.other} from train {strength[self.strength]} ({area}{meant}).{what}"

    def as_json(self) -> dict[str, Any]:
        """The block `shift` of reports/errors.json."""
        apart, by_chance, said = self.labels
        return {
            "between": ["train", self.other],
            "expected": self.expected,
            "area": {"value": self.area, "low": self.low, "high": min(1.0, self.area + 1.96 * self.error), "n": self.n},
            "found": self.found,
            "strength": self.strength,
            "features": [asdict(effect) for effect in self.effects[:SHOWN]],
            "labels": {"value": apart, "by_chance": by_chance, "found": apart > by_chance, "sentence": said},
            "typical": {name: list(ids) for name, ids in self.typical.items()},
            "sentence": self.sentence,
        }


def shift(
    train: Examples,
    other: Examples,
    name: str = "validation",
    manifest: "pl.DataFrame | None" = None,
    *,
    expected: bool = False,
) -> Shift:
    """Compare a split with the training split.

    Args:
        train: The training split.
        other: Another.
        name: Its name.
        manifest: As `described` takes it: its columns are compared too.
        expected: Whether they differ on purpose.
    """
    scores = told_apart(drawn(train), drawn(other))
    labels = labels_apart(train, other)
    if scores is None:
        return Shift(name, expected, 0.5, 0.0, 0, (), (*labels[:2], ""), {})
    area, error = area_of(scores, len(drawn_rows(train)))
    error *= LEANING
    said = _labels_in_words(labels[0], labels[1], name, train.spec.regression) if labels[2] else ""
    return Shift(
        name,
        expected,
        area,
        error,
        len(scores),
        _effects(train, other, manifest),
        (labels[0], labels[1], said),
        _typical(scores, train, other, name),
    )


def _labels_in_words(apart: float, by_chance: float, name: str, regression: bool) -> str:
    if regression:
        return (
            f"The mean targets of train and {name} lie {apart:.2f} standard deviations apart; chance alone makes up to "
            f"{by_chance:.2f}."
        )
    return (
        f"{100 * apart:.2g} % of the examples of {name} would have to change their class for the shares of train; "
        f"chance alone makes up to {100 * by_chance:.2g} %."
    )


def _typical(scores: np.ndarray, train: Examples, other: Examples, name: str) -> dict[str, tuple[str, ...]]:
    first, second = drawn_rows(train), drawn_rows(other)
    low = np.argsort(scores[: len(first)], kind="stable")[:TYPICAL]
    high = np.argsort(-scores[len(first) :], kind="stable")[:TYPICAL]
    return {"train": tuple(train.ids[first[i]] for i in low), name: tuple(other.ids[second[i]] for i in high)}


def _effects(train: Examples, other: Examples, manifest: "pl.DataFrame | None") -> tuple[Effect, ...]:
    """The columns that differ beyond chance, the largest effect first."""
    first, second = (_some(part) for part in (train, other))
    both = Examples(
        first.ids + second.ids,
        np.concatenate([first.inputs, second.inputs]),
        np.concatenate([first.labels, second.labels]),
        train.spec,
    )
    columns = [column for column in described(both, manifest) if column.name != "group"]
    inside = np.arange(len(both)) < len(first)
    found = [effect(column.of(inside), column.of(~inside), len(columns)) for column in columns]
    sure = [each for each in found if each is not None and each.sure]
    return tuple(sorted(sure, key=lambda each: (-abs(each.value), each.name)))


def _some(examples: Examples) -> Examples:
    if len(examples) <= EXAMPLES:
        return examples
    return examples.subset(np.linspace(0, len(examples) - 1, EXAMPLES).astype(np.int64))


def effect(train: Column, other: Column, columns: int = 1) -> Effect | None:
    """By how much a column differs; None where it has too few values on one side.

    Args:
        train: Of the training split.
        other: Of the other one, with the same levels.
        columns: How many are compared at once.
    """
    from scipy.special import ndtri

    z = float(ndtri(1 - 0.025 / max(1, columns)))
    return _mean_effect(train, other, z) if train.number else _share_effect(train, other, z)


def _mean_effect(train: Column, other: Column, z: float) -> Effect | None:
    """Cohen's d with its large-sample interval (L. Hedges, I. Olkin, Statistical Methods for Meta-Analysis, 1985)."""
    first, second = (column.values[np.isfinite(column.values)] for column in (train, other))
    n, m = len(first), len(second)
    if min(n, m) < FEWEST:
        return None
    pooled = (((n - 1) * first.var(ddof=1) + (m - 1) * second.var(ddof=1)) / (n + m - 2)) ** 0.5
    if not pooled > 0:
        return None
    d = float((second.mean() - first.mean()) / pooled)
    error = ((n + m) / (n * m) + d**2 / (2 * (n + m))) ** 0.5
    low, high = d - z * error, d + z * error
    means = float(first.mean()), float(second.mean())
    near, far = sorted((abs(low), abs(high)))
    return Effect(
        train.name,
        "cohens-d",
        d,
        low,
        high,
        *means,
        f"{train.name} is {abs(d):.2f} standard deviations {'higher' if d > 0 else 'lower'} ({near:.2f} to {far:.2f}): "
        f"mean {rounded(means[1])} against {rounded(means[0])} in train",
    )


def _share_effect(train: Column, other: Column, z: float) -> Effect | None:
    """Total variation, with what chance makes of samples of these sizes taken out; the spread by bootstrap."""
    n, m, size = len(train.values), len(other.values), len(train.levels) + 1
    if min(n, m) < FEWEST:
        return None
    first, second = (np.bincount(column.values + 1, minlength=size) for column in (train, other))
    both = (first + second) / (n + m)
    # Half the sum of absolute differences, each half-normal by chance.
    by_chance = float(np.sqrt(both * (1 - both) * (1 / n + 1 / m) * 2 / np.pi).sum() / 2)
    rng = np.random.default_rng(0)
    draws = np.abs(rng.multinomial(n, first / n, DRAWS) / n - rng.multinomial(m, second / m, DRAWS) / m).sum(axis=1) / 2
    raw, half = float(np.abs(first / n - second / m).sum() / 2), z * float(draws.std(ddof=1))
    # Chance is taken out of the ends as well: near it the value without it grows much faster than the raw one, and its
    # own spread would make a difference of 12 % of pairs of samples that have none (ten classes, for 1.25 % promised).
    value, low, high = (beyond_chance(each, by_chance) for each in (raw, raw - half, min(1.0, raw + half)))
    at = int(np.abs(first / n - second / m).argmax())
    level = train.levels[at - 1] if at else "no value"
    shares = float(first[at] / n), float(second[at] / m)
    return Effect(
        train.name,
        "total-variation",
        value,
        low,
        high,
        *shares,
        f"{train.name} would have to change in {100 * value:.2g} % of the examples ({100 * low:.2g} % to "
        f"{100 * high:.2g} %): {level!r} is {100 * shares[1]:.2g} % against {100 * shares[0]:.2g} % in train",
    )
