"""Optimisers, schedules and gradients: what is held, what moves, what is set to zero, and in which order."""

import math
import weakref
from typing import Any

import torch
from torch import Tensor

from .places import Place, here
from .trace import Node, Optimiser, Schedule, Weights

LARGEST = 4_000_000
"""Numbers of one parameter whose change is measured; a copy of it is kept for the length of a step."""

MOST = 400
"""Parameters of an optimiser that are looked at, evenly spread."""


class Stepping:
    """Told by the hooks before and after each step.

    Args:
        recorder: The recorder.
    """

    def __init__(self, recorder: Any):
        self.recorder = recorder
        self.alive: dict[int, weakref.ref] = {}
        self.numbers: dict[int, int] = {}
        self.counts: dict[int, int] = {}
        self.objects: list[Any] = []
        self.zeroed: dict[int, bool | None] = {}  # None: the step before was let by
        self.after: dict[int, tuple[weakref.ref, weakref.ref | None]] = {}
        self.before: dict[int, tuple[Tensor, Tensor]] = {}
        self.made: dict[int, Place | None] = {}
        self.manual_at = -1
        self.left: dict[int, Tensor] = {}
        self.started: dict[int, Weights] = {}

    def number_of(self, thing: Any) -> int:
        """A number for an optimiser or a schedule, kept as long as the trace."""
        if id(thing) not in self.numbers:
            self.numbers[id(thing)] = len(self.numbers) + 1
            self.objects.append(thing)
        return self.numbers[id(thing)]

    def optimiser_of(self, optimiser: torch.optim.Optimizer) -> Optimiser:
        number = self.number_of(optimiser)
        known = self.recorder.trace.optimisers.get(number)
        count = sum(len(group["params"]) for group in optimiser.param_groups)
        if known is not None and self.counts.get(number) == count:
            return known
        self.counts[number] = count
        held = [p for group in optimiser.param_groups for p in group["params"]]
        if known is None:
            group = optimiser.param_groups[0]
            known = Optimiser(
                type(optimiser).__name__, here(3), self.made.get(id(optimiser)),
                maximise=bool(group.get("maximize")), plain=type(optimiser).__name__ != "LBFGS",
                momentum=bool(group.get("momentum")),
            )  # fmt: skip
            self.recorder.trace.optimisers[number] = known
            self.recorder.captures.optimised(optimiser)
            self.recorder.sampling.begins(self.recorder.trace.steps)
            self.after[number] = (weakref.ref(held[0]), None)
            self.zeroed[number] = True
        known.held = frozenset(id(p) for p in held)
        self.objects.append(held)
        return known

    def before_step(self, optimiser: torch.optim.Optimizer, closure: bool) -> None:
        recorder = self.recorder
        known, number = self.optimiser_of(optimiser), self.number_of(optimiser)
        known.last = recorder.trace.steps
        known.rates.append(float(optimiser.param_groups[0]["lr"]))
        known.initial = float(optimiser.param_groups[0].get("initial_lr", 0.0))
        if recorder.asleep:
            return
        self.look_for_zeroing()
        if not closure:
            self.count_zeroing(known, number)
            recorder.event("step", here(3), number)
        if recorder.on or known.steps < 12:
            self.measure(known, [p for group in optimiser.param_groups for p in group["params"]])

    def count_zeroing(self, known: Optimiser, number: int) -> None:
        if known.steps and self.zeroed[number]:
            known.zeroed += 1
        elif known.steps and self.zeroed[number] is False:
            known.unzeroed += 1

    def after_step(self, optimiser: torch.optim.Optimizer, closure: bool) -> None:
        known, number = self.optimiser_of(optimiser), self.number_of(optimiser)
        if self.recorder.asleep:
            known.steps += 1
            self.zeroed[number] = None
            self.recorder.boundary()
            return
        if closure:  # its gradients are made, and clipped, within: the step comes behind them
            self.count_zeroing(known, number)
            self.recorder.event("step", here(3), number)
        known.steps += 1
        self.zeroed[number] = False
        first = self.after[number][0]()
        if first is None or first.grad is None or known.steps < 12:
            held = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
            first = min(held, key=lambda p: p.numel(), default=None)
        if first is not None and first.grad is not None:
            self.after[number] = (weakref.ref(first), weakref.ref(first.grad))
        else:
            self.zeroed[number] = None  # without a gradient there is nothing to be set to zero
        self.compare(known)
        self.recorder.boundary()

    def measure(self, known: Optimiser, parameters: list[Tensor]) -> None:
        """Gradients and weights before a step."""
        self.before.clear()
        names = {key: name for m in self.recorder.trace.models.values() for key, (name, _, _) in m.parameters.items()}
        for p in parameters[:: -(-len(parameters) // MOST) or 1]:
            if not p.requires_grad:
                continue
            weights = known.weights.get(id(p))
            if weights is None:
                weights = known.weights[id(p)] = Weights(names.get(id(p), ""), tuple(p.shape))
                if not any(id(p) in model.tables for model in self.recorder.trace.models.values()):
                    self.first_sight(weights, p, known.steps)
            weights.name = weights.name or names.get(id(p), "")
            weights.seen += 1
            if p.dim() > 1 and p.numel() <= LARGEST and weights.seen <= 12:
                weights.rows_equal = len(p) > 1 and alike(p.detach())
            if p.grad is None:
                weights.absent += 1
                continue
            if p.grad.is_sparse:
                continue
            norm = float(p.grad.detach().double().norm()) if p.numel() <= LARGEST else float(p.grad.detach().norm())
            weights.zero += norm == 0
            weights.not_finite += not math.isfinite(norm)
            weights.norms.append(norm)
            if p.numel() <= LARGEST:
                self.before[id(p)] = (p, p.detach().clone())

    @staticmethod
    def first_sight(weights: Weights, p: Tensor, steps: int) -> None:
        if steps or p.dim() < 2 or p.numel() > LARGEST:
            return
        values = p.detach().double()
        fan_in = values[0].numel()
        weights.level = float(values.flatten()[0])
        weights.constant = bool((values == weights.level).all())
        mean, spread = float(values.mean()), float(values.std(correction=0))
        weights.scale = spread * math.sqrt(fan_in)
        weights.offset = abs(mean) * fan_in if abs(mean) > 0.5 * spread else 0.0  # less, and it may be the draw's own

    def compare(self, known: Optimiser) -> None:
        """How far a step went."""
        for key, (p, old) in self.before.items():
            size = float(old.double().norm())
            if key in known.weights and size > 0:
                known.weights[key].ratios.append(float((p.detach() - old).double().norm()) / size)
                known.weights[key].size.append(size)
        self.before.clear()

    # Zeroing

    def look_for_zeroing(self) -> None:
        """Whether gradients were let go or set to zero since each optimiser's last step, whatever did it."""
        for number, (parameter, gradient) in self.after.items():
            if self.zeroed.get(number, True) or gradient is None:
                continue
            p, old = parameter(), gradient()
            if p is None or old is None or p.grad is not old:
                self.zeroed[number] = True
            elif self.recorder.trace.steps < 200:
                self.zeroed[number] = not bool(old.count_nonzero())

    def zero(self, thing: Any, place: Place | None) -> None:
        """An optimiser's or a module's `zero_grad` was called."""
        self.recorder.event("zero", place, self.numbers.get(id(thing), 0))
        if isinstance(thing, torch.optim.Optimizer):
            if id(thing) in self.numbers:
                self.zeroed[self.numbers[id(thing)]] = True
            return
        own = {id(p) for p in thing.parameters()}
        for number, known in self.recorder.trace.optimisers.items():
            if known.held & own:
                self.zeroed[number] = True

    # Steps by hand

    def manual(self, key: int, inputs: tuple[Node, ...], changed: Tensor, name: str, options: dict[str, Any]) -> None:
        """A parameter was changed in place: a step, where a gradient took part."""
        if not any(_has_gradient(node) for node in inputs):
            return
        if any(key in known.held for number, known in self.recorder.trace.optimisers.items() if number):
            return  # an optimiser's own step, in between the calls of its closure
        backwards = sum(1 for e in self.recorder.trace.events[-200:] if e.kind == "backward")
        known = self.recorder.trace.optimisers.setdefault(0, Optimiser("by hand", here(3)))
        known.held |= {key}
        models = self.recorder.trace.models.values()
        if not self.recorder.modular or any(key in model.parameters for model in models):  # else an adversarial input
            known.maximise = known.maximise or uphill(name, inputs[0], options)
        self.moved(known, key, changed, changed.grad if changed.is_leaf else None)
        if backwards and self.manual_at != self.recorder.time and self._fresh():
            self.recorder.event("step", here(3), 0)
            known.steps += 1
            self.recorder.trace.steps += 1
            self.recorder.rest(self.recorder.trace.steps)

    def start(self, node: Node, given: list[Tensor]) -> None:
        """Keep the matrices of a layer by hand as they are before the first step."""
        for made, matrix in zip(node.inputs, given, strict=False):
            if self.recorder.trace.steps or made.name != "parameter" or matrix.dim() != 2 or made.key in self.started:
                continue
            self.started[made.key] = Weights("", tuple(matrix.shape))
            across = node.name != "linear" and made is not node.inputs[0]  # x @ W has its units in columns
            self.first_sight(self.started[made.key], matrix.T if across else matrix, 0)
            self.left[made.key] = matrix.detach().clone()

    def moved(self, known: Optimiser, key: int, changed: Tensor, gradient: Tensor | None) -> None:
        """How far a step by hand went, against where the one before left the parameter, and along which gradient."""
        if changed.numel() > LARGEST or known.steps > 24:
            return
        new = self.started.get(key, Weights("", tuple(changed.shape)))
        values, weights = changed.detach().clone(), known.weights.setdefault(key, new)
        before = self.left.get(key)
        weights.seen += 1
        if before is not None and (size := float(before.double().norm())) > 0:
            weights.ratios.append(float((values - before).double().norm()) / size)
            weights.size.append(size)
        if gradient is not None:
            weights.norms.append(float(gradient.double().norm()))
            weights.not_finite += not math.isfinite(weights.norms[-1])
        if before is None and values.dim() > 1:
            weights.constant = bool((values == values.flatten()[0]).all())
        if values.dim() > 1:
            weights.rows_equal = alike(values) or alike(values.movedim(1, 0))
        self.left[key] = values

    def _fresh(self) -> bool:
        """Whether a backward pass came after the last step by hand."""
        for event in reversed(self.recorder.trace.events):
            if event.kind == "step":
                return False
            if event.kind == "backward":
                return True
        return False

    # Schedules

    def schedule(self, scheduler: Any, place: Place | None) -> None:
        """A schedule was stepped by the program."""
        number = self.number_of(scheduler)
        known = self.schedule_of(scheduler, place)
        if known.first < 0:
            known.first, known.place = self.recorder.trace.steps, place
        known.steps += 1
        if len(known.taken) < 20_000:
            known.taken.append(self.recorder.trace.steps)
        self.recorder.event("schedule", place, number)

    def schedule_of(self, scheduler: Any, place: Place | None) -> Schedule:
        number = self.number_of(scheduler)
        known = self.recorder.trace.schedules.get(number)
        if known is None:
            planned = next(
                (int(v) for name in ("total_steps", "T_max") if isinstance(v := getattr(scheduler, name, None), int)), 0
            )
            known = Schedule(type(scheduler).__name__, place, planned=planned)
            known.every = int(getattr(scheduler, "step_size", 0) or 0)
            known.mode = str(getattr(scheduler, "mode", "") if known.name == "ReduceLROnPlateau" else "")
            optimiser = getattr(scheduler, "optimizer", None)
            known.subject = self.number_of(optimiser) if optimiser is not None else 0
            self.recorder.trace.schedules[number] = known
        return known


def alike(values: Tensor) -> bool:
    """Whether all rows are equal, up to the order in which products were summed up."""
    return bool((values[1:] - values[:1]).abs().max() <= 1e-5 * values.abs().max()) if len(values) > 1 else True


def uphill(name: str, change: Node, options: dict[str, Any]) -> bool:
    """Whether a parameter is moved along its gradient, not against it: read from the formula, False where unclear."""
    alpha = options.get("alpha", 1)
    sign = {"add": 1, "sub": -1}.get(name, 0) * (-1 if isinstance(alpha, int | float) and alpha < 0 else 1)
    for _ in range(8):
        if change.name in ("grad", "data", "detach", "clone") and not any(_has_gradient(i) for i in change.inputs):
            return sign > 0 and change.name == "grad"
        number = next((v for k in ("1", "0", "other") if isinstance(v := change.options.get(k), int | float)), 1)
        if change.name == "neg" or (change.name in ("mul", "div") and number < 0):
            sign = -sign
        elif change.name not in ("mul", "div", "data", "detach", "clone", "clamp"):
            return False
        change = next((i for i in change.inputs if _has_gradient(i)), change)
    return False


def _has_gradient(node: Node, depth: int = 5) -> bool:
    return node.name == "grad" or (depth > 0 and any(_has_gradient(i, depth - 1) for i in node.inputs))
