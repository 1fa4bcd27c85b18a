"""Where examples come from: one small class a source, found by its name in `params.yaml`."""

import difflib
from collections.abc import Callable
from pathlib import Path

from ...config import Data
from ...errors import UserError
from ...spec import Feature, Modality, Target
from .base import Example, Source
from .cifar10 import Cifar10
from .digits import Digits
from .fashion_mnist import FashionMnist
from .labelled_images import own_images
from .mnist1d import Mnist1d
from .sequences import SequenceFiles
from .table_files import TableFiles
from .tables import BreastCancer, Diabetes, DigitsTable, Wine

__all__ = ["Example", "Feature", "Source", "Target", "named_source", "source_names"]

Maker = Callable[[Path, Data], Source]
SOURCES: dict[Modality, dict[str, Maker]] = {
    "image": {
        "digits": lambda root, data: Digits(),
        "fashion-mnist": lambda root, data: FashionMnist(root / data.path),
        "cifar10": lambda root, data: Cifar10(root / data.path),
        "own": own_images,
    },
    "sequence": {"mnist1d": lambda root, data: Mnist1d(), "own": SequenceFiles},
    "tabular": {
        "breast_cancer": lambda root, data: BreastCancer(),
        "wine": lambda root, data: Wine(),
        "digits-as-table": lambda root, data: DigitsTable(),
        "diabetes": lambda root, data: Diabetes(),
        "own": TableFiles,
    },
}


def source_names(modality: Modality | None = None) -> tuple[str, ...]:
    """The names that `data.source` may hold, for one modality or for all."""
    kinds = [SOURCES[modality]] if modality else SOURCES.values()
    return tuple(dict.fromkeys(name for kind in kinds for name in kind))


def named_source(data: Data, root: Path) -> Source:
    """The source that `data.source` names.

    Args:
        data: The params; `path` is the folder that holds the source's files, relative to `root`.
        root: The project's root.

    Raises:
        UserError: The name is unknown or of another modality than `data.modality`, or the source's files are not as
            they must be.
    """
    maker = SOURCES[data.modality].get(data.source)
    if maker is not None:
        return maker(root, data)
    others = [modality for modality, makers in SOURCES.items() if data.source in makers]
    if others:
        raise UserError(
            f"data.source: `{data.source}` is of modality {others[0]}, but data.modality is {data.modality}; change "
            f"one of the two (sources of modality {data.modality}: {', '.join(source_names(data.modality))})"
        )
    near = difflib.get_close_matches(data.source, source_names(), n=1, cutoff=0.4)
    hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(source_names())}"
    raise UserError(f"data.source: `{data.source}` is unknown: {hint}")
