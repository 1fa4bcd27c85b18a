"""How weights start, and which units live."""

from collections.abc import Iterator
from math import prod

from ....data.findings import Finding
from ..graph import ancestors, layers_before
from ..idle import SQUASHES
from ..measuring import NORMS, RECTIFIERS, flat, layer
from ..trace import Trace, Weights
from .check import PassiveCheck, found

LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "matmul", "addmm", "conv_transpose1d", "conv_transpose2d")


def look_at_units(trace: Trace) -> Iterator[Finding]:
    """Units that give the same whatever comes, after training has begun."""
    deepest: dict[int, int] = {}
    for backward in trace.backwards[:4]:
        for call in backward.root.calls:
            deepest[trace.calls[call].model] = backward.root.layers
    for (_, name, _), units in sorted(trace.units.items(), key=lambda item: str(item[0])):
        late = [idle for idle, step in zip(units.idle, units.steps, strict=True) if step >= min(5, trace.steps - 1)]
        if len(late) < 3 or units.rows < 32 or units.width < 4:
            continue
        idle = min(late[-5:])
        if name in RECTIFIERS and idle > trace.limit("watched_dead_share"):
            yield found(
                "dead-units", "error" if idle > 0.95 else "warning",
                f"{100 * idle:.0f} % of {units.width} units give 0 for every row, at each of the last steps looked at: "
                "they get no gradient and stay dead.",
                "Lower the learning rate or the initial weights, do not start biases below 0, or use leaky_relu.",
                units.place, f"at most {100 * trace.limit('watched_dead_share'):.0f} %", share=idle, units=units.width,
            )  # fmt: skip
            return


def look_at_saturation(trace: Trace) -> Iterator[Finding]:
    layers = _last_squashes(trace)
    for (_, name, _), units in sorted(trace.units.items(), key=lambda item: str(item[0])):
        late = units.idle[-5:]
        if name in RECTIFIERS or len(late) < 3 or units.width < 4 or units.place in layers:
            continue
        idle = min(late)
        if idle > trace.limit("watched_saturated_share"):
            yield found(
                "saturated-units", "error" if idle > 0.9 else "warning",
                f"{100 * idle:.0f} % of what a {name} gives lies at its bounds, where it has hardly any gradient.",
                "Normalise the inputs, start with smaller weights, or put a normaliser before the activation.",
                units.place, "less than 70 %", share=idle,
            )  # fmt: skip
            return


def _last_squashes(trace: Trace) -> set:
    """Lines whose activation makes an output: it may saturate, that is its answer."""
    from ..graph import losses, source

    places = set()
    for term in losses(trace):
        node = source(term.outputs)
        for _ in range(4):
            if node.name in SQUASHES or not node.layers:
                places.add(node.place)
            if not node.inputs or node.name in LINEAR:
                break
            node = node.inputs[0]
    return places


def look_at_start(trace: Trace) -> Iterator[Finding]:
    """Weights before the first step."""
    loaded = any(model.loaded for model in trace.models.values())
    normalised = any(n.name in NORMS for b in trace.backwards[:1] for n, _ in layers_before(b.root))
    layered = {
        flat(i).key for b in trace.backwards[:2] for n in ancestors(b.root) if layer(n) for i in n.inputs
        if flat(i).name == "parameter"
    }  # fmt: skip
    for optimiser in trace.optimisers.values():
        kept = {
            k: w for k, w in optimiser.weights.items() if w.scale is not None and len(w.shape) > 1 and w.shape[0] > 1
        }
        matrices = list(kept.values())
        for number, (key, weights) in enumerate(kept.items()):
            last = number == len(matrices) - 1
            if (
                weights.constant
                and weights.rows_equal
                and weights.seen > 2
                and not last
                and weights.absent < weights.seen
            ):
                yield _initial(weights, optimiser.made, "error", "start equal, and its units stay copies of each other")
                return
            if weights.constant and weights.level and weights.shape[0] > 1 and not last and key in layered:
                how = f"are all {weights.level:g} at the start: its units differ by their biases alone"
                yield _initial(weights, optimiser.made, "error", how)
                return
        if loaded:
            continue
        if normalised:  # what lies before a normaliser may start at any width; the last layer does not
            kept = {k: w for k, w in kept.items() if k in _heads(trace)}
            matrices = list(kept.values())
        for key, weights in kept.items():
            if weights.constant or weights.absent == weights.seen:
                continue
            scale = weights.scale or 0.0
            if scale > trace.limit("weight_scale") and prod(weights.shape[1:]) > 3:
                yield _initial(weights, optimiser.made, "error", f"start {scale:.3g} / sqrt(fan in) wide")
                return
            if weights.offset > trace.limit("weight_offset") and key in layered:
                yield _initial(
                    weights, optimiser.made, "error",
                    f"lie to one side of nought: each unit gives {weights.offset:.3g} times its inputs' mean",
                )  # fmt: skip
                return
            if scale < trace.limit("weight_scale_least") and weights is not matrices[-1]:
                yield _initial(weights, optimiser.made, "error", f"start {scale:.2g} / sqrt(fan in) wide")
                return


def _heads(trace: Trace) -> set[int]:
    """Parameters of the layer that makes the outputs of a plain loss's only call."""
    return {
        flat(i).key
        for b in trace.backwards[:2]
        for n in ancestors(b.root)
        if n.name in LINEAR and n.layers == b.root.layers and len(n.calls) == 1
        for i in n.inputs
        if flat(i).name == "parameter"
    }


def _initial(weights: Weights, place, severity, how: str) -> Finding:
    return found(
        "bad-initialisation", severity,
        f"The weights {weights.name or 'of shape ' + str(list(weights.shape))} {how}.",
        "Use He initialisation for ReLU (nn.init.kaiming_normal_), Glorot for tanh, or leave torch's default.",
        place, "1 to 1.5 / sqrt(fan in), all different", scale=weights.scale or 0.0,
    )  # fmt: skip


START = PassiveCheck(
    ("bad-initialisation",),
    "Equal units stay equal; weights too wide or too narrow drown the signal.",
    "Rows that are still equal after 3 or more steps; deviation x sqrt(fan in) above 6 or below 0.01 (He 1.41, "
    "default 0.58), mean x fan in above 6 (both: below 1) where no normaliser follows. Last layers may start at 0.",
    look_at_start,
)

UNITS = (
    PassiveCheck(
        ("dead-units",),
        "A unit that is 0 for every row gets no gradient.",
        "More than three quarters of a layer's units, over 32 rows or more, at each of the last steps looked at.",
        look_at_units,
        symptom=True,
    ),
    PassiveCheck(
        ("saturated-units",),
        "At its bounds an activation passes hardly any gradient.",
        "70 % of the values beyond 0.99 of the range, at each of the last steps looked at; output activations pass.",
        look_at_saturation,
        symptom=True,
    ),
)
