"""The pipeline as a Prefect flow: each stage of `dvc.yaml` a task in this process, each trial of `improve` a task run.

Prefect shows and schedules; DVC decides what is stale. This file must not know what a stage does.
"""

import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextvars import ContextVar
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Cancelled
from prefect.task_runners import ThreadPoolTaskRunner

from ..config import Project, find_project
from ..errors import UserError
from .context import Context, Voice
from .findings import show_in_prefect
from .lease import gpu_slot, project_lease
from .places import Places, WithSlots, trial_places
from .record import Record
from .stages import run_stage
from .tracking import start_sender
from .workspace import Outcome, StageSpec, Workspace, write_overrides

PROGRESS_EVERY = 10.0  # seconds


class LogVoice:
    """Speaks where a Prefect page shows it: the log of the task, or else of the flow."""

    def __init__(self) -> None:
        self.last = 0.0

    def say(self, text: str) -> None:
        get_run_logger().info(text.strip())

    def progress(self, text: str, done: float, total: float) -> None:
        if time.monotonic() - self.last > PROGRESS_EVERY:
            self.last = time.monotonic()
            get_run_logger().info(f"{text}: {done / total:.0%}")


class Duet:
    """Speaks in a terminal and in the log."""

    def __init__(self, terminal: Voice, log: LogVoice):
        self.terminal, self.log = terminal, log

    def say(self, text: str) -> None:
        self.terminal.say(text)
        self.log.say(text)

    def progress(self, text: str, done: float, total: float) -> None:
        self.terminal.progress(text, done, total)
        self.log.progress(text, done, total)


voice: ContextVar[Voice | None] = ContextVar("voice", default=None)


@flow(name="pipeline", description="Everything that dvc.yaml lists, in order; what is up to date is left alone.")
def pipeline(set: dict[str, Any] | None = None) -> dict[str, str]:
    """Bring the project in the working directory up to date.

    Args:
        set: New values for `params.yaml` by dotted name, such as `{"train.epochs": 5}`.

    Returns:
        What became of each stage: `unchanged`, `restored` or `ran`.

    Raises:
        UserError: The params, the data or the project is wrong.
    """
    terminal = voice.get()
    speaker: Voice = Duet(terminal, LogVoice()) if terminal else LogVoice()
    project = find_project()
    with project_lease(project.root, "run"):
        return run_stages(apply_overrides(project, set or {}), speaker)


def run_flow(project: Project, changes: dict[str, Any], terminal: Voice) -> dict[str, str]:
    """Run the flow in this process and tell `terminal` about it; the working directory is the project's root."""
    token = voice.set(terminal)
    try:
        return pipeline(set=changes)
    finally:
        voice.reset(token)


def apply_overrides(project: Project, changes: dict[str, Any]) -> Project:
    """Write checked `changes` (by dotted name) into the project's `params.yaml`; returns the project as it is then.

    Raises:
        UserError: A name is unknown or a value does not fit; nothing was written.
    """
    if not changes:
        return project
    project.params.changed(changes)
    write_overrides(project.root / "params.yaml", changes)
    return replace(project)  # a new object: the old one has read the old params


def run_stages(project: Project, speaker: Voice) -> dict[str, str]:
    """Bring every stage up to date, in order, under one record in the tracker."""
    workspace = Workspace(project.root, project.package)
    record = Record.open(project)
    start_sender(project.root, project.params.track.uri, project.name)
    outcomes: dict[str, str] = {}
    status = "FAILED"
    try:
        for stage in workspace.stages():
            outcomes[stage.name] = run_as_task(project, workspace, stage, record, speaker)
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        record.close(status)
    return outcomes


def run_as_task(project: Project, workspace: Workspace, stage: StageSpec, record: Record, speaker: Voice) -> Outcome:
    """Run one stage as a Prefect task, in this process.

    `improve` holds no GPU itself: its trials do, and would wait for it for ever.
    """
    has_trials = stage.call == "improve"
    on_gpu = bool(stage.meta.get("gpu")) and not has_trials

    def body() -> Outcome:
        return bring_up_to_date(project, workspace, stage, record, speaker, on_gpu=on_gpu)

    as_task = task(
        name=stage.name,
        task_run_name=stage.name,
        description=stage.description or None,
        tags=["gpu"] if on_gpu else [],
        retries=int(stage.meta.get("retries", 0)),
        retry_condition_fn=lambda _task, _run, state: not isinstance(state.result(raise_on_failure=False), UserError),
        cache_policy=NO_CACHE,
        persist_result=False,
    )(body)
    return as_task()


def bring_up_to_date(
    project: Project, workspace: Workspace, stage: StageSpec, record: Record, speaker: Voice, *, on_gpu: bool
) -> Outcome:
    """Ask DVC for the stage; say how it went and write its seconds into the record."""

    def call(name: str) -> None:
        speaker.say(f"{stage.name}: {stage.description}")
        context = Context(project, record, speaker, prefect_slots(project, stage))
        with gpu_slot(context.device if on_gpu else "cpu"):
            result = run_stage(name, context)
        speaker.say(f"  {result.summary}")

    start = time.monotonic()
    outcome = workspace.reproduce(stage.name, call)
    if outcome == "ran":
        record.journal.metrics({f"seconds.{stage.name}": time.monotonic() - start})
    elif outcome == "restored":
        speaker.say(f"{stage.name}: restored from the cache")
    if outcome != "unchanged" and (trouble := show_in_prefect(project.root, stage.name, stage.call)):
        speaker.say(f"  no note on Prefect's pages: {trouble}")
    return outcome


@dataclass(frozen=True)
class TrialTask:
    """A task run's future as trials have it: Prefect's own does not tell whether it is done."""

    future: Any

    def done(self) -> bool:
        return self.future.wrapped_future.done()

    def result(self) -> Any:
        return self.future.result()


def prefect_slots(project: Project, stage: StageSpec) -> WithSlots:
    """How a stage with trials runs them under Prefect: a subflow named after it, and in it a task run a trial."""

    def run_with_slots(body: Callable[[Places], Any]) -> Any:
        from ..training.stopping import hear

        with trial_places(project) as places:
            over = Event()

            def run_trial_task(trial: Any) -> Any:
                with gpu_slot(places.device):
                    try:
                        return places.submit(trial).result()
                    except (UserError, CancelledError):
                        if not over.is_set():
                            raise
                        return Cancelled(message="Started where a slot was idle, and not needed in the end.")

            def submit(trial: Any) -> TrialTask:
                as_task = task(
                    name="trial",
                    task_run_name=trial.name,
                    tags=["gpu", "trial"] if stage.meta.get("gpu") else ["trial"],
                    cache_policy=NO_CACHE,
                    persist_result=False,
                )(run_trial_task)
                hear()  # a flow has put Prefect's handler of SIGTERM over ours
                return TrialTask(as_task.submit(trial))

            def with_trials() -> Any:
                found = body(replace(places, submit=submit))
                over.set()
                places.close()  # or the flow would wait for what nobody asked for
                return found

            runner: Any = ThreadPoolTaskRunner(max_workers=places.count)
            return flow(name=stage.name, task_runner=runner, persist_result=False)(with_trials)()

    return run_with_slots
