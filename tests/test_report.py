"""The page: its facts, its bytes, its escapes, and how a browser sees it. It is made from files: they are made here."""

import hashlib
import html
import json
import math
import re
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcane.data.assets import write_assets
from arcane.data.rates import Average, Rate
from arcane.diagnosis.error_analysis import analyse_estimates
from arcane.errors import UserError
from arcane.files import write_json
from arcane.report import figures, render_page, words
from arcane.report.words import Measure
from arcane.spec import Feature, Spec, Target

DIGITS = tuple("0123456789")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

PARAMS = """\
seed: 0
goal:
  error: 0.01
  source: human level on clean digits, by two people's reading of 500 of them
data:
  source: digits
model:
  name: lenet
train:
  epochs: 30
improve:
  budget: 2000000
"""


def rate(wrong, n):
    return Rate(wrong, n).as_json()


def curve(epochs, train, validation, floor=0.004):
    """Learning curves that fall to `train` and `validation` error."""
    rows = []
    for epoch in range(1, epochs + 1):
        left = math.exp(-5 * (epoch - 1) / epochs)
        wobble = 0.006 * math.sin(epoch * 2.1) * left
        rows.append(
            {
                "epoch": epoch,
                "train_loss": floor + 2.2 * left**1.2,
                "train_error": max(0.0, train + 0.7 * left**1.5 + wobble),
                "validation_loss": floor * 3 + 2.2 * left**1.2 + 0.12 * (1 - left) * (epoch / epochs),
                "validation_error": max(0.0, validation + 0.66 * left**1.5 - wobble),
                "learning_rate": 3e-4,
                "seen": 1149 * epoch,
            }
        )
    return rows


def confusion_of(errors, per_class, k):
    """A matrix with `per_class` examples a class and the `errors` {(label, predicted): n} off its diagonal."""
    matrix = [[0] * k for _ in range(k)]
    for (label, predicted), n in errors.items():
        matrix[label][predicted] = n
    for label in range(k):
        matrix[label][label] = per_class - sum(matrix[label])
    return matrix


def by_class(classes, matrix):
    rows = []
    for i, name in enumerate(classes):
        n, wrong = sum(matrix[i]), sum(matrix[i]) - matrix[i][i]
        rows.append({"class": name, "n": n, "wrong": wrong, **{k: v for k, v in rate(wrong, n).items() if k != "n"}})
    return rows


def round_of(number, action, why, change, before, after, p, kept, dominant="variance"):
    addresses = "under-fitting" if dominant == "bias" else "over-fitting"
    before, after = (
        dict(zip(("train", "validation"), (rate(*r) for r in rates), strict=True)) for rates in (before, after)
    )
    return {
        "round": number,
        "dominant": dominant,
        "action": action,
        "addresses": addresses,
        "why": why,
        "change": change,
        "before": before,
        "after": after,
        "p_value": p,
        "kept": kept,
        "seeds": 3,
        "seen": 34470,
    }


def rounds():
    start, bigger = ((24, 1149), (15, 288)), ((3, 1149), (11, 288))
    normal, turned = ((0, 1149), (9, 288)), ((6, 1149), (5, 288))
    return [
        round_of(1, "bigger-model", "Training error is above the goal: the network is too small to fit what it sees.",
                 {"model.width": [1.0, 2.0]}, start, bigger, 0.031, True, "bias"),
        round_of(2, "schedule", "A falling rate settles where a constant one circles.",
                 {"train.schedule": ["constant", "cosine"]}, bigger, ((2, 1149), (11, 288)), 0.61, False),
        round_of(3, "batch-norm", "`model.normalization` steadies training and regularises a little.",
                 {"model.normalization": ["none", "batch"]}, bigger, normal, 0.048, True),
        round_of(4, "augmentation", "Small shifts and turns make more training data of what there is.",
                 {"train.augmentation": ["none", "shift"], "train.epochs": [30, 45]}, normal, turned, 0.0007, True),
        round_of(5, "dropout", "Units that cannot rely on each other over-fit less.",
                 {"model.dropout": [0.0, 0.2]}, turned, ((9, 1149), (6, 288)), 0.73, False),
        round_of(6, "weight-decay", "Small weights over-fit less.",
                 {"train.weight_decay": [0.0, 0.0001]}, turned, ((7, 1149), (5, 288)), 1.0, False),
    ]  # fmt: skip


