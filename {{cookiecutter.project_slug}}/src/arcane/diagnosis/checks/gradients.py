"""Gradients and the optimiser: every parameter that should learn gets a finite gradient and is held by an optimiser."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ...data.findings import Finding
from ..bench import Bench
from ..recording import leaves
from .check import Check


def _named(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _used(bench: Bench, task: Any) -> list[Tensor]:
    """What takes part in the loss; in the outputs, where the task keeps its losses to itself."""
    seen = bench.watch(task, bench.batch())
    end = seen.outputs if bench.manual and not seen.loss.requires_grad else seen.loss
    return [] if end is None else list(leaves(end))


def look_at_registration(bench: Bench) -> Iterator[Finding]:
    """Leaves of the loss's graph that want a gradient but are no parameters of the task."""
    task = bench.copy(train=True)
    known = {id(p) for p in task.parameters()}
    foreign = [leaf for leaf in _used(bench, task) if id(leaf) not in known]
    if foreign:
        yield Finding(
            "parameter-not-registered",
            "error",
            f"{len(foreign)} tensors of shapes {_named(str(list(leaf.shape)) for leaf in foreign)} take part in the "
            "loss and "
            "want a gradient, but are no parameters of the task: they are neither trained nor saved.",
            "Keep layers as attributes or in nn.ModuleList, tensors as nn.Parameter; a plain list hides them.",
            evidence={"tensors": float(len(foreign)), "numbers": float(sum(leaf.numel() for leaf in foreign))},
            expected="0",
            location=bench.location("__init__"),
        )


def look_at_optimiser(bench: Bench) -> Iterator[Finding]:
    """The parameters that the optimisers hold against those of the task, by identity."""
    task = bench.copy(train=True)
    groups = [group for optimizer in bench.configured(task).optimizers for group in optimizer.param_groups]
    held = {id(p): p for group in groups for p in group["params"]}
    own = {id(p) for p in task.parameters()}
    left_out = [name for name, p in task.named_parameters() if p.requires_grad and id(p) not in held]
    used = {id(leaf) for leaf in _used(bench, task)}
    foreign = [p for key, p in held.items() if key not in own and key not in used]
    where = bench.location("configure_optimizers")
    if foreign:
        yield Finding(
            "optimiser-holds-foreign-parameters",
            "error",
            f"The optimiser holds {len(foreign)} of {len(held)} tensors, of shapes "
            f"{_named(str(list(p.shape)) for p in foreign)}, that neither are parameters of the task nor take part in "
            "its loss.",
            "Make the optimiser in configure_optimizers, from self.parameters(), after every layer is in place.",
            evidence={"foreign": float(len(foreign)), "held": float(len(held))},
            expected="0",
            location=where,
        )
    if left_out:
        yield Finding(
            "parameter-not-in-optimiser",
            "error",
            f"The optimiser does not hold {len(left_out)} parameters that want a gradient: {_named(left_out)}.",
            "Give them to the optimiser, or freeze them on purpose with requires_grad_(False).",
            evidence={"parameters": float(len(left_out))},
            expected="0",
            location=where,
        )


def look_at_gradient(bench: Bench) -> Iterator[Finding]:
    if not bench.manual and not bench.trained.loss.requires_grad:
        yield Finding(
            "gradient-does-not-flow",
            "error",
            "The loss has no gradient at all: it does not depend on any parameter that is trained.",
            "Look for detach(), no_grad(), argmax or numpy between the model and the loss, and for frozen parameters.",
            location=bench.location("training_step"),
        )


def look_at_flow(bench: Bench) -> Iterator[Finding]:
    """Gradients while one batch is learnt: a zero at the first step alone is a matter of initialisation."""
    course = bench.own_course
    if course.not_finite:
        yield Finding(
            "gradient-not-finite",
            "error",
            f"At step {len(course.losses)} the gradients of {_named(course.not_finite)} are not finite, though the "
            "loss is.",
            "Look for a square root or a norm at zero, or a logarithm, on the way back.",
            evidence={"step": float(len(course.losses)), "parameters": float(len(course.not_finite))},
            expected="finite gradients",
            location=bench.location("training_step"),
        )
        return
    still = [name for name, p in bench.original.named_parameters() if p.requires_grad and name not in course.moved]
    if still and course.shape not in ("not-finite", "explodes"):
        yield Finding(
            "gradient-does-not-flow",
            "error",
            f"{len(still)} parameters got no gradient, or only zeros, in {len(course.losses)} steps: {_named(still)}.",
            "Look for detach() or no_grad() behind them, for layers that forward does not use, and for dead units.",
            evidence={"parameters": float(len(still)), "steps": float(len(course.losses))},
            expected="0",
            location=bench.location("forward"),
        )
    yield from _frozen(bench)
    if course.shape not in ("not-finite", "explodes"):
        yield from _vanishing(bench, {name: size for name, size in course.sizes.items() if name not in still})


