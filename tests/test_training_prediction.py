"""Prediction on files of every kind: the same inputs as in training, no labels needed, wrong files named."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from diagnosis_tasks import make, template_project
from hypothesis import given, settings
from hypothesis import strategies as st

from arcane.config import Data
from arcane.data.loading import Examples
from arcane.data.packing import fitted
from arcane.data.sources import named_source
from arcane.data.sources.unlabelled import read_inputs
from arcane.errors import UserError
from arcane.spec import Spec
from arcane.training.inference import predict, predict_files, save_model

SHIP = """deck,age,boarded,alone,fare,survived
A,22,2024-01-31,yes,7.25,no
C,38,2024-02-29,no,71.3,yes
A,,2024-03-01,no,8.05,yes
,35,2024-03-02,yes,53.1,no
C,54,,no,51.9,no
A,2,2024-03-04,yes,,yes
"""


def source_of(folder, modality: str, content: dict[str, Any]) -> tuple[Spec, np.ndarray, Any]:
    """What ingest makes of files in `folder`: the spec, the packed inputs and the source."""
    raw = folder / "data/raw"
    raw.mkdir(parents=True)
    for name, write in content.items():
        write(raw / name)
    source = named_source(Data(modality=modality, source="own"), folder)
    spec = Spec(source.modality, source.shape(), source.classes, source.features, source.target)
    return spec, np.stack([fitted(example.inputs, spec) for example in source.examples()]), source


def saved(folder, spec: Spec, inputs: np.ndarray):
    """A fresh model on these inputs, saved, and the project that its task is of."""
    labels = np.arange(len(inputs)).astype(np.float32 if spec.regression else np.int64) % max(1, len(spec.classes) or 9)
    train = Examples(tuple(map(str, range(len(inputs)))), inputs, labels, spec)
    task = make(changes={"model.name": "mlp"}, train=train)
    save_model(folder, task, "template")
    return task, template_project()


def test_a_table_is_read_as_in_training_whatever_its_columns_order(tmp_path):
    spec, packed, _ = source_of(tmp_path, "tabular", {"ship.csv": lambda path: path.write_text(SHIP)})
    assert [feature.kind for feature in spec.features] == ["category", "number", "number", "number", "number"]
    table = pl.read_csv(SHIP.encode(), infer_schema=False).drop("survived")
    files = {"a.csv": table, "b.csv": table.select(*reversed(table.columns)).with_columns(more=pl.lit("x"))}
    for name, frame in files.items():
        frame.write_csv(tmp_path / name)
        np.testing.assert_array_equal(read_inputs(tmp_path / name, spec), packed)
    typed = pl.read_csv(SHIP.encode(), try_parse_dates=True)
    typed.write_parquet(tmp_path / "c.parquet")
    np.testing.assert_array_equal(read_inputs(tmp_path / "c.parquet", spec), packed)
    table.with_columns(pl.col("fare").str.replace(".", ",", literal=True)).write_csv(tmp_path / "d.csv", separator=";")
    np.testing.assert_array_equal(read_inputs(tmp_path / "d.csv", spec), packed)


def test_a_category_that_training_never_saw_is_unknown(tmp_path):
    spec, _, _ = source_of(tmp_path, "tabular", {"ship.csv": lambda path: path.write_text(SHIP)})
    (tmp_path / "new.csv").write_text("deck,age,boarded,alone,fare\nZ,1,2024-01-01,no,1\n,inf,2024-01-01,no,1\n")
    inputs = read_inputs(tmp_path / "new.csv", spec)
    assert inputs[0, 0] == 0 and math.isnan(inputs[1, 0]) and math.isnan(inputs[1, 1])


def test_what_a_table_lacks_is_named(tmp_path):
    spec, packed, _ = source_of(tmp_path, "tabular", {"ship.csv": lambda path: path.write_text(SHIP)})
    _, project = saved(tmp_path / "model", spec, packed)
    (tmp_path / "few.csv").write_text("deck,boarded,alone\nA,2024-01-01,no\n")
    (tmp_path / "text.csv").write_text("deck,age,boarded,alone,fare\nA,old,2024-01-01,no,1\n")
    (tmp_path / "empty.csv").write_text("deck,age,boarded,alone,fare\n")
    (tmp_path / "picture.png").write_bytes(b"")
    names = ["few.csv", "text.csv", "empty.csv", "picture.png", "missing.csv"]
    with pytest.raises(UserError) as caught:
        predict_files([tmp_path / name for name in names], tmp_path / "model", project)
    messages = str(caught.value).splitlines()
    assert [name in message for name, message in zip(names, messages, strict=True)] == [True] * 5
    assert "lacks 2 columns that the model reads: age, fare" in messages[0]
    assert "`age`" in messages[1] and "old" in messages[1]
    assert "nothing to predict for" in messages[2] and "expected a file with tabular data" in messages[3]
    assert "not there" in messages[4]


def test_predictions_of_a_table_name_rows_and_classes(tmp_path):
    spec, packed, _ = source_of(tmp_path, "tabular", {"ship.csv": lambda path: path.write_text(SHIP)})
    task, project = saved(tmp_path / "model", spec, packed)
    file = tmp_path / "data/raw/ship.csv"
    found = predict_files([file, file], tmp_path / "model", project)
    assert [prediction.row for prediction in found] == [*range(6), *range(6)]
    rows = [[prediction.probabilities[name] for name in spec.classes] for prediction in found[:6]]
    np.testing.assert_allclose(rows, predict(task, packed), rtol=1e-5)
    assert str(found[1]).startswith(f"{file}, row 1: {found[1].label} (")


def test_predictions_of_a_regression_are_in_the_targets_unit(tmp_path):
    raw = tmp_path / "data/raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "price": 1000 + 50 * x[:, 0]}).write_csv(raw / "houses.csv")
    source = named_source(Data(modality="tabular", source="own", unit="EUR"), tmp_path)
    spec = Spec(source.modality, source.shape(), source.classes, source.features, source.target)
    packed = np.stack([example.inputs for example in source.examples()])
    labels = np.array([example.label for example in source.examples()], np.float32)
    train = Examples(tuple(map(str, range(60))), packed, labels, spec)
    task = make(changes={"model.name": "linear"}, train=train)
    save_model(tmp_path / "model", task, "template")
    project = template_project()
    (tmp_path / "new.csv").write_text("a,b\n0,0\n1,2\n")
    found = predict_files([tmp_path / "new.csv"], tmp_path / "model", project)
    assert [prediction.label for prediction in found] == [None, None]
    assert all(900 < prediction.estimate < 1100 for prediction in found)
    assert str(found[0]).endswith(" EUR") and ", row 0: " in str(found[0])


@pytest.mark.parametrize("form", ["npz", "ragged.npz", "parquet", "ts"])
def test_sequences_are_read_as_in_training_and_need_no_labels(tmp_path, form):
    rng = np.random.default_rng(0)
    series = [rng.normal(size=length).round(3).astype(np.float32) for length in (5, 9, 7, 9)]
    labels = ["a", "b", "a", "b"]

    def write(path, labelled: bool):
        if form.endswith("npz"):
            ragged = form.startswith("ragged")
            x = np.concatenate(series) if ragged else np.stack([np.pad(s, (0, 9 - len(s))) for s in series])
            arrays = {"x": x, "lengths": np.array([len(s) for s in series])}
            np.savez(path, **arrays, **({"y": np.array(labels)} if labelled else {}))
        elif form == "parquet":
            frame = pl.DataFrame({"signal": [s.tolist() for s in series]})
            (frame.with_columns(label=pl.Series(labels)) if labelled else frame).write_parquet(path)
        else:
            lines = [
                ",".join(map(str, s)) + ":" + (label if labelled else "?")
                for s, label in zip(series, labels, strict=True)
            ]
            header = "@problemName x\n@univariate true\n@equalLength false\n@classLabel true a b\n@data\n"
            path.write_text(header + "\n".join(lines) + "\n")

    ending = form.rsplit(".", 1)[-1]
    spec, packed, _ = source_of(tmp_path, "sequence", {f"x.{ending}": lambda path: write(path, True)})
    assert spec.shape == (1, 9)
    new = tmp_path / f"new.{ending}"
    write(new, False)
    np.testing.assert_allclose(read_inputs(new, spec), packed, rtol=1e-6)
    _, project = saved(tmp_path / "model", spec, packed)
    assert [prediction.row for prediction in predict_files([new], tmp_path / "model", project)] == [0, 1, 2, 3]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(1, 12))
def test_sequences_that_do_not_fit_are_refused(tmp_path_factory, channels, length):
    folder = tmp_path_factory.mktemp("sequences")
    np.savez(folder / "new.npz", x=np.zeros((2, channels, length)))
    spec = Spec("sequence", (2, 8), ("a", "b"))
    if channels == 2 and length <= 8:
        found = read_inputs(folder / "new.npz", spec)
        assert found.shape == (2, 2, 8) and np.isnan(found[:, :, length:]).all() and (found[:, :, :length] == 0).all()
    else:
        with pytest.raises(UserError, match="the model reads"):
            read_inputs(folder / "new.npz", spec)
