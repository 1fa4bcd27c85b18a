"""Over ten seeds of the default project: is the improved model better than LeNet on the test split, beyond noise?

Each seed is a project of its own: its own splits, weights and loop. The two models of a seed meet the same test images,
so the images that one gets right and the other wrong decide (McNemar's exact test over all seeds' pairs). A test image
can come up under several seeds, which the binomial test takes for independent; the sign test over seeds does not.

    python tests/benchmarks/improvement.py [SEEDS] [FOLDER]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
os.environ.setdefault("OMP_NUM_THREADS", "1")

ONE_SEED = """
import json, sys, time
from pathlib import Path
from arcane.config import find_project
from arcane.data.loading import load_split
from arcane.pipeline.record import Record
from arcane.pipeline.context import Context
from arcane.pipeline.places import plain_slots
from arcane.pipeline.stages import STAGES, run_stage
from arcane.training.inference import load_model, predict

class Silent:
    def say(self, text): pass
    def progress(self, text, done, total): pass

if __name__ == "__main__":
    project = find_project(Path.cwd())
    start = time.monotonic()
    context = Context(project, Record.open(project), Silent(), lambda body: plain_slots(project, body))
    for name in STAGES:
        run_stage(name, context)
    test = load_split(project.root, "test")
    wrong = {
        name: (predict(load_model(Path("models") / name, project), test.inputs).argmax(1) != test.labels)
        for name in ("baseline", "best")
    }
    metrics = json.loads(Path("reports/metrics.json").read_text())
    improvement = json.loads(Path("reports/improvement.json").read_text())
    print(json.dumps({
        "n": len(test), "linear": metrics["models"]["linear"]["test"]["value"],
        "lenet": float(wrong["baseline"].mean()), "improved": float(wrong["best"].mean()),
        "fixed": int((wrong["baseline"] & ~wrong["best"]).sum()),
        "broken": int((~wrong["baseline"] & wrong["best"]).sum()),
        "validation": improvement["best"]["errors"]["validation"]["value"],
        "kept": [r["action"] for r in improvement["rounds"] if r["kept"]], "stopped": improvement["stopped"],
        "seconds": time.monotonic() - start,
    }))
"""


def run_seed(folder: Path, seed: int) -> dict:
    """Bake the default project, give it `seed`, run its stages in one process, and compare its two models on test."""
    from bakes import bake
    from commands import environment

    from arcane.pipeline.workspace import write_overrides

    root = bake(folder / f"seed-{seed}")
    write_overrides(root / "params.yaml", {"seed": seed})
    script = folder / "one_seed.py"
    script.write_text(ONE_SEED)
    done = subprocess.run([sys.executable, script], cwd=root, env=environment(root), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main(seeds: int, folder: Path) -> None:
    """Print a row a seed and the pooled comparison."""
    import conftest  # noqa: F401  (puts the engine on the path)
    from scipy.stats import binomtest

    rows = []
    print("seed  linear  LeNet  improved  fixed  broken  seconds  stopped     kept")
    for seed in range(1, seeds + 1):
        row = run_seed(folder, seed)
        rows.append(row)
        errors = "  ".join(f"{100 * row[name]:6.2f}" for name in ("linear", "lenet", "improved"))
        print(
            f"{seed:4} {errors}  {row['fixed']:5}  {row['broken']:6}  {row['seconds']:7.0f}  {row['stopped']:10}"
            f"  {', '.join(row['kept'])}",
            flush=True,
        )
    fixed, broken = sum(row["fixed"] for row in rows), sum(row["broken"] for row in rows)
    n = sum(row["n"] for row in rows)
    better = sum(row["improved"] < row["lenet"] for row in rows)
    worse = sum(row["improved"] > row["lenet"] for row in rows)
    print(f"\npooled: {n:,} pairs, {fixed} fixed, {broken} broken")
    p_value = binomtest(fixed, max(1, fixed + broken)).pvalue
    print(f"difference {100 * (fixed - broken) / n:.2f} points, McNemar exact p = {p_value:.2g}")
    print(
        f"seeds: {better} better, {worse} worse, sign test p = {binomtest(better, max(1, better + worse)).pvalue:.2g}"
    )
    print(f"below the linear baseline: {sum(row['improved'] < row['linear'] for row in rows)} of {seeds}")
    print(f"at or below LeNet: {sum(row['improved'] <= row['lenet'] for row in rows)} of {seeds}")


if __name__ == "__main__":
    start = time.monotonic()
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    if len(sys.argv) > 2:
        main(count, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(count, Path(temporary))
    print(f"took {time.monotonic() - start:.0f} s")