def _vanishing(bench: Bench, sizes: dict[str, float]) -> Iterator[Finding]:
    """Gradients by layer: the smallest against the largest."""
    there = {name: size for name, size in sizes.items() if 0 < size < math.inf}
    if len(there) < 2:
        return
    least, most = min(there, key=there.__getitem__), max(there, key=there.__getitem__)
    ratio = there[least] / there[most]
    bench.measurements["gradient_ratio_least"] = ratio
    if ratio < bench.limit("gradient_ratio_least"):
        yield Finding(
            "gradient-vanishing",
            "error",
            f"The gradient of {least} is {ratio:.2g} of that of {most}: it hardly learns.",
            "Use rectifiers, residual connections or a normalisation, fewer layers, and an initialisation that keeps "
            "the variance.",
            evidence={"ratio": ratio, "least": there[least], "most": there[most]},
            expected=f"at least {bench.limit('gradient_ratio_least'):g}",
            location=bench.location("__init__"),
        )


def look_at_size(bench: Bench) -> Iterator[Finding]:
    """The plain loss's gradient at the start, each layer's over its weights: another loss may have any scale."""
    task = bench.copy(train=False)
    inputs, labels = bench.batch()
    weights = [(name, p) for name, p in task.named_parameters() if p.requires_grad and float(p.detach().norm()) > 1e-6]
    weights = [(name, p) for name, p in weights if p.ndim > 1]
    loss = bench.aim.loss(task(inputs), labels)
    if not weights or not loss.requires_grad or not bool(loss.isfinite()):
        return
    gradients = torch.autograd.grad(loss, [p for _, p in weights], allow_unused=True)
    relative = {
        name: float(g.norm()) / float(p.detach().norm())
        for (name, p), g in zip(weights, gradients, strict=True)
        if g is not None and bool(g.isfinite().all())
    }
    most = max(relative, key=relative.__getitem__, default=None)
    if most is None:
        return
    bench.measurements["gradient_relative"] = relative[most]
    if relative[most] > bench.limit("gradient_relative"):
        yield Finding(
            "gradient-exploding",
            "error",
            f"The gradient of {most}, by plain {bench.aim.reference}, is {relative[most]:.3g} times as long as its "
            "weights.",
            "Normalise inputs and targets, draw smaller weights, and clip the gradient's norm (train.clip).",
            evidence={"relative": relative[most]},
            expected=f"at most {bench.limit('gradient_relative'):g}",
            location=bench.location("forward"),
        )


def _frozen(bench: Bench) -> Iterator[Finding]:
    """Frozen layers in front are a backbone; a frozen last layer behind trained ones is a mistake."""
    layers = [m for m in bench.original.modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)]
    frozen = [not any(p.requires_grad for p in layer.parameters()) for layer in layers]
    if not any(frozen) or all(frozen):
        return
    last = frozen[-1]
    behind = any(frozen[i] and not all(frozen[:i]) for i in range(len(frozen)))
    yield Finding(
        "gradient-does-not-flow",
        "error" if last else "warning" if behind else "note",
        f"{sum(frozen)} of {len(frozen)} layers are frozen"
        + (
            ", the one that makes the outputs among them."
            if last
            else ", behind trained ones."
            if behind
            else ", all in front."
        ),
        "Unfreeze them (requires_grad_(True)) unless their weights come from another training.",
        evidence={"frozen_layers": float(sum(frozen)), "layers": float(len(frozen))},
        location=bench.location("__init__"),
    )


FLOW = (Check(("gradient-does-not-flow",), look_at_gradient, blocking=True),)
GRADIENTS = (
    Check(("parameter-not-registered",), look_at_registration),
    Check(("optimiser-holds-foreign-parameters", "parameter-not-in-optimiser"), look_at_optimiser),
    Check(("gradient-exploding",), look_at_size),
    Check(("gradient-does-not-flow", "gradient-not-finite", "gradient-vanishing"), look_at_flow),
)
