"""Does the band of a learning curve hold the error at three times the size? Curves of the data at hand, three learners.

A curve is what a project would measure: nested subsets of its training split, a few seeds, one validation split. The
truth is the mean error after training on three times as many examples, on fresh training sets where the data allows,
measured on all that is left.

    python tests/benchmarks/size.py                     coverage and relative error of the curves in curves.json
    python tests/benchmarks/size.py rules               the same for each rule of how long subsets are trained
    python tests/benchmarks/size.py measure [NAME...]   measure the curves again (25 minutes on one core) and keep them

Most choices in `arcane/data/sizing.py` were made on another collection of curves (LCDB, PyPI `lcdb`), before these
were measured. Not so: `FADING` and `UNFINISHED` (in `diagnosis/learning_curve.py`) were set after all of them, and the
rule of epochs was chosen on some. `FADING` changes no curve here from covered to missed.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}" / "src"))

CURVES = Path(__file__).with_name("curves.json")
TIMES = 3
SEEDS = 3
TRUTHS = 4
"""Trainings behind a truth, where there is data enough for a test of thousands; else TRUTHS_SMALL splits."""
TRUTHS_SMALL = 24
CLASSES = {"wine": 3, "breast_cancer": 2}
DEFAULT = "between"
RULES = {"same epochs": 0.0, DEFAULT: 0.5, "same steps": 1.0}
"""A subset of n out of N examples is trained for (N / n) to this power times as many epochs as all N."""

Learner = Callable[[np.ndarray, np.ndarray, np.ndarray, int, int], np.ndarray]


@dataclass(frozen=True)
class Case:
    """One curve to measure.

    Attributes:
        data: Name of the data set.
        learner: Name of the learner.
        n: Training examples of the project; the truth is at three times as many.
        validation: Its validation examples.
        split: Which of several draws of the project from the data.
        epochs: Of the whole training split, for networks.
        rate: Their learning rate.
    """

    data: str
    learner: str
    n: int
    validation: int
    split: int = 0
    epochs: int = 0
    rate: float = 1e-3

    @property
    def name(self) -> str:
        return f"{self.data} {self.learner} {self.n} {self.split}"


def cases() -> Iterator[Case]:
    for learner, epochs in (("linear", 0), ("mlp", 100)):
        for split in range(3):
            yield Case("wine", learner, 35, 35, split, epochs)
            yield Case("breast_cancer", learner, 120, 60, split, epochs)
    for learner, epochs in (("linear", 0), ("mlp", 40), ("cnn", 40)):
        for split in range(2):
            yield Case("digits", learner, 400, 150, split, epochs)
        yield Case("mnist1d", learner, 1000, 300, 0, epochs)
        yield Case("mnist1d", learner, 3000, 1000, 0, epochs)
        yield Case("fashion-mnist", learner, 1000, 300, 0, epochs // 2)
        yield Case("fashion-mnist", learner, 3000, 1000, 0, 12 if learner == "cnn" else epochs // 2)
    yield Case("mnist1d", "mlp", 10_000, 2000, 0, 20)
    # As a new project is set up: LeNet-like, Adam at 3e-4, few epochs, so that training has not converged.
    yield Case("digits", "cnn", 400, 150, 2, 15, 3e-4)


def data_set(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs float32 `[N, ...]` and labels int64 `[N]`."""
    from sklearn import datasets

    if name in ("wine", "breast_cancer", "digits"):
        loaded = getattr(datasets, f"load_{name}")()
        inputs = loaded.images[:, None] / 16 if name == "digits" else loaded.data
        return inputs.astype(np.float32), loaded.target.astype(np.int64)
    if name == "mnist1d":
        from mnist1d.data import get_dataset_args, make_dataset

        arguments = get_dataset_args()
        arguments.num_samples, arguments.train_split = 44_000, 0.5
        made = make_dataset(arguments)
        parts = [np.concatenate([made[stem], made[f"{stem}_test"]]) for stem in ("x", "y")]
        return parts[0].astype(np.float32)[:, None], parts[1].astype(np.int64)
    from arcane.data.sources.fashion_mnist import FashionMnist

    source = FashionMnist(Path("/nowhere"))
    index = {label: number for number, label in enumerate(source.classes)}
    examples = list(source.examples())
    inputs = np.stack([example.inputs for example in examples])[:, None].astype(np.float32) / 255
    return inputs, np.array([index[example.label] for example in examples])


