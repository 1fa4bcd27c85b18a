"""Examples that are there without a label, those that would help most first; for the request to label them.

Wiring only: which would help most is decided in `improvement.requests`.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..config import Project
from ..data.assets import ASSETS, read_assets
from ..data.loading import Examples
from ..data.manifest import MANIFEST, read_manifest
from ..data.room import inputs_of

if TYPE_CHECKING:
    from ..improvement.rounds import Configuration

MOST = 10_000
"""Examples that the model looks at, those with the smallest ids, which are hashes: a random draw."""


def unlabelled_examples(project: Project, most: int = MOST) -> tuple[Examples, tuple[str, ...]]:
    """Packed examples whose label is null in the manifest; their `labels` are zeros.

    Args:
        project: Its data is ingested.
        most: Examples to read.

    Returns:
        Those that were read, and the ids of all of them; both in the order of ids.
    """
    assets = read_assets(project.root / ASSETS)
    rows = read_manifest(project.root / MANIFEST).select("id", "label")
    ids = sorted(each for each in rows.filter(rows["label"].is_null())["id"] if each in assets.row_of)
    read = tuple(ids[:most])
    inputs = inputs_of(assets, np.array([assets.row_of[each] for each in read], np.int64))
    kind = np.float32 if assets.spec.regression else np.int64
    return Examples(read, inputs, np.zeros(len(read), kind), assets.spec), tuple(ids)


def most_useful_unlabelled(project: Project, found: "Configuration", resolution: int | None) -> tuple[str, ...]:
    """The ids of examples without a label, first those whose label would teach the model most.

    Args:
        project: Its data is ingested.
        found: The configuration that was kept, whose trained seeds are asked.
        resolution: That its images were trained at; None for their own.
    """
    from ..improvement.requests import most_useful_first
    from ..training.inference import load_model, predict
    from ..training.reduced import at_resolution

    examples, every = unlabelled_examples(project)
    if not every:
        return ()
    if resolution is not None:
        examples = at_resolution(examples, resolution)
    outputs = [predict(load_model(result.model, project), examples.inputs) for result in found.results]
    first = tuple(examples.ids[row] for row in most_useful_first(outputs))
    return (*first, *every[len(first) :])
