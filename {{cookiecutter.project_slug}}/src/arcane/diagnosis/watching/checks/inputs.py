"""What reaches the first layer, in training and in evaluation."""

from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import ancestors, given, source
from ..measuring import NORMS, flat, layer
from ..trace import Node, Trace
from .check import PassiveCheck, found
from .phases import PHASES
from .pretrained import PRETRAINED


def first_layers(trace: Trace, most: int = 12) -> list[Node]:
    """First layers of the recorded training steps."""
    nodes = [n for b in trace.backwards[:most] for n in ancestors(b.root) if "entering.not_finite" in n.facts]
    return [n for n in nodes if n.layers == 1]


def look_at_scale(trace: Trace) -> Iterator[Finding]:
    for node in first_layers(trace):
        facts = node.facts
        if facts["entering.not_finite"] > 0:
            yield found(
                "input-not-finite", "error",
                f"{100 * facts['entering.not_finite']:.3g} % of the values that reach the first layer are NaN or "
                "infinite.",
                "Look for missing values, a division by a standard deviation of zero, or a logarithm in the "
                "preprocessing.",
                node.place, "0", not_finite=facts["entering.not_finite"],
            )  # fmt: skip
            return
    nodes = [n for n in first_layers(trace) if n.name not in NORMS and "entering.mean" in n.facts]
    nodes = [n for n in nodes if n.name != "embedding" and not _coded(n) and _of_data(n)]
    for node in nodes:
        facts = node.facts
        rms = float(np.hypot(facts["entering.mean"], facts["entering.std"]))
        if facts.get("entering.numel", 0) < 16:
            continue
        if facts.get("entering.across_rows") == 0 and facts["entering.std"] >= 0 and _rows_differ(trace, node):
            yield found(
                "input-ignored", "error",
                f"Every example of a batch reaches the first layer as the same values (root mean square {rms:.3g}).",
                "Look for zeroed or overwritten inputs on their way into the model.",
                node.place, "values that differ between examples", rms=rms,
            )  # fmt: skip
            return
        if rms > trace.limit("input_rms") and not _normalised_next(trace, node):
            yield found(
                "input-not-normalised", "error",
                f"The values that reach the first layer have a root mean square of {rms:.3g} "
                f"({facts['entering.low']:.3g} to {facts['entering.high']:.3g}).",
                "Bring inputs to about zero mean and unit variance with the training split's statistics.",
                _call_place(trace, node) or node.place, f"about 1, at most {trace.limit('input_rms'):g}", rms=rms,
            )  # fmt: skip
            return
        if 0 < facts["entering.std"] < trace.limit("input_spread") and not _normalised_next(trace, node):
            yield found(
                "input-over-normalised", "error",
                f"The values that reach the first layer spread by only {facts['entering.std']:.2g}.",
                "The inputs are scaled twice (divided by 255 twice, or standardised with statistics of another scale).",
                _call_place(trace, node) or node.place, f"about 1, at least {trace.limit('input_spread'):g}",
                spread=facts["entering.std"],
            )  # fmt: skip
            return
    yield from _beside(trace)


def _beside(trace: Trace) -> Iterator[Finding]:
    """The scale of inputs that enter the first layer beside what another layer made of a code (a time, a class)."""
    for backward in trace.backwards[:12]:
        for node in ancestors(backward.root):
            joined = next((flat(i) for i in node.inputs if layer(node) and flat(i).name == "cat"), None)
            if joined is None or _normalised_next(trace, node):
                continue
            sources = {id(i) for i in joined.inputs}
            for call in (trace.calls[n] for n in node.calls):
                rms = float(np.hypot(call.mean, call.std))
                if call.source is not None and id(call.source) in sources and rms > trace.limit("input_rms"):
                    yield found(
                        "input-not-normalised", "error",
                        f"The values that reach the first layer, beside an embedding, have a root mean square of "
                        f"{rms:.3g} ({call.low:.3g} to {call.high:.3g}).",
                        "Bring inputs to about zero mean and unit variance with the training split's statistics.",
                        call.place, f"about 1, at most {trace.limit('input_rms'):g}", rms=rms,
                    )  # fmt: skip
                    return


def _coded(node: Node) -> bool:
    """Whether the layer got an embedding's output or one-hot codes."""
    return (
        node.facts.get("entering.whole") == 1 and node.facts["entering.low"] == 0 and node.facts["entering.high"] == 1
    )


def _of_data(node: Node) -> bool:
    return any(i.layers == 0 and flat(i).name != "parameter" for i in node.inputs)


def _rows_differ(trace: Trace, node: Node) -> bool:
    return any(len(set(trace.calls[n].keys.tolist())) > 1 for n in node.calls)


def _call_place(trace: Trace, node: Node):
    return next((trace.calls[n].place for n in node.calls), None)


SMALLEST_VARIANCE = 1e-5
"""What normalisers add to the variance: they do not lift what varies by less."""


def _normalised_next(trace: Trace, first: Node) -> bool:
    """Whether a normaliser follows the first layer, which then may get any scale.

    One over a row's units takes a common scale away, but not that columns lie far from nought beside what they vary.
    """
    uneven = first.facts.get("entering.offset", 0.0) > trace.limit("input_offset")
    narrow = first.facts.get("entering.std", 1.0) ** 2
    for backward in trace.backwards[:12]:
        for node in ancestors(backward.root):
            of_rows = node.name not in ("batch_norm", "instance_norm")
            if node.name in NORMS and not (uneven and of_rows) and any(source(i) is first for i in node.inputs):
                return narrow > SMALLEST_VARIANCE
    return False


