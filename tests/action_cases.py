"""Cases made for improvement actions: data on which an action must help, and data on which it must not.

Small and made here, so that one training takes about a second. Validation is large, so that help can be told from luck.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from diagnosis_tasks import params, template_project
from scipy.ndimage import gaussian_filter1d

from arcane.config import Params
from arcane.data.loading import Examples
from arcane.improvement.acceptance import ALPHA, compare
from arcane.improvement.actions import Context, Discovery, Means, apply, discover, known_actions
from arcane.spec import Feature, Spec
from arcane.training.adaptation import fitted_to, settle_batch_norm
from arcane.training.fit import Options, fit, on_device
from arcane.training.inference import evaluate, predict, save_model
from arcane.training.trials import make_task

SEEDS = 3
TEN = tuple("0123456789")
Parts = tuple[Examples, Examples]


@dataclass(frozen=True)
class Case:
    """An action on data, and what must come of it.

    Attributes:
        action: Its name.
        about: The case, in a few words.
        parts: Training and validation split.
        start: The incumbent's params.
        helps: Whether the action must be kept; else it must be undone.
    """

    action: str
    about: str
    parts: Callable[[], Parts]
    start: Mapping[str, Any]
    helps: bool
    proxy: Callable[[Params, Any], tuple[str, int] | None] | None = None


@dataclass
class Trained:
    """One training."""

    train: float
    errors: np.ndarray
    task: Any
    course: tuple[float, ...]
    seen: int = field(default=0)


class Bench:
    """Trains params on a case's data; the same training is done once."""

    def __init__(self, folder: Any):
        self.folder, self.kept = folder, {}
        project = template_project()
        self.project = SimpleNamespace(module=project.module, root=folder, package_folder=folder)

    def trained(self, parts: Parts, p: Params, seed: int) -> Trained:
        known = (id(parts), p.model.model_dump_json(), p.train.model_dump_json(), seed)
        if known not in self.kept:
            self.kept[known] = self._train(parts, p, seed)
        return self.kept[known]

    def _train(self, parts: Parts, p: Params, seed: int) -> Trained:
        train, validation = parts
        fitted = fitted_to(train, validation.inputs, p.train, seed)
        task = make_task(self.project, p, fitted, seed)
        options = Options(patience=p.train.patience)
        curve = fit(
            task, fitted, validation, epochs=p.train.epochs, batch_size=p.train.batch_size, seed=seed, options=options
        )
        before = evaluate(task, *on_device(train, task.device))
        if p.train.adaptation == "batch-norm":
            settle_batch_norm(task, validation.inputs)
        after = evaluate(task, *on_device(validation, task.device))
        course = tuple(epoch.validation_loss for epoch in curve)
        return Trained(float(before.errors.mean()), after.errors, task, course, curve[-1].seen)

    def submit(self, parts: Parts) -> Callable[[Any], Any]:
        """A `submit` that trains at once."""

        def start(trial: Any) -> Any:
            one = self.trained(parts, trial.params, trial.seed)
            errors = {"validation": SimpleNamespace(value=float(one.errors.mean()))}
            return SimpleNamespace(
                result=lambda: SimpleNamespace(errors=errors, seen=one.seen, validation_errors=one.errors)
            )

        return start

    def judged(self, case: Case) -> dict[str, Any]:
        """Try a case's action: what it changed, the errors before and after, and whether it is kept."""
        parts, start = case.parts(), params(case.start)
        before = [self.trained(parts, start, seed) for seed in range(1, 1 + SEEDS)]
        action = known_actions()[case.action]
        context = Context(parts[0].spec, len(parts[0]), before[0].course)
        found = Discovery({})
        if action.discover is None:
            after = apply(action, start, context)
        else:
            proxy = case.proxy
            means = Means(
                self.submit(parts),
                10**9,
                *parts,
                predict=lambda inputs: predict(before[0].task, inputs),
                proxy=(lambda p: proxy(p, self)) if proxy else None,
            )
            after, found = discover(action, start, context, means)
        told = {"action": case.action, "case": case.about, "helps": case.helps, "said": found.said}
        told["before"] = float(np.mean([one.errors.mean() for one in before]))
        if after is None:
            return told | {"after": None, "p": 1.0, "kept": False, "change": {}}
        first = 2 if found.asked > 1 else 1  # the seed that an action chose by is no witness
        tried = [self.trained(parts, after, seed) for seed in range(first, first + SEEDS)]
        seen = compare([one.errors for one in tried], [one.errors for one in before])
        p = min(1.0, max(seen.p_examples * found.asked, seen.p_seeds or 0.0))
        error = float(np.mean([one.errors.mean() for one in tried]))
        return told | {"after": error, "p": p, "kept": p < ALPHA}

    def save(self, parts: Parts, p: Params, name: str) -> tuple[str, int]:
        """Train and save a model; its folder, and the examples seen."""
        one = self.trained(parts, p, 1)
        save_model(self.folder / name, one.task, "template_task")
        return name, one.seen


