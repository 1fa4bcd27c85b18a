"""Near-duplicates: planted ones are found, like but different examples are not taken for them."""

import gzip
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn import datasets

from arcane.data.near import fingerprints, near_links
from arcane.data.near.images import difference
from arcane.data.near.rows import _dimension
from arcane.data.sources import fashion_mnist
from arcane.spec import Feature, Spec


def links_of(inputs: np.ndarray, spec: Spec, new=None) -> list[tuple[int, int, float]]:
    rows = np.arange(len(inputs)) if new is None else np.asarray(new)
    return near_links(rows, fingerprints(inputs, spec), inputs.__getitem__, spec)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def scaled(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((width - 2, height - 2), Image.Resampling.BILINEAR)
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))


def shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    height, width = image.shape[:2]
    padded = np.pad(image, ((1, 1), (1, 1), *[(0, 0)] * (image.ndim - 2)), mode="edge")
    return padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]


def brighter(image: np.ndarray, factor: float) -> np.ndarray:
    return np.clip(np.round(image * factor), 0, 255).astype(np.uint8)


def noisy(image: np.ndarray) -> np.ndarray:
    return np.clip(np.round(image + np.random.default_rng(0).normal(0, 3, image.shape)), 0, 255).astype(np.uint8)


COPIES = {
    "jpeg": lambda image: jpeg(image, 75),
    "scaled": scaled,
    "shifted": lambda image: shifted(image, -1, 1),
    "brighter": lambda image: brighter(image, 1.05),
    "darker": lambda image: brighter(image, 0.95),
    "noisy": noisy,
}


@pytest.fixture(scope="module")
def clothing() -> np.ndarray:
    if not fashion_mnist.DEBIAN_FOLDER.is_dir():
        pytest.skip("the Debian package dataset-fashion-mnist is missing")
    with gzip.open(fashion_mnist.DEBIAN_FOLDER / "t10k-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)[:5000]


CLOTHING = Spec("image", (1, 28, 28), ("a", "b"))


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_clothing_are_found_and_nothing_else(clothing, kind):
    own = {row for row, _, _ in links_of(clothing, CLOTHING)}
    assert len(own) <= 5  # of 60,000 only 59 have an older near-duplicate
    chosen = np.random.default_rng(0).choice(len(clothing), 100, replace=False)
    copies = np.stack([COPIES[kind](clothing[row, 0]) for row in chosen])[:, None]
    both = np.concatenate([clothing, copies])
    found = links_of(both, CLOTHING, range(len(clothing), len(both)))
    assert [(row, older) for row, older, _ in found if chosen[row - len(clothing)] != older] == []
    assert len(found) >= (90 if kind in ("jpeg", "scaled") else 99)


@pytest.mark.parametrize("kind", ["jpeg", "brighter", "darker", "noisy"])
def test_copies_of_digits_are_found_and_nothing_else(kind):
    images = np.round(datasets.load_digits().images / 16 * 255).astype(np.uint8)[:, None]
    spec = Spec("image", (1, 8, 8), ("a", "b"))
    assert links_of(images, spec) == []
    both = np.concatenate([images, np.stack([COPIES[kind](image[0]) for image in images[:200]])[:, None]])
    found = links_of(both, spec, range(len(images), len(both)))
    assert [(row, older) for row, older, _ in found if row - len(images) != older] == [] and len(found) >= 195


@pytest.mark.parametrize("kind", COPIES)
def test_copies_of_colour_photographs_are_found_and_overlapping_crops_are_not(kind):
    photographs = datasets.load_sample_images().images
    crops = [
        image[y : y + 96, x : x + 96] for image in photographs for y in range(0, 331, 48) for x in range(0, 544, 48)
    ]
    crops = [crop for crop in crops if crop.mean(axis=2).std() > 15]  # the sky alone has nothing to tell it by
    assert len(crops) > 100
    images = np.stack(crops).transpose(0, 3, 1, 2)
    spec = Spec("image", (3, 96, 96), ("a", "b"))
    assert links_of(images, spec) == []
    copies = np.stack([COPIES[kind](crop) for crop in crops[::3]]).transpose(0, 3, 1, 2)
    found = links_of(np.concatenate([images, copies]), spec, range(len(images), len(images) + len(copies)))
    assert [(row, older) for row, older, _ in found if 3 * (row - len(images)) != older] == []
    assert len(found) >= 0.9 * len(copies)


def test_the_same_shape_in_another_colour_is_another_thing():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (1, 1, 28, 28)).astype(np.uint8)
    red, green = np.zeros((2, 1, 3, 28, 28), np.uint8)
    red[:, 0], green[:, 1] = image[0], image[0]
    assert links_of(np.concatenate([red, green]), Spec("image", (3, 28, 28), ("a", "b"))) == []
    assert links_of(np.concatenate([image, image // 2]), CLOTHING) == []  # the same coat, half as bright
    assert [link[:2] for link in links_of(np.concatenate([image, brighter(image, 0.9)]), CLOTHING)] == [(1, 0)]


def test_blank_images_and_odd_sizes_have_no_near_duplicates():
    for shape in ((1, 28, 28), (3, 1, 1), (1, 5, 400), (1, 2, 3)):
        spec = Spec("image", shape, ("a", "b"))
        blank = np.stack([np.full(shape, level, np.uint8) for level in (0, 1, 200)])
        assert links_of(blank, spec) == []
        images = np.random.default_rng(0).integers(0, 256, (50, *shape)).astype(np.uint8)
        assert fingerprints(images, spec).shape[0] == 50
        links_of(images, spec)


def test_the_difference_of_an_image_to_itself_is_nothing():
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 20, 20)).astype(np.uint8)
    assert difference(images, images, np.zeros((5, 2), int)) == pytest.approx(np.zeros(5), abs=0.01)
    assert (difference(images, images[::-1], np.zeros((5, 2), int))[[0, 1, 3, 4]] > 0.5).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 30))
