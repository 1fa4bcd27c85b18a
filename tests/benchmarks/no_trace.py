"""Whether the doctor leaves a trace: the zoo's programs and half A's plants, with the doctor and without.

Compared are the printed output, the exit code, torch's, numpy's and Python's random state, every module (weights,
gradients, buffers, mode, hooks) and optimiser that the program made, and its variables: bit for bit.

    python tests/benchmarks/no_trace.py [--program NAME ...] [--correct]
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))

from zoo.bugs_a import BUGS  # noqa: E402
from zoo.run import Bug, Outcome, programs, run  # noqa: E402


def differences(plain: Outcome, watched: Outcome) -> Iterator[str]:
    """What differs, in words; a report on stderr is the doctor's own."""
    if plain.stdout != watched.stdout:
        yield "output"
    if plain.code != watched.code and not (plain.code == 0 and watched.code == 3):
        yield f"exit code {watched.code}, not {plain.code}"
    before, after = plain.state, watched.state
    if not before or not after:
        yield "no state was written"
        return
    yield from (
        f"{name}'s random state" for name, digest in before["random"].items() if digest != after["random"][name]
    )
    for kind in ("modules", "optimisers"):
        made = after[kind][: len(before[kind])]  # the doctor's own come behind
        differ = sum(a != b for a, b in zip(before[kind], made, strict=False)) + len(before[kind]) - len(made)
        if differ:
            yield f"{differ} of {len(before[kind])} {kind}"
    names = [name for name, digest in before["variables"].items() if after["variables"].get(name) != digest]
    if names:
        yield f"variables {', '.join(names)}"


def main(arguments: Sequence[str]) -> None:
    """Print a line for each run that differs, and how many do."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", nargs="*")
    parser.add_argument("--correct", action="store_true", help="the correct programs alone")
    options = parser.parse_args(arguments)
    jobs: list[str | Bug] = [name for name in programs() if not options.program or name in options.program]
    if not options.correct:
        jobs += [bug for bug in BUGS if not options.program or bug.program in options.program]
    plain, watched = run(jobs, doctor=False, state=True), run(jobs, doctor=True, state=True)
    differ = 0
    for job, before, after in zip(jobs, plain, watched, strict=True):
        found = list(differences(before, after))
        differ += bool(found)
        if found:
            print(f"{before.program} [{job.code if isinstance(job, Bug) else 'correct'}]: {'; '.join(found)}")
    compared = (
        sum(len(o.state.get("modules", [])) for o in plain),
        sum(len(o.state.get("optimisers", [])) for o in plain),
    )
    print(f"{differ} of {len(jobs)} runs differ; compared {compared[0]} modules and {compared[1]} optimisers")


if __name__ == "__main__":
    main(sys.argv[1:])
