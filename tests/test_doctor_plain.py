"""A sample of the plain programs of tests/zoo/plain.py under the doctor; tests/benchmarks/plain.py runs them all."""

import pytest
from watched import read
from zoo.plain import CLASSES, NUMBERS, RIGHT, WRONG, patched

BEFORE = (  # each was accused once
    "-p.gather(1, ytr.unsqueeze(1)).log().mean()",
    "LBFGS",
    "topk(2, 1)",
    "nn.LayerNorm(32)",
    "F.softplus(-yb * pred)",
)
MISSED = (  # each was missed once
    "Xte, yte = Xtr[:100], ytr[:100]",
    "total / 450",
    "Y = torch.ones(N)",
    "torch.tensor(self.drop(x).tolist())",
    "nn.init.constant_(self.fc2.weight, 0.1)",
)


def named(patch: tuple[tuple[str, str], ...]) -> str:
    return " ".join(new for _, new in patch)


@pytest.mark.parametrize(
    ("program", "patch"),
    [one for i, one in enumerate(RIGHT) if i % 15 == 0 or any(text in named(one[1]) for text in BEFORE)],
)
def test_a_right_program_is_not_accused(program, patch, tmp_path):
    findings = read(patched(program, patch), tmp_path / "train.py")
    assert [(f.code, f.message) for f in findings if f.severity != "note"] == []


@pytest.mark.parametrize(
    ("program", "patch", "codes"),
    [one for i, one in enumerate(WRONG) if i % 15 == 0 or any(text in named(one[1]) for text in MISSED)],
)
def test_a_wrong_line_is_named(program, patch, codes, tmp_path):
    findings = read(patched(program, patch), tmp_path / "train.py")
    assert findings and findings[0].code in codes, [(f.code, f.message) for f in findings]


def test_every_patch_fits_and_runs_as_python():
    for program, patch, *_ in [*RIGHT, *WRONG]:
        compile(patched(program, patch), "plain", "exec")
    assert {program for program, _ in RIGHT} == {CLASSES, NUMBERS}
