"""Which rows go where: the same in training and evaluation, and statistics that have seen both."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np

from ....data.findings import Finding
from ..graph import given
from ..places import Place
from ..trace import Call, Population, Trace
from .check import PassiveCheck, found

HELD_OUT = re.compile(r"(?<![a-z])(val|test|dev|held|hold)")
TRAINING = re.compile(r"train")
JUDGING = re.compile(r"val|test|score|accuracy")


def look_at_overlap(trace: Trace) -> Iterator[Finding]:
    """Evaluation rows that were trained on, by line of evaluation."""
    trained: dict[int, dict[int, int]] = defaultdict(dict)
    for call in trace.learned:
        for key in call.keys.tolist():
            trained[call.model].setdefault(key, call.number)
    if not trained or _short_codes(trace):
        return
    groups = _evaluations(trace)
    shares = {}
    for name, calls in groups.items():
        rows, seen = {k for c in calls for k in c.keys.tolist()}, trained[calls[0].model]
        if not calls[0].scored:  # only shown: what is learnt from later may have been asked about before (a pool)
            seen = {k: number for k, number in seen.items() if number < calls[0].number}
        if len(rows) >= 8 and seen:
            shares[name] = (sum(k in seen for k in rows) / len(rows), rows, calls)
    for _, (share, rows, calls) in shares.items():
        chance = _by_chance(trace, len(trained[calls[0].model]))
        whole = share > 0.98
        if share <= max(trace.limit("watched_overlap"), 3 * chance) or (
            whole and any(s < 0.5 for s, _, _ in shares.values())
        ):
            continue
        alone = len(calls) == 1 and any(c is not calls and c[0].place == calls[0].place for _, _, c in shares.values())
        if share * len(rows) < 3 or (alone and not whole and calls[0].step == trace.asked[-1].step and len(shares) > 2):
            continue  # a row or two may be doubles in the data; a batch may straddle the end of the training rows
        if whole and not _said_to_be_held_out(calls):
            continue
        if whole and len(rows) < 0.02 * len(trained[calls[0].model]):
            continue
        yield found(
            "train-validation-overlap", "error",
            f"{100 * share:.0f} % of the {len(rows)} different rows that are evaluated were trained on, bit for bit.",
            "Split the rows once, before anything else, and keep copies of a row together.",
            calls[0].place, "0", share=share, rows=len(rows),
        )  # fmt: skip
        return


def _short_codes(trace: Trace) -> bool:
    """Whether rows are a few whole numbers each, which come again without any mistake."""
    embeds = any(m.embeds for m in trace.models.values())
    keys = [k for c in trace.learned[:12] for k in c.keys.tolist()]
    return embeds and (len(keys) < 64 or len(set(keys)) < 0.99 * len(keys))


def _evaluations(trace: Trace) -> dict[tuple, list[Call]]:
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


def _by_chance(trace: Trace, trained: int) -> float:
    """Share of new rows that would equal one of so many trained ones by chance: rows of few values do.

    From how many pairs of rows are equal within one epoch of training: until most of a batch came before.
    """
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


def _said_to_be_held_out(calls: list[Call]) -> bool:
    """Whether the program's own words call the rows validation or test: the innermost line that names any rows."""
    lines = (*([calls[0].place] if calls[0].place else []), *calls[0].callers)
    for line in lines:
        for text in (line.source, *headers(line)):
            text = text.lower()
            if TRAINING.search(text) or HELD_OUT.search(text):
                return not TRAINING.search(text)
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


def look_at_leak(trace: Trace) -> Iterator[Finding]:
    """Statistics that fit training and evaluation rows together, but not training alone."""
    for name, train in trace.populations.items():
        if not name.startswith("train:") or train.rows < 20:
            continue
        model = name.split(":")[1]
        phases = ("evaluation", "shown") if given(trace) and not trace.taking_turns else ("evaluation",)
        by_phase = [[p for n, p in trace.populations.items() if n.startswith(f"{q}:{model}:")] for q in phases]
        by_phase = [[p for p in part if len(p.sums) == len(train.sums)] for part in by_phase]
        others = [p for part in by_phase for p in part]
        own = next((p for p in others for alike in (_standard, _spanning) if alike(p) and alike(train)), None)
        if own is not None:
            yield found(
                "preprocessing-leak", "error" if _standard(own) else "warning",
                f"The {own.rows} evaluation rows are scaled by their own statistics: alone they have the same mean and "
                "deviation, or the same bounds, in each feature as the training rows have.",
                "Fit on the training rows, and transform the others with what was fitted.",
                next((c.place for c in trace.asked), None), "statistics of the training rows", rows=own.rows,
            )  # fmt: skip
            return
        # The same rows may be scored in one place and shown in another: each phase alone holds them once.
        for together in filter(None, (_together(train, part) for part in (*by_phase, others))):
            how = _fits_together(train, together)
            if not how:
                continue
            place = next((c.place for c in trace.learned), None)
            yield found(
                "preprocessing-leak", "error",
                f"Inputs are scaled by {how} of training and evaluation rows together ({together.rows}): for the "
                f"{train.rows} training rows alone they do not come out even.",
                "Split first, then take the statistics from the training rows alone.",
                place, "statistics of the training rows", rows=together.rows, training_rows=train.rows,
            )  # fmt: skip
            return


