"""Every improvement action of RECIPE 5.1 on a case made for it, and on one where it does not help (a table).

Kept as the loop keeps: better beyond noise over validation examples and over three seeds. What only a person can do
(features, more data, error analysis) is a request, not an action.

    python tests/benchmarks/actions.py [ACTION...]
"""

import os
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
sys.path.insert(0, str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src"))
os.environ.setdefault("OMP_NUM_THREADS", "1")


def main(wanted: list[str]) -> int:
    import torch
    from action_cases import CASES, Bench

    from arcane.improvement.actions import ACTIONS

    torch.set_num_threads(1)
    wrong = 0
    print("| action | case | before | after | p | kept | as it must | CPU s |\n" + "| --- " * 8 + "|")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        for case in CASES:
            if wanted and case.action not in wanted:
                continue
            start = time.process_time()
            found = bench.judged(case)
            right = found["kept"] == case.helps
            wrong += not right
            after = "nothing to do" if found["after"] is None else f"{found['after']:.1%}"
            kept, must = "yes" if found["kept"] else "no", "yes" if right else "NO"
            row = [case.action, case.about, f"{found['before']:.1%}", after, f"{found['p']:.2g}", kept, must]
            print("| " + " | ".join([*row, f"{time.process_time() - start:.1f}"]) + " |", flush=True)
    left = {action.name for action in ACTIONS} - {case.action for case in CASES}
    print(f"{wrong} not as they must be; without a case: {', '.join(sorted(left)) or 'none'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
