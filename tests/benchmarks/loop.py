"""Work until a model is good enough: the improvement loop against TPE (Optuna) and random search, on the same data.

On MNIST-1D, from a linear model to a validation error of 2 %. A search draws from a joint space (linear, perceptron,
convolutions, dilated convolutions; 8 to 96 channels; dropout, batch norm, learning rate, weight decay, batch size,
augmentation) and is done at its first trial that is good enough. Of the loop, with its default settings and budget,
two things are told: the work to its first training that is good enough, as for a search, and the work to its end, when
the mean over the seeds of what it kept is good enough or the budget is spent. The first model, repeats and short
trainings are counted. Each trial sees about 60,000 examples, 600 steps of 100.

    python tests/benchmarks/loop.py [SEEDS] [loop,tpe,random] [FOLDER]

Seeds are interleaved; rows are appended to FOLDER/loop.jsonl, and a second call goes on after them. With the same
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
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

GOAL, TRIALS = 0.02, 60
EPOCHS, BATCH = 19, 100
CHANNELS = {"conv1d": 32, "wavenet": 32, "mlp": 128}


def project_of(folder: Path, seed: int):
    """A baked MNIST-1D project with its data split."""
    import conftest  # noqa: F401  (puts the engine on the path)
    from bakes import bake
    from projects import write_data

    from arcane.config import find_project
    from arcane.pipeline.workspace import write_overrides

    root = folder / f"seed-{seed}" / "mnist-1d"
    if not (root / "data/splits.jsonl").exists():
        root = bake(folder / f"seed-{seed}", modality="sequence", dataset="mnist1d")
        start = {
            "seed": seed,
            "goal.error": GOAL,
            "model.name": "linear",
            "train.epochs": EPOCHS,
            "train.batch_size": BATCH,
            "run.checkpoint": None,
        }
        write_overrides(root / "params.yaml", start)
        write_data(find_project(root))
    return find_project(root)


def by_loop(project, seed: int) -> dict:
    """The loop with its default settings."""
    from arcane.data.loading import load_splits
    from arcane.improvement.loop import improve
    from arcane.training.trials import run_trial

    train, validation = load_splits(project.root, ("train", "validation")).values()

    once, seen, first = EPOCHS * len(train.labels), 0, None

    def submit(trial) -> Future:
        nonlocal seen, first
        future: Future = Future()
        try:
            result = run_trial(project.root, trial)
        except Exception as error:
            future.set_exception(error)
            return future
        seen += result.seen
        if first is None and result.errors["validation"].value <= GOAL:
            first = seen / once
        future.set_result(result)
        return future

    found = improve(project.params.changed({"improve.trials": 200}), train, validation, submit)
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


def by_search(project, propose: Callable[[object], None], sampler) -> dict:
    """Trials until the first that is good enough."""
    import optuna

    from arcane.errors import DivergedError
    from arcane.training.trials import Trial, run_trial

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=sampler)
    best, model = 1.0, ""
    for number in range(1, TRIALS + 1):
        asked = study.ask()
        params = project.params.changed(propose(asked))
        try:
            result = run_trial(project.root, Trial(f"trial {number}", params, project.params.seed))
            error = result.errors["validation"].value
        except DivergedError:
            error, result = 1.0, None
        study.tell(asked, error)
        if error < best:
            best, model = error, str(result.model)
        if best <= GOAL:
            break
    return {
        "work": float(number),
        "reached": best <= GOAL,
        "ended": float(number),
        "stopped": "goal" if best <= GOAL else "budget",
        "validation": best,
        "course": [],
        "model": model,
    }


def joint_space(trial) -> dict:
    """Values by dotted name; width only where a model has one."""
    name = trial.suggest_categorical("model", ["linear", "mlp", "conv1d", "wavenet"])
    channels = trial.suggest_int("channels", 8, 96, log=True)
    return {
        "model.name": name,
        "model.width": 1.0 if name == "linear" else channels / CHANNELS[name],
        "model.dropout": trial.suggest_float("dropout", 0.0, 0.5),
        "model.normalization": trial.suggest_categorical("normalization", ["none", "batch"]),
        "train.learning_rate": trial.suggest_float("learning_rate", 1e-4, 3e-2, log=True),
        "train.weight_decay": trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
        "train.batch_size": trial.suggest_categorical("batch_size", [50, 100, 200]),
        "train.augmentation": trial.suggest_categorical("augmentation", ["none", "shift-scale-noise"]),
    }


def test_error(project, model: str) -> float:
    """Of the model that was found, once it was found."""
    from arcane.data.loading import load_split
    from arcane.training.inference import load_model, predict

    test = load_split(project.root, "test")
    return float((predict(load_model(Path(model), project), test.inputs).argmax(1) != test.labels).mean())


def run(method: str, folder: Path, seed: int) -> dict:
    import optuna

    project = project_of(folder, seed)
    started = time.process_time()
    if method == "loop":
        row = by_loop(project, seed)
    else:
        sampler = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}[method](seed=seed)
        row = by_search(project, joint_space, sampler)
    row |= {"method": method, "seed": seed, "cpu_seconds": time.process_time() - started}
    return row | {"test": test_error(project, row.pop("model"))}


def main(seeds: int, methods: list[str], folder: Path) -> None:
    kept = folder / "loop.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    done = {(row["method"], row["seed"]) for row in rows}
    for seed in range(1, seeds + 1):
        for method in methods:
            if (method, seed) in done:
                continue
            row = run(method, folder, seed)
            rows.append(row)
            with kept.open("a") as file:
                file.write(json.dumps(row) + "\n")
            work = f"{row['work']:5.1f}" if row["reached"] else "never"
            print(
                f"{seed:3} {method:7} first at {work} ended at {row['ended']:5.1f} ({row['stopped']}) "
                f"validation {100 * row['validation']:5.2f} test {100 * row['test']:5.2f} {'; '.join(row['course'])}",
                flush=True,
            )
    print("\nmethod   seeds  with one <= 2 %  median work to it  at the end: <= 2 %  median work  validation  test, %")
    for method in methods:
        mine = [row for row in rows if row["method"] == method]
        work = statistics.median(row["work"] if row["reached"] else float("inf") for row in mine)
        at_goal = sum(row["validation"] <= GOAL for row in mine)
        ended = statistics.median(row["ended"] for row in mine)
        errors = [statistics.median(100 * row[name] for row in mine) for name in ("validation", "test")]
        reached = sum(row["reached"] for row in mine)
        print(
            f"{method:7} {len(mine):6} {reached:16} {work:18.1f} {at_goal:19} {ended:12.1f} {errors[0]:11.2f} "
            f"{errors[1]:8.2f}"
        )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    chosen = sys.argv[2].split(",") if len(sys.argv) > 2 else ["loop", "tpe", "random"]
    if len(sys.argv) > 3:
        Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)
        main(count, chosen, Path(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(count, chosen, Path(temporary))
