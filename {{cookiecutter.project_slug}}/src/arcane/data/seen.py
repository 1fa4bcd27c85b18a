"""What ingest remembers of the files it read, so that it need not read them again: `.arcane/ingest/`.

Only ever saves time: when it is gone, damaged or of another machine, every file is read and the outcome is the same.
"""

import hashlib
import io
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..files import read_json, write_json

if TYPE_CHECKING:
    import polars as pl

FOLDER = Path(".arcane/ingest")
# The change time too: it tells of two files of one size and age that changed places.
STATE = {"path": "String", "size": "Int64", "mtime_ns": "Int64", "ctime_ns": "Int64"}
CONTENT = {"id": "String", "height": "Int32", "width": "Int32", "grey": "Boolean"}
# A file that changed so shortly before it was read may change again without a new time (git's index calls that racy):
# file systems count in steps of up to 2 s (FAT).
STEP_NS = 2_000_000_000
# Goes up when what is remembered changes its form or its meaning.
FORMAT = 1


def decoder() -> str:
    """What decoded the files: with another Pillow a JPEG may come out as other pixels, and so with another id."""
    import PIL

    return f"Pillow {PIL.__version__}"


def read_seen(root: Path) -> "pl.DataFrame":
    """The files that were read: the columns of `STATE` and `CONTENT`; empty where nothing sound is remembered."""
    import polars as pl

    found = _load(root / FOLDER / "files.arrow", decoder())
    if found is not None:
        return found
    return pl.DataFrame(schema={name: getattr(pl, kind) for name, kind in (STATE | CONTENT).items()})


def remember(root: Path, files: "pl.DataFrame", listed_ns: int) -> None:
    """Remember files and what was in them; a disk that refuses is no reason to fail.

    Args:
        root: The project's root.
        files: The columns of `STATE` and `CONTENT`; `mtime_ns` and `ctime_ns` as they were before the file was read.
        listed_ns: When the files were listed, by the file system's clock.
    """
    import polars as pl

    settled = files.filter(pl.max_horizontal("mtime_ns", "ctime_ns") < listed_ns - STEP_NS)
    _keep(root / FOLDER / "files.arrow", settled.select(*STATE, *CONTENT), decoder())


def read_known(root: Path, manifest: Path) -> "pl.DataFrame | None":
    """The rows of a manifest whose bytes ingest wrote itself, in an eighth of the time that parsing takes."""
    return _load(root / FOLDER / "manifest.arrow", digest_of(manifest))


def remember_manifest(root: Path, manifest: Path, rows: "pl.DataFrame") -> None:
    """Remember the rows of the manifest that was just written."""
    _keep(root / FOLDER / "manifest.arrow", rows, digest_of(manifest))


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _load(path: Path, valid_for: str) -> "pl.DataFrame | None":
    """A frame that was kept, if it is whole and still valid."""
    import polars as pl

    try:
        head, _, body = path.read_bytes().partition(b"\n")
        return pl.read_ipc(io.BytesIO(body), memory_map=False) if head == _head(body, valid_for) else None
    except (OSError, pl.exceptions.PolarsError):
        return None


def _keep(path: Path, frame: "pl.DataFrame", valid_for: str) -> None:
    body = io.BytesIO()
    frame.write_ipc(body, compression="lz4")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # No `replacing`: what is half-written is found out by its checksum, and fsync would cost more than it saves.
        path.write_bytes(_head(body.getvalue(), valid_for) + b"\n" + body.getvalue())
    except OSError:
        path.unlink(missing_ok=True)


def _head(body: bytes, valid_for: str) -> bytes:
    return f"{FORMAT} {zlib.crc32(body):08x} {valid_for}".encode()


def remember_written(root: Path, files: Iterable[Path]) -> None:
    """Remember the state of files that ingest wrote itself; nothing else ever writes into them."""
    with suppress(OSError, UserError):
        write_json(root / FOLDER / "written.json", {path.name: state_of(path) for path in files})


def read_written(root: Path) -> dict[str, list[int]]:
    """State by name of the files that ingest wrote; empty where nothing sound is remembered."""
    with suppress(OSError, UserError, ValueError):
        written = read_json(root / FOLDER / "written.json")
        return written if isinstance(written, dict) else {}
    return {}


def state_of(path: Path) -> list[int]:
    """What changes when a file is replaced or written into; moving and linking it change nothing."""
    state = path.stat()
    return [state.st_ino, state.st_size, state.st_mtime_ns]
