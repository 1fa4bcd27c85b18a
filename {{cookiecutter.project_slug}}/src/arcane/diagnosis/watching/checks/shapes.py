"""Shapes at the loss, and outputs that are the same whatever they are asked."""

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


def look_at_columns(trace: Trace) -> Iterator[Finding]:
    """Of each row the columns of all rows: outputs[:, actions] in place of one column each."""
    for term in losses(trace):
        outputs, targets, whole = term.outputs.shape, term.targets.shape if term.targets else (), source(term.outputs)
        n = targets[0] if targets else 0
        if not is_squared(term) or outputs != (n, n) or targets != (n,) or n < 2:
            continue
        if len(whole.shape) == 2 and whole.shape[0] == n != whole.shape[1]:
            yield found(
                "accidental-broadcast", "error",
                f"An index chooses {n} columns of each of the {n} rows, {list(outputs)}, and the targets {[n]} are "
                "repeated to fit: the columns that other rows chose are compared, too.",
                "Choose one column a row: gather(1, index.unsqueeze(1)).squeeze(1), or outputs[arange(n), index].",
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
            if given.wants_gradient and "taught.low" in node.facts:  # what other outputs let expect
                made, given = given, made
            estimated = "taught.low" in node.facts
            if not made.layers or (given.layers and not estimated) or given.name in ("parameter", *MADE_ON_PURPOSE):
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
    size = max(_size(facts) for _, _, facts in spread)
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


MASK = 1e6
"""From here on a bound of the outputs may be what masked ones were set to, and the nearer bound tells their size."""


def _size(facts: dict[str, float]) -> float:
    bounds = abs(facts.get("input.low", 0.0)), abs(facts.get("input.high", 0.0))
    return max(bounds) if max(bounds) < MASK else min(bounds)


def _first_terms(root: Node) -> list:
    from ..graph import terms

    return terms(root)[:1]


SHAPES = (
    PassiveCheck(
        ("accidental-broadcast",),
        "Every output compared with every target pulls all outputs to the targets' mean, and nothing fails.",
        "No threshold: [n, 1] against [n] at a loss; a dimension added with unsqueeze in the loss's own line passes.",
        look_at_broadcast,
    ),
    PassiveCheck(
        ("accidental-broadcast",),
        "An index along one dimension alone chooses of every row what another row should have.",
        "No threshold: [n, n], by an index from [n, k], against targets [n].",
        look_at_columns,
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