def examples(inputs: np.ndarray, labels: np.ndarray, spec: Spec, train: int) -> Parts:
    """The first `train` as training split, the others as validation."""
    ids = tuple(f"{i:032x}" for i in range(len(labels)))
    return tuple(
        Examples(ids[part], inputs[part], labels[part], spec) for part in (slice(0, train), slice(train, len(labels)))
    )


def columns(count: int) -> tuple[Feature, ...]:
    return tuple(Feature(f"x{i}") for i in range(count))


@cache
def chance_table(rows: int = 200, useful: int = 5, useless: int = 25, strength: float = 1.0) -> Parts:
    """Two classes by chance, with log odds linear in a few columns: whatever fits training better fits chance."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows + 3000, useful + useless)).astype(np.float32)
    odds = strength * x[:, :useful].sum(axis=1)
    y = (rng.random(len(x)) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    return examples(x, y, Spec("tabular", (useful + useless,), ("no", "yes"), columns(useful + useless)), rows)


@cache
def exclusive_or(rows: int = 1000) -> Parts:
    """The sign of a product of two columns: no linear model knows it, and swapping or blending cells spoils it."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (rows + 2000, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    return examples(x, y, Spec("tabular", (2,), ("no", "yes"), columns(2)), rows)


@cache
def rings(rows: int = 600) -> Parts:
    """Which of five rings a point lies in: a perceptron of the usual size does not get there in 60 epochs."""
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (rows + 2000, 2)).astype(np.float32)
    y = (np.floor(3 * np.hypot(x[:, 0], x[:, 1])).astype(int) % 2).astype(np.int64)
    return examples(x, y, Spec("tabular", (2,), ("even", "odd"), columns(2)), rows)


@cache
def digits(train: int = 300, scale: int = 1) -> Parts:
    """scikit-learn's digits, enlarged `scale` times."""
    from sklearn.datasets import load_digits

    data = load_digits()
    order = np.random.default_rng(3).permutation(len(data.target))
    images = np.round(data.images[order] * 255 / 16).astype(np.uint8).repeat(scale, 1).repeat(scale, 2)[:, None]
    side = 8 * scale
    return examples(images, data.target[order].astype(np.int64), Spec("image", (1, side, side), TEN), train)


@cache
def handwriting(train: int = 100) -> Parts:
    """The digits, enlarged, each a little turned and moved as hands do."""
    from scipy.ndimage import affine_transform

    rng = np.random.default_rng(9)
    moved = []
    parts = digits(train, 2)
    for image in np.concatenate([part.inputs[:, 0] for part in parts]):
        turn, move = np.deg2rad(rng.uniform(-15, 15)), rng.uniform(-2, 2, 2)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        moved.append(affine_transform(image, matrix, 7.5 - matrix @ [7.5, 7.5] + move, order=1))
    labels = np.concatenate([part.labels for part in parts])
    return examples(np.stack(moved)[:, None], labels, parts[0].spec, train)


@cache
def digit_rows(train: int = 150) -> Parts:
    """The same as a table of 64 columns."""
    parts = digits(train)
    spec = Spec("tabular", (64,), TEN, columns(64))
    return tuple(Examples(p.ids, p.inputs.reshape(len(p), -1).astype(np.float32), p.labels, spec) for p in parts)


@cache
def mislabelled_rows(train: int = 500, share: float = 0.3) -> Parts:
    """The same, with chance in place of the label of a share of the training rows: whoever fits them all errs."""
    there, validation = digit_rows(train)
    rng = np.random.default_rng(11)
    labels, wrong = there.labels.copy(), rng.random(train) < share
    labels[wrong] = rng.integers(0, 10, wrong.sum())
    return Examples(there.ids, there.inputs, labels, there.spec), validation


