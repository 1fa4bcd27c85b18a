"""Validating and splitting ten million manifest rows, against polars reading the same file and hashing it.

Each side runs in a fresh process, in turn: theirs is `pl.read_ndjson` and sha256 of the file; ours reads the manifest,
validates it (with the packed inputs of a table of two columns), splits it and writes the splits. The aim: ours takes at
most 1 / 0.3 of theirs, and 8 GB.

    python tests/benchmarks/scale.py [ROWS] [ROUNDS]
"""

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
import conftest  # noqa: E402, F401  (puts the engine on the path)

GIB = 2**30


def main(rows: int, rounds: int) -> None:
    """Print seconds, ratios and memory."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        written(folder, rows)
        print(f"{rows:,} rows, {(folder / 'manifest.jsonl').stat().st_size / 1e6:,.0f} MB")
        ratios = []
        for number in range(rounds):
            sides = ("theirs", "ours") if number % 2 == 0 else ("ours", "theirs")  # neither always runs first
            results = {side: in_fresh_process(side, folder) for side in sides}
            for side in ("theirs", "ours"):
                steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in results[side]["steps"].items())
                print(
                    f"{side}: {results[side]['seconds']:.1f} s ({steps}), own time {results[side]['own']:.1f} s, "
                    f"peak {results[side]['peak'] / GIB:.1f} GiB"
                )
            print("findings: " + (", ".join(results["ours"]["findings"]) or "none"))
            ratios.append([results["theirs"][time] / results["ours"][time] for time in ("seconds", "own")])
        told = ", ".join(f"{wall:.2f} (own time {own:.2f})" for wall, own in ratios)
        print(f"theirs / ours: {told}; the aim is 0.30 or more")


def written(folder: Path, rows: int) -> None:
    """A manifest of `rows` examples of ten classes, its packed inputs and their index."""
    import numpy as np
    import polars as pl

    from arcane.data.assets import write_assets
    from arcane.data.manifest import write_manifest
    from arcane.spec import Feature, Spec

    rng = np.random.default_rng(0)
    digits = np.frombuffer(rng.bytes(16 * rows).hex().encode(), "S32")
    labels = rng.integers(0, 10, rows)
    frame = pl.DataFrame(
        {
            "id": pl.Series(digits).cast(pl.String).sort(),
            "label": pl.Series(labels).cast(pl.String),
            "row": pl.Series(rng.permutation(rows)),
            "source": pl.Series(["benchmark"]).new_from_index(0, rows),
        }
    )
    write_manifest(folder / "manifest.jsonl", frame)
    inputs = (rng.normal(size=(rows, 2)) + labels[:, None]).astype(np.float32)
    spec = Spec("tabular", (2,), tuple(map(str, range(10))), (Feature("first"), Feature("second")))
    (folder / "assets").mkdir()
    write_assets(
        folder / "assets", "benchmark", spec, frame.select("id", "label"), lambda start, stop: inputs[start:stop]
    )


def in_fresh_process(side: str, folder: Path) -> dict[str, Any]:
    """Run `theirs` or `ours` alone, so that its peak of memory is its own."""
    done = subprocess.run([sys.executable, __file__, side, str(folder)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


class Stopwatch:
    """Seconds by step, and the process's own time over all of them."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self.own = 0.0

    def __call__(self, step: str, work: Callable[[], Any]) -> Any:
        start, own = time.perf_counter(), time.process_time()
        result = work()
        self.steps[step] = time.perf_counter() - start
        self.own += time.process_time() - own
        return result

    def tell(self, **more: Any) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        total = {"seconds": sum(self.steps.values()), "own": self.own, "peak": usage.ru_maxrss * 1024}
        print(json.dumps({"steps": self.steps, **total, **more}))


def theirs(folder: Path) -> None:
    import polars as pl

    path, timed = folder / "manifest.jsonl", Stopwatch()
    timed("read", lambda: pl.read_ndjson(path))
    with path.open("rb") as file:
        timed("hash", lambda: hashlib.file_digest(file, "sha256"))
    timed.tell()


def ours(folder: Path) -> None:
    from frames import params

    from arcane.data.assets import read_assets
    from arcane.data.manifest import read_manifest
    from arcane.data.splits import split, write_splits
    from arcane.data.validation import validate

    assets, given, timed = read_assets(folder / "assets"), params(), Stopwatch()
    frame = timed("read", lambda: read_manifest(folder / "manifest.jsonl"))
    findings = timed("validate", lambda: validate(frame, assets, given.data))
    assigned, _ = timed("split", lambda: split(frame, given))
    timed("write", lambda: write_splits(folder / "splits.jsonl", assigned))
    timed.tell(findings=[finding.code for finding in findings])


if __name__ == "__main__":
    if sys.argv[1:2] in (["theirs"], ["ours"]):
        {"theirs": theirs, "ours": ours}[sys.argv[1]](Path(sys.argv[2]))
    else:
        main(*(int(each) for each in (sys.argv[1:] + ["10000000", "3"][len(sys.argv) - 1 :])[:2]))
