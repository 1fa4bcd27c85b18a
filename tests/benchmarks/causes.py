"""Planted causes with known truth: does the diagnosis name the largest part of the error, and do its intervals cover?

MNIST-1D's generator gives fresh curves without end. Bias (a linear model), variance (few examples), data mismatch
(train from another generator), irreducible noise (flipped labels) and validation over-fitting (a model changed at
random as often as a small validation split liked it) are each made the largest part of the test error, ten times each
with fresh training curves. The truth is measured on 50,000 fresh curves and, for what depends on the training set, on
the other runs.

    python tests/benchmarks/causes.py [--runs 10] [--seeds 3] [--truth 50000] [--draws 20] [--mixed] [CAUSE...]

Two tables: how often the largest part was named, and how often the interval of each gap covers

- `recipe`: its mean over trainings on fresh training sets, which is what a verdict on the next change is about; by the
  errors of three seeds, and by those of one, whose intervals know nothing of the chance of trainings;
- `model`: what it is for the one model that was trained.

With `--mixed` two gaps are both substantial, in a known ratio (70/30, 60/40 and the other way round), which is set by
the goal; the goal of each training set comes from the other nine. The verdict is then `dominant`, with as many held-out
examples as `--held-out` says.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src")]

import torch  # noqa: E402
from planted_causes import CAUSES, MIXTURES, Tally, draws, of_this_model, others, planted, pools, truths  # noqa: E402

from arcane.diagnosis.decomposition import FAMILIES  # noqa: E402


def main() -> int:
    """Print the tables; the exit code says whether what was promised was reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("causes", nargs="*", default=[], metavar="CAUSE", help="only these parts")
    parser.add_argument("--runs", type=int, default=10, help="training sets of each cause")
    parser.add_argument("--seeds", type=int, default=3, help="trainings on each")
    parser.add_argument("--truth", type=int, default=50_000, help="fresh curves that stand for the truth")
    parser.add_argument("--draws", type=int, default=20, help="validation and test splits drawn for each training set")
    parser.add_argument("--mixed", action="store_true", help="two gaps in a known ratio instead")
    parser.add_argument("--held-out", type=int, nargs="*", default=(300, 1000, 3000), help="of --mixed: validation")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.mixed:
        return mixed(asked)
    chosen = [cause for cause in CAUSES if not asked.causes or cause.part in asked.causes]
    start = time.process_time()
    data = pools(chosen, asked.runs, asked.truth)
    print(f"fresh curves: {time.process_time() - start:.0f} s of a core", flush=True)
    first, all_draws, single, model = Tally(), Tally(), Tally(), Tally()
    families: dict[str, list[bool]] = {}
    print(
        f"{'cause':20}{'bias':>8}{'variance':>9}{'mismatch':>9}{'overfit':>8}{'right':>9}{'undecided':>10}{'seconds':>9}"
    )
    for cause in chosen:
        start, own = time.process_time(), Tally()
        runs = [planted(cause, data, number, asked.seeds) for number in range(asked.runs)]
        truth = truths(runs)
        largest = max(truth, key=lambda name: truth[name])
        for number, run in enumerate(runs):
            known = truths(others(runs, number))
            for place, drawn in enumerate(draws(run, asked.draws, number)):
                if place == 0:
                    own.add(drawn.found, {}, largest)
                    first.add(drawn.found, {}, largest)
                all_draws.add(drawn.found, known, largest)
                if cause.part in FAMILIES:  # what the improvement loop tries first, decided or not
                    hit = drawn.found.families[0] == FAMILIES[cause.part]
                    families.setdefault(cause.part, []).append(hit)
                single.add(drawn.single, known, largest)
                model.add(drawn.single, of_this_model(run))
        parts = [truth.get(name) for name in ("bias", "variance", "data_mismatch", "validation_overfit")]
        shown = "".join(
            f"{'—' if part is None else f'{part:.3f}':>{w}}" for part, w in zip(parts, (8, 9, 9, 8), strict=True)
        )
        right = f"{own.right}/{own.decided}"
        print(
            f"{cause.part:20}{shown}{right:>9}{own.diagnoses - own.decided:>10}{time.process_time() - start:>9.0f}"
            + ("" if largest == cause.part else f"  planted {cause.part}, but {largest} is larger"),
            flush=True,
        )
    rows = (("three seeds", first), ("three seeds, all draws", all_draws), ("one seed, all draws", single))
    print(f"\n{'':26}{'diagnoses':>10}{'right of decided':>18}{'undecided':>11}")
    for name, tally in rows:
        print(
            f"{name:26}{tally.diagnoses:>10}{tally.right / max(1, tally.decided):>18.1%}"
            f"{1 - tally.decided / tally.diagnoses:>11.1%}"
        )
    told = ", ".join(f"{part} {sum(hits)} of {len(hits)}" for part, hits in families.items())
    print(f"\nthe loop's first action comes from the right family: {told}")
    gaps = ("bias", "variance", "data_mismatch", "validation_overfit")
    print(f"\n{'intervals that cover':26}" + "".join(f"{gap:>20}" for gap in gaps))
    for name, tally in (("recipe, three seeds", all_draws), ("recipe, one seed", single), ("model, one seed", model)):
        cells = (f"{sum(hit) / len(hit):.1%} of {len(hit)}" if (hit := tally.covered.get(gap)) else "—" for gap in gaps)
        print(f"{name:26}" + "".join(f"{cell:>20}" for cell in cells))
    reached = first.right >= 0.9 * first.decided and first.decided >= 0.8 * first.diagnoses
    covering = all(0.9 <= sum(hit) / len(hit) <= 0.99 for hit in all_draws.covered.values())
    print(f"\nnamed as promised: {reached}; intervals cover in 90 to 99 %: {covering}")
    return 0 if reached and covering else 1