@cache
def textures(train: int = 60) -> Parts:
    """Diagonal waves of two lengths at any place, leaning either way, in noise: a mirror image means the same."""
    rng = np.random.default_rng(4)
    n = train + 1500
    row, column = np.mgrid[:16, :16]
    y = rng.integers(0, 2, n)
    lean, phase = rng.choice([-1, 1], n), rng.uniform(0, 2 * np.pi, n)
    length = np.where(y == 1, 6.0, 4.5)[:, None, None]
    waves = np.sin(2 * np.pi * (row + lean[:, None, None] * column) / length + phase[:, None, None])
    images = np.clip(128 + 50 * waves + rng.normal(0, 60, waves.shape), 0, 255).astype(np.uint8)[:, None]
    return examples(images, y.astype(np.int64), Spec("image", (1, 16, 16), ("short", "long")), train)


CURVES = Spec("sequence", (1, 40), TEN)


@cache
def _mnist1d() -> tuple[np.ndarray, np.ndarray]:
    from arcane.data.sources.mnist1d import generate

    made = generate()
    x = np.concatenate([made["train"].x, made["test"].x])
    return x[:, None].astype(np.float32), np.concatenate([made["train"].y, made["test"].y]).astype(np.int64)


@cache
def curves(train: int = 400) -> Parts:
    """MNIST-1D."""
    x, y = _mnist1d()
    return examples(x[: train + 2000], y[: train + 2000], CURVES, train)


@cache
def curves_for_pretraining(shuffled: bool = False) -> Parts:
    """The rest of MNIST-1D under other class names; `shuffled` gives every curve its own order of steps, which teaches
    nothing about curves."""
    x, y = _mnist1d()
    x, y = x[2200:], y[2200:]
    if shuffled:
        rng = np.random.default_rng(5)
        x, y = rng.permuted(x, axis=2), rng.permutation(y)
    spec = Spec("sequence", (1, 40), tuple("abcdefghij"))
    return examples(x, (y + 3) % 10, spec, 2300)


@cache
def waves(by: str, train: int = 200) -> Parts:
    """Sequences of four classes in noise.

    Args:
        by: What tells them apart: `pitch`, which stretching spoils, or `place` (of a bump), which shifting spoils.
        train: Sequences to learn from.
    """
    rng = np.random.default_rng(6)
    n = train + 1500
    y = rng.integers(0, 4, n)
    if by == "place":
        x = np.exp(-(((np.arange(40) - 18 - 1.5 * y[:, None]) / 1.5) ** 2))
    else:
        pitch = 2 + 0.45 * y
        x = np.sin(2 * np.pi * (pitch[:, None] * np.linspace(0, 1, 40) + rng.random((n, 1))))
    x = x + 0.3 * rng.normal(size=(n, 40))
    return examples(x[:, None].astype(np.float32), y.astype(np.int64), Spec("sequence", (1, 40), tuple("abcd")), train)


@cache
def shifted_curves(how: str, train: int = 1500) -> Parts:
    """MNIST-1D to learn from; the validation curves come through another instrument.

    Args:
        how: `instrument` (duller, noisier, louder, at another level), `level` (louder, at another level), `reversed`
            (time runs backwards), or `none`.
        train: Curves to learn from.
    """
    x, y = _mnist1d()
    x, y = x[: train + 2000].copy(), y[: train + 2000]
    rng = np.random.default_rng(7)
    there = x[train:]
    if how == "instrument":
        there = 2.0 * gaussian_filter1d(there, 1.5, axis=2) + 3.0 + 0.4 * rng.normal(size=there.shape)
    if how == "level":
        there = 2.5 * there + 4.0
    if how == "reversed":
        there = there[:, :, ::-1]
    x[train:] = there
    return examples(x.astype(np.float32), y, CURVES, train)


@cache
def elsewhere(how: str, train: int = 1000) -> Parts:
    """A table whose validation rows come from another place.

    Args:
        how: `where` (other values of the same columns: a linear model that is right there is wrong for the whole),
            `turned` (the columns are mixed linearly, and moved), or `meaning` (the classes trade places).
        train: Rows to learn from.
    """
    rng = np.random.default_rng(8)
    n = train + 2000
    target = np.arange(n) >= train
    if how == "where":
        x = np.where(target[:, None], rng.normal([1.5, 0], 0.5, (n, 2)), rng.normal([0, 0], 1.2, (n, 2)))
        # Right of 0.5 the class is the sign of the second column, left of it the opposite.
        odds = 3 * np.where(x[:, 0] > 0.5, x[:, 1], -x[:, 1])
        count = 2
    else:
        count = 4
        means = np.array([[1, 0, 0.5, 0], [-1, 0, -0.5, 0]])
        y = rng.integers(0, 2, n)
        x = means[y] + rng.normal(size=(n, count)) * [0.6, 2.0, 0.8, 1.0]
        mixing = (
            np.array([[1, 0.9, 0, 0], [0.0, 1, 0, 0], [0, 0.8, 1, 0], [0, 0, 0, 1]]) if how == "turned" else np.eye(4)
        )
        x[target] = x[target] @ mixing + (2.0 if how == "turned" else 0.0)
        odds = np.where((y == 1) ^ (target & (how == "meaning")), 9.0, -9.0)
    y = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    return examples(x.astype(np.float32), y, Spec("tabular", (count,), ("no", "yes"), columns(count)), train)


