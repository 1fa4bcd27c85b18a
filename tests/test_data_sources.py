"""The sources give what was published, and a person's own folder is read whole or refused with every bad file named."""

import gzip
import hashlib
import io
import os
import pickle
import random
import struct
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from arcane.config import Data
from arcane.data.assets import ASSETS, read_assets
from arcane.data.ingest import content_id, ingest
from arcane.data.manifest import MANIFEST, read_records
from arcane.data.sources import cifar10, fashion_mnist, mnist1d, named_source, source_names
from arcane.data.sources.base import files_inside
from arcane.errors import UserError
from arcane.spec import Feature, Target


def own(root: Path, **classes: list[np.ndarray]) -> Path:
    """A folder of PNG files under data/raw."""
    for label, images in classes.items():
        folder = root / "data/raw" / label
        folder.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(folder / f"{number}.png")
    return root / "data/raw"


def noise(number: int, *shape: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (number, *shape), dtype=np.uint8))


def test_digits_are_scaled_so_that_the_grey_levels_come_back():
    from sklearn.datasets import load_digits

    examples = list(named_source(Data(source="digits"), Path()).examples())
    images = np.stack([example.inputs for example in examples])
    assert (np.round(images * (16 / 255)) == load_digits().images).all() and images.max() == 255
    assert [int(example.label) for example in examples] == load_digits().target.tolist()


@pytest.mark.skipif(
    not fashion_mnist.DEBIAN_FOLDER.is_dir(), reason="the Debian package dataset-fashion-mnist is missing"
)
def test_fashion_mnist_is_the_published_one():
    # What the checksums stand for, measured.
    examples = list(named_source(Data(source="fashion-mnist"), Path("/nowhere")).examples())
    counts = Counter((example.source_split, example.label) for example in examples)
    assert len(counts) == 20 and all(counts[s, label] == {"train": 6000, "test": 1000}[s] for s, label in counts)
    assert {example.inputs.shape for example in examples} == {(28, 28)}
    train, test = ({content_id(e.inputs) for e in examples if e.source_split == s} for s in ("train", "test"))
    assert len(train) == 60_000 and len(test) == 10_000 and not train & test
    assert [example.label for example in examples[:3]] == ["Ankle boot", "T-shirt/top", "T-shirt/top"]


@pytest.mark.skipif(
    not fashion_mnist.DEBIAN_FOLDER.is_dir(), reason="the Debian package dataset-fashion-mnist is missing"
)
@pytest.mark.parametrize("layout", ["", fashion_mnist.TORCHVISION_FOLDER])
def test_fashion_mnist_is_found_in_the_folder_and_a_wrong_file_is_named(tmp_path, monkeypatch, layout):
    folder = tmp_path / layout
    folder.mkdir(parents=True, exist_ok=True)
    for file in fashion_mnist.DEBIAN_FOLDER.iterdir():
        (folder / file.name).symlink_to(file)
    if layout:
        monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "none")
    assert next(named_source(Data(source="fashion-mnist", path="."), tmp_path).examples()).label == "Ankle boot"
    labels = folder / "t10k-labels-idx1-ubyte.gz"
    content = gzip.decompress(labels.read_bytes())
    labels.unlink()
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte\.gz not there"):
        next(named_source(Data(source="fashion-mnist", path="."), tmp_path).examples())
    labels.write_bytes(gzip.compress(content[:-1] + b"\x00"))
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte\.gz: not Fashion-MNIST's file"):
        next(named_source(Data(source="fashion-mnist", path="."), tmp_path).examples())
    labels.write_bytes(gzip.compress(content)[:-20])
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte\.gz: cannot be decompressed"):
        next(named_source(Data(source="fashion-mnist", path="."), tmp_path).examples())


def test_fashion_mnist_without_files_or_network_says_what_to_do(tmp_path, monkeypatch):
    import torchvision.datasets

    def refused(*args, **kwargs):
        raise RuntimeError("no network")

    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "none")
    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", refused)
    with pytest.raises(UserError, match=r"no network.*train-images-idx3-ubyte\.gz.*apt install dataset-fashion-mnist"):
        next(named_source(Data(source="fashion-mnist"), tmp_path).examples())


