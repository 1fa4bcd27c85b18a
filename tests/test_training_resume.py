"""A training that is killed anywhere goes on and ends in the same bits; one that is asked to stop does so cleanly."""

import hashlib
import json
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from diagnosis_tasks import digits, make
from projects import make_project
from test_training_fit import weights_hash

from arcane.errors import UserError
from arcane.training.checkpoints import LAST, Checkpoints
from arcane.training.fit import Options, fit
from arcane.training.stopping import Stopped, stop_on_signals
from arcane.training.trials import CHECKPOINTS, Trial, run_trial, trial_key

EVERYTHING = {
    "model.dropout": 0.3,
    "model.normalization": "batch",
    "train.augmentation": "affine",
    "train.schedule": "one-cycle",
    "train.mixup": 0.3,
    "train.cutmix": 1.0,
    "train.label_smoothing": 0.1,
}
OPTIONS = Options(accumulate=2, clip=1.0, ema=0.9, patience=2, channels_last=True)
EPOCHS, BATCH = 3, 64


class Draws:
    """Mixed into a task: draws from every generator in its steps, logs, and keeps count in a buffer."""

    def __init__(self, *args: Any):
        super().__init__(*args)
        self.register_buffer("passes", torch.zeros((), dtype=torch.int64), persistent=False)

    def training_step(self, batch, batch_idx):
        import numpy as np

        self.passes += 1
        noise = random.random() + np.random.rand()
        self.log("noise", noise)
        return super().training_step(batch, batch_idx) * (1 + 0.01 * noise)


def task_and_data() -> tuple[Any, Any, Any]:
    from diagnosis_tasks import task_class

    train, validation = digits()
    kind = type("Drawing", (Draws, task_class()), {})
    return make(kind, EVERYTHING), train.subset(range(300)), validation.subset(range(100))


def train(folder: Path | None = None, **settings: Any) -> tuple[Any, list]:
    torch.set_num_threads(1)
    task, *splits = task_and_data()
    checkpoints = Checkpoints(folder, "this") if folder else None
    common = {"epochs": EPOCHS, "batch_size": BATCH, "seed": 5, "options": OPTIONS}
    return task, fit(task, *splits, **common, checkpoints=checkpoints, **settings)


def outcome(task: Any, records: list) -> str:
    """All that a training leaves: weights, buffers and records, to the bit."""
    return hashlib.sha256((weights_hash(task) + json.dumps([r.as_json() for r in records])).encode()).hexdigest()


@pytest.fixture(scope="module")
def uninterrupted() -> str:
    return outcome(*train())


class InterruptionError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("kills", [(1,), (2, 3), (5,), (6,), (4, 12, 17)], ids=str)
def test_goes_on_to_the_same_bits_from_any_step(tmp_path, uninterrupted, kills, monkeypatch, caplog):
    """Five steps and an evaluation an epoch: six checkpoints; the training ends after writing the given ones."""
    save, written = Checkpoints.save, 0

    def dying(self, state):
        nonlocal written
        save(self, state)
        written += 1
        if written in kills:
            raise InterruptionError

    monkeypatch.setattr(Checkpoints, "save", dying)
    for _ in kills:
        with pytest.raises(InterruptionError):
            train(tmp_path / "checkpoints")
    assert outcome(*train(tmp_path / "checkpoints")) == uninterrupted
    steps = [divmod(kill, 6) for kill in kills]
    assert [r.message for r in caplog.records] == [f"goes on from epoch {e + 1}, step {s}" for e, s in steps]


def test_keeping_checkpoints_changes_nothing(tmp_path, uninterrupted):
    assert outcome(*train(tmp_path / "checkpoints")) == uninterrupted


def test_records_from_before_are_told_again(tmp_path):
    stop, told = threading.Event(), []

    def after_two(record):
        told.append(record.epoch)
        if record.epoch == 2:
            stop.set()

    with pytest.raises(Stopped, match="stopped at epoch 3, step 1: the next run goes on from there"):
        train(tmp_path / "c", on_epoch=after_two, stop=stop)
    again: list[int] = []
    train(tmp_path / "c", on_epoch=lambda record: again.append(record.epoch))
    assert (told, again) == ([1, 2], [1, 2, 3])


def test_a_full_disk_ends_no_training(tmp_path, uninterrupted, monkeypatch, caplog):
    def full(self, state):
        raise UserError("last.ckpt: could not be written (No space left on device)")

    monkeypatch.setattr(Checkpoints, "save", full)
    assert outcome(*train(tmp_path / "c")) == uninterrupted
    assert "no checkpoint was kept (last.ckpt: could not be written (No space left on device))" in caplog.text


def test_a_checkpoint_is_kept_only_when_it_is_time(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(Checkpoints, "save", lambda self, state: written.append(state["step"]))
    train(tmp_path / "c", every=3600.0)
    assert written == []


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, uninterrupted, caplog):
    stop = threading.Event()
    with pytest.raises(Stopped):
        train(tmp_path / "c", stop=stop, on_epoch=lambda record: stop.set())
    path = tmp_path / "c" / LAST
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert outcome(*train(tmp_path / "c")) == uninterrupted
    assert "last.ckpt: damaged" in caplog.text and "goes on from epoch 2, step 0" in caplog.text


