"""Labels as the loss got them, in the order in which they came."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import ancestors, given, losses, source, taught
from ..trace import Node, Trace
from .check import PassiveCheck, found
from .mixing import MIXING
from .order import CHOICES, CUTS, OF_CLASSES, ORDER, PAIRING, classes, labelled


def look_at_variety(trace: Trace) -> Iterator[Finding]:
    """One class alone, in all that one model is trained on."""
    for model in dict.fromkeys(c.model for c in labelled(trace)):
        calls = [c for c in labelled(trace) if c.model == model]
        labels = np.concatenate([c.labels for c in calls])
        several = trace.taking_turns or len(np.unique(labels)) > 1 or len(calls) < 3
        if len(labels) < 64 or several or not np.isfinite(labels).all():
            continue
        if classes(trace) or (labels[0] != 0 and given(trace)):  # of an equation, what is left over is to be nought
            yield found(
                "single-class", "error",
                f"All {len(labels)} labels of the training steps looked at are {labels[0]:g}.",
                "Look at how the training rows are chosen (sorted data cut in two?) and how labels are read.",
                calls[0].place, "several classes", labels=len(labels),
            )  # fmt: skip
            return


def look_at_absent(trace: Trace) -> Iterator[Finding]:
    """Targets that are no numbers, in a loss that is none for it; where they are masked out, the loss is one."""
    if all(np.isfinite(value) for value in trace.losses):
        return
    for term in losses(trace):
        absent = term.node.facts.get("target.not_finite", 0.0)
        computed = term.targets is None or any("made_not_finite" in n.facts for n in ancestors(term.targets))
        if 0 < absent < 1 and not (computed or taught(term)):  # where all are, a computation made them so, too
            yield found(
                "labels-corrupt", "error",
                f"{100 * absent:.3g} % of the targets of a step are NaN or infinite, and so is the loss.",
                "Drop rows without a target, or mask them in the loss; take statistics without them.",
                term.node.place, "finite targets", absent=absent,
            )  # fmt: skip
            return


def look_at_numbering(trace: Trace) -> Iterator[Finding]:
    """Predictions that are right but for the names of the classes."""
    if not trace.confusions:
        return
    last = max(step for step, _ in trace.confusions)
    pairs = sum((table for (step, _), table in trace.confusions.items() if step == last), Counter())
    share = trace.limit("renamed_share")
    rows, right = sum(pairs.values()), sum(n for (a, b), n in pairs.items() if a == b)
    said = {a: sum(n for (c, _), n in pairs.items() if c == a) for a, _ in pairs}
    often = {a: max((n, b) for (c, b), n in pairs.items() if c == a) for a, n in said.items() if n >= 5}
    moved = {a: b for a, (_, b) in often.items() if a != b}
    one_to_one = len({b for _, b in often.values()}) == len(often)
    if (
        rows >= 30
        and len(moved) >= 2
        and one_to_one
        and sum(n for n, _ in often.values()) > share * rows > right / share
    ):
        shown = ", ".join(f"{a} for {b}" for a, b in sorted(moved.items())[:4])
        yield found(
            "labels-corrupt", "error",
            f"Of {rows} predictions {100 * right / rows:.0f} % are right, but nearly all would be under other names of "
            f"the classes ({shown}): training and evaluation number them differently.",
            "Make one table of the classes, and use it for both.", None, "the same number for a class everywhere",
            right=right / rows, rows=rows,
        )  # fmt: skip


def look_at_masks(trace: Trace) -> Iterator[Finding]:
    """One class alone, where a row has many labels: a mask, a sequence of tags."""
    terms = [t for t in losses(trace) if t.kind in OF_CLASSES and t.targets is not None and len(t.targets.shape) > 1]
    terms = [t for t in terms if not taught(t)]
    facts = [t.node.facts for t in terms]
    values = {(f["target.low"], f["target.high"]) for f in facts if "target.low" in f}
    if len(terms) >= 3 and len(values) == 1 and len(set(*values)) == 1 and not trace.taking_turns:
        yield found(
            "single-class", "error",
            f"All labels of the {len(terms)} training steps looked at are {values.pop()[0]:g}.",
            "Look at how the labels are read, and from where.",
            terms[0].node.place, "several classes", steps=len(terms),
        )  # fmt: skip


def look_at_values(trace: Trace) -> Iterator[Finding]:
    """Values that a loss does not know."""
    for term in losses(trace):
        facts = term.node.facts
        low, high = facts.get("target.low", 0.0), facts.get("target.high", 0.0)
        if term.kind not in ("binary_cross_entropy_with_logits", "binary_cross_entropy", "bernoulli"):
            continue
        if low < 0 or high > 1:
            signs = {low, high} == {-1.0, 1.0}
            quantity = facts.get("target.whole", 1.0) < 0.5
            yield found(
                "label-format-mismatch" if signs else "loss-target-mismatch" if quantity else "label-out-of-range",
                "error",
                f"{term.kind} gets targets from {low:g} to {high:g}; it knows 0 to 1.",
                "Turn -1/+1 into 0/1." if signs else "Bring the targets into 0 to 1, or use another loss.",
                term.node.place, "0 to 1", lowest=low, highest=high,
            )  # fmt: skip
            return
    for term in losses(trace):
        facts = term.node.facts
        if term.kind != "cross_entropy" or term.targets is None or len(term.outputs.shape) != 2:
            continue
        if term.targets.shape == term.outputs.shape and term.targets.dtype.startswith("float"):
            off = facts.get("target.sum_off_1", 0.0)
            fractions = facts.get("target.whole", 1) < 1 and facts["target.low"] >= 0 and facts["target.high"] <= 1
            if off > 0.01 and (fractions or facts.get("target.marked", 0) == 1):
                yield found(
                    "label-format-mismatch", "warning",
                    "cross_entropy gets rows of targets that are no probabilities: they do not sum to one.",
                    "Give class numbers (int64 [n]) or rows that sum to one.",
                    term.node.place, "sums of 1", off=off,
                )  # fmt: skip
                return


SMALL_MARK = 0.1
"""Least mark of a binary loss beside 0: of smoothed labels the other value is not 0, of shares there are more than two.
"""


def look_at_marks(trace: Trace) -> Iterator[Finding]:
    """Labels of 0 and of one small number: marks that were divided once too often."""
    terms = [t for t in losses(trace) if t.kind.startswith("binary") and t.targets is not None and not taught(t)]
    facts = [t.node.facts for t in terms if t.node.facts.get("target.high", 0) > 0]
    marks = {f["target.high"] for f in facts if f.get("target.distinct") == 2 and f["target.low"] == 0}
    mark = min(marks, default=1.0)
    if len(facts) >= 3 and mark < SMALL_MARK and all(f["target.high"] == mark for f in facts):
        yield found(
            "labels-corrupt", "error",
            f"All labels that {terms[0].kind} gets are 0 or {mark:.3g}: marks are hardly told from their absence.",
            "Bring the marks to 1 (divide by 255 only what runs to 255).", terms[0].node.place, "0 and 1", mark=mark,
        )  # fmt: skip


def look_at_margins(trace: Trace) -> Iterator[Finding]:
    """A hinge on labels of 0 and 1."""
    for backward in trace.backwards[:6]:
        for node in ancestors(backward.root):
            facts = _margin(node)
            if (facts.get("target.low"), facts.get("target.high"), facts.get("target.whole")) == (0.0, 1.0, 1.0):
                yield found(
                    "label-format-mismatch", "error",
                    "A hinge gets labels of 0 and 1; it knows -1 and +1, and a row of class 0 has the same loss "
                    "whatever the output is.",
                    "Turn 0/1 into -1/+1 (2 * y - 1).", node.place, "-1 and +1", lowest=0, highest=1,
                )  # fmt: skip
                return


def _margin(node: Node) -> dict[str, float]:
    """What is known of the labels y in max(0, 1 - y * output), and in torch's losses of that kind; else nothing."""
    if node.name in ("soft_margin_loss", "hinge_embedding_loss"):
        return node.facts
    if node.name not in ("clamp", "clamp_min", "relu", "maximum") or not node.inputs:
        return {}
    inner = source(node.inputs[0])
    if inner.name not in ("rsub", "sub") or not inner.inputs:
        return {}
    product = source(inner.inputs[-1])
    return product.facts if product.name == "mul" else {}


