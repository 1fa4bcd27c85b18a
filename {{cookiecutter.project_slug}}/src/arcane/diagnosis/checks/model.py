"""The model as it starts: what stands between its layers, what its units give, how its weights were drawn."""

import statistics
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...data.findings import Finding
from ..bench import Bench
from ..recording import LINEAR_BETWEEN, NORMS, Activation, Layer, origin, past
from .check import Check

FEWEST_UNITS = 4
"""Of a layer that is judged by its units: of two, one may well be off."""


def look_at_bias(bench: Bench) -> Iterator[Finding]:
    """Layers with a bias whose output goes straight into batch norm, which subtracts it again."""
    biased = {id(layer.result): layer for layer in bench.plain.layers if layer.bias and layer.result is not None}
    wasted = [biased[id(norm.source)] for norm in bench.plain.norms if id(norm.source) in biased]
    if wasted:
        names = [_name(bench, layer) for layer in wasted]
        yield Finding(
            "bias-before-batch-norm",
            "note",
            f"{len(wasted)} layers add a bias that the batch norm behind them subtracts again: {_listed(names)}.",
            "Give them bias=False: it saves the parameters and changes nothing else.",
            evidence={"layers": float(len(wasted)), "numbers": float(sum(layer.sizes[1] for layer in wasted))},
            expected="bias=False",
            location=bench.location("__init__"),
        )


def look_at_linearity(bench: Bench) -> Iterator[Finding]:
    """Two layers with nothing but views, dropout, batch norm or a mean between them are one."""
    seen = bench.plain
    ends = None if seen.outputs is None else origin(seen.outputs)  # what a second network makes of them is its own
    before: dict[int, Layer] = {}
    pairs = []
    for layer in seen.layers:
        first = before.get(id(past(layer.source, LINEAR_BETWEEN | NORMS)))
        if first is not None and not _meant(first, layer):
            pairs.append((first, layer))
        if layer.result is not None and layer.result is not ends:
            before[id(layer.result)] = layer
    if pairs:
        names = [f"{_name(bench, a)} and {_name(bench, b)}" for a, b in pairs]
        yield Finding(
            "missing-nonlinearity",
            "warning",
            f"No activation stands between {_listed(names)}: two such layers can do no more than one.",
            "Put an activation between them, or make them one layer.",
            evidence={"pairs": float(len(pairs))},
            expected="0",
            location=bench.location("__init__"),
        )


def _meant(first: Layer, second: Layer) -> bool:
    """A product of two layers that is narrower than both ends, or depthwise, or frozen, is there on purpose."""
    narrow = first.sizes[1] < min(first.sizes[0], second.sizes[1])
    return narrow or first.grouped or second.grouped or not (first.weight.requires_grad and second.weight.requires_grad)


def look_at_units(bench: Bench) -> Iterator[Finding]:
    """Rectified units that no example turns on, and activations at their flat ends, over 256 examples."""
    seen = bench.widely
    judged = [act for act in seen.activations if act.units >= FEWEST_UNITS]
    for kind, share, code, limit, advice in (
        (
            "rectified units are 0 for every example",
            lambda act: act.dead,
            "dead-units",
            "dead_share",
            "Start biases at 0, and draw weights for rectifiers (He).",
        ),
        (
            "activations lie at the flat ends",
            lambda act: act.saturated,
            "saturated-units",
            "saturated_share",
            "Normalise what goes in, and draw smaller weights (Glorot): a flat end lets no gradient through.",
        ),
    ):
        worst: Activation | None = max(judged, key=share, default=None)
        if worst is None:
            continue
        most = share(worst)
        bench.measurements[limit] = most
        if most > bench.limit(limit):
            place = judged.index(worst) + 1
            yield Finding(
                code,
                "error" if most > 0.95 else "warning",
                f"{100 * most:.0f} % of the {kind} in activation {place} of {len(judged)} ({worst.kind}, "
                f"{worst.units} units), over {len(bench.wide_batch[1])} examples, before any training.",
                advice,
                evidence={"share": most, "units": float(worst.units)},
                expected=f"at most {100 * bench.limit(limit):g} %",
                location=bench.location("__init__"),
            )


