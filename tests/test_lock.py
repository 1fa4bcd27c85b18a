"""The lock files: what they may hold, and that what they name imports, starts and answers in this very environment."""

import ast
import importlib.metadata
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from bakes import TEMPLATE
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = TEMPLATE / "{{cookiecutter.project_slug}}"
LOCKS = {
    "project": PROJECT / "requirements.lock",
    "ray": PROJECT / "requirements-ray.lock",
    "template": TEMPLATE / "requirements.lock",
}
PIN = re.compile(r"([a-z0-9][a-z0-9.-]*)(\[[a-z0-9,-]+\])?==([^\s;]+)( ; [^\\]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def pins(lock: Path) -> list[Requirement]:
    """The requirements of a lock file, without their hashes."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return [Requirement(line.removesuffix("\\").strip()) for line in lines if not line.startswith(" ")]


def versions(lock: Path) -> dict[str, str]:
    """Version by name, of what applies to this interpreter and machine."""
    return {pin.name: str(pin.specifier)[2:] for pin in pins(lock) if pin.marker is None or pin.marker.evaluate()}


def declared(*extras: str) -> list[Requirement]:
    """The ranges of the project's `pyproject.toml`."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ranges = project["dependencies"] + [line for extra in extras for line in project["optional-dependencies"][extra]]
    return [Requirement(line) for line in ranges]


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_only_exact_versions_each_with_its_hashes(lock):
    """No line can be anything else: no address, no path, no index, no range, no editable."""
    hashes = None
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), 1):
        if PIN.fullmatch(line):
            assert hashes != 0, f"{lock.name}:{number - 1}: no hash"
            hashes = 0
        else:
            assert HASH.fullmatch(line), f"{lock.name}:{number}: {line}"
            hashes = (hashes or 0) + 1
    assert hashes


def test_the_locks_agree():
    project = {(pin.name, str(pin.marker)): str(pin.specifier) for pin in pins(LOCKS["project"])}
    for other in ("ray", "template"):
        named = {pin.name: str(pin.specifier) for pin in pins(LOCKS[other])}
        shared = {name for name, _ in project} & named.keys()
        assert len(shared) > 10
        known = {name: {version for (n, _), version in project.items() if n == name} for name in shared}
        assert {name for name in shared if named[name] not in known[name]} == set()
    assert "ray" in versions(LOCKS["ray"])
    assert "ray" not in versions(LOCKS["project"])


@pytest.mark.parametrize(("lock", "extras"), [("project", ["dev"]), ("ray", ["dev", "ray"])])
def test_the_lock_holds_what_pyproject_asks_for(lock, extras):
    locked = versions(LOCKS[lock])
    for asked in declared(*extras):
        assert locked[canonicalize_name(asked.name)] in asked.specifier, asked


def test_this_environment_is_the_lock():
    for lock in ("project", "template"):
        for name, version in versions(LOCKS[lock]).items():
            assert importlib.metadata.version(name) == version, name


def test_every_import_of_the_project_is_declared():
    asked = {canonicalize_name(requirement.name) for requirement in declared("ray", "dev")}
    providers = importlib.metadata.packages_distributions()
    undeclared = {}
    for path in PROJECT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for top in {name.split(".")[0] for name in names} - {"arcane", *sys.stdlib_module_names}:
                owners = {canonicalize_name(owner) for owner in providers.get(top, [top])}
                if not owners & asked:
                    undeclared[top] = f"{path.name}:{node.lineno}"
    assert undeclared == {}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answer(address: str) -> str | None:
    """What the address answers with status 200, or None."""
    try:
        with urllib.request.urlopen(address, timeout=5) as reply:
            return reply.read().decode()
    except (urllib.error.URLError, OSError):
        return None


@contextmanager
def started(folder: Path, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process group of its own, ended with all its children."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=kept | environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield server
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def wait_for(server: subprocess.Popen[bytes], address: str, folder: Path, seconds: float = 120) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        if (text := answer(address)) is not None:
            return text
        time.sleep(0.3)
    raise AssertionError(f"no answer from {address}:\n{(folder / 'server.log').read_text()[-3000:]}")


@pytest.mark.slow
def test_prefects_server_answers(tmp_path):
    port = free_port()
    environment = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    with started(
        tmp_path, "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), **environment
    ) as server:
        assert wait_for(server, f"http://127.0.0.1:{port}/api/health", tmp_path) == "true"
        assert (
            wait_for(server, f"http://127.0.0.1:{port}/api/admin/version", tmp_path)
            == f'"{versions(LOCKS["project"])["prefect"]}"'
        )


@pytest.mark.slow
def test_mlflows_server_answers(tmp_path):
    port = free_port()
    command = [
        "mlflow",
        "server",
        "--backend-store-uri",
        "sqlite:///mlflow.db",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    with started(tmp_path, *command) as server:
        assert wait_for(server, f"http://127.0.0.1:{port}/health", tmp_path) == "OK"
        assert wait_for(server, f"http://127.0.0.1:{port}/version", tmp_path) == versions(LOCKS["project"])["mlflow"]
    assert (tmp_path / "mlflow.db").stat().st_size > 0


def test_dvc_versions_a_file(tmp_path):
    for command in (["init", "--no-scm", "-q"], ["add", "-q", "data.txt"]):
        (tmp_path / "data.txt").write_text("a")
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=tmp_path, check=True)
    assert "md5: 0cc175b9c0f1b6a831c399e269772661" in (tmp_path / "data.txt.dvc").read_text()


def test_torch_takes_a_step():
    import torch

    torch.set_num_threads(1)
    weight = torch.tensor([2.0], requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=0.25)
    (weight**2).sum().backward()
    optimiser.step()
    assert weight.item() == 1.0


def test_torchvision_transforms_a_batch():
    import torch
    from torchvision.transforms import v2

    images = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4)
    flipped = v2.RandomHorizontalFlip(p=1.0)(images)
    assert torch.equal(flipped, images.flip(-1))


def test_pandera_refuses_a_wrong_frame():
    import pandera.polars as pa
    import polars as pl

    schema = pa.DataFrameSchema({"share": pa.Column(pl.Float64, pa.Check.in_range(0, 1))})
    assert schema.validate(pl.DataFrame({"share": [0.0, 1.0]})).height == 2
    with pytest.raises(pa.errors.SchemaError, match="share"):
        schema.validate(pl.DataFrame({"share": [0.0, 2.0]}))
