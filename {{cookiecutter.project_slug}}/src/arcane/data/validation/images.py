"""Images that are blank, dark, bright or nearly empty, and whose size, shape or mode in the source is odd."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..findings import Finding
from .given import Check, Given, first_ids, listed, where

# Nearly all of a dark image (99 % of its pixels) is below this share of full brightness. cleanvision takes 0.32 for
# photographs, which names 19 dark garments of Fashion-MNIST's 70,000; all are clear to see, the darkest is at 0.20.
DARK = 0.15
# All but 5 % of a bright image's pixels are above this share of white; as cleanvision.
BRIGHT = 0.95
# Bits a pixel. The least of Fashion-MNIST, the sole of a sandal, has 0.68, of digits 1.4; a photograph has 5 to 8.
# cleanvision takes 3 for photographs, below which 10,775 of Fashion-MNIST and most of digits lie.
LOW_INFORMATION = 0.5
# Times the usual size or shape, either way. A third of the usual side has a ninth of the pixels; resizing makes up the
# rest. cleanvision calls a side of 0.35 of the other odd, whatever is usual.
ODD_SIZE, ODD_ASPECT = 3.0, 2.0
# A mode that more images than this have is another kind of source, not an oddity; it is named all the same, as a note.
RARE_MODE = 0.05


def blank_images(given: Given) -> Iterator[Finding]:
    """`blank-images`: every pixel of an image has the same value in each channel."""
    blank = given.measured(_is_blank)
    bad = given.of_assets(np.flatnonzero(blank))
    if len(bad):
        yield Finding(
            "blank-images",
            "warning",
            f"{len(bad)} images are blank: one value in all pixels, such as {where(bad)}",
            "Look at them; remove those that came out of a failed camera or conversion.",
            count=len(bad),
            ids=first_ids(bad),
        )


def light_and_content(given: Given) -> Iterator[Finding]:
    """`dark-images`, `bright-images`, `low-information-images`: there is hardly anything to see."""
    dark, bright, bits, blank = given.measured(_look).T
    seen = blank == 0
    kinds = (
        ("dark-images", seen & (dark < DARK), "are nearly black", dark, f"99 % of pixels not below {DARK:.0%}"),
        ("bright-images", seen & (bright > BRIGHT), "are nearly white", bright, f"5 % of pixels below {BRIGHT:.0%}"),
        (
            "low-information-images",
            seen & (bits < LOW_INFORMATION) & (dark >= DARK) & (bright <= BRIGHT),
            "hold hardly anything",
            bits,
            f"{LOW_INFORMATION:g} bits a pixel or more",
        ),
    )
    for code, found, what, values, expected in kinds:
        bad = given.of_assets(np.flatnonzero(found))
        if len(bad):
            yield Finding(
                code,
                "warning",
                f"{len(bad)} images {what}, such as {where(bad)}",
                "Look at them; where nothing can be told by eye, remove them. Where all are so, the scale of the "
                "pixels is wrong: 12 bits read as 16, or 0..1 as 0..255.",
                count=len(bad),
                ids=first_ids(bad),
                evidence={"share": len(bad) / max(len(given.frame), 1), "median": float(np.median(values[found]))},
                expected=expected,
            )


def odd_sizes(given: Given) -> Iterator[Finding]:
    """`odd-sizes`, `odd-aspect`: images much larger, smaller or narrower than is usual in this source."""
    import polars as pl

    frame = given.frame
    if not {"height", "width"} <= set(frame.columns):
        return
    sized = frame.filter((pl.col("height") > 0) & (pl.col("width") > 0)).with_columns(
        side=(pl.col("height") * pl.col("width")).cast(pl.Float64).sqrt(),
        aspect=pl.col("width") / pl.col("height"),
    )
    if sized.is_empty():
        return
    for code, column, most, what in (
        ("odd-sizes", "side", ODD_SIZE, "of another size"),
        ("odd-aspect", "aspect", ODD_ASPECT, "of another shape"),
    ):
        usual: Any = sized[column].median()
        bad = sized.filter((pl.col(column) > most * usual) | (pl.col(column) < usual / most))
        if len(bad):
            first = bad.row(0, named=True)
            yield Finding(
                code,
                "warning",
                f"{len(bad)} images are {what} than is usual ({most:g} times or more), such as {where(bad)}: "
                f"{first['height']} by {first['width']} pixels",
                "All are brought to one size, which stretches or blurs these: crop them, or remove what is no example.",
                count=len(bad),
                ids=first_ids(bad),
                evidence={"share": len(bad) / len(sized), f"usual_{column}": float(usual)},
                expected=f"within {most:g} times the median, either way",
            )


def odd_mode(given: Given) -> Iterator[Finding]:
    """`odd-mode`: images whose mode (grey, colour, transparency, palette) is not that of the most."""
    import polars as pl

    if "mode" not in given.frame.columns:
        return
    known = given.frame.filter(pl.col("mode").is_not_null())
    modes = known.group_by("mode").len().sort("len", "mode", descending=[True, False])
    if len(modes) < 2:
        return
    usual = modes["mode"][0]
    bad = known.filter(pl.col("mode") != usual)
    rare = len(bad) < RARE_MODE * len(known)
    shown = listed([f"{mode} ({count})" for mode, count in modes.iter_rows()])
    yield Finding(
        "odd-mode",
        "warning" if rare else "note",
        f"{len(bad)} images are not of the mode {usual} that most have: {shown}; such as {where(bad)}",
        "They are converted. Where the mode goes with a class, a network may learn the mode: convert the files.",
        count=len(bad),
        ids=first_ids(bad),
        evidence={"share": len(bad) / len(known)},
        expected="one mode",
    )


def _is_blank(images: np.ndarray) -> np.ndarray:
    return (images == images[:, :, :1, :1]).all(axis=(1, 2, 3))


def _look(images: np.ndarray) -> np.ndarray:
    """Per image the 99th and 5th percentile of brightness (0 to 1), entropy (bits a pixel), and whether it is blank."""
    n, channels, height, width = images.shape
    grey = images.reshape(n, channels, height * width)
    grey = grey[:, 0] if channels == 1 else grey.mean(axis=1, dtype=np.float32).astype(np.uint8)
    counts = np.bincount((np.arange(n)[:, None] * 256 + grey).ravel(), minlength=256 * n).reshape(n, 256)
    share = counts / (height * width)
    below = np.cumsum(share, axis=1)
    bright99, bright5 = ((below >= limit - 1e-9).argmax(axis=1) / 255 for limit in (0.99, 0.05))
    bits = -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=1)
    return np.stack([bright99, bright5, bits, _is_blank(images)], axis=1)


IMAGES = (
    Check(("blank-images",), blank_images, ("image",)),
    Check(("dark-images", "bright-images", "low-information-images"), light_and_content, ("image",)),
    Check(("odd-sizes", "odd-aspect"), odd_sizes, ("image",)),
    Check(("odd-mode",), odd_mode, ("image",)),
)
