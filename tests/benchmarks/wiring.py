"""What the wiring costs: a run with all up to date, `dvc status`, an empty Prefect flow; a first run less training.

Whole processes, in turn, medians. Run on an otherwise idle machine.

    python tests/benchmarks/wiring.py [ROUNDS]
"""

import os
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
os.environ.setdefault("OMP_NUM_THREADS", "1")

EMPTY_FLOW = """
from prefect import flow

@flow
def empty():
    pass

empty()
"""


def seconds(command: list[str], root: Path, **more: str) -> float:
    """Wall time of a whole process."""
    from commands import environment

    start = time.monotonic()
    subprocess.run(command, cwd=root, env=environment(root, **more), check=True, capture_output=True)
    return time.monotonic() - start


def main(rounds: int) -> None:
    """Print the figures."""
    import conftest  # noqa: F401  (puts the engine on the path)
    from bakes import bake

    with tempfile.TemporaryDirectory() as temporary:
        root = bake(temporary)
        python = sys.executable
        first = seconds([python, "-m", "digits", "run"], root)
        with sqlite3.connect(root / "mlflow.db") as database:
            parts = dict(database.execute("select key, value from metrics where key like 'seconds.%'"))
        training = sum(parts.get(f"seconds.{name}", 0.0) for name in ("examine", "baseline", "improve"))
        print(
            f"first run: {first:.1f} s; examine, baseline, improve {training:.1f} s; the rest {first - training:.1f} s"
        )
        print("  by stage:", ", ".join(f"{re.sub('seconds.', '', k)} {v:.1f}" for k, v in parts.items()))
        commands = {
            "run, everything up to date": [python, "-m", "digits", "run"],
            "dvc status": [python, "-m", "dvc", "status"],
            "dvc repro, everything up to date": [python, "-m", "dvc", "repro"],
            "empty Prefect flow": [python, "-c", EMPTY_FLOW],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                home = {"PREFECT_HOME": str(Path(temporary) / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
                times[name].append(seconds(command, root, **home))
        run = statistics.median(times["run, everything up to date"])
        for name, values in times.items():
            median = statistics.median(values)
            spread = f"min {min(values):.2f}, max {max(values):.2f}"
            print(f"{name}: {median:.2f} s ({spread}); the run takes {run / median:.2f} times it")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
