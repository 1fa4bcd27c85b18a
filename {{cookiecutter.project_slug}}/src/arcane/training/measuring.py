"""Short measurements of what pays on this machine, each made once and kept; and what follows from them.

Whatever is decided so changes the speed and at most the last bits: what shapes an outcome is never left to a clock.
"""

import copy
import json
import logging
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import UserError
from ..files import digest, read_json, write_json
from .devices import usable_cores
from .randomness import random_state_kept

logger = logging.getLogger("arcane.training")

MEASURED = Path(".arcane/measured.json")
ROUNDS = 5
# More threads than needed take cores from other trials: they must be this much faster than fewer.
GAIN = 0.9
# Trainings that end sooner are not worth a measurement.
WORTH_SECONDS = 60.0
CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Kept:
    """Measurements of a project on its machines.

    Attributes:
        path: The JSON file.
    """

    path: Path

    def recall(self, what: str, of: Mapping[str, Any], measure: Callable[[], Any]) -> Any:
        """What was measured before of the same thing on the same machine; else measured now, and kept.

        Args:
            what: The kind of measurement.
            of: What it depends on beside the machine, fit for JSON.
            measure: Gives what JSON can hold.
        """
        key = f"{what} {digest(json.dumps([machine(), of], sort_keys=True))[:16]}"
        known = self._known()
        if key not in known:
            found = measure()
            known = self._known() | {key: found}  # others may have written meanwhile
            write_json(self.path, known)
        return known[key]

    def note_largest(self, what: str, value: int) -> None:
        """Keep `value` where it is larger than what was noted before on this machine."""
        if value > (self.noted(what) or 0):
            write_json(self.path, self._known() | {f"{what} {digest(json.dumps(machine()))[:16]}": value})

    def noted(self, what: str) -> int | None:
        """What `note_largest` kept on this machine; None where nothing."""
        return self._known().get(f"{what} {digest(json.dumps(machine()))[:16]}")

    def _known(self) -> dict[str, Any]:
        try:
            return read_json(self.path)
        except UserError:  # not there, or not JSON: measured again
            return {}


def machine() -> list[Any]:
    """What tells machines apart, as far as speed goes."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return [platform.machine(), cpu_lines("model name")[:1], usable_cores(), device, torch.__version__]


def cpu_lines(name: str) -> list[str]:
    """The values of `name` in Linux's `/proc/cpuinfo`; none elsewhere."""
    try:
        lines = CPU_INFO.read_text().splitlines()
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name]


def has_bf16(flags: Iterable[str]) -> bool:
    """Whether a processor with these flags multiplies in bfloat16 itself."""
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(flags)


def pass_of(task: Any, inputs: Tensor, bf16: bool = False, channels_last: bool = False) -> Callable[[], None]:
    """One forward and backward pass of a copy of `task`, to be timed; the random state is kept.

    Args:
        task: Anything that gives outputs for `inputs`.
        inputs: A batch, on the task's device.
        bf16: In bfloat16 where autocast does so.
        channels_last: With the weights in that layout.
    """
    own = copy.deepcopy(task).train()
    if channels_last:
        own.to(memory_format=torch.channels_last)
    context = torch.autocast(inputs.device.type, torch.bfloat16) if bf16 else nullcontext()

    def run() -> None:
        with random_state_kept(inputs.device), context:
            outputs = own(inputs)
        outputs.float().sum().backward()
        if inputs.device.type == "cuda":
            torch.cuda.synchronize(inputs.device)

    return run


def seconds_of(runs: Mapping[Any, Callable[[], None]], rounds: int = ROUNDS) -> dict[Any, float]:
    """The median seconds of each, taken in turns, so that a busy machine slows all of them alike; the first warm up."""
    times: dict[Any, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def fewest_threads(seconds: Mapping[int, float]) -> int:
    """The number of threads to train with: more than one only where each step up saves a tenth at least.

    Args:
        seconds: Of a step, by the number of threads.
    """
    chosen, *more = sorted(seconds)
    for count in more:
        if seconds[count] <= GAIN * seconds[chosen]:
            chosen = count
    return chosen


def thread_counts(cores: int) -> list[int]:
    """The numbers of threads that are tried: powers of two, and all cores."""
    return sorted({1 << power for power in range(cores.bit_length()) if 1 << power <= cores} | {cores})


def measured_threads(kept: Kept, task: Any, inputs: Tensor, of: Mapping[str, Any]) -> int:
    """How many CPU threads pay for `task` on batches such as `inputs`."""
    counts = thread_counts(usable_cores())
    if len(counts) == 1:
        return 1

    def measure() -> dict[str, float]:
        before, run = torch.get_num_threads(), pass_of(task, inputs)
        try:
            found = seconds_of({count: with_threads(run, count) for count in counts})
            return {str(count): seconds for count, seconds in found.items()}
        finally:
            torch.set_num_threads(before)

    return fewest_threads({int(count): seconds for count, seconds in kept.recall("threads", of, measure).items()})


def with_threads(run: Callable[[], None], count: int) -> Callable[[], None]:
    """`run` with so many threads, which stay set."""

    def threaded() -> None:
        torch.set_num_threads(count)
        run()

    return threaded


def compile_pays(steps: int, eager: float, compiled: float, compiling: float) -> bool:
    """Whether a training of so many steps ends sooner compiled; all in seconds, `eager` and `compiled` of a step."""
    return steps * (eager - compiled) > compiling


def measured_compile(kept: Kept, task: Any, inputs: Tensor, of: Mapping[str, Any], steps: int) -> bool:
    """Whether `torch.compile` pays for a training of so many steps on batches such as `inputs`."""
    from .compiling import compiled_forward

    eager = kept.recall("step", of, lambda: seconds_of({"eager": pass_of(task, inputs)})["eager"])
    if steps * eager < WORTH_SECONDS:
        return False

    def measure() -> list[float]:
        own = copy.deepcopy(task).train()
        forward = compiled_forward(own, inputs.device, len(inputs))
        start = time.perf_counter()
        forward(inputs).float().sum().backward()
        compiling = time.perf_counter() - start
        both = {"eager": pass_of(task, inputs), "compiled": lambda: forward(inputs).float().sum().backward()}
        found = seconds_of(both)
        return [found["eager"], found["compiled"], compiling]

    with random_state_kept(inputs.device):
        return compile_pays(steps, *kept.recall("compile", of, measure))


def advise_bf16(kept: Kept, task: Any, inputs: Tensor, of: Mapping[str, Any], steps: int) -> None:
    """Say so where bfloat16 would halve a long training on this CPU or nearly; it shapes the outcome, so a person asks.

    Only convolutions gain by it: inputs are images.
    """
    if inputs.device.type != "cpu" or inputs.ndim != 4 or not has_bf16(" ".join(cpu_lines("flags")[:1]).split()):
        return
    plain = kept.recall("step", of, lambda: seconds_of({"eager": pass_of(task, inputs)})["eager"])
    if steps * plain < WORTH_SECONDS:
        return
    half = kept.recall("bf16", of, lambda: seconds_of({"bf16": pass_of(task, inputs, True, True)})["bf16"])
    if half < 0.75 * plain:
        logger.warning(
            "train.precision: bf16 with train.channels_last: true takes %.0f %% of the time of a step here; on a CPU "
            "`auto` stays at 32 bits, since it changes what is found",
            100 * half / plain,
        )