def _spanning(rows: Population) -> bool:
    """Whether each of three features or more runs from 0 to 1 over these rows alone; marks of 0 and 1 always do."""
    varied = (rows.std > 1e-6) & (np.abs(rows.squares - rows.sums) > 1e-6 * rows.rows)
    if varied.sum() < 3 or rows.rows < 20:
        return False
    return bool(((np.abs(rows.lows[varied]) < 1e-6) & (np.abs(rows.highs[varied] - 1) < 1e-6)).all())


def _standard(rows: Population) -> bool:
    """Whether each of three features or more has mean 0 and deviation 1 over these rows alone, to single precision."""
    varied = rows.std > 1e-6
    if varied.sum() < 3 or rows.rows < 20:
        return False
    even = (np.abs(rows.mean[varied]) < 2e-5) & (np.abs(rows.std[varied] - 1) < 3 / rows.rows)
    return bool(even.mean() > 0.9)


def _together(train: Population, others: list[Population]) -> Population | None:
    """Training rows, and evaluation rows that were not trained on, each once; None where there are none."""
    if not others:
        return None
    total = train
    for other in others:
        total = total + other
    return total


def _fits_together(train: Population, both: Population) -> str:
    """Which statistics come out even for both together and not for training: of most features, to single precision."""
    varied = both.std > 1e-6
    if varied.sum() < 1:
        return ""
    own, all_ = train.mean[varied], both.mean[varied]
    scale = both.std[varied]
    even = np.abs(all_) < 2e-5 * np.maximum(1, scale)
    unit = np.abs(scale - 1) < 3 / both.rows
    if (
        even.mean() > 0.9
        and unit.mean() > 0.9
        and np.median(np.abs(own) / scale) > 20 * max(float(np.median(np.abs(all_) / scale)), 1e-6)
    ):
        return "the mean"
    single = abs(both.mean.mean()), abs(train.mean.mean())  # constant features take part in one mean for all
    spread = float(np.sqrt(max((both.squares / both.rows).mean() - both.mean.mean() ** 2, 0)))
    if abs(spread - 1) > 1e-3:
        single = (1.0, 0.0)
    clear = (single[0] < 1e-5 * max(1.0, spread) and single[1] > 1e-3 * spread) or (
        single[0] < 1e-6 * max(1.0, spread) and single[1] > 1e-4 * spread  # a hundred times nearer
    )
    if clear and varied.sum() > 1:
        return "the mean"
    for low, high in ((0.0, 1.0), (-1.0, 1.0)):
        whole = (np.abs(both.lows - low) < 1e-6) & (np.abs(both.highs - high) < 1e-6) & varied
        short = whole & ((train.lows > low + 1e-4) | (train.highs < high - 1e-4))
        if whole.sum() >= 3 and whole.mean() > 0.9 and short.sum() >= max(2, 0.3 * whole.sum()):
            return "the least and largest values"
    return ""


FLOW = (
    PassiveCheck(
        ("train-validation-overlap",),
        "Rows that were learnt by heart say nothing about new ones.",
        "2 % of the evaluation rows, or three times the share of duplicates within training batches; evaluation on the "
        "training rows alone counts only where the program's own words call them validation or test.",
        look_at_overlap,
    ),
    PassiveCheck(
        ("preprocessing-leak",),
        "Evaluation rows took part in the preprocessing: the measurement is too good.",
        "Means within 2e-5 of zero for both together in 90 % of the features and twenty times nearer than for training "
        "alone; or least and largest values that only both together reach.",
        look_at_leak,
    ),
)
