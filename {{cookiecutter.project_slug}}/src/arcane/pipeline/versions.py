"""Past states of the data: the manifest from git, the splits from DVC, without touching the working tree."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from ..data.difference import Version
from ..data.manifest import MANIFEST, read_manifest
from ..data.splits import SPLITS, read_splits
from ..errors import UserError

WORKING_TREE = "."


def data_version(root: Path, revision: str = WORKING_TREE) -> Version:
    """The data of a git revision, or of the working tree.

    Args:
        root: The project's root.
        revision: What `git rev-parse` understands; `.` for the working tree, saved or not.

    Returns:
        The version. Its splits are None where that revision has none, or DVC holds them neither in its cache nor in a
        remote; `missing` says which.

    Raises:
        UserError: There is no such revision, it has no manifest, or a file of it cannot be read.
    """
    if revision == WORKING_TREE:
        there = (root / SPLITS).exists()
        missing = "" if there else f"{SPLITS} is not in the working tree; `dvc repro split` makes it."
        return Version(
            "the working tree", read_manifest(root / MANIFEST), read_splits(root / SPLITS) if there else None, missing
        )
    if _git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise UserError(f"{revision}: no revision that git knows here; `git log --oneline` lists them")
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / f"manifest at {revision.replace('/', '-')}"
        content = _git(root, "show", f"{revision}:./{MANIFEST.as_posix()}")
        if content is None:
            raise UserError(f"{revision}: has no {MANIFEST}; ingest had not run then, or it was not committed")
        manifest.write_bytes(content)
        splits = Path(folder) / f"splits at {revision.replace('/', '-')}"
        missing = _fetch_splits(root, revision, splits)
        return Version(revision, read_manifest(manifest), None if missing else read_splits(splits), missing)


def _git(root: Path, *arguments: str) -> bytes | None:
    """What `git ARGUMENTS` prints, to the byte; None where it fails."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True)
    except FileNotFoundError:
        raise UserError("git is not installed; versions of the data lie in it") from None
    return done.stdout if done.returncode == 0 else None


def _fetch_splits(root: Path, revision: str, target: Path) -> str:
    """Write the splits of a revision to `target`; returns why that cannot be, or an empty text."""
    import dvc.api
    from dvc.exceptions import DvcException, PathMissingError

    path = SPLITS.as_posix()
    try:
        with dvc.api.open(path, repo=str(root), rev=revision, mode="rb") as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    except PathMissingError:
        if f"path: {path}".encode() not in (_git(root, "show", f"{revision}:./dvc.lock") or b""):
            return f"{revision} has no splits: the split stage had not run then."
        return (
            f"The splits of {revision} are not in DVC's cache here, so what moved is not known: `dvc fetch "
            f"--all-commits {path}` brings them where a remote has them; else check {revision} out and run "
            "`dvc repro split`."
        )
    except DvcException as error:
        return f"The splits of {revision} could not be read: {error}."
    return ""
