"""Where memory is short: examples stay on disk or on the host, batches are cut finer, or the reason is said."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diagnosis_tasks import digits, make
from projects import make_project
from test_training_fit import weights_hash

from arcane.data.assets import ASSETS, read_assets
from arcane.data.loading import load_split
from arcane.data.room import available, inputs_of, left_in_container
from arcane.data.statistics import statistics_of
from arcane.training.feeding import Feed, on_device
from arcane.training.fit import fit
from arcane.training.inference import evaluate
from arcane.training.memory import fits, free_memory, out_of_memory

CPU = torch.device("cpu")


def on_disk(examples, path: Path):
    """The same examples with their inputs mapped from a file."""
    np.save(path, examples.inputs)
    return replace(examples, inputs=np.load(path, mmap_mode="c"))


def test_inputs_on_disk_train_to_the_same_bits(tmp_path):
    train, validation = (part.subset(np.arange(200)) for part in digits())
    mapped = on_disk(train, tmp_path / "train.npy"), on_disk(validation, tmp_path / "validation.npy")
    assert not Feed(mapped[0], CPU).resident and Feed(train, CPU).resident
    hashes, curves = [], []
    for parts in ((train, validation), mapped):
        task = make(changes={"model.dropout": 0.3, "train.augmentation": "affine"}, train=parts[0])
        curves.append(fit(task, *parts, epochs=2, batch_size=48, seed=3))
        hashes.append(weights_hash(task))
    assert hashes[0] == hashes[1] and curves[0] == curves[1]
    labels = torch.tensor(validation.labels)
    found = [evaluate(task, on_device(part, CPU)[0], labels) for part in (validation, mapped[1])]
    assert np.array_equal(found[0].outputs, found[1].outputs)
    assert statistics_of(mapped[0]) == statistics_of(train)


def test_a_split_that_does_not_fit_lies_in_a_file_of_the_same_content(tmp_path, monkeypatch):
    project = make_project(tmp_path)
    assets = read_assets(project.root / ASSETS)
    rows = np.random.default_rng(0).permutation(len(assets.ids))[:500]
    held = inputs_of(assets, rows)
    spilt = inputs_of(assets, rows, room=held.nbytes - 1)
    assert isinstance(spilt, np.memmap) and not isinstance(held, np.memmap)
    assert np.array_equal(held, spilt)
    (file,) = (project.root / ".arcane/inputs").iterdir()
    written = file.stat().st_mtime_ns
    spilt[0] = 7  # a task that writes into its inputs changes its own copy
    assert np.array_equal(inputs_of(assets, rows, room=0), held)
    assert file.stat().st_mtime_ns == written
    monkeypatch.setattr("arcane.data.room.free_memory", lambda: 1000)
    assert isinstance(load_split(project.root, "train").inputs, np.memmap)
    assert len(list(file.parent.iterdir())) == 2
    index = project.root / ASSETS / "index.json"
    index.write_text(index.read_text() + "\n")  # stands for other data
    load_split(project.root, "train")
    assert len(list(file.parent.iterdir())) == 1


def test_batches_ahead_come_in_order_and_the_thread_ends_with_them(tmp_path):
    train = on_disk(digits()[0], tmp_path / "train.npy")
    feed = Feed(train, CPU)
    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(1)).split(100)
    for (inputs, labels), part in zip(feed.batches(rows), rows, strict=True):
        assert np.array_equal(inputs.numpy(), train.inputs[part.numpy()])
        assert np.array_equal(labels.numpy(), train.labels[part.numpy()])
    stopped = feed.batches(rows)
    next(iter(stopped))
    assert any(thread.name == "batches ahead" for thread in threading.enumerate())
    stopped.close()
    assert not any(thread.name == "batches ahead" for thread in threading.enumerate())
    with pytest.raises(IndexError):
        list(feed.batches([torch.tensor([len(train)])]))


def test_what_is_free_is_read_from_the_machine_and_the_container(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal:  8000 kB\nMemFree: 10 kB\nMemAvailable:    2000 kB\n")
    assert available(tmp_path / "meminfo") == 2_048_000
    assert available(tmp_path / "nowhere") is None
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert left_in_container(tmp_path) == 4000
    (tmp_path / "memory.max").write_text("max\n")
    assert left_in_container(tmp_path) is None
    assert free_memory() is None or free_memory() > 2**20
    assert fits(10, 20) and not fits(11, 20) and fits(10**15, None)


def test_running_out_of_memory_is_known_from_other_errors():
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert out_of_memory(MemoryError("std::bad_alloc"))
    assert not out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert out_of_memory(caught.value)


LIMITED = """
import logging, resource, sys
sys.path[:0] = {paths!r}
import numpy as np, torch
torch.set_num_threads(1)
from diagnosis_tasks import make, task_class
from arcane.data.loading import Examples
from arcane.errors import UserError
from arcane.spec import Spec
from arcane.training.fit import fit

logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
size, megabytes, room, epochs = map(int, sys.argv[1:])
rng = np.random.default_rng(0)
inputs = rng.integers(0, 256, (size, 1, 28, 28), dtype=np.uint8)
spec = Spec("image", (1, 28, 28), tuple("0123456789"))
train = Examples(tuple(map(str, range(size))), inputs, rng.integers(0, 10, size), spec)

class Hungry(task_class()):
    def training_step(self, batch, batch_idx):
        if megabytes:  # so much for each example, kept until the gradient is there
            self.held = torch.empty(len(batch[0]), megabytes * 2**18)
        loss = super().training_step(batch, batch_idx)
        self.held = None
        return loss

task = make(Hungry, {{"train.learning_rate": 3e-3}}, train=train)
few = train.subset(np.arange(50))
fit(task, few, few, epochs=1, batch_size=2, seed=1)  # all code is loaded before the limit
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + room * 2**20,) * 2)
try:
    records = fit(task, train, few, epochs=epochs, batch_size=64, seed=1)
    print("ended", records[-1].seen, round(records[-1].train_loss, 3))
except UserError as error:
    print("said:", error)
"""


def limited(size: int, megabytes: int, room: int, epochs: int = 1) -> str:
    """What a training prints that may take `room` MiB beyond what it has when it starts."""
    paths = [str(Path(__file__).parent), str(Path(sys.modules["arcane"].__file__).parent.parent)]
    command = [sys.executable, "-c", LIMITED.format(paths=paths), *map(str, (size, megabytes, room, epochs))]
    run = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit is Linux's")
class TestLimit:
    """A real limit on the process's memory, and real allocations."""

    def test_a_step_that_does_not_fit_is_taken_in_parts(self):
        said = limited(size=256, megabytes=20, room=900)
        assert "out of memory with 64 examples at once: goes on with 32 at once; a step is still of 64 examples" in said
        assert "ended 256" in said

    def test_one_example_that_does_not_fit_is_said(self):
        assert "said: out of memory with one example at a time: a smaller model.width" in limited(70, 1000, 600)

    def test_two_gigabytes_are_enough_for_20_000_images(self):
        said = limited(size=20_000, megabytes=0, room=2048)
        assert "ended 20000" in said and "out of memory" not in said