def pack(root, source, spec, ids, labels, inputs):
    """Packed examples, in the order of their ids."""
    order = np.argsort(ids)
    (root / "data/assets").mkdir(parents=True)
    examples = pl.DataFrame({"id": [ids[i] for i in order], "label": [labels[i] for i in order]})
    write_assets(root / "data/assets", source, spec, examples, lambda start, stop: inputs[order[start:stop]])


def make_project(root, classes=DIGITS):
    """Reports of a finished run on scikit-learn's digits, consistent with each other; ten classes, any names."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images[:, None] * 15.9375).astype(np.uint8)
    ids = [hashlib.sha256(image.tobytes()).hexdigest()[:32] for image in images]
    spec = Spec("image", (1, 8, 8), tuple(classes))
    pack(root, "digits", spec, ids, [classes[label] for label in digits.target], images)

    wrong = {(8, 1): 2, (9, 7): 1, (3, 8): 1, (5, 9): 1, (4, 9): 1, (1, 8): 1}
    matrix = confusion_of(wrong, 36, 10)
    picks = [
        int(np.flatnonzero(digits.target == label)[5 + 3 * turn]) for turn in range(2) for label in (8, 9, 3, 5, 4, 1)
    ]
    guesses = [1, 7, 8, 9, 9, 8, 1, 9, 3, 5, 4, 1]
    worst = [
        {
            "id": ids[pick],
            "label": classes[digits.target[pick]],
            "predicted": classes[guess],
            "probability": round(0.99 - 0.04 * place, 4),
            "loss": round(5.2 - 0.4 * place, 4),
        }
        for place, (pick, guess) in enumerate(zip(picks, guesses, strict=True))
    ]
    per_class = by_class(classes, matrix)
    params = {
        "model": {"name": "lenet", "width": 1.0, "normalization": "none", "dropout": 0.0},
        "train": {"optimizer": "adam", "learning_rate": 0.0003, "epochs": 30, "augmentation": "none"},
    }
    best = {
        "model": {**params["model"], "width": 2.0, "normalization": "batch"},
        "train": {**params["train"], "epochs": 45, "augmentation": "shift"},
    }
    goal = {"value": 0.01, "low": 0.01, "high": 0.01, "n": None}
    reports = {
        "validation": {
            "schema": 1,
            "examples": 1797,
            "classes": {name: 180 - (i % 3) for i, name in enumerate(classes)},
            "findings": [
                {
                    "code": "near-duplicates",
                    "severity": "warning",
                    "count": 14,
                    "ids": ids[:14],
                    "message": "14 images differ from another by less than 2 % of their range.",
                    "advice": "Look at them; they are kept in one split, so they cannot leak.",
                },
                {
                    "code": "small-images",
                    "severity": "note",
                    "count": 0,
                    "ids": [],
                    "message": "Images are 8 x 8 pixels.",
                    "advice": "Set `data.resolution` if the source has larger ones.",
                },
            ],
        },
        "splits": {
            "schema": 1,
            "seed": 0,
            "splits": {
                "train": {"n": 1149, "classes": {name: 115 - (i == 4) for i, name in enumerate(classes)}},
                "validation": {"n": 288, "classes": {name: 29 - (i > 7) for i, name in enumerate(classes)}},
                "test": {"n": 360, "classes": dict.fromkeys(classes, 36)},
            },
            "reasons": [
                "The source brings no split of its own: 20 % is kept for the test, 20 % of the rest for validation.",
                "Drawn by class, by content id and seed 0: new data moves no old example.",
                "The data is too small for the 4 % interval that `data.confidence_width` asks for.",
            ],
            "smallest_difference_seen": 0.031,
            "test_interval_width": 0.052,
        },
        "examination": {
            "schema": 1,
            "verdict": "no error found",
            "seconds": None,
            "measurements": {"loss_at_init": 2.3119, "loss_expected": 2.3026, "one_batch_loss": 0.0007},
            "findings": [
                {
                    "code": "dead-units",
                    "severity": "note",
                    "evidence": {"share": 0.043},
                    "expected": "below 0.5",
                    "location": "src/digits/task.py:41",
                    "message": "4.3 % of the units in `features.3` are silent at the start.",
                    "advice": "Nothing to do; above half, lower the learning rate.",
                    "count": 0,
                    "ids": [],
                }
            ],
        },
        "baseline": {
            "schema": 1,
            "params": params,
            "parameters": 12106,
            "seen": 34470,
            "curve": curve(30, 0.021, 0.052),
            "errors": {"train": rate(24, 1149), "validation": rate(15, 288)},
        },
        "diagnosis": {
            "schema": 1,
            "errors": {"goal": goal, "train": rate(24, 1149), "validation": rate(15, 288)},
            "gaps": {
                "bias": {"value": 0.0109, "low": 0.0041, "high": 0.0209},
                "variance": {"value": 0.0312, "low": 0.009, "high": 0.063},
                "data_mismatch": None,
            },
            "dominant": "undecided",
            "verdict": "variance (3.1 points) and bias (1.1) overlap; 900 more validation examples would tell.",
            "baselines": {"majority": rate(258, 288), "linear": rate(13, 288)},
            "goal_source": "human level on clean digits, by two people's reading of 500 of them",
        },
        "errors": {"schema": 1, "split": "validation", "classes": list(classes), "confusion": matrix,
                   "per_class": per_class, "worst": worst},
        "improvement": {
            "schema": 1,
            "rounds": rounds(),
            "stopped": "exhausted",
            "reason": "Six actions were tried; none that is left lowers validation error beyond noise.",
            "spent": 1240920,
            "budget": 2000000,
            "requests": [
                {"kind": "collect",
                 "message": "About 900 more training examples should bring validation error from 1.7 to 1.2 %.",
                 "classes": [classes[8], classes[9]], "ids": [], "count": 900},
                {"kind": "check-labels", "message": "Three of the worst examples look like another class.",
                 "classes": [], "ids": ids[:3], "count": 3},
            ],
            "best": {"params": best, "parameters": 47386, "curve": curve(45, 0.006, 0.017, 0.01),
                     "errors": {"train": rate(6, 1149), "validation": rate(5, 288)}},
        },
        "metrics": {
            "schema": 1,
            "errors": {"goal": goal, "train": rate(6, 1149), "validation": rate(5, 288), "test": rate(7, 360)},
            "models": {
                "majority": {"validation": rate(258, 288), "test": rate(323, 360), "parameters": None},
                "linear": {"validation": rate(13, 288), "test": rate(15, 360), "parameters": 650},
                "baseline": {"validation": rate(15, 288), "test": rate(17, 360), "parameters": 12106},
                "best": {"validation": rate(5, 288), "test": rate(7, 360), "parameters": 47386},
            },
            "validation_overfit": {"value": 0.0021, "low": -0.021, "high": 0.023},
            "parameters": 47386,
            "test": {
                "split_digest": hashlib.sha256(b"split").hexdigest(),
                "model_digest": hashlib.sha256(b"model").hexdigest(),
                "openings": 1,
            },
            "classes": list(classes),
            "confusion": matrix,
            "per_class": per_class,
            "worst": worst,
        },
    }  # fmt: skip
    for name, content in reports.items():
        write_json(root / "reports" / f"{name}.json", content)
    (root / "params.yaml").write_text(PARAMS, encoding="utf-8")
    (root / "LOGBOOK.md").write_text(
        "# Logbook\n\n## Round 1: bigger-model\n\nExpected less bias; got it.\n", encoding="utf-8"
    )
    (root / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n"
        "  ingest:\n    cmd: python -m digits stage ingest\n"
        "    outs:\n    - path: data/assets\n      md5: 0123456789abcdef.dir\n"
        "  report:\n    cmd: python -m digits stage report\n"
        "    outs:\n    - path: reports/report.html\n      md5: feedfeedfeed\n",
        encoding="utf-8",
    )
    return root


def make_regression(root, spec, inputs, unit="points"):
    """Reports of a finished run that estimates a number, over given inputs."""
    rng = np.random.default_rng(0)
    n = len(inputs)
    ids = [hashlib.sha256(str(i).encode()).hexdigest()[:32] for i in range(n)]
    targets = np.round(rng.normal(150, 77, n), 1)
    said = 150 + 0.6 * (targets - 150) + rng.normal(0, 40, n)
    pack(root, "own", spec, ids, targets.tolist(), inputs)

    def average(value, examples):
        return Average(value, 1.4 * value, examples, 77.0, unit).as_json()

    analysis = analyse_estimates(said, targets, ids, 77.0, "progression", unit).as_json("test")
    goal = {"value": 0.3, "low": 0.3, "high": 0.3, "n": None}
    params = {"model": {"name": "mlp", "width": 1.0}, "train": {"epochs": 20}}
    errors = {"train": average(0.42, 280), "validation": average(0.52, 80)}
    reports = {
        "validation": {"schema": 1, "examples": n, "findings": []},
        "splits": {"schema": 1, "splits": {"train": {"n": 280, "classes": {"0": 60, "1": 55}}},
                   "smallest_difference_seen": 0.15, "test_interval_width": 0.33},
        "examination": {"schema": 1, "verdict": "no error found", "findings": [], "measurements": {}},
        "baseline": {"schema": 1, "params": params, "curve": curve(20, 0.45, 0.52), "errors": errors},
        "diagnosis": {"schema": 1, "errors": {"goal": goal, **errors}, "dominant": "bias", "verdict": "Bias first.",
                      "gaps": {}, "baselines": {"mean": average(1.1, 80)}, "goal_source": "a paper"},
        "errors": {"schema": 1, **analysis},
        "improvement": {
            "schema": 1, "stopped": "exhausted", "reason": "Nothing helps.", "requests": [], "spent": 5, "budget": 9,
            "rounds": [{**round_of(1, "bigger-model", "More.", {"model.width": [1, 2]}, ((1, 2), (1, 2)),
                                   ((1, 3), (1, 2)), 0.4, False),
                        "before": {"train": 0.42, "validation": 0.52}, "after": {"train": 0.3, "validation": 0.6}}],
            "best": {"params": params, "parameters": 18183, "curve": curve(20, 0.45, 0.52), "errors": errors},
        },
        "metrics": {
            "schema": 1, **{name: value for name, value in analysis.items() if name != "split"},
            "errors": {"goal": goal, **errors, "test": average(0.49, n)},
            "models": {name: {"validation": average(value, 80), "test": average(value, n)}
                       for name, value in {"mean": 1.13, "linear": 0.54, "neighbours": 0.68, "trees": 0.76,
                                           "baseline": 0.49, "best": 0.49}.items()},
            "validation_overfit": {"value": -0.03, "low": -0.2, "high": 0.17},
            "parameters": 18183,
            "test": {"split_digest": "s", "model_digest": "m", "openings": 2},
        },
    }  # fmt: skip
    for name, content in reports.items():
        write_json(root / "reports" / f"{name}.json", content)
    kind = f"source: own\n  modality: {spec.modality}\n  unit: {unit}"
    (root / "params.yaml").write_text(PARAMS.replace("source: digits", kind).replace("0.01", "0.3"), encoding="utf-8")
    return root


TABLE = Spec(
    "tabular",
    (3,),
    features=(Feature("age"), Feature("blood pressure"), Feature("clinic <b>", "category", ("north", "south"))),
    target=Target("progression", "points"),
)
CURVES = Spec("sequence", (2, 50), target=Target("progression", "points"))


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(1)
    rows = np.column_stack([rng.integers(20, 80, 90), rng.normal(80, 10, 90), np.arange(90) % 3]).astype(np.float32)
    rows[::2, 1] = np.nan
    return make_regression(tmp_path_factory.mktemp("table"), TABLE, rows)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    inputs = np.random.default_rng(1).normal(size=(90, 2, 50)).cumsum(2).astype(np.float32)
    inputs[:, :, 40:] = np.nan
    return make_regression(tmp_path_factory.mktemp("series"), CURVES, inputs)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(project):
    return render_page(project).read_text(encoding="utf-8")


def visible(page):
    """The page's text as a person reads it."""
    body = re.sub(r"<(style|title|svg)\b.*?</\1>", " ", page[page.index("<body") :], flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)).replace("\u00a0", " "))


