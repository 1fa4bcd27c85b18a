"""One batch, trained on by a copy of a task: how the loss went, what moved, in which order a hand-made step works."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..training.configured import Configured, by_hand
from ..training.listening import listening


@dataclass(frozen=True)
class Course:
    """What happened while one batch was trained on.

    Attributes:
        losses: Of each step, as the task computes it.
        error: At the end, in eval mode, on the batch; 1.0 where the outputs are not finite.
        enough: The error from which on the batch counts as learnt.
        moved: Names of the parameters that had a gradient other than zero at any step.
        not_finite: Names of the parameters whose gradient was not finite at the first step where any was not.
        sizes: Of each weight, its gradient's root mean square at the sixth step or the last: a head that starts at zero
            lets no gradient through the first.
        task: The copy, as training left it.
    """

    losses: tuple[float, ...]
    error: float
    enough: float
    moved: frozenset[str]
    not_finite: tuple[str, ...]
    sizes: dict[str, float]
    task: Any

    @property
    def fitted(self) -> bool:
        return self.error <= self.enough

    @property
    def shape(self) -> str:
        """How the loss went: not-finite, explodes, rises, oscillates, plateaus or falls."""
        losses = np.array(self.losses)
        if not np.isfinite(losses).all():
            return "not-finite"
        first, last = losses[0], losses[-len(losses) // 5 :]
        scale = max(abs(first), 1e-3)
        if losses.max() > first + 9 * scale:
            return "explodes"
        if last.mean() > first + 0.1 * scale:
            return "rises"
        if last.std() > 0.25 * scale:
            return "oscillates"
        return "falls" if last.mean() < first - 0.1 * scale else "plateaus"


class Gradients:
    """Looks at the gradients before an optimiser uses them, on some steps.

    Looked at are the steps up to the sixth, then every 20th: `step` is set before each.

    Args:
        task: Whose named parameters are looked at.
        optimizers: Those that step.
    """

    def __init__(self, task: Any, optimizers: list[torch.optim.Optimizer]):
        self.named = [(name, p) for name, p in task.named_parameters() if p.requires_grad]
        self.moved: set[str] = set()
        self.not_finite: tuple[str, ...] = ()
        self.sizes: dict[str, float] = {}
        self.step = 0
        self.handles = [optimizer.register_step_pre_hook(self._look) for optimizer in optimizers]

    def _look(self, *_: Any) -> None:
        if self.step > 5 and self.step % 20:
            return
        gradients = [(name, p, p.grad) for name, p in self.named if p.grad is not None]
        self.moved |= {name for name, _, gradient in gradients if bool(gradient.count_nonzero())}
        bad = tuple(name for name, _, gradient in gradients if not bool(gradient.isfinite().all()))
        self.not_finite = self.not_finite or bad
        if self.step <= 5:
            self.sizes |= {name: float(g.double().square().mean().sqrt()) for name, p, g in gradients if p.ndim > 1}

    def forget(self) -> None:
        for handle in self.handles:
            handle.remove()


@dataclass(frozen=True)
class Order:
    """What a task that optimises by hand did in the wrong order; counts over a few steps.

    Attributes:
        steps: Times that an optimiser stepped.
        stale: Backward passes that added to gradients which an optimiser had used already.
        clipped_late: Clippings of gradients which an optimiser had used already.
    """

    steps: int = 0
    stale: int = 0
    clipped_late: int = 0


class _OrderMode(TorchFunctionMode):
    """Hears backward passes and clippings between the steps of optimisers."""

    def __init__(self, optimizers: list[torch.optim.Optimizer]):
        super().__init__()
        self.steps = self.stale = self.late = 0
        self.used: dict[int, Tensor] = {}  # parameters whose gradients an optimiser used
        self.added_to: set[int] = set()  # those of them that a backward pass added to since
        self.stepping = False
        self.handles = [o.register_step_pre_hook(self._begin) for o in optimizers]
        self.handles += [o.register_step_post_hook(self._end) for o in optimizers]

    @staticmethod
    def _held(optimizer: torch.optim.Optimizer) -> list[Tensor]:
        return [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]

    def _begin(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self.stepping = True
        # Only now: of two networks that train against each other, one's backward pass soils the other's gradients,
        # which that one's optimiser zeroes before its own.
        self.stale += any(id(p) in self.added_to for p in self._held(optimizer))

    def _end(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self.stepping, self.steps = False, self.steps + 1
        self.used |= {id(p): p for p in self._held(optimizer)}

    def _forget_zeroed(self) -> None:
        self.used = {k: p for k, p in self.used.items() if p.grad is not None and bool(p.grad.count_nonzero())}
        self.added_to &= self.used.keys()

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        name = getattr(func, "__name__", "")
        if not self.stepping:
            if name == "backward":
                self._forget_zeroed()
                self.added_to |= self.used.keys()
            elif name.startswith("_foreach_mul"):
                self._forget_zeroed()
                late = {id(p.grad) for key, p in self.used.items() if key not in self.added_to}
                self.late += any(id(each) in late for each in (args[0] if args else ()))
        return func(*args, **(kwargs or {}))


def order_by_hand(task: Any, configured: Configured, step: Callable[[int], Any], steps: int) -> Order:
    """Run a few steps of a task that optimises by hand, and say what came in the wrong order."""
    mode = _OrderMode(configured.optimizers)
    try:
        with stepped(task, configured), mode:
            for index in range(steps):
                step(index)
    finally:
        for handle in mode.handles:
            handle.remove()
    return Order(mode.steps, mode.stale, mode.late)


@contextmanager
def stepped(task: Any, configured: Configured) -> Iterator[Any]:
    """Let a task's steps run without a trainer, those that optimise by hand too; yields what hears it."""
    with listening(task) as heard, by_hand(task, configured):
        stand_ins: dict[str, Any] = {}
        if not getattr(task, "automatic_optimization", True):
            found = configured.optimizers
            stand_ins = {
                "optimizers": lambda use_pl_optimizer=True: found[0] if len(found) == 1 else found,
                "manual_backward": lambda loss, *args, **kwargs: loss.backward(*args, **kwargs),
            }
        task.__dict__.update(stand_ins)
        try:
            yield heard
        finally:
            for name in stand_ins:
                task.__dict__.pop(name, None)