def test_an_unknown_source_offers_the_nearest():
    assert source_names("image") == ("digits", "fashion-mnist", "cifar10", "own")
    assert source_names("sequence") == ("mnist1d", "own")
    assert source_names("tabular") == ("breast_cancer", "wine", "digits-as-table", "diabetes", "own")
    assert set(source_names()) == {name for kind in ("image", "sequence", "tabular") for name in source_names(kind)}
    with pytest.raises(UserError, match="`fashion_mnist` is unknown: did you mean `fashion-mnist`"):
        named_source(Data(source="fashion_mnist"), Path())
    with pytest.raises(UserError, match=r"`wine` is of modality tabular, but data.modality is image; .*digits"):
        named_source(Data(source="wine"), Path())


def test_importing_the_sources_is_light():
    code = "import sys, arcane.data.sources; print(*sorted(sys.modules))"
    path = os.pathsep.join(each for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": path}
    )
    heavy = {"torch", "sklearn", "scipy", "polars", "pyarrow", "matplotlib", "mnist1d", "pandera"}
    assert not heavy & set(done.stdout.split())


TABLES = {
    # The first rows as scikit-learn's own documentation and files print them.
    "breast_cancer": ((569, 30), {"malignant": 212, "benign": 357}, [17.99, 10.38, 122.8], "mean radius"),
    "wine": ((178, 13), {"class_0": 59, "class_1": 71, "class_2": 48}, [14.23, 1.71, 2.43], "alcohol"),
    "digits-as-table": (
        (1797, 64),
        dict(zip("0123456789", (178, 182, 177, 183, 181, 182, 181, 179, 174, 180), strict=True)),
        [0, 0, 5, 13, 9, 1],
        "pixel_0_0",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_scikit_learns_tables_are_the_published_ones(name, tmp_path):
    (rows, columns), counts, first, feature = TABLES[name]
    source = named_source(Data(source=name, modality="tabular"), Path())
    examples = list(source.examples())
    assert source.shape() == (columns,) and source.total == rows == len(examples)
    assert Counter(example.label for example in examples) == counts and list(source.classes) == list(counts)
    assert examples[0].inputs.dtype == np.float32 and examples[0].row == 0
    assert examples[0].inputs[: len(first)] == pytest.approx(first) and source.features[0] == Feature(feature)
    ingest(source, tmp_path, Data(source=name, modality="tabular"))
    records = read_records(tmp_path / MANIFEST)
    assert len(records) == rows and not any(record.duplicates for record in records)


def test_diabetes_is_in_its_own_units(tmp_path):
    data = Data(source="diabetes", modality="tabular")
    source = named_source(data, Path())
    examples = list(source.examples())
    assert source.target == Target("disease progression in one year", "points") and not source.classes
    assert [feature.name for feature in source.features][:4] == ["age", "sex", "bmi", "bp"]
    assert source.features[1] == Feature("sex", "category", ("1", "2"))
    assert examples[0].inputs[:4] == pytest.approx([59, 2, 32.1, 101]) and examples[0].label == 151.0
    labels = np.array([example.label for example in examples])
    assert (len(labels), labels.min(), labels.max(), round(labels.mean(), 2)) == (442, 25, 346, 152.13)
    assert set(np.stack([example.inputs for example in examples])[:, 1]) == {1.0, 2.0}
    ingest(source, tmp_path, data)
    assets = read_assets(tmp_path / ASSETS)
    assert assets.spec.regression and assets.spec.shape == (10,) and set(assets.labels) == set(labels)


# The published file's, from a JSON copy of mnist1d_data.pkl (github.com/mdcfrancis/gomnist1d, data/mnist1d.json):
# the first five and the last four values of the first curve to train, of the last one, and of the first to test.
PUBLISHED = {
    0: (
        (-0.3320056673693902, -0.4719103656557236, -0.778697076293495, -1.0097408265367047, -0.8823525654053073),
        (-0.3282141545404554, -0.7167304978134463, -0.9619582524619624, -0.8901663884753127),
    ),
    3999: (
        (-0.6939948035971022, -0.2753216930481869, 0.29267967864361694, 0.5559517810657288, 0.8783497008254851),
        (-0.8137443925814231, -1.2162451343416705, -1.4649417006350856, -1.6509928567520655),
    ),
    4000: (
        (-0.07877078047732886, -0.21073170588642925, -0.09175138109239452, 0.28267111736736455, 0.3260581534953046),
        (0.41959106122572115, 1.1341626436833787, 0.8463298173580346, 0.3461328866646199),
    ),
}


def test_mnist1d_is_the_published_one_and_leaves_no_trace(tmp_path):
    import torch

    states = random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state().tolist()
    data = Data(source="mnist1d", modality="sequence")
    source = named_source(data, Path())
    examples = list(source.examples())
    assert states == (random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state().tolist())
    assert Counter(example.source_split for example in examples) == {"train": 4000, "test": 1000}
    assert {example.inputs.shape for example in examples} == {source.shape()} == {(1, 40)}
    assert Counter(example.label for example in examples) == dict.fromkeys("0123456789", 500)
    for row, (first, last) in PUBLISHED.items():
        assert examples[row].row == row and examples[row].inputs.dtype == np.float32
        assert (examples[row].inputs[0, :5] == np.float32(first)).all()
        assert (examples[row].inputs[0, -4:] == np.float32(last)).all()
    labels = "".join(example.label for example in examples)
    assert (labels[:5], labels[3989:4020], labels[-13:]) == (
        "26456",
        "88203268548" + "26394319520771461439",
        "3398336125964",
    )
    # Of our own first output: a change of numpy or scipy that moves one value, or one label, shows here.
    everything = np.stack([example.inputs for example in examples]).astype("<f4").tobytes()
    assert hashlib.sha256(everything).hexdigest() == "0b2b548d14a498bf71ce4d5e7df61d47851b3e5dd7e7f581a1011383cb03467c"
    ingest(source, tmp_path, data)
    assert read_assets(tmp_path / ASSETS).spec.shape == (1, 40)


def test_mnist1d_of_other_seed_or_other_arithmetic_is_refused():
    made = mnist1d.generate()
    assert (mnist1d.generate(100, seed=7)["train"].x.shape, mnist1d.generate(100)["test"].y.shape) == ((80, 40), (20,))
    with pytest.raises(UserError, match=r"train data are not the published ones \(mnist1d \S+, numpy \S+, scipy"):
        mnist1d.published(mnist1d.generate(100, seed=43))
    shifted = made | {"test": mnist1d.Curves(made["test"].x + 1e-5, made["test"].y)}
    with pytest.raises(UserError, match="test data are not the published ones"):
        mnist1d.published(shifted)
    assert mnist1d.published(made) is made


class Python2Pickler(pickle._Pickler):
    """Writes bytes and texts as Python 2 wrote its strings, which is what CIFAR-10's files hold."""

    def save_string(self, value: bytes | str) -> None:
        raw = value if isinstance(value, bytes) else value.encode()
        head = b"U" + bytes([len(raw)]) if len(raw) < 256 else b"T" + struct.pack("<i", len(raw))
        self.write(head + raw)
        self.memoize(value)

    dispatch: ClassVar[dict] = {**pickle._Pickler.dispatch, bytes: save_string, str: save_string}


def python2(content: object) -> bytes:
    file = io.BytesIO()
    Python2Pickler(file, protocol=2).dump(content)
    return file.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def cifar10_files(
    monkeypatch: pytest.MonkeyPatch, a_file: int = 3, **changed: bytes
) -> tuple[dict[str, bytes], np.ndarray]:
    """Files of the published layout, `a_file` images each, and all images, uint8 `[n, 32, 32, 3]`.

    The real files are not at hand: these are written as Python 2 and its numpy wrote theirs.
    """
    images = np.random.default_rng(0).integers(0, 256, (6 * a_file, 32, 32, 3), dtype=np.uint8)
    rows = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(6, a_file, 3072)
    files = {}
    for number, name in enumerate(cifar10.FILES[:6]):
        labels = [(number + place) % 10 for place in range(a_file)]
        names = [f"{number}_{place}.png" for place in range(a_file)]
        content = {"batch_label": f"batch {number}", "labels": labels, "data": rows[number], "filenames": names}
        files[name] = python2(content)
    meta = {"num_cases_per_batch": a_file, "label_names": list(cifar10.CLASSES), "num_vis": 3072}
    files["batches.meta"] = python2(meta)
    files |= changed
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(cifar10, "MD5", sums)
    return files, images


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def read_cifar10(root: Path) -> list:
    return list(named_source(Data(source="cifar10"), root).examples())


@pytest.mark.parametrize("layout", ["folder", "archive", "here"])
def test_cifar10_is_read_from_its_folder_and_from_its_archive(tmp_path, monkeypatch, layout):
    files, images = cifar10_files(monkeypatch)
    place = tmp_path / "data/raw"
    place.mkdir(parents=True)
    if layout == "archive":
        with tarfile.open(place / cifar10.ARCHIVE, "w:gz") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    else:
        write_files(place / cifar10.FOLDER if layout == "folder" else place, files)
    source = named_source(Data(source="cifar10"), tmp_path)
    examples = list(source.examples())
    assert source.shape() == (3, 32, 32) and len(source.classes) == 10
    assert (np.stack([example.inputs for example in examples]) == images).all()
    assert [example.source_split for example in examples] == ["train"] * 15 + ["test"] * 3
    assert [example.label for example in examples[:4]] == ["airplane", "automobile", "bird", "automobile"]
    assert [example.row for example in examples] == list(range(18)) and "CIFAR-10 is read from" in source.notes[0]
    ingest(source, tmp_path, Data(source="cifar10"))
    assert len(read_assets(tmp_path / ASSETS).ids) == 18


def test_cifar10s_pickles_agree_with_torchvisions_reading(tmp_path, monkeypatch):
    files, _ = cifar10_files(monkeypatch)
    trusted = pickle.loads(files["test_batch"], encoding="latin1")  # as torchvision reads it
    ours = cifar10.read_pickle(files["test_batch"], "test_batch")
    assert (ours["data"] == trusted["data"]).all() and ours["labels"] == trusted["labels"]


class Command:
    def __reduce__(self):
        return os.system, (f"echo run > {os.environ['CIFAR_TRACE']}",)


def test_cifar10_refuses_pickles_that_name_anything_else(tmp_path, monkeypatch):
    monkeypatch.setenv("CIFAR_TRACE", str(tmp_path / "trace"))
    for evil in (pickle.dumps(Command(), protocol=2), pickle.dumps({"data": np.float64}, protocol=2)):
        write_files(tmp_path / "data/raw" / cifar10.FOLDER, cifar10_files(monkeypatch, data_batch_1=evil)[0])
        with pytest.raises(
            UserError, match=r"data_batch_1: not one of CIFAR-10's files .*names (posix.system|numpy.float64)"
        ):
            read_cifar10(tmp_path)
    assert not (tmp_path / "trace").exists()


def test_cifar10_names_the_file_that_is_wrong(tmp_path, monkeypatch):
    folder = tmp_path / "data/raw" / cifar10.FOLDER
    files, _ = cifar10_files(monkeypatch)
    write_files(folder, files)
    (folder / "data_batch_3").write_bytes(files["data_batch_3"][:-40])
    with pytest.raises(UserError, match=r"data_batch_3: not CIFAR-10's file .*fetch the original again"):
        read_cifar10(tmp_path)
    (folder / "data_batch_3").unlink()
    with pytest.raises(UserError, match="CIFAR-10's data_batch_3 not there; it has 7 files"):
        read_cifar10(tmp_path)
    wrong = {
        "cut": files["test_batch"][:-40],
        "no dictionary": python2([1]),
        "CIFAR-100": python2({"fine_labels": [1], "data": np.zeros((1, 3072), np.uint8)}),
        "label 10": python2({"labels": [10], "data": np.zeros((1, 3072), np.uint8)}),
        "floats": python2({"labels": [1], "data": np.zeros((1, 3072))}),
    }
    for content in wrong.values():
        write_files(folder, cifar10_files(monkeypatch, test_batch=content)[0])
        with pytest.raises(UserError, match=r"test_batch: (not one of CIFAR-10's|expected)"):
            read_cifar10(tmp_path)
    meta = python2({"label_names": ["cat"]})
    write_files(folder, cifar10_files(monkeypatch, **{"batches.meta": meta})[0])
    with pytest.raises(UserError, match=r"batches.meta: `label_names` is \('cat',\)"):
        read_cifar10(tmp_path)


def test_cifar10s_broken_archive_and_a_failed_download_say_what_to_do(tmp_path, monkeypatch):
    import torchvision.datasets

    def refused(*args, **kwargs):
        raise RuntimeError("File not found or corrupted.")  # what torchvision says of another MD5

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", refused)
    with pytest.raises(UserError, match=r"corrupted.*put the archive cifar-10-python.tar.gz .*or its folder.*data/raw"):
        read_cifar10(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw" / cifar10.ARCHIVE).write_bytes(gzip.compress(b"half an archive")[:-3])
    with pytest.raises(UserError, match=r"tar.gz: cannot be unpacked .*fetch the archive again"):
        read_cifar10(tmp_path)


def test_cifar10s_checksums_are_torchvisions():
    from torchvision.datasets import CIFAR10

    assert dict([*CIFAR10.train_list, *CIFAR10.test_list]) == {n: s for n, s in cifar10.MD5.items() if "meta" not in n}
    assert (CIFAR10.meta["md5"], CIFAR10.tgz_md5) == (cifar10.MD5["batches.meta"], cifar10.ARCHIVE_MD5)


def test_own_files_stay_inside_the_project(tmp_path):
    root = tmp_path / "project"
    (root / "data/raw").mkdir(parents=True)
    (tmp_path / "a.csv").write_text("x")
    for path in ("..", str(tmp_path)):
        with pytest.raises(UserError, match="outside the project; copy"):
            files_inside(root, path, (".csv",))
    with pytest.raises(UserError, match="data/other is not there"):
        files_inside(root, "data/other", (".csv",))
    with pytest.raises(UserError, match=r"no file in .*data/raw ends in \.csv"):
        files_inside(root, "data/raw", (".csv",))
    (root / "data/raw/a.csv").symlink_to(tmp_path / "a.csv")
    with pytest.raises(UserError, match=r"data/raw/a.csv: .*leads out of the project; replace it by a copy"):
        files_inside(root, "data/raw", (".csv",))
    (root / "data/raw/a.csv").unlink()
    for name in ("b.csv", "a.CSV", ".hidden.csv", "notes.md"):
        (root / "data/raw" / name).write_text("x")
    assert [path.name for path in files_inside(root, "data/raw", (".csv",))] == ["a.CSV", "b.csv"]
    assert [path.name for path in files_inside(root, "data/raw/b.csv", (".csv",))] == ["b.csv"]


def test_own_reads_classes_paths_and_size(tmp_path):
    own(tmp_path, b=noise(2, 6, 8), a=noise(1, 6, 8, seed=1))
    (tmp_path / "data/raw/a/.hidden.png").write_bytes(b"")
    (tmp_path / "data/raw/a/readme.txt").write_text("x")
    (tmp_path / "data/raw/.cache").mkdir()
    source = named_source(Data(source="own"), tmp_path)
    assert source.classes == ("a", "b") and source.shape() == (1, 6, 8) and source.total == 3
    assert [(e.path, e.label) for e in source.examples()] == [
        ("data/raw/a/0.png", "a"),
        ("data/raw/b/0.png", "b"),
        ("data/raw/b/1.png", "b"),
    ]
    assert "data/raw/a/readme.txt" in source.notes[0]


def test_own_of_many_sizes_takes_the_median_short_side_and_says_so(tmp_path):
    own(tmp_path, a=[*noise(1, 40, 60), *noise(1, 50, 45, 3)], b=noise(1, 90, 80))
    source = named_source(Data(source="own"), tmp_path)
    assert source.shape() == (3, 45, 45)
    assert "scaled to 45 by 45" in source.notes[0]


@pytest.mark.parametrize(("sides", "side"), [((5, 7), 32), ((300, 400), 128)])
def test_own_keeps_the_size_within_32_and_128(tmp_path, sides, side):
    own(tmp_path, a=noise(1, sides[0], sides[0]), b=noise(1, sides[1], sides[1]))
    assert named_source(Data(source="own"), tmp_path).shape() == (1, side, side)


def test_all_unreadable_files_are_named_in_one_message(tmp_path):
    folder = own(tmp_path, a=noise(3, 64, 64), b=noise(2, 64, 64, 3, seed=1))
    whole = (folder / "a/0.png").read_bytes()
    (folder / "a/0.png").write_bytes(whole[: len(whole) // 2])
    (folder / "a/1.png").write_bytes(b"")
    (folder / "b/0.jpg").write_bytes(b"no image at all")
    Image.fromarray(noise(1, 64, 64, 3)[0]).save(folder / "b/2.jpg")
    (folder / "b/2.jpg").write_bytes((folder / "b/2.jpg").read_bytes()[:900])
    source = named_source(Data(source="own"), tmp_path)
    with pytest.raises(UserError) as caught:
        list(source.examples())
    message = str(caught.value)
    assert message.startswith("4 of 7 image files cannot be read")
    assert "data/raw/a/0.png: truncated" in message
    assert "data/raw/a/1.png: empty (0 bytes)" in message
    assert "data/raw/b/0.jpg: not an image" in message
    assert "data/raw/b/2.jpg: truncated" in message


def test_own_refuses_what_is_no_folder_of_classes(tmp_path):
    with pytest.raises(UserError, match="data/raw is not there"):
        named_source(Data(source="own"), tmp_path)
    folder = own(tmp_path, a=noise(1, 4, 4))
    with pytest.raises(UserError, match=r"found 1 class folder \(a\), expected two"):
        named_source(Data(source="own"), tmp_path)
    (folder / "nothing").mkdir()
    with pytest.raises(UserError, match="no image in the class folder nothing"):
        named_source(Data(source="own"), tmp_path)
    (folder / "nothing").rmdir()
    (folder / "a").rename(folder / "train")
    own(tmp_path, test=noise(1, 4, 4))
    with pytest.raises(UserError, match="are splits, not classes"):
        named_source(Data(source="own"), tmp_path)


def test_own_refuses_what_leads_out_of_the_project(tmp_path):
    outside = own(tmp_path / "elsewhere", a=noise(1, 4, 4), b=noise(1, 4, 4, seed=1))
    root = tmp_path / "project"
    folder = own(root, a=noise(1, 4, 4), b=noise(1, 4, 4, seed=1))
    for path in (str(outside), "../elsewhere/data/raw"):
        with pytest.raises(UserError, match="outside the project; copy"):
            named_source(Data(source="own", path=path), root)
    (folder / "a/link.png").symlink_to(outside / "a/0.png")
    with pytest.raises(UserError, match=r"out of the project \(1\): data/raw/a/link.png"):
        named_source(Data(source="own"), root)
    (folder / "a/link.png").unlink()
    (folder / "a/link.png").symlink_to(folder / "b/0.png")
    assert named_source(Data(source="own"), root).total == 3
    (folder / "c").symlink_to(outside / "a")
    with pytest.raises(UserError, match="data/raw/c"):
        named_source(Data(source="own"), root)
