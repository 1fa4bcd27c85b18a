"""Where examples come from: one small class a source, found by its name in `params.yaml`."""

import difflib
from collections.abc import Callable
from pathlib import Path

from ...config import Data
from ...errors import UserError
from ...spec import Feature, Target
from .base import Example, Source
from .digits import Digits
from .fashion_mnist import FashionMnist
from .folder import Folder

__all__ = ["Example", "Feature", "Source", "Target", "named_source", "source_names"]

SOURCES: dict[str, Callable[[Path, Data], Source]] = {
    "digits": lambda root, data: Digits(),
    "fashion-mnist": lambda root, data: FashionMnist(root / data.path),
    "own": lambda root, data: OWN[data.modality](root, data),
}
OWN: dict[str, Callable[[Path, Data], Source]] = {"image": lambda root, data: Folder(root, data.path)}


def source_names() -> tuple[str, ...]:
    """The names that `data.source` may hold."""
    return tuple(SOURCES)


def named_source(data: Data, root: Path) -> Source:
    """The source that `data.source` names.

    Args:
        data: The params; `path` is the folder that holds the source's files, relative to `root`.
        root: The project's root.

    Raises:
        UserError: The name is unknown, or the source's files are not as they must be.
    """
    if data.source not in SOURCES:
        near = difflib.get_close_matches(data.source, SOURCES, n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(SOURCES)}"
        raise UserError(f"data.source: `{data.source}` is unknown: {hint}")
    return SOURCES[data.source](root, data)
