"""A person's own images: a folder with one sub-folder a class."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np

from ...errors import UserError
from ..images import SUFFIXES, image_header, read_image
from ..manifest import is_text
from .base import Example, Source

SMALLEST, LARGEST = 32, 128
SPLIT_NAMES = frozenset({"train", "test", "val", "valid", "validation"})
# Eight decoded photographs of 12 megapixels are 290 MB: more at once buys no speed on a few cores.
AT_ONCE = 8
SHOWN = 20


class Folder(Source):
    """Images under `root/path`, one sub-folder a class; files of deeper folders belong to the class above them.

    Hidden files and files that are no images by their ending are passed over (the latter said in `notes`).

    Args:
        root: The project's root.
        path: The folder, inside the project.

    Raises:
        UserError: The folder is missing or outside the project, a class is empty, there are fewer than two, or a link
            leads out of the project.
    """

    name = "own"

    def __init__(self, root: Path, path: str):
        self.root = root.resolve()
        self.folder = self.root / path
        self._check_folder(path)
        self.files, passed_over = self._list()
        self.classes = tuple(self.files)
        self.total = sum(map(len, self.files.values()))
        if passed_over:
            self.notes = (
                f"{len(passed_over)} files are no images by their ending, such as {passed_over[0]}; passed over",
            )

    def _check_folder(self, path: str) -> None:
        if not self.folder.resolve().is_relative_to(self.root):
            raise UserError(
                f"data.path: {path} lies outside the project; copy the images into {self.root / 'data/raw'} (paths in "
                "the manifest must hold on every machine that clones the project)"
            )
        if not self.folder.is_dir():
            raise UserError(f"data.path: {self.folder} is not there; put the images there, one sub-folder a class")

    def _list(self) -> tuple[dict[str, list[Path]], list[str]]:
        folders = sorted(each for each in self.folder.iterdir() if each.is_dir() and not each.name.startswith("."))
        names = {each.name.lower() for each in folders}
        if {"train", "test"} <= names <= SPLIT_NAMES:
            raise UserError(
                f"{self.folder}: the sub-folders {', '.join(sorted(names))} are splits, not classes; put the classes' "
                "folders straight into it (the split stage makes the splits)"
            )
        files: dict[str, list[Path]] = {}
        passed_over = [self._shown(each) for each in self.folder.iterdir() if each.is_file() and each.name[0] != "."]
        leading_out: list[str] = []
        for folder in folders:
            inside = sorted((folder, *folder.rglob("*"))) if not folder.is_symlink() else [folder]
            inside = [each for each in inside if not self._hidden(each)]
            leading_out += [self._shown(each) for each in inside if self._leads_out(each)]
            regular = [each for each in inside if each.is_file()]
            files[folder.name] = [each for each in regular if each.suffix.lower() in SUFFIXES]
            passed_over += [self._shown(each) for each in regular if each.suffix.lower() not in SUFFIXES]
        if leading_out:
            raise UserError(
                f"links to folders, to nothing, or out of the project ({len(leading_out)}): {_some(leading_out)}; "
                "replace them by copies"
            )
        odd = [repr(self._shown(each)) for images in files.values() for each in images if not is_text(str(each))]
        if odd:
            raise UserError(f"file names that are not UTF-8: {_some(odd)}; rename them")
        empty = [name for name, images in files.items() if not images]
        if empty:
            raise UserError(
                f"{self.folder}: no image in the class folder {_some(empty)} (endings read: "
                f"{', '.join(SUFFIXES)}); fill or remove it"
            )
        if len(files) < 2:
            raise UserError(
                f"{self.folder}: found {len(files)} class folder{'' if len(files) == 1 else 's'}"
                f"{f' ({next(iter(files))})' if files else ''}, expected two or more, one sub-folder a class"
            )
        return files, passed_over

    def _hidden(self, path: Path) -> bool:
        return any(part.startswith(".") for part in path.relative_to(self.folder).parts)

    def _leads_out(self, path: Path) -> bool:
        if not path.is_symlink():
            return False
        # A link to a folder could close a circle, and its files would be counted twice.
        return path.is_dir() or not path.exists() or not path.resolve().is_relative_to(self.root)

    def _shown(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    @cached_property
    def _headers(self) -> list[tuple[int, int, bool]]:
        headers = []
        for path in (path for paths in self.files.values() for path in paths):
            try:
                headers.append(image_header(path))
            except UserError:
                continue  # `examples` meets it again, and names all of them at once
        return headers

    def shape(self) -> tuple[int, int, int]:
        """The size that all share, else a square of the median short side, kept within 32 and 128.

        One channel where every file is grey, else three.
        """
        if not self._headers:
            raise UserError(f"{self.folder}: none of the {self.total} files can be read as an image")
        channels = 1 if all(grey for _, _, grey in self._headers) else 3
        sizes = Counter((height, width) for height, width, _ in self._headers)
        if len(sizes) == 1:
            return channels, *next(iter(sizes))
        side = int(np.clip(np.median([min(size) for size in sizes.elements()]), SMALLEST, LARGEST))
        low, high = min(map(min, sizes)), max(map(max, sizes))
        note = (
            f"images come in {len(sizes)} sizes (sides {low} to {high}); all are scaled to {side} by {side}, "
            "the middle kept; set data.resolution for another size"
        )
        if note not in self.notes:
            self.notes = (*self.notes, note)
        return channels, side, side

    def examples(self) -> Iterator[Example]:
        """Yields the images, class by class, sorted by path.

        Raises:
            UserError: Files are empty, truncated or no images: all of them are named.
        """
        pairs = [(path, label) for label, paths in self.files.items() for path in paths]
        unreadable: list[str] = []
        with ThreadPoolExecutor(max_workers=4) as pool:
            for start in range(0, len(pairs), AT_ONCE):
                part = pairs[start : start + AT_ONCE]
                for (path, label), image in zip(
                    part, pool.map(_image_or_error, (path for path, _ in part)), strict=True
                ):
                    if isinstance(image, UserError):
                        unreadable.append(str(image).replace(str(path), self._shown(path), 1))
                    else:
                        yield Example(image, label, path=self._shown(path))
        if unreadable:
            raise UserError(
                f"{len(unreadable)} of {len(pairs)} image files cannot be read; replace or remove them:\n  "
                + "\n  ".join(unreadable)
            )


def _image_or_error(path: Path) -> np.ndarray | UserError:
    try:
        return read_image(path)
    except UserError as error:
        return error


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