def look_at_variety(trace: Trace) -> Iterator[Finding]:
    """Inputs that say nothing: zeros, or the same row again and again."""
    calls = [c for c in trace.learned if len(c.keys) > 0]
    if len(calls) < 3:
        return
    rows = np.concatenate([c.keys for c in calls])
    if len(rows) < 32:
        return
    distinct = len(np.unique(rows))
    constant = all(c.std == 0 for c in calls)
    fullest = max(len(np.unique(c.keys)) / len(c.keys) for c in calls if len(c.keys) > 1) if any(
        len(c.keys) > 1 for c in calls) else 1.0  # fmt: skip
    width = max((int(np.prod(n.inputs[0].shape[1:])) for n in first_layers(trace) if n.inputs), default=0)
    if (
        constant
        or distinct == 1
        or (width >= 8 and fullest < trace.limit("watched_fresh_rows") and not trace.models[calls[0].model].embeds)
    ):
        yield found(
            "input-degenerate", "error",
            f"The {len(rows)} training rows hold {distinct} different ones"
            + (", all of one value." if constant else "."),
            "Look at the dataset's indexing (always the same item?) and at what fills the inputs.",
            calls[0].place, "rows that differ", distinct=distinct, rows=len(rows),
        )  # fmt: skip


def look_at_constant_columns(trace: Trace) -> Iterator[Finding]:
    """Tables most of whose columns have one value in all training rows."""
    if not given(trace) or trace.taking_turns:
        return
    for name, rows in trace.whole.items():
        if not name.startswith("train:") or rows.rows < MANY or trace.models[int(name.split(":")[1])].embeds:
            continue
        still = rows.highs == rows.lows
        shaped = all(len(c.shape) == 2 for c in trace.learned[:12])
        if shaped and 4 <= len(still) <= WIDEST and trace.limit("constant_columns") <= still.mean() < 1:
            yield found(
                "input-degenerate", "warning",
                f"{still.sum()} of {len(still)} columns have one and the same value in all {rows.rows} training "
                "rows of the first pass.",
                "Look for columns that are overwritten, filled or clamped before they reach the model.",
                next((c.place for c in trace.learned), None), "columns that vary", constant=float(still.mean()),
            )  # fmt: skip
            return


MANY_CODES = 20
"""Codes of an embedding, of fewer than which one may well be the common one."""

MANY, WIDEST = 60, 256
"""Rows from which on a column that never varies is no chance, and columns beyond which rows are pictures or counts of
words, most of which may be empty."""


def look_at_codes(trace: Trace) -> Iterator[Finding]:
    """Codes of many kinds of which an embedding gets one or two."""
    nodes = [n for b in trace.backwards[:12] for n in ancestors(b.root) if "codes" in n.facts and n.calls]
    kinds = [trace.calls[max(n.calls)] for n in nodes]
    common = [n for n in nodes if n.inputs[-1].shape[:1] > (MANY_CODES,)]
    if len(common) >= 3 and (least := min(n.facts["codes.common"] for n in common)) > trace.limit("common_code"):
        yield found(
            "input-degenerate", "error",
            f"Of the codes that an embedding of {common[0].inputs[-1].shape[0]} gets, {100 * least:.0f} % or more are "
            "one and the same, padding aside: most of what was coded was not known.",
            "Look at what is coded: words, not letters, and in the form that the vocabulary has.", common[0].place,
            "codes of many kinds", share=least,
        )  # fmt: skip
        return
    if len(nodes) < 3 or max(n.facts["codes"] for n in nodes) > 2:
        return
    given_ = max(call.high - call.low for call in kinds)
    if given_ >= 3 and all(trace.models[call.model].embeds for call in kinds):
        yield found(
            "input-degenerate", "error",
            f"The model gets codes from {min(c.low for c in kinds):g} to {max(c.high for c in kinds):g}, but its "
            f"embedding only {max(n.facts['codes'] for n in nodes):g} different ones.",
            "Give the embedding the codes; a comparison with them is a mask.", nodes[0].place, "the codes themselves",
            codes=max(n.facts["codes"] for n in nodes), given=given_,
        )  # fmt: skip


INPUTS = (
    *PRETRAINED,
    PHASES,
    PassiveCheck(
        ("input-degenerate",),
        "Nothing can be learnt from the same row.",
        "One distinct row or value in 32 or more; or at most a fifth distinct rows in every batch, of 8 features or "
        "more.",
        look_at_variety,
    ),
    PassiveCheck(
        ("input-degenerate",),
        "What was overwritten cannot be learnt from.",
        "Half of the 4 to 256 columns of a table without any variance over 60 different training rows or more (digits: "
        "3 of 64).",
        look_at_constant_columns,
    ),
    PassiveCheck(
        ("input-degenerate",),
        "A mask in place of the codes says how long a row is, and nothing else.",
        "One or two different codes at every embedding of the recorded steps, where the model's inputs span four or "
        "more; or nine tenths one code, of more than 20, between others in rows of four or more.",
        look_at_codes,
    ),
    PassiveCheck(
        ("input-not-finite", "input-ignored", "input-not-normalised", "input-over-normalised"),
        "Default rates and initialisations assume inputs of unit variance.",
        "Root mean square above 5, spread below 0.01, at the first layer; one that a normaliser follows may get any.",
        look_at_scale,
    ),
)
