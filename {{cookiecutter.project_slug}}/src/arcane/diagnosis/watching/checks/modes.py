"""Train and eval mode where each belongs."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import ancestors, source
from ..trace import Call, Node, Trace
from .check import PassiveCheck, found


def repeated(trace: Trace, call: Call) -> bool:
    """Whether the same rows are asked about several times in a row with the same weights: sampling on purpose."""
    if not len(call.keys):
        return False
    near = [c for c in trace.calls[max(0, call.number - 40) : call.number + 40] if c.model == call.model]
    return sum(c.step == call.step and np.array_equal(c.keys, call.keys) for c in near) >= 3


def look_at_training_mode(trace: Trace) -> Iterator[Finding]:
    """Evaluation in train mode."""
    calls = [c for c in trace.asked if not c.input_gradient]
    wrong = [c for c in calls if c.training and (c.modes.dropout_on or c.modes.norm_on) and not repeated(trace, c)]
    wrong = [c for c in wrong if not _of_a_step(trace, c)]
    if not wrong:
        return
    right = [c for c in calls if not c.training and c.place == wrong[0].place]
    modes = wrong[0].modes
    what = " and ".join(
        f"{n} {name}" for n, name in ((modes.dropout_on, "dropouts"), (modes.norm_on, "batch norms")) if n
    )
    on_training = _share_of_training(trace, wrong)
    severity = "warning" if on_training > 0.9 and any(not c.training for c in calls) else "error"
    yield found(
        "train-mode-in-evaluation", severity,
        f"{len(wrong)} of {len(wrong) + len(right)} evaluation calls run the model in train mode, with {what} at work"
        + (" that change the model's statistics by evaluation rows." if modes.norm_on else "."),
        "Call model.eval() before evaluating, and model.train() after it.",
        wrong[0].place, "eval mode", calls=len(wrong),
    )  # fmt: skip


def look_at_teacher(trace: Trace) -> Iterator[Finding]:
    """A model that was trained before, and is asked in train mode while another one learns."""
    for key in trace.models:
        learned = [c for c in trace.learned if c.model == key]
        if not learned or trace.taking_turns:
            continue
        asked = [c for c in trace.calls if c.model == key and c.step > learned[-1].step and not c.gradient]
        others = {c.step for c in trace.learned if c.model != key}
        asked = [c for c in asked if c.step in others and c.training and (c.modes.dropout_on or c.modes.norm_on)]
        if len(asked) >= 4 and not any(repeated(trace, c) for c in asked[:4]):
            yield found(
                "train-mode-in-evaluation", "error",
                f"{trace.models[key].name} is not trained any more, but answers {len(asked)} calls in train mode, with "
                f"{asked[0].modes.dropout_on} dropouts and {asked[0].modes.norm_on} batch norms at work.",
                "Call eval() on a model that only answers.", asked[0].place, "eval mode", calls=len(asked),
            )  # fmt: skip
            return


def _of_a_step(trace: Trace, call: Call) -> bool:
    """Whether a call belongs to a training step: other calls of that step are learned from."""
    if call.gradient:
        return False
    models = {c.model for c in trace.learned if c.step == call.step}
    per_step = Counter(c.step for c in trace.asked if c.place == call.place and c.model == call.model)
    often = len(per_step) >= OFTEN and max(per_step.values()) <= 2
    return bool(models - {call.model}) and call.model not in models and often


OFTEN = 3
"""Steps at which a model answers that is a part of them; a last look at a teacher before its student begins is none."""


def _share_of_training(trace: Trace, calls: list[Call]) -> float:
    seen = {k for c in trace.learned for k in c.keys.tolist()}
    rows = [k for c in calls for k in c.keys.tolist()]
    return sum(k in seen for k in rows) / len(rows) if rows else 0.0


def look_at_eval_mode(trace: Trace) -> Iterator[Finding]:
    """Training in eval mode."""
    calls = [c for c in trace.learned if not c.input_gradient]
    wrong = [c for c in calls if not c.training and c.modes.dropout_off + c.modes.norm_off > 0]
    right = [c for c in calls if c.training]
    if not wrong or len(wrong) < 2:
        return
    switched = bool(right) and right[0].number < wrong[0].number and len(wrong) > 0.3 * len(calls)
    frozen = all(c.modes.norm_off == c.modes.norm_frozen for c in wrong) and not any(c.modes.dropout_off for c in wrong)
    if frozen or _partly_frozen(trace, wrong[0]) or (any(m.loaded for m in trace.models.values()) and not switched):
        return
    if switched:
        message = (
            f"The model was in train mode for {len(right)} training calls, then in eval mode for "
            f"{len(wrong)}: after an "
            "evaluation, train mode was not restored."
        )
    elif not right:
        message = f"All {len(wrong)} training calls run in eval mode: dropout and batch statistics are off."
    else:
        return
    yield found(
        "eval-mode-in-training", "error", message, "Call model.train() at the start of each epoch.", wrong[0].place,
        "train mode", calls=len(wrong), before=len(right),
    )  # fmt: skip


def _partly_frozen(trace: Trace, call: Call) -> bool:
    """Whether most of the model is frozen: a backbone in eval mode is meant."""
    parameters = trace.models[call.model].parameters.values()
    frozen = sum(not wants for _, _, wants in parameters)
    return frozen > 0.3 * max(1, len(parameters))


def look_at_dropout(trace: Trace) -> Iterator[Finding]:
    """Dropout that does not know the mode."""
    for node in trace.dropout_in_evaluation:
        calls = [trace.calls[n] for n in node.calls if n < len(trace.calls)]
        calls = [c for c in calls if not c.training and not c.learned]
        if not calls or any(repeated(trace, c) for c in calls) or not any(c.scored or c.shown for c in calls):
            continue
        own, stray = node.module.startswith(("Dropout", "AlphaDropout", "FeatureAlpha")), node.facts.get("stray")
        if own and not stray:
            continue  # a module's own mode: set by the program
        how = f"the model does not know this {node.module}" if own else "its `training` argument is not the mode"
        yield found(
            "dropout-active-in-evaluation", "error",
            f"{node.name} drops values while the model is in eval mode: {how}.",
            "Make it in __init__, as an attribute of the model." if own
            else "Give it training=self.training, or use nn.Dropout.",
            node.place, "no dropout in eval mode", rate=float(node.option("p", 1, 0.5) or 0),
        )  # fmt: skip
        return
    wrong = [
        c for c in trace.asked
        if not c.training and c.modes.dropout_on and not repeated(trace, c) and not c.input_gradient
    ]  # fmt: skip
    if wrong and len({c.step for c in wrong}) >= 1:
        yield found(
            "dropout-active-in-evaluation", "error",
            f"{wrong[0].modes.dropout_on} dropouts are in train mode while their model is in eval "
            f"mode, in {len(wrong)} "
            "evaluation calls.",
            "Call eval() on the whole model; a module that is kept in a list does not get it.",
            wrong[0].place, "eval mode throughout", calls=len(wrong),
        )  # fmt: skip


def look_at_chance(trace: Trace) -> Iterator[Finding]:
    """Random numbers in evaluation."""
    for node in trace.random_in_evaluation:
        calls = [trace.calls[n] for n in node.calls if n < len(trace.calls)]
        calls = [c for c in calls if not c.learned and (c.scored or (c.shown and not c.training))]
        if not calls or any(repeated(trace, c) for c in calls):
            continue
        severity = "note" if _sampled(trace, node) else "warning" if _rebuilds(trace) else "error"
        yield found(
            "evaluation-not-deterministic", severity,
            f"The model draws random numbers ({node.name}) in evaluation: "
            "the same rows give other outputs each time.",
            "Draw them only where self.training is true (a variational model: use the mean).",
            node.place, "the same outputs each time",
        )  # fmt: skip
        return


def _sampled(trace: Trace, drawn: Node, most: int = 8) -> bool:
    """Whether a model draws from a distribution that it makes itself: its own answer is such a draw on purpose."""
    if any(i.layers for i in drawn.inputs):
        return True
    scored = [node for node in trace.evaluations if node.calls & drawn.calls][:most]
    return any(
        node.name == "mul" and any(source(i) is drawn for i in node.inputs) and any(i.layers for i in node.inputs)
        for root in scored
        for node in ancestors(root)
    )


def _rebuilds(trace: Trace) -> bool:
    """Whether the loss has several terms (a variational model samples on purpose) or no labels."""
    from ..graph import terms

    return any(len(terms(b.root)) != 1 or not terms(b.root)[0].alone for b in trace.backwards[:4])


MODES = (
    PassiveCheck(
        ("train-mode-in-evaluation",),
        "Dropout and batch statistics disturb the measurement, and batch norm learns from evaluation rows.",
        "No threshold: a call that is scored and not learned from, with dropout or batch norm at work. The same rows "
        "three times in a row (Monte Carlo dropout) pass.",
        look_at_training_mode,
    ),
    PassiveCheck(
        ("train-mode-in-evaluation",),
        "A teacher that drops units, or takes batch statistics, teaches something else each time.",
        "No threshold: four calls without gradients in train mode, after the model's own last training step, at steps "
        "of another model.",
        look_at_teacher,
    ),
    PassiveCheck(
        ("eval-mode-in-training",),
        "Without dropout and batch statistics, the model trains as another one.",
        "Train mode first, then eval mode in 30 % of the training calls; or eval mode in all of them. Models with "
        "frozen or loaded parts pass.",
        look_at_eval_mode,
    ),
    PassiveCheck(
        ("dropout-active-in-evaluation",),
        "An evaluation that drops units measures another model.",
        "No threshold: the call's mode against the operation's.",
        look_at_dropout,
    ),
    PassiveCheck(
        ("evaluation-not-deterministic",),
        "What differs from run to run cannot be compared.",
        "No threshold: random numbers drawn inside a scored call in eval mode; a warning where the loss has several "
        "terms, a note where the model makes their spread itself.",
        look_at_chance,
    ),
)
