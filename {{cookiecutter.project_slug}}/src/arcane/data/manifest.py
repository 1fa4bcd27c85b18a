"""The manifest: one JSON line an example, sorted by content id, so that fixing a label is a one-line diff in git.

`read_manifest` gives a frame, for work on all rows at once; `read_records` gives records, a Python object each, and says
exactly what is wrong in which line.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..files import replacing

if TYPE_CHECKING:
    import polars as pl

MANIFEST = Path("data/manifest.jsonl")
ALWAYS = ("id", "label", "group", "time", "domain", "source")
COLUMNS = {
    "id": "String", "label": "String", "path": "String", "row": "Int64", "group": "String", "time": "String",
    "domain": "String", "source": "String", "source_split": "String", "duplicates": "List", "batch": "Int64",
    "near": "String",
}  # fmt: skip
IDENTIFIER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Record:
    """One example, as the manifest holds it.

    Attributes:
        id: 32 hexadecimal digits of the decoded content's hash; survives renames.
        label: The class, or a number where the source has a target; None where there is none (or where exact copies
            disagree).
        path: POSIX path relative to the project's root, where the example is a file.
        row: Its number in the source, where it is none.
        group: What it shares with others (a patient, a camera); a group stays in one split.
        time: When it was taken.
        domain: The distribution it came from.
        source: The source's name.
        source_split: "train" or "test", where the source brings its own.
        duplicates: Paths or rows of the exact copies that were merged into this one.
        batch: The ingest that brought it, counted from 0: new examples are packed after old ones, not among them.
        near: The id of the older example that it is a near-duplicate of; the two stay in one split.
        extra: Anything else; in the file these stand beside the other names.
    """

    id: str
    label: str | float | None
    path: str | None = None
    row: int | None = None
    group: str | None = None
    time: str | None = None
    domain: str | None = None
    source: str = ""
    source_split: str | None = None
    duplicates: tuple[str, ...] = ()
    batch: int = 0
    near: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """How a person finds it: its path or its row."""
        return self.path if self.path is not None else f"row {self.row}" if self.row is not None else self.id


NAMES = frozenset(each.name for each in fields(Record)) - {"extra"}


def manifest_line(record: Record) -> str:
    """The record as one line of JSON without a line end; what is absent is left out, save the names in `ALWAYS`."""
    content = {name: getattr(record, name) for name in sorted(NAMES)}
    shown = {
        name: value
        for name, value in content.items()
        if name in ALWAYS or value not in (None, (), 0) or (name == "row" and value == 0)
    }
    both = NAMES & record.extra.keys() or {"extra"} & record.extra.keys()
    if both:
        raise ValueError(f"extra may not carry the record's own names: {', '.join(sorted(both))}")
    shown.update(record.extra)
    return json.dumps(shown, sort_keys=True, ensure_ascii=False, allow_nan=False)


def write_manifest(path: Path, records: Iterable[Record]) -> None:
    """Write the manifest, whole or not at all, sorted by id."""
    with replacing(path) as file:
        file.writelines(manifest_line(record) + "\n" for record in sorted(records, key=lambda record: record.id))


def read_manifest(path: Path, infer: int | None = 100_000) -> "pl.DataFrame":
    """Read the manifest as a frame, in the order of its lines.

    The columns of `COLUMNS` are always there; `label` is a String, or Float64 where the manifest's labels are numbers.
    Other names in the file are further columns.

    Args:
        path: The file.
        infer: Lines in which further names are looked for, as the search costs thrice the reading; None for all.

    Raises:
        UserError: As `read_records`.
    """
    import polars as pl
    from polars.exceptions import PolarsError

    path = Path(path)
    try:
        found = pl.scan_ndjson(path, infer_schema_length=infer).collect_schema() if path.stat().st_size else {}
        numbers = found.get("label") in (pl.Float64, pl.Int64)
        known = {name: getattr(pl, kind) for name, kind in COLUMNS.items()}
        known |= {"duplicates": pl.List(pl.String), "label": pl.Float64 if numbers else pl.String}
        schema = known | {name: kind for name, kind in found.items() if name not in known}
        frame = pl.read_ndjson(path, schema=schema) if found else pl.DataFrame(schema=schema)
        clean = not frame["id"].null_count() and not frame["id"].is_duplicated().any()
    except (PolarsError, OSError):
        clean = False
    if not clean:
        read_records(path)  # names the line
        raise UserError(f"{path}: not a manifest that polars reads, though each line is; run ingest again")
    return frame.with_columns(pl.col("batch").fill_null(0), pl.col("source").fill_null(""))


def read_records(path: Path) -> list[Record]:
    """Read the manifest as records, in the order of its lines.

    Raises:
        UserError: The file is missing, a line is not JSON or holds a wrong value, or an id stands twice; with the line.
    """
    records: list[Record] = []
    lines: dict[str, int] = {}
    for number, content in json_lines(path):
        try:
            record = _record(content)
        except ValueError as error:
            raise UserError(f"{path}, line {number}: {error}") from None
        if record.id in lines:
            raise UserError(
                f"{path}, line {number}: id {record.id} stands in line {lines[record.id]} already; keep one of the two"
            )
        lines[record.id] = number
        records.append(record)
    return records


def json_lines(path: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of a JSON Lines file; blank lines are passed over.

    Raises:
        UserError: The file is missing, or a line is not a JSON object in UTF-8; with the line's number.
    """
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"{path}: not there; the stage that writes it has not run (`dvc repro` runs what is missing)"
        ) from None
    # Only \n ends a line: JSON text may hold U+2028 and others that str.splitlines would cut at.
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except UnicodeDecodeError:
            raise UserError(f"{path}, line {number}: not UTF-8; save the file in UTF-8") from None
        except json.JSONDecodeError as error:
            conflict = line.startswith((b"<<<<<<<", b"=======", b">>>>>>>"))
            hint = "a merge conflict is left here" if conflict else f"{error.msg} at column {error.colno}"
            raise UserError(f"{path}, line {number}: not JSON ({hint}); expected one object a line") from None
        if not isinstance(content, dict):
            raise UserError(f"{path}, line {number}: expected an object in braces, found {type(content).__name__}")
        yield number, content


