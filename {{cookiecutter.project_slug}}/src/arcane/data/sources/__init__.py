"""Where examples come from: one small class a source, found by its name in `params.yaml`."""

import difflib
from collections.abc import Callable
from pathlib import Path

from ...errors import UserError
from .base import Example, Source
from .digits import Digits
from .fashion_mnist import FashionMnist
from .folder import Folder

__all__ = ["Example", "Source", "named_source", "source_names"]

SOURCES: dict[str, Callable[[Path, str], Source]] = {
    "digits": lambda root, path: Digits(),
    "fashion-mnist": lambda root, path: FashionMnist(root / path),
    "own": Folder,
}


def source_names() -> tuple[str, ...]:
    """The names that `data.source` may hold."""
    return tuple(SOURCES)


def named_source(name: str, root: Path, path: str = "data/raw") -> Source:
    """The source called `name`.

    Args:
        name: A value of `data.source`.
        root: The project's root.
        path: `data.path`: the folder that holds the source's files, relative to `root`.

    Raises:
        UserError: The name is unknown, or the source's folder is not as it must be.
    """
    if name not in SOURCES:
        near = difflib.get_close_matches(name, SOURCES, n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(SOURCES)}"
        raise UserError(f"data.source: `{name}` is unknown: {hint}")
    return SOURCES[name](root, path)
