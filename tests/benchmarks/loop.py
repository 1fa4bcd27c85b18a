"""Work until a model is good enough: the improvement loop against TPE (Optuna) and random search, on the same data.

From a linear model to a validation error (`CASES`). A search draws from a joint space (architecture, width, dropout,
batch norm, learning rate, weight decay, batch size, augmentation) and is done at its first trial that is good enough.
Of the loop two things are told: the work to its first training that is good enough, as for a search, and the work to
its end, when the mean over the seeds of what it kept is good enough or the budget is spent. The first model, repeats
and short trainings are counted. Work is in trainings of the case's length. On MNIST-1D the goal and the loop's budget
are the template's; elsewhere the budget is the searches', and each seed, whose split may be easier or harder than the
others', has a goal of its own: the error that two of sixty random trials of another sampler reached there, about as
rare as 2 % is on MNIST-1D.

    python tests/benchmarks/loop.py CASE [SEEDS] [loop,tpe,random] [FOLDER]

Seeds are interleaved; rows are appended to FOLDER/CASE.jsonl, and a second call goes on after them. With the same
FOLDER trials that are there already are not trained again.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

TRIALS = 60
RARE = 1 / 30
"""The share of random trials that reaches a goal."""


@dataclass(frozen=True)
class Case:
    """Data, where the search starts, and what it may draw.

    Attributes:
        goal: The validation error to reach, as a share; None where each seed has its own.
        epochs: Of a trial.
        modality: Of the baked project.
        dataset: Of the baked project.
        models: Names, with the channels (or units) of each at `width` 1.
        channels: The range drawn from, where a model has a width.
        batch_sizes: Drawn from.
        augmentations: Drawn from.
        settings: Other params of the project.
        budget: The loop's, in trainings; None takes the project's.
    """

    goal: float | None
    epochs: int
    modality: str
    dataset: str
    models: dict[str, int]
    channels: tuple[int, int]
    batch_sizes: tuple[int, ...]
    augmentations: tuple[str, ...]
    settings: dict = field(default_factory=dict)
    budget: int | None = TRIALS


CASES = {
    "mnist1d": Case(
        0.02,
        19,
        "sequence",
        "mnist1d",
        {"linear": 0, "mlp": 128, "conv1d": 32, "wavenet": 32},
        (8, 96),
        (50, 100, 200),
        ("none", "shift-scale-noise"),
        {"train.batch_size": 100},
        budget=None,
    ),
    "digits": Case(
        None,
        15,
        "image",
        "digits",
        {"linear": 0, "mlp": 128, "lenet": 16, "resnet": 16},
        (4, 32),
        (32, 64, 128),
        ("none", "affine"),
    ),
    "fashion-mnist": Case(
        None,
        8,
        "image",
        "fashion-mnist",
        {"linear": 0, "mlp": 128, "lenet": 16, "resnet": 16},
        (4, 32),
        (32, 64, 128),
        ("none", "affine", "crop-flip"),
        {"data.limit": 3_000},
    ),
    "table": Case(
        None,
        40,
        "tabular",
        "digits-as-table",
        {"linear": 0, "mlp": 128},
        (8, 512),
        (32, 64, 128),
        ("none",),
    ),
}
"""A trial sees about 60,000 examples, 600 steps of 100, on MNIST-1D."""


def project_of(case: Case, folder: Path, seed: int):
    """A baked project with its data split."""
    import conftest  # noqa: F401  (puts the engine on the path)
    from bakes import bake
    from projects import write_data

    from arcane.config import find_project
    from arcane.pipeline.workspace import write_overrides

    root = next((path.parent.parent for path in folder.glob(f"seed-{seed}/*/data/splits.jsonl")), None)
    if root is None:
        root = bake(folder / f"seed-{seed}", modality=case.modality, dataset=case.dataset)
        start = {
            "seed": seed,
            "model.name": "linear",
            "train.epochs": case.epochs,
            "run.checkpoint": None,
            **case.settings,
        }
        write_overrides(root / "params.yaml", start)
        write_data(find_project(root))
    return find_project(root)


def by_loop(case: Case, project) -> dict:
    """The loop with its default settings."""
    from arcane.data.loading import load_splits
    from arcane.improvement.loop import improve
    from arcane.training.trials import run_trial

    train, validation = load_splits(project.root, ("train", "validation")).values()

    once, seen, first = case.epochs * len(train.labels), 0, None

    def submit(trial) -> Future:
        nonlocal seen, first
        future: Future = Future()
        try:
            result = run_trial(project.root, trial)
        except Exception as error:
            future.set_exception(error)
            return future
        seen += result.seen
        if first is None and result.errors["validation"].value <= case.goal:
            first = seen / once
        future.set_result(result)
        return future

    limits = {"improve.trials": 200} | ({"improve.budget": case.budget * once} if case.budget else {})
    limits["goal.error"] = case.goal
    found = improve(project.params.changed(limits), train, validation, submit)
    return {
        "work": first,
        "reached": first is not None,
        "ended": (found.spent + once) / once,
        "stopped": found.stopped,
        "validation": float(found.final.error),
        "by_seed": [result.errors["validation"].value for result in found.final.results],
        "course": [f"{tried.action} {tried.outcome} {tried.seeds}" for tried in found.rounds],
        "model": str(found.best.model),
    }


def by_search(goal: float, project, propose: Callable, sampler) -> dict:
    """Trials until the first that is good enough; with the error of each."""
    import optuna

    from arcane.errors import DivergedError
    from arcane.training.trials import Trial, run_trial

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    best, model, course = 1.0, "", []
    for number in range(1, TRIALS + 1):
        asked = study.ask()
        params = project.params.changed(propose(asked))
        try:
            result = run_trial(project.root, Trial(f"trial {number}", params, project.params.seed))
            error = result.errors["validation"].value
        except DivergedError:
            error, result = 1.0, None
        study.tell(asked, error)
        course.append(error)
        if error < best:
            best, model = error, str(result.model)
        if best <= goal:
            break
    return {
        "work": float(number),
        "reached": best <= goal,
        "ended": float(number),
        "stopped": "goal" if best <= goal else "budget",
        "validation": best,
        "course": course,
        "model": model,
    }


def joint_space(case: Case, trial) -> dict:
    """Values by dotted name; width only where a model has one."""
    name = trial.suggest_categorical("model", list(case.models))
    channels = trial.suggest_int("channels", *case.channels, log=True)
    return {
        "model.name": name,
        "model.width": channels / case.models[name] if case.models[name] else 1.0,
        "model.dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "model.normalization": trial.suggest_categorical("normalization", ["none", "batch"]),
        "train.learning_rate": trial.suggest_float("learning_rate", 1e-4, 3e-2, log=True),
        "train.weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
        "train.batch_size": trial.suggest_categorical("batch_size", case.batch_sizes),
        "train.augmentation": trial.suggest_categorical("augmentation", case.augmentations),
    }


def test_error(project, model: str) -> float:
    """Of the model that was found, once it was found."""
    from arcane.data.loading import load_split
    from arcane.training.inference import load_model, predict

    test = load_split(project.root, "test")
    return float((predict(load_model(Path(model), project), test.inputs).argmax(1) != test.labels).mean())


def with_goal(case: Case, name: str, folder: Path, seed: int) -> Case:
    """The case with its goal, or with the seed's own, which is kept in FOLDER/CASE-goals.json."""
    import optuna

    if case.goal is not None:
        return case
    kept = folder / f"{name}-goals.json"
    goals = json.loads(kept.read_text()) if kept.exists() else {}
    if str(seed) not in goals:
        sampler = optuna.samplers.RandomSampler(seed=10_000 + seed)
        row = by_search(-1.0, project_of(case, folder, seed), partial(joint_space, case), sampler)
        goals[str(seed)] = sorted(row["course"])[round(RARE * TRIALS) - 1]
        kept.write_text(json.dumps(goals))
    return replace(case, goal=goals[str(seed)])