def _record(content: dict[str, Any]) -> Record:
    identifier = content.get("id")
    if not isinstance(identifier, str) or not IDENTIFIER.fullmatch(identifier):
        raise ValueError(f"`id` is {identifier!r}; expected 32 hexadecimal digits, as ingest writes them")
    label = content.get("label")
    number = isinstance(label, int | float) and not isinstance(label, bool)
    for name in ("label", "path", "group", "time", "domain", "source_split", "near"):
        value = None if name == "label" and number else content.get(name)
        if value is not None and not isinstance(value, str):
            raise ValueError(f'`{name}` is {value!r}; expected a text in quotes, such as "{value}", or null')
        if value is not None and not is_text(value):
            raise ValueError(f"`{name}` is {value!r}; it cannot be written in UTF-8")
    for name in ("row", "batch"):
        whole = content.get(name)
        if whole is not None and (not isinstance(whole, int) or isinstance(whole, bool) or whole < 0):
            raise ValueError(f"`{name}` is {whole!r}; expected a whole number, 0 or more")
    source = content.get("source", "")
    if not isinstance(source, str):
        raise ValueError(f"`source` is {source!r}; expected a text")
    if content.get("source_split") not in (None, "train", "test"):
        raise ValueError(f'`source_split` is {content["source_split"]!r}; expected "train", "test" or null')
    duplicates = content.get("duplicates", [])
    if not isinstance(duplicates, list) or not all(isinstance(each, str) for each in duplicates):
        raise ValueError("`duplicates` is not a list of texts")
    path = content.get("path")
    if path is not None and leaves_project(path):
        raise ValueError(
            f"`path` {path!r} leads out of the project; expected a path relative to its root, without `..`"
        )
    return Record(
        id=identifier,
        label=label,
        path=path,
        row=content.get("row"),
        group=content.get("group"),
        time=content.get("time"),
        domain=content.get("domain"),
        source=source,
        source_split=content.get("source_split"),
        duplicates=tuple(duplicates),
        batch=content.get("batch") or 0,
        near=content.get("near"),
        extra={name: value for name, value in content.items() if name not in NAMES},
    )


def is_text(value: str) -> bool:
    """Whether a text can be written in UTF-8; lone surrogates, such as odd bytes in a file's name become, cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def leaves_project(path: str) -> bool:
    """Whether a manifest path is absolute or climbs with `..`."""
    pure = PurePosixPath(path)
    return pure.is_absolute() or ".." in pure.parts
