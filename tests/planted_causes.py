"""Curves of MNIST-1D's generator, on which one part of the error is made the largest: what a diagnosis must find.

The generator gives any number of fresh curves, so the truth behind each error can be measured as well.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from diagnosis_tasks import params, task_class

from arcane.data.loading import Examples
from arcane.data.rates import Measured, Rate
from arcane.data.statistics import statistics_of
from arcane.diagnosis.decomposition import Decomposition, decompose
from arcane.diagnosis.error_analysis import joined
from arcane.diagnosis.intervals import Repeated
from arcane.spec import Spec
from arcane.training.fit import fit
from arcane.training.inference import predict

SPEC = Spec("sequence", (1, 40), tuple("0123456789"))
CYCLE = {"train.schedule": "one-cycle", "train.learning_rate": 0.01, "train.batch_size": 100}
EASY = {"max_translation": 4, "scale_coeff": 0.1, "shear_scale": 0.1, "corr_noise_scale": 0.1}
"""Settings of another generator: curves that hardly move, stretch or lean, with less noise."""

STEP, FITTED, ALLOWED = 0.3, 1000, 0.1
"""Of a change at random of one class's weights, which must leave so many training examples well fitted."""


@dataclass(frozen=True)
class Cause:
    """How one part of the error is made the largest.

    Attributes:
        part: Its name among `Decomposition.parts`.
        settings: Of the model and its training.
        goal: The error to reach.
        train: Training examples.
        held_out: Examples of validation, of test and of train_val.
        flipped: Share of the labels, everywhere, that are replaced by another class.
        easy: Which curves are the easy ones: none, those of `train`, or `all`.
        easy_share: Of the training curves, where `easy` is `train`; the others are as everywhere.
        candidates: How often validation is asked whether another model is better; 0 for never.
    """

    part: str
    settings: Mapping[str, Any]
    goal: float
    train: int
    held_out: tuple[int, int, int] = (1000, 1000, 1000)
    flipped: float = 0.0
    easy: Literal["none", "train", "all"] = "none"
    candidates: int = 0
    easy_share: float = 1.0

    @property
    def curves(self) -> tuple[int, int]:
        """How many training curves come from the generator as it is, and how many are easy."""
        easy = 0 if self.easy == "none" else round(self.train * self.easy_share)
        return self.train - easy, easy


CAUSES = (
    Cause("bias", {**CYCLE, "model.name": "linear", "train.epochs": 10}, 0.04, 2000),
    Cause("variance", {**CYCLE, "model.name": "mlp", "train.epochs": 60}, 0.04, 400),
    Cause("data_mismatch", {**CYCLE, "model.name": "mlp", "train.epochs": 10}, 0.04, 1500, easy="train"),
    Cause("irreducible", {**CYCLE, "model.name": "linear", "train.epochs": 10}, 0.4, 3000, flipped=0.4, easy="all"),
    Cause(
        "validation_overfit",
        {**CYCLE, "model.name": "mlp", "model.width": 4.0, "train.epochs": 40},
        0.04,
        1500,
        (100, 1000, 0),
        candidates=10_000,
    ),
)


@dataclass(frozen=True)
class Mixture:
    """Two substantial parts of the error, in a known ratio.

    Attributes:
        first, second: The parts.
        share: Of the two together, that the first is, where the goal sets it: bias is what is left above the goal.
            None where no part is bias: then the ratio is what the training makes it, and bias half the smaller.
        cause: What is trained; its goal is set anew.
    """

    first: str
    second: str
    share: float | None
    cause: Cause

    def goal(self, runs: "Sequence[Run]") -> float:
        """The goal that gives the parts their ratio in the mean of these runs."""
        gaps = truths(runs)
        train = gaps["bias"] + self.cause.goal
        if self.share is None:
            return train - min(gaps[self.first], gaps[self.second]) / 2
        return train - gaps[self.second] * self.share / (1 - self.share)


