"""CIFAR-10 (Krizhevsky, 2009): 50,000 + 10,000 colour images of 32 by 32, in the published Python files."""

import hashlib
import io
import pickle
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from .base import Example, Source

FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
FILE_OF_SPLIT = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}
FILES = (*FILE_OF_SPLIT["train"], *FILE_OF_SPLIT["test"], "batches.meta")
# Of the files inside, as torchvision checks them too.
MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
# All that a pickled array of bytes names; the files are of Python 2 and of a numpy that had `numpy.core`.
ADMITTED = {("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}


class Cifar10(Source):
    """Ten kinds of things and animals, with the published test split.

    Args:
        folder: Holds `cifar-10-batches-py`, the archive `cifar-10-python.tar.gz`, or the batches themselves; else the
            archive is downloaded into it.
    """

    name = "cifar10"
    classes = CLASSES
    total = 60_000

    def __init__(self, folder: Path):
        self.folder = folder

    def shape(self) -> tuple[int, int, int]:
        """Three channels, 32 by 32."""
        return 3, 32, 32

    def examples(self) -> Iterator[Example]:
        """Yields train, then test, in the files' order; `row` counts through both (test begins at 50,000).

        Each of the files (30 MB) is read when its turn comes.

        Raises:
            UserError: A file is missing and cannot be downloaded, or does not hold what it must; names it.
        """
        files = find_files(self.folder) or download_files(self.folder)
        self.notes = (f"CIFAR-10 is read from {files.where}",)
        names = names_of_classes(files)
        row = 0
        for split, batches in FILE_OF_SPLIT.items():
            for name in batches:
                images, labels = images_of_batch(files, name)
                for image, label in zip(images, labels, strict=True):
                    yield Example(image, names[label], row=row, source_split=split)
                    row += 1


class Files:
    """The published files, in a folder or an archive; `read(name)` gives a file's bytes."""

    def __init__(self, where: Path):
        self.where = where
        self.contents: dict[str, bytes] = {}
        if where.is_file():
            self._read_archive()
        missing = [name for name in FILES if name not in self.contents and not (where / name).is_file()]
        if missing:
            raise UserError(f"{where}: CIFAR-10's {', '.join(missing)} not there; it has {len(FILES)} files")

    def _read_archive(self) -> None:
        try:
            with tarfile.open(self.where, "r:gz") as archive:
                for member in archive:
                    if member.isfile() and Path(member.name).name in FILES:
                        file = archive.extractfile(member)
                        self.contents[Path(member.name).name] = file.read() if file else b""
        except (tarfile.TarError, OSError, EOFError) as error:
            raise UserError(f"{self.where}: cannot be unpacked ({error}); fetch the archive again") from None

    def read(self, name: str) -> bytes:
        """A file's bytes.

        Raises:
            UserError: It is not the published file.
        """
        content = self.contents[name] if name in self.contents else (self.where / name).read_bytes()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != MD5[name]:
            raise UserError(
                f"{self.where}, {name}: not CIFAR-10's file ({len(content):,} bytes whose MD5 does not begin with "
                f"{MD5[name][:12]}); fetch the original again"
            )
        return content


def find_files(folder: Path) -> Files | None:
    """The files, from the first place that has any; None where no place has.

    Raises:
        UserError: A place has some of the files, not all, or the archive cannot be unpacked.
    """
    for place in (folder / FOLDER, folder):
        if any((place / name).is_file() for name in FILES):
            return Files(place)
    return Files(folder / ARCHIVE) if (folder / ARCHIVE).is_file() else None


def download_files(folder: Path) -> Files:
    """Let torchvision download the archive into `folder` and unpack it.

    Raises:
        UserError: The download failed or has another MD5 than the published one; says how to get the files by hand.
    """
    try:
        from torchvision.datasets import CIFAR10

        CIFAR10(str(folder), train=True, download=True)
    except (OSError, RuntimeError, ImportError) as error:
        raise UserError(
            f"CIFAR-10 is not in {folder}, and its download failed ({error}); put the archive {ARCHIVE} "
            f"(https://www.cs.toronto.edu/~kriz/cifar.html, MD5 {ARCHIVE_MD5}) or its folder {FOLDER} into {folder}"
        ) from None
    found = find_files(folder)
    if found is None:
        raise UserError(f"{folder}: torchvision reported a download, but no file is there")
    return found


def images_of_batch(files: Files, name: str) -> tuple[np.ndarray, list[int]]:
    """One file's images, uint8 `[n, 32, 32, 3]`, and their labels.

    Raises:
        UserError: The file does not hold these.
    """
    content = read_pickle(files.read(name), f"{files.where}, {name}")
    data: Any = content.get("data")
    labels: Any = content.get("labels")
    sound = (
        isinstance(data, np.ndarray)
        and data.dtype == np.uint8
        and data.ndim == 2
        and data.shape[1] == 3072
        and isinstance(labels, list)
        and len(labels) == len(data)
        and all(isinstance(label, int) and 0 <= label < 10 for label in labels)
    )
    if not sound:
        raise UserError(
            f"{files.where}, {name}: expected `data`, bytes of n by 3,072, and `labels`, n numbers from 0 to 9 (is "
            "this CIFAR-100?); fetch CIFAR-10's files again"
        )
    return np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels


def names_of_classes(files: Files) -> tuple[str, ...]:
    """The classes' names, as `batches.meta` orders them.

    Raises:
        UserError: They are not CIFAR-10's.
    """
    content = read_pickle(files.read("batches.meta"), f"{files.where}, batches.meta")
    names = content.get("label_names")
    texts = tuple(name.decode("latin-1") if isinstance(name, bytes) else name for name in names or ())
    if texts != CLASSES:
        raise UserError(f"{files.where}, batches.meta: `label_names` is {texts}, expected {CLASSES}")
    return texts


class Admitting(pickle.Unpickler):
    """Reads a pickle without running what it names: anything but arrays, bytes, lists, dictionaries is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which the published files do not")
        return {"_reconstruct": _reconstruct, "ndarray": np.ndarray, "dtype": np.dtype}[name]


def _reconstruct(kind: type, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return np.ndarray.__new__(kind, shape, dtype)


def read_pickle(raw: bytes, where: str) -> dict[str, Any]:
    """A published file's dictionary, its keys as texts.

    Raises:
        UserError: The bytes are no such pickle, or name anything that the published files do not need.
    """
    try:
        content = Admitting(io.BytesIO(raw), encoding="bytes").load()
    except Exception as error:  # a broken pickle may raise anything
        raise UserError(f"{where}: not one of CIFAR-10's files ({error}); fetch it again") from None
    if not isinstance(content, dict):
        raise UserError(f"{where}: expected a dictionary, found {type(content).__name__}; fetch the file again")
    return {key.decode("latin-1") if isinstance(key, bytes) else str(key): value for key, value in content.items()}
