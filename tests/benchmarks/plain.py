"""The doctor over the plain programs: right ways to write a line that it accuses, and wrong ones that it does not name.

python tests/benchmarks/plain.py                 # every tests/zoo/plain*.py
python tests/benchmarks/plain.py plain_pictures  # one of them
"""

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from types import ModuleType

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS), str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src")]

from watched import read  # noqa: E402
from zoo.plain import patched  # noqa: E402


def score(programs: ModuleType, file: Path) -> None:
    """Print what is wrong, then the sums."""
    accused = first = three = 0
    for program, patch in programs.RIGHT:
        loud = [finding.code for finding in read(patched(program, patch), file) if finding.severity != "note"]
        accused += bool(loud)
        if loud:
            print(f"accused: {patch}: {', '.join(loud)}", flush=True)
    for program, patch, codes in programs.WRONG:
        said = [finding.code for finding in read(patched(program, patch), file)]
        first += said[:1] != [] and said[0] in codes
        three += any(code in codes for code in said[:3])
        if said[:1] == [] or said[0] not in codes:
            print(f"{codes[0]}: {', '.join(said) or 'nothing'}: {patch}", flush=True)
    print(f"{programs.__name__}: {accused} of {len(programs.RIGHT)} right programs accused")
    print(f"of {len(programs.WRONG)} wrong ones {first} named by the first finding, {three} by the first three")


if __name__ == "__main__":
    names = sys.argv[1:] or sorted(path.stem for path in (TESTS / "zoo").glob("plain*.py"))
    with tempfile.TemporaryDirectory() as temporary:
        for name in names:
            score(import_module(f"zoo.{name}"), Path(temporary) / "train.py")
