"""What metrics get: which numbers are compared with which, in torch, in numpy and in scikit-learn."""

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..conversions import Judged
from ..formulas import VIEWS
from ..graph import logits_of, losses, source
from ..places import Place
from ..trace import Node, Trace
from .check import PassiveCheck, found
from .loss import scores

SIDED = frozenset({
    "precision_score", "recall_score", "fbeta_score", "roc_auc_score", "average_precision_score", "log_loss",
    "brier_score_loss", "confusion_matrix", "classification_report", "precision_recall_fscore_support", "r2_score",
    "explained_variance_score", "mean_absolute_percentage_error",
})  # fmt: skip
"""Metrics that are others when targets and predictions change places; an F1 of classes is the same."""

RANKING = frozenset({"roc_auc_score", "average_precision_score"})
FEWEST = 20
"""Rows from which on two different values are decisions, not scores."""


def look_at_comparison(trace: Trace) -> Iterator[Finding]:
    """Comparisons that count something else."""
    for node in trace.compared:
        if node.name not in ("eq", "ne") or len(node.inputs) < 2:
            continue
        first, second = node.inputs[0].shape, node.inputs[1].shape
        if all(i.name in ("unsqueeze", "getitem") for i in node.inputs[:2]) and len(first) == len(second):
            continue  # each of a batch with each, on purpose
        if first != second and len(node.shape) > max(len(first), len(second)) - 1 and _product(node.shape) > max(
            _product(first), _product(second)
        ):  # fmt: skip
            yield found(
                "metric-wrong", "error",
                f"Predictions of shape {list(first)} are compared with labels of shape {list(second)}: that broadcasts "
                f"to {list(node.shape)}, and every prediction is compared with every label.",
                "Give both the same shape.", node.place, "one comparison a row", comparisons=_product(node.shape),
            )  # fmt: skip
            return
        picked = source(node.inputs[0] if node.inputs[0].layers else node.inputs[1])
        if picked.name.startswith("arg") and picked.inputs and len(picked.inputs[0].shape) == 2:
            dim = picked.option("dim", 2 if picked.name == "argtopk" else 1)
            shape = picked.inputs[0].shape
            if isinstance(dim, int) and dim % 2 == 0 and shape[0] != shape[1]:
                yield found(
                    "metric-wrong", "error",
                    f"The prediction is the argmax over dimension 0 of {list(shape)}: over the rows, not the classes.",
                    "Use argmax(dim=1).", picked.place or node.place, "argmax over the classes", dim=0,
                )  # fmt: skip
                return


def look_at_thresholds(trace: Trace) -> Iterator[Finding]:
    """Decisions by the threshold of probabilities on logits, or the other way round."""
    logits = {source(t.outputs).place for t in losses(trace) if t.kind == "binary_cross_entropy_with_logits"}
    logits |= {node.place for t in losses(trace) if t.kind == "bernoulli" and (node := logits_of(t)) is not None}
    for node in trace.compared if logits else ():
        threshold, of = _threshold(node)
        if of is None or node.module:  # a metric that is a module decides by itself what it takes for logits
            continue
        if threshold == 0.5 and (of.name in ("linear", "addmm", "matmul", "model") or scores(of)):
            yield found(
                "metric-wrong", "error",
                "Logits are compared with 0.5, the threshold of probabilities; that of logits is 0.",
                "Compare with 0, or put a sigmoid before it.", node.place, "a threshold of 0", threshold=0.5,
            )  # fmt: skip
            return
        if threshold == 0 and of.name == "sigmoid":
            yield found(
                "metric-wrong", "error",
                "Probabilities are compared with 0, the threshold of logits: all are above it.",
                "Compare with 0.5.", node.place, "a threshold of 0.5", threshold=0.0,
            )  # fmt: skip
            return


def _threshold(node: Node) -> tuple[float | None, Node | None]:
    """What decides: a number that outputs are compared with, or half of one where they are rounded."""
    if node.name in ("gt", "ge", "lt", "le") and len(node.inputs) == 1:
        value = node.option("1", 1, node.options.get("other"))
        return (float(value) if isinstance(value, int | float) else None), source(node.inputs[0])
    if node.name in ("eq", "ne") and len(node.inputs) == 2:
        said = next((i for i in node.inputs if i.layers), node.inputs[0])
        while said.name in (*VIEWS, "to_int") and said.inputs:
            said = said.inputs[0]
        if said.name == "round" and said.inputs:
            return 0.5, source(said.inputs[0])
    return None, None


