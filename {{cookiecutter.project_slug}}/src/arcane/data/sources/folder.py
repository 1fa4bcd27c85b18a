"""A person's own images: a folder with one sub-folder a class."""

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import UserError
from ..images import SUFFIXES
from .base import place_inside
from .image_files import ImageFiles, Scan, scan, some

if TYPE_CHECKING:
    import polars as pl

SPLIT_NAMES = frozenset({"train", "test", "val", "valid", "validation"})


class Folder(ImageFiles):
    """Images under `root/path`, one sub-folder a class; files of deeper folders belong to the class above them.

    Hidden files and files that are no images by their ending are passed over (the latter said in `notes`).

    Args:
        root: The project's root.
        path: The folder, inside the project.

    Raises:
        UserError: The folder is missing or outside the project, a class is empty, there are fewer than two, or a link
            leads out of the project.
    """

    def __init__(self, root: Path, path: str):
        self.root = root.resolve()
        self.folder = images_folder(self.root, path)
        self._files, passed_over = self._list()
        self.classes = tuple(sorted(self._files["label"].unique()))
        self.total = len(self._files)
        if passed_over:
            self.notes = (
                f"{len(passed_over)} files are no images by their ending, such as {passed_over[0]}; passed over",
            )

    @property
    def files(self) -> "pl.DataFrame":
        return self._files

    def _list(self) -> "tuple[pl.DataFrame, list[str]]":
        names = class_folders(self.folder)
        if {"train", "test"} <= {name.lower() for name in names} <= SPLIT_NAMES:
            raise UserError(
                f"{self.folder}: the sub-folders {', '.join(names)} are splits, not classes; put the classes' "
                "folders straight into it (the split stage makes the splits)"
            )
        found, labels, empty = Scan(), [], []
        for entry in sorted(self.folder.iterdir()):
            if entry.name not in names and entry.is_file() and not entry.name.startswith("."):
                found.passed_over.append(entry.relative_to(self.root).as_posix())
        for name in names:
            before = len(found.paths)
            if (self.folder / name).is_symlink():
                found.leading_out.append((self.folder / name).relative_to(self.root).as_posix())
            else:
                scan(self.root, self.folder / name, found)
            labels += [name] * (len(found.paths) - before)
            if len(found.paths) == before:
                empty.append(name)
        found.refuse_links()
        if empty:
            raise UserError(
                f"{self.folder}: no image in the class folder {some(empty)} (endings read: "
                f"{', '.join(SUFFIXES)}); fill or remove it"
            )
        if len(names) < 2:
            raise UserError(
                f"{self.folder}: found {len(names)} class folder{'' if len(names) == 1 else 's'}"
                f"{f' ({names[0]})' if names else ''}, expected two or more, one sub-folder a class"
            )
        return found.frame(label=labels), sorted(found.passed_over)


def images_folder(root: Path, path: str) -> Path:
    """The folder of a person's own images.

    Raises:
        UserError: It lies outside the project, or is not there.
    """
    folder = place_inside(root, path)
    if not folder.is_dir():
        raise UserError(f"data.path: {folder} is not there; put the images there, one sub-folder a class")
    return folder


def class_folders(folder: Path) -> list[str]:
    """The names of the sub-folders, sorted; hidden ones are passed over."""
    return sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