def test_links_go_from_young_to_old_whatever_is_new(seed, new):
    rng = np.random.default_rng(seed)
    originals = np.kron(rng.integers(0, 256, (20, 1, 4, 4)), np.ones((4, 4)))
    which = rng.integers(0, 20, 30)
    images = np.clip(originals[which] + rng.normal(0, 2, (30, 1, 16, 16)), 0, 255).astype(np.uint8)
    spec = Spec("image", (1, 16, 16), ("a", "b"))
    rows = np.sort(rng.choice(30, new, replace=False))
    is_new = np.isin(np.arange(30), rows)
    found = {row: older for row, older, _ in links_of(images, spec, rows)}
    for row in range(30):
        older = [o for o in range(30) if which[o] == which[row] and o != row and (not is_new[o] or o < row)]
        assert (row in found) == bool(is_new[row] and older)
        assert row not in found or found[row] in older


def test_new_rows_among_old_give_the_links_that_all_at_once_give(clothing):
    images = np.concatenate([clothing[:300], np.stack([jpeg(image[0], 90) for image in clothing[:20]])[:, None]])
    assert links_of(images, CLOTHING, range(300, 320)) == links_of(images, CLOTHING)


TABLES = {name: getattr(datasets, f"load_{name}")().data for name in ("breast_cancer", "wine", "digits", "diabetes")}


def of_numbers(columns: int) -> Spec:
    return Spec("tabular", (columns,), ("a", "b"), tuple(Feature(f"f{number}") for number in range(columns)))


@pytest.mark.parametrize("name", TABLES)
def test_rounded_and_noisy_rows_are_found_and_neighbours_are_not(name):
    table = TABLES[name].astype(np.float32)
    spec = of_numbers(table.shape[1])
    assert links_of(table, spec) == []
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(table), 20, replace=False)
    copies = {
        "three digits": np.array([[float(f"{cell:.3g}") for cell in row] for row in table[chosen]]),
        "noise": table[chosen] + rng.normal(0, 0.02, (20, table.shape[1])) * table.std(axis=0),
    }
    for copy in copies.values():
        # What was of few digits already comes back as an exact copy, which ingest merges.
        found = links_of(np.concatenate([table, copy.astype(np.float32)]), spec, range(len(table), len(table) + 20))
        assert [(row - len(table), older) for row, older, _ in found] == list(enumerate(chosen))


@pytest.mark.parametrize("count, seeds", [(200, 60), (3000, 10)])
def test_independent_rows_are_no_near_duplicates(count, seeds):
    """A rate, not a property: some draw of independent rows holds a pair by chance, 1 in 1,000 by `CHANCE`."""

    def linked(columns: int, seed: int) -> bool:
        rng = np.random.default_rng([seed, columns, count])
        table = np.column_stack([rng.normal(size=count) * 10.0**power for power in range(columns)]).astype(np.float32)
        return bool(links_of(np.unique(table, axis=0), of_numbers(columns)))

    assert sum(linked(columns, seed) for columns in range(1, 7) for seed in range(seeds)) <= 1


def test_rows_of_other_categories_or_other_holes_are_other_rows():
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.normal(size=(500, 6)), rng.integers(1, 4, 500)]).astype(np.float32)
    features = (*(Feature(f"f{number}") for number in range(6)), Feature("kind", "category", ("a", "b", "c")))
    spec = Spec("tabular", (7,), ("a", "b"), features)
    copies = table[:3] * np.float32(1.0001)
    copies[:, 6] = table[:3, 6]
    copies[1, 6] = 4 - table[1, 6] if table[1, 6] != 2 else 1
    copies[2, 0] = np.nan
    assert [link[:2] for link in links_of(np.concatenate([table, copies]), spec)] == [(500, 0)]


@pytest.mark.parametrize("dimension", [2, 5])
def test_the_dimension_of_data_is_told_by_its_neighbours(dimension):
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(2000, dimension)) @ rng.normal(size=(dimension, 30))
    assert _dimension(flat) == pytest.approx(dimension, rel=0.15)


def test_rounded_and_noisy_sequences_are_found_and_others_are_not():
    rng = np.random.default_rng(0)
    steps = np.arange(60)
    made = np.sin(rng.uniform(0, 6, (800, 2, 1)) + steps * rng.uniform(0.1, 0.5, (800, 2, 1)))
    sequences = (made + rng.normal(0, 0.1, made.shape)).astype(np.float32)
    sequences[:100, :, 40:] = np.nan
    spec = Spec("sequence", (2, 60), ("a", "b"))
    assert links_of(sequences, spec) == []
    copies = np.concatenate([np.round(sequences[:20], 2), sequences[200:220] + rng.normal(0, 0.01, (20, 2, 60))])
    shorter = copies[:1].copy()
    shorter[..., 30:] = np.nan
    both = np.concatenate([sequences, copies.astype(np.float32), shorter.astype(np.float32)])
    found = links_of(both, spec, range(800, 841))
    assert [(row - 800, older) for row, older, _ in found] == list(enumerate([*range(20), *range(200, 220)]))
    constant = np.full((30, 2, 60), 3.0, np.float32) + np.arange(30, dtype=np.float32)[:, None, None] * 1e-3
    assert links_of(constant, spec) == []


def test_nothing_new_asks_for_nothing():
    def refused(rows: np.ndarray) -> np.ndarray:
        raise AssertionError("inputs were read")

    images = np.random.default_rng(0).integers(0, 256, (10, 1, 28, 28)).astype(np.uint8)
    assert near_links(np.array([], int), fingerprints(images, CLOTHING), refused, CLOTHING) == []
