"""Hears what a task says while its steps run without a trainer: its outputs and what it gives to `self.log`."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import UserError

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule


class Heard:
    """The outputs of a task's last forward pass, and the values that it logged.

    Args:
        ignoring: Names whose values are not kept.
    """

    def __init__(self, ignoring: Collection[str] = ()) -> None:
        self.ignoring = ignoring
        self.last: Tensor | None = None
        self.values: dict[str, list[Any]] = {}

    def log(self, name: str, value: Any, *args: Any, **options: Any) -> None:
        """Stands in for `LightningModule.log`."""
        if name not in self.ignoring:
            self.values.setdefault(name, []).append(value.detach() if isinstance(value, Tensor) else value)

    def log_dict(self, values: Mapping[str, Any], *args: Any, **options: Any) -> None:
        """Stands in for `LightningModule.log_dict`."""
        for name, value in values.items():
            self.log(name, value)

    def outputs(self, step: str) -> Tensor:
        """What `forward` gave in the step that just ran.

        Raises:
            UserError: The step did not call `self(inputs)`.
        """
        if self.last is None:
            raise UserError(
                f"task.py: {step} must get its outputs by calling self(inputs): errors are counted from them"
            )
        outputs, self.last = self.last.detach(), None
        return outputs

    def means(self) -> dict[str, float]:
        """The mean of each logged value since the last call, in the order of their names."""
        means = {name: float(values.mean()) for name, values in sorted(self.state().items())}
        self.values = {}
        return means

    def state(self) -> dict[str, Tensor]:
        """What was logged since the last `means`, float64, for a checkpoint."""
        return {name: torch.cat([_flat(value) for value in values]) for name, values in self.values.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on from `state`."""
        self.values = {name: [values] for name, values in state.items()}


def _flat(value: Any) -> Tensor:
    return torch.as_tensor(value).reshape(-1).double().cpu()


@contextmanager
def listening(task: "LightningModule", ignoring: Collection[str] = ()) -> Iterator[Heard]:
    """Hear a task for a while; its `self.log` then needs no trainer, and does not warn that it has none.

    Args:
        task: Its forward pass is wrapped; a hook would send every call through torch's slower path.
        ignoring: Names given to `self.log` that are not kept.
    """
    heard = Heard(ignoring)
    forward = task.forward

    def hear(*inputs: Any, **options: Any) -> Any:
        output = forward(*inputs, **options)
        heard.last = output if isinstance(output, Tensor) else None
        return output

    stand_ins = {"log": heard.log, "log_dict": heard.log_dict, "forward": hear}
    before = {name: task.__dict__[name] for name in stand_ins if name in task.__dict__}
    task.__dict__.update(stand_ins)
    try:
        yield heard
    finally:
        for name in stand_ins:
            task.__dict__.pop(name, None)
        task.__dict__.update(before)