def mixed(asked: argparse.Namespace) -> int:
    """Print how often the larger of two substantial gaps is named; the exit code says whether that was as promised."""
    bases = {id(mixture.cause): mixture.cause for mixture in MIXTURES}
    data = pools([*bases.values()], asked.runs, asked.truth)
    trained = {
        key: [planted(base, data, number, asked.seeds) for number in range(asked.runs)] for key, base in bases.items()
    }
    print(f"{'gaps':28}{'truth, points':>16}{'held out':>9}{'diagnoses':>10}{'right of decided':>18}{'undecided':>11}")
    total = Tally()
    for mixture in MIXTURES:
        runs = trained[id(mixture.cause)]
        for held_out in asked.held_out:
            own = Tally()
            for number, run in enumerate(runs):
                rest = others(runs, number)
                goal = mixture.goal(rest)
                truth = truths(rest) | {"bias": truths(rest)["bias"] + mixture.cause.goal - goal}
                larger = max(mixture.first, mixture.second, key=lambda name: truth[name])
                sized = replace(run, cause=replace(run.cause, held_out=(held_out, held_out, held_out)))
                for drawn in draws(sized, asked.draws, number, goal):
                    for tally in (own, total):
                        tally.count(drawn.found.dominant, larger)
                        tally.add(drawn.found, truth)
            goal = mixture.goal(runs)
            truth = truths(runs) | {"bias": truths(runs)["bias"] + mixture.cause.goal - goal}
            sizes = f"{100 * truth[mixture.first]:.1f} / {100 * truth[mixture.second]:.1f}"
            print(
                f"{mixture.first + ' / ' + mixture.second:28}{sizes:>16}{held_out:>9}{own.diagnoses:>10}"
                f"{own.right / max(1, own.decided):>18.1%}{1 - own.decided / own.diagnoses:>11.1%}",
                flush=True,
            )
    print(f"all: right of decided {total.right / max(1, total.decided):.1%} of {total.decided}")
    for gap, hits in total.covered.items():
        print(f"intervals of {gap} that cover: {sum(hits) / len(hits):.1%} of {len(hits)}")
    return 0 if total.right >= 0.9 * total.decided else 1


if __name__ == "__main__":
    sys.exit(main())
