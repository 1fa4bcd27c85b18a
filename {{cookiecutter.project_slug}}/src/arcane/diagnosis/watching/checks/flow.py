"""Which rows go where: the same in training and evaluation."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ....data.findings import Finding
from ..graph import ancestors, given, losses, owners
from ..places import Place
from ..trace import Call, Trace
from .check import PassiveCheck, found
from .leak import LEAK
from .order import relabelled, short_codes

HELD_OUT = re.compile(r"(?<![a-z])(val(?!ue)|test|dev|held|hold|[xy]_?(te|va|ts|tst)\b)")
TRAINING = re.compile(r"train(?!er)|(?<![a-z])[xy]_?tr\b")
JUDGING = re.compile(r"val(?!ue)|test|score|accuracy")


def look_at_overlap(trace: Trace) -> Iterator[Finding]:
    """Evaluation rows that were trained on, by line of evaluation."""
    trained: dict[int, dict[int, int]] = defaultdict(dict)
    for call in trace.learned:
        for key in call.keys.tolist():
            trained[call.model].setdefault(key, call.number)
    if not trained or short_codes(trace) or _drawn(trace):
        return
    groups, owner = evaluations_of(trace), owners(trace)
    chosen = {pick.call for pick in trace.picks}  # of a whole batch some rows count: `look_at_picks`
    groups = {name: calls for name, calls in groups.items() if not all(c.number in chosen for c in calls)}
    shares = {}
    for name, calls in groups.items():
        rows, seen = {k for c in calls for k in c.keys.tolist()}, trained[owner[calls[0].model]]
        if not calls[0].scored:  # only shown: what is learnt from later may have been asked about before (a pool)
            seen = {k: number for k, number in seen.items() if number < calls[0].number}
        if len(rows) >= 8 and seen:
            shares[name] = (sum(k in seen for k in rows) / len(rows), rows, calls)
    for _, (share, rows, calls) in shares.items():
        model = owner[calls[0].model]
        chance = _by_chance(trace, len(trained[model]), trace.models[model].continuous)
        whole = share > 0.98
        other = any(s < 0.5 for s, _, _ in shares.values()) and not _held_out_by_name(calls, trained[model])
        if share <= max(trace.limit("watched_overlap"), 3 * chance) or (whole and other):
            continue
        alone = len(calls) == 1 and any(c is not calls and c[0].place == calls[0].place for _, _, c in shares.values())
        if share * len(rows) < 3 or (alone and not whole and calls[0].step == trace.asked[-1].step and len(shares) > 2):
            continue  # a row or two may be doubles in the data; a batch may straddle the end of the training rows
        if whole and not _said_to_be_held_out(calls):
            continue
        if whole and len(rows) < 0.02 * len(trained[owner[calls[0].model]]):
            continue
        if differ := relabelled(trace, calls):
            yield found(
                "labels-out-of-order", "error",
                f"{100 * share:.0f} % of the {len(rows)} different rows that are evaluated were trained on, and "
                f"{100 * differ:.0f} % of these under another label: rows and labels belong to different examples.",
                "Take rows and labels in one order, and code names in one way on both sides.",
                calls[0].place, "the same label on both sides", share=differ, rows=len(rows),
            )  # fmt: skip
            return
        yield found(
            "train-validation-overlap", "error",
            f"{100 * share:.0f} % of the {len(rows)} different rows that are evaluated were trained on, bit for bit.",
            "Split the rows once, before anything else, and keep copies of a row together.",
            calls[0].place, "0", share=share, rows=len(rows),
        )  # fmt: skip
        return


def _drawn(trace: Trace) -> bool:
    """Whether pairs of codes are still new late in training: some are drawn (negative samples), and may be any."""
    calls = [c for c in trace.learned if len(c.keys) and len(c.shape) == 1 and trace.models[c.model].embeds]
    early = {k for c in calls[: len(calls) // 2] for k in c.keys.tolist()}
    late = [k for c in calls[len(calls) // 2 :] for k in c.keys.tolist()]
    return bool(late) and sum(k not in early for k in late) > 0.05 * len(late)


def evaluations_of(trace: Trace) -> dict[tuple, list[Call]]:
    """Calls of evaluation, cut where steps lie between and where training rows end: by line and the caller's pass."""
    seen = {k for c in trace.learned for k in c.keys.tolist()}
    groups: dict[tuple, list[Call]] = defaultdict(list)
    block, before = 0, None
    for call in trace.asked if given(trace) else trace.evaluated:
        if not len(call.keys):
            continue
        share = np.mean([k in seen for k in call.keys.tolist()])
        jump = before is not None and (before > 0.98) != (share > 0.98) and (before < 0.02) != (share < 0.02)
        block += jump
        groups[call.place, call.step, call.model, block].append(call)
        before = share
    return groups