TURNS = frozenset({"flip", "fliplr", "flipud", "rot90", "roll", "grid_sample", "affine_grid"})


def look_at_alignment(trace: Trace) -> Iterator[Finding]:
    """Inputs that are turned over, and targets of the same pixels that are not."""
    for term in losses(trace, 12):
        if term.targets is None or term.targets.layers:
            continue
        pixels = source(term.targets).shape  # a flattened picture is one, too
        if len(pixels) < 3:
            continue
        before = [n for n in ancestors(term.outputs) if not n.layers and not n.module and n.name in TURNS]
        before = [n for n in before if n.shape[-2:] == pixels[-2:]]
        # An autoencoder's targets are its inputs: what was turned before both are one.
        if before and not any(n.name in TURNS for n in ancestors(term.targets)):
            yield found(
                "augmentation-breaks-labels", "error",
                f"Inputs go through a {before[0].name} before they reach the model, their targets of the same pixels "
                "do not.",
                "Turn targets together with their inputs, by the same draw.", before[0].place,
                "the same for both", operations=len(before),
            )  # fmt: skip
            return


def look_at_columns(trace: Trace) -> Iterator[Finding]:
    """Classes that are numbered from 1, and the column of class 0 that never serves."""
    terms = [t for t in losses(trace) if t.kind in ("cross_entropy", "nll_loss") and len(t.outputs.shape) == 2]
    own = {trace.calls[n].model for t in terms[:1] for n in t.outputs.calls}  # a later stage has labels of its own
    labels = np.concatenate([c.labels for c in labelled(trace) if c.model in own] or [np.empty(0)])
    if not terms or len(labels) < 64 or any(m.embeds for m in trace.models.values()):
        return
    columns = terms[0].outputs.shape[1]
    seen = len(np.unique(labels))
    # Each of the classes seen came twenty times: ten times as many that never came are no rare ones.
    enough = len(labels) > 3 * columns or (columns >= 10 * seen and len(labels) > 20 * seen)
    if columns > labels.max() + 1 and columns >= trace.limit("columns_per_class") * seen and enough:
        yield found(
            "output-shape-mismatch", "warning",
            f"The model gives {columns} columns, but only {seen} classes occur in {len(labels)} labels.",
            "Let the last layer give one column a class (a pre-trained head is replaced).",
            terms[0].outputs.place, f"{seen} columns", columns=columns, classes=seen,
        )  # fmt: skip