UNFINISHED = Cause("variance", {**CYCLE, "model.name": "mlp", "train.epochs": 5}, 0.0, 2000)
PARTLY_EASY = Cause(
    "bias", {**CYCLE, "model.name": "linear", "train.epochs": 10}, 0.0, 2000, easy="train", easy_share=0.3
)
MLP = replace(UNFINISHED, train=1500, easy="train", easy_share=0.25)
MIXTURES = (
    *(Mixture("bias", "variance", share, UNFINISHED) for share in (0.6, 0.4, 0.3)),
    *(Mixture("bias", "data_mismatch", share, PARTLY_EASY) for share in (0.7, 0.6, 0.4, 0.3)),
    Mixture("variance", "data_mismatch", None, MLP),
    Mixture("variance", "data_mismatch", None, replace(MLP, easy_share=0.6)),
)


@dataclass(frozen=True)
class Pools:
    """Fresh curves: those to train on, used once, and those that stand for the truth.

    Attributes:
        train, truth: Of the generator as it is.
        easy_train, easy_truth: With the settings `EASY`.
    """

    train: Examples
    truth: Examples
    easy_train: Examples
    easy_truth: Examples


def curves(samples: int, seed: int, changes: Mapping[str, Any] | None = None) -> Examples:
    """Curves of the generator, its settings changed; the process's random state is left as it was."""
    from mnist1d.data import get_dataset_args, make_dataset

    arguments: Any = get_dataset_args()
    arguments.num_samples, arguments.seed, arguments.train_split = samples, seed, 1.0
    for name, value in (changes or {}).items():
        setattr(arguments, name, value)
    before = random.getstate(), np.random.get_state()
    try:
        made = make_dataset(arguments)
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
    ids = tuple(f"{seed} {place}" for place in range(samples))
    return Examples(ids, made["x"][:, None].astype(np.float32), made["y"].astype(np.int64), SPEC)


def pools(causes: Sequence[Cause], runs: int, truth: int) -> Pools:
    """Fresh curves enough for so many runs of these causes."""
    parts: list[Examples] = []
    for easy in (False, True):
        most = max(1, runs * max(cause.curves[easy] for cause in causes))
        made = curves(most + truth, 2 if easy else 1, EASY if easy else None)
        parts += [made.subset(np.arange(most)), made.subset(np.arange(most, most + truth))]
    return Pools(*parts)


def with_flips(examples: Examples, share: float, seed: int) -> Examples:
    """The same with a share of the labels replaced by another class."""
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(len(examples)) < share, rng.integers(1, 10, len(examples)), 0)
    return Examples(examples.ids, examples.inputs, (examples.labels + steps) % 10, examples.spec)


@dataclass(frozen=True)
class Run:
    """Trainings on one training set, each with another seed.

    Attributes:
        cause: What was planted.
        train: Errors on the training set, by seed.
        truth: Whether each fresh curve is got wrong: bool [seeds, curves].
        like_train: The same for fresh curves of the training distribution, where that is another one.
        chosen: Whether the candidate that validation chose gets each right: validation bool [n], fresh bool [curves].
    """

    cause: Cause
    train: tuple[Rate, ...]
    truth: np.ndarray
    like_train: np.ndarray | None = None
    chosen: tuple[np.ndarray, np.ndarray] | None = None


def trained(cause: Cause, train: Examples, seed: int) -> Any:
    """A task, trained."""
    chosen = params(dict(cause.settings))
    torch.manual_seed(seed)
    task = task_class()(chosen, SPEC, statistics_of(train))
    watched = train.subset(np.arange(10))
    fit(task, train, watched, epochs=chosen.train.epochs, batch_size=chosen.train.batch_size, seed=seed)
    return task


def wrong(task: Any, examples: Examples) -> np.ndarray:
    """Which examples it gets wrong: bool [n]."""
    return predict(task, examples.inputs, 2000).argmax(1) != examples.labels


