"""Pictures of single examples, out of the packed assets, as data URIs that need no file beside the page."""

import base64
import io
from functools import cached_property
from pathlib import Path

from ..data.assets import Assets, read_assets

LARGEST = 96
"""Pixels: larger pictures are reduced, so that a page of 24 photographs stays near one megabyte."""


class Pictures:
    """The packed images under `data/assets`, found by id.

    Args:
        folder: `data/assets`; where it, or a shard, is missing (not pulled), every picture is None.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def _assets(self) -> Assets | None:
        if not (self.folder / "index.json").is_file():
            return None
        assets = read_assets(self.folder)
        return assets if all((self.folder / name).is_file() for name, _ in assets.shards) else None

    def uri(self, example: str) -> str | None:
        """The picture of an example's id as a PNG `data:` URI; None where the assets do not hold it."""
        import numpy as np
        from PIL import Image

        row = self._assets.row_of.get(example) if self._assets else None
        if self._assets is None or row is None:
            return None
        pixels = self._assets.images(np.array([row]))[0]
        pixels = pixels[0] if len(pixels) < 3 else np.moveaxis(pixels[:3], 0, -1)
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        picture.thumbnail((LARGEST, LARGEST))
        file = io.BytesIO()
        picture.save(file, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
