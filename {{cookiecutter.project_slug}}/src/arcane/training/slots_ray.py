"""The same slots on a Ray cluster (option `runner: ray`): each trial is a Ray task that asks for its CPUs and its GPU.

The project's folder must be at the same path on every node, as a shared disk gives it: trials are kept there.
"""

import logging
import os
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ..errors import UserError
from .slots import WRONG, trial_with_threads, wrong
from .trials import Trial, TrialResult, read_result, run_trial


class RaySlots:
    """As `slots.Slots`: a context manager with `submit(trial)`; how many run at once is the cluster's to say.

    Joins the cluster that `RAY_ADDRESS` names, else starts one here that ends with it.

    Args:
        root: The project's folder.
        count: Trials at once on a cluster started here (CPU).
        threads: CPU threads of each trial.
        device: With `cuda` each trial holds one GPU.

    Raises:
        UserError: Ray is not installed.
    """

    def __init__(self, root: Path, count: int, threads: int | str = 1, device: str | None = None):
        threads = 1 if isinstance(threads, str) else threads  # a cluster's machines may differ: nothing is measured
        try:
            import ray
        except ImportError:
            raise UserError(
                "runner: ray needs the package ray: install it (`uv pip install ray`), or use runner: local"
            ) from None
        self.ray, self.root, self.threads = ray, Path(root).resolve(), threads
        gpus = 1 if device is not None and device.startswith("cuda") else 0
        self.device = "cuda:0" if gpus else device  # Ray shows a task only the GPU that it holds
        self.owned = not ray.is_initialized()
        if self.owned:
            source = str(Path(__file__).resolve().parents[2])
            path = os.pathsep.join(filter(None, (source, os.environ.get("PYTHONPATH", ""))))
            runtime = {"env_vars": {"PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}}
            cores: dict[str, Any] = (
                {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": count * threads, "include_dashboard": False}
            )
            ray.init(runtime_env=runtime, log_to_driver=False, logging_level=logging.ERROR, **cores)
        # A dead worker is reported, not retried: its cause (memory) would come again.
        self.remote: Any = ray.remote(num_cpus=threads, num_gpus=gpus, max_retries=0)(run_remotely)

    def __enter__(self) -> "RaySlots":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def submit(self, trial: Trial) -> "Future[TrialResult]":
        """As `slots.Slots.submit`."""
        reference = self.remote.remote(str(self.root), trial_with_threads(trial, self.threads), self.device)
        answered: Future[TrialResult] = Future()

        def answer(remote: "Future[tuple[str, str]]") -> None:
            try:
                kind, content = remote.result()
                if kind in WRONG:
                    raise WRONG[kind](content)
                answered.set_result(read_result(Path(content)))
            except self.ray.exceptions.RayError as error:
                answered.set_exception(UserError(f"trial `{trial.name}`: its Ray worker failed: {error}"))
            except Exception as error:
                answered.set_exception(error)

        reference.future().add_done_callback(answer)
        return answered

    def close(self) -> None:
        """Leave the cluster; one that was started here ends, and what runs on it."""
        if self.owned:
            self.ray.shutdown()


def run_remotely(root: str, trial: Trial, device: str | None) -> tuple[str, str]:
    """Run a trial on a Ray worker: where its outcome lies, or what was wrong."""
    try:
        return "result", str(run_trial(Path(root), trial, device).folder)
    except UserError as error:
        return wrong(error)
