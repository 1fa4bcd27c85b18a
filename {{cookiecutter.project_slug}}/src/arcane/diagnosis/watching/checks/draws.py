"""Random numbers among what rows are made of: evaluation rows that are others each time, and noise in rows' place."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import ancestors, given, is_squared, losses, source, terms
from ..trace import Call, Node, Trace
from .check import PassiveCheck, found
from .modes import repeated

FEWEST_ROWS = 32
"""Rows of an evaluation that is held against another one."""


def look_at_draws(trace: Trace) -> Iterator[Finding]:
    """Evaluation rows that random numbers are added to, or that they choose the form of, before the model gets them."""
    if trace.taking_turns or not given(trace) or _rewarded(trace):
        return
    # Before the first step, what the data themselves were made of is still known.
    noisy = [c for c in trace.learned if c.step and c.source is not None and drawn(c.source, c.step)]
    if any(_denoises(trace, c) for c in noisy):
        return
    for call in trace.asked:
        if call.source is None or not call.step or call.gradient or repeated(trace, call):
            continue
        draws = drawn(call.source, call.step)
        if any(node.calls for node in ancestors(call.source)):
            continue  # what the model wrote itself, letter by letter
        if draws and _from_data(call.source):
            yield found(
                "evaluation-not-deterministic", "warning" if noisy else "error",
                f"The rows of evaluation go through random numbers ({draws[0].name}) before they reach the model: the "
                "same rows are others each time.",
                "Evaluate rows as they are; draw only for training rows.", draws[0].place or call.place,
                "the same rows each time",
            )  # fmt: skip
            return


def look_at_answers(trace: Trace) -> Iterator[Finding]:
    """Answers that are drawn from the model's outputs and compared with what is right."""
    if trace.taking_turns or not given(trace) or _rewarded(trace):
        return
    for node in trace.evaluations:
        if node.name not in ("eq", "ne") or any(trace.calls[number].gradient for number in node.calls):
            continue
        made = [n for side in node.inputs if side.layers for n in ancestors(side)]
        drawn_ = next((n for n in made if n.name == "multinomial" and any(i.layers for i in n.inputs)), None)
        if drawn_ is not None and any(not side.layers for side in node.inputs):
            yield found(
                "evaluation-not-deterministic", "warning",
                "Evaluation compares what is drawn from the model's outputs (multinomial) with what is right: each "
                "time it is another answer.",
                "Take the likeliest (argmax) where answers are counted; draw where text is made.", drawn_.place,
                "the same answer each time",
            )  # fmt: skip
            return


def look_at_redrawn(trace: Trace) -> Iterator[Finding]:
    """Evaluations of the same labels in the same order, on other rows each time."""
    if trace.taking_turns or not given(trace):
        return
    passes: dict[tuple, dict[int, list[Call]]] = defaultdict(lambda: defaultdict(list))
    for call in trace.asked:
        if len(call.keys) == call.rows > 0 and not repeated(trace, call):
            passes[call.place, call.model][call.step].append(call)
    for by_step in passes.values():
        if len(by_step) < 2:
            continue
        first, second = (by_step[step] for step in sorted(by_step)[:2])
        keys = [np.concatenate([c.keys for c in calls]) for calls in (first, second)]
        answers = [np.concatenate([c.labels if len(c.labels) else c.marks for c in calls]) for calls in (first, second)]
        if len(keys[0]) < FEWEST_ROWS or len(keys[1]) != len(keys[0]):
            continue
        other = keys[0] != keys[1]
        new = np.isin(keys[1], keys[0], invert=True)
        if other.mean() < trace.limit("redrawn_share") or (other & ~new).mean() > 0.05:
            continue  # the same rows, in the same order or in another one
        known = all(len(side) == len(keys[0]) for side in answers) and len(first[0].labels) > 0
        told = known and np.array_equal(answers[0], answers[1]) and not _patterned(answers[0])
        if told or other.mean() < 0.9:
            yield found(
                "evaluation-not-deterministic", "error" if told else "warning",
                f"{100 * other.mean():.0f} % of the {len(other)} rows of evaluation are others the next time"
                + (", for the same labels in the same order." if told else ", at the same places among the others."),
                "Evaluate rows as they are: augment, crop and add noise in training only.",
                first[0].place, "the same rows each time", share=float(other.mean()), rows=len(other),
            )  # fmt: skip
            return


