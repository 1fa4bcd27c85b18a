"""Reports of finished runs, made by code and consistent with each other: what the page's tests render."""

import hashlib
import html
import math
import re
from itertools import pairwise

import numpy as np
import polars as pl

from arcane.data.assets import write_assets
from arcane.data.rates import Average, Rate
from arcane.diagnosis.estimates import analyse_estimates
from arcane.files import read_json, write_json
from arcane.spec import Feature, Spec, Target

DIGITS = tuple("0123456789")

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


def digits():
    """Scikit-learn's digits: images uint8 [1797, 1, 8, 8] and their classes, int [1797]."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images[:, None] * 15.9375).astype(np.uint8), data.target


def clothes(n=600):
    """The first of Fashion-MNIST's test images, uint8 [n, 1, 28, 28], and their classes."""
    from arcane.data.sources.fashion_mnist import CONTENT, DEBIAN_FOLDER, read_checked

    images, labels = (
        np.frombuffer(read_checked(DEBIAN_FOLDER / f"{name}.gz", CONTENT[name]), np.uint8, offset=offset)
        for name, offset in (("t10k-images-idx3-ubyte", 16), ("t10k-labels-idx1-ubyte", 8))
    )
    return images.reshape(-1, 1, 28, 28)[:n], labels[:n].astype(int)


