"""Calls of models: when one begins and ends, which model it is, in which modes, on which rows."""

import sys
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .explaining import imagined
from .formulas import source_of_rows
from .operations import leaf
from .places import callers, here
from .rows import codes_beside, of_row
from .sampling import DENSE_STEPS
from .trace import Call, Model, Modes, Node

MOST_CALLS, MOST_LEFT, FIRST_STEPS = 40_000, 50, 3

AGAIN = 64
"""Calls of a known model between two looks at its parts, which cost more the more there are; where operations are
recorded it is looked at each time."""

SOURCES = 60
"""Calls of a model whose inputs' making is kept, also where it learns behind another training."""

FUSED = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerEncoder)
"""Their fast path in eval mode is left when a function mode is on, and its last bits are others: not looked into."""

NORMS = nn.modules.batchnorm._BatchNorm
DROPOUTS = (nn.modules.dropout._DropoutNd, nn.FeatureAlphaDropout)


class Calling:
    """Told by the hooks before and after each module.

    Args:
        recorder: The recorder.
    """

    def __init__(self, recorder: Any):
        self.recorder = recorder
        self.modules: list[nn.Module] = []
        self.parts: dict[int, tuple[nn.Module, ...]] = {}
        self.seen: dict[int, int] = {}
        self.passing: nn.Module | None = None
        self.named: dict[str, Any] = {}
        self.learnt: dict[tuple, int] = {}

    def before(self, module: nn.Module, args: tuple) -> None:
        recorder = self.recorder
        if self.passing is not None or recorder.finished or recorder.deaf or threading.get_ident() != recorder.owner:
            return
        if torch.compiler.is_compiling():
            return
        if recorder.asleep and module.training and not self.modules and torch.is_grad_enabled():
            self.passing = module
            recorder.look(False)
            return
        self.modules.append(module)
        recorder.module = type(module).__name__
        if len(self.modules) == 1:
            gradient = torch.is_grad_enabled()
            if not any(isinstance(arg, Tensor) for arg in args):  # torch tells a global hook nothing of named arguments
                named = sys._getframe(1).f_locals.get("kwargs")
                self.named = named if isinstance(named, dict) else {}
                args = (*args, *self.named.values())
            else:
                self.named = {}
            recorder.modular, recorder.table.functional = True, False
            recorder.guarded(self.enter, module, args, gradient)
        elif recorder.on and recorder.current_calls:
            if getattr(module, "batch_first", True) is False:
                recorder.guarded(self.sequence, module, args)
            if isinstance(module, nn.RNNBase | nn.RNNCellBase):
                recorder.guarded(self.state, args[1:])
        if isinstance(module, FUSED) and not module.training:
            recorder.paused = True

    def after(self, module: nn.Module, args: tuple, output: Any) -> None:
        recorder = self.recorder
        if self.passing is not None:
            if module is self.passing:
                self.passing = None
            return
        if recorder.finished or recorder.deaf or threading.get_ident() != recorder.owner:
            return
        if torch.compiler.is_compiling():
            return
        while self.modules and self.modules.pop() is not module:
            pass
        if isinstance(module, FUSED):
            recorder.paused = False
        recorder.module = type(self.modules[-1]).__name__ if self.modules else ""
        if not self.modules:
            recorder.guarded(self.leave, output, id(module))
            recorder.current_calls = frozenset()

    def enter(self, module: nn.Module, args: tuple, gradient: bool) -> None:
        """A model is called from outside of any other."""
        recorder, first = self.recorder, _first_tensor(args)
        trace, sampling = recorder.trace, recorder.sampling
        if first is not None and torch._C._functorch.is_functorch_wrapped_tensor(first):
            return
        model = self.model_of(module)
        if not model:
            return
        if first is not None and first.requires_grad and not leaf(first):
            node = recorder.table.get(first)  # a head that is called on what another model gave
            recorder.current_calls = node.calls if node else frozenset()
            return
        above = () if gradient else callers(3)
        if not gradient or not module.training:
            wanted = sampling.evaluation(trace.steps, tuple(line.line for line in above))
            if wanted or sampling.evaluations > 1 or trace.steps > 12:
                recorder.look(wanted or (gradient and recorder.on))
        if len(recorder.table) > 15_000:
            recorder.table.forget()
        if len(trace.calls) >= MOST_CALLS:
            recorder.current_calls = frozenset()
            return
        if not gradient:
            self.stand_in(trace.models[model], model)
        call = Call(
            len(trace.calls), trace.steps, model, here(3), module.training, _modes(self.parts[model]), gradient,
            len(first) if first is not None and first.dim() else 0, np.empty(0, np.int64),
            watched=recorder.on, time=recorder.tick(), callers=above,
            shape=tuple(first.shape) if first is not None else (),
        )  # fmt: skip
        trace.calls.append(call)
        recorder.current_calls = frozenset({call.number})
        if first is not None and first.dim() and len(first):
            call.input_gradient = first.requires_grad
            call.bags = first.dim() == 1 and first.dtype == torch.int64
            recorder.rows.see(call, first, [t for t in _tensors(args) if of_row(t, first)])
            if len(call.keys) and first.is_floating_point():
                call.not_finite = _not_finite(first)
            if not gradient and len(call.keys):
                call.classes = recorder.delivery.marks(first)
                call.beside = recorder.delivery.labels(first)
            elif gradient and recorder.on and trace.steps < 12:
                call.others = recorder.delivery.others(first)
                call.codes = codes_beside(first, _tensors(args))
            node = recorder.table.of(first)
            call.imagined = recorder.on and not gradient and imagined(node)
            if not node.inputs:
                node.calls = recorder.current_calls
            elif any(trace.calls[n].model == model for n in node.calls):
                recorder.rows.made(call)
            if recorder.on and (not gradient or trace.steps < DENSE_STEPS or self.seen[model] < SOURCES):
                call.source = node
        if gradient:
            given = args[: len(args) - len(self.named)]
            recorder.captures.model(module, model, args, trace.steps)
            recorder.captures.call(module, model, given, self.named, trace.steps)

    def model_of(self, module: nn.Module) -> int:
        """Which model a module is; 0 where it has no parameters."""
        key, models = id(module), self.recorder.trace.models
        self.seen[key] = self.seen.get(key, -1) + 1
        if key in models and not self.recorder.on and self.seen[key] % AGAIN:
            return key
        parameters = {id(p): (name, tuple(p.shape), p.requires_grad) for name, p in module.named_parameters()}
        if not parameters:
            return 0
        parts = tuple(module.modules())
        self.parts[key] = tuple(part for part in parts if _has_mode(part))
        if key not in models:
            inner = {id(part) for part in parts}
            loaded = self.recorder.loaded
            where, library = next((loaded[i] for i in inner if i in loaded), ("", ""))
            models[key] = Model(type(module).__name__, parameters, where, library, inner=inner)
            models[key].tables = {id(part.weight) for part in parts if isinstance(part, nn.Embedding | nn.EmbeddingBag)}
            models[key].origin = next((origin for i in inner if (origin := self.recorder.origins.get(i, 0))), 0)
            self.recorder.kept.append(module)  # its identity must stay its own
        elif len(models[key].parameters) != len(parameters):
            models[key].parameters |= parameters
        return key

    def learns(self, key: int) -> None:
        """A backward pass goes through a model."""
        self.learnt[self.recorder.trace.models[key].form] = key

    def stand_in(self, model: Model, key: int) -> None:
        """A model is asked: whether it may be a copy of one that learnt."""
        learnt = self.learnt.get(model.form, 0)
        if learnt != key and model.form:
            model.copy_of = learnt

    def by_hand(self, node: Node, entering: Tensor) -> None:
        """Rows meet parameters outside of any module: a model that is written as functions is called."""
        recorder, trace = self.recorder, self.recorder.trace
        root, parameter = source_of_rows(node)
        if root is None or root.calls or len(trace.calls) >= MOST_CALLS:
            node.calls |= root.calls if root is not None else frozenset()
            return
        whole = entering._base
        rows = whole if whole is not None and whole.dim() and len(whole) == len(entering) else entering
        models, shape = trace.models, str(parameter.shape)
        key = next((k for k, model in models.items() if k < 0 and model.name == shape), -1 - len(models))
        models.setdefault(key, Model(shape, {}))
        call = Call(
            len(trace.calls), trace.steps, key, here(3), True, Modes(), node.wants_gradient, len(rows),
            np.empty(0, np.int64), watched=True, time=recorder.tick(),
            callers=() if node.wants_gradient else callers(3), shape=tuple(rows.shape),
        )  # fmt: skip
        trace.calls.append(call)
        root.calls = frozenset({call.number})
        node.calls |= root.calls
        recorder.rows.see(call, rows)

    def shown(self, tensor: Tensor) -> None:
        """A tensor's values left torch (`.item()`, `.numpy()`, `.tolist()`)."""
        self._leaves(self.recorder.table.get(tensor))
        node = None if self.modules else self.recorder.table.get(tensor)  # a batch norm's own counter is no output
        for number in node.calls if node is not None else ():
            call = self.recorder.trace.calls[number]
            if call.imagined:
                continue
            call.shown = True
            if not call.gradient:
                self.recorder.rows.settle(call, "shown")
        if node is not None and node.calls and not any(self.recorder.trace.calls[n].gradient for n in node.calls):
            self.recorder.arrays.said(tensor)
            if tensor.numel() == 1 and node.layers:
                self.recorder.measuring.taken_out(node, tensor)

    def _leaves(self, node: Node | None) -> None:
        """Whether values leave torch within a model that is learnt from, or a loss does: no gradient comes back."""
        trace, within = self.recorder.trace, self.recorder.current_calls
        if node is None or not node.layers or len(trace.left) >= MOST_LEFT:
            return
        loss = node.wants_gradient and not node.shape and trace.steps < FIRST_STEPS  # a number: its gradient is lost
        if loss or (within and trace.calls[max(within)].gradient):
            trace.left.append(node)

    def sequence(self, module: nn.Module, args: tuple) -> None:
        """A recurrent or attention module that takes time first: what it got."""
        first, recorder = _first_tensor(args), self.recorder
        if first is not None and first.dim() == 3 and len(recorder.trace.time_first) < 200:
            made = Node(recorder.module, (), tuple(first.shape), "", False, here(3), calls=recorder.current_calls)
            recorder.trace.time_first.append(made)

    def state(self, given: tuple) -> None:
        """A recurrent module that starts from a state: whether this call made that state."""
        first, recorder = _first_tensor(given), self.recorder
        node = recorder.table.get(first) if first is not None else None
        if first is not None and not (node and node.calls & recorder.current_calls):
            recorder.trace.calls[max(recorder.current_calls)].carried = True

    def leave(self, output: Any, module: int) -> None:
        recorder = self.recorder
        for tensor in _tensors(output):
            if recorder.table.get(tensor) is None:
                made = Node("model", (), tuple(tensor.shape), str(tensor.dtype)[6:], tensor.requires_grad)
                made.calls = recorder.current_calls
                recorder.table.set(tensor, made)
        if recorder.on and recorder.current_calls:
            recorder.pushing.look(max(recorder.current_calls), _tensors(output), module)
        if recorder.current_calls and not recorder.on:
            self.guess(recorder.trace.calls[max(recorder.current_calls)])

    def guess(self, call: Call) -> None:
        """What a call is for that was not looked into: what calls at the same line were for."""
        if call.place in self.recorder.places_scored and call.place not in self.recorder.places_learned:
            self.recorder.score(call.number)


