"""The model: what stands between its layers, how it starts, and which of its units live."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import VIEWS, layers_before
from ..measuring import NORMS, PRODUCTS, RECTIFIERS, flat
from ..trace import Node, Trace, Weights
from .check import PassiveCheck, found

LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "matmul", "addmm", "conv_transpose1d", "conv_transpose2d")
PASSING = frozenset({*VIEWS, "dropout", "add", "mul", "div", "batch_norm", "avg_pool2d", "adaptive_avg_pool2d", "mean",
                     "dropout2d", "feature_dropout", "alpha_dropout", "identity"})  # fmt: skip
LARGEST_SCALE, LEAST_SCALE = 6.0, 0.01
"""Deviation x sqrt(fan in): He has 1.41, Glorot about 1, torch's default 0.58, normal(0, 0.02) 0.1 to 0.5."""

DEAD = 0.75
"""Share of a layer's units that give 0 on every row. He-initialised layers have 0 to 10 % on a batch of 64; small
autoencoders train well with 55 %."""


def look_at_bias(trace: Trace) -> Iterator[Finding]:
    """A bias that the next batch norm takes off again."""
    for backward in trace.backwards[:4]:
        for norm, between in layers_before(backward.root):
            before = between[0]
            direct = all(n.name in VIEWS for n in between[1:])
            if norm.name != "batch_norm" or not direct or before.name not in LINEAR or before.name == "matmul":
                continue
            biases = [i for i in before.inputs if flat(i).name == "parameter" and len(i.shape) == 1]
            if biases and norm.option("training", 5, False):
                yield found(
                    "bias-before-batch-norm", "warning",
                    f"A {before.name} with a bias stands right before a batch norm, which subtracts "
                    "that bias again: it "
                    "gets no gradient but rounding.",
                    "Give that layer bias=False.", before.place, "no bias there", numbers=biases[0].shape[0],
                )  # fmt: skip
                return


def look_at_linearity(trace: Trace) -> Iterator[Finding]:
    """Two linear layers with nothing between them that is not linear."""
    for backward in trace.backwards[:2]:
        for after, between in layers_before(backward.root):
            chain = _chain(between)
            before = chain[0] if chain else None
            if after.name not in LINEAR or before is None or before.name not in LINEAR:
                continue
            inner, sizes = _widths(before, after)
            if not sizes or inner < min(sizes) or (before.name != after.name.replace("matmul", before.name) and (
                "conv" in after.name)):  # fmt: skip
                continue
            if not _of_one_model(trace, before, after):
                continue
            if _grouped(before) or _grouped(after) or not _trained(before) or not _trained(after):
                continue
            yield found(
                "missing-nonlinearity", "warning" if _others(backward.root) else "error",
                f"A {after.name} follows a {before.name} with nothing between them that is not linear: the two are one "
                f"linear layer ({inner} values between {sizes[0]} and {sizes[1]}).",
                "Put an activation (nn.ReLU()) between them, or leave one out.",
                before.place, "a non-linearity between layers", between=inner,
            )  # fmt: skip
            return


def _chain(between: list[Node]) -> list[Node]:
    """The layer before, where only linear operations lie between; batch norms are looked through."""
    passed = all(n.name in PASSING or n.name.startswith("dropout") for n in between[1:])
    if not passed:
        return []
    first = between[0]
    if first.name == "batch_norm":
        for norm, inner in layers_before(first):
            if norm is first:
                return _chain(inner)
    return between


def _of_one_model(trace: Trace, before: Node, after: Node) -> bool:
    """Whether both layers are parts of one model, or of none; a judge follows a maker's last layer in a GAN."""
    keys = [next((flat(i).key for i in node.inputs if flat(i).name == "parameter"), 0) for node in (before, after)]
    owners = [model for model in trace.models.values() if any(key in model.parameters for key in keys)]
    return not owners or any(all(key in model.parameters for key in keys) for model in owners)


def _grouped(node: Node) -> bool:
    return node.name.startswith("conv") and node.option("groups", 6, 1) != 1


