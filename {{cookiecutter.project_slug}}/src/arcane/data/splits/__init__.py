"""Splits: which example trains, which picks models, which only measures; written to and read from `data/splits.jsonl`.

`assignment` holds the rule and why it is one, `sizes` how much the splits can tell, `leakage` what ties them
together, `report` what is said of all that.
"""

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import Data, Params
from ...errors import UserError
from ...files import replacing
from ...spec import Spec
from ..manifest import IDENTIFIER, distinct, json_lines
from .assignment import NAMES, assigned_folds, assigned_splits, is_foreign
from .leakage import leakage, torn
from .report import Facts, folds_for, quoted, report
from .sizes import OfAverages, OfRates
from .times import Cuts, cut_times, moments

if TYPE_CHECKING:
    import polars as pl

SPLITS = Path("data/splits.jsonl")
FEWEST = 3
STRATA = 5
USED = ("id", "label", "group", "near", "domain", "source_split", "time", "batch")


def split(frame: "pl.DataFrame", params: Params, spec: Spec | None = None) -> "tuple[pl.DataFrame, dict[str, Any]]":
    """Assign every labelled example to a split.

    The source's own test is honoured. With `data.target_domain`, validation and test come from that domain alone, and
    `train_val` is carved from the rest, which otherwise trains. With `data.split: time` the newest examples test and
    those before them validate; a group must then lie on one side of the cuts: if its oldest example decided, others of
    it would train though newer than the test, and if its newest did, new data of an old group would move it.

    Args:
        frame: The manifest (`read_manifest`). Examples without a label are left out.
        params: `seed` and `data` are read.
        spec: What an example is; without it, labels that are numbers make a regression.

    Returns:
        The frame of `id`, `split` and, where folds are made, `fold`, sorted by id; and the report (what
        `reports/splits.json` holds).

    Raises:
        UserError: No labels, an unknown target domain, a class with fewer than three examples or none to train on, an
            empty split, times that cannot be ordered, or a group on both sides of a cut.
    """
    import polars as pl

    data, seed = params.data, params.seed
    frame = frame.select(USED)
    if not frame["id"].is_sorted():
        frame = frame.sort("id")
    if data.split == "time":
        frame = frame.with_columns(moment=moments(frame["time"]))
    labelled = frame.filter(pl.col("label").is_not_null())
    regression = spec.regression if spec else labelled["label"].dtype.is_numeric()
    _check(labelled, data, regression)

    own_test = _brings_test(labelled, data)
    cuts = _cuts(frame, data, own_test) if data.split == "time" else None
    labelled = labelled.with_columns(split=assigned_splits(labelled, data, seed, cuts, own_test))
    if cuts is not None:
        _refuse_torn_groups(labelled, cuts)
    labelled = labelled.with_columns(stratum=strata(labelled["label"]) if regression else pl.col("label"))
    facts = Facts(
        labelled, len(frame) - len(labelled), params, own_test, cuts, OfAverages() if regression else OfRates()
    )
    _refuse_empty(facts)
    folds = folds_for(facts)
    assigned = labelled.select("id", "split")
    if folds:
        assigned = assigned.with_columns(fold=assigned_folds(labelled, data, seed, folds))
    return assigned, report(facts, assigned, leakage(labelled))


def strata(targets: "pl.Series") -> "pl.Series":
    """The fifth of all targets that each lies in, by name; only the report tells them apart.

    Args:
        targets: Float64, none of them null.
    """
    import numpy as np
    import polars as pl

    values = targets.to_numpy()
    edges = np.unique(np.quantile(values, np.linspace(0, 1, STRATA + 1)))
    bins = np.searchsorted(edges[1:-1], values, side="right")
    names = [f"{place}: {low:.4g} to {high:.4g}" for place, (low, high) in enumerate(pairwise(edges), 1)]
    return pl.Series("stratum", names or [f"1: {edges[0]:.4g}"]).gather(bins)


def write_splits(path: Path, assigned: "pl.DataFrame") -> None:
    """Write `data/splits.jsonl`: a line an example with `id`, `split` and, where there are folds, `fold`; by id."""
    with replacing(path, "wb") as file:
        assigned.sort("id").write_ndjson(file)


