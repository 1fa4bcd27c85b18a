"""Slots: truly at once, the same bytes as inline, and clear ends when a worker or the parent dies."""

import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import psutil
import pytest
from conftest import SOURCE
from projects import make_project

from arcane.errors import UserError
from arcane.training.checkpoints import Checkpoints
from arcane.training.slots import Slots, death
from arcane.training.trials import CHECKPOINTS, Trial, run_trial, trial_key

QUICK = {"train.epochs": 1, "train.learning_rate": 3e-3}
ENDLESS = {"train.epochs": 100_000}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("slots"), QUICK)


def trial(project, name, seed, **changes):
    return Trial(name, project.params.changed(changes), seed)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


def working(journals) -> bool:
    """Whether every journal has seen an epoch end."""
    return all(path.exists() and '"metrics"' in path.read_text() for path in journals)


def test_one_slot_runs_inline_and_carries_errors(project):
    with Slots(project.root, 1) as slots:
        assert slots.submit(trial(project, "inline", 1)).result().errors["train"].n > 1000
        wrong = slots.submit(trial(project, "wrong", 1, **{"model.name": "lennet"}))
        assert isinstance(wrong.exception(), UserError)
        assert all(slot.process is None for slot in slots.slots)


def test_workers_run_at_once_and_give_the_same_bytes(project, tmp_path_factory):
    twin = make_project(tmp_path_factory.mktemp("twin"), QUICK)
    with Slots(project.root, 2) as slots:
        journals = [project.root / f"at-once-{i}.jsonl" for i in range(2)]
        endless = [
            Trial(f"endless {i}", project.params.changed(ENDLESS), 100 + i, journal=journals[i]) for i in range(2)
        ]
        futures = [slots.submit(one) for one in endless]
        # Both have finished an epoch and neither trial has ended: they run at once, in two processes.
        wait_for(lambda: working(journals))
        pids = {slot.process.pid for slot in slots.slots}
        assert len(pids) == 2 and os.getpid() not in pids
        assert not any(future.done() for future in futures)
        for slot in slots.slots:
            os.kill(slot.process.pid, signal.SIGKILL)
        for future, one in zip(futures, endless, strict=True):
            with pytest.raises(UserError, match=rf"trial `{one.name}`: its worker process died \(signal 9, SIGKILL\)"):
                future.result(timeout=30)
        # The slots go on with new workers.
        results = [slots.submit(trial(project, f"seed {seed}", seed)) for seed in (1, 2, 3)]
        for seed, future in zip((1, 2, 3), results, strict=True):
            inline = run_trial(twin.root, trial(twin, "inline", seed))
            found = future.result(timeout=120)
            for name in ("model/weights.safetensors", "validation_outputs.npy"):
                assert (found.folder / name).read_bytes() == (inline.folder / name).read_bytes()
        wrong = slots.submit(trial(project, "wrong", 1, **{"model.name": "lennet"}))
        with pytest.raises(UserError, match="did you mean `lenet`"):
            wrong.result(timeout=120)
        pids = [slot.process.pid for slot in slots.slots]
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_closing_the_slots_keeps_a_checkpoint_that_the_next_run_goes_on_from(project, caplog):
    endless = Trial("endless", project.params.changed({**ENDLESS, "run.checkpoint": 3600}), 300)
    journal = project.root / "closed.jsonl"
    with Slots(project.root, 2) as slots:
        future = slots.submit(replace(endless, journal=journal))
        wait_for(lambda: working([journal]))
    with pytest.raises(UserError, match="because the slots were closed"):
        future.result(timeout=30)
    folder = project.root / CHECKPOINTS / trial_key(project.root, endless)
    assert Checkpoints(folder, folder.name).load()["epoch"] >= 2
    told = []

    def enough(epoch):
        told.append(epoch.epoch)
        if "goes on from" in caplog.text:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        run_trial(project.root, endless, on_epoch=enough)
    assert told == [1]  # what was told before is told again, from the first


def writing_its_checkpoint(connection):
    """A worker whose first SIGTERM is answered a while later; a second one meanwhile is its exit code."""
    asked = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    connection.send("ready")
    wait_for(lambda: asked)
    time.sleep(1)
    os._exit(len(asked))


def test_a_worker_is_asked_to_end_once(tmp_path):
    slots = Slots(tmp_path, 2)
    context = multiprocessing.get_context("fork")
    for slot in slots.slots:
        slot.connection, other = context.Pipe()
        slot.process = context.Process(target=writing_its_checkpoint, args=(other,), daemon=True)
        slot.process.start()
        assert slot.connection.recv() == "ready"
    slots.close()
    assert [slot.process.exitcode for slot in slots.slots] == [1, 1]  # not interrupted in the middle