def test_first_screen_answers(page):
    first = visible(page[: page.index('id="course"')])
    assert "The model is wrong on 1.9 % of new examples, within 0.95 to 4.0 %" in first  # 7 of 360, Wilson
    assert "It got 7 of 360 test examples wrong" in first
    assert "The goal is 1 % : human level on clean digits, by two people's reading of 500 of them" in first
    assert "The goal of 1 % lies inside the interval: the test cannot tell them apart." in first
    for name, error in (
        ("Always the most frequent class", "89.7 %"),
        ("A linear model", "4.2 %"),
        ("LeNet, the baseline", "4.7 %"),
    ):
        assert name in first and error in first
    assert "900 more validation examples would tell." in first
    assert "6 actions tried, 3 kept" in first
    assert "Tried and undone: schedule, dropout, weight decay" in first
    assert "Nothing was left to try" in first and "About 900 more training examples" in first


def test_every_round_stands_in_the_table(page):
    rows = [visible("<body" + row) for row in re.findall(r'<tr class="was-(?:kept|undone)".*?</tr>', page, flags=re.S)]
    assert len(rows) == 6
    for row, entry in zip(rows, rounds(), strict=True):
        assert entry["action"].replace("-", " ") in row
        assert entry["why"].replace("`", "") in re.sub(r"\s+", " ", row)
        assert ("✓ kept" in row) == entry["kept"] and ("↺ undone" in row) != entry["kept"]
        for name, (old, new) in entry["change"].items():
            assert f"{name} {words.setting(old)} → {words.setting(new)}" in row
        before, after = entry["before"]["validation"]["value"], entry["after"]["validation"]["value"]
        assert f"{words.digits(before)} → {words.digits(after)}" in row
    assert "< 0.001" in rows[3] and "0.031" in rows[0]