def _trained(node: Node) -> bool:
    return any(flat(i).name == "parameter" and i.wants_gradient for i in node.inputs)


def _weights(node: Node) -> tuple[int, ...]:
    return next((i.shape for i in node.inputs if flat(i).name == "parameter" and len(i.shape) > 1), ())


def _widths(before: Node, after: Node) -> tuple[int, tuple[int, int] | None]:
    """Values between two layers, and before and behind them, where that can be said."""
    first, second = _weights(before), _weights(after)
    if not first or not second:
        return 0, None
    swapped = before.name in PRODUCTS
    inner, outer = (first[-1], first[0]) if swapped else (first[0], _product(first[1:]))
    behind = second[-1] if after.name in PRODUCTS else second[0]
    return inner, (outer, behind)


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


def _others(root: Node) -> bool:
    """Whether the model has a non-linearity elsewhere."""
    from ..graph import ancestors

    names = RECTIFIERS | {
        "tanh",
        "sigmoid",
        "gelu",
        "silu",
        "leaky_relu",
        "elu",
        "max_pool2d",
        "softplus",
        "mish",
        "lstm",
    }
    return any(n.name in names and n.layers and n.layers < root.layers for n in ancestors(root))


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
        if name in RECTIFIERS and idle > DEAD:
            yield found(
                "dead-units", "error" if idle > 0.95 else "warning",
                f"{100 * idle:.0f} % of {units.width} units give 0 for every row, at each of the last steps looked at: "
                "they get no gradient and stay dead.",
                "Lower the learning rate or the initial weights, do not start biases below 0, or use leaky_relu.",
                units.place, f"at most {100 * DEAD:.0f} %", share=idle, units=units.width,
            )  # fmt: skip
            return


def look_at_saturation(trace: Trace) -> Iterator[Finding]:
    layers = _last_squashes(trace)
    for (_, name, _), units in sorted(trace.units.items(), key=lambda item: str(item[0])):
        late = units.idle[-5:]
        if name in RECTIFIERS or len(late) < 3 or units.width < 4 or units.place in layers:
            continue
        idle = min(late)
        if idle > 0.7:
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
            places.add(node.place)
            if not node.inputs or node.name in LINEAR:
                break
            node = node.inputs[0]
    return places


def look_at_start(trace: Trace) -> Iterator[Finding]:
    """Weights before the first step."""
    loaded = any(model.loaded for model in trace.models.values())
    normalised = any(n.name in NORMS for b in trace.backwards[:1] for n, _ in layers_before(b.root))
    for optimiser in trace.optimisers.values():
        matrices = [
            w for w in optimiser.weights.values() if w.scale is not None and len(w.shape) > 1 and w.shape[0] > 1
        ]
        for number, weights in enumerate(matrices):
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
        if loaded or normalised:
            continue
        for weights in matrices:
            if "emb" in weights.name.lower() or weights.constant or weights.absent == weights.seen:
                continue
            scale = weights.scale or 0.0
            if scale > LARGEST_SCALE and len(weights.shape) > 1 and weights.shape[-1] > 3:
                yield _initial(weights, optimiser.made, "error", f"start {scale:.3g} / sqrt(fan in) wide")
                return
            if scale < LEAST_SCALE and weights is not matrices[-1]:
                yield _initial(weights, optimiser.made, "error", f"start {scale:.2g} / sqrt(fan in) wide")
                return


def _initial(weights: Weights, place, severity, how: str) -> Finding:
    return found(
        "bad-initialisation", severity,
        f"The weights {weights.name or 'of shape ' + str(list(weights.shape))} {how}.",
        "Use He initialisation for ReLU (nn.init.kaiming_normal_), Glorot for tanh, or leave torch's default.",
        place, "1 to 1.5 / sqrt(fan in), all different", scale=weights.scale or 0.0,
    )  # fmt: skip


