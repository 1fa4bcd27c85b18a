"""Single examples out of the packed assets: images as `data:` URIs, which need no file beside the page, or arrays."""

import base64
import io
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..data.assets import Assets, read_assets
from ..spec import Spec

if TYPE_CHECKING:
    import numpy as np

LARGEST = 96
"""Pixels: larger pictures are reduced, so that a page of 24 photographs stays near one megabyte."""


class Pictures:
    """The packed inputs under `data/assets`, found by id.

    Args:
        folder: `data/assets`; where it, or a shard, is missing (not pulled), nothing is found.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def _assets(self) -> Assets | None:
        if not (self.folder / "index.json").is_file():
            return None
        assets = read_assets(self.folder)
        return assets if all((self.folder / name).is_file() for name, _ in assets.shards) else None

    @property
    def spec(self) -> Spec | None:
        """What an example is; None where the assets are missing."""
        return self._assets.spec if self._assets else None

    def inputs(self, example: str) -> "np.ndarray | None":
        """An example as it is packed, `[*spec.shape]`; None where the assets do not hold it."""
        import numpy as np

        row = self._assets.row_of.get(example) if self._assets else None
        return None if self._assets is None or row is None else self._assets.inputs(np.array([row]))[0]

    def uri(self, example: str) -> str | None:
        """The picture of an image's id as a PNG `data:` URI; None where the assets do not hold it."""
        import numpy as np
        from PIL import Image

        pixels = self.inputs(example)
        if pixels is None:
            return None
        pixels = pixels[0] if len(pixels) < 3 else np.moveaxis(pixels[:3], 0, -1)
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        picture.thumbnail((LARGEST, LARGEST))
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