def test_the_rest_of_the_report_is_there(page):
    text = visible(page)
    assert "near-duplicates" in text and "and 6 more" in text
    assert "The data is too small for the 4 % interval that data.confidence_width asks for." in text
    assert "No error found." in text and "src/digits/task.py:41" in text
    assert "The test was opened once." in text and hashlib.sha256(b"split").hexdigest() in text
    assert "model.normalization none batch" in text
    assert "python -m digits stage ingest" in text and "0123456789abcdef.dir" in text
    assert "Expected less bias; got it." in text
    assert page.count("data:image/png;base64,") == 12


def test_the_page_does_not_name_what_is_made_from_it(page):
    assert "feedfeedfeed" not in page and "stage report" not in page


def test_the_page_asks_for_nothing_beside_it(page):
    assert "http://" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "") and "https://" not in page
    assert all(source.startswith("data:") for source in re.findall(r'\bsrc="([^"]*)"', page))
    assert all(target.startswith("#") for target in re.findall(r'\bhref="([^"]*)"', page))
    assert not re.search(r"<script|<link|@import|url\(", page)


def test_same_files_same_bytes(tmp_path, page):
    assert render_page(make_project(tmp_path / "elsewhere")).read_text(encoding="utf-8") == page
    assert str(tmp_path) not in page


