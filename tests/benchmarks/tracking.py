"""What tracking costs training: the same training with and without a journal, its sender, and a server killed half-way.

Interleaved, one thread, medians of pairs. The sender runs at the lowest priority on the other core.

    python tests/benchmarks/tracking.py [ROUNDS]
"""

import os
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
os.environ["OMP_NUM_THREADS"] = "1"


def main(rounds: int) -> None:
    """Print the ratios."""
    import conftest  # noqa: F401  (puts the engine on the path)
    from projects import make_project

    from arcane.journal import Journal
    from arcane.pipeline.servers import free_port, start_mlflow, stop, wait_for
    from arcane.pipeline.tracking import FOLDER, pending, start_sender, wait_until_sent
    from arcane.training.trials import Trial, run_trial

    with tempfile.TemporaryDirectory() as temporary:
        project = make_project(Path(temporary) / "project", {"train.epochs": 40})
        root, params = project.root, project.params
        (root / ".arcane").mkdir(exist_ok=True)
        port = free_port()
        uri = f"http://127.0.0.1:{port}"

        def server():
            process = start_mlflow(root, f"sqlite:///{root / 'server.db'}", port)
            wait_for(f"{uri}/health", process, "MLflow", root / ".arcane" / "mlflow.log")
            return process

        mlflow = server()
        start_sender(root, uri, "benchmark")
        run_trial(root, Trial("warm-up", params, 10_000))
        plain, tracked = [], []
        for number in range(rounds):
            trial = Trial(f"plain {number}", params, number)
            start = time.monotonic()
            run_trial(root, trial)
            plain.append(time.monotonic() - start)
            journal = root / FOLDER / f"{number:03}.jsonl"
            start = time.monotonic()
            run_trial(root, replace(trial, seed=1000 + number, journal=journal, name=f"tracked {number}"))
            tracked.append(time.monotonic() - start)
            if number == rounds // 2:
                os.killpg(mlflow.pid, signal.SIGKILL)
                mlflow.wait()
                print(f"server killed after {number + 1} of {rounds} rounds; {len(pending(root))} runs wait to be sent")
        ratios = [a / b for a, b in zip(tracked, plain, strict=True)]
        before, after = ratios[: rounds // 2 + 1], ratios[rounds // 2 + 1 :]
        median = statistics.median
        print(f"a training of 40 epochs: {median(plain):.2f} s plain, {median(tracked):.2f} s tracked")
        print(f"ratio, pair by pair: server up {median(before):.4f}, server gone {median(after):.4f}")
        journal = Journal(root / "cost.jsonl")
        start = time.monotonic()
        for step in range(2000):
            journal.metrics(
                {"train_loss": 0.5, "train_error": 0.5, "validation_loss": 0.5, "validation_error": 0.5}, step
            )
        share = (time.monotonic() - start) / 2000 / (statistics.median(plain) / 40)
        print(f"one epoch's line in the journal: {share:.3%} of an epoch")
        mlflow = server()
        left = wait_until_sent(root, 120)
        print(f"after the restart {left} runs wait to be sent")
        stop(mlflow)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