MLP = {"model.name": "mlp", "train.epochs": 40, "train.learning_rate": 1e-3}
RINGS = {"model.name": "mlp", "train.epochs": 60, "train.learning_rate": 3e-3}
LINEAR = {"model.name": "linear", "train.epochs": 40, "train.learning_rate": 1e-2}
CONV = {"model.name": "conv1d", "train.epochs": 15, "train.learning_rate": 1e-3, "model.width": 0.5}
LENET = {"train.epochs": 15, "train.learning_rate": 1e-3}
THERE = {"data.target_domain": "there"}
WRONG_LABELS = "500 digits as a table, 30 % of the labels by chance"


def pretrained_on(shuffled: bool) -> Callable[[Params, Bench], tuple[str, int]]:
    return lambda p, bench: bench.save(
        curves_for_pretraining(shuffled), p.changed({"train.epochs": 8}), f"pretrained-{shuffled}"
    )


def coins() -> Parts:
    return chance_table(strength=0.0)


def chance(**size: Any) -> Callable[[], Parts]:
    return lambda: chance_table(**size)


CASES: tuple[Case, ...] = (
    Case(
        "bigger-model",
        "digits, perceptron of 4 units",
        digits,
        {**LENET, "model.name": "mlp", "model.width": 0.03125, "train.epochs": 30},
        True,
    ),
    Case("bigger-model", "tossed coins", coins, MLP, False),
    Case(
        "pre-trained-weights",
        "150 curves; 2,300 of other classes",
        lambda: curves(150),
        CONV,
        True,
        pretrained_on(False),
    ),
    Case(
        "pre-trained-weights", "the same, from shuffled curves", lambda: curves(150), CONV, False, pretrained_on(True)
    ),
    Case("less-regularisation", "digits with dropout 0.8", digits, {**LENET, "model.dropout": 0.8}, True),
    Case("less-regularisation", "tossed coins, dropout 0.5", coins, {**MLP, "model.dropout": 0.5}, False),
    Case(
        "another-architecture",
        "curves, linear model",
        curves,
        {**LINEAR, "train.epochs": 15, "train.learning_rate": 1e-3},
        True,
    ),
    Case("another-architecture", "classes by chance, linear model", chance(), LINEAR, False),
    Case("schedule", "digits, a rate of 1e-4", digits, {**LENET, "train.learning_rate": 1e-4}, True),
    Case("schedule", "classes by chance, linear model", chance(), LINEAR, False),
    Case("longer-training", "digits, 4 epochs", digits, {**LENET, "train.epochs": 4}, True),
    Case("longer-training", "classes by chance", chance(), MLP, False),
    Case("tune", "digits, a rate of 3e-5", digits, {**LENET, "train.learning_rate": 3e-5}, True),
    Case("tune", "a linear world, linear model", chance(rows=2000, useless=0), LINEAR, False),
    Case("batch-norm", "400 curves", curves, CONV, True),
    Case("batch-norm", "tossed coins", coins, MLP, False),
    Case(
        "augmentation", "100 digits, each a little turned and moved", handwriting, {**LENET, "train.epochs": 60}, True
    ),
    Case("augmentation", "300 digits, 2 epochs", digits, {**LENET, "train.epochs": 2}, False),
    Case("augmentation-shift-scale-noise", "1,000 curves, perceptron", lambda: curves(1000), MLP, True),
    Case(
        "augmentation-shift-scale-noise",
        "bumps told apart by place",
        lambda: waves("place"),
        {**CONV, "model.name": "mlp", "train.epochs": 30},
        False,
    ),
    Case("augmentation-swap", "150 digits as a table", digit_rows, {**MLP, "train.epochs": 80}, True),
    Case("augmentation-swap", "exclusive or", exclusive_or, MLP, False),
    Case("augmentation-crop-flip", "60 leaning waves", textures, {**LENET, "train.epochs": 60}, True),
    Case("augmentation-crop-flip", "digits, enlarged", lambda: digits(300, 2), {**LENET, "train.epochs": 20}, False),
    Case("augmentation-crop", "1,000 curves, perceptron", lambda: curves(1000), MLP, True),
    Case("augmentation-crop", "waves told apart by pitch", lambda: waves("pitch"), {**CONV, "train.epochs": 20}, False),
    Case("mixup", "150 digits as a table", digit_rows, {**MLP, "train.epochs": 80}, True),
    Case("mixup", "exclusive or", exclusive_or, MLP, False),
    Case("dropout", WRONG_LABELS, mislabelled_rows, {**MLP, "train.epochs": 60}, True),
    Case("dropout", "five rings, which it under-fits", rings, RINGS, False),
    Case("weight-decay", WRONG_LABELS, mislabelled_rows, {**MLP, "train.epochs": 60}, True),
    Case("weight-decay", "five rings, which it under-fits", rings, RINGS, False),
    Case("label-smoothing", "150 digits as a table", digit_rows, {**MLP, "train.epochs": 80}, True),
    Case("label-smoothing", "five rings, which it under-fits", rings, RINGS, False),
    Case("another-model", "300 digits", digits, {**LENET, "train.epochs": 20}, True),
    Case("another-model", "classes by chance, linear model", chance(), LINEAR, False),
    Case(
        "annealing",
        "a linear world, linear model, a rate of 0.3",
        chance(rows=2000, useless=0),
        {**LINEAR, "train.learning_rate": 0.3, "train.batch_size": 16, "train.epochs": 10},
        True,
    ),
    Case("annealing", "a linear world, linear model", chance(rows=2000, useless=0), LINEAR, False),
    Case(
        "longer-annealing",
        "300 digits, 5 epochs of one-cycle",
        digits,
        {**LENET, "train.schedule": "one-cycle", "train.learning_rate": 3e-3, "train.epochs": 5},
        True,
    ),
    Case(
        "longer-annealing",
        "a linear world, linear model",
        chance(rows=2000, useless=0),
        {**LINEAR, "train.schedule": "one-cycle"},
        False,
    ),
    Case("tune-regularisation", WRONG_LABELS, mislabelled_rows, {**MLP, "train.epochs": 60}, True),
    Case("tune-regularisation", "a linear world, linear model", chance(rows=2000, useless=0), LINEAR, False),
    Case("early-stopping", WRONG_LABELS, mislabelled_rows, {**MLP, "train.epochs": 60}, True),
    Case("early-stopping", "tossed coins", coins, MLP, False),
    Case(
        "remove-features", "5 useful columns of 60", chance(useless=55, strength=1.5), {**MLP, "train.epochs": 60}, True
    ),
    Case("remove-features", "exclusive or", exclusive_or, MLP, False),
    Case(
        "smaller-model",
        f"{WRONG_LABELS}, half the width",
        mislabelled_rows,
        {**MLP, "train.epochs": 60, "model.width": 0.5},
        True,
    ),
    Case("smaller-model", "five rings, which it under-fits", rings, RINGS, False),
    Case("synthesise", "another instrument", lambda: shifted_curves("instrument"), {**CONV, **THERE}, True),
    Case("synthesise", "time runs backwards", lambda: shifted_curves("reversed"), {**CONV, **THERE}, False),
    Case(
        "adapt-batch-norm",
        "louder, at another level",
        lambda: shifted_curves("level"),
        {**CONV, **THERE, "model.normalization": "batch"},
        True,
    ),
    Case(
        "adapt-batch-norm",
        "no shift",
        lambda: shifted_curves("none"),
        {**CONV, **THERE, "model.normalization": "batch"},
        False,
    ),
    Case("adapt-importance", "a part of the same room", lambda: elsewhere("where"), {**LINEAR, **THERE}, True),
    Case("adapt-importance", "the classes trade places", lambda: elsewhere("meaning"), {**LINEAR, **THERE}, False),
    Case("adapt-coral", "columns mixed and moved", lambda: elsewhere("turned"), {**LINEAR, **THERE}, True),
    Case("adapt-coral", "the classes trade places", lambda: elsewhere("meaning"), {**LINEAR, **THERE}, False),
)