def _by_chance(trace: Trace, trained: int, continuous: bool) -> float:
    """Share of new rows that would equal one of so many trained ones by chance: rows of few values do.

    From how many pairs of rows are equal within one epoch of training: until most of a batch came before.
    """
    if continuous:
        return 0.0
    keys: list[int] = []
    known: set[int] = set()
    for call in trace.learned:
        own = call.keys.tolist()
        if own and sum(key in known for key in own) > 0.5 * len(own):
            break
        known.update(own)
        keys += own
    within = [1 - len(set(c.keys.tolist())) / len(c.keys) for c in trace.learned[:40] if len(c.keys) > 1]
    if not any(model.embeds for model in trace.models.values()):  # a sampler draws rows of many values twice, too
        return float(np.mean(within)) if within else 0.0
    twice = sum(times * (times - 1) for times in Counter(keys).values())
    alike = twice / max(1, len(keys) * (len(keys) - 1))
    return max(1 - (1 - alike) ** trained, float(np.mean(within)) if within else 0.0)


def _held_out_by_name(calls: list[Call], trained: dict[int, int]) -> bool:
    """Whether rows that are called validation or test were learnt from before they are evaluated, other rows beside."""
    before = all(trained.get(key, calls[0].number) < calls[0].number for c in calls for key in c.keys.tolist())
    return before and bool(_named(calls))


def _named(calls: list[Call]) -> bool | None:
    """Whether the innermost line that names any rows calls them validation or test; None where none does."""
    for line in (*([calls[0].place] if calls[0].place else []), *calls[0].callers):
        for text in (line.expression, line.source, *headers(line)):
            text = text.lower()
            if bool(TRAINING.search(text)) != bool(HELD_OUT.search(text)):  # a line that names both is of neither
                return not TRAINING.search(text)
    return None


def _said_to_be_held_out(calls: list[Call]) -> bool:
    """Whether the program's own words call the rows validation or test."""
    named = _named(calls)
    if named is not None:
        return named
    lines = (*([calls[0].place] if calls[0].place else []), *calls[0].callers)
    return any(JUDGING.search(line.function) and not TRAINING.search(line.function) for line in lines[:1])


HEADER = re.compile(r"\s*(for|with|while)\b")


def headers(place: Place, most: int = 3) -> list[str]:
    """Lines that open the loops a line stands in, innermost first, within its function."""
    import linecache

    lines = linecache.getlines(place.file)[: place.line]
    if not lines:
        return []
    inside, opened = len(lines[-1]) - len(lines[-1].lstrip()), []
    for line in reversed(lines[:-1]):
        at = len(line) - len(line.lstrip())
        if not line.strip() or at >= inside:
            continue
        inside = at
        if HEADER.match(line):
            opened.append(line.strip())
        if len(opened) == most or line.lstrip().startswith(("def ", "async def ", "class ")):
            break
    return opened


def look_at_picks(trace: Trace) -> Iterator[Finding]:
    """Of one whole batch (a graph), nodes whose labels were trained on and which are evaluated."""
    if not trace.picks or not given(trace):
        return
    reached = [{id(n) for n in ancestors(b.root)} for b in trace.backwards[:12]]
    used = set().union(*reached) if reached else set()
    batch = next((c for c in trace.learned if len(c.keys)), None)
    terms = [t for t in losses(trace, 12) if t.targets is not None and t.targets.shape]
    if batch is None or not terms:
        return
    trained = {row for pick in trace.picks if pick.node in used for row in pick.chosen}
    whole = not trained and all(t.targets.shape[0] == batch.rows for t in terms if t.targets)
    for pick in trace.picks:
        call = trace.calls[pick.call]
        if pick.node in used or pick.rows != batch.rows or not np.array_equal(call.keys, batch.keys):
            continue
        share = 1.0 if whole else len(pick.chosen & trained) / max(1, len(pick.chosen))
        said = pick.place is not None and _said_to_be_held_out([replace(call, place=pick.place)])
        if len(pick.chosen) >= 8 and (said if share > 0.98 else share > trace.limit("watched_overlap")):
            yield found(
                "train-validation-overlap", "error",
                f"{100 * share:.0f} % of the {len(pick.chosen)} nodes that are evaluated here were trained on.",
                "Let the loss take the outputs and labels of the training nodes alone.", pick.place, "0",
                share=share, rows=len(pick.chosen),
            )  # fmt: skip
            return


FLOW = (
    PassiveCheck(
        ("train-validation-overlap", "labels-out-of-order"),
        "Rows that were learnt by heart say nothing about new ones.",
        "2 % of the evaluation rows, or three times the share of duplicates within training batches; evaluation on the "
        "training rows alone counts only where the program's own words call them validation or test.",
        look_at_overlap,
    ),
    PassiveCheck(
        ("train-validation-overlap",),
        "Nodes whose labels were learnt say nothing about the others.",
        "2 % of the rows of one whole batch that an index chooses for evaluation; all of them only where the program's "
        "own words call them validation or test.",
        look_at_picks,
    ),
    *LEAK,
)
