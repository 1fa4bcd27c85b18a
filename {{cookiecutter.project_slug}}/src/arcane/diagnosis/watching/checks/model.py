"""The model: what stands between its layers, how it starts, and which of its units live."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import VIEWS, layers_before
from ..measuring import PRODUCTS, RECTIFIERS, flat
from ..trace import Node, Trace
from .check import PassiveCheck, found
from .units import LINEAR, START

PASSING = frozenset({*VIEWS, "dropout", "add", "mul", "div", "batch_norm", "avg_pool2d", "adaptive_avg_pool2d", "mean",
                     "dropout2d", "feature_dropout", "alpha_dropout", "identity"})  # fmt: skip


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
                    "bias-before-batch-norm", "note",
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
    passed = all(n.name in PASSING or n.name.startswith("dropout") or _spread(n) for n in between[1:])
    if not passed:
        return []
    first = between[0]
    if first.name == "batch_norm":
        for norm, inner in layers_before(first):
            if norm is first:
                return _chain(inner)
    return between


def _spread(node: Node) -> bool:
    """Whether rows are summed with given weights, as over the neighbours of a graph."""
    return node.name in PRODUCTS and not any(flat(i).name == "parameter" for i in node.inputs)


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
    inner, outer = (first[-1], first[0]) if swapped else (first[0], first[1])
    behind = second[-1] if after.name in PRODUCTS else second[0]
    return inner, (outer, behind)


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
            n for n in ancestors(backward.root)
            if (n.layers or _of_its_own(trace, n)) and n.calls and any(flat(i) in lost for i in n.inputs)
        ]  # fmt: skip
        if lost and any(n.module for n in used):
            shapes = ", ".join(str(list(n.shape)) for n in lost[:4])
            yield found(
                "parameter-not-registered", "error",
                f"{len(lost)} tensors of shapes {shapes} take part in the loss and want a gradient, but the model does "
                "not know them: they are neither trained nor saved.",
                "Keep layers as attributes or in nn.ModuleList, tensors as nn.Parameter; a plain list hides them.",
                used[-1].place, "0", tensors=len(lost),
            )  # fmt: skip
            return


def _of_its_own(trace: Trace, node: Node) -> bool:
    """Whether what wants a gradient before any layer is not what the model was given, as to be differentiated by."""
    return node.wants_gradient and not any(trace.calls[number].input_gradient for number in node.calls)


MODEL = (
    PassiveCheck(
        ("parameter-not-registered",),
        "What the model does not know is neither trained, moved to the GPU, nor saved.",
        "No threshold: leaves of the loss's graph against the models' and the optimisers' parameters, by identity.",
        look_at_registration,
    ),
    START,
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
