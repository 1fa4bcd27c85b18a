"""What the page costs: its rendering against one epoch of training, in a finished project; and how large it is.

Processor time, in turn, medians. An epoch is the difference between a training of five epochs and one of one, so that
neither the loading nor the measuring at the end counts.

    python tests/benchmarks/report.py PROJECT [ROUNDS]
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent.parent.parent
os.environ.setdefault("OMP_NUM_THREADS", "1")

LONG, SHORT = 5, 1  # epochs


def seconds(call: Callable[[], object]) -> float:
    """Processor time of a call in this process."""
    start = time.process_time()
    call()
    return time.process_time() - start


def measured(root: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each rendering and of each epoch; the project is left as it was."""
    from arcane.config import find_project
    from arcane.report.page import render
    from arcane.report.pictures import Pictures
    from arcane.report.reading import read_reports
    from arcane.training.trials import Trial, run_trial

    os.chdir(root)
    project = find_project()

    def trained(epochs: int, seed: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "project"
            copy.mkdir()
            for each in root.iterdir():
                if each.name not in (".arcane", ".git", ".dvc", "mlartifacts"):
                    (copy / each.name).symlink_to(each)
            params = project.params.changed({"train.epochs": epochs})
            return seconds(lambda: run_trial(copy, Trial("epoch", params, seed)))

    def page() -> object:
        return render(read_reports(root), Pictures(root / "data" / "assets"))

    page(), trained(SHORT, 0)  # imports, and what torch sets up once
    pages, epochs = [], []
    for seed in range(1, rounds + 1):
        pages.append(seconds(page))
        epochs.append((trained(LONG, seed) - trained(SHORT, seed)) / (LONG - SHORT))
    return pages, epochs


def main(project: str, rounds: int = 5) -> None:
    """Measure and print."""
    root = Path(project).resolve()
    # The engine under test is this repository's; the person's package is the project's.
    sys.path[:0] = [str(TEMPLATE / "{{cookiecutter.project_slug}}" / "src"), str(root / "src")]
    pages, epochs = measured(root, rounds)
    page, epoch = statistics.median(pages), statistics.median(epochs)
    print(f"page    {page:8.3f} s   ({min(pages):.3f} to {max(pages):.3f})")
    print(f"epoch   {epoch:8.3f} s   ({min(epochs):.3f} to {max(epochs):.3f})")
    print(
        f"a page costs {page / epoch:.2f} epochs; report.html has {(root / 'reports/report.html').stat().st_size:,} B"
    )


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