def read_splits(path: Path) -> "pl.DataFrame":
    """The frame of `id`, `split` and, where there is any, `fold` (null: never validates), in the file's order.

    Raises:
        UserError: The file is missing, or a line is wrong; with its number.
    """
    import polars as pl
    from polars.exceptions import PolarsError

    path = Path(path)
    try:
        frame = pl.read_ndjson(path, schema={"id": pl.String, "split": pl.String, "fold": pl.Int64})
        if len(frame) and _right(frame):
            return frame.drop("fold") if frame["fold"].null_count() == len(frame) else frame
    except (PolarsError, OSError):
        pass
    known: set[str] = set()
    for number, content in json_lines(path):
        identifier, name, fold = content.get("id"), content.get("split"), content.get("fold")
        if not isinstance(identifier, str) or not IDENTIFIER.fullmatch(identifier) or identifier in known:
            raise UserError(
                f"{path}, line {number}: expected an `id` of 32 hexadecimal digits that no line before has; split again"
            )
        if name not in NAMES:
            raise UserError(
                f"{path}, line {number}: `split` is {name!r}; expected one of {', '.join(NAMES)}; split again"
            )
        if fold is not None and (not isinstance(fold, int) or isinstance(fold, bool) or fold < 0):
            raise UserError(f"{path}, line {number}: `fold` is {fold!r}; expected 0 or more, or null; split again")
        known.add(identifier)
    raise UserError(f"{path}: holds no splits; split again")


def _right(frame: "pl.DataFrame") -> bool:
    import polars as pl

    known = frame.select(
        pl.col("id").fill_null("").str.contains(f"^{IDENTIFIER.pattern}$").all()
        & pl.col("split").fill_null("").is_in(NAMES).all()
        & (pl.col("fold").fill_null(0) >= 0).all()
    ).item()
    return known and distinct(frame["id"])


def _check(labelled: "pl.DataFrame", data: Data, regression: bool) -> None:
    import polars as pl

    if labelled.is_empty():
        raise UserError("data/manifest.jsonl: no example has a label; nothing can be split")
    if regression:
        if len(labelled) < FEWEST:
            raise UserError(f"data/manifest.jsonl: {len(labelled)} examples, too few for train, validation and test")
    else:
        few = labelled["label"].value_counts().filter(pl.col("count") < FEWEST)["label"].sort().to_list()
        if few:
            raise UserError(
                f"class {quoted(few)}: fewer than {FEWEST} examples, too few for train, validation and test; add "
                "examples, or merge or remove the class"
            )
    if data.target_domain is not None:
        domains = labelled["domain"].drop_nulls().unique().sort().to_list()
        if data.target_domain not in domains:
            raise UserError(
                f"data.target_domain: no example has the domain {data.target_domain!r}; the manifest knows "
                f"{', '.join(domains) or 'none'}"
            )
    if data.split == "time" and data.folds is not None:
        raise UserError(
            "data.folds with data.split: time would train on newer examples than it validates on; set one back (folds: "
            "null, or split: random)"
        )


def _brings_test(labelled: "pl.DataFrame", data: Data) -> bool:
    """Whether the first ingest's examples have a test of their own. Later ones may bring a test too and it is honoured,
    but then data.test stays in force, or old examples would leave the test."""
    import polars as pl

    first = (pl.col("batch") == pl.col("batch").min()) & pl.col("source_split").eq_missing("test")
    if data.target_domain is not None:
        first &= ~is_foreign(data.target_domain)
    return bool(labelled.select(first.any()).item())


def _cuts(frame: "pl.DataFrame", data: Data, own_test: bool) -> Cuts:
    import polars as pl

    places = pl.col("source_split").ne_missing("test")
    if data.target_domain is not None:
        places &= ~is_foreign(data.target_domain)
    return cut_times(frame.filter(places).select("time", "moment", "batch"), data, own_test)


def _refuse_torn_groups(labelled: "pl.DataFrame", cuts: Cuts) -> None:
    import polars as pl

    groups = (
        torn(labelled.filter(pl.col("source_split").ne_missing("test")), "group")["group"].unique().sort().to_list()
    )
    if groups:
        ends = " or ".join(each for each in (cuts.validation, cuts.test) if each)
        raise UserError(
            f"group {quoted(groups)}: has examples before and after {ends}, so it cannot stay together and keep the "
            "order of time; set other data.cuts, do without data.group, or set data.split to random"
        )


def _refuse_empty(facts: Facts) -> None:
    lacking = [label for label in facts.classes if not facts.counts["train"].get(label)]
    if lacking and not facts.regression:
        how = (
            f"all its examples are from {facts.cuts.validation} or later, so none trains; set later data.cuts"
            if facts.cuts
            else "too few examples (or groups), chance left none of them to train on; add examples, lower "
            "data.validation and data.test, or take another seed"
        )
        raise UserError(f"class {quoted(lacking)}: {how}")
    for name in ("train", "validation", "test"):
        if not facts.sizes[name]:
            hint = "set other data.cuts" if facts.cuts else f"add examples or raise data.{name}"
            raise UserError(f"no example fell into the {name} split; {hint}")
