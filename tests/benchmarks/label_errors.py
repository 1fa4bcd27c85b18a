"""Planted label errors on real digits, and false alarms on clean data.

    python tests/benchmarks/label_errors.py [--seeds 5]

Must be shown: with 5 and 10 % of the digits' labels flipped AUROC at least 0.98, at most 1 % flagged on clean data.
"""

import argparse
import statistics
import sys
import time
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}" / "src"))

from diagnosis_tasks import curves, passengers

from arcane.data.loading import Examples
from arcane.diagnosis.error_analysis import joined
from arcane.diagnosis.judged import judge_examples
from arcane.diagnosis.label_errors import doubt
from arcane.spec import Spec

SHARES = (0.0, 0.05, 0.1, 0.2)


@cache
def whole_digits() -> Examples:
    """All 1,797 digits of scikit-learn."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.round(data.images * 255 / 16).astype(np.uint8)[:, None]
    ids = tuple(f"{i:032x}" for i in range(len(images)))
    return Examples(ids, images, data.target.astype(np.int64), Spec("image", (1, 8, 8), tuple("0123456789")))


def flipped(examples: Examples, share: float, seed: int) -> tuple[Examples, np.ndarray]:
    """The examples with a share of the labels replaced by another class, and which: bool `[N]`."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(examples)) < share
    labels, classes = examples.labels.copy(), len(examples.classes)
    labels[wrong] = (labels[wrong] + rng.integers(1, classes, wrong.sum())) % classes
    return replace(examples, labels=labels), wrong


def row(examples: Examples, share: float, seed: int) -> tuple[float, ...]:
    """AUROC of the quality, share doubted, precision and recall, and seconds of the processor."""
    from sklearn.metrics import roc_auc_score

    noisy, wrong = flipped(examples, share, seed)
    start = time.process_time()
    judged = judge_examples(noisy)
    assert judged is not None
    quality, doubted = doubt(judged.outputs, noisy.labels)
    seconds = time.process_time() - start
    if not wrong.any():
        return float("nan"), doubted.mean(), float("nan"), float("nan"), seconds
    precision = wrong[doubted].mean() if doubted.any() else float("nan")
    return roc_auc_score(wrong, -quality), doubted.mean(), precision, doubted[wrong].mean(), seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    sets = {"digits": whole_digits(), "MNIST-1D": joined(curves(), 10_000), "a table": joined(passengers(), 10_000)}
    print("| data | flipped | AUROC (lowest) | doubted (most) | right of these | found | processor s |")
    print("|---|---|---|---|---|---|---|")
    for name, examples in sets.items():
        for share in SHARES:
            rows = [row(examples, share, seed) for seed in range(arguments.seeds if share else 1)]
            auroc, doubted, precision, recall, seconds = (statistics.median(each) for each in zip(*rows, strict=True))
            lowest, most = min(each[0] for each in rows), max(each[1] for each in rows)
            print(
                f"| {name} | {share:.0%} | {auroc:.4f} ({lowest:.4f}) | {doubted:.2%} ({most:.2%}) | {precision:.0%} | "
                f"{recall:.0%} | {seconds:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
