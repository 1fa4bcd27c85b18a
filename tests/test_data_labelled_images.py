"""Images with a table of labels: every row finds its file or is named, and nothing of the table is lost."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from arcane.config import Data
from arcane.data.ingest import ingest
from arcane.data.manifest import MANIFEST, Record, read_records
from arcane.data.sources import named_source
from arcane.data.sources.folder import Folder
from arcane.errors import UserError

OWN = Data(source="own")


def project(root: Path, table: str | bytes, *names: str, name: str = "labels.csv") -> Path:
    """A project whose `data/raw` holds images of these names, each of its own, and a table."""
    folder = root / "data/raw"
    for number, image in enumerate(names):
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4) + np.uint8(number)).save(folder / image)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(table if isinstance(table, bytes) else table.encode())
    return root


def ingested(root: Path, data: Data = OWN) -> dict[str, Record]:
    """Records by the name of their file."""
    ingest(named_source(data, root), root, data)
    return {Path(record.path or "").name: record for record in read_records(root / MANIFEST)}


def refused(root: Path, data: Data = OWN) -> str:
    with pytest.raises(UserError) as caught:
        named_source(data, root)
    return str(caught.value)


def test_rows_become_examples_with_all_that_the_table_says(tmp_path):
    table = (
        "file,label,group,time,camera,age,id,split\n"
        "x/1.png,cat,p1,2024-01-31,007,41,a,train\n"
        "./2.png,dog,p2,2024-02-01 18:30,008,,b,test\n"
        "data/raw/3.png,cat,,,009,17,c,train\n"
    )
    root = project(tmp_path, table, "x/1.png", "2.png", "3.png", "4.png")
    source = named_source(OWN, root)
    assert source.classes == ("cat", "dog") and source.total == 3 and source.shape() == (1, 4, 4)
    assert source.notes == ("1 images are not in data/raw/labels.csv, such as data/raw/4.png; passed over",)
    one, two, three = (ingested(root)[f"{number}.png"] for number in (1, 2, 3))
    assert (one.path, one.label, one.group, one.time) == ("data/raw/x/1.png", "cat", "p1", "2024-01-31")
    assert one.extra == {"camera": "007", "age": 41, "id_": "a"} and one.source_split == "train"
    assert (two.time, two.extra, two.source_split) == ("2024-02-01T18:30:00", {"camera": "008", "id_": "b"}, "test")
    assert (three.group, three.time) == (None, None)
    assert [example.extra for example in source.examples()] == [one.extra, two.extra, three.extra]


def test_params_name_columns_and_what_to_leave_out(tmp_path):
    root = project(tmp_path, "f;kind;who;x\n1.png;a;p;1,5\n2.png;b;q;2\n", "1.png", "2.png")
    data = Data(source="own", target="kind", group="who", ignore=("x",))
    assert ingested(root, data)["1.png"].group == "p" and ingested(root, data)["1.png"].extra == {}
    assert "no column is called label or target" in refused(root)
    assert "data.group: data/raw/labels.csv has no column `whom`; it has f, kind" in refused(
        root, Data(source="own", target="kind", group="whom")
    )


def test_numbers_to_estimate(tmp_path):
    root = project(tmp_path, "path,label\n1.png,1.5\n2.png,-2\n3.png,\n", "1.png", "2.png", "3.png")
    source = named_source(Data(source="own", task="regression", unit="mm"), root)
    assert source.classes == () and source.target and (source.target.name, source.target.unit) == ("label", "mm")
    records = ingested(root, Data(source="own", task="regression"))
    assert [records[f"{number}.png"].label for number in (1, 2, 3)] == [1.5, -2.0, None]
    assert "row 3" in refused(
        project(tmp_path, "path,label\n1.png,1.5\n2.png,x\n"), Data(source="own", task="regression")
    )


def test_parquet_keeps_its_types(tmp_path):
    root = project(tmp_path, b"", "1.png", "2.png", name="labels.parquet")
    pl.DataFrame(
        {"image": ["1.png", "2.png"], "target": ["a", "b"], "n": [1, None], "r": [0.1, float("nan")]}
    ).write_parquet(root / "data/raw/labels.parquet")
    records = ingested(root)
    assert records["1.png"].extra == {"n": 1, "r": 0.1} and records["2.png"].extra == {}


@pytest.mark.parametrize("label", ["two\nlines", "🐕 dog", 'quo"te', "back\\slash", "ﬁ", "a b\u2028c"])
def test_a_label_of_any_text_comes_through(tmp_path, label):
    written = label.replace('"', '""')
    root = project(tmp_path, f'path,label\n1.png,"{written}"\n2.png,plain\n', "1.png", "2.png")
    assert ingested(root)["1.png"].label == label
    assert ingested(root)["1.png"].label == label
    assert label in json.loads((root / "data/assets/index.json").read_text(encoding="utf-8"))["classes"]


def test_rows_without_a_usable_file_are_named_together(tmp_path):
    outside = tmp_path / "outside.png"
    files = ("1.png", "gone.png", "../../../outside.png", "/etc/passwd", "link.png", "far/2.png", "", "readme.md")
    table = "path,label\n" + "".join(f"{file},a\n" for file in files)
    root = project(tmp_path / "project", table, "1.png")
    Image.new("L", (4, 4)).save(outside)
    (tmp_path / "elsewhere").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "elsewhere/2.png")
    (root / "data/raw/link.png").symlink_to(outside)
    (root / "data/raw/far").symlink_to(tmp_path / "elsewhere")
    (root / "data/raw/readme.md").write_text("x")
    message = refused(root)
    assert message.startswith("data/raw/labels.csv: 7 rows cannot be used")
    for part in (
        "row 3: gone.png is not there",
        "row 4: ../../../outside.png leads out of the images' folder",
        "row 5: /etc/passwd leads out",
        "row 6: link.png is, or lies behind, a link",
        "row 7: far/2.png is, or lies behind, a link",
        "row 8: no file is named",
        "row 9: readme.md is no image by its ending",
    ):
        assert part in message
    assert not (root / MANIFEST).exists()


def test_a_file_in_two_rows_is_taken_once_or_refused(tmp_path):
    root = project(tmp_path, "path,label\n1.png,a\n2.png,b\n./1.png,a\n", "1.png", "2.png")
    source = named_source(OWN, root)
    assert source.total == 2 and "1 rows say the same twice" in source.notes[0]
    project(tmp_path, "path,label\n1.png,a\n2.png,b\n1.png,b\n")
    assert "row 4: data/raw/1.png stands in row 2 already, with other values" in refused(root)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("path,label\n1.png,a\n2.png,b,c\n", "row 3: 3 fields, but the header has 2"),
        ("path,label\n1.png,a\n2.png\n", "row 3: 1 fields"),
        ("path,label\n1.png,caf\xe9\n2.png,b\n".encode("latin-1"), "line 2: byte 0xe9"),
        ("path,label\n1.png,a\n2.png,b\n".encode("utf-16"), "UTF-16"),
        ("path,label\n", "a header, but no row below it"),
        ("", "empty"),
        ("path,label,label\n1.png,a,b\n", "the column `label` is named twice"),
        ("path,label\n1.png,a\n2.png,a\n", r"found one class \(a\), expected two"),
        ("path,label\n1.png,\n2.png,\n", "no row has a label"),
        ("path,label,split\n1.png,a,train\n2.png,b,tset\n", "row 3: the split is 'tset'; expected one of train"),
        ("path,label,time\n1.png,a,soon\n2.png,b,2024-01-01\n", "`soon` in row 2 is no date"),
    ],
)
def test_a_broken_table_says_where(tmp_path, table, message):
    root = project(tmp_path, table, "1.png", "2.png")
    with pytest.raises(UserError, match=message):
        named_source(OWN, root)


def test_which_table_is_meant(tmp_path):
    root = project(tmp_path, "path,label\n1.png,a\n2.png,b\n", "1.png", "2.png", name="set.csv")
    assert named_source(OWN, root).total == 2
    project(tmp_path, "path,label\n1.png,a\n", name="other.csv")
    assert "other.csv, set.csv could all hold the labels" in refused(root)
    project(tmp_path, "path,label\n1.png,a\n2.png,b\n", "a/1.png", "b/1.png")
    assert named_source(OWN, root).total == 2
    (root / "data/raw/labels.csv").unlink()
    source = named_source(OWN, root)
    assert isinstance(source, Folder) and source.classes == ("a", "b")


def test_ten_thousand_classes(tmp_path):
    folder = tmp_path / "data/raw"
    folder.mkdir(parents=True)
    header = b"P5 4 4 255\n"  # a PGM file under another ending is read all the same: Pillow looks at the content
    for number in range(10_000):
        (folder / f"{number}.bmp").write_bytes(header + number.to_bytes(2, "big") + bytes(14))
    rows = "".join(f"{number}.bmp,class {number}\n" for number in range(10_000))
    (folder / "labels.csv").write_text("path,label\n" + rows)
    records = ingested(tmp_path)
    assert len({record.label for record in records.values()}) == 10_000 and records["77.bmp"].label == "class 77"
