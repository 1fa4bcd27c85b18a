"""Builds the trace while the program runs: what hooks and patches tell it, in order. Decides nothing."""

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .captures import Captures
from .measuring import Measuring
from .operations import Operations, Table, leaf
from .places import Place, callers, here, is_own
from .sampling import Sampling
from .stepping import Stepping
from .summaries import columns, population, row_keys
from .trace import Backward, Call, Crash, Event, Model, Modes, Node, Trace

MOST_EVENTS, MOST_CALLS, MOST_BACKWARDS = 60_000, 40_000, 120
MOST_ROWS = 200_000
"""Rows told apart; of a larger set the first ones stand for all."""

FUSED = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder)
"""Their fast path in eval mode is left when a function mode is on, and its last bits are others: not looked into."""


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
        self.captures, self.stepping, self.measuring = Captures(), Stepping(self), Measuring(self)
        self.owner = threading.get_ident()
        self.most_steps = most_steps
        self.modules: list[nn.Module] = []
        self.current_calls: frozenset[int] = frozenset()
        self.module = ""
        self.on = self.paused = self.in_step = self.in_backward = self.finished = False
        self.failures: dict[str, int] = {}
        self.last_broken: tuple[str, tuple, tuple, int] = ("", (), (), 0)
        self.rows_waiting: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.known_rows: dict[str, set[int]] = {"train": set(), "evaluation": set()}
        self.places_learned: set[Place | None] = set()
        self.places_scored: set[Place | None] = set()
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
        if on:
            self.mode.__enter__()
            self.on = True
        elif torch.overrides._get_current_function_mode() is self.mode:
            self.mode.__exit__(None, None, None)
            self.on = False

    def failed(self, error: Exception) -> None:
        """Keep a failure of our own as a note."""
        text = f"{type(error).__name__}: {error}"
        self.failures[text] = self.failures.get(text, 0) + 1

    def broken(self, name: str, args: tuple, kwargs: dict) -> None:
        """Keep which operation of the program failed last."""
        from .operations import tensors_in

        given = tensors_in([*args, *kwargs.values()])
        rows = len(given[0]) if given and given[0].dim() else 0
        self.last_broken = (
            name, tuple(tuple(t.shape) for t in given[:3]),
            tuple(str(t.dtype).removeprefix("torch.") for t in given[:3]), rows,
        )  # fmt: skip

    def guarded(self, look: Callable[..., object], *args: Any) -> None:
        """Run a part of our own so that its failure is a note, and so that it is not seen itself."""
        if self.finished or threading.get_ident() != self.owner:
            return
        paused, self.paused = self.paused, True
        try:
            with torch.no_grad(), torch._C.DisableTorchFunction():
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

    # Modules

    def before_module(self, module: nn.Module, args: tuple) -> None:
        if self.finished or threading.get_ident() != self.owner or torch.compiler.is_compiling():
            return
        self.modules.append(module)
        self.module = type(module).__name__
        if len(self.modules) == 1:
            gradient = torch.is_grad_enabled()
            self.guarded(self.enter, module, args, gradient)
        elif self.current_calls and getattr(module, "batch_first", True) is False:
            self.guarded(self.sequence, module, args)
        if self.current_calls and isinstance(module, nn.RNNBase | nn.RNNCellBase) and self.on:
            self.guarded(self.state, args[1:])
        if isinstance(module, FUSED) and not module.training:
            self.paused = True

    def after_module(self, module: nn.Module, args: tuple, output: Any) -> None:
        if self.finished or threading.get_ident() != self.owner or torch.compiler.is_compiling():
            return
        while self.modules and self.modules.pop() is not module:
            pass
        if isinstance(module, FUSED):
            self.paused = False
        self.module = type(self.modules[-1]).__name__ if self.modules else ""
        if not self.modules:
            self.guarded(self.leave, module, output)
            self.current_calls = frozenset()

    def enter(self, module: nn.Module, args: tuple, gradient: bool) -> None:
        """A model is called from outside of any other."""
        first = _first_tensor(args)
        if first is not None and torch._C._functorch.is_functorch_wrapped_tensor(first):
            return
        parameters = {id(p): (name, tuple(p.shape), p.requires_grad) for name, p in module.named_parameters()}
        if not parameters:
            return
        model = self.model_of(module, parameters)
        if first is not None and first.requires_grad and not leaf(first):
            node = self.table.get(first)  # a head that is called on what another model gave
            self.current_calls = node.calls if node else frozenset()
            return
        if not gradient or not module.training:
            wanted = self.sampling.evaluation(self.trace.steps)
            if wanted or self.sampling.evaluations > 1 or self.trace.steps > 12:
                self.look(wanted or (gradient and self.on))
        if len(self.table) > 15_000:
            self.table.forget()
        call = Call(
            len(self.trace.calls), self.trace.steps, model, here(3), module.training, _modes(module), gradient,
            len(first) if first is not None and first.dim() else 0, np.empty(0, np.int64),
            watched=self.on, time=self.tick(), callers=() if gradient else callers(3),
        )  # fmt: skip
        if len(self.trace.calls) >= MOST_CALLS:
            self.current_calls = frozenset()
            return
        self.trace.calls.append(call)
        self.current_calls = frozenset({call.number})
        if first is not None and first.dim() and len(first):
            call.input_gradient = first.requires_grad
            self.see_rows(call, first)
            node = self.table.of(first)
            if not node.inputs:
                node.calls = self.current_calls
        if gradient:
            self.captures.model(module, model, args, self.trace.steps)

    def sequence(self, module: nn.Module, args: tuple) -> None:
        """A recurrent or attention module that takes time first: what it got."""
        first = _first_tensor(args)
        if first is not None and first.dim() == 3 and len(self.trace.time_first) < 200:
            shape = tuple(first.shape)
            self.trace.time_first.append(Node(self.module, (), shape, "", False, here(3), calls=self.current_calls))

    def state(self, given: tuple) -> None:
        """A recurrent module that starts from a state: whether this call made that state."""
        first = _first_tensor(given)
        node = self.table.get(first) if first is not None else None
        if first is not None and not (node and node.calls & self.current_calls):
            self.trace.calls[max(self.current_calls)].carried = True

    def see_rows(self, call: Call, inputs: Tensor) -> None:
        """Tell the rows of a call's inputs apart, and keep their values until it is known what they are for."""
        if sum(map(len, self.known_rows.values())) > MOST_ROWS:
            return
        rows = columns(inputs)
        if rows.shape[1] == 0:
            return
        call.keys = row_keys(rows)
        self.captures.rows(call, inputs)
        if inputs.dtype.is_complex:
            return
        if not inputs.is_floating_point():
            self.trace.models[call.model].embeds = True
        values = rows.detach().to(torch.float32).cpu().numpy()
        finite = values[np.isfinite(values)]
        if finite.size:
            call.mean, call.std = float(finite.mean(dtype=np.float64)), float(finite.std(dtype=np.float64))
            call.low, call.high = float(finite.min()), float(finite.max())
        self.rows_waiting[call.number] = (call.keys, values)
        while len(self.rows_waiting) > 64:
            self.rows_waiting.pop(next(iter(self.rows_waiting)))

    def model_of(self, module: nn.Module, parameters: dict) -> int:
        key = id(module)
        if key not in self.trace.models:
            inner = {id(m) for m in module.modules()}
            where, library = next((self.loaded[i] for i in inner if i in self.loaded), ("", ""))
            self.trace.models[key] = Model(type(module).__name__, parameters, where, library, inner=inner)
            self.kept.append(module)  # its identity must stay its own
        elif len(self.trace.models[key].parameters) != len(parameters):
            self.trace.models[key].parameters |= parameters
        return key

    def leave(self, module: nn.Module, output: Any) -> None:
        for tensor in _tensors(output):
            if self.table.get(tensor) is None:
                made = Node("model", (), tuple(tensor.shape), str(tensor.dtype)[6:], tensor.requires_grad)
                made.calls = self.current_calls
                self.table.set(tensor, made)
        if self.current_calls and not self.on:
            self.guess(self.trace.calls[max(self.current_calls)])

    def guess(self, call: Call) -> None:
        """What a call is for that was not looked into: what calls at the same line were for."""
        if call.place in self.places_scored - self.places_learned:
            self.score(call.number)

    # Operations

    def operation(
        self, node: Node, given: list[Tensor], kwargs: dict, result: Tensor, changed: bool, raw: Any = None
    ) -> None:
        self.measuring.operation(node, given, kwargs, result, raw)
        if changed and node.inputs and node.inputs[0].name == "data" and node.inputs[0].inputs:
            parameter = node.inputs[0].inputs[0]
            if parameter.name == "parameter":
                self.stepping.manual(parameter.key, node.inputs[1:])

    def leaf_changed(self, name: str, tensor: Tensor, inputs: tuple[Node, ...]) -> None:
        self.stepping.manual(id(tensor), inputs[1:])

    def gradient_set(self, tensor: Tensor, value: Any) -> None:
        if value is None:
            self.event("zero", here(3), id(tensor))

    def likelihood(self, distribution: Any, value: Tensor, result: Tensor) -> None:
        """A distribution said how likely values are: whether its parameters, and the values, are learnt."""
        node = self.table.get(result)
        if node is not None:
            node.facts["likelihood.parameters"] = float(_learnt(distribution))
            node.facts["likelihood.value"] = float(value.requires_grad)

    def score(self, number: int) -> None:
        """A call's output met a loss or a comparison."""
        call = self.trace.calls[number]
        call.scored = True
        self.places_scored.add(call.place)
        if not call.gradient:
            self.settle(call, "evaluation")

    def settle(self, call: Call, phase: str) -> None:
        """Count a call's rows to training or evaluation."""
        waiting = self.rows_waiting.pop(call.number, None)
        if waiting is None:
            return
        keys, values = waiting
        known = self.known_rows[phase]
        fresh = np.array([key not in known for key in keys.tolist()])
        _, firsts = np.unique(keys, return_index=True)
        once = np.zeros(len(keys), bool)
        once[firsts] = True
        known.update(keys.tolist())
        if phase == "evaluation":  # rows that were trained on say nothing about what evaluation alone has seen
            fresh &= np.array([key not in self.known_rows["train"] for key in keys.tolist()])
        chosen = values[fresh & once]
        if not len(chosen) or not np.isfinite(chosen).all():
            return
        name = f"{phase}:{call.model}" if phase == "train" else f"{phase}:{call.model}:{call.place}"
        sums = population(chosen)
        before = self.trace.populations.get(name)
        if before is None or len(before.sums) == len(sums.sums):
            self.trace.populations[name] = sums if before is None else before + sums

    # Backward

    def before_backward(self, root: Any, place: Place | None) -> None:
        """A backward pass begins."""
        self.stepping.look_for_zeroing()
        if not isinstance(root, Tensor):
            root = next(iter(_tensors(root)), None)
        if root is None:
            return
        loss = float(root.detach()) if root.numel() == 1 else float("nan")
        node = self.table.get(root) if self.on else None
        if node is not None and node.calls:
            calls = node.calls
        else:
            recent = [c for c in self.trace.calls[-16:] if c.step == self.trace.steps and c.gradient]
            calls = frozenset(c.number for c in recent if not c.learned and c.place in self.places_learned)
        for number in calls:
            call = self.trace.calls[number]
            call.learned = True
            if node is not None:
                self.places_learned.add(call.place)
            self.settle(call, "train")
        event = self.event("backward", place, loss=loss, calls=calls)
        if node is not None and len(self.trace.backwards) < MOST_BACKWARDS:
            self.trace.backwards.append(Backward(event.time, self.trace.steps, node, place, loss))

    def boundary(self) -> None:
        """An optimiser step is over."""
        self.trace.steps += 1
        if self.trace.steps % 8 == 0 or not self.on:
            self.rows_waiting.clear()
        self.table.forget()
        self.look(self.sampling.step(self.trace.steps, bool(self.trace.models)))

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
        name, shapes, dtypes, rows = self.last_broken
        rows = rows or next((call.rows for call in reversed(self.trace.calls)), 0)
        self.trace.crash = Crash(type(error).__name__, str(error), place, name, shapes, dtypes, rows)

    def finish(self) -> Trace:
        """Stop for good; nothing of ours stays in torch."""
        self.look(False)
        self.finished = True
        for call in self.trace.calls:
            if call.scored and not call.learned:
                self.settle(call, "evaluation")
        self.table.forget()
        self.modules.clear()
        if self.failures:
            self.trace.notes += [f"{text} ({n} times)" for text, n in sorted(self.failures.items())[:5]]
        return self.trace


