"""scikit-learn's handwritten digits: 1,797 grey images of 8 by 8 from the UCI test set; needs no file, no network."""

from collections.abc import Iterator

import numpy as np

from .base import Example, Source


class Digits(Source):
    """The digits 0 to 9; the 17 grey levels 0 to 16 become `round(v * 255 / 16)`, which can be undone exactly."""

    name = "digits"
    classes = tuple("0123456789")
    total = 1797

    def examples(self) -> Iterator[Example]:
        """Yields the images in scikit-learn's order; `row` is their number there."""
        from sklearn.datasets import load_digits

        rows, labels = load_digits(return_X_y=True)
        images = np.round(np.reshape(rows, (-1, 8, 8)) * 255 / 16).astype(np.uint8)
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield Example(image, str(label), row=row)