def _not_finite(values: Tensor) -> float:
    """Share of NaN and infinity; a sum tells in a hundredth of the time that there is none."""
    values = values.detach()
    return 0.0 if bool(values.sum().isfinite()) else 1.0 - float(values.isfinite().double().mean())


def _has_mode(module: nn.Module) -> bool:
    """Whether a module does another thing in eval mode than in train mode."""
    dropout = isinstance(module, DROPOUTS) and module.p > 0
    return dropout or isinstance(module, NORMS) or (isinstance(module, nn.RNNBase) and module.dropout > 0)


def _modes(parts: tuple[nn.Module, ...]) -> Modes:
    found = dict.fromkeys(("dropout_on", "dropout_off", "norm_on", "norm_off", "norm_frozen"), 0)
    for part in parts:
        norm = isinstance(part, NORMS)
        found[f"{'norm' if norm else 'dropout'}_{'on' if part.training else 'off'}"] += 1
        if norm:
            found["norm_frozen"] += not any(p.requires_grad for p in part.parameters(recurse=False))
    return Modes(**found)


def _tensors(value: Any, depth: int = 0) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if depth > 2:
        return []
    if isinstance(value, Mapping):
        value = list(value.values())
    elif hasattr(value, "__dict__") and not isinstance(value, nn.Module | type):
        value = list(vars(value).values())  # a batch that is a dataclass
    if isinstance(value, list | tuple):
        return [tensor for item in value[:32] for tensor in _tensors(item, depth + 1)]
    return []


def _first_tensor(args: tuple) -> Tensor | None:
    return next(iter(_tensors(args)), None)
