"""What a program does with numbers outside of torch is seen: casts, sums that wrap around, and metrics in numpy."""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

# What the doctor and the programs import takes seconds: once for all children.
import sklearn.linear_model
import sklearn.metrics  # noqa: F401
import torch
import torch._dynamo

from arcane.diagnosis.watching.checks.answers import line_between
from arcane.diagnosis.watching.checks.classwise import _candidates
from arcane.diagnosis.watching.program import run_watched
from arcane.diagnosis.watching.rewriting import rewritten

HEAD = """
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F
torch.manual_seed(0)
rng = np.random.default_rng(0)
labels = rng.integers(0, 4, 320)
centres = rng.random((4, 6, 6))
images = np.clip(255 * (0.7 * centres[labels] + 0.3 * rng.random((320, 6, 6))), 0, 255).astype(np.uint8)
"""
TRAIN = """
x = torch.tensor(np.asarray(rows), dtype=torch.float32).reshape(320, -1)
x = (x - x[:240].mean()) / x[:240].std()
y = torch.tensor(labels)
model = nn.Sequential(nn.Linear(36, 32), nn.ReLU(), nn.Linear(32, 4))
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for epoch in range(4):
    model.train()
    for index in torch.randperm(240).split(32):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[index]), y[index])
        loss.backward()
        optimizer.step()
    model.eval()
    answers = []
    with torch.no_grad():
        for index in torch.arange(240, 320).split(32):
            answers.append(model(x[index]).numpy())
answers, targets = np.concatenate(answers), labels[240:]
"""
ACCURACY = "print(f'accuracy {(answers.argmax(1) == targets).mean():.4f}')"
DATASET = """
class Pictures:
    def __getitem__(self, i):
        return {item}
data = Pictures()
rows = np.stack([data[i] for i in range(320)])
"""


def found(text: str, folder: Path) -> list[str]:
    """What the doctor finds in a program, errors first; the program runs in a child of this process."""
    script = folder / "program.py"
    script.write_text(text)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.chdir(folder)
        os.dup2(os.open("output", os.O_WRONLY | os.O_CREAT, 0o644), 1)
        torch.set_num_threads(1)
        try:
            code, report = run_watched(script, [])
            said = [f.code for f in report.findings] if code == 0 else [f"exit {code}"]
        except BaseException as error:
            said = [repr(error)]
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = json.load(answer)
    os.waitpid(child, 0)
    return said


CASTS = {
    "to bytes after a scaling": "rows = (images / 255).astype(np.uint8)",
    "to bytes, in a data set": DATASET.format(item="(images[i] / 255.0).astype('uint8')"),
    "to whole numbers after standardising": "rows = ((images - images.mean()) / images.std()).astype(int)",
    "made as whole numbers": "rows = np.array(images / 255, dtype=np.int32)",
    "filled with fractions": "rows = np.zeros((320, 6, 6), dtype=int)\nrows[:] = images / 255",
    "filled row by row": "rows = np.zeros_like(images)\nfor i in range(320):\n    rows[i] = images[i] / 255",
    "divided without rest": "rows = images // 255",
    "a mean taken off in bytes": "rows = images - np.uint8(images.mean())",
    "a mean taken off in bytes, in a data set": DATASET.format(item="images[i] - np.uint8(100)"),
    "changed in place": "rows = images.copy()\nrows -= 100",
    "a product of bytes": "rows = images * 2",
    "kept as one more byte": "rows = (images.astype(np.int64) + 100).astype(np.uint8)",
    "kept as half": "rows = (images * 1000.0).astype(np.float16)",
    "in a frame": "import pandas as pd\nframe = pd.DataFrame(images.reshape(320, -1) / 255)\nrows = frame.astype(int)",
}


@pytest.mark.parametrize("cast", CASTS.values(), ids=CASTS)
def test_what_a_cast_loses_in_numpy(cast: str, tmp_path: Path) -> None:
    if "pandas" in cast:
        pytest.importorskip("pandas")
    assert found(HEAD + cast + TRAIN + ACCURACY, tmp_path)[:1] == ["input-casting"]


SOUND = {
    "as it is": "rows = images",
    "to float first": "rows = images.astype(np.float32) - images.mean()",
    "kept as bytes": "rows = np.round(images / 255 * 250).astype(np.uint8)",
    "in sixteen steps": "rows = images // 16",
    "turned round": "rows = 255 - images",
    "picked, counted and drawn": (
        "rows = images\nhalf = int(0.5 * len(rows))\n"
        "noise = (rng.random((320, 6, 6)) * 3).astype(int)\nedges = np.zeros((320, 6, 6), dtype=int)\n"
        "edges[rows > 128] = 1\nshown = (images[0] / 255 * 9).astype(int)"
    ),
}


@pytest.mark.parametrize("sound", SOUND.values(), ids=SOUND)
def test_silent_on_sound_arithmetic(sound: str, tmp_path: Path) -> None:
    assert found(HEAD + sound + TRAIN + ACCURACY, tmp_path) == []