def planted(cause: Cause, data: Pools, number: int, seeds: int) -> Run:
    """Run `number` of a cause: its training set is the next of the pool."""
    train = training_set(cause, data, number)
    train = with_flips(train, cause.flipped, number)
    truth = with_flips(data.easy_truth if cause.easy == "all" else data.truth, cause.flipped, 10**6)
    if cause.candidates:
        return chosen_among_noisy(cause, train, truth, number)
    tasks = [trained(cause, train, 100 * number + seed) for seed in range(seeds)]
    return Run(
        cause,
        tuple(Rate(int(wrong(task, train).sum()), len(train)) for task in tasks),
        np.stack([wrong(task, truth) for task in tasks]),
        np.stack([wrong_of_train(cause, task, data) for task in tasks]) if cause.easy == "train" else None,
    )


def training_set(cause: Cause, data: Pools, number: int) -> Examples:
    """The next curves of each pool that the cause takes from."""
    pools_and_counts = zip((data.train, data.easy_train), cause.curves, strict=True)
    parts = [pool.subset(np.arange(number * n, (number + 1) * n)) for pool, n in pools_and_counts if n]
    return joined(parts, cause.train)


def wrong_of_train(cause: Cause, task: Any, data: Pools) -> np.ndarray:
    """Which fresh curves of the training distribution it gets wrong: bool [n]."""
    easy = wrong(task, data.easy_truth)
    if cause.easy_share == 1:
        return easy
    # Backwards, so that the same place is not the same curve as among those that validate.
    chosen = np.random.default_rng(0).random(len(easy)) < cause.easy_share
    return np.where(chosen, easy, wrong(task, data.truth)[::-1])


def chosen_among_noisy(cause: Cause, train: Examples, truth: Examples, number: int) -> Run:
    """A model after many changes at random of its last layer: those that a small validation split liked were kept."""
    task = trained(cause, train, 100 * number)
    last = next(layer for layer in reversed(list(task.modules())) if isinstance(layer, torch.nn.Linear))
    seen: dict[str, torch.Tensor] = {}
    hook = last.register_forward_hook(lambda _layer, inputs, _output: seen.update(hidden=inputs[0]))
    rng = np.random.default_rng(number)
    place = rng.permutation(len(truth))[: cause.held_out[0]]
    hidden = {}
    for name, part in (("train", train), ("validation", truth.subset(place)), ("truth", truth)):
        predict(task, part.inputs, len(part))
        hidden[name] = seen["hidden"].detach()
    hook.remove()
    weight, bias = last.weight.detach(), last.bias.detach()
    drawn = torch.Generator().manual_seed(number)
    best, least = weight.clone(), len(place) + 1
    labels, known = torch.tensor(truth.labels[place]), torch.tensor(train.labels[:FITTED])
    for _ in range(cause.candidates):
        candidate = best.clone()
        about = hidden["validation"][int(torch.randint(len(place), (1,), generator=drawn))]
        step = STEP * float(torch.randn(1, generator=drawn)) * about / float(about.norm())
        candidate[int(torch.randint(10, (1,), generator=drawn))] += step
        errors = int(((hidden["validation"] @ candidate.T + bias).argmax(1) != labels).sum())
        if errors > least:
            continue
        if ((hidden["train"][:FITTED] @ candidate.T + bias).argmax(1) != known).float().mean() <= ALLOWED:
            best, least = candidate, errors
    said = {name: (values @ best.T + bias).argmax(1).numpy() for name, values in hidden.items()}
    fresh = said["truth"] != truth.labels
    return Run(
        cause,
        (Rate(int((said["train"] != train.labels).sum()), len(train)),),
        fresh[None],
        chosen=(said["validation"] != truth.labels[place], fresh),
    )


@dataclass(frozen=True)
class Drawn:
    """One diagnosis of a run, with validation, test and train_val drawn anew."""

    found: Decomposition
    single: Decomposition