def test_names_are_escaped(tmp_path):
    name = "<script>alert(1)</script>"
    root = make_project(tmp_path, (name, *DIGITS[1:8], "8", '"onload="x'))
    improvement = json.loads((root / "reports/improvement.json").read_text())
    improvement["rounds"][0]["why"] = "<img src=x onerror=alert(1)> and `<b>`"
    write_json(root / "reports/improvement.json", improvement)
    page = render_page(root).read_text(encoding="utf-8")
    assert "<script" not in page and "<img src=x" not in page and "<b>`" not in page
    assert html.escape(name) in page and "<code>&lt;b&gt;</code>" in page
    assert 'alt="Example' in page and '"onload="' not in page


@pytest.mark.parametrize(
    "gone",
    ["metrics", "improvement", "diagnosis", "errors", "baseline", "examination", "splits", "validation"],
)
def test_a_missing_report_is_named(project, tmp_path, gone):
    shutil.copytree(project, tmp_path / "p")
    (tmp_path / f"p/reports/{gone}.json").unlink()
    text = visible(render_page(tmp_path / "p").read_text(encoding="utf-8"))
    assert f"This page is not whole. Not there: reports/{gone}.json" in text
    if gone == "metrics":
        assert "Validation error; the test is still closed 1.7 %" in text


def test_nothing_has_run(tmp_path):
    text = visible(render_page(tmp_path).read_text(encoding="utf-8"))
    assert "No error has been measured yet." in text and "params.yaml is not there" in text