def look_at_initialisation(bench: Bench) -> Iterator[Finding]:
    """How much the layers amplify at the start; a last layer alone is a matter of the loss at init."""
    if bench.trained.norms:
        return  # a normalisation takes any scale away
    layers = [layer for layer in bench.plain.layers if layer.gain == layer.gain and layer.weight.requires_grad]
    if (
        any(isinstance(m, nn.LayerNorm | nn.GroupNorm | nn.RMSNorm) for m in bench.original.modules())
        or len(layers) < 2
    ):
        return
    gains = sorted(layer.gain for layer in layers)
    bench.measurements |= {
        "layer_gain": gains[-2],
        "layer_gain_least": gains[1],
        "layer_gain_median": statistics.median(gains),
    }
    large = [layer for layer in layers if layer.gain > bench.limit("layer_gain")]
    # A last layer that starts small, or at zero, is meant.
    small = [layer for layer in layers[:-1] if layer.gain < bench.limit("layer_gain_least")]
    for group, what in ((large, "amplify what they get"), (small, "let almost nothing of what they get through")):
        if len(group) >= 2:
            middle = statistics.median(layer.gain for layer in group)
            yield Finding(
                "bad-initialisation",
                "error"
                if middle > 4 * bench.limit("layer_gain") or middle < bench.limit("layer_gain_least") / 4
                else "warning",
                f"{len(group)} of {len(layers)} layers {what}: standard deviation out over root mean square in is "
                f"{middle:.3g}, so that signals and gradients grow or vanish from layer to layer.",
                "Draw weights with a standard deviation of sqrt(2 / inputs) before rectifiers (He) or "
                "sqrt(2 / (inputs + outputs)) before tanh (Glorot).",
                evidence={"gain": middle, "layers": float(len(group))},
                expected="about 1",
                location=bench.location("__init__"),
            )


def look_at_symmetry(bench: Bench) -> Iterator[Finding]:
    """Units that started equal and stayed equal while one batch was learnt: a layer that is one unit wide."""
    course = bench.own_course
    trained = dict(course.task.named_parameters())
    alike = []
    for name, start in bench.original.named_parameters():
        if start.ndim < 2 or len(start) < FEWEST_UNITS or name not in course.moved or not _same_rows(start):
            continue
        if not torch.equal(trained[name], start) and _same_rows(trained[name]):
            alike.append(name)
    if alike and course.shape != "not-finite":
        yield Finding(
            "bad-initialisation",
            "error",
            f"All units of {_listed(alike)} started with the same weights and are still the same after "
            f"{len(course.losses)} steps: the layer can do no more than one unit.",
            "Draw weights at random (He for rectifiers, Glorot for tanh); only biases may start equal.",
            evidence={"layers": float(len(alike)), "steps": float(len(course.losses))},
            expected="units that differ",
            location=bench.location("__init__"),
        )


def _same_rows(weight: Tensor) -> bool:
    rows = weight.detach().flatten(1)
    return bool((rows - rows[:1]).abs().max() <= 1e-6 * rows.abs().max())


def look_at_batch_norm(bench: Bench) -> Iterator[Finding]:
    """Over how many examples the planned training takes batch norm's statistics."""
    norms = [norm for norm in bench.trained.norms if norm.training]
    planned = bench.planned("batch_size")
    if not norms or planned is None:
        return
    size = int(planned) // int(bench.planned("accumulate", 1)) or 1
    if size < bench.limit("batch_norm_batch"):
        yield Finding(
            "batch-norm-batch-too-small",
            "warning",
            f"Batch norm takes its mean and deviation over {size} examples at a time: they are noise.",
            "Use model.normalization: group, which looks at one example at a time, or a larger train.batch_size.",
            evidence={"examples": float(size)},
            expected=f"at least {bench.limit('batch_norm_batch'):g}",
            location=bench.location("__init__"),
        )


def _name(bench: Bench, layer: Layer) -> str:
    """The parameter's name, found by its content: the layer was seen in a copy."""
    for name, p in bench.original.named_parameters():
        if p.shape == layer.weight.shape and torch.equal(p, layer.weight):
            return name.removesuffix(".weight")
    return f"a layer of {list(layer.weight.shape)}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


MODEL = (
    Check(("bad-initialisation",), look_at_initialisation),
    Check(("dead-units", "saturated-units"), look_at_units),
    Check(("missing-nonlinearity",), look_at_linearity),
    Check(("batch-norm-batch-too-small",), look_at_batch_norm),
    Check(("bias-before-batch-norm",), look_at_bias),
)
SYMMETRY = (Check(("bad-initialisation",), look_at_symmetry),)
