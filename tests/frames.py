"""Manifests as frames, for tests that need no file: `frame(100, group=[...])`."""

import random
from collections.abc import Sequence
from typing import Any

import polars as pl

from arcane.config import Params, parse_params
from arcane.data.manifest import COLUMNS


def params(seed: int = 1, **data: Any) -> Params:
    """Params with nothing but defaults, a seed and what `data` says."""
    tree = {"seed": seed, "goal": {"error": 0.01, "source": "x"}, "data": data, "improve": {"budget": 1}}
    return parse_params(tree | {"model": {}, "train": {}}, "test")


def frame(number: int, start: int = 0, classes: int = 2, **columns: Any) -> pl.DataFrame:
    """A manifest as `read_manifest` gives it, sorted by id.

    Args:
        number: How many examples.
        start: Other starts give other ids.
        classes: How many labels take turns by row, where no `label` is given.
        columns: Values by name: a list by row, or one for all.
    """
    rng = random.Random(start)
    rows = range(number)
    values = {"id": [f"{rng.getrandbits(128):032x}" for _ in rows], "row": list(rows), "source": "tests", "batch": 0}
    values |= {"label": [str(row % classes) for row in rows], **columns}
    schema = {name: pl.List(pl.String) if kind == "List" else getattr(pl, kind) for name, kind in COLUMNS.items()}
    given = values["label"] if isinstance(values["label"], Sequence) else [values["label"]]
    if any(isinstance(label, float) for label in given):
        schema["label"] = pl.Float64
    return pl.DataFrame(
        {name: values[name] if isinstance(values.get(name), list) else [values.get(name)] * number for name in schema},
        schema=schema,
    ).sort("id")
