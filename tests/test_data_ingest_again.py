"""A second ingest reads only what is new, leaves old shards alone, and ends where a first one from nothing would."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import SOURCE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from arcane.config import Data
from arcane.data import assets as assets_module
from arcane.data import packing, seen
from arcane.data.assets import ASSETS, FINGERPRINTS, read_assets
from arcane.data.ingest import ingest
from arcane.data.manifest import MANIFEST, Record, read_records, write_manifest
from arcane.data.seen import FOLDER, read_seen
from arcane.data.sources import named_source
from arcane.data.sources.folder import Folder
from arcane.errors import UserError

OWN = Data(source="own")


@pytest.fixture
def settled(monkeypatch):
    """Files count as settled at once: without this a test would wait two seconds before each ingest."""
    monkeypatch.setattr(seen, "STEP_NS", -(10**10))


@pytest.fixture
def read(monkeypatch):
    """The files that were decoded, as a list that grows."""
    paths, original = [], packing.decoded

    def counted(root, some, shape):
        paths.extend(some)
        return original(root, some, shape)

    monkeypatch.setattr(packing, "decoded", counted)
    return paths


def draw(root: Path, label: str, number: int, name: str = "", side: int = 8) -> Path:
    """Write an image of noise that no other number has."""
    path = root / "data/raw" / label / (name or f"{number}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (side, side), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def ingested(root: Path, data: Data = OWN) -> dict[str, Record]:
    """Records by path."""
    ingest(named_source(data, root), root, data)
    return {record.path or "": record for record in read_records(root / MANIFEST)}


def outputs(root: Path) -> dict[str, bytes]:
    """Bytes of the manifest and of all assets, by name."""
    return {path.name: path.read_bytes() for path in (root / MANIFEST, *sorted((root / ASSETS).iterdir()))}


def from_nothing(root: Path) -> dict[str, bytes]:
    """What an ingest writes that has only the manifest and the source."""
    other = root.with_name(root.name + "-from-nothing")
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(root / "data/raw", other / "data/raw")
    shutil.copy(root / MANIFEST, other / MANIFEST)
    ingested(other)
    return outputs(other)


def start(root: Path, count: int = 6) -> dict[str, Record]:
    for number in range(count):
        draw(root, "ab"[number % 2], number)
    return ingested(root)


def test_only_new_files_are_read_and_old_shards_stay(tmp_path, settled, read):
    root = tmp_path / "p"
    start(root)
    shard = root / ASSETS / "shard-00000.npy"
    before, node = shard.read_bytes(), shard.stat().st_ino
    draw(root, "a", 100)
    draw(root, "b", 101)
    read.clear()
    records = ingested(root)
    assert sorted(read) == ["data/raw/a/100.png", "data/raw/b/101.png"]
    assert shard.read_bytes() == before and shard.stat().st_ino == node
    assert {path: record.batch for path, record in records.items() if record.batch} == dict.fromkeys(read, 1)
    packed = read_assets(root / ASSETS)
    assert [count for _, count in packed.shards] == [6, 2]
    assert list(packed.ids) == [r.id for r in sorted(records.values(), key=lambda record: (record.batch, record.id))]
    for record in records.values():
        pixels = np.asarray(Image.open(root / record.path))
        assert (packed.inputs(np.array([packed.row_of[record.id]]))[0, 0] == pixels).all()
    assert outputs(root) == from_nothing(root)
    read.clear()
    done = outputs(root)
    ingested(root)
    assert read == [] and outputs(root) == done


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "rename", "redraw", "relabel"]), st.integers(0, 30)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(STEPS, min_size=1, max_size=3))
def test_whatever_happens_to_the_files_it_ends_where_a_first_ingest_would(tmp_path_factory, settled, rounds):
    root = tmp_path_factory.mktemp("grown") / "p"
    start(root)
    fresh = 1000
    for steps in rounds:
        for step, number in steps:
            files = sorted((root / "data/raw").rglob("*.png"))
            path = files[number % len(files)]
            alone = len(list(path.parent.iterdir())) == 1
            fresh += 1
            if step == "add":
                draw(root, "ab"[number % 2], fresh)
            elif step == "redraw":
                draw(root, path.parent.name, fresh, path.name)
            elif not alone and step == "remove":
                path.unlink()
            elif not alone:
                label = path.parent.name if step == "rename" else "ba"["ab".index(path.parent.name)]
                path.rename(root / "data/raw" / label / f"moved-{fresh}.png")
        ingested(root)
        assert outputs(root) == from_nothing(root)


@pytest.mark.parametrize("damage", ["gone", "torn", "edited", "another Pillow"])
def test_without_a_sound_memory_all_is_read_again_with_the_same_outcome(tmp_path, settled, read, damage, monkeypatch):
    start(tmp_path)
    before = outputs(tmp_path)
    memory = tmp_path / FOLDER / "files.arrow"
    content = memory.read_bytes()
    if damage == "gone":
        shutil.rmtree(tmp_path / ".arcane")
    elif damage == "torn":
        memory.write_bytes(content[:-7])
    elif damage == "edited":
        record = next(iter(read_records(tmp_path / MANIFEST)))
        memory.write_bytes(content.replace(record.id.encode(), b"0" * 32))
    else:
        monkeypatch.setattr(seen, "decoder", lambda: "another")
    read.clear()
    ingested(tmp_path)
    assert len(read) == 6 and outputs(tmp_path) == before


def test_a_file_that_changed_within_a_tick_of_the_clock_is_read_again(tmp_path, read):
    start(tmp_path)
    assert read_seen(tmp_path).is_empty(), "too young to be trusted"
    path, label = tmp_path / "data/raw/a/0.png", "a"
    before = path.stat()
    draw(tmp_path, label, 50, "0.png")
    path.write_bytes(path.read_bytes().ljust(before.st_size, b"\0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    records = ingested(tmp_path)
    pixels = np.asarray(Image.open(path))
    packed = read_assets(tmp_path / ASSETS)
    row = packed.row_of[records["data/raw/a/0.png"].id]
    assert (packed.inputs(np.array([row]))[0, 0] == pixels).all()


def test_files_of_one_size_and_age_that_changed_places_are_noticed(tmp_path, settled):
    for label, number in (("a", 1), ("b", 2)):
        os.utime(draw(tmp_path, label, number, "x.bmp"), ns=(10**18, 10**18))
    before = ingested(tmp_path)
    one, other = tmp_path / "data/raw/a/x.bmp", tmp_path / "data/raw/b/x.bmp"
    assert one.stat().st_size == other.stat().st_size
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    after = ingested(tmp_path)
    assert after["data/raw/a/x.bmp"].id == before["data/raw/b/x.bmp"].id


@pytest.mark.parametrize("name", ["shard-00000.npy", "shard-00001.npy", FINGERPRINTS])
@pytest.mark.parametrize("damage", ["torn", "one byte", "gone"])
def test_damaged_assets_are_mended(tmp_path, settled, name, damage):
    start(tmp_path)
    draw(tmp_path, "a", 100)
    ingested(tmp_path)
    before = outputs(tmp_path)
    path = tmp_path / ASSETS / name
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[:-3] if damage == "torn" else content[:-1] + bytes([content[-1] ^ 1]))
    ingested(tmp_path)
    assert outputs(tmp_path) == before


def test_another_size_packs_all_again_and_keeps_the_batches(tmp_path, settled):
    start(tmp_path)
    draw(tmp_path, "a", 100)
    before = ingested(tmp_path)
    after = ingested(tmp_path, Data(source="own", resolution=4))
    assert after == before and read_assets(tmp_path / ASSETS).spec.shape == (1, 4, 4)
    assert len(read_assets(tmp_path / ASSETS).shards) == 2


def test_a_higher_limit_reads_what_was_left_out(tmp_path, settled, read):
    start(tmp_path, 30)
    few = ingested(tmp_path, Data(source="own", limit=10))
    read.clear()
    more = ingested(tmp_path, Data(source="own", limit=20))
    assert len(few) == 10 and len(more) == 20 and few.keys() <= more.keys()
    assert len(read) == 10
    packed = read_assets(tmp_path / ASSETS)
    for record in more.values():
        pixels = np.asarray(Image.open(tmp_path / record.path))
        assert (packed.inputs(np.array([packed.row_of[record.id]]))[0, 0] == pixels).all()


def test_a_class_that_changes_the_images_of_a_folder_is_asked_for_them(tmp_path, settled):
    class Inverted(Folder):
        def examples(self):
            for example in super().examples():
                yield replace(example, inputs=255 - example.inputs)

    start(tmp_path)
    before = read_assets(tmp_path / ASSETS)
    ingest(Inverted(tmp_path, "data/raw"), tmp_path, OWN)
    after = read_assets(tmp_path / ASSETS)
    assert not set(before.ids) & set(after.ids) and len(after.ids) == 6


def test_shards_are_cut_by_size_within_an_ingest(tmp_path, settled, monkeypatch):
    monkeypatch.setattr(assets_module, "SHARD_BYTES", 4 * 64)
    start(tmp_path, 6)
    for number in range(100, 105):
        draw(tmp_path, "a", number)
    ingested(tmp_path)
    assert [count for _, count in read_assets(tmp_path / ASSETS).shards] == [4, 2, 4, 1]


def test_a_near_copy_of_an_old_image_says_so_and_old_ones_never_change(tmp_path, settled):
    smooth = np.add.outer(np.sin(np.arange(28) / 3) * 60, np.cos(np.arange(28) / 4) * 60) + 128
    start(tmp_path, 6)
    for name, pixels in (("one", smooth), ("two", smooth + 1)):
        shutil.rmtree(tmp_path / ".arcane")
        Image.fromarray(pixels.astype(np.uint8)).resize((28, 28)).save(tmp_path / f"data/raw/a/{name}.png")
        records = ingested(tmp_path, Data(source="own", resolution=28))
    one, two = (records[f"data/raw/a/{name}.png"] for name in ("one", "two"))
    assert two.near == one.id and one.near is None
    Image.fromarray((smooth + 2).astype(np.uint8)).save(tmp_path / "data/raw/a/three.png")
    again = ingested(tmp_path, Data(source="own", resolution=28))
    assert again["data/raw/a/three.png"].near == one.id, "of a chain the oldest"
    assert all(again[path] == record for path, record in records.items())


def test_links_lead_to_the_oldest_of_a_chain(tmp_path, settled, monkeypatch):
    from arcane.data import ingest as module

    monkeypatch.setattr(module, "near_links", lambda *_: [])
    start(tmp_path, 4)
    newest = read_assets(tmp_path / ASSETS).ids[-1]
    monkeypatch.setattr(module, "near_links", lambda new, *_: [(row, row - 1, 0.1) for row in reversed(new.tolist())])
    for numbers in ((100, 101, 102), (103, 104)):
        for number in numbers:
            draw(tmp_path, "a", number)
        records = ingested(tmp_path)
    assert [record.near for record in records.values() if record.batch] == [newest] * 5


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from arcane.config import Data
from arcane.data import assets, ingest as module, seen
from arcane.data.sources import named_source
from arcane.data.sources.folder import Folder
seen.STEP_NS = -10**10
root, name, count = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
owner, _, function = name.rpartition(".")
owner = {"": module, "assets": assets, "Path": Path}[owner]
original, calls = getattr(owner, function), [0]
def counted(*args, **kwargs):
    calls[0] += 1
    if calls[0] == count:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
setattr(owner, function, counted)
data = Data(source="own", resolution=12)
module.ingest(named_source(data, root), root, data)
"""