def look_at_batches(trace: Trace) -> Iterator[Finding]:
    """Batch norm over a handful of values."""
    calls = [c for c in trace.learned if c.modes.norm_on]
    small = [c for c in calls if 0 < c.rows <= 4]
    if not small:
        return
    least = {c.number for c in small}
    values = []
    for backward in trace.backwards:
        from ..graph import ancestors

        for node in ancestors(backward.root):
            if node.name == "batch_norm" and node.calls & least and node.option("training", 5, False):
                spatial = 1
                for size in node.shape[2:]:
                    spatial *= size
                values.append((node.shape[0] * spatial, node))
    if not values:
        return
    count, node = min(values, key=lambda pair: pair[0])
    often = len(small) > 0.5 * len(calls)
    if node.shape[0] <= 4 and (often or count <= 2):
        yield found(
            "batch-norm-batch-too-small", "error" if often and node.shape[0] <= 2 else "warning",
            f"Batch norm takes its statistics from {node.shape[0]} rows ({count} values a channel) in {len(small)} of "
            f"{len(calls)} training calls.",
            "Use larger batches (drop_last=True for the rest), or GroupNorm or LayerNorm.",
            node.place, "8 rows or more", rows=node.shape[0], values=count,
        )  # fmt: skip


def look_at_registration(trace: Trace) -> Iterator[Finding]:
    """Parameters that take part in the loss, but belong neither to the model nor to an optimiser."""
    from ..graph import ancestors

    held = frozenset().union(*(o.held for o in trace.optimisers.values()))
    if not held:
        return
    known = {key for model in trace.models.values() for key in model.parameters}
    models = {trace.calls[n].model for b in trace.backwards for n in b.root.calls if trace.calls[n].learned}
    if not known or not models:
        return
    for backward in trace.backwards[:12]:
        leaves = {n.key: n for n in ancestors(backward.root) if n.name == "parameter" and n.wants_gradient}
        lost = [n for key, n in leaves.items() if key not in known and key not in held]
        used = [
            n for n in ancestors(backward.root) if n.layers and n.calls and any(flat(i) in lost for i in n.inputs)
        ]  # fmt: skip
        if lost and used:
            shapes = ", ".join(str(list(n.shape)) for n in lost[:4])
            yield found(
                "parameter-not-registered", "error",
                f"{len(lost)} tensors of shapes {shapes} take part in the loss and want a gradient, but the model does "
                "not know them: they are neither trained nor saved.",
                "Keep layers as attributes or in nn.ModuleList, tensors as nn.Parameter; a plain list hides them.",
                used[-1].place, "0", tensors=len(lost),
            )  # fmt: skip
            return


MODEL = (
    PassiveCheck(
        ("parameter-not-registered",),
        "What the model does not know is neither trained, moved to the GPU, nor saved.",
        "No threshold: leaves of the loss's graph against the models' and the optimisers' parameters, by identity.",
        look_at_registration,
    ),
    PassiveCheck(
        ("bad-initialisation",),
        "Equal units stay equal; weights too wide or too narrow drown the signal.",
        "Rows that are still equal after 3 or more steps; deviation x sqrt(fan in) above 6 or below 0.01 (He 1.41, "
        "default 0.58) where no normaliser follows. Last layers may start at 0.",
        look_at_start,
    ),
    PassiveCheck(
        ("missing-nonlinearity",),
        "Two linear layers in a row are one.",
        "No threshold: only linear operations between two layers; a narrow waist between wider "
        "layers passes. A warning "
        "where the model has a non-linearity elsewhere.",
        look_at_linearity,
    ),
    PassiveCheck(
        ("bias-before-batch-norm",),
        "A parameter that does nothing, but is trained and decayed.",
        "No threshold: adjacency in the graph.",
        look_at_bias,
    ),
    PassiveCheck(
        ("batch-norm-batch-too-small",),
        "Statistics of a few rows are noise, and running averages of noise serve in evaluation.",
        "4 rows or fewer in most training calls, or 2 values a channel in any.",
        look_at_batches,
    ),
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