def _product(sizes: tuple[int, ...]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


def look_at_crossings(trace: Trace) -> Iterator[Finding]:
    """A column of answers that meets a row of targets in numpy, after training has begun."""
    for crossing in trace.outside.crossings:
        if crossing.step and trace.steps:
            what = "compared with" if crossing.kind in ("eq", "ne") else "set against"
            yield found(
                "metric-wrong", "error",
                f"Numbers of shape {[crossing.n, 1]} are {what} others of shape {[crossing.n]}: that broadcasts to "
                f"{[crossing.n, crossing.n]}, and every answer meets every target.",
                "Give both the same shape: ravel() or [:, 0].", crossing.place, "one comparison a row",
                comparisons=crossing.n**2,
            )  # fmt: skip
            return


def look_at_sides(trace: Trace) -> Iterator[Finding]:
    """Targets and predictions that changed places in a metric, and decisions where a ranking is measured."""
    for made in trace.outside.judged:
        if not made.step or len(made.first) != len(made.second):
            continue
        first, second = (_answered(trace, made, side) for side in (made.first, made.second))
        if made.kind in SIDED and first and not second:
            yield changed_places(made)
            return
        decided = made.kind in RANKING and len(made.second) >= FEWEST and len(np.unique(made.second)) == 2
        if decided and set(np.unique(made.second)) <= {0.0, 1.0}:
            yield found(
                "metric-wrong", "warning",
                f"{made.kind} gets decisions of 0 and 1; it ranks by scores.",
                "Give it probabilities or logits.", made.place, "scores", rows=len(made.first),
            )  # fmt: skip
            return


def changed_places(made: Judged) -> Finding:
    """Answers where a metric expects the targets."""
    return found(
        "metric-wrong", "error",
        f"{made.kind} gets the model's answers first and the targets second; it expects them the other way round, and "
        "gives another number.",
        "Give it the targets first.", made.place, "targets, then predictions", rows=len(made.first),
    )  # fmt: skip


def pieces(trace: Trace, made: Judged, name: str) -> list[np.ndarray]:
    """What the model answered since the last step, all of it and the last alone, in one meaning of it."""
    since = [parts[name] for time, step, parts in trace.outside.said if step == made.step and time < made.time
             and name in parts]  # fmt: skip
    return [np.concatenate(since), since[-1]] if since else []


def _answered(trace: Trace, made: Judged, values: np.ndarray) -> bool:
    """Whether numbers are what the model answered since the last step, as it left torch, in the order of its calls."""
    names = {name for _, _, parts in trace.outside.said for name in parts}
    return any(
        len(joined) == len(values) and np.allclose(joined, values, rtol=1e-5, atol=1e-7)
        for name in names
        for joined in pieces(trace, made, name)
    )


def look_at_divisors(trace: Trace) -> Iterator[Finding]:
    """Right answers of a batch over the rows of a full one, where the last is smaller."""
    evaluated = {c.number for c in trace.evaluated}
    places: dict[Place | None, list[tuple[int, float]]] = defaultdict(list)
    for score in trace.scores:
        if score.kind == "divided" and score.call in evaluated:
            places[score.place].append((score.rows, score.value))
    per_step = Counter(c.step for c in trace.evaluated)
    for place, pairs in places.items():
        beyond = [(rows, number) for rows, number in pairs if number > rows]
        if len(pairs) > 1 and beyond == pairs and max(per_step.values()) == 1:
            rows, number = beyond[0]
            yield found(
                "metric-wrong", "error",
                f"An evaluation compares {rows} answers with their labels, all at once, and divides the right ones by "
                f"{number:g}.",
                "Divide by the rows that there are (len(labels)).", place, "the rows that were compared", rows=rows,
                divisor=number,
            )  # fmt: skip
            return
        full, numbers = max(rows for rows, _ in pairs), {number for _, number in pairs}
        least = min(rows for rows, _ in pairs)
        if numbers == {float(full)} and least < full and len(pairs) > 1:
            yield found(
                "metric-wrong", "error",
                f"The right answers of a batch are divided by {full}, also where it holds {least} rows.",
                "Divide by the rows that there are (len(labels)), or once, by all rows.", place,
                "the rows of the batch", rows=least, divisor=full,
            )  # fmt: skip
            return


def look_at_same(trace: Trace) -> Iterator[Finding]:
    """Scores, not the classes that they speak for, compared with labels; or answers with themselves."""
    for node in trace.compared:
        if node.name not in ("eq", "ne") or len(node.inputs) != 2 or any(trace.calls[n].gradient for n in node.calls):
            continue
        first, second = node.inputs
        if node.name == "eq" and first.dtype.startswith("int") and _alike(first, second):
            yield found(
                "metric-wrong", "error", "The answers are compared with themselves.",
                "Compare them with the labels.", node.place, "answers against labels",
            )  # fmt: skip
            return
        if node.facts.get("said.whole", 1.0) < 0.05 and node.facts.get("labels.whole", 0.0) == 1.0:
            yield found(
                "metric-wrong", "error",
                "Scores are compared with labels for equality, not the classes that they speak for: hardly any is "
                "equal.",
                "Compare the argmax (of torch.max, the second value) or the rounded probability with the labels.",
                node.place, "classes against labels", whole=node.facts["said.whole"],
            )  # fmt: skip
            return


def _alike(first: Node, second: Node) -> bool:
    """Whether two sides are the same tensor, or were made of the same one in the same way."""
    made = first.name == second.name and first.inputs == second.inputs and first.options == second.options
    return first is second or (bool(first.inputs) and made and bool(first.layers))


JUDGING = (
    PassiveCheck(
        ("metric-wrong",),
        "A number that counts something else is believed all the same.",
        "No threshold: shapes that broadcast, the argmax's dimension.",
        look_at_comparison,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "The threshold of probabilities makes other decisions on logits.",
        "No threshold of its own: 0.5, or rounding, on logits of a binary loss; 0 on a sigmoid.",
        look_at_thresholds,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "A comparison of each with all counts chance agreements.",
        "No threshold: [n, 1] against [n] in numpy, n of 8 or more, after a step was taken.",
        look_at_crossings,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "Precision and recall, or a share of variance, change with the places of targets and predictions.",
        "No threshold: what is given as targets is, value by value, what the model answered; two values where scores "
        "are ranked.",
        look_at_sides,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "A smaller last batch over a full one's rows looks worse than it is.",
        "No threshold: the number that each batch's count is divided by, and the rows that were compared.",
        look_at_divisors,
    ),
    PassiveCheck(
        ("metric-wrong",),
        "Scores are hardly ever equal to a class.",
        "Fewer than 5 % of the scores are whole, and all labels are; no threshold where answers meet themselves.",
        look_at_same,
    ),
)
