"""The manifest: one JSON line an example, sorted by content id, so that fixing a label is a one-line diff in git.

`read_manifest` gives a frame, for work on all rows at once; `read_records` gives records, a Python object each, and
says exactly what is wrong in which line. `read_exactly` is for whoever writes the manifest again: nothing is lost.
"""

import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..files import replacing
from .lines import ROWS_AT_ONCE, blocks, dumped, json_text

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
    return dumped(shown)


def manifest_lines(frame: "pl.DataFrame") -> "pl.Series":
    """What `manifest_line` gives, for every row of a frame.

    Args:
        frame: Any of `COLUMNS`, `id` at least; one that is missing is absent in every row. `extra`, where it is there,
            holds the further names as the text of a JSON object, or null.
    """
    import polars as pl

    # What is the same in all rows is one text: each further piece costs as much as a column.
    pieces: list[Any] = []
    constant = "{"
    for name in sorted(NAMES):
        values = frame[name] if name in frame.columns else None
        # `domain` is always there and only `batch` comes before it, so these two settle who brings the comma.
        key = {"batch": '"batch": ', "domain": '"domain": '}.get(name, f', "{name}": ')
        if values is None or values.null_count() == len(frame):
            constant += key + "null" if name in ALWAYS else ""
        elif name in ALWAYS:
            pieces += [pl.lit(constant + key), pl.lit(json_text(values)).fill_null("null")]
            constant = ""
        else:
            shown = {"batch": pl.col("batch") != 0, "duplicates": pl.col("duplicates").list.len() > 0}
            text = pl.lit(key) + pl.lit(json_text(values)) + pl.lit(", " if name == "batch" else "")
            pieces += [pl.lit(constant), pl.when(shown[name]).then(text) if name in shown else text]
            constant = ""
    lines = frame.select(pl.concat_str(*pieces, pl.lit(constant + "}"), ignore_nulls=True).alias("line"))["line"]
    if "extra" not in frame.columns:
        return lines
    rows = frame["extra"].is_not_null().arg_true()
    pairs = zip(lines.gather(rows), frame["extra"].gather(rows), strict=True)
    return lines.scatter(rows, [dumped(json.loads(line) | json.loads(extra)) for line, extra in pairs])


def write_manifest(path: Path, records: "Iterable[Record] | pl.DataFrame") -> None:
    """Write the manifest, whole or not at all, sorted by id; a frame as `manifest_lines` takes it."""
    import polars as pl

    with replacing(path) as file:
        if isinstance(records, pl.DataFrame):
            file.writelines(blocks(records.sort("id"), manifest_lines))
        else:
            file.writelines(manifest_line(record) + "\n" for record in sorted(records, key=lambda record: record.id))


def frame_of(records: Sequence[Record], numbers: bool) -> "pl.DataFrame":
    """Records as a frame, in the form that `manifest_lines` takes.

    Args:
        records: Their labels are texts or numbers, not both.
        numbers: Whether they are numbers.

    Raises:
        UserError: A label is a text where numbers are expected.
    """
    import polars as pl

    columns: dict[str, Any] = {name: [getattr(record, name) for record in records] for name in COLUMNS}
    columns["label"] = [_label(record, numbers) for record in records]
    columns["duplicates"] = [list(record.duplicates) for record in records]
    columns["extra"] = [dumped(record.extra) if record.extra else None for record in records]
    return pl.DataFrame(columns, schema=_schema(numbers) | {"extra": pl.String})


def _label(record: Record, numbers: bool) -> str | float | None:
    if isinstance(record.label, str) and numbers:
        raise UserError(
            f"{MANIFEST}: {record.id} ({record.where}) has the label {record.label!r}; expected a number or null, as "
            "the labels are estimated (if they are classes now, delete the manifest and run ingest again)"
        )
    return record.label if numbers or record.label is None else str(record.label)


def _schema(numbers: bool) -> dict[str, Any]:
    import polars as pl

    known = {name: getattr(pl, kind) for name, kind in COLUMNS.items()}
    return known | {"duplicates": pl.List(pl.String), "label": pl.Float64 if numbers else pl.String}


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
        known = _schema(found.get("label") in (pl.Float64, pl.Int64))
        schema = known | {name: kind for name, kind in found.items() if name not in known}
        frame = pl.read_ndjson(path, schema=schema) if found else pl.DataFrame(schema=schema)
        if _is_clean(frame):
            return frame.with_columns(pl.col("batch").fill_null(0), pl.col("source").fill_null(""))
    except (PolarsError, OSError):
        pass
    read_records(path)  # names the line
    raise UserError(f"{path}: not a manifest that polars reads, though each line is; run ingest again")


def read_exactly(path: Path, numbers: bool) -> "pl.DataFrame":
    """Read the manifest so that `manifest_lines` gives it back: `COLUMNS`, and in `extra` all further names.

    Args:
        path: The file.
        numbers: Whether its labels are numbers.

    Returns:
        The rows, sorted by id.

    Raises:
        UserError: As `read_records`; or a label is a text where numbers are expected.
    """
    import polars as pl
    from polars.exceptions import PolarsError

    path, schema = Path(path), _schema(numbers)
    raw = path.read_bytes() if path.is_file() else b""
    try:
        frame = pl.read_ndjson(io.BytesIO(raw), schema=schema).with_columns(pl.col("source").fill_null(""))
        # A control character never stands in a line of JSON, so this separator leaves every line whole.
        table = pl.read_csv(
            io.BytesIO(raw), has_header=False, separator="\x01", quote_char=None, schema={"line": pl.String}
        )
        frame = pl.concat([frame, table.drop_nulls()], how="horizontal", strict=True)
        if not _is_clean(frame):
            raise PolarsError
    except PolarsError:  # torn, empty, or what an editor left: slower, and it names the line
        return frame_of(read_records(path), numbers).sort("id")
    # What does not come back in the same bytes has further names, or was written by a person: few rows, as a rule.
    changed = [part["line"] != manifest_lines(part.drop("line")) for part in frame.iter_slices(ROWS_AT_ONCE)]
    frame = frame.with_columns(changed=pl.concat(changed))
    odd = frame.filter("changed")
    same = frame.filter(~pl.col("changed")).select(*schema, extra=pl.lit(None, pl.String))
    if odd.is_empty():
        return same.sort("id")
    try:
        records = [_record(json.loads(line)) for line in odd["line"]]
    except ValueError:
        records = read_records(path)
        same = same.clear()
    return pl.concat([same, frame_of(records, numbers)]).sort("id")


def _is_clean(frame: "pl.DataFrame") -> bool:
    """Whether the rows hold what `_record` asks for, as far as polars does not ask for it already."""
    import polars as pl

    ids, paths = frame["id"], frame["path"]
    if ids.null_count() or not ids.str.contains(rf"^{IDENTIFIER.pattern}$").all() or not distinct(ids):
        return False
    if paths.str.starts_with("/").any() or paths.str.contains(r"(^|/)\.\.(/|$)").any():
        return False
    numbers = pl.concat([frame["row"], frame["batch"]])
    return frame["source_split"].is_in(["train", "test"]).all() and (numbers >= 0).all()


def distinct(ids: "pl.Series") -> bool:
    """Whether no id stands twice. Ids that ascend, as they are written, cannot; a search for doubles costs 60 times as
    much, of 10 million 8 s."""
    return bool((ids > ids.shift(1))[1:].all()) or not ids.is_duplicated().any()


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
