"""Trials at once: warm worker processes that each take one trial at a time and cost their imports once.

A worker is forked from a server that has torch loaded; on a GPU each slot has its own device. Must not know what a
trial does.
"""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..errors import DivergedError, UserError
from .stopping import Stopped, deafen, hear, telling
from .trials import Trial, TrialResult, read_result, run_trial

PRELOADED = ["arcane.training.trials"]
STOP_SECONDS = 10


# What crosses a process's border when a trial is at fault: the name of its kind and the message.
WRONG: dict[str, type[UserError]] = {"wrong": UserError, "diverged": DivergedError}


def wrong(error: UserError) -> tuple[str, str]:
    """A trial's error as it crosses a process's border."""
    return "diverged" if isinstance(error, DivergedError) else "wrong", str(error)


class Slots:
    """A fixed number of places for trials, used as a context manager.

    One slot runs trials inline, in this process; more run them in workers. Either gives the same bytes on a CPU.

    Args:
        root: The project's folder.
        count: Trials at once.
        threads: CPU threads of each trial; `auto` measures what pays for each, with one slot.
        device: `cpu`, `mps` or `cuda`; with `cuda` slot i takes device i modulo the number of devices. None leaves it
            to each trial's `run.device`.
    """

    def __init__(self, root: Path, count: int, threads: int | str = 1, device: str | None = None):
        if count < 1:
            raise ValueError(f"slots: expected at least 1, not {count}")
        if isinstance(threads, str) and count > 1:
            threads = 1  # trials at once use the cores better than threads of one do
        self.root, self.threads = Path(root).resolve(), threads
        self.free: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        self.slots = [Slot(self.root, threads, device_of(device, index)) for index in range(count)]
        for slot in self.slots:
            self.free.put(slot)
        # A thread a slot waits for its worker's answer; it holds no lock that training needs.
        self.executor = ThreadPoolExecutor(count, "slot") if count > 1 else None
        # Asked to stop, the process tells its workers at once: its main thread may be waiting for their answers.
        self.leaving = contextlib.ExitStack()
        self.leaving.enter_context(telling(self.ask))
        self.leaving.callback(deafen, hear())

    def __enter__(self) -> "Slots":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def submit(self, trial: Trial) -> "Future[TrialResult]":
        """Run a trial in the next free slot.

        Returns:
            Its outcome. It raises what the trial raised; a worker that died (killed, out of memory) is a UserError
            that names the trial, and the next trial gets a new worker.
        """
        placed = trial_with_threads(trial, self.threads)
        if self.executor is not None:
            return self.executor.submit(self._run, placed)
        future: Future[TrialResult] = Future()
        try:
            future.set_result(run_trial(self.root, placed, self.slots[0].device))
        except Exception as error:
            future.set_exception(error)
        return future

    def _run(self, trial: Trial) -> TrialResult:
        slot = self.free.get()
        try:
            return slot.run(trial)
        finally:
            self.free.put(slot)

    def ask(self) -> None:
        """Ask all workers to keep a checkpoint and end; what waits is not started."""
        for slot in self.slots:
            slot.ask()

    def close(self) -> None:
        """Drop what waits, stop what runs, and wait until the workers are gone."""
        self.leaving.close()
        if self.executor is not None:
            self.executor.shutdown(wait=False, cancel_futures=True)
        self.ask()
        for slot in self.slots:
            slot.stop()
        if self.executor is not None:
            self.executor.shutdown(wait=True)


