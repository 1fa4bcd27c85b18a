"""Each finding fires on data made to have it, and all are silent on the shipped data sets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arcane.config import Data
from arcane.data.assets import ASSETS, Assets, read_assets
from arcane.data.findings import stopping
from arcane.data.ingest import ingest
from arcane.data.manifest import Record
from arcane.data.sources import fashion_mnist, named_source
from arcane.data.validation import CHECKS, blank_images, validate


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    root = tmp_path_factory.mktemp("digits")
    return tuple(ingest(named_source(Data(source="digits"), root), root, Data())), read_assets(root / ASSETS)


def codes(records, assets) -> dict[str, str]:
    return {finding.code: finding.severity for finding in validate(records, assets)}


def test_silent_on_digits(digits):
    assert validate(*digits) == []


@pytest.mark.skipif(
    not fashion_mnist.DEBIAN_FOLDER.is_dir(), reason="the Debian package dataset-fashion-mnist is missing"
)
def test_silent_on_fashion_mnist(tmp_path):
    records = ingest(named_source(Data(source="fashion-mnist"), tmp_path), tmp_path, Data())
    assert len(records) == 70_000
    assert validate(records, read_assets(tmp_path / ASSETS)) == []


def only(records, keep):
    return [record for record in records if keep(record)]


FIRED = {
    "malformed-row": (lambda r: [replace(r[0], path="x.png"), *r[1:]], "error"),
    "conflicting-labels": (
        lambda r: [replace(r[0], label=None, extra={"conflicting_labels": ["1", "2"]}), *r[1:]],
        "error",
    ),
    "single-class": (lambda r: only(r, lambda each: each.label == "3"), "error"),
    "unknown-label": (lambda r: [replace(r[0], label="O"), *r[1:]], "error"),
    "missing-images": (lambda r: [*r, Record("f" * 32, "3", row=9999, source="digits")], "error"),
    "missing-labels": (lambda r: [replace(r[0], label=None), *r[1:]], "warning"),
    "too-few-examples": (
        lambda r: only(r, lambda each: each.label != "3") + only(r, lambda each: each.label == "3")[:29],
        "warning",
    ),
    "imbalance": (
        lambda r: only(r, lambda each: each.label != "3") + only(r, lambda each: each.label == "3")[:16],
        "warning",
    ),
    "source-overlap": (lambda r: [replace(r[0], extra={"source_overlap": True}), *r[1:]], "warning"),
    "duplicates": (lambda r: [replace(r[0], duplicates=("7", "9")), *r[1:]], "note"),
}


@pytest.mark.parametrize("code", FIRED)
def test_each_finding_fires_alone(digits, code):
    records, assets = digits
    change, severity = FIRED[code]
    found = validate(change(list(records)), assets)
    together = {"imbalance": {"too-few-examples"}, "single-class": {"too-few-examples", "imbalance"}}
    assert {finding.code for finding in found} - together.get(code, set()) == {code}
    finding = next(finding for finding in found if finding.code == code)
    assert finding.severity == severity and finding.count > 0 and finding.message and finding.advice
    assert bool(stopping(found, ())) == (severity == "error")
    assert stopping(found, [code]) == []


def test_every_check_has_a_test():
    assert len(FIRED) + len({"blank-images"}) == len(CHECKS)


def test_blank_images_are_found_by_id_in_any_shard():
    class Packed(Assets):
        def shard(self, number):
            images = np.random.default_rng(number).integers(0, 256, (3, 3, 4, 4), dtype=np.uint8)
            if number == 1:
                images[2] = np.array([7, 8, 9], np.uint8)[:, None, None]  # one colour, not one value
            return images

    ids = tuple(f"{number:032x}" for number in range(6))
    assets = Packed(Path(), (3, 4, 4), ("a",), ids, ("a",) * 6, (("0", 3), ("1", 3)))
    found = list(blank_images([Record(identifier, "a", row=0) for identifier in ids], assets))
    assert [finding.ids for finding in found] == [(ids[5],)] and found[0].severity == "warning"


def test_pandera_looks_at_values_not_only_at_the_schema(digits):
    records, assets = digits
    broken = [
        replace(records[0], source=""),
        replace(records[1], label=""),
        replace(records[2], row=None),
        *records[3:],
    ]
    found = [finding for finding in validate(broken, assets) if finding.code == "malformed-row"]
    assert {finding.ids for finding in found} == {(record.id,) for record in records[:3]}
    assert codes(records, assets) == {}
