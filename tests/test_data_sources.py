"""The sources give what was published, and a person's own folder is read whole or refused with every bad file named."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arcane.config import Data
from arcane.data.ingest import content_id
from arcane.data.sources import fashion_mnist, named_source, source_names
from arcane.errors import UserError


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
    images = np.stack([example.image for example in examples])
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
    assert {example.image.shape for example in examples} == {(28, 28)}
    train, test = ({content_id(e.image) for e in examples if e.source_split == s} for s in ("train", "test"))
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
    assert source_names() == ("digits", "fashion-mnist", "own")
    with pytest.raises(UserError, match="`fashion_mnist` is unknown: did you mean `fashion-mnist`"):
        named_source(Data(source="fashion_mnist"), Path())


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