def _modes(module: nn.Module) -> Modes:
    found = dict.fromkeys(("dropout_on", "dropout_off", "norm_on", "norm_off", "norm_frozen"), 0)
    for inner in module.modules():
        if (isinstance(inner, nn.modules.dropout._DropoutNd | nn.FeatureAlphaDropout) and inner.p > 0) or (
            isinstance(inner, nn.RNNBase) and inner.dropout > 0
        ):
            found["dropout_on" if inner.training else "dropout_off"] += 1
        elif isinstance(inner, nn.modules.batchnorm._BatchNorm):
            found["norm_on" if inner.training else "norm_off"] += 1
            found["norm_frozen"] += not any(p.requires_grad for p in inner.parameters(recurse=False))
    return Modes(**found)


def _learnt(distribution: Any, depth: int = 3) -> bool:
    """Whether a gradient goes to a parameter of a distribution, or of one that it is made from."""
    inner = vars(distribution).values()
    return any(v.requires_grad for v in inner if isinstance(v, Tensor)) or (
        depth > 0 and any(_learnt(v, depth - 1) for v in inner if isinstance(v, torch.distributions.Distribution))
    )


def _tensors(value: Any, depth: int = 0) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if depth > 2:
        return []
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for item in value[:32] for tensor in _tensors(item, depth + 1)]
    return []


def _first_tensor(args: tuple) -> Tensor | None:
    return next(iter(_tensors(args)), None)


def frame_of_person(depth: int) -> Any:
    """The frame `depth` up, where it is the person's own code."""
    frame = sys._getframe(depth)
    return frame if is_own(frame.f_code.co_filename) else None
