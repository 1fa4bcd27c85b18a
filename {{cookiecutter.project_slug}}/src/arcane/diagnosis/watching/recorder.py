"""Builds the trace while the program runs: what hooks and patches tell it, in order. Decides nothing."""

import sys
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._device import DeviceContext

from .arrays import Arrays
from .calling import Calling
from .captures import Captures
from .delivery import Delivery
from .explaining import explains
from .formulas import of_gradient
from .graph import reached
from .measuring import LOSSES, Measuring
from .operations import Operations, Table, tensors_in, unseen
from .places import Place, callers, here, is_own
from .preparing import Preparing
from .pushing import Pushing
from .rows import Rows
from .sampling import AWAKE, BY_HAND_STEPS, PERIOD, WHOLE_EVALUATIONS, Sampling
from .stepping import Stepping
from .teachers import leave_teachers
from .trace import Backward, Crash, Event, Node, Trace
from .written import name_written

MOST_EVENTS, MOST_BACKWARDS = 60_000, 120


SOME_EVENTS = 6000
"""Events until which backward passes keep the lines above them."""


class StopProgram(BaseException):
    """Raised in the program when enough was seen (`--steps`)."""


class Recorder:
    """The effects' end of the watch: keeps a trace, and never raises into the program.

    Args:
        most_steps: Stop the program after so many optimiser steps; None lets it finish.
    """

    def __init__(self, most_steps: int | None = None):
        self.trace, self.table, self.sampling = Trace(), Table(), Sampling()
        self.mode = Operations(self)
        self.captures, self.calling, self.rows = Captures(), Calling(self), Rows(self)
        self.stepping, self.measuring, self.pushing = Stepping(self), Measuring(self), Pushing(self)
        self.arrays, self.delivery, self.preparing = Arrays(self), Delivery(), Preparing(self)
        self.owner = threading.get_ident()
        self.most_steps = most_steps
        self.current_calls: frozenset[int] = frozenset()
        self.module = ""
        self.on = self.paused = self.in_step = self.in_backward = self.finished = self.modular = False
        self.asleep = self.deaf = False
        self.let_by = 0
        self.failures: dict[str, int] = {}
        self.last_broken: tuple[str, tuple, tuple, int] = ("", (), (), 0)
        self.places_learned: set[Place | None] = set()
        self.trained_at: set[Place | None] = set()
        self.places_scored: set[Place | None] = set()
        self.reached: set[int] = set()
        self.places_made: set[Place | None] = set()
        self.origins: dict[int, int] = {}
        self.loaded: dict[int, tuple[str, str]] = {}
        self.time = 0
        self.kept: list[Any] = []

    # The function mode

    def listening(self) -> bool:
        """Whether operations are to be kept now."""
        return self.on and not (self.paused or self.in_step or self.in_backward or self.finished)

    def look(self, on: bool) -> None:
        """Put the function mode on torch's stack or take it off, where it lies on top."""
        if on == self.on or threading.get_ident() != self.owner:
            return
        top = torch.overrides._get_current_function_mode()
        if on and (top is None or isinstance(top, DeviceContext)):
            self.mode.__enter__()  # on top of a mode of the program's own, its end would take ours off
            self.on = True
        elif not on and top is self.mode:
            self.mode.__exit__(None, None, None)
            self.on = False

    def evaluating(self) -> None:
        """A model was put into eval mode: what is done to the rows before an evaluation's first call counts, too."""
        if self.trace.steps and self.modular and self.sampling.evaluations < WHOLE_EVALUATIONS:
            self.look(True)

    def failed(self, error: Exception) -> None:
        """Keep a failure of our own as a note."""
        text = f"{type(error).__name__}: {error}"
        self.failures[text] = self.failures.get(text, 0) + 1

    def broken(self, name: str, args: tuple, kwargs: dict) -> None:
        """Keep which operation of the program failed last."""
        self.last_broken = _described(name, tensors_in([*args, *kwargs.values()])[:3])

    def guarded(self, look: Callable[..., object], *args: Any) -> None:
        """Run a part of our own so that its failure is a note, and so that it is not seen itself."""
        if self.finished or threading.get_ident() != self.owner:
            return
        paused, self.paused = self.paused, True
        try:
            with unseen():
                look(*args)
        except Exception as error:
            self.failed(error)
        finally:
            self.paused = paused

    def tick(self) -> int:
        self.time += 1
        return self.time

    def event(self, kind: str, place: Place | None, subject: int = 0, **more: Any) -> Event:
        event = Event(kind, self.tick(), self.trace.steps, place, subject, **more)
        if len(self.trace.events) < MOST_EVENTS:
            self.trace.events.append(event)
        return event

    # Operations

    def operation(
        self, node: Node, given: list[Tensor], kwargs: dict, result: Tensor, changed: bool, raw: Any = None
    ) -> None:
        name_written(node)
        self.measuring.operation(node, given, kwargs, result, raw)
        if changed and node.name in ("zero", "fill", "clamp") and node.inputs and of_gradient(node.inputs[0]):
            self.event("clip" if node.name == "clamp" else "zero", node.place)
        if changed and node.inputs and node.inputs[0].name == "data" and node.inputs[0].inputs:
            parameter = node.inputs[0].inputs[0]
            if parameter.name == "parameter":
                self.stepping.manual(parameter.key, node.inputs[1:], result, node.name, node.options)

    def leaf_changed(self, name: str, tensor: Tensor, inputs: tuple[Node, ...], options: dict[str, Any]) -> None:
        self.stepping.manual(id(tensor), inputs[1:], tensor, name, options)

    def gradient_set(self, tensor: Tensor, value: Any) -> None:
        if value is None:
            self.event("zero", here(3), id(tensor))

    def likelihood(self, distribution: Any, value: Tensor, result: Tensor) -> None:
        """A distribution said how likely values are: whether its parameters, and the values, are learnt."""
        node = self.table.get(result)
        if node is not None:
            node.facts["likelihood.parameters"] = float(_learnt(distribution))
            node.facts["likelihood.value"] = float(value.requires_grad)

    def known_weights(self, module: torch.nn.Module) -> None:
        """Keep from which model of this program the weights come that were loaded into a module, by their values."""
        first = next((p for p in module.parameters() if p.dim() > 1), None)
        if first is None:
            return
        for other in self.kept:
            if id(other) in self.trace.models and other is not module and isinstance(other, torch.nn.Module):
                same = any(p.shape == first.shape and torch.equal(p, first) for p in other.parameters())
                if same:
                    self.origins |= {id(part): id(other) for part in module.modules()}

    def score(self, number: int) -> None:
        """A call's output met a loss or a comparison."""
        call = self.trace.calls[number]
        call.scored = True
        self.places_scored.add(call.place)
        if not call.gradient:
            self.rows.settle(call, "evaluation")

    # Backward

    def before_backward(self, root: Any, place: Place | None) -> None:
        """A backward pass begins."""
        self.stepping.look_for_zeroing()
        if not isinstance(root, Tensor):
            root = next(iter(tensors_in([root])), None)
        if root is None:
            return
        loss = float(root.detach()) if root.numel() == 1 else float("nan")
        node = self.table.get(root) if self.on else None
        if node is not None and node.calls:
            calls = node.calls
            self.reached |= {self.trace.calls[number].model for number in reached(node)}
        else:
            recent = [c for c in self.trace.calls[-16:] if c.step == self.trace.steps and c.gradient]
            calls = frozenset(c.number for c in recent if not c.learned and c.place in self.places_learned)
        if explains(self, node, place, calls):
            return
        self.trained_at.add(place)
        for number in calls:
            call = self.trace.calls[number]
            if not call.gradient:
                continue  # a teacher's answer is part of the loss, and nothing is learnt from it
            call.learned = True
            self.calling.learns(call.model)
            if node is not None:
                self.places_learned.add(call.place)
            self.rows.settle(call, "train")
        above = callers(4) if len(self.trace.events) < SOME_EVENTS else ()
        event = self.event("backward", place, loss=loss, calls=calls, callers=above)
        if node is not None and len(self.trace.backwards) < MOST_BACKWARDS:
            self.trace.backwards.append(Backward(event.time, self.trace.steps, node, place, loss))
        if 0 in self.trace.optimisers or not self.trace.optimisers:
            self.table.forget()  # no optimiser's step says when to: leaves are looked at anew in each pass

    def boundary(self) -> None:
        """An optimiser step is over."""
        self.trace.steps += 1
        self.rows.boundary(self.trace.steps, self.on)
        self.sampling.rows = len(self.rows.known["train"])
        self.table.forget(keep=len(self.trace.optimisers) > 1 or self.trace.steps == 1)
        self.pushing.forget()
        self.look(self.sampling.step(self.trace.steps, self.modular))
        self.asleep = self.modular and not self.on and self.sampling.asleep(self.trace.steps, self.rows.new)

    def dozing(self) -> bool:
        """Whether what the program does is let by: an ordinary training step, no call of which was kept."""
        calls = self.trace.calls
        return self.asleep and not (calls and calls[-1].gradient and calls[-1].step == self.trace.steps)

    def rest(self, steps: int) -> None:
        """Let some steps by in a program of modules whose every step is by hand: nothing else tells of those than the
        function mode, under which each operation costs ten times as much.
        """
        if self.modular and steps >= BY_HAND_STEPS and steps % AWAKE == 0 and set(self.trace.optimisers) == {0}:
            self.asleep, self.let_by = True, 0  # the next call takes the mode off: an operation cannot, from within it

    def passed(self) -> None:
        """A backward pass was let by; of a program that steps by hand, passes stand for steps."""
        if set(self.trace.optimisers) == {0}:
            self.let_by += 1
            self.asleep = self.let_by < PERIOD - AWAKE
            self.look(not self.asleep)

    def enough(self) -> bool:
        return self.most_steps is not None and self.trace.steps >= self.most_steps

    # The end

    def crashed(self, error: BaseException) -> None:
        """Keep the program's own failure as evidence."""
        place, trace = None, error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if is_own(code.co_filename):
                place = Place(code.co_filename, trace.tb_lineno, code.co_name)
            trace = trace.tb_next
        loss, given = _in_a_loss(error)
        name, shapes, dtypes, rows = _described(loss, given) if loss else self.last_broken
        rows = rows or next((call.rows for call in reversed(self.trace.calls)), 0)
        self.trace.crash = Crash(type(error).__name__, str(error), place, name, shapes, dtypes, rows, *_values(given))

    def finish(self) -> Trace:
        """Stop for good; nothing of ours stays in torch."""
        self.look(False)
        self.finished = True
        leave_teachers(self.trace, self.reached)
        for call in self.trace.calls:
            if call.scored and not call.learned:
                self.rows.settle(call, "evaluation")
        self.trace.modular = self.modular
        self.table.forget()
        self.calling.modules.clear()
        if self.failures:
            self.trace.notes += [f"{text} ({n} times)" for text, n in sorted(self.failures.items())[:5]]
        return self.trace


