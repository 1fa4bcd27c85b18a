"""What pays on a machine: decisions from measured seconds, measured once; compiling; packing trials on a GPU."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diagnosis_tasks import digits, make
from hypothesis import given
from hypothesis import strategies as st
from projects import make_project

from arcane.training.compiling import compiled_forward
from arcane.training.devices import default_slots, trials_on_gpu, usable_cores
from arcane.training.fit import Options, fit
from arcane.training.measuring import (
    MEASURED,
    Kept,
    compile_pays,
    fewest_threads,
    has_bf16,
    measured_threads,
    pass_of,
    seconds_of,
    thread_counts,
)
from arcane.training.trials import Trial, run_trial

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("seconds", "threads"),
    [
        ({1: 1.0}, 1),
        ({1: 1.0, 2: 0.95}, 1),
        ({1: 1.0, 2: 0.6}, 2),
        ({1: 1.0, 2: 6.0}, 1),  # a busy machine of two cores
        ({1: 1.0, 2: 0.6, 4: 0.58}, 2),
        ({4: 0.3, 1: 1.0, 2: 0.6}, 4),
        ({1: 1.0, 2: 1.2, 4: 0.5}, 4),
    ],
)
def test_threads_are_added_only_where_they_pay(seconds, threads):
    assert fewest_threads(seconds) == threads


@given(st.integers(1, 300))
def test_the_counts_tried_are_few_and_end_with_all_cores(cores):
    counts = thread_counts(cores)
    assert counts[0] == 1 and counts[-1] == cores and len(counts) <= 10 and counts == sorted(set(counts))


def test_compiling_pays_only_in_long_trainings():
    assert compile_pays(1000, eager=0.1, compiled=0.05, compiling=30)
    assert not compile_pays(100, eager=0.1, compiled=0.05, compiling=30)
    assert not compile_pays(10**6, eager=0.1, compiled=0.11, compiling=1)


def test_native_bfloat16_is_in_the_flags():
    assert has_bf16(["fpu", "avx512f", "avx512_bf16"]) and has_bf16(["bf16"])
    assert not has_bf16(["fpu", "avx2"])


def test_a_measurement_is_made_once(tmp_path):
    kept, made = Kept(tmp_path / "measured.json"), []

    def measure():
        made.append(1)
        return {"1": 0.5}

    assert kept.recall("threads", {"batch": 64}, measure) == kept.recall("threads", {"batch": 64}, measure)
    assert len(made) == 1
    kept.recall("threads", {"batch": 65}, measure)
    kept.recall("step", {"batch": 64}, measure)
    assert len(made) == 3
    assert kept.noted("memory") is None
    for value in (5, 9, 7):
        kept.note_largest("memory", value)
    assert kept.noted("memory") == 9
    kept.path.write_text("{")  # damaged: measured again
    kept.recall("threads", {"batch": 64}, measure)
    assert len(made) == 4


def test_timing_leaves_the_task_and_the_random_state_alone():
    task = make(changes={"model.dropout": 0.5, "model.normalization": "batch"})
    before = {name: tensor.clone() for name, tensor in task.state_dict().items()}
    inputs, state = torch.tensor(digits()[0].inputs[:32]), torch.get_rng_state()
    found = seconds_of({"plain": pass_of(task, inputs), "bf16": pass_of(task, inputs, True, True)}, rounds=2)
    assert set(found) == {"plain", "bf16"} and min(found.values()) > 0
    assert all(torch.equal(before[name], tensor) for name, tensor in task.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert all(parameter.grad is None for parameter in task.parameters())


def test_threads_are_measured_for_a_trial_and_put_back(tmp_path):
    project = make_project(tmp_path, {"train.epochs": 1, "run.threads": "auto"})
    before = torch.get_num_threads()
    run_trial(tmp_path, Trial("one", project.params, 1))
    assert torch.get_num_threads() == before
    if usable_cores() > 1:
        (known,) = json.loads((tmp_path / MEASURED).read_text()).items()
        assert known[0].startswith("threads ") and set(known[1]) == set(map(str, thread_counts(usable_cores())))
        written = (tmp_path / MEASURED).stat().st_mtime_ns
        task, inputs = make(), torch.tensor(digits()[0].inputs[:64])
        kept = Kept(tmp_path / "own.json")
        kept.path.write_text("{}")
        assert measured_threads(kept, task, inputs, {}) in thread_counts(usable_cores())
        run_trial(tmp_path, Trial("two", project.params, 2))
        assert (tmp_path / MEASURED).stat().st_mtime_ns == written


def test_a_plain_trial_measures_nothing(tmp_path):
    project = make_project(tmp_path, {"train.epochs": 1})
    run_trial(tmp_path, Trial("one", project.params, 1))
    assert not (tmp_path / MEASURED).exists()


@pytest.mark.parametrize(
    ("free", "memory", "cores", "trials"),
    [(80, None, 16, 1), (80, 2, 16, 8), (80, 2, 4, 4), (8, 2, 16, 2), (2, 4, 16, 1), (80, 2, 0, 1)],
)
def test_small_trials_share_a_gpu_as_memory_and_cores_allow(free, memory, cores, trials):
    gigabyte = 2**30
    assert trials_on_gpu(free * gigabyte, memory and memory * gigabyte, cores) == trials


def test_threads_to_be_measured_count_as_one():
    assert default_slots("cpu", "auto") == usable_cores()


def test_without_a_compiler_training_goes_on_and_says_so(caplog):
    task = make()

    def broken(*inputs):
        raise RuntimeError("Compiler: clang++ is not found.\nand much more")

    compiled = torch.compile
    torch.compile = lambda *args, **options: broken
    try:
        forward = compiled_forward(task, CPU, 8)
    finally:
        torch.compile = compiled
    inputs = torch.tensor(digits()[0].inputs[:8])
    with caplog.at_level(logging.WARNING, "arcane.training"):
        outputs = forward(inputs), forward(inputs)
    assert all(torch.equal(found, task(inputs)) for found in outputs)
    said = ["run.compile: goes on without torch.compile (RuntimeError: Compiler: clang++ is not found.)"]
    assert [record.message for record in caplog.records] == said


COMPILED = """
import sys
sys.path[:0] = {paths!r}
import logging, numpy as np, torch
torch.set_num_threads(1)
logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
from diagnosis_tasks import digits, make
from arcane.training.fit import Options, fit
train, validation = (part.subset(np.arange(200)) for part in digits())
curves = [
    fit(make(changes={{"model.name": "linear"}}), train, validation, epochs=2, batch_size=64, seed=1, options=options)
    for options in (Options(), Options(compile=True))
]
print([[record.train_loss for record in curve] for curve in curves])
"""


@pytest.mark.slow
@pytest.mark.parametrize("compiler", [True, False])
def test_compiled_training_follows_the_same_curve(tmp_path, compiler):
    """In a process of its own: what was compiled stays in a process. Without a compiler it falls back."""
    paths = [str(Path(__file__).parent), str(Path(sys.modules["arcane"].__file__).parent.parent)]
    env = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", COMPILED.format(paths=paths)],
        env=env if compiler else {**env, "CXX": "/nowhere/c++"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    said, curves = run.stdout.splitlines()[:-1], json.loads(run.stdout.splitlines()[-1])
    assert np.allclose(*curves, rtol=1e-4)
    if not compiler:
        assert any("goes on without torch.compile" in line for line in said)


def test_options_compile_is_off_by_default():
    assert not Options().compile
    task = make()
    fit(task, digits()[0].subset(np.arange(70)), digits()[1], epochs=1, batch_size=64, seed=1)
    assert "forward" not in task.__dict__
