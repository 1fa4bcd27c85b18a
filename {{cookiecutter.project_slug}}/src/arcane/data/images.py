"""Image files to arrays, and arrays to the one size that a network reads.

Ingest and prediction both go through here, so that a file looks the same to the network on both roads.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import UserError

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
GREY_MODES = frozenset({"1", "L", "LA", "I;16", "I;16L", "I;16B", "I;16N"})
# EXIF orientations 5 to 8 turn the picture by a quarter, so width and height change places.
QUARTER_TURNS = frozenset({5, 6, 7, 8})
ORIENTATION_TAG = 0x0112


@contextmanager
def without_warnings() -> Iterator[None]:
    """Silence Pillow's warnings: `opened_image` refuses images of too many pixels, and odd EXIF blocks say nothing.

    Stands around work in threads, not inside it: Python's filters are the process' own.
    """
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        yield


@contextmanager
def opened_image(path: Path) -> "Iterator[Image.Image]":
    """Open an image file and read its header only.

    Raises:
        UserError: The file is missing, empty, no image, or larger than Pillow's limit on pixels (a decompression bomb).
    """
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(path)
    except FileNotFoundError:
        raise UserError(f"{path}: not there") from None
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        raise UserError(f"{path}: {'empty (0 bytes)' if empty else 'not an image that Pillow reads'}") from None
    except Image.DecompressionBombError:
        raise UserError(f"{path}: more than {Image.MAX_IMAGE_PIXELS:,} pixels") from None
    except Exception as error:  # what a damaged file does to Pillow's readers is not listed anywhere
        raise UserError(f"{path}: unreadable ({error})") from None
    with image:
        # Beyond the limit Pillow warns, beyond twice the limit it raises.
        if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
            raise UserError(f"{path}: more than {Image.MAX_IMAGE_PIXELS:,} pixels")
        yield image


def image_header(path: Path) -> tuple[int, int, bool]:
    """Height, width (as shown, orientation applied) and whether the file is grey, without decoding it.

    Raises:
        UserError: As `opened_image`.
    """
    from PIL import Image

    with opened_image(path) as image:
        width, height = image.size
        try:
            # The base class' own: PNG's would decode the image to look for a block behind the pixels.
            turned = Image.Image.getexif(image).get(ORIENTATION_TAG) in QUARTER_TURNS
        except Exception:  # a broken EXIF block says nothing about the pixels
            turned = False
        return (width, height, image.mode in GREY_MODES) if turned else (height, width, image.mode in GREY_MODES)


def read_image(path: Path) -> np.ndarray:
    """Decode an image file: uint8 `[H, W, 1]` where the file is grey, else `[H, W, 3]`.

    EXIF orientation is applied; what is transparent is laid on white; 16-bit grey keeps its upper 8 bits; of an
    animation the first frame is taken.

    Raises:
        UserError: The file is missing, empty, truncated, no image, too large, or has 32-bit pixels.
    """
    with without_warnings():
        return decoded_image(Path(path))


def decoded_image(path: Path) -> np.ndarray:
    """`read_image` for many threads at once, inside `without_warnings`."""
    from PIL import Image, ImageOps

    with opened_image(path) as opened:
        try:
            opened.load()
            try:
                image = ImageOps.exif_transpose(opened)
            except Exception:  # as in `image_header`: the pixels are good, the EXIF block is not
                image = opened
            if image.mode in ("I", "F"):
                raise UserError(f"{path}: 32-bit pixels have no known range; save it with 8 or 16 bits")
            if image.mode.startswith("I;16"):
                return (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)[:, :, None]
            grey = image.mode in GREY_MODES
            if image.has_transparency_data:
                white = Image.new("RGBA", image.size, (255, 255, 255, 255))
                image = Image.alpha_composite(white, image.convert("RGBA"))
            wanted = "L" if grey else "RGB"
            array = np.asarray(image if image.mode == wanted else image.convert(wanted))
        except UserError:
            raise
        except Exception as error:  # OSError and SyntaxError as a rule, also struct.error, KeyError and others
            raise UserError(f"{path}: truncated or damaged ({error})") from None
    return array[:, :, None] if grey else array


def fit_image(image: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Bring one image to the network's size.

    An image of another aspect ratio loses its edges (the middle is kept); sizes change by Pillow's bilinear filter,
    which averages when it shrinks. Grey becomes three equal channels, colour becomes luminance (ITU-R 601), as
    `shape` asks.

    Args:
        image: uint8 `[H, W]` or `[H, W, C]` with C 1 or 3.
        shape: `(C, H, W)` wanted.

    Returns:
        uint8 `[C, H, W]`.
    """
    channels, height, width = shape
    if image.ndim == 2:
        image = image[:, :, None]
    if image.shape[2] != channels or image.shape[:2] != (height, width):
        image = _converted(image, channels, height, width)
    return np.ascontiguousarray(image.transpose(2, 0, 1))


def _converted(image: np.ndarray, channels: int, height: int, width: int) -> np.ndarray:
    from PIL import Image, ImageOps

    picture = Image.fromarray(np.ascontiguousarray(image[:, :, 0] if image.shape[2] == 1 else image))
    picture = picture.convert("L" if channels == 1 else "RGB")
    if picture.size != (width, height):
        picture = ImageOps.fit(picture, (width, height), Image.Resampling.BILINEAR)
    array = np.asarray(picture)
    return array[:, :, None] if channels == 1 else array