def test_data_that_was_not_pulled_leaves_the_pictures_out(project, tmp_path):
    shutil.copytree(project, tmp_path / "p")
    (tmp_path / "p/data/assets/shard-00000.npy").unlink()
    page = render_page(tmp_path / "p").read_text(encoding="utf-8")
    assert "data:image" not in page and page.count('<div class="no-picture">') == 12


def test_a_broken_report_is_named_and_the_old_page_stays(project, tmp_path):
    shutil.copytree(project, tmp_path / "p")
    old = render_page(tmp_path / "p").read_bytes()
    (tmp_path / "p/reports/splits.json").write_text("[1]")
    with pytest.raises(UserError, match=r"splits\.json: expected a JSON object, found list"):
        render_page(tmp_path / "p")
    assert (tmp_path / "p/reports/report.html").read_bytes() == old


def test_many_classes(project, tmp_path):
    shutil.copytree(project, tmp_path / "p")
    names = [f"class-{i:05d}" for i in range(10_000)]
    metrics = json.loads((project / "reports/metrics.json").read_text())
    metrics["classes"] = names
    metrics["confusion"] = None
    metrics["confused"] = [{"label": names[i], "predicted": names[i + 1], "count": 1 + i % 40} for i in range(5000)]
    rates = [{"wrong": wrong, **rate(wrong, 50)} for wrong in range(50)]
    metrics["per_class"] = [{"class": name, **rates[i % 50]} for i, name in enumerate(names)]
    write_json(tmp_path / "p/reports/metrics.json", metrics)
    splits = json.loads((project / "reports/splits.json").read_text())
    splits["splits"]["test"] = {"n": 500_000, "classes": dict.fromkeys(names, 50)}
    write_json(tmp_path / "p/reports/splits.json", splits)
    path = render_page(tmp_path / "p")
    assert path.stat().st_size < 1_000_000
    text = visible(path.read_text(encoding="utf-8"))
    assert "The 30 classes with the highest error, of 10,000." in text and "The 30 most confused pairs" in text
    assert "class-00039 class-00040 40 80.0 %" in text


def test_a_matrix_too_large_to_read_becomes_pairs(project, tmp_path):
    shutil.copytree(project, tmp_path / "p")
    names = [f"c{i}" for i in range(31)]
    matrix = confusion_of({(3, 5): 4, (7, 2): 9}, 20, 31)
    metrics = json.loads((project / "reports/metrics.json").read_text())
    metrics.update(classes=names, confusion=matrix, per_class=by_class(names, matrix))
    write_json(tmp_path / "p/reports/metrics.json", metrics)
    page = render_page(tmp_path / "p").read_text(encoding="utf-8")
    assert '<table class="confusion">' not in page
    assert re.search(r"c7 c2 9 45\.0 % c3 c5 4 20\.0 %", visible(page))


@pytest.mark.parametrize(
    ("error", "word", "sentence"),
    [
        (Measure(0.004, 0.002, 0.008, 9), "reached", "is reached"),
        (Measure(0.009, 0.002, 0.02, 9), "unclear", "too small to be sure"),
        (Measure(0.02, 0.009, 0.04, 9), "unclear", "lies inside the interval"),
        (Measure(0.05, 0.03, 0.08, 9), "missed", "is not reached"),
    ],
)
def test_the_goal_is_claimed_only_as_far_as_the_interval_goes(error, word, sentence):
    assert words.against_goal(error, 0.01)[0] == word
    assert sentence in words.against_goal(error, 0.01)[1]


def test_the_final_verdict_speaks_where_there_is_one(project, tmp_path):
    shutil.copytree(project, tmp_path / "p")
    metrics = json.loads((project / "reports/metrics.json").read_text())
    for content, sentence in (
        ({}, "Largest step now: over-fitting."),
        ({"dominant": "bias"}, "Mostly under-fitting."),
        ({"dominant": "undecided"}, "Not decided yet: the largest gaps cannot be told apart."),
        (
            {"dominant": "bias", "verdict": "Bias of 0.4 points: under-fitting first."},
            "Bias of 0.4 points: under-fitting first.",
        ),
    ):
        write_json(tmp_path / "p/reports/metrics.json", {**metrics, **content})
        assert f"What limits it {sentence}" in visible(render_page(tmp_path / "p").read_text(encoding="utf-8"))
    for name in ("metrics", "improvement"):
        (tmp_path / f"p/reports/{name}.json").unlink()
    text = visible(render_page(tmp_path / "p").read_text(encoding="utf-8"))
    assert "What limits it variance (3.1 points) and bias (1.1) overlap" in text