class Slot:
    """One place: its device, and the worker in it, started when the first trial comes and again after a death."""

    def __init__(self, root: Path, threads: int | str, device: str | None):
        self.root, self.threads, self.device = root, threads, device
        self.process: Any = None
        self.connection: Connection | None = None
        self.stopped = False
        self.asked: Any = None
        self.changing = threading.Lock()

    def run(self, trial: Trial) -> TrialResult:
        """Send a trial to the worker and wait for its answer."""
        connection = self._started(trial)
        try:
            connection.send((trial, self.device))
            kind, content = connection.recv()
        except (EOFError, OSError):
            with self.changing:
                self.process.join(5)
                code, self.connection = self.process.exitcode, None
            raise UserError(
                f"trial `{trial.name}`: its worker process died ({death(code)}){advice(code, self.stopped)}"
            ) from None
        if kind == "result":
            return read_result(Path(content))
        if kind in WRONG:
            raise WRONG[kind](content)
        raise RuntimeError(f"trial `{trial.name}` failed in its worker process:\n{content}")

    def _started(self, trial: Trial) -> Connection:
        with self.changing:
            if self.stopped:
                raise UserError(f"trial `{trial.name}`: not run, the slots were closed")
            if self.connection is None or not self.process.is_alive():
                context = multiprocessing.get_context("forkserver")
                context.set_forkserver_preload(PRELOADED)
                self.connection, other = context.Pipe()
                with worker_environment(self.threads):
                    self.process = context.Process(
                        target=work, args=(other, self.root), name="arcane trial", daemon=True
                    )
                    self.process.start()
                other.close()
            return self.connection

    def ask(self) -> None:
        """Ask the worker to end; takes no lock, since a signal's handler may call it."""
        self.stopped = True
        if self.process is not None:
            with contextlib.suppress(AttributeError, OSError):  # not quite started, or gone
                self.process.terminate()
                self.asked = self.process

    def stop(self) -> None:
        """End the worker: a trial stops after its step and keeps a checkpoint; one that does not is killed."""
        with self.changing:
            self.stopped = True
            if self.process is None:
                return
            if self.asked is not self.process:  # asked twice, it would end in the middle, with a traceback
                self.process.terminate()
            self.process.join(STOP_SECONDS)
            if self.process.is_alive():
                self.process.kill()
                self.process.join()


def work(connection: Connection, root: Path) -> None:
    """A worker's life: take a trial, run it, answer; end when the connection or the parent process ends."""
    # Ctrl-C reaches the whole group; the parent decides and terminates its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # `run_trial` takes it while it trains
    threading.Thread(target=end_with_parent, daemon=True).start()
    while True:
        try:
            trial, device = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer = "result", str(run_trial(root, trial, device).folder)
        except Stopped:
            return  # asked to: its checkpoint is kept
        except UserError as error:
            answer = wrong(error)
        except Exception:
            answer = "failed", traceback.format_exc()
        connection.send(answer)


def end_with_parent() -> None:
    """Leave at once when the parent is gone, even killed -9: its end of this pipe closes with it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextlib.contextmanager
def worker_environment(threads: int | str) -> Iterator[None]:
    """What the fork server must find in its environment when it starts (with the first worker).

    Python before 3.13 does not hand `sys.path` to the server, so that its preloading fails unheard where the engine
    is on the path by other means than an installation.
    """
    source = str(Path(__file__).resolve().parents[2])
    threads = 1 if isinstance(threads, str) else threads
    wanted = {
        "PYTHONPATH": os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", "")))),
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def device_of(device: str | None, index: int) -> str | None:
    """The device of slot `index`."""
    if device is None or not device.startswith("cuda"):
        return device
    import torch

    return f"cuda:{index % max(1, torch.cuda.device_count())}"


def trial_with_threads(trial: Trial, threads: int | str) -> Trial:
    """The trial with the slots' number of threads."""
    run = trial.params.run.model_copy(update={"threads": threads})
    return replace(trial, params=trial.params.model_copy(update={"run": run}))


def death(code: int | None) -> str:
    """A process's exit code in words."""
    if code is not None and code < 0:
        return f"signal {-code}, {signal.Signals(-code).name}"
    return f"exit code {code}"


def advice(code: int | None, stopped: bool) -> str:
    """What a dead worker most likely means."""
    if stopped:
        return " because the slots were closed"
    if code == -signal.SIGKILL:
        return "; a system out of memory kills so: fewer improve.slots or a smaller train.batch_size need less"
    return "; what it printed before may say why"