def _patterned(labels: np.ndarray) -> bool:
    """Whether labels are sorted or come round: those that a program makes new rows for, one class after the other."""
    rises = np.diff(labels)
    if (rises >= 0).all() or (rises <= 0).all():
        return True
    return any(np.array_equal(labels[period:], labels[:-period]) for period in range(1, min(101, len(labels) // 2)))


def look_at_noise(trace: Trace) -> Iterator[Finding]:
    """Training rows that are random numbers alone, for given targets."""
    if trace.taking_turns or not given(trace):
        return
    made: dict[tuple, list[Call]] = defaultdict(list)
    for call in trace.learned:
        if call.source is not None and not call.input_gradient:
            made[call.model, call.place].append(call)
    for calls in made.values():  # each stage of a training by itself
        noise = [c for c in calls if c.source is not None and drawn(c.source, c.step) and _put_in_place(c.source)]
        if len(noise) < max(3, len(calls)) or any(_denoises(trace, c) for c in noise):
            continue
        if len({c.step for c in noise}) >= 3:
            yield found(
                "input-ignored", "error",
                f"The model gets random numbers ({drawn(noise[0].source, noise[0].step)[0].name}) in place of rows at "
                f"{len(noise)} training steps looked at, while its targets are given.",
                "Give it the rows; noise is added to them, not put in their place.", noise[0].place,
                "the training rows",
            )  # fmt: skip
            return


def look_at_targets(trace: Trace) -> Iterator[Finding]:
    """Targets that are random numbers of this step, which nothing that the model gets was made of."""
    if trace.taking_turns:
        return
    lost = []
    for backward in trace.backwards[:12]:
        for term in terms(backward.root):
            drawn_ = source(term.targets) if term.targets is not None and is_squared(term) else None
            if drawn_ is None or drawn_.name not in NORMAL or drawn_.facts.get("drawn") != backward.step:
                continue
            if not any(node is drawn_ for node in ancestors(term.outputs)):
                lost.append((term.node.place, drawn_.name))
    if len(lost) >= 3:
        yield found(
            "labels-out-of-order", "error",
            f"At {len(lost)} training steps looked at, the targets are random numbers ({lost[0][1]}) "
            "that nothing was made of which the model gets: there is nothing to foretell them by.",
            "Give the model rows that hold the very noise that it is to find.", lost[0][0],
            "inputs that were made with the targets", steps=len(lost),
        )  # fmt: skip


NORMAL = ("randn", "randn_like", "normal")


def _put_in_place(source: Node) -> bool:
    return not _from_data(source) and _replaces(source)


FRESH = ("rand", "randn", "rand_like", "randn_like", "uniform", "randint", "randint_like", "randperm")


EMPTY = ("empty", "empty_like", "zeros_like", "ones_like", "full_like", "zeros", "ones")


MADE = (*EMPTY, "arange", "linspace", "eye", "full")


CHOICES = frozenset({"getitem", "index_select", "gather", "take", "take_along_dim"})
"""Functions whose first argument alone gives values; the others say which."""


def _made_of(node: Node, beyond: Callable[[Node], bool] = lambda _: True) -> Iterator[Node]:
    """What a tensor's values come from; of a draw nothing further, its shape alone is another tensor's."""
    left, seen = [node], set()
    while left:
        here = left.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        yield here
        if here.name not in FRESH and beyond(here):
            given = here.inputs[:1] if here.name in CHOICES else here.inputs
            left += [other for other in given if other.name not in EMPTY]


def drawn(node: Node | None, step: int) -> list[Node]:
    """Random numbers, drawn after so many steps, that a tensor's values come from; a choice of rows is none."""
    made = _made_of(node) if node is not None else ()
    return [n for n in made if n.facts.get("drawn") == step and n.name not in ("randperm", "randint")]


def _rewarded(trace: Trace) -> bool:
    """Whether rows are states that a policy meets by its own draws."""
    return any(t.weighted or t.kind == "log_prob" for t in losses(trace, 12))


def _from_data(node: Node) -> bool:
    return any(not (n.inputs or n.name in MADE or "drawn" in n.facts) and n.shape for n in _made_of(node))


def _denoises(trace: Trace, call: Call) -> bool:
    """Whether targets are what the noise was added to, or the noise."""
    own = {id(n) for n in _made_of(call.source)} if call.source is not None else set()
    terms = [t for t in losses(trace, 12) if t.targets is not None and call.number in t.outputs.calls]
    # What an augmentation draws for both is a yes or a no: that is not looked behind.
    values = (n for t in terms if t.targets for n in _made_of(t.targets, lambda n: n.dtype != "bool"))
    return any(id(n) in own for n in values if n.shape and n.dtype != "bool")


def _replaces(node: Node) -> bool:
    """Whether a draw took its shape from data: rows were there, and noise came in their place."""
    drawn_ones = [n for n in _made_of(node) if "drawn" in n.facts]
    return any(
        leaf.shape and leaf.name not in MADE
        for n in drawn_ones
        for leaf in ancestors(n)
        if not leaf.inputs and leaf is not n
    )


DRAWS = (
    PassiveCheck(
        ("evaluation-not-deterministic",),
        "What differs from run to run cannot be compared.",
        "No threshold: random numbers, drawn after the last step, among what evaluation rows are made of; a warning "
        "where training rows are made so, too. Where targets are what noise was added to, it passes.",
        look_at_draws,
    ),
    PassiveCheck(
        ("evaluation-not-deterministic",),
        "A drawn answer is right more seldom than the likeliest, and now and then.",
        "No threshold: torch.multinomial of the model's outputs among what an evaluation compares with given numbers.",
        look_at_answers,
    ),
    PassiveCheck(
        ("evaluation-not-deterministic",),
        "What differs from run to run cannot be compared.",
        "A tenth of 32 rows or more are new in the second evaluation, for the same labels in the same order (an "
        "error), or among rows that are the same (a warning).",
        look_at_redrawn,
    ),
    PassiveCheck(
        ("input-ignored",),
        "Noise in place of rows teaches the labels' shares alone.",
        "No threshold: rows of training that come from random numbers alone, drawn anew at three steps or more, for "
        "targets that do not.",
        look_at_noise,
    ),
)

TARGETS = PassiveCheck(
    ("labels-out-of-order",),
    "Noise that the rows do not hold cannot be foretold.",
    "No threshold: at three steps or more, targets of a squared or absolute error are normal random numbers drawn "
    "at that step, and no part of what the model gets comes from them.",
    look_at_targets,
)
