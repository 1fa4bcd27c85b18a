"""Twenty kills -9 of a training: how many of those that went on ended in the uninterrupted one's bits.

Dropout, augmentation, mixing, batch norm, a schedule, accumulation, clipping, averaged weights and early stopping are
on; a checkpoint is kept after every step. Every other kill is in the middle of a checkpoint's write, the rest at random
instants: inside a step, in an evaluation, between epochs.

    python tests/benchmarks/kills.py [COUNT] [SEED]
"""

import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src")]

from test_training_resume import killed  # noqa: E402


def main() -> int:
    """Print the counts; the exit code is 0 when every outcome was the same."""
    count, seed = (int(sys.argv[place]) if len(sys.argv) > place else default for place, default in ((1, 20), (2, 7)))
    with tempfile.TemporaryDirectory() as folder:
        matched, deaths, in_write = killed(Path(folder), count, seed)
    print(f"{matched} of {count} ended in the same bits; {deaths} were killed in time, {in_write} of them in a write")
    return int(matched != count)


if __name__ == "__main__":
    sys.exit(main())