def test_a_regression_is_told_in_units(table):
    text = visible(render_page(table).read_text(encoding="utf-8"))
    first = text[: text.index("Course of the errors")]
    assert "Test error 53.9 points The model’s estimates of progression are off by 53.9 points (root mean square)" in (
        first
    )
    assert "That leaves 49.0 % of the targets’ variance unexplained (36.5 to 65.7 %): 0 % is perfect" in first
    assert "The goal is 30 % of the variance, RMSE 42.2 points: a paper" in first
    assert "The goal of 30 % of the variance is not reached." in first and "Measured on 90 test examples" in first
    for name, rmse, share in (
        ("Always the mean", "81.9", "113.0 %"),
        ("A linear model", "56.6", "54.0 %"),
        ("Nearest neighbours", "63.5", "68.0 %"),
        ("Boosted trees", "67.1", "76.0 %"),
    ):
        assert f"{name} RMSE {rmse} {share}" in first
    assert "wrong" not in first.replace("wrong number", "") and "class" not in first
    assert "in percentage points of the variance" in first


def test_a_regression_has_estimates_and_ranges_for_classes(table):
    page = render_page(table).read_text(encoding="utf-8")
    text = visible(page)
    assert "Error by class" not in text and "Confusion" not in text and "Per class" not in text
    assert page.count('class="estimate"') == 90 and 'class="exact"' in page
    assert re.search(r"Mean absolute error [\d.]+ points \([\d.]+ to [\d.]+\)", text) and "R² 0." in text
    assert len(re.findall(r"\d+ examples [\d.]+ [\d.]+ too (?:much|little) [\d.]+ %", text)) == 5
    assert "differ by 15.0 % of the variance or more" in text
    assert "Test minus validation error: −3.0 points of the variance" in text
    assert "42.0 → 30.0" in text


def test_the_worst_rows_of_a_table_show_their_values(table):
    page = render_page(table).read_text(encoding="utf-8")
    rows = re.findall(r'<tr class="wrong">.*?</tr>', page[page.index('id="worst"') :], flags=re.S)
    assert len(rows) == 24
    worst = json.loads((table / "reports/metrics.json").read_text())["worst"]
    assert worst[0]["id"][:12] in rows[0] and words.quantity(worst[0]["target"], digits=6) in rows[0]
    assert "clinic &lt;b&gt;" in page and "clinic <b>" not in page
    cells = [visible("<body" + row) for row in rows]
    assert any(" – " in cell for cell in cells), "a missing value"
    assert {cell.split()[-1] for cell in cells} == {"unknown", "north", "south"}


def test_the_worst_sequences_are_drawn(series):
    page = render_page(series).read_text(encoding="utf-8")
    drawn = re.findall(r'<svg [^>]*class="sequence".*?</svg>', page, flags=re.S)
    assert len(drawn) == 24 and all(picture.count("<polyline") == 2 for picture in drawn)
    assert "nan" not in "".join(drawn) and drawn[0].count(",") == 2 * 40
    assert "data:image" not in page and "estimated as" in visible(page)
    assert "python -m arcane predict FILE... # the model on sequences of your own" in visible(page)


def test_a_page_of_a_regression_stays_alone_and_the_same(table, series):
    for root in (table, series):
        page = render_page(root).read_text(encoding="utf-8")
        test_the_page_asks_for_nothing_beside_it(page)
        assert page == render_page(root).read_text(encoding="utf-8")


