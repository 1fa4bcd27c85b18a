"""How often a shift is reported where there is none: real data, split at random again and again.

    python tests/benchmarks/shift.py [--splits 100] [--share 0.3]

Scikit-learn's digits, breast cancer, wine and diabetes, each split into train and validation by
chance alone. Reported are the classifier's verdict, any column, and the labels; each should be in at most 5 %.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src")]

from arcane.data.loading import Examples  # noqa: E402
from arcane.data.rates import Rate  # noqa: E402
from arcane.diagnosis.shift import shift  # noqa: E402
from arcane.spec import Feature, Spec, Target  # noqa: E402


def tables() -> dict[str, Examples]:
    """Every data set as one set of examples."""
    from sklearn import datasets

    digits = datasets.load_digits()
    images = np.round(digits.images * 255 / 16).astype(np.uint8)[:, None]
    spec = Spec("image", (1, 8, 8), tuple("0123456789"))
    found = {"digits": Examples(ids(len(images)), images, digits.target.astype(np.int64), spec)}
    for name in ("breast_cancer", "wine", "diabetes"):
        data = getattr(datasets, f"load_{name}")()
        features = tuple(Feature(str(each), "number") for each in data.feature_names)
        inputs, size = data.data.astype(np.float32), (data.data.shape[1],)
        if name == "diabetes":
            spec, labels = Spec("tabular", size, (), features, Target("progression")), data.target.astype(np.float32)
        else:
            spec = Spec("tabular", size, tuple(map(str, data.target_names)), features)
            labels = data.target.astype(np.int64)
        found[name] = Examples(ids(len(inputs)), inputs, labels, spec)
    return found


def ids(n: int) -> tuple[str, ...]:
    return tuple(f"{i:032x}" for i in range(n))


def main() -> int:
    """Print a row a data set; the exit code says whether all splits together stay within 5 %."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--splits", type=int, default=100, help="of each data set")
    parser.add_argument("--share", type=float, default=0.3, help="of the examples that validate")
    asked = parser.parse_args()
    reported = dict.fromkeys(("a shift", "a column", "the labels"), 0)
    print(f"{'data':16}{'examples':>9}" + "".join(f"{name:>14}" for name in reported) + f"{'ms a split':>12}")
    for name, examples in tables().items():
        rows, start = [], time.process_time()
        for seed in range(asked.splits):
            order = np.random.default_rng(seed).permutation(len(examples))
            cut = round(asked.share * len(order))
            found = shift(examples.subset(np.sort(order[cut:])), examples.subset(np.sort(order[:cut]))).as_json()
            rows.append((found["found"], bool(found["features"]), found["labels"]["found"]))
        spent = 1000 * (time.process_time() - start) / asked.splits
        hits = np.array(rows).sum(axis=0)
        for kind, count in zip(reported, hits, strict=True):
            reported[kind] += int(count)
        shares = "".join(f"{hit / asked.splits:>14.1%}" for hit in hits)
        print(f"{name:16}{len(examples):>9,}{shares}{spent:>12.0f}", flush=True)
    rates = {kind: Rate(count, asked.splits * len(tables())) for kind, count in reported.items()}
    for kind, rate in rates.items():
        low, high = rate.interval()
        print(f"{kind}: in {rate.value:.1%} of {rate.n} splits without one ({low:.1%} to {high:.1%})")
    return 0 if all(rate.interval()[0] <= 0.05 for rate in rates.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
