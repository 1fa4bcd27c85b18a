"""What is said of the splits: every number and every reason of `reports/splits.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...config import Params
from .assignment import NAMES, is_foreign
from .leakage import Leak
from .sizes import POWER, OfAverages, Yardstick
from .times import Cuts

if TYPE_CHECKING:
    import polars as pl

FOLDS = 5
# Unasked, folds are made only where validation cannot tell 0.01 apart (3,891 examples of classes). Above that size they
# would cost FOLDS trainings a comparison to narrow it by √(1 / data.validation) at most.
FINEST = 0.01


@dataclass(frozen=True)
class Facts:
    """What the splits are and how they came about.

    Attributes:
        frame: The labelled examples: the manifest's columns, `split`, and `stratum`, the class or the fifth of targets.
        unlabelled: How many more have no label.
        params: `seed` and `data` are read.
        own_test: Whether the source brings the test.
        cuts: Where splits are by time.
        yardstick: What sizes are measured by.
    """

    frame: "pl.DataFrame"
    unlabelled: int
    params: Params
    own_test: bool
    cuts: Cuts | None
    yardstick: Yardstick

    @property
    def regression(self) -> bool:
        return isinstance(self.yardstick, OfAverages)

    @cached_property
    def table(self) -> "pl.DataFrame":
        """`n` examples by `split`, `stratum` and `drawn` (by chance: from the target domain, not the source's test)."""
        import polars as pl

        drawn = pl.col("source_split").ne_missing("test")
        if self.params.data.target_domain is not None:
            drawn &= ~is_foreign(self.params.data.target_domain)
        return self.frame.group_by("split", "stratum", drawn.alias("drawn")).agg(n=pl.len().cast(pl.Int64))

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """Examples by split and class."""
        found: dict[str, dict[str, int]] = {name: {} for name in NAMES}
        for name, label, n in self.table.group_by("split", "stratum").sum().select("split", "stratum", "n").iter_rows():
            found[name][label] = n
        return found

    @cached_property
    def sizes(self) -> dict[str, int]:
        return {name: sum(self.counts[name].values()) for name in NAMES}

    @cached_property
    def classes(self) -> list[str]:
        return sorted(set().union(*self.counts.values()))

    @cached_property
    def needed(self) -> int:
        """Examples of validation that `data.detect` takes."""
        return self.yardstick.pairs_needed(self.params.data.detect)

    @cached_property
    def seen(self) -> float:
        return self.yardstick.smallest_difference(self.sizes["validation"])

    @cached_property
    def grouped(self) -> bool:
        return self.frame["group"].null_count() < len(self.frame)


def folds_for(facts: Facts) -> int | None:
    """How many folds train and validation are cut into: `data.folds`, else five where validation is too small."""
    data = facts.params.data
    if data.folds is not None or facts.cuts is not None:
        return data.folds
    enough = facts.needed if data.detect >= FINEST else facts.yardstick.pairs_needed(FINEST)
    return FOLDS if facts.sizes["validation"] < enough else None


def report(facts: Facts, assigned: "pl.DataFrame", leaks: Mapping[str, Leak]) -> dict[str, Any]:
    """What `reports/splits.json` holds.

    Args:
        facts: The splits.
        assigned: `id`, `split` and, where there are folds, `fold`.
        leaks: What ties the splits together.
    """
    data, sizes, yardstick = facts.params.data, facts.sizes, facts.yardstick
    folds = _folds(facts, assigned) if "fold" in assigned.columns else None
    deviation = _deviation(facts) if facts.cuts is None else None
    return {
        "schema": 1,
        "seed": facts.params.seed,
        "splits": _splits(facts),
        "reasons": [
            *_how_assigned(facts),
            *_how_large(facts, folds),
            *_how_even(facts, deviation),
            *_how_leaky(leaks),
        ],
        "smallest_difference_seen": facts.seen,
        "test_interval_width": yardstick.interval_width(sizes["test"]),
        "sizes": {
            "assumed": yardstick.as_json(),
            "validation": {"has": sizes["validation"], "needs": facts.needed, "detect": data.detect},
            "test": {
                "has": sizes["test"],
                "needs": yardstick.examples_for_width(data.confidence_width),
                "confidence_width": data.confidence_width,
            },
        },
        "folds": folds,
        "deviation": deviation,
        "cuts": {"validation": facts.cuts.validation, "test": facts.cuts.test, "fixed_by": facts.cuts.fixed_by}
        if facts.cuts
        else None,
        "leakage": {name: leak.as_json() for name, leak in leaks.items()},
    }


def quoted(labels: Sequence[str]) -> str:
    """Up to twenty labels in quotes, and how many more."""
    return ", ".join(map(repr, labels[:20])) + (f" and {len(labels) - 20:,} more" if len(labels) > 20 else "")


def _splits(facts: Facts) -> dict[str, Any]:
    import polars as pl

    columns = [pl.col("group").n_unique() - pl.col("group").has_nulls().cast(pl.UInt32)] if facts.grouped else []
    if facts.cuts:
        oldest_first = pl.col("time").sort_by("moment", nulls_last=True)
        columns += [
            oldest_first.first().alias("from"),
            pl.col("time").sort_by("moment", nulls_last=False).last().alias("to"),
        ]
    more: dict[str, dict[str, Any]] = {}
    if columns:
        rows = facts.frame.group_by("split").agg(columns).rename({"group": "groups"}, strict=False)
        more = {row.pop("split"): row for row in rows.to_dicts()}
    return {
        name: {
            "n": facts.sizes[name],
            "classes": {label: facts.counts[name].get(label, 0) for label in facts.classes},
            **more.get(name, {}),
        }
        for name in NAMES
        if facts.sizes[name] or name != "train_val"
    }


def _how_assigned(facts: Facts) -> list[str]:
    data, sizes = facts.params.data, facts.sizes
    counted = f"train has {sizes['train']:,}, validation {sizes['validation']:,}, test {sizes['test']:,} examples" + (
        f", train_val {sizes['train_val']:,}" if sizes["train_val"] else ""
    )
    if facts.cuts:
        reasons = [f"{counted}; assigned by time.", *_times(facts, facts.cuts)]
    else:
        reasons = [
            f"{counted}; assigned by a hash of seed {facts.params.seed} and the example's id (of its group, of the "
            "older one that it nearly duplicates), so new data moves none."
        ]
        if facts.frame["time"].null_count() < len(facts.frame):
            reasons.append(
                "The examples have times but are split at random: if the model will meet newer ones than it learned "
                "from, set data.split to time."
            )
    if facts.own_test:
        reasons.append("The test split is the source's own.")
    elif not (facts.cuts and facts.cuts.fixed_by == "data.cuts"):
        of = f"the examples of {data.target_domain!r}" if data.target_domain is not None else "all examples"
        reasons.append(f"The source brings no test split: {data.test:.0%} of {of} are kept for it.")
    if data.target_domain is not None:
        reasons.append(
            f"Validation and test come from the domain {data.target_domain!r} alone; train_val is kept back from the "
            "others, to tell over-fitting from a mismatch of the data."
        )
    if facts.unlabelled:
        reasons.append(f"{_examples(facts.unlabelled)} without a label stay in no split.")
    return reasons


def _times(facts: Facts, cuts: Cuts) -> list[str]:
    begin = f"Examples from {cuts.validation} on validate" + (f", from {cuts.test} on test" if cuts.test else "")
    reasons = [f"{begin}, older ones train; the cuts come from {cuts.fixed_by}."]
    if cuts.fixed_by != "data.cuts":
        shown = f"[{cuts.validation!r}, {cuts.test!r}]" if cuts.test else f"[{cuts.validation!r}, a later time]"
        reasons.append(
            "New data does not move the cuts, and all that is newer measures. To train on newer examples, or to hold "
            f"the cuts when examples of the first ingest are deleted, set data.cuts; they stand at {shown}."
        )
    timeless = facts.frame["moment"].null_count()
    if timeless:
        reasons.append(f"{_examples(timeless)} without a time train, though they may be newer than those that measure.")
    return reasons


def _how_large(facts: Facts, folds: Mapping[str, Any] | None) -> list[str]:
    data, sizes, yardstick, seen = facts.params.data, facts.sizes, facts.yardstick, facts.seen
    width, wanted = yardstick.interval_width(sizes["test"]), yardstick.examples_for_width(data.confidence_width)
    error = f"{yardstick.error:.0%}" if not facts.regression else f"{yardstick.error} (of the target's variance)"
    reasons = [
        f"Validation can tell two models apart whose errors differ by {seen:.4f} or more ({yardstick.compared_by}, "
        f"power {POWER}, {yardstick.assumed(seen)}).",
        f"A test error of {error} will have a 95 % interval {width:.4f} wide.",
    ]
    if seen > data.detect:
        reasons.append(
            f"Validation is too small for data.detect = {data.detect}: that takes {facts.needed:,} examples, it has "
            f"{sizes['validation']:,}. Smaller improvements will pass unseen: add data, raise data.validation, or "
            "compare over folds or several seeds."
        )
        if facts.cuts:
            reasons.append("Folds are not made: by time, they would train on newer examples than they validate on.")
    if folds:
        asked = f" as data.folds = {data.folds} asks" if data.folds else ""
        reasons.append(
            f"Train and validation are cut into {folds['k']} folds{asked} (`fold` in data/splits.jsonl): each fold "
            f"validates what is trained on the others, so that {folds['n']:,} examples measure instead of "
            f"{sizes['validation']:,}, and a difference of {folds['smallest_difference_seen']:.4f} is seen. Groups and "
            "near-duplicates share a fold, and new data moves none."
        )
    if sizes["test"] < wanted:
        reasons.append(
            f"Test is too small for data.confidence_width = {data.confidence_width}: that takes {wanted:,} examples, "
            f"it has {sizes['test']:,}. Read the test error with its interval."
        )
    if facts.grouped:
        reasons.append(
            "Examples of one group are alike, but these sizes count them as independent: the intervals are too narrow."
        )
    return reasons


def _folds(facts: Facts, assigned: "pl.DataFrame") -> dict[str, Any]:
    import polars as pl

    sizes = assigned["fold"].drop_nulls().value_counts().sort("fold")
    k = facts.params.data.folds or FOLDS
    held = dict(sizes.iter_rows())
    total = int(sizes["count"].sum())
    return {
        "k": k,
        "n": total,
        "sizes": [held.get(fold, 0) for fold in range(k)],
        "smallest_difference_seen": facts.yardstick.smallest_difference(total),
        "always_train": len(assigned.filter((pl.col("split") == "train") & pl.col("fold").is_null())),
    }


def _deviation(facts: Facts) -> dict[str, Any]:
    """How far validation and test stray from the wanted shares: over all, and in the class that strays most.

    `deviations` counts standard deviations of the binomial; where groups stay together more are to be expected.
    """
    import polars as pl

    data = facts.params.data
    wanted = {"validation": data.validation if facts.own_test else (1 - data.test) * data.validation}
    wanted |= {} if facts.own_test else {"test": data.test}
    drawn = facts.table.filter("drawn")
    found = {}
    for name, share in wanted.items():
        fallen = pl.col("n").filter(pl.col("split") == name).sum()
        strays = (pl.col("n") - pl.col("expected")) / (pl.col("expected") * (1 - share)).sqrt()
        by_class = (
            drawn.group_by("stratum")
            .agg(fallen, (pl.col("n").sum() * share).alias("expected"))
            .with_columns(deviations=strays)
            .sort(pl.col("deviations").abs(), "stratum")
        )
        worst = by_class.rename({"stratum": "class"}).row(-1, named=True)
        total = by_class.select(pl.col("n").sum() / pl.col("expected").sum() * share).item()
        found[name] = {"wanted": share, "share": total, **worst}
    return found


def _how_even(facts: Facts, deviation: Mapping[str, Any] | None) -> list[str]:
    kind = "the fifth of targets" if facts.regression else "class"
    reasons = [
        f"Chance filled {name} within {abs(part['deviations']):.1f} standard deviations; furthest off is {kind} "
        f"{part['class']!r} with {part['n']:,} examples where {part['expected']:,.1f} were wanted."
        for name, part in (deviation or {}).items()
    ]
    for name in ("validation", "test"):
        lacking = [label for label in facts.classes if not facts.counts[name].get(label)]
        if lacking and facts.params.data.target_domain is None and not facts.regression:
            reasons.append(f"No example of class {quoted(lacking)} fell into {name}: its error there stays unknown.")
    return reasons


def _how_leaky(leaks: Mapping[str, Leak]) -> list[str]:
    flatters = "errors measured on them look better than they are."
    said = {
        "ids": "stand in two splits: run ingest again.",
        "groups": f"share a group with another split, as the source's own test parts the group: {flatters}",
        "near_duplicates": "nearly duplicate examples of another split (the source's own test, a group or a time parts "
        f"them): {flatters}",
        "time": "are newer than the first of a split that should be later (the source's own test is not the newest): "
        "errors do not show how the model does on newer data.",
    }
    return [
        f"{_examples(leak.count)} {said[name]} Such as {', '.join(leak.ids[:3])}."
        for name, leak in leaks.items()
        if leak.count
    ]


def _examples(n: int) -> str:
    return f"{n:,} example{'' if n == 1 else 's'}"
