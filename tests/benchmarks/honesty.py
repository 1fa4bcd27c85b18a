"""How often the loop keeps what changes nothing, how often what helps, and whether its last validation error is true.

The real loop, on simulated trainings.

A simulated model errs on an example where the example's hardness, the seed's luck on it and the seed's luck on all of
them together exceed what its actions took off. In a null run 20 actions change the draw alone. In a run with effects
four actions help by as much, among eight that do not. True are the runs where the test error of the kept model, on
as many new examples, differs from its validation error by no more than the interval that the report states.

    python tests/benchmarks/honesty.py [RUNS]
"""

import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
sys.path.insert(0, str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src"))

ERROR, OWN_LUCK = 0.05, 0.5
HELPING = {"model.dropout": 0.25, "train.weight_decay": 0.05, "train.label_smoothing": 0.1, "train.mixup": 0.2}
TRAIN = 1000


def luck(n: int, spread: float, effect: float, seed: int) -> Callable:
    """`submit` of a world where only the actions of `HELPING` take off errors."""
    from scipy.stats import norm

    from arcane.data.rates import Rate
    from arcane.training.trials import Trial, TrialResult

    width = (1 + OWN_LUCK**2) ** 0.5
    hardness = norm.ppf(ERROR) * width + np.random.default_rng(seed).normal(size=n)

    def submit(trial: Trial) -> "Future[TrialResult]":
        content = identity(trial.params, trial.seed)
        rng = np.random.default_rng([seed, int(content[:8], 16)])
        lucky = spread * rng.normal() - taken_by(trial.params, effect)
        wrong = hardness + OWN_LUCK * rng.normal(size=n) + lucky > 0
        errors = {"train": Rate(0, TRAIN), "validation": Rate(int(wrong.sum()), n)}
        result = TrialResult(content, Path(content), errors, (), trial.params.train.epochs * TRAIN, 1000)
        result.__dict__["validation_errors"] = wrong
        result.__dict__["validation_outputs"] = np.full((n, 10), 0.1, np.float32)
        future: Future[TrialResult] = Future()
        future.set_result(result)
        return future

    return submit


def taken_by(params, effect: float) -> float:
    """What the actions in `params` take off an example's hardness."""
    return effect * sum(params.value(name) == value for name, value in HELPING.items())


def identity(params, seed: int) -> str:
    """A name of the training, from which all its luck is drawn."""
    from arcane.files import digest

    return digest(params.model.model_dump_json(), params.train.model_dump_json(), str(seed))


def tested(best, params, n: int, spread: float, effect: float, seed: int):
    """The error rate of a kept model on `n` examples that nobody has seen."""
    from scipy.stats import norm

    from arcane.data.rates import Rate

    luck = spread * np.random.default_rng([seed, int(best.key[:8], 16)]).normal()
    width = (1 + OWN_LUCK**2) ** 0.5
    true = norm.sf((taken_by(params, effect) - luck - norm.ppf(ERROR) * width) / width)
    return Rate(int(np.random.default_rng([seed, 7]).binomial(n, true)), n)


def run(n: int, spread: float, effect: float, seed: int) -> tuple[list[str], float, bool]:
    """Names of what was kept, the work in trainings, and whether test − validation lies within luck."""
    from diagnosis_tasks import params

    from arcane.data.loading import Examples
    from arcane.diagnosis.intervals import difference
    from arcane.improvement.actions import Action
    from arcane.improvement.loop import improve
    from arcane.spec import Spec

    spec = Spec("image", (1, 8, 8), tuple("0123456789"))
    parts = [
        Examples(
            tuple(f"{i:032x}" for i in range(count)),
            np.zeros((count, 1, 8, 8), np.uint8),
            np.arange(count, dtype=np.int64) % 10,
            spec,
        )
        for count in (TRAIN, n)
    ]
    own = [
        Action(f"null-{i}", "over-fitting", "Nothing.", lambda params, context, i=i: {"train.clip": 100.0 + i})
        for i in range(8 if effect else 20)
    ]
    if effect:
        helping = [
            Action(f"helps-{name}", "over-fitting", "Helps.", lambda params, context, c={name: value}: c)
            for name, value in HELPING.items()
        ]
        own = [action for i, null in enumerate(own) for action in ((helping[i // 2], null) if i % 2 else (null,))]
    names = [action.name for action in own]
    settings = {"improve.trials": 1000, "improve.budget": 10**9, "improve.actions": names, "train.epochs": 10}
    found = improve(params({**settings, "goal.error": 0.0001}), *parts, luck(n, spread, effect, seed), own=own)
    test = tested(found.best, found.final.params, n, spread, effect, seed)
    gap = difference(test, found.best.errors["validation"])
    return [tried.action for tried in found.rounds if tried.kept], found.spent / (10 * TRAIN), not gap.sure


def main(runs: int) -> None:
    """Print a row for each number of validation examples and spread between seeds."""
    print("n      spread  null runs: keep any, true  kept of 4 that help, of 8 that do not, trainings, true, by effect")
    for n in (289, 800, 2000, 12000):
        for spread in (0.05, 0.15, 0.4):
            null = [run(n, spread, 0.0, seed) for seed in range(runs)]
            share, true = (
                100 * np.mean(column) for column in ([bool(kept) for kept, *_ in null], [t for *_, t in null])
            )
            row = f"{n:6} {spread:6}  {share:12.1f} %, {true:.0f} %      "
            for effect in (0.15, 0.3, 0.6):
                ended = [run(n, spread, effect, 10_000 + seed) for seed in range(max(10, runs // 10))]
                helped = np.mean([sum(name.startswith("helps") for name in kept) for kept, *_ in ended])
                idle = np.mean([sum(name.startswith("null") for name in kept) for kept, *_ in ended])
                work, true = np.median([work for _, work, _ in ended]), np.mean([t for *_, t in ended])
                row += f"  {effect}: {helped:.1f}, {idle:.2f}, {work:.0f}, {100 * true:.0f} %"
            print(row, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
