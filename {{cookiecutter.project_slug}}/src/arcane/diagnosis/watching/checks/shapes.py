"""Shapes at the loss, and the dimension of a softmax."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..graph import ancestors, is_squared, losses, source
from ..measuring import SQUARED
from ..trace import Node, Trace
from .check import PassiveCheck, found

MADE_ON_PURPOSE = ("unsqueeze", "expand", "expand_as", "getitem", "view", "reshape")


def look_at_broadcast(trace: Trace) -> Iterator[Finding]:
    """[n, 1] against [n] makes [n, n]."""
    for term in losses(trace):
        if not is_squared(term) and not term.kind.startswith("binary"):
            continue
        if term.targets is None:
            continue
        outputs, targets = term.outputs.shape, term.targets.shape
        if _crossed(outputs, targets) and not (term.kind == "squared" and term.targets.name == "unsqueeze"):
            n = max(outputs[0], targets[0])
            yield found(
                "accidental-broadcast", "error",
                f"The loss compares outputs of shape {list(outputs)} with targets of shape {list(targets)}: that "
                f"broadcasts to {[n, n]}, and every output is compared with every target.",
                "Give both the same shape: outputs.squeeze(1), or targets.unsqueeze(1) as they are made.",
                term.node.place, f"the same shape twice, as [{n}]", n=n,
            )  # fmt: skip
            return


def look_at_evaluation(trace: Trace) -> Iterator[Finding]:
    """The same in a loss that only measures."""
    for node in trace.evaluations:
        if len(node.inputs) > 1 and (node.name in SQUARED or node.name.startswith("binary")):
            outputs, targets = node.inputs[0].shape, node.inputs[1].shape
            if _crossed(outputs, targets):
                yield found(
                    "accidental-broadcast", "error",
                    f"In evaluation, {node.name} compares outputs of shape {list(outputs)} with targets of shape "
                    f"{list(targets)}: every output is compared with every target.",
                    "Give both the same shape.", node.place, "the same shape twice", n=outputs[0],
                )  # fmt: skip
                return


def look_at_differences(trace: Trace) -> Iterator[Finding]:
    """The same in any formula: an operation on a model's [n, 1] and given numbers [n], or the other way round."""
    for backward in trace.backwards[:6]:
        for node in ancestors(backward.root):
            if len(node.inputs) != 2 or node.name not in PAIRWISE or len(node.shape) < 2:
                continue
            made, given = node.inputs if node.inputs[0].layers else node.inputs[::-1]
            if not made.layers or given.layers or given.name in ("parameter", *MADE_ON_PURPOSE):
                continue
            rows = {trace.calls[number].rows for number in made.calls}
            purpose = made.name in ("unsqueeze", "getitem") or made.option("keepdim", 2, False)
            if not purpose and _crossed(made.shape, given.shape) and made.shape[0] in rows:
                n = made.shape[0]
                yield found(
                    "accidental-broadcast", "error",
                    f"A {node.name} of outputs of shape {list(made.shape)} and numbers of shape {list(given.shape)} "
                    f"broadcasts to {list(node.shape)}: every output meets every target.",
                    "Give both the same shape: outputs.squeeze(1), or targets.unsqueeze(1) as they are made.",
                    node.place, f"the same shape twice, as [{n}]", n=n,
                )  # fmt: skip
                return


PAIRWISE = frozenset({"sub", "rsub", "mul", "add", "div", "maximum", "minimum", "where", "pow", "max", "min"})


