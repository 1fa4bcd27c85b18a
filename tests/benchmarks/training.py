"""The time of a training step: ours, a bare PyTorch loop's, and Lightning's defaults with a DataLoader.

Interleaved in one process on one thread, medians over rounds: a busy machine slows all of them alike. The bare loop has
its examples in memory as tensors, the same network (which normalises) and the same fused Adam; ours also counts errors,
seeds every step, and has its monitors on; the same without them tells what they cost. Importing Lightning makes every
optimiser's step on a machine without a GPU 48 us slower (`devices.without_probing`); the bare loop runs without that,
as in a process of its own.

    python tests/benchmarks/training.py [ROUNDS]
"""

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src")]

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from diagnosis_tasks import make  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from arcane.data.loading import Examples  # noqa: E402
from arcane.spec import Spec  # noqa: E402
from arcane.training.devices import without_probing  # noqa: E402
from arcane.training.fit import Epoch, fit, on_device  # noqa: E402
from arcane.training.monitors import Monitors  # noqa: E402

fitting = sys.modules["arcane.training.fit"]

BATCH, STEPS, SEED = 100, 100, 1
TEN = tuple("0123456789")


def curves() -> tuple[Any, Examples]:
    """The MLP 40-100-100-10 and random curves as long as MNIST-1D's."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(BATCH * STEPS, 1, 40)).astype(np.float32)
    train = examples(inputs, Spec("sequence", (1, 40), TEN))
    task = make(changes={"model.name": "mlp"}, train=train)
    task.model = nn.Sequential(
        nn.Flatten(), nn.Linear(40, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10)
    )
    return task, train


def images() -> tuple[Any, Examples]:
    """LeNet and random images as large as MNIST's."""
    inputs = np.random.default_rng(0).integers(0, 256, (BATCH * STEPS, 1, 28, 28), dtype=np.uint8)
    train = examples(inputs, Spec("image", (1, 28, 28), TEN))
    return make(changes={"model.name": "lenet"}, train=train), train


def examples(inputs: np.ndarray, spec: Spec) -> Examples:
    """With random labels."""
    labels = np.random.default_rng(1).integers(0, 10, len(inputs))
    return Examples(tuple(map(str, range(len(inputs)))), inputs, labels, spec)


class Normalised(nn.Module):
    """The task's network without the task."""

    def __init__(self, task: Any):
        super().__init__()
        self.network, self.images = task.model, task.spec.modality == "image"
        self.register_buffer("mean", task.mean)
        self.register_buffer("std", task.std)

    def forward(self, inputs: Tensor) -> Tensor:
        numbers = inputs.float() / 255 if self.images else inputs
        return self.network((numbers - self.mean) / self.std)


def bare(make_task: Callable[[], tuple[Any, Examples]]) -> Callable[[], float]:
    """Seconds a step of a plain loop."""
    task, train = make_task()
    network: nn.Module = Normalised(task).train()
    inputs, labels = on_device(train, torch.device("cpu"))
    optimizer = torch.optim.Adam(network.parameters(), 3e-4, fused=True)

    def epoch() -> float:
        with without_probing():
            start = time.perf_counter()
            for rows in torch.randperm(len(train)).split(BATCH):
                loss = F.cross_entropy(network(inputs[rows]), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            return (time.perf_counter() - start) / STEPS

    return epoch


class Blind(Monitors):
    """Monitors that look at nothing."""

    def due(self, step: int) -> bool:
        return False


def unwatched(make_task: Callable[[], tuple[Any, Examples]]) -> Callable[[], float]:
    """As `ours`, with monitors that look at nothing."""
    epoch = ours(make_task)

    def blind() -> float:
        fitting.Monitors = Blind  # type: ignore[misc]
        try:
            return epoch()
        finally:
            fitting.Monitors = Monitors

    return blind


def ours(make_task: Callable[[], tuple[Any, Examples]]) -> Callable[[], float]:
    """Seconds a step of `fit`'s second epoch, from the first record until validation begins."""
    task, train = make_task()
    times: list[float] = []
    validate = task.validation_step

    def validation_step(batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        times.append(time.perf_counter())
        return validate(batch, index)

    def ended(record: Epoch) -> None:
        times.append(time.perf_counter())

    task.validation_step = validation_step
    few = train.subset(np.arange(10))

    def epoch() -> float:
        fit(task, train, few, epochs=2, batch_size=BATCH, seed=SEED, on_epoch=ended)
        # ... first validation, first record, second validation, second record
        return (times[-2] - times[-3]) / STEPS

    return epoch


def lightning_defaults(make_task: Callable[[], tuple[Any, Examples]]) -> Callable[[], float]:
    """Seconds a step of an epoch of Lightning's trainer with a DataLoader, its progress bar hidden."""
    import lightning.pytorch as lightning
    from torch.utils.data import DataLoader, TensorDataset

    task, train = make_task()
    inputs, labels = on_device(train, torch.device("cpu"))

    class Clock(lightning.Callback):
        def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
            self.start = time.perf_counter()

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            self.seconds = time.perf_counter() - self.start

    def epoch() -> float:
        clock = Clock()
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=1,
            callbacks=[clock],
            enable_progress_bar=False,
            enable_model_summary=False,
            logger=False,
            enable_checkpointing=False,
        )
        trainer.fit(task, DataLoader(TensorDataset(inputs, labels), BATCH, shuffle=True))
        return clock.seconds / STEPS

    return epoch


def main() -> int:
    """Print a table; the exit code is 1 where a step takes more than 1.05 times the bare loop's, or that of ours
    without monitors."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    import logging

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    missed = 0
    for name, make_task in (("MLP 40-100-100-10", curves), ("LeNet 28 x 28", images)):
        loops = {
            "bare": bare(make_task),
            "ours": ours(make_task),
            "unwatched": unwatched(make_task),
            "lightning": lightning_defaults(make_task),
        }
        seconds: dict[str, list[float]] = {kind: [] for kind in loops}
        for number in range(rounds + 1):
            for kind, epoch in loops.items():
                took = epoch()
                if number:  # the first round warms up
                    seconds[kind].append(took)
        median = {kind: statistics.median(values) for kind, values in seconds.items()}
        ratio = statistics.median(a / b for a, b in zip(seconds["ours"], seconds["bare"], strict=True))
        against = statistics.median(a / b for a, b in zip(seconds["lightning"], seconds["ours"], strict=True))
        watching = statistics.median(a / b for a, b in zip(seconds["ours"], seconds["unwatched"], strict=True))
        missed += ratio > 1.05 or watching > 1.05
        print(
            f"{name}, batch {BATCH}: bare {median['bare'] * 1e6:.0f} us, ours {median['ours'] * 1e6:.0f} us "
            f"({ratio:.3f} x), Lightning's defaults {median['lightning'] * 1e6:.0f} us ({against:.2f} x ours), "
            f"the monitors {watching - 1:+.1%}; medians "
            f"of {rounds} rounds of {STEPS} steps",
            flush=True,
        )
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
