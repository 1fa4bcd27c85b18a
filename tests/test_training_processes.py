"""Several processes on one training, by Fabric: the loss is that of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arcane.training.devices import choose_device

SCRIPT = """
import json, sys
sys.path[:0] = {paths!r}
import numpy as np
import torch
torch.set_num_threads(1)
from diagnosis_tasks import digits, make
from lightning.fabric import Fabric
from arcane.training.fit import Options, fit

def main(fabric, parts):
    train, validation = digits()
    train, validation = train.subset(np.arange(250)), validation.subset(np.arange(100))
    task = make(changes={{"train.learning_rate": 3e-3}}, train=train)
    how = {{"epochs": 2, "batch_size": 33, "seed": 1, "options": Options(accumulate=parts), "fabric": fabric}}
    return [record.as_json() for record in fit(task, train, validation, **how)]

if __name__ == "__main__":
    found = {{"one": main(None, 1)}}
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp_fork")
    for parts in (1, 2):
        found[str(parts)] = fabric.launch(main, parts)
    print(json.dumps(found))
"""


@pytest.mark.slow
def test_two_processes_give_the_loss_of_one():
    """Batches of 33, 19 the last: neither halves evenly."""
    source = str(Path(sys.modules["arcane"].__file__).parent.parent)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(paths=[str(Path(__file__).parent), source])],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    found = json.loads(run.stdout.splitlines()[-1])
    for parts in ("1", "2"):
        for one, two in zip(found["one"], found[parts], strict=True):
            for name in ("train_loss", "validation_loss"):
                assert two[name] == pytest.approx(one[name], abs=1e-6), name
            assert two["train_error"] == one["train_error"]


def test_no_visible_gpu_is_a_cpu():
    code = "import os; os.environ['CUDA_VISIBLE_DEVICES'] = ''; from arcane.training.devices import choose_device as c"
    source = str(Path(sys.modules["arcane"].__file__).parent.parent)
    script = f"{code}; print(c('auto'))\ntry: c('cuda')\nexcept Exception as error: print(error)"
    run = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": source}, capture_output=True, text=True
    )
    said = run.stdout.splitlines()
    assert said[0] == "cpu"
    assert said[1].startswith("run.device is `cuda`, but torch finds only cpu here")
    assert choose_device("cpu") == "cpu"
