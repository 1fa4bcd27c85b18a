"""The commands that work here and now: the whole flow, one stage as DVC calls it, the examination, one training."""

import atexit
import time
from contextlib import chdir
from pathlib import Path
from typing import Any

from ..config import Params, Project, read_params
from ..errors import ExaminationError, UserError
from ..files import write_json
from ..report.words import plural
from ..terminal import Terminal, closing_summary, shown, with_interval
from .lease import project_lease
from .servers import (
    count_gpus,
    environment,
    free_port,
    prefect_environment,
    running_api,
    set_gpu_limit,
    start_prefect,
    stop,
    wait_for,
)
from .tracking import pending, prune, start_sender, trouble, wait_until_sent

SEND_TIMEOUT = 60.0  # seconds that `run` waits at its end for the tracker to take what is left


def run_here(project: Project, changes: dict[str, Any], terminal: Terminal) -> None:
    """Run the flow in this process, with its own Prefect server unless one runs already, and sum up.

    When nothing is stale and no server would show it, DVC's answer is enough and no server is started.

    Raises:
        UserError: The params, the data, the server's address or another run stands in the way.
    """
    start = time.monotonic()
    api = running_api(project.root)
    with project_lease(project.root, "run"):
        stale = changes or api or _stale(project)
    if not stale:
        terminal.say("up to date: nothing to do")
        if pending(project.root):  # of a run whose tracker was gone
            start_sender(project.root, project.params.track.uri, project.name)
            _finish_sending(project, terminal)
        closing_summary(project.root, terminal.console)
        return
    server = None
    if api is None:
        port = free_port()
        api = f"http://127.0.0.1:{port}/api"
        server = start_prefect(project.root, port, page=False)
        # Prefect sends its last logs when the interpreter ends: stopping the server must come after that, and what
        # is registered first (before Prefect is imported) runs last.
        atexit.register(stop, server)
    with environment(prefect_environment(project.root, PREFECT_API_URL=api)), chdir(project.root):
        # Both imports take seconds; the server takes longer, on the other core.
        from . import flow

        if server is not None:
            log = project.root / ".prefect" / "server.log"
            wait_for(f"{api}/health", server, "the project's Prefect server", log)
            if gpus := count_gpus():
                set_gpu_limit(api, gpus)
        outcomes = flow.run_flow(project, changes, terminal)
    _finish_sending(project, terminal)
    skipped = [name for name, outcome in outcomes.items() if outcome == "unchanged"]
    if skipped:
        terminal.say(f"unchanged: {', '.join(skipped)}")
    closing_summary(project.root, terminal.console)
    terminal.console.print(f"[bold]Took[/]           {time.monotonic() - start:.0f} s")


def _stale(project: Project) -> list[str]:
    from .workspace import Workspace

    return Workspace(project.root, project.package).stale()


def _finish_sending(project: Project, terminal: Terminal) -> None:
    """Wait for the sender to bring the record to the tracker, but not for a tracker that is gone."""
    if not pending(project.root):
        return
    terminal.say("tracking: sending what is left to MLflow")
    if left := wait_until_sent(project.root, SEND_TIMEOUT):
        uri = read_params(project.root / "params.yaml").track.uri
        why = trouble(project.root) or "it is slow"
        terminal.say(
            f"tracking: {uri} did not take the record of {plural(left, 'run')} ({why});"
            " it is kept in .arcane/journal and sent with the next run"
        )
    prune(project.root)


def run_stage_alone(project: Project, name: str, terminal: Terminal) -> None:
    """Run one stage by its command, as `dvc repro` does, without any server.

    Under `dvc repro` all its stages share one parent run in the tracker.

    Raises:
        UserError: The stage is unknown, or a `run` holds the project.
    """
    from .context import Context
    from .places import plain_slots
    from .record import Record, Repro
    from .stages import run_stage

    with project_lease(project.root, f"stage {name}"), chdir(project.root):
        repro = Repro.of_this_process()
        record = Record.open(project, repro)
        start_sender(project.root, project.params.track.uri, project.name, owner=repro.pid if repro else None)
        start = time.monotonic()
        status = "FAILED"
        try:
            context = Context(project, record, terminal, lambda body: plain_slots(project, body))
            result = run_stage(name, context)
            status = "FINISHED"
        finally:
            record.journal.metrics({f"seconds.{name}": time.monotonic() - start})
            if status == "FAILED" or not repro:
                record.close(status)
        terminal.say(f"  {result.summary}")
        if name == "report":
            _finish_sending(project, terminal)


def examine_now(project: Project, json_file: Path | None, terminal: Terminal) -> None:
    """Examine the task and print the findings.

    Raises:
        ExaminationError: There are findings of severity error.
    """
    from .stage.examine import examination

    start = time.monotonic()
    examined = examination(project)
    seconds = time.monotonic() - start
    if json_file:
        write_json(json_file, {**examined.as_json(), "seconds": round(seconds, 3)})
    terminal.findings(examined.findings)
    if not examined.findings:
        terminal.console.print(examined.verdict, markup=False)
    if any(finding.severity == "error" for finding in examined.findings):
        raise ExaminationError("the examination found errors; a code in `data.accept` of params.yaml lets it through")


def fit_once(project: Project, params: Params, terminal: Terminal) -> None:
    """Train the task once with `params` and say how well it does.

    Raises:
        UserError: The splits are not there, or training failed with a named cause.
    """
    from ..training.trials import Trial, run_trial
    from .record import Record, version_tags

    if not (project.root / "data" / "splits.jsonl").exists():
        raise UserError("data/splits.jsonl: not there; `dvc repro split` (or `run`) makes the splits")
    record = Record.open(project)
    start_sender(project.root, params.track.uri, project.name)
    trial = record.of_trial(Trial("fit", params, params.seed, tags=version_tags(project.root, "fit")))
    status = "FAILED"
    try:
        result = run_trial(project.root, trial)
        status = "FINISHED"
    finally:
        record.close(status)
    for split, rate in result.errors.items():
        terminal.console.print(f"{split} error {with_interval(rate.as_json())}, n = {rate.n:,}", markup=False)
    terminal.console.print(f"{result.parameters:,} parameters; the model lies in {shown(result.model)}", markup=False)