def fitted(case: Case, inputs: np.ndarray, labels: np.ndarray, seed: int, epochs: float) -> Callable:
    """Train the case's learner; returns a function from inputs to classes."""
    mean = inputs.mean(axis=(0, *range(2, inputs.ndim)), keepdims=True)
    std = inputs.std(axis=(0, *range(2, inputs.ndim)), keepdims=True)
    std[std < 1e-6] = 1
    if case.learner == "linear":
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=200, C=1.0 if len(inputs[0].ravel()) < 100 else 0.02)
        if len(set(labels)) < 2:
            only = labels[0]
            return lambda x: np.full(len(x), only)
        model.fit(((inputs - mean) / std).reshape(len(inputs), -1), labels)
        return lambda x: model.predict(((x - mean) / std).reshape(len(x), -1))
    import torch

    network = trained(case, torch.from_numpy((inputs - mean) / std), torch.from_numpy(labels), seed, epochs)

    def predict(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            parts = torch.from_numpy((x - mean) / std).split(2000)
            return torch.cat([network(part).argmax(1) for part in parts]).numpy()

    return predict


def trained(case: Case, inputs, labels, seed: int, epochs: float):
    """A network after Adam in batches of 64, for a number of epochs that need not be whole."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    network = network_for(case, inputs.shape[1:], CLASSES.get(case.data, 10))
    optimiser = torch.optim.Adam(network.parameters(), lr=case.rate)
    size = min(64, len(inputs))
    steps = max(1, round(epochs * len(inputs) / size))
    order = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        if len(order) < size:
            order = torch.randperm(len(inputs))
        rows, order = order[:size], order[size:]
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(inputs[rows]), labels[rows]).backward()
        optimiser.step()
    return network.eval()


def network_for(case: Case, shape, classes: int):
    import torch
    from torch import nn

    if case.learner == "mlp":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(int(np.prod(shape)), 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(),
            nn.Linear(100, classes),
        )  # fmt: skip
    if case.data == "mnist1d":
        body = [
            nn.Conv1d(1, 16, 5, 2, 2), nn.ReLU(), nn.Conv1d(16, 16, 3, 2, 1), nn.ReLU(), nn.Conv1d(16, 16, 3, 2, 1),
            nn.ReLU(), nn.Flatten(),
        ]  # fmt: skip
    elif case.data == "digits":
        body = [nn.Conv2d(1, 8, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, 1, 1), nn.ReLU(),
                nn.MaxPool2d(2), nn.Flatten()]  # fmt: skip
    else:
        body = [nn.Conv2d(1, 6, 5, 1, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten()]  # fmt: skip
    body = nn.Sequential(*body)
    with torch.no_grad():
        width = body(torch.zeros(1, *shape)).shape[1]
    return nn.Sequential(body, nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, classes))


def measured(case: Case, inputs: np.ndarray, labels: np.ndarray, rules: dict[str, float]) -> list[dict]:
    """The case's curve under each rule, with the truth."""
    rng = np.random.default_rng([case.n, case.split])
    rows = rng.permutation(len(labels))
    train, validation, rest = np.split(rows, [case.n, case.n + case.validation])
    few = len(rest) < TIMES * case.n + 2000
    wrong = []
    for draw in range(TRUTHS_SMALL if few else TRUTHS):
        # Where data is short, the expectation over all ways to split it; else fresh training sets and one large test.
        pool = rng.permutation(rows) if few else np.roll(rest, -draw * case.n)
        learn, test = pool[: TIMES * case.n], (pool[TIMES * case.n :])[-10_000:]
        predict = fitted(case, inputs[learn], labels[learn], 1000 + draw, case.epochs)
        wrong.append(float((predict(inputs[test]) != labels[test]).mean()))
    truth = {"examples": TIMES * case.n, "error": float(np.mean(wrong)), "trainings": len(wrong)}
    truth["standard_error"] = float(np.std(wrong, ddof=1) / len(wrong) ** 0.5)
    finished = is_finished(case, inputs, labels, train, validation)
    curves = []
    for rule, power in rules.items():
        points = []
        for size in ladder_for(case):
            errors = []
            for seed in range(SEEDS):
                chosen = np.random.default_rng([case.split, seed]).permutation(train)[:size]
                epochs = case.epochs * (case.n / size) ** power
                predict = fitted(case, inputs[chosen], labels[chosen], seed, epochs)
                errors.append(float((predict(inputs[validation]) != labels[validation]).mean()))
                if case.learner == "linear" and size == case.n:
                    break  # no seed in it: all the same
            points.append({"examples": size, "errors": [round(error, 6) for error in errors]})
        curves.append({"data": case.data, "learner": case.learner, "n": case.n, "split": case.split, "rule": rule,
                       "epochs": case.epochs, "rate": case.rate, "validation": case.validation, "points": points,
                       "finished": finished, "truth": truth})  # fmt: skip
    return curves


def is_finished(case: Case, inputs: np.ndarray, labels: np.ndarray, train: np.ndarray, validation: np.ndarray) -> bool:
    """Whether training on the whole had ended: it learnt most of its examples, or the last fifth of it changed little.

    The same question as `diagnosis.learning_curve.unfinished` asks, of errors where that one has losses.
    """
    if case.learner == "linear":
        return True

    def error(rows: np.ndarray, share: float) -> float:
        predict = fitted(case, inputs[train], labels[train], 0, share * case.epochs)
        return float((predict(inputs[rows]) != labels[rows]).mean())

    end = error(train, 1.0)
    return end < error(validation, 1.0) / 2 or end > 0.95 * error(train, 0.8)


def ladder_for(case: Case) -> list[int]:
    from arcane.diagnosis.learning_curve import ladder

    return ladder(case.n, CLASSES.get(case.data, 10))


def measure(names: list[str]) -> None:
    """Measure the cases whose name begins with one of `names`, or all, and keep the curves."""
    kept = json.loads(CURVES.read_text()) if CURVES.exists() else []
    last, data = "", None
    for case in sorted(cases(), key=lambda case: case.data):
        if names and not any(case.name.startswith(name) for name in names):
            continue
        if case.data != last:
            last, data = case.data, data_set(case.data)
        assert data is not None
        start = time.monotonic()
        rules = RULES if of_rules(case) else {DEFAULT: RULES[DEFAULT]}
        new = measured(case, *data, rules)
        kept = [old for old in kept if not same_case(old, new[0])] + new
        kept.sort(key=lambda c: (c["data"], c["learner"], c["n"], c["split"], c["rule"]))
        CURVES.write_text("[\n" + ",\n".join(json.dumps(curve, sort_keys=True) for curve in kept) + "\n]\n")
        print(f"{case.name}: truth {new[0]['truth']['error']:.4f}, {time.monotonic() - start:.0f} s", flush=True)


def of_rules(case: Case) -> bool:
    """Whether the rules of training length are compared on it: CNNs on little data, those unconverged among them."""
    return case.learner == "cnn" and case.n <= 1000 and case.split != 1


def judged(curve: dict) -> dict:
    """A kept curve with its band at three times the size: whether it holds the truth, and how far off the middle is."""
    from arcane.data.sizing import Point, fit_curve

    points = [Point(p["examples"], tuple(p["errors"]), curve["validation"]) for p in curve["points"]]
    found, truth = fit_curve(points, pool=curve["n"]).at(curve["truth"]["examples"]), curve["truth"]["error"]
    return {
        "band": found,
        "held": found.low <= truth <= found.high,
        "off": abs(found.value - truth) / truth,
        "last": abs(points[-1].mean - truth) / truth,
        "ratio": found.high / max(found.low, 1e-4),
    }


def summary(name: str, rows: list[dict]) -> str:
    held = [row["held"] for row in rows]
    off, last, ratio = (np.median([row[key] for row in rows]) for key in ("off", "last", "ratio"))
    return (
        f"{name:24} {len(rows):3} curves  covered {sum(held):3} = {np.mean(held):6.1%}  "
        f"median relative error {off:5.1%} (of the last point {last:5.1%})  median high / low {ratio:.1f}"
    )


def evaluate() -> None:
    """Print every curve, the misses, and the summaries."""
    curves = [curve for curve in json.loads(CURVES.read_text()) if curve["rule"] == DEFAULT]
    rows = [judged(curve) for curve in curves]
    for curve, row in zip(curves, rows, strict=True):
        band, truth = row["band"], curve["truth"]
        print(
            f"{curve['data']:14} {curve['learner']:7} {curve['n']:6,} split {curve['split']}  "
            f"truth {truth['error']:.4f} ± {truth['standard_error']:.4f}  "
            f"predicted {band.value:.4f} [{band.low:.4f}, {band.high:.4f}]  off {row['off']:4.0%}"
            f"{'' if row['held'] else '  MISS'}{'' if curve['finished'] else '  (training had not ended)'}"
        )
    print()
    for key in ("data", "learner"):
        for value in sorted({curve[key] for curve in curves}):
            chosen = [row for curve, row in zip(curves, rows, strict=True) if curve[key] == value]
            print(summary(value, chosen))
        print()
    ended = [row for curve, row in zip(curves, rows, strict=True) if curve["finished"]]
    print(summary("training had ended", ended))
    print(summary("all", rows))


def compare_rules() -> None:
    """Print the curves that were measured under every rule, and what each predicts."""
    curves = json.loads(CURVES.read_text())
    for curve in curves:
        others = {each["rule"] for each in curves if same_case(each, curve)}
        if len(others) < len(RULES):
            continue
        row = judged(curve)
        errors = " ".join(f"{np.mean(p['errors']):.3f}" for p in curve["points"])
        print(
            f"{curve['data']:14} {curve['n']:5} split {curve['split']} {curve['rule']:12} {errors}  "
            f"truth {curve['truth']['error']:.4f}  [{row['band'].low:.4f}, {row['band'].high:.4f}] off {row['off']:.0%}"
        )


def same_case(one: dict, other: dict) -> bool:
    return all(one[key] == other[key] for key in ("data", "learner", "n", "split"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        measure(sys.argv[2:])
    elif sys.argv[1:2] == ["rules"]:
        compare_rules()
    else:
        evaluate()
