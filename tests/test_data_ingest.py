"""Ingest is deterministic, keeps a person's corrections, and never leaves half of anything behind."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from conftest import SOURCE

from arcane.config import Data
from arcane.data import assets as assets_module
from arcane.data.assets import ASSETS, read_assets
from arcane.data.ingest import ingest
from arcane.data.loading import load_splits
from arcane.data.manifest import MANIFEST, Record, frame_of, read_records, write_manifest
from arcane.data.merging import limited
from arcane.data.sources import Example, Source, named_source
from arcane.data.splits import SPLITS, write_splits
from arcane.errors import UserError


class Given(Source):
    """Examples handed over."""

    name = "given"

    def __init__(self, *examples: Example, classes: tuple[str, ...] = ("a", "b")):
        self.classes = classes
        self._examples = examples

    def examples(self):
        yield from self._examples


def image(value: int, side: int = 4) -> np.ndarray:
    return (np.arange(side * side, dtype=np.uint8).reshape(side, side) + value).astype(np.uint8)


def ingested(source: Source, root, data: Data | None = None) -> list[Record]:
    """The manifest's records after an ingest."""
    ingest(source, root, data or Data())
    return read_records(root / MANIFEST)


def splits(root, **ids: list[str]) -> None:
    """Write `data/splits.jsonl`."""
    pairs = [{"id": identifier, "split": name} for name, part in ids.items() for identifier in part]
    write_splits(root / SPLITS, pl.DataFrame(pairs))


def contents(root) -> dict[str, bytes]:
    """Bytes by path of all but what ingest merely remembers."""
    files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(".arcane")}


def edit_label(root, identifier: str, label: str) -> None:
    records = read_records(root / MANIFEST)
    write_manifest(root / MANIFEST, [replace(r, label=label) if r.id == identifier else r for r in records])


FOUR = tuple(Example(image(value), "ab"[value % 2], row=value) for value in range(4))


def test_same_source_same_bytes_and_nothing_is_touched_twice(tmp_path):
    ingest(named_source(Data(source="digits"), tmp_path), tmp_path / "x", Data())
    ingest(named_source(Data(source="digits"), tmp_path), tmp_path / "y", Data())
    assert contents(tmp_path / "x") == contents(tmp_path / "y")
    stamp = (tmp_path / "x" / ASSETS / "shard-00000.npy").stat().st_mtime_ns
    before = contents(tmp_path / "x")
    ingest(named_source(Data(source="digits"), tmp_path), tmp_path / "x", Data())
    assert contents(tmp_path / "x") == before
    assert (tmp_path / "x" / ASSETS / "shard-00000.npy").stat().st_mtime_ns == stamp


def test_images_are_found_by_id_across_shards_and_source_order(tmp_path, monkeypatch):
    monkeypatch.setattr(assets_module, "SHARD_BYTES", 3 * 16)
    examples = tuple(Example(image(value), "ab"[value % 2]) for value in range(8))
    records = ingested(Given(*examples), tmp_path)
    shuffled = ingested(Given(*examples[::-1]), tmp_path / "other")
    assert len(read_assets(tmp_path / ASSETS).shards) == 3
    assert contents(tmp_path / ASSETS) == contents(tmp_path / "other" / ASSETS)
    assert [r.id for r in records] == [r.id for r in shuffled] == sorted(r.id for r in records)
    names = ["train", "test", "validation"]
    splits(tmp_path, **{name: [r.id for r in records[place::3]] for place, name in enumerate(names)})
    loaded = load_splits(tmp_path, names)
    assert [len(loaded[name]) for name in names] == [3, 3, 2]
    by_id = {r.id: r for r in records}
    for part in loaded.values():
        assert part.inputs.dtype == np.uint8 and part.labels.dtype == np.int64
        for identifier, pixels, label in zip(part.ids, part.inputs, part.labels, strict=True):
            assert (pixels[0] == image(by_id[identifier].row)).all() and part.classes[label] == by_id[identifier].label


def test_a_corrected_label_survives_and_takes_effect_without_packing(tmp_path):
    records = ingested(Given(*FOUR), tmp_path)
    first = next(record for record in records if record.row == 0)
    splits(tmp_path, train=[record.id for record in records])
    edit_label(tmp_path, first.id, "b")
    part = load_splits(tmp_path, ["train"])["train"]
    assert part.labels[part.ids.index(first.id)] == 1
    for _ in range(2):
        again = {record.id: record.label for record in ingested(Given(*FOUR), tmp_path)}
        assert again[first.id] == "b" and sorted(again.values()) == ["a", "b", "b", "b"]
    edit_label(tmp_path, first.id, "c")
    with pytest.raises(UserError, match=rf"{first.id} \(row 0\) has the label 'c', which is no class"):
        load_splits(tmp_path, ["train"])


def test_a_correction_survives_when_the_assets_are_gone(tmp_path):
    first = ingested(Given(*FOUR), tmp_path)[0]
    other = "b" if first.label == "a" else "a"
    edit_label(tmp_path, first.id, other)
    shutil.rmtree(tmp_path / ASSETS)
    assert ingested(Given(*FOUR), tmp_path)[0].label == other


