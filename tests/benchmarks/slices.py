"""How often a planted weak slice is found, and how often one is reported where there is none.

    python tests/benchmarks/slices.py [--seeds 200] [--sizes N...] [--errors E...] [--kind KIND...]

The slice is one of ten cameras: a tenth of the examples, with twice the error of the rest. Beside it stand a class, a
domain of five, two numbers and the pairs of all these. Issue: found in 9 of 10 seeds; with none planted, no slice
reported in 9 of 10. How the slice errs more:

- `harder`: all its examples lie nearer to the decision's border, as with noise or another light;
- `labels`: some of its labels are wrong, the others are as easy as elsewhere;
- `counts`: the same, and only what is wrong is known, not the losses;
- `regression`: normal errors of twice the variance.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "{{cookiecutter.project_slug}}" / "src"))

from arcane.diagnosis.described import Column
from arcane.diagnosis.slices import Slices, weak_slices

SIZES = (200, 500, 1000, 2000, 5000, 10_000)
KINDS = ("harder", "labels", "counts", "regression")
ERRORS = (0.02, 0.05, 0.1, 0.2, 0.3)
PLANTED = "camera = 3"


def columns(n: int, rng: np.random.Generator) -> list[Column]:
    """A class, a domain, a camera, and two numbers."""
    return [
        Column("class", rng.integers(0, 10, n), tuple("abcdefghij")),
        Column("domain", rng.integers(0, 5, n), tuple("uvxyz")),
        Column("camera", rng.permutation(np.arange(n) % 10), tuple("0123456789")),
        Column("brightness", rng.normal(size=n)),
        Column("age", rng.exponential(size=n)),
    ]


def planted_errors(kind: str, error: float, weak: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """What is wrong, bool `[N]`, and the losses: how far each example lies beyond the border, a normal number."""
    from scipy.special import ndtri

    if kind == "harder":
        losses = rng.normal(size=len(weak)) + ndtri(np.where(weak, 2 * error, error))
        return losses > 0, losses
    losses = rng.normal(size=len(weak)) + ndtri(error)
    flipped = weak & (rng.random(len(weak)) < error / (1 - 2 * error))
    losses = np.where(flipped, -losses, losses)
    return losses > 0, losses


def searched(n: int, error: float | None, planted: bool, seed: int, kind: str = "labels") -> Slices:
    """A search among `n` examples with this error rate on the rest; None: a regression with normal errors."""
    rng = np.random.default_rng(seed)
    described = columns(n, rng)
    weak = (described[2].values == 3) & planted
    ids = [f"{i:032x}" for i in range(n)]
    if error is None:
        return weak_slices(np.where(weak, 2.0, 1.0) * rng.normal(size=n) ** 2 * 0.2, described, ids)
    wrong, losses = planted_errors(kind, error, weak, rng)
    return weak_slices(wrong, described, ids, losses=None if kind == "counts" else losses)


def row(n: int, error: float | None, seeds: int, kind: str) -> tuple[float, float, float, float]:
    """Share of seeds in which the planted slice comes first; in which another is reported beside it, and in which any
    is where none is planted; and the mean power that the reports state."""
    hits = others = false = 0
    stated = []
    for seed in range(seeds):
        search = searched(n, error, True, seed, kind)
        found = search.found
        hits += bool(found) and PLANTED in found[0].candidate.name
        others += any(PLANTED not in each.candidate.name for each in found)
        false += bool(searched(n, error, False, seed, kind).found)
        stated.append(search.power.chance if search.power else 0.0)
    return hits / seeds, others / seeds, false / seeds, float(np.mean(stated))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--errors", type=float, nargs="*", default=ERRORS)
    parser.add_argument("--kind", nargs="*", choices=KINDS, default=KINDS)
    asked = parser.parse_args()
    print("| examples | error of the rest | slice | found | stated power | another beside it | false, none planted |")
    print("|---|---|---|---|---|---|---|")
    for kind in asked.kind:
        for error in [None] if kind == "regression" else asked.errors:
            for n in asked.sizes:
                found, others, false, stated = row(n, error, asked.seeds, kind)
                named = "" if error is None else f"{error:.0%}"
                print(
                    f"| {n:,} | {named} | {kind} | {found:.1%} | {stated:.1%} | {others:.1%} | {false:.1%} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
