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
    from arcane.pipeline.tracking import FOLDER, pending, start_sender
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
            journal = root / FOLDER / f"{number:03}.jsonl"
            pair = [
                (plain, Trial(f"plain {number}", params, number)),
                (tracked, Trial(f"tracked {number}", params, 1000 + number, journal=journal)),
            ]
            for times, trial in pair if number % 2 else reversed(pair):  # neither always runs first
                start, own = time.monotonic(), time.process_time()
                run_trial(root, trial)
                times.append((time.monotonic() - start, time.process_time() - own))
            if number == rounds // 2:
                os.killpg(mlflow.pid, signal.SIGKILL)
                mlflow.wait()
                print(f"server killed after {number + 1} of {rounds} rounds; {len(pending(root))} runs wait to be sent")
        median = statistics.median
        seconds = median(wall for wall, _ in plain)
        print(f"a training of 40 epochs: {seconds:.2f} s plain, {median(wall for wall, _ in tracked):.2f} s tracked")
        for what, part in (("server up", slice(rounds // 2 + 1)), ("server gone", slice(rounds // 2 + 1, None))):
            pairs = list(zip(tracked[part], plain[part], strict=True))
            wall, own = (median(a[i] / b[i] for a, b in pairs) for i in (0, 1))
            print(f"ratio, pair by pair, {what}: wall {wall:.4f}, the training process's own time {own:.4f}")
        journal = Journal(root / "cost.jsonl")
        start = time.monotonic()
        for step in range(2000):
            journal.metrics(
                {"train_loss": 0.5, "train_error": 0.5, "validation_loss": 0.5, "validation_error": 0.5}, step
            )
        share = (time.monotonic() - start) / 2000 / (seconds / 40)
        print(f"one epoch's line in the journal: {share:.3%} of an epoch")
        mlflow = server()
        until = time.monotonic() + 60
        while pending(root) and time.monotonic() < until:
            time.sleep(0.2)
        print(f"after the restart {len(pending(root))} runs wait to be sent")
        stop(mlflow)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
