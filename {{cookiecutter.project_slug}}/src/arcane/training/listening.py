"""Hears what a task says while its steps run without a trainer: its logits and what it gives to `self.log`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..errors import UserError

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule


class Heard:
    """The logits of a task's last forward pass, and the sums of what it logged."""

    def __init__(self) -> None:
        self.last: Tensor | None = None
        self.sums: dict[str, Any] = {}
        self.counts: dict[str, int] = {}

    def forward(self, task: Any, inputs: Any, output: Any) -> None:
        """A forward hook."""
        self.last = output.detach() if isinstance(output, Tensor) else None

    def log(self, name: str, value: Any, *args: Any, **options: Any) -> None:
        """Stands in for `LightningModule.log`."""
        value = value.detach() if isinstance(value, Tensor) else value
        self.sums[name] = self.sums.get(name, 0.0) + value
        self.counts[name] = self.counts.get(name, 0) + 1

    def log_dict(self, values: Mapping[str, Any], *args: Any, **options: Any) -> None:
        """Stands in for `LightningModule.log_dict`."""
        for name, value in values.items():
            self.log(name, value)

    def logits(self, step: str) -> Tensor:
        """The logits of the step that just ran.

        Raises:
            UserError: The step did not call `self(images)`.
        """
        if self.last is None:
            raise UserError(
                f"task.py: {step} must get its logits by calling self(images): errors are counted from them"
            )
        logits, self.last = self.last, None
        return logits

    def means(self) -> dict[str, float]:
        """The mean of each logged value since the last call, in the order of their names."""
        means = {name: float(total) / self.counts[name] for name, total in sorted(self.sums.items())}
        self.sums, self.counts = {}, {}
        return means


@contextmanager
def listening(task: "LightningModule") -> Iterator[Heard]:
    """Hear a task for a while; its `self.log` then needs no trainer, and does not warn that it has none."""
    heard = Heard()
    hook = task.register_forward_hook(heard.forward)
    before = {name: task.__dict__[name] for name in ("log", "log_dict") if name in task.__dict__}
    task.__dict__.update(log=heard.log, log_dict=heard.log_dict)
    try:
        yield heard
    finally:
        hook.remove()
        del task.__dict__["log"], task.__dict__["log_dict"]
        task.__dict__.update(before)
