"""Training and evaluation read across: whether labels mean the same on both sides, told by readers of one on the other.

Rows and labels of both sides are there, so that a plain reader can be fitted on either and asked about either. Where
one side can be read by itself and the other cannot, or both can but not one by the other, the labels of a side are not
what they were: paired with other rows, renamed, overwritten, or left as they were when the rows were turned round.
"""

from collections.abc import Iterator

import numpy as np
import torch

from ...data.findings import Finding
from .captures import Captures
from .checks.check import found
from .places import Place
from .reading import margins
from .sides import FEWEST, Side, Sides, above_chance, right, sides_of
from .summaries import columns, row_keys
from .trace import Trace
from .turning import FAMILIES, rotated, turns

READ = 0.5
"""Share of the way from chance to certainty from which on a side counts as readable."""

RESCUED, OF_FEW = 0.5, 0.7
"""Share of the rows that are surely wrong which a turn makes right; of three classes or two chance alone does more."""

TWINS = 0.1
"""Share of the training rows that were also seen turned, bit for bit."""

EXPECTED = 12
"""Training rows of a class that evaluation's shares let expect: that none comes has then a chance of e^-12."""

WRONG, FEW_WRONG = 15, 10
"""Rows that have to be surely wrong before anything is said of labels; and of a turn that makes all of them right."""


