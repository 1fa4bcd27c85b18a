"""Every improvement action of RECIPE 5.1 on a case made for it, and on one where it does not help (a table).

Kept as the loop keeps: better beyond noise over validation examples and over three seeds. What only a person can do
(features, more data, error analysis) is a request, not an action.

    python tests/benchmarks/actions.py [ACTION...] [--markdown FILE] [--processes N]

The Markdown holds no times: the same engine gives the same file.
"""

import argparse
import atexit
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
sys.path.insert(0, str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src"))
os.environ.setdefault("OMP_NUM_THREADS", "1")

HEADER = ("action", "case", "before", "after", "p", "outcome")
PAGE = """# What each improvement action was seen to do

Each action on a small data set where it must help, and on one where it must not. The data is real (digits, MNIST-1D,
tables) with something planted, such as wrong labels or another instrument, or it is made. An action that helps
everywhere, or nowhere, would show here.

Errors are means over three seeds on validation examples, at least 1,300 of them. An action is kept where the error
falls beyond noise, over examples and over seeds, with a p-value below 0.05, multiplied by the number of trials that it
chose among. [The loop](acceptance.md) asks for less than 0.05, since it asks more than once. One that searches trains
its three seeds anew: the seed that it chose by is no witness.

That an action helps on a case made for it says that it works, not that it will help on your data; that is what the
loop measures.

This page is made by `python tests/benchmarks/actions.py --markdown docs/explanation/actions.md`.

"""


def main(arguments: Sequence[str]) -> int:
    """Judge the cases and print the table; 1 where one came out as it must not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("actions", nargs="*", help="only these")
    parser.add_argument("--markdown", type=Path, help="write the page here")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    from action_cases import CASES

    from arcane.improvement.actions import ACTIONS

    numbers = [i for i, case in enumerate(CASES) if not options.actions or case.action in options.actions]
    rows = []
    print(line((*HEADER, "as it must", "CPU s")) + "\n" + "| --- " * (len(HEADER) + 2) + "|")
    with ExitStack() as stack:
        each: Callable[..., Iterable[Any]] = map
        if options.processes > 1:  # forked: torch, imported with the cases, takes seconds
            each = stack.enter_context(ProcessPoolExecutor(options.processes, get_context("fork"))).map
        for row, right, seconds in each(judged, numbers):
            rows.append((row, right))
            print(line((*row, "yes" if right else "NO", f"{seconds:.1f}")), flush=True)
    wrong = sum(not right for _, right in rows)
    left = {action.name for action in ACTIONS} - {case.action for case in CASES}
    print(f"{wrong} not as they must be; without a case: {', '.join(sorted(left)) or 'none'}")
    if options.markdown:
        table = [line(HEADER), "| --- " * len(HEADER) + "|", *(line(row) for row, _ in rows)]
        options.markdown.write_text(PAGE + "\n".join(table) + "\n", encoding="utf-8")
    return 1 if wrong else 0


def judged(number: int) -> tuple[tuple[str, ...], bool, float]:
    """A row of the table, whether it is as it must be, and the processor's seconds."""
    import torch
    from action_cases import CASES

    torch.set_num_threads(1)
    case, start = CASES[number], time.process_time()
    found = bench().judged(case)
    return row_of(case, found), found["kept"] == case.helps, time.process_time() - start


@cache
def bench() -> Any:
    """This process's: cases with the same start share its trainings."""
    from action_cases import Bench

    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Bench(folder)


def row_of(case: Any, found: dict[str, Any]) -> tuple[str, ...]:
    """What came of a case, by `HEADER`."""
    after = "nothing to change" if found["after"] is None else f"{100 * found['after']:.1f} %"
    outcome = "kept" if found["kept"] else "undone"
    return (f"`{case.action}`", case.about, f"{100 * found['before']:.1f} %", after, f"{found['p']:.2g}", outcome)


def line(cells: Sequence[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
