"""Where trials run: the places that a project's params, its runner and this machine give to them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..config import Project

Submit = Callable[[Any], Any]


@dataclass(frozen=True)
class Places:
    """Where trials run.

    Attributes:
        count: How many at once.
        device: On what.
        submit: Starts one.
        close: Stops those that run: nobody waits for them any more.
    """

    count: int
    device: str
    submit: Submit
    close: Callable[[], None] = lambda: None


WithSlots = Callable[[Callable[[Places], Any]], Any]


@contextmanager
def trial_places(project: Project) -> Iterator[Places]:
    """The places that the project's params, its runner and this machine give to trials."""
    from ..training.devices import choose_device, default_slots
    from ..training.measuring import MEASURED, Kept
    from ..training.slots import Slots
    from ..training.slots_ray import RaySlots

    params = project.params
    device = choose_device(params.run.device)
    memory = Kept(project.root / MEASURED).noted("memory") if device.startswith("cuda") else None
    count = params.improve.slots or default_slots(device, params.run.threads, memory)
    runner = RaySlots if project.runner == "ray" else Slots
    with runner(project.root, count, params.run.threads, device) as slots:
        yield Places(count, device, slots.submit, slots.close)


def plain_slots(project: Project, body: Callable[[Places], Any]) -> Any:
    """Call `body` with a plain pool of processes, as under `dvc repro`."""
    with trial_places(project) as places:
        return body(places)
