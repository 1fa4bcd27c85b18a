"""Numbers that are cut off or wrap around on their way to the model, in torch or in numpy before it."""

from collections.abc import Iterator

from ....data.findings import Finding
from ..conversions import Conversion
from ..graph import ancestors
from ..trace import Node, Trace
from .check import PassiveCheck, found
from .inputs import first_layers

FEWEST = 50
"""Training rows from which on one column alone is looked at."""

ITEMS = 8
"""Times that a place makes one row's array from which on it makes the inputs', not a picture to look at."""

SAID = {
    "cast": "a conversion to {dtype}", "stored": "an array of {dtype} that gets fractions",
    "divided": "a division without rest", "add": "a sum in {dtype}", "sub": "a difference in {dtype}",
    "mul": "a product in {dtype}", "pow": "a power in {dtype}", "lshift": "a shift in {dtype}",
}  # fmt: skip


def look_at_casts(trace: Trace) -> Iterator[Finding]:
    """Tensors that are cut off or wrap around on their way to the model."""
    used = {id(n) for b in trace.backwards[:12] for n in ancestors(b.root)}
    wraps, most = trace.limit("watched_casting_overflow"), trace.limit("watched_casting_lost")
    for node in trace.casts:
        facts = node.facts
        if node.layers or (node.calls and id(node) not in used):
            continue
        overflow, cut, lost = facts.get("overflow", 0.0), facts.get("cut", 0.0), facts.get("lost", 0.0)
        coarse = cut > trace.limit("watched_casting_cut") and 0 < facts.get("input.std", 0) < 20
        coarse = coarse or (lost > most and (id(node) in used or _sized(node.shape, trace, 1)))
        if (overflow > wraps or coarse) and _reaches_model(trace, node, used):
            what = f"{100 * overflow:.3g} % of the values wrap around" if overflow > wraps else (
                f"{100 * cut:.3g} % of the values lose what stands behind the point (their deviation is "
                f"{facts.get('input.std', 0):.3g})"
                if cut
                else f"{100 * lost:.0f} % of what the values say (of their deviation) is cut off"
            )  # fmt: skip
            yield _said(f"In a conversion or sum in {node.dtype}, {what}.", node.place, overflow, max(cut, lost))
            return


def _reaches_model(trace: Trace, node: Node, used: set[int]) -> bool:
    """Whether a cast's result was turned to floats for a model: seen in the graph, or whole numbers in its inputs."""
    if id(node) in used:
        return True
    whole = [n for n in first_layers(trace) if n.facts.get("entering.whole") == 1 and n.name != "embedding"]
    return bool(whole) or node.facts.get("overflow", 0) > 0.001 or _sized(node.shape, trace, 1)


def look_at_arrays(trace: Trace) -> Iterator[Finding]:
    """Conversions and sums of arrays of the inputs' size that lose what the inputs say."""
    if any(model.embeds for model in trace.models.values()):
        return
    wraps, most = trace.limit("watched_casting_overflow"), trace.limit("watched_casting_lost")
    for made in trace.outside.conversions:
        if made.step or made.drawn or (made.overflow <= wraps and made.lost <= most) or not _of_inputs(made, trace):
            continue
        what = f"{100 * made.overflow:.3g} % of the values wrap around" if made.overflow > wraps else (
            f"{100 * made.lost:.0f} % of what the values say (of their deviation) is cut off"
        )  # fmt: skip
        message = f"In {SAID[made.kind].format(dtype=made.dtype)}, {what}."
        yield _said(message, made.place, made.overflow, made.lost)
        return


def _said(message: str, place, overflow: float, lost: float) -> Finding:
    return found(
        "input-casting", "error", message,
        "Convert to float before computing, and to whole numbers only what is whole.",
        place, "no value changed by a conversion", overflow=overflow, lost=lost,
    )  # fmt: skip


def _of_inputs(made: Conversion, trace: Trace) -> bool:
    times = sum(other.place == made.place for other in trace.outside.conversions)
    return _sized(made.shape, trace, times) or _column(made, trace)


def _column(made: Conversion, trace: Trace) -> bool:
    """Whether values of one column of a table wrap around: as many numbers as there are rows, before the split."""
    rows = max((p.rows for name, p in trace.populations.items() if name.startswith("train:")), default=0)
    table = any(len(call.shape) == 2 for call in trace.learned[:4])
    wraps = made.kind == "cast" and made.overflow > trace.limit("watched_casting_overflow")
    return wraps and table and len(made.shape) == 1 and FEWEST <= rows <= made.shape[0] <= 10 * rows


def _sized(shape: tuple[int, ...], trace: Trace, times: int) -> bool:
    """Whether an array has the size of the inputs, or of one row of them, or is the record that they are cut from."""
    for own in {call.shape for call in trace.learned[:24] if len(call.shape) > 1}:
        width = _product(own[1:])
        if len(shape) > 1 and _product(shape[1:]) == width > 1:
            return True
        if _product(shape) == width > 1 and times >= ITEMS:
            return True
        if len(own) > 2 and len(shape) == 2 and shape[1] == own[-1] > 1 and shape[0] > own[-2]:
            return True
    return False


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


CASTING = (
    PassiveCheck(
        ("input-casting",),
        "What is cut off or wraps around is lost before the model sees it.",
        "More than 0.1 % of a tensor's values wrap around, or a fifth lose their fraction at a deviation below 20.",
        look_at_casts,
    ),
    PassiveCheck(
        ("input-casting",),
        "What is cut off or wraps around is lost before the model sees it.",
        "An array of the inputs' size, before the first step: more than 0.1 % of the values wrap around, or more than "
        "a fifth of their deviation is lost (pixels of 0 to 255 lose 0.004, standardised values 0.45, 0 to 1 all).",
        look_at_arrays,
    ),
)