METRICS = {
    "a column against a row": "print((said == targets).mean())",
    "targets and answers in each other's place": (
        "from sklearn.metrics import recall_score\n"
        "print(recall_score(answers.argmax(1), targets, average='macro', zero_division=0))"
    ),
    "squares of each with all": "error = (said - targets) ** 2\nprint(np.sqrt(error.mean()))",
}
COLUMN = "said = answers.argmax(axis=1, keepdims=True)\n"


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_what_a_metric_in_numpy_compares(metric: str, tmp_path: Path) -> None:
    noisy = "labels[rng.random(320) < 0.2] = 0\nrows = images\n"
    assert found(HEAD + noisy + TRAIN + COLUMN + metric, tmp_path)[:1] == ["metric-wrong"]


def test_silent_on_sound_metrics_in_numpy(tmp_path: Path) -> None:
    sound = """
from sklearn.metrics import recall_score, r2_score
said = answers.argmax(1)
print(recall_score(targets, said, average="macro"), (said == targets).mean())
alike = targets[:, None] == targets
apart = (said - targets) ** 2
print(alike.mean(), np.sqrt(apart.mean()), r2_score(targets, said))
"""
    assert found(HEAD + "rows = images" + TRAIN + sound, tmp_path) == []


PLAIN = """
from __future__ import annotations
import numpy as np
class Box:
    __size = 3
    def of(self, a: int = 2 + 3) -> list[int]:
        return a * self.__size
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
x = np.arange(12, dtype=np.uint8).reshape(3, 4)
out = [Box().of(), fibonacci(9), (x - 200).tolist(), (x[1:] * 3 == x[:-1]).tolist(), f"{x.sum() - 1}"]
for i in range(3):
    x[i] = x[i] + i
    for j in range(2):
        x[i, j] += 1
x -= 1
match [1, 2]:
    case [1, second]:
        out.append(second << 2)
d = {}
d["a" + "b"] = {k: v + 1 for k, v in zip("ab", (lambda t: t * 2)([1]))}
out += [x.astype(float).tolist(), np.array([1.5, 2.5], dtype=int).tolist(), d, x.dtype.name]
try:
    1 + None
except TypeError as error:
    out.append((str(error), error.__traceback__.tb_lineno))
"""


def test_a_rewritten_program_computes_the_same() -> None:
    plain, watched = {}, {}
    exec(compile(PLAIN, "program.py", "exec", dont_inherit=True), plain)
    from arcane.diagnosis.watching.recorder import Recorder

    arrays = Recorder().arrays
    arrays.install()
    try:
        exec(rewritten(PLAIN.encode(), "program.py"), watched)
    finally:
        arrays.remove()
    assert repr(plain["out"]) == repr(watched["out"])
    assert sorted(plain) == sorted(watched)
    assert not arrays.operands or all(np.size(value) < 100 for value in arrays.operands.values())


def test_code_that_is_compiled_otherwise_is_left_alone() -> None:
    text = b"import numba\nx = 1\ny = x + x\n"
    assert rewritten(text, "p.py").co_code == compile(text, "p.py", "exec").co_code


def test_a_module_of_the_program_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / "own_module.py").write_text(
        "import numpy as np\n\ndef small(images):\n    return (images / 255).astype(np.uint8)\n"
    )
    text = HEAD + "from own_module import small\nrows = small(images)" + TRAIN + ACCURACY
    assert found(text, tmp_path)[:1] == ["input-casting"]
    assert not (tmp_path / "__pycache__").exists()


def test_arithmetic_in_loops_three_deep_is_left_alone():
    """Python's own numbers are counted up there, and each look costs several times what their sum does."""
    source = (
        "for i in x:\n    c = a + b\n    for j in x:\n        c = a - b\n        for k in x:\n            c = a * b\n"
    )
    names = rewritten(source.encode(), "loops.py").co_consts
    assert {"add", "sub"} <= set(names) and "mul" not in names


def test_a_scaled_copy_is_one_to_single_precision_only():
    values = np.random.default_rng(0).normal(size=100)
    line = line_between(values, (3 * values - 2).astype(np.float32).astype(float))
    assert line is not None and abs(line.slope - 3) < 1e-5 and abs(line.offset + 2) < 1e-5
    assert line_between(values, 3 * values + 1e-3 * np.random.default_rng(1).normal(size=100)) is None
    assert line_between(values[:10], values[:10]) is None


def test_the_mean_of_f1s_is_told_from_every_f1_of_all_rows():
    parts = [Counter({(1, 1): 6, (0, 0): 8, (1, 0): 2}), Counter({(1, 1): 1, (0, 1): 3, (0, 0): 4})]
    right, wrong = _candidates("F1", parts)
    assert right["of class 1"] == pytest.approx(14 / 19)
    assert wrong["the mean over batches of the F1 of class 1"] == pytest.approx((12 / 14 + 2 / 5) / 2)
    assert wrong["the recall of class 1"] == pytest.approx(7 / 10)
    assert wrong["the mean over batches of the F1 of class 1"] not in right.values()