def look_across(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """The first that the sides of a model tell."""
    for pairs in sides_of(trace, captures):
        findings = list(_read(trace, pairs))
        yield from findings
        if findings:
            return


def _read(trace: Trace, pairs: list[Sides]) -> Iterator[Finding]:
    """What both sides tell, in the view that reads evaluation best."""
    yield from _absent(trace, pairs[0])
    best = max(pairs, key=lambda sides: right(sides.asked_within, sides.asked))
    own = max(pairs, key=lambda sides: right(sides.train_within, sides.train))
    asked, train = _knowledge(best.asked_within, best.asked), _knowledge(own.train_within, own.train)
    broken = _twins(trace, best) if asked >= READ else None
    if broken is not None:
        yield broken
    elif asked >= READ and train < 0.2 and not _told(pairs, train=True):
        yield _shuffled(best, "training", best.train.place, asked)
    elif train >= READ and asked < 0.2 and not (_told(pairs, train=False) or answered(trace, own)):
        yield _shuffled(own, "evaluation", best.asked.place, train)
    elif best.marked:
        yield from _other_marks(best, asked, train)
    elif asked >= READ:
        yield from _otherwise(trace, best, asked, train)


def _absent(trace: Trace, sides: Sides) -> Iterator[Finding]:
    """Classes of evaluation that no training row has, and that a class of training took in."""
    count = len(sides.names)
    own, other = (np.bincount(side.labels, minlength=count) for side in (sides.train, sides.asked))
    shares = other / other.sum()
    gone = (own == 0) & (shares * own.sum() >= EXPECTED) & (other >= 5)
    rare = (other == 0) & (own / own.sum() * other.sum() >= EXPECTED)
    if gone.any() and _cut_in_order(own > 0, other > 0) and _spans(trace, sides):
        yield found(
            "data-not-shuffled", "error",
            f"{100 * shares[gone].sum():.0f} % of the rows of evaluation are of classes that none of the {own.sum()} "
            f"training rows is of"
            + (", and the other way round: " if rare.any() else ": ")
            + "rows that were sorted by class were cut in two.",
            "Shuffle before the split (shuffle=True), or stratify it.", sides.asked.place,
            "the same classes on both sides", absent=float(shares[gone].sum()), rows=own.sum(),
        )  # fmt: skip
        return
    merged = int((own / own.sum() - shares).argmax())
    taken = float(own[merged] / own.sum() - shares[merged])
    if gone.any() and abs(taken - shares[gone].sum()) < 0.35 * shares[gone].sum() and _spans(trace, sides):
        names = ", ".join(f"{sides.names[k]:g}" for k in np.flatnonzero(gone)[:5])
        yield found(
            "labels-corrupt", "error",
            f"{100 * shares[gone].sum():.0f} % of the rows of evaluation are of class {names}, and none of the "
            f"{own.sum()} training rows looked at is; class {sides.names[merged]:g} has as many more there.",
            "Look at what puts classes into one before training, and do the same to both sides.",
            sides.train.place, "the same classes on both sides", absent=float(shares[gone].sum()), rows=own.sum(),
        )  # fmt: skip


def _cut_in_order(own: np.ndarray, other: np.ndarray) -> bool:
    """Whether one side has the first classes and the other the last ones, with the one that was cut in common.

    Without a class in common they may be kept apart on purpose: a model is asked about classes that it never saw.
    """
    both = np.flatnonzero(own & other)
    if len(both) != 1 or own.sum() < 2:
        return False
    alone = [np.flatnonzero(side & ~(own & other)) for side in (own, other)]
    return all((part < both[0]).all() or (part > both[0]).all() for part in alone) and (
        not len(alone[0]) or not len(alone[1]) or bool(alone[0][0] < both[0]) != bool(alone[1][0] < both[0])
    )


def _spans(trace: Trace, sides: Sides) -> bool:
    """Whether training rows come shuffled, neighbours' labels differing as chance has it: the first stand for all."""
    labels = np.concatenate([c.labels for c in trace.learned if len(c.labels)][:40])
    _, counts = np.unique(labels, return_counts=True)
    chance = 1 - float(((counts / counts.sum()) ** 2).sum())
    return bool((labels[1:] != labels[:-1]).mean() > 0.7 * chance)


def _twins(trace: Trace, sides: Sides) -> Finding | None:
    """A turn that training rows are seen in beside their own form, and that makes another class of a row."""
    rows = sides.train.rows
    said = sides.asked_within.argmax(1)
    known = (said == sides.asked.labels) & (margins(sides.asked_within) >= sides.sure)
    for name, turn in turns(rows).items():
        keys = row_keys(columns(turn(rows).to(rows.dtype).contiguous()))
        twins = np.array([key in sides.keys for key in keys.tolist()])
        changed = np.array([not bool(torch.equal(a, b)) for a, b in zip(turn(rows), rows, strict=True)])
        if (twins & changed).mean() < TWINS or known.sum() < WRONG:
            continue
        scores = sides.train_by_asked(turn(sides.asked.rows[known]))
        other = (scores.argmax(1) != sides.asked.labels[known]) & (margins(scores) >= sides.sure)
        if other.sum() >= WRONG and other.mean() >= trace.limit("crossed_share"):
            return found(
                "augmentation-breaks-labels", "error",
                f"Training rows come as they are and {name}; of evaluation's clear rows {100 * other.mean():.0f} % "
                f"look like another class when they are {name}.",
                "Leave this augmentation out, or change the label with the row.", sides.train.place,
                "rows that look like their label", share=float(other.mean()), twins=float(twins.mean()),
            )  # fmt: skip
    return None


def _knowledge(scores: np.ndarray, side: Side) -> float:
    """How far of the way from the commonest class's share to certainty a reader comes."""
    chance = float(np.bincount(side.labels).max() / len(side.labels))
    return (right(scores, side) - chance) / max(1e-9, 1 - chance)


def _told(pairs: list[Sides], train: bool) -> bool:
    """Whether any reader finds a relation on a side, by itself or from the other side."""
    if train:
        return any(above_chance(s.train_within, s.train) or above_chance(s.train_by_asked(), s.train) for s in pairs)
    return any(above_chance(s.asked_within, s.asked) or above_chance(s.asked_by_train(), s.asked) for s in pairs)


def answered(trace: Trace, sides: Sides) -> bool:
    """Whether the program counts more right answers in evaluation than the commonest class has: then labels are right
    there, and what was taken for them is something else.
    """
    from scipy.stats import binomtest

    counted = [s for s in trace.scores if s.kind in ("correct", "accuracy") and not trace.calls[s.call].learned]
    rows = sum(s.rows for s in counted)
    hits = round(sum(s.value if s.kind == "correct" else s.value * s.rows for s in counted))
    chance = float(np.bincount(sides.asked.labels).max() / len(sides.asked.labels))
    return 0 < hits <= rows and bool(binomtest(hits, rows, chance, alternative="greater").pvalue < 0.001)


def _shuffled(sides: Sides, which: str, place: Place | None, known: float) -> Finding:
    other = "evaluation" if which == "training" else "training"
    return found(
        "labels-out-of-order", "error",
        f"A plain model reads the labels of {other} from its rows ({100 * known:.0f} % of the way from chance), but "
        f"finds nothing in {which}: there, rows and labels belong to different examples.",
        "Take rows and labels in one order: one permutation, one index, one shuffle for both.",
        place, "the same relation on both sides", known=known, rows=len(sides.train.labels),
    )  # fmt: skip


def _otherwise(trace: Trace, sides: Sides, asked: float, train: float) -> Iterator[Finding]:
    """Both sides can be read, but by different rules."""
    scores = sides.train_by_asked()
    said, labels = scores.argmax(1), sides.train.labels
    sure = margins(scores) >= sides.sure
    own = sides.asked_within
    own_sure = margins(own) >= sides.sure
    own_wrong = float((own.argmax(1) != sides.asked.labels)[own_sure].mean()) if own_sure.any() else 1.0
    wrong = sure & (said != labels)
    share = float(wrong.sum() / max(1, sure.sum()))
    if wrong.sum() < FEW_WRONG or sure.sum() < FEWEST // 2 or share < trace.limit("crossed_share") + 2 * own_wrong:
        return
    many = wrong.sum() >= WRONG
    moved = _renamed(scores, sides) if many else None
    turned = _turned(sides, wrong)
    if turned is not None and (not sides.fixed or moved is None):
        name, rescued = turned
        turn = turns(sides.train.rows).get(name)  # of turns that are drawn together there is no one that all rows had
        always = turn is not None and right(sides.train_by_asked(turn(sides.train.rows)), sides.train) > 0.9 * right(
            own, sides.asked
        )
        yield from _turned_finding(sides, name, rescued, share, always)
    elif moved is not None:
        yield found(
            "labels-corrupt", "error",
            f"A model that reads evaluation gives {100 * share:.0f} % of the training rows that it is sure of another "
            f"label ({moved}): the two sides number their classes differently.",
            "Make one table of the classes, and use it for both.", sides.train.place,
            "the same number for a class everywhere", share=share, rows=float(sure.sum()),
        )  # fmt: skip
    elif sides.fixed and many:
        yield from _overwritten(trace, sides, wrong, sure)


def _other_marks(sides: Sides, asked: float, train: float) -> Iterator[Finding]:
    """Marks that both sides give by rules of their own, of which the other knows nothing."""
    if min(asked, train) >= READ and not above_chance(sides.train_by_asked(), sides.train):
        yield found(
            "labels-corrupt", "error",
            "The first of a row's marks follows from its inputs in training and in evaluation, but not by one rule: it "
            "stands for two things.", "Make one table of the marks, and give their columns one order.",
            sides.train.place, "the same mark in a column everywhere", training=train, evaluation=asked,
        )  # fmt: skip


def _renamed(scores: np.ndarray, sides: Sides) -> str | None:
    """Classes that nearly all have one other name each in training, in words."""
    count = len(sides.names)
    table = np.zeros((count, count))
    np.add.at(table, (scores.argmax(1), sides.train.labels), 1)
    often = {c: int(table[c].argmax()) for c in range(count) if table[c].sum() >= 5}
    if len(often) < 2 or len(set(often.values())) < len(often):
        return None
    clear = sum(table[c, k] for c, k in often.items()) / table.sum()
    moved = {c: k for c, k in often.items() if c != k}
    if clear < 0.75 or len(moved) < 2:
        return None
    return ", ".join(f"{sides.names[k]:g} for {sides.names[c]:g}" for c, k in sorted(moved.items())[:4])


def _turned(sides: Sides, wrong: np.ndarray) -> tuple[str, float] | None:
    """The turn after which most of the rows that are surely wrong are right, and their share.

    Of turns that are drawn together, the one counts that makes a row look clearest, whatever it then looks like.
    """
    rows, labels = sides.train.rows[wrong], sides.train.labels[wrong]
    read = {name: sides.train_by_asked(turn(rows)) for name, turn in turns(sides.train.rows).items()}
    rescued = {name: float((scores.argmax(1) == labels).mean()) for name, scores in read.items()}
    angles = {name: sides.train_by_asked(turn(rows)) for name, turn in rotated(rows).items()}
    for family, names in {**FAMILIES, "turned by one angle or another": tuple(angles) or ("",)}.items():
        if set(names) <= set(read | angles):
            scores = np.stack([(read | angles)[name] for name in names])
            clearest = np.stack([margins(part) for part in scores]).argmax(0)
            rescued[family] = float((scores[clearest, np.arange(len(rows))].argmax(1) == labels).mean())
    name, share = max(rescued.items(), key=lambda found: found[1], default=("", 0.0))
    from scipy.stats import binomtest

    least = RESCUED if len(sides.names) > 3 else OF_FEW
    # Of few rows, more must be made right than every second one by chance.
    chance = binomtest(round(share * len(rows)), len(rows), RESCUED, alternative="greater").pvalue
    return (name, share) if share >= least and (len(rows) >= WRONG or chance < 0.001) else None


def _turned_finding(sides: Sides, name: str, rescued: float, share: float, always: bool) -> Iterator[Finding]:
    if always:
        yield found(
            "train-eval-preprocessing-differ", "error",
            f"All training rows are {name}, evaluation's are not.", "Prepare both in the same way.",
            sides.train.place, "the same form", share=share,
        )  # fmt: skip
        return
    yield found(
        "augmentation-breaks-labels", "error",
        f"{100 * share:.0f} % of the training rows that a reader of evaluation is sure of look like rows of another "
        f"label; {100 * rescued:.0f} % of these have their own label when they are {name}.",
        "Leave this augmentation out, or change the label with the row: what is made of a row must be called the same.",
        sides.train.place, "rows that look like their label", share=share, rescued=rescued,
    )  # fmt: skip


def _overwritten(trace: Trace, sides: Sides, wrong: np.ndarray, sure: np.ndarray) -> Iterator[Finding]:
    """Labels of training that both sides contradict, where none of evaluation's are."""
    within = sides.train_within.argmax(1)
    said = sides.train_by_asked().argmax(1)
    both = wrong & (within == said)
    agreed = float(both.sum() / max(1, sure.sum()))
    if both.sum() < WRONG or agreed < trace.limit("crossed_share"):
        return
    back = sides.asked_by_train().argmax(1)
    inner = sides.asked_within.argmax(1)
    healthy = float(((back == inner) & (inner != sides.asked.labels)).mean())
    if healthy > 0.3 * agreed:
        return
    yield found(
        "labels-corrupt", "error",
        f"{100 * agreed:.0f} % of the clearest training rows carry another label than both sides say; of evaluation's "
        f"rows it is {100 * healthy:.1f} %.",
        "Look at how the training labels are read, and at what was done to them on the way.",
        sides.train.place, "as few as in evaluation", share=agreed, healthy=healthy,
    )  # fmt: skip
