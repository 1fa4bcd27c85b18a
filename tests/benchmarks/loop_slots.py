"""One slot against two on two cores: is the outcome of the improvement loop the same, and how much sooner is it there?

Each pair starts from copies of one diagnosed project (digits) and runs `improve` with one slot and with two, in turns.

    python tests/benchmarks/loop_slots.py [PAIRS]
"""

import shutil
import statistics
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from loop_kills import BEFORE, COMPARED, SETTINGS, ended, forked


def timed(start: Path, folder: Path, slots: int) -> tuple[float, list[bytes]]:
    """Seconds that the loop took, and the files that it left."""
    from arcane.pipeline.workspace import write_overrides

    shutil.copytree(start, folder, symlinks=True)
    write_overrides(folder / "params.yaml", {"improve.slots": slots})
    began = time.monotonic()
    assert ended(forked(folder, ("improve",))) == 0
    return time.monotonic() - began, [(folder / name).read_bytes() for name in COMPARED]


def main(pairs: int, folder: Path) -> int:
    """Print each pair; the exit code is 0 where all outcomes are the same."""
    from bakes import bake

    from arcane.pipeline.workspace import write_overrides

    for name in ("improvement.loop", "training.trials"):
        import_module(f"arcane.{name}")  # once, for all children
    start = bake(folder / "start")
    write_overrides(start / "params.yaml", {**SETTINGS, "data.limit": None, "improve.budget": 200_000})
    assert ended(forked(start, BEFORE)) == 0
    ratios, outcomes = [], []
    for number in range(pairs):
        order = (1, 2) if number % 2 else (2, 1)
        found = {slots: timed(start, folder / f"{number}-{slots}", slots) for slots in order}
        outcomes += [files for _, files in found.values()]
        ratios.append(found[1][0] / found[2][0])
        print(f"one slot {found[1][0]:.0f} s, two {found[2][0]:.0f} s: {ratios[-1]:.2f} times as fast", flush=True)
    same = all(files == outcomes[0] for files in outcomes)
    print(f"median {statistics.median(ratios):.2f} times as fast; outcomes {'the same' if same else 'DIFFER'}")
    return int(not same)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, Path(temporary)))