def _crossed(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Whether two shapes differ and broadcast to more than either holds, by one lacking a dimension.

    The rows of the shorter one, numbers [n] or pictures [n, H, W], then lie where the longer one has 1: in its last
    place or, after its own rows, in that of the channels.
    """
    if len(first) == len(second) or not first or not second:
        return False
    longer, shorter = (first, second) if len(first) > len(second) else (second, first)
    rows = longer[0]
    return len(longer) == len(shorter) + 1 and rows > 1 and shorter[0] == rows and 1 in (longer[-1], longer[1])


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


def look_at_rows(trace: Trace) -> Iterator[Finding]:
    """Outputs whose rows are not the inputs' rows."""
    for term in losses(trace):
        calls = [trace.calls[number] for number in term.outputs.calls]
        shape = source(term.outputs).shape
        if len(calls) != 1 or not calls[0].rows or not shape or term.targets is None or not is_squared(term):
            continue
        if term.kind == "difference":
            continue  # several quantiles of one target
        outputs, targets = term.outputs.shape, term.targets.shape
        broadcast = len(outputs) == len(targets) and outputs != targets and outputs[1:] != targets[1:]
        if broadcast and (1 in outputs[1:] or 1 in targets[1:]) and outputs[0] == targets[0]:
            yield found(
                "output-shape-mismatch", "error",
                f"The loss compares outputs of shape {list(outputs)} with targets of shape {list(targets)}, and one of "
                "them is repeated to fit.",
                "Let the last layer give as many numbers an example as there are targets.",
                term.node.place, str(list(targets)), outputs=outputs[-1], targets=targets[-1],
            )  # fmt: skip
            return


def look_at_constant(trace: Trace) -> Iterator[Finding]:
    """The same outputs for every row, after training has begun."""
    late = [term for b in trace.backwards if b.step >= 10 for term in _first_terms(b.root)]
    spread = [(t, t.node.facts.get("input.across_rows", -1.0), t.node.facts) for t in late]
    spread = [(t, s, f) for t, s, f in spread if s >= 0]
    if len(spread) < 3:
        return
    size = max(max(abs(f.get("input.low", 0)), abs(f.get("input.high", 0))) for _, _, f in spread)
    varied = any(call.std > 0 for call in trace.learned)
    worst = max(s for _, s, _ in spread[-3:])
    if varied and worst <= trace.limit("output_spread") * max(size, 1e-6):
        term = spread[-1][0]
        yield found(
            "constant-output", "error",
            f"After {trace.steps} steps the outputs are the same for every example of a batch (spread {worst:.1g}).",
            "Look for dead units, for inputs that are overwritten, and for an output that does not use its input.",
            term.node.place, "outputs that differ between examples", spread=worst,
        )  # fmt: skip


def _first_terms(root: Node) -> list:
    from ..graph import terms

    return terms(root)[:1]


SHAPES = (
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
        ("accidental-broadcast",),
        "Every output compared with every target pulls all outputs to the targets' mean, and nothing fails.",
        "No threshold: [n, 1] against [n] at a loss; a dimension added with unsqueeze in the loss's own line passes.",
        look_at_broadcast,
    ),
    PassiveCheck(
        ("accidental-broadcast",),
        "A loss that is written out broadcasts as silently.",
        "No threshold: outputs [n, 1] with given numbers [n] in one operation, neither given a dimension there.",
        look_at_differences,
    ),
    PassiveCheck(
        ("accidental-broadcast",),
        "A broadcast in evaluation measures another thing than the one that is trained.",
        "No threshold: [n, 1] against [n] at a loss that nothing is learnt from.",
        look_at_evaluation,
    ),
    PassiveCheck(
        ("softmax-wrong-dim",),
        "Probabilities that sum to one over the batch rank examples, not classes.",
        "A softmax on the way to a loss with targets over dimension 0, where the two sizes differ (contrastive losses "
        "have equal ones); or, behind a log-softmax, classes that do not sum to one within 0.01.",
        look_at_softmax,
    ),
    PassiveCheck(
        ("output-shape-mismatch",),
        "A target that is repeated to fit is another task.",
        "No threshold: shapes that differ at a difference.",
        look_at_rows,
    ),
)

CONSTANT = PassiveCheck(
    ("constant-output",),
    "A model that answers the same whatever it is asked has learnt the prior at best.",
    "Spread over a batch's rows below a millionth of the outputs' size, at three of the recorded "
    "steps after the tenth.",
    look_at_constant,
    symptom=True,
)