KILLED = """
import os, random, signal, sys, threading, time
from pathlib import Path
sys.path[:0] = {paths!r}
import test_training_resume as t

t.task_and_data()  # all is imported and loaded once, in the parent
folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
draw, deaths = random.Random(seed), 0

def child(place):
    pid = os.fork()
    if pid == 0:
        task, records = t.train(place)
        (place.parent / (place.name + ".hash")).write_text(t.outcome(task, records))
        os._exit(0)
    return pid

start = time.monotonic()
os.waitpid(child(folder / "whole"), 0)
seconds = time.monotonic() - start
matched, in_write = 0, 0
for number in range(count):
    place = folder / f"killed-{{number}}"
    pid = child(place)
    if number % 2:  # in the middle of a checkpoint's write: a half-written file lies beside
        wanted, seen = draw.randint(1, 9), set()
        while len(seen) < wanted and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            seen.update(p.name for p in place.glob(".*.part"))
    else:
        time.sleep(draw.uniform(0.02, 0.9) * seconds)
    os.kill(pid, signal.SIGKILL)
    died = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
    deaths += died
    in_write += bool(list(place.glob(".*.part")))
    os.waitpid(child(place), 0)
    matched += (folder / f"killed-{{number}}.hash").read_text() == (folder / "whole.hash").read_text()
print(matched, deaths, in_write, round(seconds, 2))
"""


def killed(folder: Path, count: int, seed: int) -> tuple[int, int, int]:
    """Kill -9 a training `count` times, each at another instant, and let it go on.

    Returns:
        How often the outcome was that of the uninterrupted one, how often the kill came in time, and how often a
        half-written checkpoint lay there.
    """
    paths = [str(Path(__file__).parent), str(Path(sys.modules["arcane"].__file__).parent.parent)]
    run = subprocess.run(
        [sys.executable, "-c", KILLED.format(paths=paths), str(folder), str(seed), str(count)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=500,
    )
    matched, deaths, in_write, _ = run.stdout.split()
    return int(matched), int(deaths), int(in_write)


@pytest.mark.slow
def test_kill_9_at_random_instants(tmp_path):
    matched, deaths, _ = killed(tmp_path, count=4, seed=1)
    assert matched == 4
    assert deaths >= 2


QUICK = {"train.epochs": 4, "train.learning_rate": 3e-3, "run.checkpoint": 0, **EVERYTHING}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("resume"), QUICK)


def test_a_stopped_trial_goes_on_and_its_checkpoints_are_cleared(project, tmp_path_factory, caplog):
    trial = Trial("one", project.params, 1)
    kept = project.root / CHECKPOINTS / trial_key(project.root, trial)

    def terminate(epoch):
        if epoch.epoch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped, match="stopped at epoch 3, step 1: the next run goes on"):
        run_trial(project.root, trial, on_epoch=terminate)
    assert (kept / LAST).is_file()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    with caplog.at_level(logging.INFO, "arcane.training"):
        result = run_trial(project.root, trial)
    assert "goes on from epoch 3, step 1" in caplog.text
    assert not kept.exists()
    twin = make_project(tmp_path_factory.mktemp("twin"), QUICK)
    whole = run_trial(twin.root, Trial("one", twin.params, 1))
    for name in ("model/weights.safetensors", "result.json", "validation_outputs.npy"):
        assert (result.folder / name).read_bytes() == (whole.folder / name).read_bytes(), name


def test_a_signal_that_comes_too_late_still_stops_what_follows():
    with pytest.raises(Stopped, match="had ended"), stop_on_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert stop.is_set()
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait():
    with pytest.raises(KeyboardInterrupt) as caught, stop_on_signals():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
    assert not isinstance(caught.value, Stopped)


def test_a_foreign_handler_gets_its_signal_after_the_checkpoint(project):
    """Prefect's raises in the main thread: in the middle of a step that would lose it."""
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    trial = Trial("foreign", project.params, 7)
    kept = project.root / CHECKPOINTS / trial_key(project.root, trial)

    def terminate(epoch):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
        assert heard == []

    try:
        with pytest.raises(Stopped, match="stopped at epoch 2, step 1"):
            run_trial(project.root, trial, on_epoch=terminate)
        assert (kept / LAST).is_file()
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_checkpoints_that_nobody_goes_on_from_are_removed(tmp_path):
    project = make_project(tmp_path, {**QUICK, "train.epochs": 1})
    trial = Trial("one", project.params, 1)
    result = run_trial(tmp_path, trial)
    month = time.time() - 31 * 86_400
    for name in (result.key, "given-up", "young"):
        (tmp_path / CHECKPOINTS / name).mkdir(parents=True)
        (tmp_path / CHECKPOINTS / name / LAST).write_bytes(b"")
    os.utime(tmp_path / CHECKPOINTS / "given-up" / LAST, (month, month))
    half = [tmp_path / ".arcane/trials/.old.1", tmp_path / ".arcane/trials/.new.1"]
    for folder in half:
        folder.mkdir()
    os.utime(half[0], (month, month))
    run_trial(tmp_path, Trial("two", project.params, 2))
    assert [path.name for path in (tmp_path / CHECKPOINTS).iterdir()] == ["young"]
    assert [path.exists() for path in half] == [False, True]
