"""Gradients and the optimiser: every parameter that should learn gets a finite gradient and is held by an optimiser."""

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn

from ...data.findings import Finding
from ..bench import Bench
from .check import Check


def _named(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def look_at_registration(bench: Bench) -> Iterator[Finding]:
    """Leaves of the loss's graph that want a gradient but are no parameters of the task."""
    task = bench.copy(train=True)
    known = {id(p) for p in task.parameters()}
    foreign = [leaf for leaf in _leaves(bench.watch(task, bench.batch()).loss) if id(leaf) not in known]
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


def _leaves(loss: Tensor) -> list[Tensor]:
    found, left, seen = [], [loss.grad_fn], set()
    while left:
        node: Any = left.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.append(node.variable)
        left += [following for following, _ in node.next_functions]
    return found


def look_at_optimiser(bench: Bench) -> Iterator[Finding]:
    task = bench.copy(train=True)
    optimizer, _ = bench.optimiser(task)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    left_out = [name for name, p in task.named_parameters() if p.requires_grad and id(p) not in held]
    if left_out:
        yield Finding(
            "parameter-not-in-optimiser",
            "error",
            f"The optimiser does not hold {len(left_out)} parameters that want a gradient: {_named(left_out)}.",
            "Give them to the optimiser, or freeze them on purpose with requires_grad_(False).",
            evidence={"parameters": float(len(left_out))},
            expected="0",
            location=bench.location("configure_optimizers"),
        )


def look_at_gradient(bench: Bench) -> Iterator[Finding]:
    if not bench.trained.loss.requires_grad:
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


GRADIENTS = (
    Check(
        ("gradient-does-not-flow",),
        "Without any gradient nothing is learnt.",
        "No threshold: the loss has no graph.",
        look_at_gradient,
        blocking=True,
    ),
    Check(
        ("parameter-not-registered",),
        "What the task does not know is neither trained, moved to the GPU, nor saved.",
        "No threshold: leaves of the loss's graph against the task's parameters, by identity.",
        look_at_registration,
    ),
    Check(
        ("parameter-not-in-optimiser",),
        "A layer that no optimiser holds stays random, and the rest learns around it.",
        "No threshold: by identity. Frozen parameters are left out on purpose.",
        look_at_optimiser,
    ),
    Check(
        ("gradient-does-not-flow", "gradient-not-finite"),
        "A part that gets no gradient stays as it was drawn.",
        "Exactly zero or none at steps 1 to 5 and every 20th while one batch is learnt. Zero-initialised branches have "
        "gradients from the second step on.",
        look_at_flow,
    ),
)
