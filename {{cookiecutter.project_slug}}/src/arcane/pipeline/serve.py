"""`serve` and `ui`: the project's servers, with or without a worker, until Ctrl-C."""

import signal
import time
import webbrowser
from contextlib import suppress
from subprocess import Popen

from ..config import Project
from ..errors import UserError
from ..terminal import Terminal
from .servers import (
    answers,
    api_from_profile,
    count_gpus,
    deploy,
    require_port,
    start_mlflow,
    start_prefect,
    start_worker,
    stop,
    wait_for,
    write_profile,
)
from .tracking import pending, start_sender, tracking_uri


def serve_deployments(
    project: Project, prefect_port: int, mlflow_port: int, terminal: Terminal, *, worker: bool
) -> None:
    """Start the Prefect and MLflow servers, and with `worker` deploy `prefect.yaml` and take its runs, until Ctrl-C.

    Args:
        project: The project.
        prefect_port: Port of Prefect's API and page.
        mlflow_port: Port of MLflow's page.
        terminal: Told where the pages are.
        worker: Whether to serve deployments too.

    Raises:
        UserError: A port is taken, or a server does not start.
    """
    root = project.root
    (root / ".arcane").mkdir(exist_ok=True)
    served = api_from_profile(root)
    if served and answers(f"{served}/health"):
        if worker:
            raise UserError(f"{served.removesuffix('/api')}: this project is being served already; stop that one first")
        terminal.say(f"Prefect: {served.removesuffix('/api')} is being served already")
        webbrowser.open(served.removesuffix("/api"))
        return
    require_port(prefect_port, "the Prefect server", "--prefect-port")
    require_port(mlflow_port, "the MLflow page", "--mlflow-port")
    uri = tracking_uri(root, project.params.track.uri)
    api = f"http://127.0.0.1:{prefect_port}/api"
    processes: list[Popen[bytes]] = []
    # A stop asked for by `kill` or a service manager ends the servers too, and so does Ctrl-C's signal to a background
    # job, which a shell starts with SIGINT ignored.
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, signal.default_int_handler)
    try:
        processes.append(start_prefect(root, prefect_port, page=True))
        wait_for(f"{api}/health", processes[0], "the Prefect server", root / ".prefect" / "server.log")
        write_profile(root, api)
        terminal.say(f"Prefect: http://127.0.0.1:{prefect_port}")
        if uri.startswith("sqlite:"):
            processes.append(start_mlflow(root, uri, mlflow_port))
            url = f"http://127.0.0.1:{mlflow_port}"
            wait_for(f"{url}/health", processes[-1], "the MLflow server", root / ".arcane" / "mlflow.log")
            terminal.say(f"MLflow: {url}")
        else:
            terminal.say(f"MLflow: {uri}")
        if pending(root):
            start_sender(root, project.params.track.uri, project.name)
        if worker:
            gpus = count_gpus()
            deploy(root, api, gpus, lambda text: terminal.say(f"  {text}"))
            for pool in ("local", "gpu") if gpus else ("local",):
                processes.append(start_worker(root, pool, api))
            terminal.say("ready: `prefect deployment run pipeline/local --watch` in another shell, in this folder")
        else:
            webbrowser.open(f"http://127.0.0.1:{prefect_port}")
        while all(process.poll() is None for process in processes):
            time.sleep(1)
        raise UserError(
            f"a server of the project ended by itself; its log is in {root / '.prefect'} or {root / '.arcane'}"
        )
    except KeyboardInterrupt:
        terminal.say("stopping: the servers end, their history stays in the project")
    finally:
        with suppress(OSError):
            (root / ".prefect" / "profiles.toml").unlink()
        for process in reversed(processes):
            stop(process)
