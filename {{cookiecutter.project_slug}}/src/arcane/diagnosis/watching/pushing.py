"""Which way a loss pushes the outputs at the first steps: towards the targets that it gets, or away from them."""

from typing import Any

import torch
from torch import Tensor

from .formulas import source
from .operations import unseen
from .trace import Node, Turn

STEPS, LARGEST = 6, 65_536
"""Steps that are looked at, and numbers of an output: the sign shows in the first ones."""

TURNS, WIDEST = 24, 1024
"""Steps of several optimisers until which it is kept which way a judge's answers are pushed, and answers a row."""

FEWEST = 16
"""Numbers from which on a correlation of 0.3 is no chance (at 16 numbers p = 0.25, at three steps in a row 0.016)."""


class Pushing:
    """Keeps what outputs and targets were until their gradient comes.

    Args:
        recorder: The recorder.
    """

    def __init__(self, recorder: Any):
        self.recorder = recorder
        self.targets: dict[int, Tensor] = {}

    def look(self, number: int, outputs: list[Tensor], model: int) -> None:
        """Ask for the gradient of what a model gives in training; a hook that returns nothing changes nothing.

        Args:
            number: The call that the rows come from.
            outputs: What the model gave.
            model: Which model gave it: a judge is called on what its maker's call gave.
        """
        trace = self.recorder.trace
        call = trace.calls[number]
        if not call.gradient or trace.steps >= (STEPS if len(trace.optimisers) < 2 else TURNS):
            return
        for output in outputs[:3]:
            good = output.requires_grad and output.is_floating_point() and output.dim() and len(output) == call.rows
            if good and FEWEST <= output.numel() <= LARGEST:
                with unseen():
                    seen = output.detach()

                def hook(gradient: Tensor, seen: Tensor = seen) -> None:
                    self.recorder.guarded(self.turned, number, gradient, model)
                    self.recorder.guarded(self.pushed, number, gradient, seen)

                output.register_hook(hook)

    def meet(self, node: Node, given: list[Tensor]) -> None:
        """An operation on outputs and as many given numbers: their targets, whatever the formula is."""
        if len(given) < 2 or len(node.inputs) < 2 or self.recorder.trace.steps >= STEPS or not node.layers:
            return
        for made, other in ((0, 1), (1, 0)):
            outputs, targets = node.inputs[made], node.inputs[other]
            if not outputs.layers or len(outputs.calls) != 1 or targets.layers or targets.name == "parameter":
                continue
            number, values = min(outputs.calls), given[other]
            same = values.numel() == given[made].numel() and values.shape[:1] == given[made].shape[:1]
            if same and not values.is_complex() and not targets.wants_gradient:
                self.targets.setdefault(number, _direction(targets) * values.detach())

    def turned(self, number: int, gradient: Tensor, model: int) -> None:
        """Keep which way a judge's answers about made, or about given, rows are pushed."""
        call, rows = self.recorder.trace.calls[number], -gradient.detach().reshape(len(gradient), -1).double()
        if call.model != model:
            made = True
        elif call.source is None or call.input_gradient:
            return
        else:
            made = bool(call.source.calls - {number})
        size = float(rows.norm(dim=1).mean())
        if rows.shape[1] <= WIDEST and 0 < size < float("inf"):
            mean = (rows.mean(0) / size).cpu().numpy()
            self.recorder.trace.turns.append(Turn(model, made, mean, self.recorder.tick()))

    def pushed(self, number: int, gradient: Tensor, outputs: Tensor) -> None:
        """Keep how the push, the negative gradient, goes with the targets, beside what it owes to the outputs."""
        targets = self.targets.get(number)
        if (
            self.recorder.trace.steps >= STEPS
            or targets is None
            or targets.numel() != gradient.numel()
            or targets.shape[0] != gradient.shape[0]
        ):
            return
        push, goal, level = (v.reshape(-1).double() for v in (-gradient, targets, outputs))
        if not all(bool(v.isfinite().all()) for v in (push, goal, level)):
            return  # of NaN a solver complains on the program's own output
        known = torch.stack([torch.ones_like(level), level], 1)
        rest = [v - known @ torch.linalg.lstsq(known, v[:, None]).solution[:, 0] for v in (push, goal)]
        size = float(rest[0].norm() * rest[1].norm())
        if size > 1e-12 * max(1e-12, float(push.norm() * goal.norm())):
            place = self.recorder.trace.calls[number].place
            self.recorder.trace.pushes.append((place, float(rest[0] @ rest[1]) / size))

    def forget(self) -> None:
        """A step is over."""
        self.targets.clear()


def _direction(targets: Node) -> int:
    """-1 where given numbers are the negative of the targets, as in a margin's exp(-y f)."""
    sign = 1
    for _ in range(8):
        targets = source(targets)
        number = next((v for k in ("1", "0", "other") if isinstance(v := targets.options.get(k), int | float)), 1)
        if targets.name not in ("neg", "add", "sub", "rsub", "mul", "div") or not targets.inputs:
            break
        turned = targets.name in ("neg", "rsub") or (targets.name in ("mul", "div") and number < 0)
        sign, targets = -sign if turned else sign, targets.inputs[0]
    return sign
