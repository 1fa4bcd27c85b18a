"""Each finding fires on data made to have it, and all are silent on the shipped data sets."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arcane.config import Data
from arcane.data.assets import Assets
from arcane.data.findings import Finding, stop_message
from arcane.data.loading import Examples
from arcane.data.manifest import COLUMNS
from arcane.data.sources import fashion_mnist, named_source
from arcane.data.validation import CHECKS, drift, read_for_validation, unrepresentative, validate
from arcane.data.validation.leakage import share_left
from arcane.data.validation.order import input_dependence
from arcane.spec import Feature, Spec, Target


class Packed(Assets):
    """Assets whose inputs are in memory, in two shards."""

    arrays: list[np.ndarray]

    def shard(self, number: int) -> np.ndarray:
        return self.arrays[number]


@dataclass(frozen=True)
class Set:
    """A data set: manifest, inputs `[n, *shape]` in its order, and what an example is."""

    frame: pl.DataFrame
    inputs: np.ndarray
    spec: Spec

    def with_(self, **columns) -> "Set":
        return replace(self, frame=self.frame.with_columns(**columns))

    def rows(self, rows) -> "Set":
        chosen = np.arange(len(self.inputs))[rows]
        return replace(self, frame=self.frame[chosen], inputs=self.inputs[chosen])

    def altered(self, change: Callable[[np.ndarray], None]) -> "Set":
        inputs = self.inputs.copy()
        change(inputs)
        return replace(self, inputs=inputs)

    def more_columns(self, name: str, values: np.ndarray, kind="number", levels=()) -> "Set":
        inputs = np.column_stack([self.inputs, values.astype(np.float32)])
        features = (*self.spec.features, Feature(name, kind, levels))
        return replace(self, inputs=inputs, spec=replace(self.spec, shape=(inputs.shape[1],), features=features))

    @property
    def assets(self) -> Assets:
        half = len(self.inputs) // 2
        shards = (("0", half), ("1", len(self.inputs) - half))
        assets = Packed(Path(), self.spec, self.frame.select("id", "label"), shards, {})
        object.__setattr__(assets, "arrays", [self.inputs[:half], self.inputs[half:]])
        return assets

    def found(self, splits=None, assets: Assets | None = None, **data) -> list[Finding]:
        return validate(self.frame, assets or self.assets, Data(modality=self.spec.modality, **data), splits)

    def codes(self, **data) -> set[str]:
        return {finding.code for finding in self.found(**data)}


def data_set(spec: Spec, inputs: np.ndarray, labels, **columns) -> Set:
    """Ids ascend; `row` counts through, shuffled: the manifest is in the order of a hash."""
    n = len(inputs)
    numbers = spec.regression
    filled = {
        "id": [f"{number:032x}" for number in range(n)],
        "label": [float(label) if numbers else str(label) for label in labels],
        "row": np.random.default_rng(0).permutation(n),
        "source": ["made"] * n,
        "batch": [0] * n,
        **columns,
    }
    schema = {name: getattr(pl, kind) for name, kind in COLUMNS.items()}
    schema |= {"duplicates": pl.List(pl.String), "label": pl.Float64 if numbers else pl.String}
    frame = pl.DataFrame({name: filled.get(name, [None] * n) for name in COLUMNS}, schema=schema)
    return Set(frame, inputs.astype(spec.dtype), spec)


def shipped(source: str, modality: str, most: int = 10_000) -> Set:
    made = named_source(Data(source=source, modality=modality), Path())
    examples = [example for _, example in zip(range(most), made.examples(), strict=False)]
    spec = Spec(modality, made.shape(), made.classes, made.features, made.target)
    inputs = np.stack([example.inputs.reshape(spec.shape) for example in examples])
    return data_set(spec, inputs, [e.label for e in examples], row=range(len(examples)))


@pytest.fixture(scope="module")
def digits() -> Set:
    """Shuffled: as they come, they stand writer by writer."""
    made = shipped("digits", "image")
    order = np.random.default_rng(1).permutation(len(made.frame))
    return data_set(made.spec, made.inputs[order], made.frame["label"].gather(order))


@pytest.fixture(scope="module")
def cancer() -> Set:
    return shipped("breast_cancer", "tabular")


@pytest.fixture(scope="module")
def waves() -> Set:
    rng = np.random.default_rng(99)
    steps, starts, speeds = np.arange(40), rng.uniform(0, 6, (400, 1)), rng.uniform(0.1, 0.6, (400, 1))
    inputs = np.sin(starts + steps * speeds) + rng.normal(0, 0.2, (400, 40))
    return data_set(Spec("sequence", (1, 40), ("a", "b")), inputs[:, None], np.where(speeds[:, 0] < 0.3, "a", "b"))


@pytest.fixture(scope="module")
def diabetes() -> Set:
    return shipped("diabetes", "tabular")


@pytest.mark.parametrize(
    ("source", "modality", "right"),
    [
        # Writer by writer, and scikit-learn does not say who wrote what.
        ("digits", "image", {("non-iid-order", "note")}),
        ("mnist1d", "sequence", set()),
        ("breast_cancer", "tabular", set()),
        ("wine", "tabular", {("non-iid-order", "note")}),  # sorted by class
        # Three pixels at the border are never inked.
        ("digits-as-table", "tabular", {("constant-column", "warning"), ("non-iid-order", "note")}),
        ("diabetes", "tabular", set()),
    ],
)
def test_the_shipped_data_sets_show_only_what_is_right(source, modality, right):
    assert {(finding.code, finding.severity) for finding in shipped(source, modality).found()} == right


@pytest.mark.skipif(
    not fashion_mnist.DEBIAN_FOLDER.is_dir(), reason="the Debian package dataset-fashion-mnist is missing"
)
def test_silent_on_fashion_mnist():
    assert shipped("fashion-mnist", "image").found() == []


def relabelled(made: Set, label: str | None, rows=(0,)) -> Set:
    labels = made.frame["label"].to_list()
    for row in rows:
        labels[row] = label
    return made.with_(label=pl.Series(labels, dtype=pl.String))


def only_few_of(made: Set, label: str, count: int) -> Set:
    of_it = (made.frame["label"] == label).to_numpy()
    return made.rows(~of_it | (of_it.cumsum() <= count))


def set_values(made: Set, at, value) -> Set:
    def change(inputs: np.ndarray) -> None:
        inputs[at] = value

    return made.altered(change)


def column(made: Set, name: str, values: dict, dtype, default=None) -> Set:
    return made.with_(**{name: pl.Series([values.get(row, default) for row in range(len(made.frame))], dtype=dtype)})


def first(made: Set, row: int) -> str:
    return made.frame["id"][row]


ON_DIGITS = {
    "malformed-row": (lambda d: column(d, "path", {0: "x.png"}, pl.String), "error", 1),
    "conflicting-labels": (
        lambda d: column(
            column(relabelled(d, None), "conflicting_labels", {0: ["1", "2"]}, pl.List(pl.String)),
            "duplicates", {0: ["9"]}, pl.List(pl.String),
        ),
        "error", 1,
    ),
    "single-class": (lambda d: d.rows((d.frame["label"] == "3").to_numpy()), "error", 183),
    "unknown-label": (lambda d: relabelled(d, "O"), "error", 1),
    "missing-labels": (lambda d: relabelled(d, None), "warning", 1),
    "too-few-examples": (lambda d: only_few_of(d, "3", 29), "warning", 29),
    "imbalance": (lambda d: only_few_of(d, "3", 16), "warning", 16),
    "source-overlap": (lambda d: column(d, "source_overlap", {0: True}, pl.Boolean), "warning", 1),
    "duplicates": (lambda d: column(d, "duplicates", {0: ["7", "9"]}, pl.List(pl.String)), "note", 2),
    "near-duplicates": (
        lambda d: column(relabelled(d, d.frame["label"][1], [2]), "near", {2: first(d, 1)}, pl.String), "note", 1,
    ),
    "conflicting-near-duplicates": (
        lambda d: column(relabelled(relabelled(d, "1", [1]), "2", [2]), "near", {2: first(d, 1)}, pl.String),
        "warning", 1,
    ),
    "blank-images": (lambda d: set_values(d, [5, 1500], 7), "warning", 2),
    "dark-images": (lambda d: d.altered(lambda x: np.floor_divide(x[:4], 8, out=x[:4])), "warning", 4),
    "bright-images": (lambda d: d.altered(lambda x: np.subtract(255, x[:4] // 32, out=x[:4])), "warning", 4),
    "low-information-images": (
        lambda d: set_values(set_values(d, slice(3), 0), (slice(3), 0, 4, 4), 255), "warning", 3,
    ),
    "odd-sizes": (
        lambda d: column(column(d, "height", {0: 25}, pl.Int64, 8), "width", {0: 25}, pl.Int64, 8), "warning", 1,
    ),
    "odd-aspect": (
        lambda d: column(column(d, "height", {0: 12}, pl.Int64, 8), "width", {0: 5}, pl.Int64, 8), "warning", 1,
    ),
    "odd-mode": (lambda d: column(d, "mode", {0: "RGB", 1: "CMYK"}, pl.String, "L"), "warning", 2),
    "low-variance": (
        lambda d: replace(d, inputs=d.inputs // 64 + np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)),
        "warning", 1797,
    ),
    "non-iid-order": (
        lambda d: d.with_(row=d.frame["label"].rank("ordinal").cast(pl.Int64)), "note", 1797,
    ),
    "unrepresentative": (
        lambda d: d.with_(domain=pl.when(pl.col("label") == "3").then(pl.lit("a")).otherwise(
            pl.Series(["a", "b"] * 900)[: len(d.frame)])),
        "warning", 1797,
    ),
}  # fmt: skip
ON_CANCER = {
    "constant-column": (lambda t: t.more_columns("always", np.full(569, 7.0)), "warning", 569),
    "identifier-column": (lambda t: t.more_columns("number", t.frame["row"].to_numpy()), "warning", 569),
    "missing-values": (lambda t: set_values(t, (slice(0, 50), 3), np.nan), "warning", 50),
    "infinite-values": (lambda t: set_values(t, (slice(0, 4), 3), np.inf), "error", 4),
    "duplicate-columns": (lambda t: t.more_columns("in inches", t.inputs[:, 0] / 2.54 + 3), "warning", 569),
    "target-leakage": (lambda t: t.more_columns("outcome", codes_of(t)), "error", 569),
}  # fmt: skip
ON_WAVES = {
    "missing-values": (lambda s: set_values(s, (slice(5), 0, slice(3, 9)), np.nan), "note", 5),
    "infinite-values": (lambda s: set_values(s, (7, 0, 3), -np.inf), "error", 1),
    "constant-sequences": (lambda s: set_values(s, slice(2), 1.5), "warning", 2),
    "odd-lengths": (lambda s: set_values(s, (slice(3), 0, slice(9, None)), np.nan), "warning", 3),
}  # fmt: skip
ON_DIABETES = {
    "target-outliers": (lambda t: t.with_(label=pl.col("label") * pl.Series([10.0] + [1.0] * 441)), "warning", 1),
    "too-few-examples": (lambda t: t.rows(slice(99)), "warning", 99),
    "target-leakage": (
        lambda t: t.more_columns("log of the outcome", np.log(t.frame["label"].to_numpy())), "error", 442,
    ),
    "single-class": (lambda t: t.with_(label=pl.lit(3.0)), "error", 442),
    "conflicting-near-duplicates": (
        lambda t: column(
            t.with_(label=pl.Series([25.0, 346.0, *t.frame["label"][2:]])), "near", {1: first(t, 0)}, pl.String
        ),
        "warning", 1,
    ),
}  # fmt: skip
# What cannot be without the other.
TOGETHER = {
    "imbalance": {"too-few-examples"},
    "single-class": {"too-few-examples", "imbalance"},
    "conflicting-labels": {"duplicates"},
    "conflicting-near-duplicates": {"near-duplicates"},
    "too-few-examples": {"non-iid-order"},
}


def codes_of(made: Set) -> np.ndarray:
    return made.frame["label"].rank("dense").to_numpy()


@pytest.mark.parametrize(
    ("base", "code"),
    [("digits", code) for code in ON_DIGITS]
    + [("cancer", code) for code in ON_CANCER]
    + [("waves", code) for code in ON_WAVES]
    + [("diabetes", code) for code in ON_DIABETES],
)
def test_each_finding_fires_alone(request, base, code):
    table = {"digits": ON_DIGITS, "cancer": ON_CANCER, "waves": ON_WAVES, "diabetes": ON_DIABETES}[base]
    clean, (change, severity, count) = request.getfixturevalue(base), table[code]
    assert clean.codes() == set()
    found = change(clean).found()
    assert {finding.code for finding in found} - TOGETHER.get(code, set()) == {code}
    finding = next(finding for finding in found if finding.code == code)
    assert (finding.severity, finding.count) == (severity, count)
    assert finding.message and finding.advice and len(finding.ids) <= 50 and "None" not in finding.message
    assert any(f.severity == "error" for f in found) == (severity == "error")
    accepted = next(f for f in change(clean).found(accept=(code,)) if f.code == code)
    assert accepted.severity == "note"
    assert ("accepted: `data.accept`" in accepted.message) == (severity != "note")


def test_missing_inputs_are_named_and_located(digits):
    found = digits.found(assets=digits.rows(slice(1, None)).assets)
    assert [(f.code, f.count, f.ids) for f in found] == [("missing-images", 1, (first(digits, 0),))]


def test_every_code_has_a_test():
    tested = {*ON_DIGITS, *ON_CANCER, *ON_WAVES, *ON_DIABETES, "missing-images"}
    assert tested == {code for check in CHECKS for code in check.codes}


def test_ids_are_the_first_fifty_and_the_count_is_all(digits):
    found = column(digits, "duplicates", {row: ["7"] for row in range(100)}, pl.List(pl.String)).found()
    assert found[0].count == 100 and found[0].ids == tuple(digits.frame["id"][:50])


def test_pandera_looks_at_values_not_only_at_the_schema(digits):
    broken = digits.with_(
        source=pl.Series(["", *["made"] * 1796]), path=pl.Series([None, "", *[None] * 1795], dtype=pl.String)
    )
    rules = {finding.message for finding in broken.found() if finding.code == "malformed-row"}
    assert any("str_length" in rule and "`source`" in rule for rule in rules)
    assert any("`path`" in rule for rule in rules) and any("`places`" in rule for rule in rules)
    assert {f.ids for f in broken.found()} == {(first(digits, 0),), (first(digits, 1),)}


def test_an_id_that_stands_twice_is_malformed(digits):
    twice = digits.with_(id=pl.Series([first(digits, 1), *digits.frame["id"][1:]]))
    assert [f.count for f in validate(twice.frame, digits.assets) if f.code == "malformed-row"] == [2]


def test_a_message_tells_how_to_go_on(digits):
    text = stop_message(relabelled(digits, "O").found())
    assert "add unknown-label to data.accept in params.yaml" in text and "'O', which is no class" in text


def test_errors_come_first(digits):
    broken = column(relabelled(digits, "O"), "duplicates", {0: ["7"], 3: ["8"]}, pl.List(pl.String))
    assert [f.severity for f in broken.found()] == ["error", "note"]


@pytest.mark.parametrize("transform", [np.exp, np.negative, np.square, lambda y: np.round(y, 1)])
def test_any_transform_of_the_target_leaks(diabetes, transform):
    target = diabetes.frame["label"].to_numpy() / 100
    assert "target-leakage" in diabetes.more_columns("made of it", transform(target)).codes()


def test_one_of_a_hundred_wrong_still_leaks(diabetes):
    rng = np.random.default_rng(0)
    digits = shipped("digits-as-table", "tabular")
    codes = codes_of(digits) + rng.normal(0, 0.01, 1797)
    codes[rng.random(1797) < 0.01] = 4
    assert "target-leakage" in digits.more_columns("nearly", codes).codes()


def test_a_column_that_helps_does_not_leak(diabetes):
    target = diabetes.frame["label"].to_numpy()
    half = target + np.random.default_rng(0).normal(0, target.std() / 2, 442)
    assert "target-leakage" not in diabetes.more_columns("a good one", half).codes()
    assert share_left(np.arange(100.0), np.repeat([1.0, 2.0], 50), False) > 0.05  # 150 irises, one told by its petals
    assert share_left(np.random.default_rng(0).normal(size=5000), np.tile([1.0, 2.0], 2500), False) == 1.0


def test_missing_values_that_tell_the_class_leak(cancer):
    values = np.random.default_rng(0).normal(size=569)
    values[(cancer.frame["label"] == cancer.spec.classes[0]).to_numpy()] = np.nan
    assert "target-leakage" in cancer.more_columns("date of death", values).codes()


def test_numbers_that_are_honestly_all_different_are_no_identifier(cancer):
    rng = np.random.default_rng(0)
    assert cancer.more_columns("price in cents", rng.integers(0, 10**6, 569)).codes() == set()
    names = tuple(f"customer {number}" for number in range(569))
    assert cancer.more_columns("name", rng.permutation(569) + 1, "category", names).codes() == {"identifier-column"}


def test_outliers_of_skewed_targets_are_no_outliers(diabetes):
    skewed = np.exp(np.random.default_rng(0).normal(0, 1.5, 442))
    assert diabetes.with_(label=pl.Series(skewed)).codes() == set()


def test_a_table_that_hardly_varies(cancer):
    still = set_values(cancer, (slice(4, None), slice(0, 20)), 1.0)
    assert "low-variance" in still.codes()


def test_examples_that_follow_one_another_are_not_independent(digits):
    walk = np.random.default_rng(0).normal(size=(1000, 5)).cumsum(axis=0)
    assert input_dependence(walk)[0] > 0.5
    assert abs(input_dependence(walk[np.random.default_rng(1).permutation(1000)])[0]) < 0.05
    runs = np.arange(1797) // 50 % 10
    times = pl.Series([f"2024-01-01T{row // 60:02d}:{row % 60:02d}" for row in range(1797)])
    dated = digits.with_(label=pl.Series(runs).cast(pl.String), time=times)
    found = dated.found()
    assert [(f.code, f.severity) for f in found] == [("non-iid-order", "warning")] and "by time" in found[0].message
    assert dated.codes(split="time") == set()
    assert digits.with_(time=times).codes() == set()


def splits_of(made: Set, shares=(0.6, 0.2, 0.2)) -> pl.DataFrame:
    names = np.random.default_rng(1).choice(["train", "validation", "test"], len(made.frame), p=shares)
    return made.frame.select("id").with_columns(split=pl.Series(names))


def test_what_a_split_lacks_is_named(digits):
    n = len(digits.frame)
    splits = splits_of(digits)
    days = pl.Series([f"2024-{1 + row * 12 // n:02d}" for row in range(n)])
    full = digits.with_(
        time=days, domain=pl.Series(["a", "b"] * n)[:n], group=pl.Series(list(range(n))).cast(pl.String)
    )
    assert unrepresentative(full.frame, splits, Data()) == []
    late = splits.with_columns(split=pl.when(days >= "2024-11").then(pl.lit("test")).otherwise("split"))
    found = unrepresentative(full.frame, late, Data())
    assert [f.code for f in found] == ["unrepresentative"]
    assert "train holds nothing of the time 2024-1" in found[0].message
    assert unrepresentative(full.frame, late, Data(split="time")) == []
    no_nines = splits.with_columns(
        split=pl.when((full.frame["label"] == "9") & (pl.col("split") == "validation"))
        .then(pl.lit("train"))
        .otherwise("split")
    )
    assert "validation holds no example of 9" in unrepresentative(full.frame, no_nines, Data())[0].message
    of_a = splits.with_columns(split=pl.when(full.frame["domain"] == "a").then(pl.lit("train")).otherwise("split"))
    assert "test holds nothing of the domain a" in unrepresentative(full.frame, of_a, Data())[0].message
    assert unrepresentative(full.frame, of_a, Data(target_domain="b")) == []
    pairs = full.frame.with_columns(group=pl.lit("one"))
    assert "very few groups: test (1)" in unrepresentative(pairs, splits, Data())[0].message
    assert [f.code for f in full.found(splits=no_nines)] == ["unrepresentative"]


def examples(made: Set, rows: np.ndarray) -> Examples:
    part = made.rows(rows)
    if made.spec.regression:
        labels = part.frame["label"].to_numpy().astype(np.float32)
    else:
        labels = np.array([made.spec.classes.index(label) for label in part.frame["label"]])
    return Examples(tuple(part.frame["id"]), part.inputs, labels, made.spec)


@pytest.mark.parametrize("source", ["digits", "cancer", "waves", "diabetes"])
def test_drift_is_silent_on_splits_at_random(request, source):
    made = request.getfixturevalue(source)
    for seed in range(5):
        trains = np.random.default_rng(seed).random(len(made.frame)) < 0.7
        assert drift(examples(made, trains), examples(made, ~trains), "validation") == []


def test_drift_names_the_column_that_moved(cancer):
    trains = np.random.default_rng(0).random(569) < 0.5
    other = examples(cancer, ~trains)
    moved = other.inputs.copy()
    moved[:, 1] += 1.0 * cancer.inputs[:, 1].std()
    found = drift(examples(cancer, trains), Examples(other.ids, moved, other.labels, other.spec), "test")
    assert [(f.code, f.severity) for f in found] == [("split-drift", "warning")]
    assert cancer.spec.features[1].name in found[0].message and found[0].evidence["low"] > 0.6


def test_drift_sees_light_noise_and_classes(digits):
    trains = np.random.default_rng(0).random(1797) < 0.5
    train, other = examples(digits, trains), examples(digits, ~trains)
    darker = Examples(other.ids, (other.inputs * 0.7).astype(np.uint8), other.labels, other.spec)
    noise = np.random.default_rng(0).normal(0, 40, other.inputs.shape)
    noisy = Examples(other.ids, np.clip(other.inputs + noise, 0, 255).astype(np.uint8), other.labels, other.spec)
    for changed in (darker, noisy):
        assert [f.code for f in drift(train, changed, "test")] == ["split-drift"]
    kept = (other.labels < 7) | (np.arange(len(other)) % 4 == 0)
    found = drift(train, other.subset(kept), "test")
    assert any("change their class" in finding.message for finding in found)


def test_names_that_only_the_last_lines_have_are_read(tmp_path):
    path = tmp_path / "manifest.jsonl"
    lines = [f'{{"id": "{number:032x}", "label": "a", "row": {number}, "source": "s"}}\n' for number in range(100_001)]
    path.write_text("".join(lines))
    assert "conflicting_labels" not in read_for_validation(path).columns
    lines[-1] = lines[-1].replace('"label": "a"', '"conflicting_labels": ["a", "b"], "label": null')
    path.write_text("".join(lines))
    assert read_for_validation(path)["conflicting_labels"][-1].to_list() == ["a", "b"]


def test_targets_that_are_no_numbers_are_unknown():
    spec = Spec("tabular", (1,), (), (Feature("x"),), Target("y", "m"))
    made = data_set(spec, np.random.default_rng(0).normal(size=(200, 1)), np.random.default_rng(1).normal(size=200))
    assert made.codes() == set()
    worded = made.with_(label=pl.Series(["tall", *["1.5", "2.5"] * 99, "2"]))
    found = [f for f in worded.found() if f.code == "unknown-label"]
    assert [f.count for f in found] == [1] and "'tall' for y" in found[0].message


def test_a_set_without_examples_is_one_error(digits):
    assert digits.rows(slice(0)).codes() == {"single-class", "too-few-examples"}
