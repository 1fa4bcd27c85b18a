"""More than one training tells how much of an error was luck: what to train for a diagnosis, and what came of it.

Knows trials only through their results; where they run is the pipeline's business.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..config import Params
from ..data.rates import Measured
from ..training.trials import Trial, TrialResult
from .intervals import Repeated

SEEDS = 3
"""As many as the improvement loop gives its incumbent, which is this model: it finds these trainings done."""


@dataclass(frozen=True)
class Plan:
    """What a diagnosis trains beyond the model that it examines.

    Attributes:
        budget: Examples that may be seen: `diagnose.share` of `improve.budget`.
        seeds: Seeds in all, the examined model's own among them.
        folds: How many folds are trained; 0 for none.
        cost: Examples that this sees.
        sentence: What was left out, and what it would cost; empty where nothing was.
    """

    budget: int
    seeds: int
    folds: int
    cost: int
    sentence: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def plan(params: Params, examples: int, folds: int = 0, in_folds: int = 0) -> Plan:
    """What the budget allows: folds first, where the splits have them, then `SEEDS` seeds or one.

    Folds come first because they measure on several times as many examples, and each is a training of its own: they
    show both kinds of chance.

    Args:
        params: `improve.budget`, `diagnose.share` and `train.epochs` are read.
        examples: Of the training split.
        folds: That the splits have.
        in_folds: Examples that the folds hold together, and train on.
    """
    budget = int(params.improve.budget * params.diagnose.share)
    epochs = params.train.epochs
    dear = in_folds * (folds - 1) * epochs  # each fold trains on the others
    taken = folds if folds and dear <= budget else 0
    left = budget - (dear if taken else 0)
    # Two would leave one degree of freedom: an interval so wide that it says nothing.
    seeds = SEEDS if left >= (SEEDS - 1) * examples * epochs else 1
    cost = (dear if taken else 0) + (seeds - 1) * examples * epochs
    sentence = ""
    if folds and not taken and params.improve.budget:
        sentence = (
            f"{folds} folds would measure on {in_folds:,} examples. They see {dear:,} in training, "
            f"{dear / params.improve.budget:.2g} of improve.budget; diagnose.share allows {params.diagnose.share:g}."
        )
    elif seeds < SEEDS and not taken:
        sentence = (
            f"{SEEDS} seeds would see {(SEEDS - 1) * examples * epochs:,} examples; diagnose.share of improve.budget "
            f"allows {budget:,}. With one seed, how much trainings differ is not known."
        )
    return Plan(budget, seeds, taken, cost, sentence)


def seed_trials(params: Params, count: int, resolution: int | None) -> list[Trial]:
    """The trainings beyond the first; named and seeded as the improvement loop's, which then finds them done."""
    seeds = [(params.seed + number) % 2**32 for number in range(1, count)]
    return [Trial(f"baseline, seed {seed}", params, seed, resolution=resolution) for seed in seeds]


def over_seeds(first: Mapping[str, Measured], others: Sequence[TrialResult]) -> dict[str, Measured | Repeated]:
    """Errors by split, over all trainings.

    Args:
        first: Of the examined model; its intervals know of groups.
        others: The other seeds' trials.
    """
    if not others:
        return dict(first)
    found: dict[str, Measured | Repeated] = {}
    for split, error in first.items():
        again = [replace(other.errors[split], effect=error.effect) for other in others]
        found[split] = Repeated((error, *again))
    return found
