"""Fashion-MNIST's original files: 60,000 + 10,000 grey images of 28 by 28 (Xiao, Rasul, Vollgraf, 2017)."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ...errors import UserError
from .base import Example, Source

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
TORCHVISION_FOLDER = "FashionMNIST/raw"
# SHA-256 of the decompressed files. They fix the counts (6,000 and 1,000 a class), the sizes, and that train and test
# share no image; tests/test_data_sources.py measures these on the files themselves.
CONTENT = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
FILE_OF_SPLIT = {"train": "train", "test": "t10k"}


class FashionMnist(Source):
    """Ten kinds of clothing, with the published test split.

    Args:
        folder: Where to look first, and where a download goes. Then come the Debian package `dataset-fashion-mnist` and
            torchvision's layout in `folder`.
    """

    name = "fashion-mnist"
    classes = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
    total = 70_000

    def __init__(self, folder: Path):
        self.folder = folder

    def shape(self) -> tuple[int, int, int]:
        """One channel, 28 by 28."""
        return 1, 28, 28

    def examples(self) -> Iterator[Example]:
        """Yields train, then test, in the files' order; `row` counts through both (test begins at 60,000).

        Raises:
            UserError: A file is missing and cannot be downloaded, or is not the published one; names it.
        """
        files = find_files(self.folder) or download_files(self.folder)
        self.notes = (f"Fashion-MNIST is read from {next(iter(files.values())).parent}",)
        # All four are checked before the first image leaves: a wrong last file must not follow a long wait.
        content = {name: read_checked(files[name], checksum) for name, checksum in CONTENT.items()}
        row = 0
        for split, prefix in FILE_OF_SPLIT.items():
            images = np.frombuffer(content[f"{prefix}-images-idx3-ubyte"], np.uint8, offset=16).reshape(-1, 28, 28)
            labels = np.frombuffer(content[f"{prefix}-labels-idx1-ubyte"], np.uint8, offset=8)
            for image, label in zip(images, labels.tolist(), strict=True):
                yield Example(image, self.classes[label], row=row, source_split=split)
                row += 1


def find_files(folder: Path) -> dict[str, Path] | None:
    """The four files by name, from the first place that has any of them; None where no place has.

    Raises:
        UserError: A place has some of the four, not all.
    """
    for place in (folder, DEBIAN_FOLDER, folder / TORCHVISION_FOLDER):
        found = {
            name: path for name in CONTENT for path in (place / name, place / f"{name}.gz") if path.is_file()
        }  # the compressed original wins where both lie there
        if found:
            missing = [f"{name}.gz" for name in CONTENT if name not in found]
            if missing:
                raise UserError(f"{place}: Fashion-MNIST's {', '.join(missing)} not there; it has four files")
            return found
    return None


def download_files(folder: Path) -> dict[str, Path]:
    """Let torchvision download the files into `folder`.

    Raises:
        UserError: The download failed; says how to get the files by hand.
    """
    try:
        from torchvision.datasets import FashionMNIST

        FashionMNIST(str(folder), train=True, download=True)
    except (OSError, RuntimeError, ImportError) as error:
        raise UserError(
            f"Fashion-MNIST is neither in {folder} nor in {DEBIAN_FOLDER}, and its download failed ({error}); put the "
            f"four files ({', '.join(f'{name}.gz' for name in CONTENT)}) into {folder}, or, on Debian, "
            "`apt install dataset-fashion-mnist`"
        ) from None
    found = find_files(folder)
    if found is None:
        raise UserError(f"{folder / TORCHVISION_FOLDER}: torchvision reported a download, but no file is there")
    return found


def read_checked(path: Path, checksum: str) -> bytes:
    """A file's decompressed content.

    Raises:
        UserError: It cannot be decompressed or is not the published content.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: cannot be decompressed ({error}); fetch the file again") from None
    if hashlib.sha256(content).hexdigest() != checksum:
        raise UserError(
            f"{path}: not Fashion-MNIST's file ({len(content):,} bytes whose SHA-256 does not begin with "
            f"{checksum[:12]}); MNIST's files carry the same names; fetch the original again"
        )
    return content