def test_the_source_wins_where_it_changed_its_mind(tmp_path):
    three = Given(*FOUR, classes=("a", "b", "c"))
    ingest(three, tmp_path, Data())
    relabelled = Given(replace(FOUR[0], label="c"), *FOUR[1:], classes=("a", "b", "c"))
    assert next(r for r in ingested(relabelled, tmp_path) if r.row == 0).label == "c"


def test_a_group_written_by_a_person_stays(tmp_path):
    records = ingested(Given(*FOUR), tmp_path)
    write_manifest(tmp_path / MANIFEST, [replace(r, group="g", extra={"note": "ü"}) for r in records])
    assert {(r.group, r.extra["note"]) for r in ingested(Given(*FOUR), tmp_path)} == {("g", "ü")}


def test_copies_are_merged_and_conflicts_wait_for_a_person(tmp_path):
    copies = (
        Example(image(0), "a", path="a/2.png"),
        Example(image(0), "a", path="a/1.png"),
        Example(image(1), "a", path="a/3.png"),
        Example(image(1), "b", path="b/3.png"),
    )
    same, other = sorted(ingested(Given(*copies), tmp_path), key=lambda record: record.path or "")
    assert (same.path, same.duplicates, same.label) == ("a/1.png", ("a/2.png",), "a")
    assert (other.path, other.duplicates, other.label) == ("a/3.png", ("b/3.png",), None)
    assert other.extra == {"conflicting_labels": ["a", "b"]}
    edit_label(tmp_path, other.id, "a")
    assert {r.label for r in ingested(Given(*copies), tmp_path)} == {"a"}


def test_an_image_in_both_of_the_sources_splits_stays_in_test(tmp_path):
    record = ingested(
        Given(Example(image(0), "a", row=0, source_split="train"), Example(image(0), "a", row=1, source_split="test")),
        tmp_path,
    )[0]
    assert record.source_split == "test" and record.extra["source_overlap"] and record.duplicates == ("1",)


def test_the_id_survives_a_rename_and_another_file_format(tmp_path):
    from PIL import Image

    for label, value in (("a", 0), ("b", 1)):
        (tmp_path / "data/raw" / label).mkdir(parents=True)
        Image.fromarray(image(value)).save(tmp_path / f"data/raw/{label}/x.png")
    before = {r.id: r.path for r in ingested(named_source(Data(source="own"), tmp_path), tmp_path)}
    Image.fromarray(image(0)).save(tmp_path / "data/raw/a/renamed.bmp")
    (tmp_path / "data/raw/a/x.png").unlink()
    after = {r.id: r.path for r in ingested(named_source(Data(source="own"), tmp_path), tmp_path)}
    assert before.keys() == after.keys() and "data/raw/a/renamed.bmp" in after.values()
    resized = {r.id for r in ingested(named_source(Data(source="own"), tmp_path), tmp_path, Data(resolution=8))}
    assert resized == after.keys() and read_assets(tmp_path / ASSETS).spec.shape == (1, 8, 8)


def test_limit_keeps_proportions_and_grows_by_adding():
    records = [
        Record(
            f"{number * 7919 % 10_007:032x}", "ab"[number % 4 == 0], source_split="test" if number % 5 == 0 else "train"
        )
        for number in range(1000)
    ]
    frame = frame_of(records, numbers=False).sort("id")
    part = limited(frame, 100)
    assert len(part) == 100
    assert (part["label"] == "b").sum() == 25 and (part["source_split"] == "test").sum() == 20
    assert set(part["id"]) <= set(limited(frame, 200)["id"])
    assert part["id"].is_sorted() and limited(frame, None).equals(frame)


def test_progress_reaches_the_total(tmp_path):
    calls = []
    ingest(
        named_source(Data(source="digits"), tmp_path), tmp_path, Data(), on_progress=lambda *call: calls.append(call)
    )
    assert calls[0] == (256, 1797) and calls[-1] == (1797, 1797)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (Example(np.zeros((4, 4)), "a", row=7), "row 7: inputs are float64"),
        (Example(image(0), "c", row=7), "row 7: label 'c' is not among"),
    ],
)
def test_a_wrong_example_is_named_and_nothing_is_written(tmp_path, example, message):
    with pytest.raises(UserError, match=message):
        ingest(Given(FOUR[0], example), tmp_path, Data())
    assert contents(tmp_path) == {}


def test_one_example(tmp_path):
    record = ingested(Given(FOUR[0]), tmp_path)[0]
    assert (record.label, record.batch, record.near) == ("a", 0, None)
    assert len(read_assets(tmp_path / ASSETS).ids) == 1 and ingested(Given(FOUR[0]), tmp_path) == [record]


def test_no_example_is_said(tmp_path):
    with pytest.raises(UserError, match="source given: gives no example"):
        ingest(ofshape(Given()), tmp_path, Data())
    assert contents(tmp_path) == {}


def ofshape(source: Given) -> Given:
    source.shape = lambda: (1, 4, 4)
    return source


