"""Leakage: what examples of different splits share, so that a measured error looks better than it is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..manifest import distinct

if TYPE_CHECKING:
    import polars as pl

SHOWN = 20


@dataclass(frozen=True)
class Leak:
    """Examples that something ties to another split.

    Attributes:
        count: How many; None where the question does not arise.
        ids: The first of them, by id.
    """

    count: int | None
    ids: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {"count": self.count, "ids": list(self.ids)}


def leakage(frame: "pl.DataFrame") -> dict[str, Leak]:
    """What ties the splits together.

    Two splits leak into each other where one trains and the other measures (`train_val` among them), or one picks
    models and the other is the test. `train_val` against validation or test does no harm: neither trains.

    Args:
        frame: `id`, `group`, `near`, `split`, sorted by id; `moment` where splits are by time.

    Returns:
        `ids`: of an id that stands twice. `groups`: of a group that stands on both sides. `near_duplicates`: of
        near-duplicates on both sides, also along chains of them. `time`: as new as the first example of a later split,
        or newer; None where splits are not by time.
    """
    import polars as pl

    return {
        "ids": Leak(0) if distinct(frame["id"]) else _leak(frame.filter(pl.col("id").is_duplicated())),
        "groups": _leak(torn(frame, "group")),
        "near_duplicates": _near_duplicates(frame),
        "time": _too_new(frame) if "moment" in frame.columns else Leak(None),
    }


def _leak(frame: "pl.DataFrame") -> Leak:
    return Leak(len(frame), tuple(frame["id"].head(SHOWN)))


def torn(frame: "pl.DataFrame", cluster: str) -> "pl.DataFrame":
    """The examples of clusters that stand in splits that must not share any."""
    import polars as pl

    members = frame.filter(pl.col(cluster).is_not_null())
    if members.is_empty():
        return members
    split = pl.col("split")
    trains, others = (split == "train").any(), (split != "train").any()
    picks, tests = (split == "validation").any(), (split == "test").any()
    torn = members.group_by(cluster).agg(torn=(trains & others) | (picks & tests)).filter("torn")
    return members.join(torn, on=cluster, how="semi", maintain_order="left")


def _near_duplicates(frame: "pl.DataFrame") -> Leak:
    import numpy as np
    import polars as pl
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = frame.filter(pl.col("near").is_not_null()).select("id", "near")
    if pairs.is_empty():
        return Leak(0)
    nodes = pl.concat([pairs["id"], pairs["near"].alias("id")]).unique().sort().to_frame().with_row_index("node")
    younger = pairs.join(nodes, on="id", how="left", maintain_order="left")["node"].to_numpy()
    older = pairs.join(nodes, left_on="near", right_on="id", how="left", maintain_order="left")["node"].to_numpy()
    links = coo_array((np.ones(len(pairs), np.int8), (younger, older)), shape=(len(nodes), len(nodes)))
    clusters = nodes.with_columns(cluster=pl.Series(connected_components(links, directed=False)[1]))
    return _leak(torn(frame.join(clusters, on="id", how="inner", maintain_order="left"), "cluster"))


def _too_new(frame: "pl.DataFrame") -> Leak:
    import polars as pl

    begins = {
        name: moment
        for name, moment in frame.group_by("split").agg(pl.col("moment").min()).iter_rows()
        if moment is not None
    }
    test = begins.get("test", float("inf"))
    validation = min(begins.get("validation", float("inf")), begins.get("train_val", float("inf")))
    split, moment = pl.col("split"), pl.col("moment")
    late = ((split == "train") & (moment >= min(test, validation))) | ((split == "validation") & (moment >= test))
    return _leak(frame.filter(late))
