"""Your source reads: its first examples are images with known labels."""

from itertools import islice

import numpy as np
import pytest

from arcane.config import find_project
from arcane.errors import UserError


@pytest.fixture
def source():
    project = find_project()
    try:
        return project.module("source").source(project)
    except UserError as error:
        pytest.skip(f"the data is not here: {error}")


def test_reads_images_with_labels_among_the_classes(source):
    examples = list(islice(source.examples(), 20))
    assert examples
    assert len(set(source.classes)) == len(source.classes) >= 2
    for example in examples:
        assert example.image.dtype == np.uint8
        assert example.image.ndim in (2, 3) and min(example.image.shape[:2]) > 0
        assert example.label is None or example.label in source.classes


def test_reads_the_same_twice(source):
    first, second = (list(islice(source.examples(), 5)) for _ in range(2))
    assert [example.label for example in first] == [example.label for example in second]
    assert all(np.array_equal(one.image, two.image) for one, two in zip(first, second, strict=True))
