"""Programs that do unusual things end under `doctor` as they do without it: same output, same exit code."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from projects import TEMPLATE_PROJECT

HEAD = """
import sys
import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)
x = torch.randn(120, 6)
y = (x[:, 0] > 0).long()
def network():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
def train(model, optimizer, steps=15, forward=None):
    for step in range(steps):
        rows = torch.randperm(120)[:40]
        optimizer.zero_grad()
        loss = F.cross_entropy((forward or model)(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
    return loss.item()
def show(model):
    print([p.detach().double().sum().item().hex() for p in model.parameters()], torch.rand(1).item().hex())
model = network()
optimizer = torch.optim.Adam(model.parameters(), 0.01)
"""

PROGRAMS = {
    "crash": "train(model, optimizer)\nshow(model)\nraise KeyError('größe')",
    "exit": "train(model, optimizer)\nshow(model)\nsys.exit(3)",
    "exit with words": "train(model, optimizer)\nsys.exit('no data left')",
    "exit in a thread": """
        import threading
        thread = threading.Thread(target=lambda: print(train(model, optimizer)))
        thread.start()
        thread.join()
        show(model)
    """,
    "two threads": """
        import threading
        other = network()
        second = torch.optim.SGD(other.parameters(), 0.1)
        thread = threading.Thread(target=lambda: F.mse_loss(other(x)[:, 0], x[:, 0]).backward())
        thread.start()
        thread.join()
        second.step()
        train(model, optimizer)
        show(model)
        show(other)
    """,
    "fork": """
        import os
        train(model, optimizer)
        child = os.fork()
        train(model, optimizer)
        if child == 0:
            print("child", flush=True)
            show(model)
            sys.exit(5)
        _, status = os.waitpid(child, 0)
        print("parent", os.waitstatus_to_exitcode(status))
        show(model)
    """,
    "fork that leaves at once": """
        import os
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os._exit(6)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        train(model, optimizer)
        show(model)
    """,
    "unicode": """
        train(model, optimizer)
        print("Größe ∑ 模型 🙂")
        print("ünder", file=sys.stderr)
        show(model)
    """,
    "nothing": "print('nothing to do')",
    "models made while running": """
        for width in (3, 5, 9):
            kind = type(f"Net{width}", (nn.Module,), {"forward": lambda self, z: self.last(self.first(z).relu())})
            made = kind()
            made.first, made.last = nn.Linear(6, width), nn.Linear(width, 2)
            print(train(made, torch.optim.Adam(made.parameters(), 0.01)).hex())
        grown = {}
        exec("class Late(nn.Linear):\\n    def extra_repr(self):\\n        return 'late'", globals(), grown)
        late = grown["Late"](6, 2)
        train(late, torch.optim.SGD(late.parameters(), 0.1))
        show(late)
    """,
    "layers that come later": """
        lazy = nn.Sequential(nn.LazyLinear(7), nn.ReLU(), nn.LazyLinear(2))
        lazy(x)
        steps = torch.optim.Adam(lazy.parameters(), 0.01)
        train(lazy, steps)
        lazy.add_module("more", nn.Linear(2, 2))
        steps.add_param_group({"params": lazy.more.parameters()})
        train(lazy, steps)
        show(lazy)
    """,
    "compiled": """
        compiled = torch.compile(model, backend="eager", disable=True)
        print(train(model, optimizer, forward=compiled).hex())
        show(model)
    """,
    "autocast": """
        scaler = torch.amp.GradScaler("cpu", enabled=False)
        for step in range(12):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = F.cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        show(model)
    """,
    "several optimisers": """
        parts = [torch.optim.SGD(model[0].parameters(), 0.1), torch.optim.Adam(model[2].parameters(), 0.01)]
        for step in range(15):
            for part in parts:
                part.zero_grad()
            F.cross_entropy(model(x), y).backward()
            for part in parts:
                part.step()
        show(model)
    """,
    "closures": """
        lbfgs = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=3)
        def closure():
            lbfgs.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss
        for step in range(6):
            print(lbfgs.step(closure).item().hex())
        show(model)
    """,
    "its own hooks": """
        seen = []
        nn.modules.module.register_module_forward_hook(lambda m, a, o: seen.append(type(m).__name__))
        class Mode(torch.overrides.TorchFunctionMode):
            def __torch_function__(self, func, types, args=(), kwargs=None):
                seen.append(func.__name__)
                return func(*args, **(kwargs or {}))
        with Mode():
            train(model, optimizer)
        print(len(seen), seen[:5])
        show(model)
    """,
    "a mode entered and left between steps": """
        from torch.utils._python_dispatch import TorchDispatchMode
        class Count(TorchDispatchMode):
            calls = 0
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):
                Count.calls += 1
                return func(*args, **(kwargs or {}))
        with Count():
            train(model, optimizer, 3)
        print(Count.calls)
        show(model)
    """,
    "an error that it catches": """
        try:
            model(torch.randn(4, 5))
        except RuntimeError as error:
            print(str(error))
        train(model, optimizer)
        show(model)
    """,
    "many warnings": "import warnings\nwarnings.warn('mind this', stacklevel=1)\ntrain(model, optimizer)\nshow(model)",
    "argparse": """
        import argparse
        parser = argparse.ArgumentParser(prog="train")
        parser.add_argument("--rate", type=float, required=True)
        parser.parse_args()
    """,
    "guard": "if __name__ == '__main__':\n    print(train(model, optimizer).hex(), __name__, __file__ == sys.argv[0])",
}  # fmt: skip

WARM = """
import os, sys, traceback, types
from pathlib import Path
import torch, torch._dynamo, multiprocessing
import arcane.cli, arcane.diagnosis.watching.command
torch.set_num_threads(1)
def end(place, doctor):
    os.chdir(place)
    for stream, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(f"{name}{doctor}", os.O_WRONLY | os.O_CREAT), stream)
    program = str(place / "train.py")
    try:
        if doctor:
            arcane.cli.app(["doctor", "--json", "findings.json", program])
        sys.argv = [program]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        main.__file__ = program
        code = compile((place / "train.py").read_text(), program, "exec")
        try:
            exec(code, vars(main))
        except Exception as error:
            sys.stdout.flush()
            traceback.print_exception(type(error), error, error.__traceback__.tb_next)
            return 1
        return 0
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
            return 1
        return stop.code or 0