def draws(run: Run, count: int, seed: int, goal: float | None = None) -> Iterator[Drawn]:
    """Diagnoses of a run: over all its seeds, and of its first seed alone; with another goal than the cause's."""
    rng, (n_validation, n_test, n_train_val) = np.random.default_rng(seed), run.cause.held_out
    for _ in range(1 if run.chosen else count):
        order = rng.permutation(run.truth.shape[1])
        parts: dict[str, list[Rate]] = {"train": list(run.train)}
        if run.chosen:
            parts["validation"] = [Rate(int(run.chosen[0].sum()), len(run.chosen[0]))]
        else:
            parts["validation"] = rates(run.truth[:, order[:n_validation]])
        parts["test"] = rates(run.truth[:, order[n_validation : n_validation + n_test]])
        if run.like_train is not None:
            parts["train_val"] = rates(run.like_train[:, rng.permutation(run.like_train.shape[1])[:n_train_val]])
        over_seeds: dict[str, Measured | Repeated] = {
            name: Repeated(tuple(each)) if len(each) > 1 else each[0] for name, each in parts.items()
        }
        first: dict[str, Measured | Repeated] = {name: each[0] for name, each in parts.items()}
        aim = run.cause.goal if goal is None else goal
        yield Drawn(decompose(aim, **over_seeds), decompose(aim, **first))


def rates(errors: np.ndarray) -> list[Rate]:
    return [Rate(int(each.sum()), len(each)) for each in errors]


def truths(runs: Sequence[Run]) -> dict[str, float]:
    """What each part is, in the mean over trainings on fresh training sets and over all fresh curves."""
    cause = runs[0].cause
    train = float(np.mean([rate.value for run in runs for rate in run.train]))
    fresh = float(np.mean([run.truth.mean() for run in runs]))
    validation = float(np.mean([run.chosen[0].mean() for run in runs if run.chosen])) if cause.candidates else fresh
    known = {"irreducible": cause.goal, "bias": train - cause.goal}
    held_back = validation
    if cause.easy == "train":
        held_back = float(np.mean([run.like_train.mean() for run in runs if run.like_train is not None]))
        known["data_mismatch"] = validation - held_back
    return known | {"variance": held_back - train, "validation_overfit": fresh - validation}


def of_this_model(run: Run) -> dict[str, float]:
    """The same for the first seed's model itself; its training error is what it is."""
    train, fresh = run.train[0].value, float(run.truth[0].mean())
    validation = float(run.chosen[0].mean()) if run.chosen else fresh
    held_back = float(run.like_train[0].mean()) if run.like_train is not None else validation
    known = {"variance": held_back - train, "validation_overfit": fresh - validation}
    return known | ({"data_mismatch": validation - held_back} if run.like_train is not None else {})


@dataclass
class Tally:
    """Of diagnoses: how many, how many were decided, and rightly; of intervals, how many cover the truth."""

    diagnoses: int = 0
    decided: int = 0
    right: int = 0
    covered: dict[str, list[bool]] = field(default_factory=dict)

    def count(self, verdict: str, part: str) -> None:
        """Count a verdict where `part` is right."""
        self.diagnoses += 1
        self.decided += verdict != "undecided"
        self.right += verdict == part

    def add(self, found: Decomposition, truth: Mapping[str, float], part: str | None = None) -> None:
        """Count a diagnosis against the truth; `part` is the largest one."""
        if part is not None:
            self.count(found.largest_part, part)
        for name, value in truth.items():
            if name != "irreducible":
                gap = found.parts[name]
                self.covered.setdefault(name, []).append(gap.low <= value <= gap.high)


def others(runs: Sequence[Run], number: int) -> list[Run]:
    """All runs but one: the truth that it is held against must not contain it."""
    return [run for place, run in enumerate(runs) if place != number]