SCRIPT = """
import sys
sys.path[:0] = [{source!r}]
from pathlib import Path
from arcane.config import find_project
from arcane.training.slots import Slots
from arcane.training.trials import Trial

if __name__ == "__main__":
    project = find_project(Path({root!r}))
    params = project.params.changed({{"train.epochs": 100_000}})
    with Slots(project.root, 2) as slots:
        journals = [Path({journals!r}) / f"{{i}}.jsonl" for i in (0, 1)]
        futures = [slots.submit(Trial(str(i), params, 200 + i, journal=journals[i])) for i in (0, 1)]
        futures[0].result()
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_no_worker_outlives_its_parent(project, tmp_path, how):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(SCRIPT).format(source=str(SOURCE), root=str(project.root), journals=str(tmp_path))
    )
    parent = subprocess.Popen(
        [sys.executable, str(script)], start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    wait_for(lambda: working([tmp_path / "0.jsonl", tmp_path / "1.jsonl"]))
    family = psutil.Process(parent.pid).children(recursive=True)
    assert len(family) >= 2
    if how == signal.SIGINT:
        os.killpg(parent.pid, how)  # as a terminal does: the whole group
    else:
        os.kill(parent.pid, how)
    stderr = parent.communicate(timeout=60)[1].decode()
    wait_for(lambda: not any(child.is_running() and child.status() != "zombie" for child in family), seconds=30)
    assert parent.returncode != 0
    if how == signal.SIGINT:
        assert stderr.rstrip().endswith("KeyboardInterrupt")


FROM_THREADS = """
import sys
sys.path[:0] = [{source!r}]
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from arcane.config import find_project
from arcane.training.slots import Slots
from arcane.training.trials import Trial

if __name__ == "__main__":
    project = find_project(Path({root!r}))
    params = project.params.changed({{"train.epochs": 100_000, "run.checkpoint": 3600}})
    with Slots(project.root, {count}) as slots, ThreadPoolExecutor({count}) as pool:
        journals = [Path({journals!r}) / f"{{i}}.jsonl" for i in range({count})]
        trials = [Trial(str(i), params, {seed} + i, journal=journals[i]) for i in range({count})]
        waiting = [pool.submit(lambda trial: slots.submit(trial).result(), trial) for trial in trials]
        waiting[0].result()
"""


@pytest.mark.parametrize("count", [1, 2], ids=["in a thread", "in processes"])
def test_sigterm_keeps_the_checkpoints_of_trials_that_threads_wait_for(project, tmp_path, count):
    """As under Prefect: a trial runs in a thread, or in a process that a thread waits for. None is due a checkpoint."""
    script, seed = tmp_path / "script.py", 400 + 10 * count
    where = {"source": str(SOURCE), "root": str(project.root), "journals": str(tmp_path), "count": count, "seed": seed}
    script.write_text(FROM_THREADS.format(**where))
    parent = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    wait_for(lambda: working([tmp_path / f"{i}.jsonl" for i in range(count)]))
    parent.send_signal(signal.SIGTERM)
    stderr = parent.communicate(timeout=60)[1].decode()
    assert parent.returncode == 1 and "Stopped: asked to stop" in stderr, stderr
    changes = {"train.epochs": 100_000, "run.checkpoint": 3600}
    for number in range(count):
        folder = project.root / CHECKPOINTS / trial_key(project.root, trial(project, "any", seed + number, **changes))
        assert Checkpoints(folder, folder.name).load()["epoch"] >= 2


def test_deaths_in_words():
    assert death(-9) == "signal 9, SIGKILL"
    assert death(3) == "exit code 3"


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is an option and not installed here")
@pytest.mark.slow
def test_ray_gives_the_same_bytes(project, tmp_path_factory):
    from arcane.training.slots_ray import RaySlots

    twin = make_project(tmp_path_factory.mktemp("ray"), QUICK)
    inline = run_trial(project.root, trial(project, "inline", 1))
    with RaySlots(twin.root, 2) as slots:
        futures = [slots.submit(trial(twin, f"seed {seed}", seed)) for seed in (1, 2)]
        wrong = slots.submit(trial(twin, "wrong", 1, **{"model.name": "lennet"}))
        found = futures[0].result(timeout=300)
        assert futures[1].result(timeout=300).key != found.key
        with pytest.raises(UserError, match="did you mean `lenet`"):
            wrong.result(timeout=300)
    for name in ("model/weights.safetensors", "validation_outputs.npy"):
        assert (found.folder / name).read_bytes() == (inline.folder / name).read_bytes()


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="ray is installed")
def test_ray_missing_is_said(project):
    from arcane.training.slots_ray import RaySlots

    with pytest.raises(UserError, match="needs the package ray"):
        RaySlots(project.root, 2)
