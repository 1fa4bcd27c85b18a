"""MNIST-1D (Greydanus, Kobak, 2024): ten kinds of curves of length 40, made by the authors' own generator."""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...errors import UserError
from ...spec import Modality
from .base import Example, Source

# Of the published file (mnist1d_data.pkl). The labels are shuffled by the last numbers that the generator draws, so
# their order holds only where it drew all the others alike; the first values hold its arithmetic, and each other's.
LABELS_SHA256 = {
    "train": "d97dc7aecec8ad6b5d8f143ba3e9c4bd7e25c420d7dfc2eb990591cfc0ed3e15",
    "test": "8de99be3ff9dab15ae0dc072c3d6ced7cf6b33d365888ce4a386fc944489452c",
}
FIRST_VALUES = {
    "train": (-0.3320056673693902, -0.4719103656557236, -0.778697076293495, -1.0097408265367047),
    "test": (-0.07877078047732886, -0.21073170588642925, -0.09175138109239452, 0.28267111736736455),
}


@dataclass(frozen=True)
class Curves:
    """Curves and what they are of: `x` float64 `[n, 40]`, `y` int64 `[n]`."""

    x: np.ndarray
    y: np.ndarray


class Mnist1d(Source):
    """The published data: 4,000 curves to train and 1,000 to test, of ten classes."""

    name = "mnist1d"
    modality: ClassVar[Modality] = "sequence"
    classes = tuple("0123456789")
    total = 5000

    def shape(self) -> tuple[int, int]:
        """One channel of 40 steps."""
        return 1, 40

    def examples(self) -> Iterator[Example]:
        """Yields train, then test, in the published order; `row` counts through both (test begins at 4,000).

        The generator's float64 values are rounded to float32.

        Raises:
            UserError: The generator is not installed, or what it made is not the published data.
        """
        row = 0
        for split, curves in published(generate()).items():
            for values, label in zip(curves.x.astype(np.float32)[:, None], curves.y.tolist(), strict=True):
                yield Example(values, str(label), row=row, source_split=split)
                row += 1


def generate(samples: int = 5000, seed: int = 42) -> dict[str, Curves]:
    """Let the generator make curves: four fifths `train`, the rest `test`. The defaults make the published ones.

    The process's random state is left as it was, though the generator seeds it.

    Args:
        samples: How many; a multiple of 10. All are standardised together, so other numbers scale a little differently.
        seed: The generator's.

    Raises:
        UserError: The package `mnist1d` is not installed.
    """
    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ImportError as error:
        raise UserError(f"data.source: mnist1d needs the package `mnist1d` ({error}); `pip install mnist1d`") from None
    arguments: Any = get_dataset_args()
    arguments.num_samples, arguments.seed = samples, seed
    # `make_dataset` seeds these two and draws from the second; nothing of it touches torch.
    before = random.getstate(), np.random.get_state()
    try:
        made = make_dataset(arguments)
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
    return {"train": Curves(made["x"], made["y"]), "test": Curves(made["x_test"], made["y_test"])}


def published(made: dict[str, Curves]) -> dict[str, Curves]:
    """The curves, if they are the published ones.

    Raises:
        UserError: They are not: a library's random numbers or arithmetic changed.
    """
    for split, curves in made.items():
        labels = hashlib.sha256(curves.y.astype("<i8").tobytes()).hexdigest()
        same = np.allclose(curves.x[0, :4], FIRST_VALUES[split], rtol=0, atol=1e-6)
        if labels != LABELS_SHA256[split] or not same:
            from importlib.metadata import version

            installed = ", ".join(f"{name} {version(name)}" for name in ("mnist1d", "numpy", "scipy"))
            raise UserError(
                f"mnist1d: the generator's {split} data are not the published ones ({installed}); install the "
                "versions of requirements.lock"
            )
    return made
