"""Along which dimension something runs: a softmax over the examples, a sequence module that takes batches for time."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import ancestors, losses, source
from ..trace import Node, Trace
from .check import PassiveCheck, found


def look_at_softmax(trace: Trace) -> Iterator[Finding]:
    """A softmax over the examples instead of the classes."""
    for term in losses(trace):
        soft = _softmax(term.targets) if term.targets is not None else None
        if soft is not None and len(soft.shape) == 2 and soft.shape == term.outputs.shape and _over_rows(soft):
            yield _wrong_dim(soft, 0)  # a teacher's answers
            return
        node = _softmax(term.outputs)
        if node is None or term.targets is None or not node.inputs:
            continue
        dim, shape = node.option("dim", 1), node.shape
        dim = (0 if len(shape) in (1, 3) else 1) if dim is None else dim
        if not isinstance(dim, int) or len(shape) < 2 or shape[0] == shape[-1]:
            continue
        classes = -1 if term.kind in ("picked", "mse_loss", "squared") else 1
        if term.kind == "picked" and len(shape) > 2 and isinstance(term.node.option("dim", 1), int):
            picked = term.node.option("dim", 1) % len(shape)
            if term.outputs.shape == shape and picked != dim % len(shape):
                yield _wrong_dim(node, dim % len(shape))
                return
        at = dim % len(shape)
        wrong = at == 0
        if not wrong and len(shape) > 2 and term.outputs.shape == shape:
            # The loss takes its classes from dimension 1; a log-softmax along another one does not sum to one there.
            wrong = node.name == "log_softmax" and term.kind == "nll_loss"
            wrong = wrong and term.node.facts.get(f"input.exp_sum_off_{classes}", 0) > 0.01
        if not wrong and len(shape) > 2 and term.outputs.shape != shape and len(term.outputs.shape) == 2:
            wrong = at not in (len(shape) - 1, 1) or (
                node.name == "log_softmax"
                and term.kind == "nll_loss"
                and term.node.facts.get("input.exp_sum_off_1", 0) > 0.01
            )
        if wrong:
            yield _wrong_dim(node, at)
            return


def _over_rows(node: Node) -> bool:
    return node.option("dim", 1) in (0, -2) and node.shape[0] != node.shape[1]


def _wrong_dim(node: Node, at: int) -> Finding:
    shape = node.shape
    return found(
        "softmax-wrong-dim", "error",
        f"The {node.name} before the loss runs over dimension {at} of {list(shape)}, which counts "
        f"{'examples' if at == 0 else 'positions'}, not classes.",
        "Use the dimension of the classes (dim=-1 for outputs [n, classes]).",
        node.place, f"dim {len(shape) - 1 if len(shape) == 2 else 'of the classes'}", dim=at, size=shape[at],
    )  # fmt: skip


def _softmax(node: Node) -> Node | None:
    """The softmax behind what a loss got, through logarithms and small constants."""
    node = source(node)
    for _ in range(4):
        if node.name in ("softmax", "log_softmax"):
            return node
        if node.name in ("log", "add", "clamp", "clamp_min", "neg", "mul") and node.inputs and len(node.inputs) == 1:
            node = source(node.inputs[0])
        else:
            return None
    return None


def look_at_gates(trace: Trace) -> Iterator[Finding]:
    """A softmax inside the model over the rows of its inputs, and one over a single value."""
    for backward in trace.backwards[:6]:
        for node in ancestors(backward.root):
            if node.name in ("softmax", "log_softmax") and node.layers and len(node.shape) >= 1:
                dim, n = node.option("dim", 1), node.shape
                calls = [trace.calls[number] for number in node.calls]
                if dim is None:
                    dim = 0 if len(n) in (0, 1, 3) else 1  # torch's choice where none is given
                if not isinstance(dim, int):
                    continue
                if n[dim] == 1 and len(n) > 1 and source(node.inputs[0]).shape == n:
                    yield _single(
                        node, f"A {node.name} over a dimension of size 1 gives the same value whatever it gets."
                    )
                    return
                rows = dim % len(n) == 0 and calls and all(c.rows == n[0] for c in calls)
                rows = rows and (n[0] != n[1] if len(n) == 2 else n[0] in _targets(trace, node))
                if _turned(node, dim):
                    yield found(
                        "softmax-wrong-dim", "error",
                        f"A {node.name} in {node.module or 'the model'} makes weights {list(n)} that sum to one over "
                        f"dimension {dim % len(n)}, and they weigh dimension {len(n) - 1}.",
                        "Use dim=-1: each position's weights sum to one.", node.place, f"dim {len(n) - 1}", dim=dim,
                    )  # fmt: skip
                    return
                by_hand = any(call.model < 0 for call in calls) and n[0] in _targets(trace, node)
                if rows and (node.module or by_hand) and n[0] > 1:
                    yield found(
                        "softmax-wrong-dim", "error",
                        f"A {node.name} in {node.module or 'the model'} runs over dimension 0 of {list(n)}: over the "
                        "examples of the batch.",
                        "Use dim=-1, the dimension of what is to be weighed.", node.place, "dim 1", dim=0, size=n[0],
                    )  # fmt: skip
                    return
            elif (
                node.name == "layer_norm"
                and node.layers > 1
                and tuple(node.option("normalized_shape", 1, ()) or ()) == (1,)
            ):
                yield _single(node, "A layer norm over a single value gives its bias whatever it gets.")
                return


def _targets(trace: Trace, node: Node) -> set[int]:
    """How many targets there are for the calls that a tensor comes from: the size of the batch."""
    terms = [t for t in losses(trace, 12) if t.targets is not None and t.targets.shape and t.outputs.calls & node.calls]
    return {t.targets.shape[0] for t in terms if t.targets}


def _turned(node: Node, dim: int) -> bool:
    """Whether attention, a softmax of products of queries and keys [..., T, T], runs over the queries."""
    shape = node.shape
    at = dim % max(1, len(shape))
    if len(shape) < 3 or at == len(shape) - 1 or (at == len(shape) - 2 and shape[-1] != shape[-2]):
        return False
    scores = node.inputs[0]
    for _ in range(8):
        if scores.name in ("matmul", "bmm", "baddbmm"):
            return sum(i.layers > 0 for i in scores.inputs) == 2
        if scores.name not in ("div", "mul", "masked_fill", "where", "add", "sub", "contiguous") or not scores.inputs:
            return False
        scores = next((i for i in scores.inputs if i.layers), scores.inputs[0])
    return False


def _single(node: Node, message: str) -> Finding:
    return found(
        "constant-output", "error", message, "Leave it out, or let it run over several values.", node.place,
        "several values", size=1,
    )  # fmt: skip


def look_at_time(trace: Trace) -> Iterator[Finding]:
    """A sequence module that takes its batch for time."""
    rows_scored = {
        number: term.targets.shape[0]
        for term in losses(trace)
        if term.targets is not None and term.targets.shape and _product(term.targets.shape[1:]) == 1
        for number in term.outputs.calls
    }
    for node in trace.time_first:
        for number in node.calls:
            rows = rows_scored.get(number)
            if (
                rows is not None
                and rows > 1
                and node.shape[0] == rows == trace.calls[number].rows
                and node.shape[1] != rows
            ):
                yield found(
                    "examples-mixed", "error",
                    f"{node.name} gets {list(node.shape)}, batch first, but takes its first dimension "
                    "for time: it runs "
                    f"along the {rows} examples of the batch.",
                    "Give it batch_first=True.", node.place, "batch_first=True", rows=rows,
                )  # fmt: skip
                return


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


DIMENSIONS = (
    PassiveCheck(
        ("softmax-wrong-dim", "constant-output"),
        "Weights that sum to one over the batch depend on which rows stand beside; of one value they are always 1.",
        "No threshold: a softmax of two dimensions inside a model over dimension 0, which counts its inputs' rows; a "
        "softmax or layer norm over one value.",
        look_at_gates,
    ),
    PassiveCheck(
        ("examples-mixed",),
        "Along the batch, one example's answer depends on those before it.",
        "No threshold: a module with batch_first=False whose first dimension has one target each.",
        look_at_time,
    ),
    PassiveCheck(
        ("softmax-wrong-dim",),
        "Probabilities that sum to one over the batch rank examples, not classes.",
        "A softmax on the way to a loss with targets over dimension 0, where the two sizes differ (contrastive losses "
        "have equal ones); or, behind a log-softmax, classes that do not sum to one within 0.01.",
        look_at_softmax,
    ),
)
