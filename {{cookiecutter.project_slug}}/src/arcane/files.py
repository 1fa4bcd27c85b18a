"""Reading and writing the project's small files: whole or not at all, and the same bytes for the same content."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .errors import UserError


@contextmanager
def replacing(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that takes the place of `path` only when it was written whole.

    A failure in the middle (full disk, kill) leaves the old file as it was.

    Args:
        path: The file to replace or create; its folder is made.
        mode: `w` for text (UTF-8, `\\n`), `wb` for bytes.

    Raises:
        UserError: The disk refused the write; the old file is whole.
    """
    path = Path(path)
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "\n")
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(descriptor, mode, encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if error.filename not in (None, temporary, str(path)) or error.errno is None:
            raise
        raise UserError(
            f"{path}: could not be written ({error.strerror}); the file that was there is untouched"
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON with sorted keys, two spaces and a final newline; NaN and infinity are refused."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with replacing(path) as file:
        file.write(text + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        UserError: The file is missing or is not JSON; the message names the line.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{path}: not there; the stage that writes it has not run (`dvc repro` runs what is missing)"
        ) from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}, line {error.lineno}: not JSON ({error.msg}); delete the file and run the pipeline again"
        ) from None


def digest(*parts: str | bytes | Path) -> str:
    """SHA-256 over `parts` in hexadecimal; a Path stands for its file's content. Lengths keep the parts apart."""
    total = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


def folder_digest(folder: Path, names: Iterable[str] | None = None) -> str:
    """SHA-256 over the files of `folder` (relative names and contents, sorted)."""
    paths = sorted(folder / name for name in names) if names else sorted(p for p in folder.rglob("*") if p.is_file())
    return digest(*(part for path in paths for part in (path.relative_to(folder).as_posix(), path)))