LABELS = (
    PAIRING,
    CHOICES,
    PassiveCheck(
        ("labels-corrupt",),
        "One missing target makes every weight NaN.",
        "No threshold: some targets that are not finite, in a program whose loss is not finite either.",
        look_at_absent,
    ),
    PassiveCheck(
        ("labels-corrupt",),
        "A model that knows all classes by other names is wrong throughout.",
        "In the last evaluation of 30 rows or more each predicted class is another one's label, one to one, in 80 % of "
        "the rows, for two classes or more.",
        look_at_numbering,
    ),
    PassiveCheck(
        ("label-out-of-range", "label-format-mismatch", "loss-target-mismatch"),
        "A loss computes something for wrong targets too.",
        "No threshold: binary losses know 0 to 1; rows of probabilities sum to one within 0.01.",
        look_at_values,
    ),
    PassiveCheck(
        ("labels-corrupt",),
        "A mark of nearly 0 is learnt as none.",
        "Two values in all of a binary loss's targets, 0 and one below 0.1.",
        look_at_marks,
    ),
    PassiveCheck(
        ("label-format-mismatch",),
        "A row of label 0 has a constant hinge, so that only the other class is learnt.",
        "No threshold: labels of 0 and 1 in max(0, 1 - y * output), soft_margin_loss or hinge_embedding_loss.",
        look_at_margins,
    ),
    PassiveCheck(
        ("single-class",),
        "Of one class, a constant is perfect.",
        "64 labels in at least 3 batches; programs with several optimisers pass (a GAN's halves have one label each).",
        look_at_variety,
    ),
    PassiveCheck(
        ("single-class",),
        "Of one class, a constant is perfect.",
        "The same one class in all labels of three training steps or more, where a row has several labels.",
        look_at_masks,
    ),
    PassiveCheck(
        ("augmentation-breaks-labels",),
        "A mask that stays where it was, while its image is mirrored, marks other pixels.",
        "No threshold: a flip, roll, turn or warp among what inputs are made of, and none among what targets of the "
        "same height and width are made of.",
        look_at_alignment,
    ),
    ORDER,
    CUTS,
    MIXING,
    PassiveCheck(
        ("output-shape-mismatch",),
        "Columns for classes that do not exist take probability from those that do.",
        "Twice as many columns as classes that occur, in 3 labels a column or more; or ten times as many, in 20 labels "
        "a class.",
        look_at_columns,
    ),
)