@pytest.mark.parametrize("label", ["two\nlines", "🐕", 'quo"te', "\u2028"])
def test_a_folder_of_any_name_is_a_class(tmp_path, label):
    from PIL import Image

    for folder, value in ((label, 0), ("plain", 1)):
        (tmp_path / "data/raw" / folder).mkdir(parents=True)
        Image.fromarray(image(value)).save(tmp_path / "data/raw" / folder / "x.png")
    own = Data(source="own")
    for _ in range(2):
        records = ingested(named_source(own, tmp_path), tmp_path, own)
        assert {record.label for record in records} == {label, "plain"}
    assert label in read_assets(tmp_path / ASSETS).spec.classes
    splits(tmp_path, train=[record.id for record in records])
    part = load_splits(tmp_path, ["train"])["train"]
    assert {part.classes[code] for code in part.labels} == {label, "plain"}


def test_an_id_that_stands_twice_in_the_manifest_is_named(tmp_path):
    ingest(Given(*FOUR), tmp_path, Data())
    lines = (tmp_path / MANIFEST).read_text().splitlines()
    (tmp_path / MANIFEST).write_text("\n".join([*lines, lines[1]]) + "\n")
    before = contents(tmp_path)
    with pytest.raises(UserError, match=r"line 5: id [0-9a-f]{32} stands in line 2 already"):
        ingest(Given(*FOUR), tmp_path, Data())
    assert contents(tmp_path) == before


def test_a_broken_manifest_is_not_overwritten(tmp_path):
    ingest(Given(*FOUR), tmp_path, Data())
    with (tmp_path / MANIFEST).open("a") as file:
        file.write("{torn\n")
    before = contents(tmp_path)
    with pytest.raises(UserError, match="line 5: not JSON"):
        ingest(Given(*FOUR), tmp_path, Data())
    assert contents(tmp_path) == before


FULL_DISK = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from arcane.config import Data
from arcane.data.ingest import ingest
from arcane.data.sources import named_source
from arcane.errors import UserError
root = Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    ingest(named_source(Data(source="digits"), root), root, Data(resolution=12))
except UserError as error:
    print(error)
    sys.exit(1)
"""


@pytest.mark.parametrize("limit", [20_000, 259_000, 270_000], ids=["pixels", "shard", "nothing"])
def test_a_disk_that_refuses_leaves_the_old_data_whole(tmp_path, limit):
    # 1,797 images of 12 by 12 are 258,768 bytes; the shard's header adds 128.
    limit = {259_000: 258_800}.get(limit, limit)
    ingest(named_source(Data(source="digits"), tmp_path), tmp_path, Data())
    before = contents(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(SOURCE), str(tmp_path), str(limit)], capture_output=True, text=True
    )
    if limit == 270_000:
        assert done.returncode == 0 and read_assets(tmp_path / ASSETS).spec.shape == (1, 12, 12)
        return
    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stdout and "untouched" in done.stdout and done.stderr == ""
    assert contents(tmp_path) == before
    assert not list((tmp_path / "data").glob(".ingest-*"))


def test_damaged_assets_say_how_to_mend(tmp_path):
    ingest(Given(*FOUR), tmp_path, Data())
    splits(tmp_path, train=[r.id for r in read_records(tmp_path / MANIFEST)])
    with pytest.raises(UserError, match="no split `test`; there are train"):
        load_splits(tmp_path, ["test"])
    (tmp_path / ASSETS / "shard-00000.npy").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"shard-00000\.npy: unreadable"):
        load_splits(tmp_path, ["train"])
    (tmp_path / ASSETS / "index.json").write_text(json.dumps({"schema": 1}))
    with pytest.raises(UserError, match="not as ingest writes it"):
        load_splits(tmp_path, ["train"])


def test_sizes_and_modes_that_differ_reach_validation(tmp_path):
    """Told in the manifest only where they differ; a tiny picture among large ones is then found."""
    from PIL import Image

    from arcane.data.manifest import read_manifest
    from arcane.data.validation import validate

    rng = np.random.default_rng(0)
    for number in range(40):
        side, kind = (8, "L") if number == 7 else (64, "RGB")
        pixels = rng.integers(0, 256, (side, side) if kind == "L" else (side, side, 3), dtype=np.uint8)
        path = tmp_path / f"data/raw/{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    data = Data(source="own")
    ingest(named_source(data, tmp_path), tmp_path, data)
    frame = read_manifest(tmp_path / MANIFEST)
    small = frame.filter(frame["height"] == 8)
    assert small["path"].to_list() == ["data/raw/b/7.png"] and small["mode"].to_list() == ["grey"]
    found = {finding.code: finding for finding in validate(frame, read_assets(tmp_path / ASSETS))}
    assert found["odd-sizes"].ids == found["odd-mode"].ids == tuple(small["id"])
    (tmp_path / "data/raw/b/7.png").unlink()
    ingest(named_source(data, tmp_path), tmp_path, data)
    assert not {"odd-sizes", "odd-mode"} & {
        finding.code for finding in validate(read_manifest(tmp_path / MANIFEST), read_assets(tmp_path / ASSETS))
    }
