"""Labels that were overwritten, told by how they err where the inputs leave no doubt."""

from collections.abc import Iterator

import numpy as np
from torch import nn

from ...data.findings import Finding
from ..bench import PREPARED, Bench
from .captures import Captures
from .graph import given, terms
from .pairing import examples_of, first_calls
from .reading import folded, margins, ridge
from .trace import Trace

OFTEN = 25
"""Clearest rows whose label is another than their inputs say from which on labels are judged: of digits as they are a
linear model misses 0.5 to 2 % of its clearest half."""


STEADY = 0.85
"""Share of errors in the surest fifth, over that in the surest half, from which on sureness does not matter."""


def look_at_corruption(trace: Trace, captures: Captures) -> Iterator[Finding]:
    """Labels that are another class's where the inputs leave no doubt, and in a way that no doubt has.

    A linear model, asked about rows that it did not see, is sure of half of them. Where it errs among these, mistakes
    of a hard task go to few and like classes. Labels that were overwritten go to one class whatever the inputs are;
    labels that were renamed from each class to its own other one; labels that were drawn to all classes alike.
    """
    calls = [c for c in trace.learned if c.number in captures.inputs and len(c.labels) == c.rows == len(c.keys)]
    calls = first_calls([c for c in calls if c.model == calls[0].model])
    if not calls or trace.models[calls[0].model].embeds or not given(trace) or trace.taking_turns:
        return
    if any(sum(t.targets is not None for t in terms(b.root)) != 1 for b in trace.backwards[:4]):
        return  # labels of two rows at once (mixup) are none of one
    examples = examples_of(calls, captures)
    if examples is None or examples.spec.regression or len(examples.classes) < 3:
        return
    bench = Bench(nn.Identity(), examples, 1)
    labels, said, sure = _foreseen(bench)
    clear = sure >= np.median(sure)
    default = _default(bench, labels)
    wrong = (labels != said) & clear
    share, count = float(wrong.sum() / clear.sum()), len(examples.classes)
    surest = sure >= np.quantile(sure, 0.8)
    # A model that knows little errs less where it is surest; a label that was overwritten does not ask how sure it is.
    steady = bool((labels != said)[surest].mean() >= STEADY * share)
    clearly = count >= 4 and trace.limit("corrupt_share") <= share <= 0.5 and wrong.sum() >= OFTEN and steady
    if default is None and not clearly:
        return
    table = np.zeros((count, count))
    np.add.at(table, (said[wrong], labels[wrong]), 1)
    total = max(1.0, table.sum())
    one, renamed = table.sum(0).max() / total, table.max(1).sum() / total
    spread = (table.sum(0) > 0.4 * table.sum() / count).mean() if table.sum() >= 5 * count else 0.0
    sources = (table.sum(1) >= 2).sum()
    if default is not None:
        how = f"and rows of label {examples.classes[default]} look like those of all others"
    elif one > 0.8 and sources >= 3:
        how = f"{100 * one:.0f} % of these labels are {examples.classes[int(table.sum(0).argmax())]}, whatever the row"
    elif renamed > 0.8 and sources >= 3:
        how = "and each class goes to one other of its own"
    elif spread > 0.9 and renamed < 3 / count + 0.15:
        how = "and they go to all classes alike"
    else:
        return
    place = calls[0].place
    yield Finding(
        "labels-corrupt", "warning",
        f"Of {int(clear.sum())} rows that a linear model is surest of, {100 * share:.0f} % carry another label, {how}.",
        "Look at how labels are read: values that were missing, sources that count otherwise, a default.",
        evidence={"share": share, "rows": float(clear.sum())},
        expected=f"less than {100 * trace.limit('corrupt_share'):.0f} %",
        location=place.shown if place else None,
    )  # fmt: skip


def _foreseen(bench: Bench) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, what ridge regression says of each row that it was not fitted on, and how sure it is."""
    chosen = bench.order[:PREPARED]
    features, labels = bench.features(chosen), bench.train.labels[chosen]
    coded = np.eye(len(bench.train.classes))[labels]
    scores = folded(features, coded)
    return labels, scores.argmax(1), margins(scores)


STRANGE = 0.35
"""Share of a class's rows of which a model that never saw the class is surer than of half of its own: digits as they
are have 0.05 to 0.2."""


def _default(bench: Bench, labels: np.ndarray) -> int | None:
    """A class twice as frequent as others whose rows look like plain members of these: what missing labels became."""
    counts = np.bincount(labels)
    most = int(counts.argmax())
    rest = labels != most
    if counts[most] < 2 * np.median(np.delete(counts, most)) or counts[most] < 40 or rest.sum() < 100:
        return None
    features = bench.features(bench.order[:PREPARED])
    coded = np.delete(np.eye(len(counts))[labels], most, 1)
    own = margins(folded(features[rest], coded[rest]))
    strangers = ridge(features[rest], coded[rest], features[~rest])
    alike = margins(strangers) >= np.median(own)
    said = np.bincount(strangers.argmax(1)[alike], minlength=len(counts) - 1)
    spread = (said >= 0.3 * alike.sum() / (len(counts) - 1)).mean()
    return most if alike.mean() > STRANGE and spread > 0.7 else None