def make_project(root, classes=DIGITS, data=digits):
    """Reports of a finished run on images of ten classes of any names, consistent with each other."""
    images, targets = data()
    ids = [hashlib.sha256(image.tobytes()).hexdigest()[:32] for image in images]
    spec = Spec("image", images.shape[1:], tuple(classes))
    pack(root, "digits", spec, ids, [classes[label] for label in targets], images)

    wrong = {(8, 1): 2, (9, 7): 1, (3, 8): 1, (5, 9): 1, (4, 9): 1, (1, 8): 1}
    matrix = confusion_of(wrong, 36, 10)
    picks = [int(np.flatnonzero(targets == label)[5 + 3 * turn]) for turn in range(2) for label in (8, 9, 3, 5, 4, 1)]
    guesses = [1, 7, 8, 9, 9, 8, 1, 9, 3, 5, 4, 1]
    worst = [
        {
            "id": ids[pick],
            "label": classes[targets[pick]],
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


def share(value, low, high, **more):
    return {"value": value, "low": low, "high": high, **more}


def suspicions(ids, classes):
    """What `diagnose` adds to errors.json, every part of it there."""
    edges = [i / 10 for i in range(11)]
    bins = [
        {"low": low, "high": high, "n": 4 + 3 * i, "confidence": (low + high) / 2, "accuracy": max(0.02, low - 0.04),
         "accuracy_low": max(0.0, low - 0.2), "accuracy_high": min(1.0, high + 0.06)}
        for i, (low, high) in enumerate(pairwise(edges))
    ]  # fmt: skip
    slices = [
        {"name": name, "columns": ["ink"], "n": 40, "share": 0.14, "error": rate(9, 40), "rest": rate(6, 248),
         "difference": share(0.2, 0.07, 0.35), "p_value": 1e-5, "p_adjusted": 0.0004, "wrong": 9, "ids": ids[:12],
         "also": ["paper < 3"], "by": "losses"}
        for name in ("ink > 0.4", "writer = <b>7</b>")
    ]  # fmt: skip
    return {
        "curve": {"epochs": 30, "sentence": "Validation loss is lowest at epoch 21 and rises from 24: over-fitted."},
        "seeds": {"n": 3, "mean": 0.05, "deviation": 0.004, "sentence": "Over 3 seeds the error is 4.6 to 5.4 %."},
        "slices": {"found": slices, "tested": 31, "columns": ["ink"], "split": "validation", "n": 288,
                   "sentence": "2 of 31 slices do worse beyond chance.",
                   "power": {"sentence": "A slice of 10 % with twice the error is found in 6 of 10 cases."},
                   "out_of_fold": {"found": [], "tested": 31, "model": "randomised trees", "folds": 5,
                                   "sentence": "Over all folds no slice does worse."}},
        "label_errors": {
            "count": 17, "looked_at": 1437, "near_count": 1, "sentence": "17 of 1,437 labels are likely wrong.",
            "candidates": [{"id": each, "split": "train", "label": classes[i % 10], "suggested": classes[(i + 3) % 10],
                            "probability": 0.97 - 0.01 * i, "quality": 0.01} for i, each in enumerate(ids[20:37])],
            "near": [{"id": ids[40], "other": ids[41], "label": classes[3], "other_label": classes[5]}]},
        "shift": {
            "between": ["train", "validation"], "found": True, "strength": "slight",
            "area": share(0.56, 0.51, 0.61, n=576),
            "sentence": "A classifier tells train and validation apart slightly better than chance.",
            "features": [{"name": "mean_brightness", "measure": "cohens-d", "sentence": "Validation is darker.",
                          **share(-0.31, -0.44, -0.18), "train": 0.5, "other": 0.4}],
            "labels": {"value": 0.03, "sentence": "Classes are as frequent in both."},
            "typical": {"train": ids[50:58], "validation": ids[58:66]}},
        "calibration": {"ece": share(0.031, 0.02, 0.05, n=288), "brier": share(0.07, 0.05, 0.09, n=288),
                        "nll": share(0.16, 0.1, 0.2, n=288), "temperature": share(1.6, 1.3, 1.9), "ece_mended": 0.011,
                        "bins": bins, "direction": "over-confident", "sentence": "It is more sure than it is right."},
    }  # fmt: skip


def suspicions_of_numbers(ids):
    """The same where a number is estimated: what differs from the classes' part."""
    return {
        "label_errors": {
            "count": 2, "looked_at": 360, "near_count": 1, "sentence": "2 of 360 targets are likely wrong.",
            "candidates": [{"id": each, "split": "train", "target": 310.0, "expected": 122.5, "apart": 5.2}
                           for each in ids[:2]],
            "near": [{"id": ids[4], "other": ids[5], "label": 310.0, "other_label": 90.5}]},
        "calibration": {"slope": share(0.8, 0.6, 1.0), "offset": share(-4.2, -12.0, 3.6), "unit": "points",
                        "direction": "too-wide", "sentence": "The estimates spread too wide."},
    }  # fmt: skip


def suspect(root):
    """Add to a made project everything that the stages may add: suspicions, folds, known results, a weak goal."""
    ids = pl.read_ndjson(root / "data/assets/examples.jsonl")["id"].to_list()
    names = ("errors", "diagnosis", "metrics")
    errors, diagnosis, metrics = (read_json(root / f"reports/{name}.json") for name in names)
    classes = errors.get("classes") or DIGITS
    found = suspicions(ids, classes) | (suspicions_of_numbers(ids) if errors.get("kind") == "regression" else {})
    write_json(root / "reports/errors.json", errors | found)
    decides = {
        "examples": {"validation": 1655},
        "seeds": 5,
        "both": False,
        "sentence": "At these rates 1,655 validation examples (now 319), or 5 seeds (now 3) would decide.",
    }
    folds = {
        "k": 5,
        "n": 1437,
        "by_fold": [0.04, 0.05, 0.03, 0.06, 0.05],
        "deviation": 0.011,
        "caveat": "Folds share.",
        "errors": {"validation": rate(66, 1437)},
        "verdict": "Over-fitting first, over all folds.",
        "seen": 9,
    }
    write_json(root / "reports/diagnosis.json", diagnosis | {"folds": folds, "decides": decides})
    known = [
        {
            "name": "A network of 1998",
            "kind": "paper",
            "evidence": "a paper's number",
            "error": 0.008,
            "n": 10000,
            "source": "a paper, its table 2",
            "difference": share(0.011, 0.001, 0.03),
            "beaten": "no",
        },
        {
            "name": "People",
            "kind": "human",
            "evidence": "people",
            "error": 0.002,
            "n": None,
            "source": "two readers",
            "difference": share(0.017, -0.002, 0.03),
            "beaten": "undecided",
        },
    ]
    goal = {
        "value": 0.01,
        "kind": "human",
        "source": "readers",
        "n": 500,
        "too_weak": True,
        "below_noise": None,
        "sentence": "The goal of 1 % is too weak.",
    }
    added = {"calibration": found["calibration"], "references": known, "goal": goal, "decides": decides}
    added |= {"dominant": "undecided", "verdict": "Bias and variance cannot be told apart yet."}
    added["validation_overfit"] = metrics["validation_overfit"] | {"asked": 11}
    write_json(root / "reports/metrics.json", metrics | added)
    write_json(root / "reports/size.json", size_report())
    return root


def size_report():
    """What `size` writes, as far as the page reads it."""
    sizes = [100, 200, 400, 800]
    points = [{"examples": n, "errors": [0.4 / n**0.3, 0.42 / n**0.3]} for n in sizes]
    band = [{"examples": n, "low": 0.3 / n**0.3, "value": 0.4 / n**0.3, "high": 0.5 / n**0.3} for n in (*sizes, 5000)]
    return {"schema": 1, "goal": 0.01, "points": points, "band": band, "proxy": None,
            "answer": "About 2,900 training examples reach the goal (1,700 to 9,000)."}  # fmt: skip


def many_classes(root):
    """Turn a made project into one of 10,000 classes."""
    names = [f"class-{i:05d}" for i in range(10_000)]
    metrics, splits = (read_json(root / f"reports/{name}.json") for name in ("metrics", "splits"))
    metrics["classes"] = names
    metrics["confusion"] = None
    metrics["confused"] = [{"label": names[i], "predicted": names[i + 1], "count": 1 + i % 40} for i in range(5000)]
    rates = [{"wrong": wrong, **rate(wrong, 50)} for wrong in range(50)]
    metrics["per_class"] = [{"class": name, **rates[i % 50]} for i, name in enumerate(names)]
    write_json(root / "reports/metrics.json", metrics)
    splits["splits"]["test"] = {"n": 500_000, "classes": dict.fromkeys(names, 50)}
    write_json(root / "reports/splits.json", splits)
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


def make_table(root):
    """A finished run on a table with absent values and an unknown level."""
    rng = np.random.default_rng(1)
    rows = np.column_stack([rng.integers(20, 80, 90), rng.normal(80, 10, 90), np.arange(90) % 3]).astype(np.float32)
    rows[::2, 1] = np.nan
    return make_regression(root, TABLE, rows)


def make_series(root):
    """A finished run on sequences of two channels, whose ends are absent."""
    inputs = np.random.default_rng(1).normal(size=(90, 2, 50)).cumsum(2).astype(np.float32)
    inputs[:, :, 40:] = np.nan
    return make_regression(root, CURVES, inputs)


def visible(page):
    """The page's text as a person reads it."""
    body = re.sub(r"<(style|title|svg)\b.*?</\1>", " ", page[page.index("<body") :], flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)).replace("\u00a0", " "))
