"""The servers of a project, all on 127.0.0.1 and with their state inside it: Prefect's, MLflow's, and the worker."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError

PREFECT_PORT = 4200
MLFLOW_PORT = 5000
START_TIMEOUT = 120.0  # a cold Prefect server took 15 s on two idle cores and over a minute on busy ones


def answers(url: str, timeout: float = 2.0) -> bool:
    """Whether a GET of `url` is answered with success."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as reply:
            return 200 <= reply.status < 300
    except (OSError, ValueError):
        return False


def keep_off_proxy() -> None:
    """What is asked of this machine's own servers goes past any proxy that the environment names.

    The clients of Prefect and MLflow, and the processes that are started, read it there too.
    """
    if urllib.request.getproxies_environment():
        listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        for name in ("no_proxy", "NO_PROXY"):
            os.environ[name] = ",".join(filter(None, (listed, "127.0.0.1,localhost")))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def port_is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def require_port(port: int, what: str, option: str) -> None:
    """Raise a UserError when `port` is taken."""
    if not port_is_free(port):
        raise UserError(
            f"port {port} on 127.0.0.1 is taken, so {what} cannot start there; give another one by `{option} PORT`"
        )


def prefect_environment(root: Path, **more: str) -> dict[str, str]:
    """The environment of everything of Prefect's in this project: state in `.prefect/`, nothing sent anywhere."""
    return {
        **os.environ,
        "PREFECT_HOME": str(root / ".prefect"),
        "PREFECT_PROFILES_PATH": str(root / ".prefect" / "profiles.toml"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        **more,
    }


def api_from_profile(root: Path) -> str | None:
    """The address that `serve` wrote into the project's Prefect profile, if it did."""
    import tomllib

    try:
        profiles = tomllib.loads((root / ".prefect" / "profiles.toml").read_text(encoding="utf-8"))
        return profiles["profiles"][profiles["active"]].get("PREFECT_API_URL")
    except (OSError, KeyError, ValueError, AttributeError):
        return None


def write_profile(root: Path, api: str) -> None:
    """Make `prefect …` in this folder speak to the project's own server."""
    from ..files import replacing

    with replacing(root / ".prefect" / "profiles.toml") as file:
        file.write(f'active = "project"\n\n[profiles.project]\nPREFECT_API_URL = "{api}"\n')


def running_api(root: Path) -> str | None:
    """The Prefect server to use, if one is there: the user's `PREFECT_API_URL`, or the one that `serve` started.

    Raises:
        UserError: `PREFECT_API_URL` is set and nothing answers there.
    """
    named = os.environ.get("PREFECT_API_URL")
    if named:
        if not answers(f"{named.rstrip('/')}/health"):
            raise UserError(
                f"PREFECT_API_URL is {named}, and no Prefect server answers there; start it, or `unset PREFECT_API_URL`"
                " to let the project run its own"
            )
        return named
    served = api_from_profile(root)
    return served if served and answers(f"{served}/health") else None


def _end_with_parent() -> None:
    """Ask the kernel to end this child when its parent ends, even by kill -9 (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _start(arguments: Sequence[str], environment: Mapping[str, str], log: Path, root: Path) -> subprocess.Popen[bytes]:
    """Start `python -m ARGUMENTS` beside this process: its output in `log`, its end with ours.

    In a session of its own: Ctrl-C is for the run, which then stops what it started.
    """
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=root,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )


def start_prefect(root: Path, port: int, *, page: bool) -> subprocess.Popen[bytes]:
    """Start the project's Prefect server without waiting for it; `page` also serves the web page."""
    import importlib.util

    (root / ".prefect").mkdir(exist_ok=True)
    prefect = Path(importlib.util.find_spec("prefect").origin).parent  # type: ignore[union-attr,arg-type]
    environment = prefect_environment(
        root,
        PREFECT_SERVER_API_HOST="127.0.0.1",
        PREFECT_SERVER_API_PORT=str(port),
        PREFECT_UI_ENABLED="1" if page else "0",
        PREFECT_SERVER_UI_ENABLED="1" if page else "0",
        PREFECT_UI_API_URL=f"http://127.0.0.1:{port}/api",
        PREFECT_SERVER_UI_API_URL=f"http://127.0.0.1:{port}/api",
    )
    environment.pop("PREFECT_API_URL", None)
    if not page:
        environment["PREFECT__SERVER_EPHEMERAL"] = "1"  # no page and no schedules: the server of one run
    command = ["uvicorn", "--app-dir", str(prefect.parent), "--factory", "prefect.server.api.server:create_app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    return _start(command, environment, root / ".prefect" / "server.log", root)


def start_mlflow(root: Path, uri: str, port: int) -> subprocess.Popen[bytes]:
    """Start MLflow's server over the project's own database, without waiting for it."""
    command = ["mlflow", "server", "--backend-store-uri", uri]
    command += ["--artifacts-destination", (root / "mlartifacts").as_uri()]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    # Its job runner (for features that a project does not use) is six processes that import MLflow and poll.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    return _start(command, {**os.environ, **quiet}, root / ".arcane" / "mlflow.log", root)


def wait_for(url: str, process: subprocess.Popen[bytes], what: str, log: Path, timeout: float = START_TIMEOUT) -> None:
    """Wait until `url` answers.

    Raises:
        UserError: The process ended or `timeout` seconds went by; the message quotes the log's last line.
    """
    until = time.monotonic() + timeout
    while not answers(url):
        ended = process.poll() is not None
        if ended or time.monotonic() > until:
            stop(process)
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
            why = lines[-1] if lines else "it printed nothing"
            how = "ended at once" if ended else f"did not answer within {timeout:.0f} s"
            raise UserError(f"{what} {how}: {why} (all of it in {log})")
        time.sleep(0.1)


def stop(process: subprocess.Popen[bytes], timeout: float = 10.0) -> None:
    """End a server and what it started; kill it when it does not go."""
    if process.poll() is not None:
        return
    for how, seconds in ((signal.SIGTERM, timeout), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, how)
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def prefect_command(root: Path, *arguments: str, api: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `prefect ARGUMENTS` against the project's server.

    Raises:
        UserError: It failed; the message quotes its last lines.
    """
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        env=prefect_environment(root, PREFECT_API_URL=api, NO_COLOR="1", PREFECT_CLI_PROMPT="false"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=root,
    )
    if check and done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-3:])
        raise UserError(f"`prefect {' '.join(arguments)}` failed: {last}")
    return done


def start_worker(root: Path, pool: str, api: str) -> subprocess.Popen[bytes]:
    """Start a Prefect worker that takes the deployments of `pool`, one pipeline at a time."""
    command = ["prefect", "worker", "start", "--pool", pool, "--limit", "1", "--name", f"{root.name}-{pool}"]
    return _start(
        command, prefect_environment(root, PREFECT_API_URL=api), root / ".prefect" / f"worker-{pool}.log", root
    )


def deploy(root: Path, api: str, gpus: int, say: Callable[[str], None]) -> None:
    """Make the work pools, the limit that keeps two trainings off one GPU, and the deployments of `prefect.yaml`."""
    for pool in ("local", "gpu"):
        if prefect_command(root, "work-pool", "inspect", pool, api=api, check=False).returncode:
            prefect_command(root, "work-pool", "create", pool, "--type", "process", api=api)
            say(f"made work pool `{pool}`")
    set_gpu_limit(api, gpus)
    prefect_command(root, "--no-prompt", "deploy", "--all", api=api)
    say("deployed pipeline/local and pipeline/gpu")


def set_gpu_limit(api: str, gpus: int) -> None:
    """Create or update Prefect's global concurrency limit `gpu`: a slot for each GPU of this machine, at least one."""
    import json

    body = json.dumps({"name": "gpu", "limit": max(1, gpus), "active": True}).encode()
    for method, url in (("POST", f"{api}/v2/concurrency_limits/"), ("PATCH", f"{api}/v2/concurrency_limits/gpu")):
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20):
                return
        except urllib.error.HTTPError as error:
            if method == "PATCH" or error.code not in (409, 422):
                raise UserError(f"{url}: the Prefect server refused the limit `gpu` ({error})") from error


def count_gpus() -> int:
    """How many NVIDIA GPUs this process may use, without importing torch (which costs seconds)."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([d for d in visible.split(",") if d.strip() and d.strip() != "-1"])
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*"))) if Path("/proc/driver/nvidia/gpus").exists() else 0