def run(case: Case, method: str, folder: Path, seed: int) -> dict:
    import optuna

    project = project_of(case, folder, seed)
    started = time.process_time()
    if method == "loop":
        row = by_loop(case, project)
    else:
        sampler = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}[method](seed=seed)
        row = by_search(case.goal, project, partial(joint_space, case), sampler)
    row |= {"method": method, "seed": seed, "cpu_seconds": time.process_time() - started}
    return row | {"test": test_error(project, row.pop("model"))}


def main(name: str, seeds: int, methods: list[str], folder: Path) -> None:
    case, kept = CASES[name], folder / f"{name}.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    done = {(row["method"], row["seed"]) for row in rows}
    for seed in range(1, seeds + 1):
        for method in methods:
            if (method, seed) in done:
                continue
            own = with_goal(case, name, folder, seed)
            row = run(own, method, folder, seed) | {"goal": own.goal}
            rows.append(row)
            with kept.open("a") as file:
                file.write(json.dumps(row) + "\n")
            work = f"{row['work']:5.1f}" if row["reached"] else "never"
            print(
                f"{seed:3} {method:7} first at {work} ended at {row['ended']:5.1f} ({row['stopped']}) "
                f"goal {100 * row['goal']:.2f} validation {100 * row['validation']:5.2f} test {100 * row['test']:5.2f} "
                f"{'; '.join(row['course']) if method == 'loop' else ''}",
                flush=True,
            )
    print(f"\n{name}, goal {100 * statistics.median(row.get('goal', case.goal) for row in rows):.2g} % in the median")
    print("method   seeds  with one there  median work to it  at the end: there  median work  validation  test, %")
    for method in methods:
        mine = [row for row in rows if row["method"] == method]
        work = statistics.median(row["work"] if row["reached"] else float("inf") for row in mine)
        at_goal = sum(row["validation"] <= row.get("goal", case.goal) for row in mine)
        ended = statistics.median(row["ended"] for row in mine)
        errors = [statistics.median(100 * row[name] for row in mine) for name in ("validation", "test")]
        reached = sum(row["reached"] for row in mine)
        print(
            f"{method:7} {len(mine):6} {reached:15} {work:18.1f} {at_goal:18} {ended:12.1f} {errors[0]:11.2f} "
            f"{errors[1]:8.2f}"
        )


if __name__ == "__main__":
    chosen = sys.argv[1] if len(sys.argv) > 1 else "mnist1d"
    given = sys.argv[4] if len(sys.argv) > 4 else None
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(given or temporary)
        target.mkdir(parents=True, exist_ok=True)
        count = int(sys.argv[2]) if len(sys.argv) > 2 else 10
        main(chosen, count, sys.argv[3].split(",") if len(sys.argv) > 3 else ["loop", "tpe", "random"], target)
