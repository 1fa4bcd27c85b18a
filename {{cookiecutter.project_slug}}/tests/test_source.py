"""Your source reads: its first examples have inputs and labels of the kind that it promises."""

from itertools import islice

import numpy as np
import pytest

from arcane.config import find_project
from arcane.errors import UserError


@pytest.fixture
def source():
    project = find_project()
    try:
        found = project.module("source").source(project)
        next(found.examples())
    except UserError as error:
        pytest.skip(f"the data is not here: {error}")
    return found


def test_reads_inputs_of_its_modality(source):
    assert source.modality == find_project().params.data.modality
    examples = list(islice(source.examples(), 20))
    assert examples
    for example in examples:
        assert example.inputs.dtype == (np.uint8 if source.modality == "image" else np.float32)
        assert example.inputs.ndim in {"image": (2, 3), "sequence": (1, 2), "tabular": (1,)}[source.modality]
        assert example.inputs.size > 0


def test_reads_labels_among_the_classes_or_numbers(source):
    labels = [example.label for example in islice(source.examples(), 20)]
    if source.target is not None:
        assert not source.classes
        assert all(label is None or np.isfinite(label) for label in labels)
    else:
        assert len(set(source.classes)) == len(source.classes) >= 2
        assert all(label is None or label in source.classes for label in labels)


def test_reads_the_same_twice(source):
    first, second = (list(islice(source.examples(), 5)) for _ in range(2))
    assert [example.label for example in first] == [example.label for example in second]
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.inputs, two.inputs)