@pytest.mark.parametrize(
    ("name", "count"),
    [("assets._write_array", 2), ("write_manifest", 1), ("_take_place", 1), ("Path.rename", 1), ("Path.rename", 2)],
)
def test_after_kill_9_the_old_data_is_there_or_comes_back(tmp_path, settled, name, count, monkeypatch):
    root = tmp_path / "p"
    first = start(root)
    records = [r if r.path != "data/raw/a/0.png" else Record(**{**vars(r), "label": "b"}) for r in first.values()]
    write_manifest(root / MANIFEST, records)
    draw(root, "a", 100)
    before = outputs(root)
    done = subprocess.run([sys.executable, "-c", KILLED, str(SOURCE), str(root), name, str(count)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    if name == "assets._write_array":
        assert outputs(root) == before
    assert len(list((root / "data").glob(".ingest-*"))) == 1
    data = Data(source="own", resolution=12)
    after = ingested(root, data)
    assert after["data/raw/a/0.png"].label == "b" and after["data/raw/a/100.png"].batch == 1 and len(after) == 7
    assert read_assets(root / ASSETS).spec.shape == (1, 12, 12)
    assert not list((root / "data").glob(".ingest-*"))


def test_assets_that_were_just_being_replaced_come_back(tmp_path, settled, read):
    start(tmp_path)
    before = outputs(tmp_path)
    (tmp_path / "data/.ingest-killed").mkdir()
    (tmp_path / ASSETS).rename(tmp_path / "data/.ingest-killed/replaced")
    read.clear()
    ingested(tmp_path)
    assert read == [] and outputs(tmp_path) == before


def test_a_running_ingest_is_not_disturbed(tmp_path):
    start(tmp_path)
    busy = tmp_path / "data/.ingest-busy"
    busy.mkdir()
    import fcntl

    held = os.open(busy, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    ingested(tmp_path)
    assert busy.is_dir()
    os.close(held)
    ingested(tmp_path)
    assert not busy.exists()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_disk_that_fills_while_a_shard_is_written(tmp_path, settled, monkeypatch, number):
    monkeypatch.setattr(assets_module, "SHARD_BYTES", 4 * 64)
    start(tmp_path, 6)
    before = outputs(tmp_path)
    for extra in range(100, 110):
        draw(tmp_path, "a", extra)
    calls, original = [], assets_module._write_array

    def full(path, content):
        calls.append(path)
        if len(calls) == number:
            path.write_bytes(content.tobytes()[:20])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(path, content)

    monkeypatch.setattr(assets_module, "_write_array", full)
    with pytest.raises(
        UserError, match=r"the disk refused a write while packing \(No space left on device\).*untouched"
    ):
        ingested(tmp_path)
    assert outputs(tmp_path) == before and not list((tmp_path / "data").glob(".ingest-*"))
    monkeypatch.setattr(assets_module, "_write_array", original)
    assert len(ingested(tmp_path)) == 16


def test_classes_that_become_numbers_forget_the_old_labels(tmp_path, settled):
    for number in range(4):
        draw(tmp_path, ".", number)
    (tmp_path / "data/raw/labels.csv").write_text("path,label\n0.png,a\n1.png,b\n2.png,a\n3.png,b\n")
    assert {record.label for record in ingested(tmp_path).values()} == {"a", "b"}
    (tmp_path / "data/raw/labels.csv").write_text("path,label\n0.png,0.5\n1.png,1\n2.png,2\n3.png,3\n")
    records = ingested(tmp_path)
    assert sorted(record.label for record in records.values()) == [0.5, 1.0, 2.0, 3.0]
    assert {record.batch for record in records.values()} == {0}