owner = os.getpid()
for place in sorted(Path(sys.argv[1]).iterdir()):
    for doctor in (0, 1):
        child = os.fork()
        if child == 0:
            code = end(place, doctor)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        (place / f"code{doctor}").write_text(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each program, run without the doctor and with it by children of one process that knows torch."""
    root = tmp_path_factory.mktemp("programs")
    places = {name: root / f"{number:02}" for number, name in enumerate(PROGRAMS)}
    for name, place in places.items():
        place.mkdir()
        (place / "train.py").write_text(HEAD + textwrap.dedent(PROGRAMS[name]) + "\n", encoding="utf-8")
    subprocess.run([sys.executable, "-c", WARM, str(root)], env=environment(), check=True, timeout=600)
    return places


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(TEMPLATE_PROJECT / "src"), "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}


def ended(place: Path, doctor: int) -> tuple[str, str, int]:
    """What a program printed, its stderr, and its exit code."""
    texts = [(place / f"{name}{doctor}").read_text(encoding="utf-8") for name in ("stdout", "stderr", "code")]
    return texts[0], texts[1], int(texts[2])


def findings(place: Path) -> list[dict]:
    return json.loads((place / "findings.json").read_text())["findings"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_ends_as_it_does_without_the_doctor(name: str, runs: dict[str, Path]):
    plain, watched = ended(runs[name], 0), ended(runs[name], 1)
    assert watched[0] == plain[0]
    assert watched[2] == plain[2]
    assert watched[1].startswith(plain[1])
    assert [f for f in findings(runs[name]) if f["code"] == "check-failed"] == []
    assert [f["code"] for f in findings(runs[name]) if f["severity"] == "error"] == []


def test_the_programs_did_what_their_names_say(runs: dict[str, Path]):
    codes = {name: ended(place, 1)[2] for name, place in runs.items()}
    assert {name: code for name, code in codes.items() if code} == {
        "crash": 1, "exit": 3, "exit with words": 1, "argparse": 2,
    }  # fmt: skip
    assert "KeyError: 'größe'" in ended(runs["crash"], 1)[1]
    assert "parent 5" in ended(runs["fork"], 1)[0]
    assert "🙂" in ended(runs["unicode"], 1)[0]


def test_a_compiled_part_is_said_to_run_without_compiling(runs: dict[str, Path]):
    said = [f["message"] for f in findings(runs["compiled"]) if f["code"] == "not-examined"]
    assert any("torch.compile" in message for message in said)
    assert "torch.compile" in ended(runs["compiled"], 1)[1]


def test_a_fork_reports_once(runs: dict[str, Path]):
    assert ended(runs["fork"], 1)[1].count("doctor") == ended(runs["exit"], 1)[1].count("doctor")


SPAWN = (
    HEAD
    + """
import multiprocessing
def work(seed):
    torch.manual_seed(seed)
    other = network()
    train(other, torch.optim.Adam(other.parameters(), 0.01), 3)
    return [p.double().sum().item().hex() for p in other.parameters()], __name__
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [1, 2]))
    train(model, optimizer)
    show(model)
"""
)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment(), capture_output=True, text=True, timeout=300
    )


def test_spawned_processes_and_a_package_with_relative_imports(tmp_path: Path):
    package = tmp_path / "own"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "beside.py").write_text("NAME = 'beside'\n")
    (package / "train.py").write_text(
        "from .beside import NAME\n"
        + SPAWN
        + "    print(NAME, __package__, __spec__.name, sys.argv[1:], sys.path[0])\n"
    )
    plain = run(tmp_path, "-m", "own.train", "--epochs", "2")
    watched = run(tmp_path, "-m", "arcane", "doctor", "--json", "found.json", "-m", "own.train", "--epochs", "2")
    assert plain.returncode == 0, plain.stderr
    assert "__mp_main__" in plain.stdout
    assert watched.stdout == plain.stdout
    assert watched.returncode == 0, watched.stderr
    assert "no error found" in watched.stderr
    assert json.loads((tmp_path / "found.json").read_text())["findings"] == []
