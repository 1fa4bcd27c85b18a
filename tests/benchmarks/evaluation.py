"""What `diagnose` costs, against one training epoch of the first network (issue: evaluation must be cheap).

Process time, so that other work on the machine does not count; medians. The project is the default one (digits) unless
another data set is named.

    python tests/benchmarks/evaluation.py [--repeats 3] [--set NAME=VALUE]...
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src")]

import torch  # noqa: E402
from projects import make_project, quiet_context  # noqa: E402

from arcane.config import parse_override  # noqa: E402
from arcane.data.loading import load_splits, measured_splits  # noqa: E402
from arcane.diagnosis.baselines import KEPT, kept_errors  # noqa: E402
from arcane.files import write_json  # noqa: E402
from arcane.pipeline.stage.baseline import keep_model  # noqa: E402
from arcane.pipeline.stage.diagnose import diagnose, trained_again  # noqa: E402
from arcane.pipeline.stage.examine import RESOLUTION  # noqa: E402
from arcane.pipeline.stage.measured import evaluated  # noqa: E402
from arcane.training.inference import load_model  # noqa: E402
from arcane.training.trials import TRIALS, Trial, run_trial  # noqa: E402


def removed(folder: Path) -> None:
    """Remove a folder of files and folders."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def median(repeats: int, work: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> float:
    """Seconds of processor time."""
    seconds = []
    for _ in range(repeats):
        before()
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another value of params.yaml")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        overrides = {"run.device": "cpu", "improve.slots": 1, **dict(map(parse_override, asked.set))}
        project = make_project(Path(folder), overrides)
        root, params, context = project.root, project.params, quiet_context(project)
        write_json(root / RESOLUTION, {"schema": 1, "chosen": None})
        trial = Trial("baseline", params, params.seed)
        whole = median(asked.repeats, lambda: run_trial(root, trial), lambda: removed(root / TRIALS))
        epoch = whole / params.train.epochs
        keep_model(run_trial(root, trial).model, root / "models/baseline")
        parts = load_splits(root, measured_splits(root))
        task = load_model(root / "models/baseline", project)
        held_out = {"validation": parts["validation"]}

        def forget() -> None:
            removed(root / KEPT)
            for kept in (root / TRIALS).iterdir():
                removed(kept)
                kept.rmdir()

        rows = {
            "one training epoch": epoch,
            "errors of the first network": median(asked.repeats, lambda: evaluated(task, parts)),
            "baselines, fitted": median(
                asked.repeats,
                lambda: kept_errors(root, parts["train"], held_out),
                lambda: removed(root / KEPT),
            ),
            "baselines, kept": median(asked.repeats, lambda: kept_errors(root, parts["train"], held_out)),
            "more seeds or folds": median(asked.repeats, lambda: trained_again(context, parts), forget),
            "diagnose, trainings done before": median(asked.repeats, lambda: diagnose(context)),
            "diagnose": median(asked.repeats, lambda: diagnose(context), forget),
        }
    sizes = ", ".join(f"{name} {len(part):,}" for name, part in parts.items())
    print(f"{params.data.source}, {params.model.name}, {params.train.epochs} epochs; {sizes}")
    for name, seconds in rows.items():
        print(f"{name:34}{1000 * seconds:>10.0f} ms{seconds / epoch:>9.1f} epochs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
