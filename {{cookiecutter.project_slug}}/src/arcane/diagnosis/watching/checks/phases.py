"""Whether training and evaluation prepare the inputs in the same way: what distinct rows of each are like."""

from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import given, owners
from ..trace import Population, Trace
from .check import PassiveCheck, found


def look_at_phases(trace: Trace) -> Iterator[Finding]:
    """Inputs of evaluation that are prepared in another way than those of training."""
    phases = ("evaluation", "shown") if given(trace) and not trace.taking_turns else ("evaluation",)
    owner = owners(trace)
    for name, train in trace.populations.items():
        if not name.startswith("train:"):
            continue
        model = name.split(":")[1]
        if trace.models[int(model)].embeds or train.rows < 24:
            continue
        for other, seen in trace.populations.items():
            phase, of = other.split(":")[:2]
            if (
                phase not in phases
                or other in trace.pooled
                or owner[int(of)] != int(model)
                or seen.rows < 24
                or len(seen.sums) != len(train.sums)
            ):
                continue
            call = next((c for c in trace.asked if c.population(phase) == other), None)
            shift, ratio = _apart(train, seen)
            most, widest = trace.limit("watched_shift"), trace.limit("watched_scale")
            if shift > most or ratio > widest:
                yield found(
                    "train-eval-preprocessing-differ",
                    "error" if shift > 2 * most or ratio > max(2.0, widest) else "warning",
                    f"Inputs have mean {train.mean.mean():.3g} and deviation {_spread(train):.3g} in training, but "
                    f"{seen.mean.mean():.3g} and {_spread(seen):.3g} in evaluation.",
                    "Prepare both in the same way, with the training split's statistics; only augmentation differs.",
                    call.place if call else None, f"means within {most:g} deviations, deviations within a factor "
                    f"{widest:g}", shift=shift, ratio=ratio,
                )  # fmt: skip
                return
            away = _elsewhere(train, seen)
            if (away > trace.limit("watched_beyond")).any():
                column = int(away.argmax())
                yield found(
                    "train-eval-preprocessing-differ", "error",
                    f"Feature {column} of the inputs is {train.lows[column]:.3g} to {train.highs[column]:.3g} in "
                    f"training, but has mean {seen.mean[column]:.3g} in evaluation.",
                    "Prepare both in the same way: the same columns in the same order, the same units, and the "
                    "training split's statistics.", call.place if call else None,
                    f"means at most {trace.limit('watched_beyond'):g} ranges beyond", ranges=float(away[column]),
                    features=int((away > 1).sum()),
                )  # fmt: skip
                return
            alone = _one_apart(train, seen, trace.limit("watched_feature"))
            if alone is not None and phase == "evaluation":
                yield found(
                    "train-eval-preprocessing-differ", "warning",
                    f"Feature {alone} of the inputs has mean {train.mean[alone]:.3g} and deviation "
                    f"{train.std[alone]:.3g} in training, but {seen.mean[alone]:.3g} and {seen.std[alone]:.3g} in "
                    "evaluation; the others agree.",
                    "Look for a column in another unit, or in another place.", call.place if call else None,
                    "the same in both", feature=alone,
                )  # fmt: skip
                return


def _elsewhere(train: Population, seen: Population) -> np.ndarray:
    """How far each feature's mean in evaluation lies beyond all that training has, in ranges of training [F].

    A split by time leaves a trend's range by less than its length; another unit by many times it.
    """
    span = train.highs - train.lows
    beyond = np.maximum(seen.mean - train.highs, train.lows - seen.mean)
    return np.where(span > 1e-6, beyond / np.maximum(span, 1e-6), 0.0)


def _one_apart(train: Population, seen: Population, most: float) -> int | None:
    """A feature that lies wholly elsewhere in evaluation, where most do not."""
    if train.rows < 60 or seen.rows < 60:
        return None
    varied = (train.std > 1e-6) & (seen.std > 1e-6)
    width = np.maximum(train.std, seen.std)
    away = varied & (np.abs(train.mean - seen.mean) > most * width)
    beyond = (seen.lows > train.highs) | (seen.highs < train.lows)
    away &= beyond
    return int(np.flatnonzero(away)[0]) if 0 < away.sum() <= 0.3 * varied.sum() else None


def _spread(p) -> float:
    """Deviation over all values, [N, F] together."""
    mean = p.mean.mean()
    return float(np.sqrt(max((p.squares / p.rows).mean() - mean**2, 0)))


def _apart(first, second) -> tuple[float, float]:
    """Shift of the means in deviations of training, and ratio of the deviations, 1 or more: medians over features.

    Medians, because one feature that hardly varies in training may be anything in evaluation.
    """
    own, other = first.std, second.std
    varied = (own > 1e-6) & (other > 1e-9)
    if not varied.any():
        return 0.0, 1.0
    shift = float(np.median(np.abs(first.mean - second.mean)[varied] / own[varied]))
    ratio = float(np.exp(np.abs(np.median(np.log(own[varied] / other[varied])))))
    return shift, min(ratio, 1e9)


PHASES = PassiveCheck(
    ("train-eval-preprocessing-differ",),
    "The model is measured on inputs that it was not trained for.",
    "Median over features of the means' shift above 0.7 deviations, or deviations apart by a factor above 1.7; "
    "an error at twice the shift or a factor of 2. Or one feature whose mean in evaluation lies "
    "three ranges beyond all that training has.",
    look_at_phases,
)
