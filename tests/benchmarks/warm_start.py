"""Is a network of twice the width cheaper to train from the smaller one's weights? (function-preserving growth)

Every hidden unit is doubled and what reads it is halved, so that the grown network computes what the small one did;
the halves get opposite noise, so that twins part (after Net2Net, arXiv:1511.05641). Compared on the same data and
seeds: the small network, a fresh wide one, a fresh wide one with half the epochs, and grown ones with a half and a
fourth.

    python tests/benchmarks/warm_start.py [mnist1d] [mlp] [digits] [fashion-mnist]
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
sys.path.insert(0, str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src"))

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

CASES: dict[str, tuple[dict[str, str], dict[str, Any], tuple[float, ...]]] = {
    "mnist1d": (
        {"modality": "sequence", "dataset": "mnist1d"},
        {"model.name": "conv1d", "train.epochs": 20, "train.batch_size": 100},
        (0.125, 0.25, 0.5),
    ),
    "mlp": (
        {"modality": "sequence", "dataset": "mnist1d"},
        {"model.name": "mlp", "train.epochs": 20, "train.batch_size": 100},
        (0.125, 0.5),
    ),
    "digits": ({"modality": "image", "dataset": "digits"}, {"model.name": "lenet", "train.epochs": 20}, (0.5,)),
    "fashion-mnist": (
        {"modality": "image", "dataset": "fashion-mnist"},
        {"model.name": "lenet", "train.epochs": 8, "data.limit": 10_000},
        (0.5, 1.0),
    ),
}
"""What is baked, its params, and the widths that are doubled."""
SEEDS = (1, 2, 3)
NOISE = 0.5
"""Of the opposite noise, in standard deviations of a layer's weights."""
WAYS = {"fresh": (1, False), "fresh, 1/2": (2, False), "grown, 1/2": (2, True), "grown, 1/4": (4, True)}


def grow(small: nn.Module, wide: nn.Module, seed: int) -> None:
    """Fill `wide`, of twice the units, so that it computes what `small` does."""
    generator = torch.Generator().manual_seed(seed)
    weights, state = small.state_dict(), wide.state_dict()
    for name, target in state.items():
        value = weights[name]
        if value.shape[:1] != target.shape[:1]:
            value = torch.cat([value, value])
        if value.dim() > 1 and value.shape[1] != target.shape[1]:
            apart = torch.randn(value.shape, generator=generator) * value.std() * NOISE
            value = torch.cat([value / 2 + apart, value / 2 - apart], dim=1)
        state[name] = value
    wide.load_state_dict(state)


def main(name: str, folder: Path) -> None:
    """Print a row a width and normalisation: error on training and validation data, in %, the mean over the seeds."""
    from bakes import bake
    from projects import write_data

    from arcane.config import Params, find_project
    from arcane.data.loading import load_splits
    from arcane.pipeline.workspace import write_overrides
    from arcane.training.fit import fit, on_device
    from arcane.training.inference import evaluate
    from arcane.training.trials import make_task

    baked, settings, widths = CASES[name]
    root = bake(folder / name, **baked)
    write_overrides(root / "params.yaml", {**settings, "train.learning_rate": 1e-3})
    project = find_project(root)
    write_data(project)
    train, validation = load_splits(root, ("train", "validation")).values()

    def trained(params: Params, seed: int, start: nn.Module | None = None) -> tuple[Any, tuple[float, float]]:
        task = make_task(project, params, train, seed)
        if start is not None:
            grow(start, task, seed)
            before, after = (evaluate(each, *on_device(validation, each.device)).outputs for each in (start, task))
            assert np.allclose(before, after, atol=1e-3), "growth must not change what is computed"
        fit(task, train, validation, epochs=params.train.epochs, batch_size=params.train.batch_size, seed=seed)
        errors = [evaluate(task, *on_device(part, task.device)).errors.mean() for part in (train, validation)]
        return task, (float(errors[0]), float(errors[1]))

    for width in widths:
        for normalization in ("none", "batch"):
            small = project.params.changed({"model.width": width, "model.normalization": normalization})
            rows: dict[str, list[tuple[float, float]]] = {"small": []} | {way: [] for way in WAYS}
            for seed in SEEDS:
                start, errors = trained(small, seed)
                rows["small"].append(errors)
                for way, (part, warm) in WAYS.items():
                    epochs = small.train.epochs // part
                    wide = small.changed({"model.width": 2 * width, "train.epochs": epochs})
                    rows[way].append(trained(wide, seed, start if warm else None)[1])
            cells = (f"{way} {a:5.1f} {b:5.1f}" for way, (a, b) in ((w, 100 * np.mean(e, 0)) for w, e in rows.items()))
            print(f"{name:14} {width:g} to {2 * width:g}, {normalization:5}  {'; '.join(cells)}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        for case in sys.argv[1:] or CASES:
            main(case, Path(temporary))