def test_a_regression_before_its_test_is_opened(table, tmp_path):
    shutil.copytree(table, tmp_path / "p")
    (tmp_path / "p/reports/metrics.json").unlink()
    text = visible(render_page(tmp_path / "p").read_text(encoding="utf-8"))
    assert "Validation error; the test is still closed 55.5 points" in text
    for name in ("improvement", "diagnosis", "errors", "baseline"):
        (tmp_path / f"p/reports/{name}.json").unlink()
        render_page(tmp_path / "p")


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0, 3.0], [float("nan")] * 4, [0.0, float("nan"), 1e9]])
def test_a_trace_of_anything(values):
    picture = str(figures.trace([values]))
    assert "nan" not in picture and "inf" not in picture


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_even_ticks_lie_inside_and_apart(low, reach):
    ticks = figures.even_ticks(low, low + reach)
    assert 3 <= len(ticks) <= 11 and ticks == sorted(set(ticks))
    assert low - 1e-6 * abs(low) <= ticks[0] and ticks[-1] <= low + reach + 1e-6 * (abs(low) + reach)


@pytest.mark.parametrize(
    ("error", "words_of_it"),
    [
        (rate(7, 360), "1.9 % (0.95 % to 4.0 %)"),
        (
            Average(0.49, 1.4 * 0.49, 90, 77.0, "points").as_json(),
            "RMSE 53.9 points (46.5 to 62.4; 49.0 % of the variance)",
        ),
        ({"value": 0.25}, "25.0 %"),
    ],
)
def test_an_error_in_one_line(error, words_of_it):
    assert words.stated_with_interval(error).replace(words.NBSP, " ") == words_of_it
    assert words.stated(error).replace(words.NBSP, " ").split(" (")[0] == words_of_it.split(" (")[0]


@given(st.floats(1e-4, 1), st.floats(0, 1))
def test_scale_keeps_order_and_bounds(top, value):
    scale = figures.Scale(top, 10, 90)
    assert 10 <= scale(value) <= 90 and scale(0) == 10 and scale(top) == 90
    ticks = scale.ticks(8)
    assert ticks[0] == 0 and ticks == sorted(set(ticks)) and ticks[-1] <= top * 1.001
    places = [scale(tick) for tick in ticks]
    assert all(b - a >= 8 for a, b in pairwise(places))


@given(st.floats(0, 1))
def test_percent_never_hides_an_error(value):
    shown = float(words.digits(value))
    assert abs(shown - value * 100) <= 0.0501
    assert (words.digits(value) == "0") == (value == 0)


def browse(tmp_path, *flags):
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
               "--disable-component-update", "--disable-sync", "--no-first-run", "--hide-scrollbars",
               f"--user-data-dir={tmp_path / 'profile'}", *flags]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
class TestInABrowser:
    @pytest.mark.parametrize(
        ("width", "kind"),
        [*((width, "project") for width in (320, 360, 768, 1280)), (320, "table"), (1280, "table"), (320, "series")],
    )
    def test_no_sideways_scroll(self, request, tmp_path, width, kind):
        """The page sits in a frame of a phone's width; a script around it (the page allows none) measures it."""
        page = render_page(request.getfixturevalue(kind)).read_text(encoding="utf-8")
        frame = f'<iframe id="f" style="width:{width}px;height:800px;border:0" srcdoc="{html.escape(page)}"></iframe>'
        script = (
            "<script>onload = () => { const d = document.getElementById('f').contentDocument.documentElement;"
            "document.title = [d.clientWidth, d.scrollWidth, d.scrollHeight].join(' ') }</script>"
        )
        (tmp_path / "outer.html").write_text(f"<!DOCTYPE html><title>-</title>{frame}{script}", encoding="utf-8")
        dom = browse(tmp_path, "--dump-dom", (tmp_path / "outer.html").as_uri()).stdout
        inner, scroll, height = map(int, re.search(r"<title>([\d ]+)</title>", dom)[1].split())
        assert inner == width and scroll == width and height > 3000

    @pytest.mark.parametrize("kind", ["project", "table", "series"])
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_it_is_seen_without_a_complaint(self, request, tmp_path, scheme, kind):
        from PIL import Image

        page = render_page(request.getfixturevalue(kind))

        shot = tmp_path / "shot.png"
        flags = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
        done = browse(tmp_path, *flags, "--enable-logging=stderr", "--v=0", "--window-size=1280,1600",
                      f"--screenshot={shot}", page.as_uri())  # fmt: skip
        assert "CONSOLE" not in done.stderr
        pixels = np.asarray(Image.open(shot).convert("L"), dtype=float)
        assert pixels.std() > 5  # text and figures, not one colour
        assert (np.median(pixels) < 60) == (scheme == "dark")
