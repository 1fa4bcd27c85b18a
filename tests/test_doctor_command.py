"""`doctor train.py` behaves as `python train.py` does, outside of any project, and adds what it found."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from projects import TEMPLATE_PROJECT

from arcane.errors import UserError

PROGRAM = """
import argparse, sys
from pathlib import Path
import torch
from torch import nn
import beside

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        return self.layers(x)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--softmax", action="store_true")
    parser.add_argument("--end", default="")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    x = torch.randn(200, 6)
    y = (x[:, 0] + x[:, 1] > 0).long()
    loader = torch.utils.data.DataLoader(list(zip(x, y)), 20, shuffle=True, num_workers=1)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    taken = 0
    while taken < arguments.steps:
        for a, b in loader:
            output = model(a).softmax(1) if arguments.softmax else model(a)
            loss = nn.functional.cross_entropy(output, b)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            taken += 1
    print("größe", beside.NAME, sys.argv[1:], Path(sys.argv[0]).name, __name__, Path(__file__).name)
    print(sys.path[0] == str(Path(__file__).parent))
    print(loss.item().hex(), sum(p.double().sum() for p in model.parameters()).item().hex(), torch.rand(1).item().hex())
    if arguments.end == "exit":
        sys.exit(7)
    if arguments.end == "crash":
        raise ValueError("broken on purpose")

if __name__ == "__main__":
    main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("elsewhere")
    (place / "train.py").write_text(PROGRAM, encoding="utf-8")
    (place / "beside.py").write_text("NAME = 'beside'\n")
    (place / "nothing.py").write_text("print('done')\n")
    return place


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(TEMPLATE_PROJECT / "src"), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def doctor(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "-m", "arcane", "doctor", *arguments)


def test_output_and_results_are_the_same(folder: Path):
    plain = run(folder, "train.py", "--steps", "30")
    watched = doctor(folder, "train.py", "--steps", "30", "--json", "clean.json")
    assert watched.stdout == plain.stdout
    assert watched.returncode == plain.returncode == 0
    found = json.loads((folder / "clean.json").read_text())
    assert [f["code"] for f in found["findings"] if f["severity"] != "note"] == []
    assert "no error found" in watched.stderr


def test_errors_give_exit_code_3_and_show_the_line(folder: Path):
    watched = doctor(folder, "--json", "bug.json", "--steps", "15", "train.py", "--softmax", "--steps", "1000000")
    assert watched.returncode == 3
    found = json.loads((folder / "bug.json").read_text())
    assert found["findings"][0]["code"] == "loss-expects-logits"
    assert found["findings"][0]["location"].startswith("train.py:")
    assert "output = model(a).softmax(1) if arguments.softmax else model(a)" in watched.stderr
    assert "größe" not in watched.stdout  # stopped after 15 steps


def test_the_programs_own_exit_code_and_traceback_stay(folder: Path):
    assert doctor(folder, "train.py", "--end", "exit").returncode == 7
    plain, watched = (run_(folder, "train.py", "--end", "crash") for run_ in (run, doctor))
    assert watched.returncode == plain.returncode == 1
    assert plain.stderr in watched.stderr
    assert "arcane" not in watched.stderr.split("doctor ---")[0]


def test_training_on_nothing_and_no_program(folder: Path):
    nothing = doctor(folder, "nothing.py")
    assert (nothing.returncode, nothing.stdout) == (0, "done\n")
    assert "no training was seen" in nothing.stderr
    missing = doctor(folder, "missing.py")
    assert missing.returncode == 1
    assert "missing.py: no such file" in missing.stderr


def test_a_code_is_explained(folder: Path):
    told = doctor(folder, "explain", "loss-expects-logits")
    assert told.returncode == 0
    assert "How to silence it" in told.stdout


def params(folder: Path, text: str) -> Path:
    file = folder / "params.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_projects_params_say_what_is_let_through(tmp_path: Path):
    from arcane.diagnosis.limits import LIMITS
    from arcane.diagnosis.watching.command import in_project

    text = "data: {accept: [loss-clipped]}\ndoctor: {thresholds: {input_rms: 20}, silence: [loss-sum-reduction]}\n"
    accept, given = in_project(params(tmp_path, text))
    assert accept == ("loss-clipped",)
    assert given.limit("input_rms") == 20
    assert given.limit("dead_share") == LIMITS["dead_share"].default
    assert given.silence == {"loss-sum-reduction"}


@pytest.mark.parametrize("text", ["", "data: ./images", "- a\n- b", "doctor: yes", "data: {accept: 3}", "a: [b"])
def test_another_tools_params_set_nothing(text: str, tmp_path: Path):
    from arcane.diagnosis.limits import Settings
    from arcane.diagnosis.watching.command import in_project

    assert in_project(params(tmp_path, text)) == ((), Settings())
    assert in_project(tmp_path / "missing.yaml") == ((), Settings())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{thresholds: {input_rsm: 20}}", "did you mean `input_rms`?"),
        ("{silence: [loss-sum]}", "did you mean `loss-sum-reduction`?"),
        ("{thresholds: {input_rms: wide}}", "doctor.thresholds.input_rms: expected a number by name, not 'wide'"),
        ("{thresholds: 3}", "doctor.thresholds: expected a number by name, not 3"),
    ],
)
def test_a_setting_that_does_not_exist_is_said(text: str, said: str, tmp_path: Path):
    from arcane.diagnosis.watching.command import in_project

    with pytest.raises(UserError) as raised:
        in_project(params(tmp_path, f"doctor: {text}\n"))
    assert said in str(raised.value)
    assert "params.yaml" in str(raised.value)