def taken(
    task: Any,
    configured: Configured,
    loss_of: Callable[[int], Tensor],
    error_of: Callable[[], float],
    learnt: Callable[[float], bool],
    enough: float,
    steps: int,
    manual: bool,
) -> Course:
    """Take steps until the batch is learnt, something is not finite, or they are used up.

    Args:
        task: A copy.
        configured: Its optimisers.
        loss_of: The loss of a step; where `manual`, it also moves the weights.
        error_of: The error now.
        learnt: Whether further steps would show nothing more.
        enough: Goes into the course.
        steps: At most so many.
        manual: Whether the task optimises by hand.
    """
    watching = Gradients(task, configured.optimizers)
    losses: list[float] = []
    error = 1.0
    try:
        with stepped(task, configured):
            for step in range(steps):
                watching.step = step
                task.train()
                value = loss_of(step)
                losses.append(float(value.detach()))
                if not math.isfinite(losses[-1]):
                    error = 1.0
                    break
                if not manual:
                    for optimizer in configured.optimizers:
                        optimizer.zero_grad()
                    value.backward()
                    for optimizer in configured.optimizers:
                        optimizer.step()
                    for scheduler in configured.schedulers:
                        scheduler.step()
                if watching.not_finite:
                    break
                if step % 10 == 9:
                    error = error_of()
                    if learnt(error):
                        break
    finally:
        watching.forget()
    moved = frozenset(watching.moved)
    return Course(tuple(losses), error, enough, moved, watching.not_finite, watching.sizes, task)