def _in_a_loss(error: BaseException) -> tuple[str, list[Tensor]]:
    """The loss function that an exception came out of, and what it had been given; empty where it was none."""
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_name in LOSSES and frame.f_globals.get("__name__") == "torch.nn.functional":
            return frame.f_code.co_name, tensors_in([frame.f_locals.get("input"), frame.f_locals.get("target")])
        trace = trace.tb_next
    return "", []


def _values(given: list[Tensor]) -> tuple[bool, bool]:
    """Whether outputs are not all finite, and targets not all whole; no, where a device no longer answers."""
    try:
        with unseen():
            spoilt = bool(given) and not bool(given[0].isfinite().all())
            return spoilt, len(given) > 1 and bool((given[1] != given[1].round()).any())
    except RuntimeError:
        return False, False


def _described(name: str, given: list[Tensor]) -> tuple[str, tuple, tuple, int]:
    """An operation and what it was given: shapes, types and rows."""
    rows = len(given[0]) if given and given[0].dim() else 0
    types = tuple(str(t.dtype).removeprefix("torch.") for t in given)
    return name, tuple(tuple(t.shape) for t in given), types, rows


def _learnt(distribution: Any, depth: int = 3) -> bool:
    """Whether a gradient goes to a parameter of a distribution, or of one that it is made from."""
    inner = vars(distribution).values()
    return any(v.requires_grad for v in inner if isinstance(v, Tensor)) or (
        depth > 0 and any(_learnt(v, depth - 1) for v in inner if isinstance(v, torch.distributions.Distribution))
    )


def frame_of_person(depth: int) -> Any:
    """The frame `depth` up, where it is the person's own code."""
    frame = sys._getframe(depth)
    return frame if is_own(frame.f_code.co_filename) else None
