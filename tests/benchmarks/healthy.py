"""What the doctor measures on correct tasks: each measurement's extreme beside its threshold.

    python tests/benchmarks/healthy.py                the template's tasks: each model, modality, source, 3 seeds
    python tests/benchmarks/healthy.py --seeds 1 --quick    a small version
    python tests/benchmarks/healthy.py --cost         what each check costs on the default task, process time

The tasks are the template's own models on each ready data set that is at hand, and the odd but right ones of RECIPE 3.5
as the tests define them. The extremes stand in `arcane.diagnosis.limits` and in docs/explanation/doctor.md.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent / "{{cookiecutter.project_slug}}" / "src")]

MEASURED = {
    "input_rms": ("input_rms_training", "input_rms_evaluation"),
    "input_spread": ("input_spread_training", "input_spread_evaluation"),
    "input_shift": ("train_eval_shift",),
    "input_scale": ("train_eval_scale",),
    "input_distinct": ("distinct_share_training", "distinct_share_evaluation"),
    "casting_loss": ("casting_loss",),
    "pretrained_shift": ("pretrained_shift",),
    "pretrained_scale": ("pretrained_scale",),
    "loss_at_init_nats": ("nats_above",),
    "loss_at_init_variances": ("variances_at_init",),
    "loss_clipped_share": ("loss_clipped_share",),
    "sign_cosine": ("gradient_cosine",),
    "unreachable_share": ("unreachable_share",),
    "evaluation_difference": ("evaluation_repeat_difference", "mixing_difference_eval", "mixing_difference_train"),
    "dead_share": ("dead_share",),
    "saturated_share": ("saturated_share",),
    "layer_gain": ("layer_gain",),
    "layer_gain_least": ("layer_gain_least",),
    "gradient_ratio_least": ("gradient_ratio_least",),
    "gradient_relative": ("gradient_relative",),
    "schedule_idle_share": ("schedule_idle_share",),
    "schedule_cycles": ("schedule_cycles",),
    "metric_difference": ("metric_difference",),
    "overlap_share": ("overlap_beyond",),
    "augmented_share": ("augmented_share",),
    "overfit_error": ("overfit_error",),
}
"""Measurements by the threshold that they are compared with."""
LEAST = frozenset(
    {"input_spread", "input_distinct", "sign_cosine", "layer_gain_least", "gradient_ratio_least", "augmented_share"}
)
"""Thresholds from below: their extreme is the smallest measurement."""

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout": {"model.dropout": 0.5},
    "batch norm": {"model.normalization": "batch"},
    "group norm": {"model.normalization": "group"},
    "tanh": {"model.activation": "tanh"},
    "gelu": {"model.activation": "gelu"},
    "deeper": {"model.depth": 3},
    "wider": {"model.width": 4.0},
    "narrow": {"model.width": 0.5},
    "sgd": {"train.optimizer": "sgd", "train.learning_rate": 0.1},
    "one-cycle": {"train.schedule": "one-cycle", "train.learning_rate": 0.003},
    "cosine": {"train.schedule": "cosine", "train.learning_rate": 0.001},
    "smoothed": {"train.label_smoothing": 0.1},
    "mixup": {"train.mixup": 0.4},
    "augmented": {"train.augmentation": "AUGMENTED"},
}
SMALL = ("lenet", "resnet", "mlp", "linear", "conv1d", "lstm", "wavenet", "attention")
"""Models of the small version: the larger ones take 10 s each and more."""
AUGMENTED = {"image": "affine", "sequence": "shift-scale-noise"}


def correct_tasks(seeds: int, quick: bool) -> Iterator[tuple[str, Any, Any, Any, int]]:
    """(name, task, training split, validation split, seed) of every correct task."""
    import diagnosis_tasks as data
    import test_diagnosis_examine as images
    import test_diagnosis_mechanisms as mechanisms
    import test_diagnosis_modalities as others

    from arcane.errors import UserError
    from arcane.models import model_names

    for source in (data.digits, data.curves, data.heights, data.passengers, data.patients):
        train, validation = source()
        for model in (name for name in model_names(train.spec.modality) if name in SMALL or not quick):
            for name, changes in list(VARIANTS.items())[: 2 if quick else None]:
                changes = {"model.name": model, **changes}
                if changes.get("train.augmentation"):
                    if train.spec.modality not in AUGMENTED:
                        continue
                    changes["train.augmentation"] = AUGMENTED[train.spec.modality]
                for seed in range(seeds):
                    try:
                        task = data.make(None, changes, train=train)
                    except UserError:
                        break
                    yield f"{source.__name__} {model} {name}", task, train, validation, seed
    for name, (kind, changes, prepare) in images.ODD.items():
        yield f"odd: {name}", data.make(kind, changes, prepare), *data.digits(), 0
    for name, kind in others.ODD.items():
        yield f"odd: {name}", data.make(kind, {"model.name": "mlp"}, train=data.patients()[0]), *data.patients(), 0
    for name, kind in mechanisms.RIGHT.items():
        yield f"odd: {name}", data.make(kind, {"model.name": "mlp"}), *data.digits(), 0


def derived(measured: dict[str, float]) -> dict[str, float]:
    """With the differences and shares that the checks compare."""
    more = dict(measured)
    if "loss_at_init" in measured and "chance_loss" in measured:
        more["nats_above"] = measured["loss_at_init"] - measured["chance_loss"]
    if "overlap_share" in measured:
        more["overlap_beyond"] = measured["overlap_share"] - 3 * measured["repeated_share"]
    if measured.get("plain_accuracy", 0) > 0.5:
        more["augmented_share"] = measured["augmented_accuracy"] / measured["plain_accuracy"]
    return more


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="two variants of each model")
    parser.add_argument("--cost", action="store_true", help="only what each check costs on the default task")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    if given.cost:
        cost()
        return
    from arcane.diagnosis.examine import examine
    from arcane.diagnosis.limits import LIMITS

    extremes: dict[str, tuple[float, str]] = {}
    alarms: dict[str, list[str]] = defaultdict(list)
    runs = 0
    start = time.process_time()
    for name, task, train, validation, seed in correct_tasks(given.seeds, given.quick):
        found = examine(task, train, seed=seed, validation=validation)
        runs += 1
        print(f"{runs}: {name}", file=sys.stderr, flush=True)
        for finding in found.findings:
            alarms[f"{finding.severity} {finding.code}"].append(f"{name}, seed {seed}: {finding.message}")
            print(f"{name}, seed {seed}: {finding.severity} {finding.code}", file=sys.stderr, flush=True)
        measured = derived(found.measurements)
        for limit, names in MEASURED.items():
            for value in (measured[each] for each in names if each in measured):
                worse = limit not in extremes or (value < extremes[limit][0]) == (limit in LEAST)
                if worse and (limit not in extremes or value != extremes[limit][0]):
                    extremes[limit] = (value, f"{name}, seed {seed}")
    print(f"{runs} correct tasks, {time.process_time() - start:.0f} s process time\n")
    print("| threshold | default | extreme | where |\n|---|---|---|---|")
    for limit, (value, where) in extremes.items():
        print(f"| `{limit}` | {LIMITS[limit].default:g} | {value:.3g} | {where} |")
    print(f"\n{sum(map(len, alarms.values()))} findings on them")
    for kind, where in sorted(alarms.items()):
        print(f"{kind} ({len(where)}):", *where[:6], sep="\n  ")


def cost() -> None:
    """Process time of each check on the default task, the median of five."""
    from statistics import median

    from diagnosis_tasks import digits, make

    from arcane.diagnosis.examine import examine

    train, validation = digits()
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(5):
        for code, each in examine(make(), train, seed=1, validation=validation).seconds.items():
            seconds[code].append(each)
    print("| check | process time, s |\n|---|---|")
    for code, each in sorted(seconds.items(), key=lambda pair: -median(pair[1])):
        print(f"| {code} | {median(each):.3f} |")
    print(f"| all | {sum(map(median, seconds.values())):.2f} |")


if __name__ == "__main__":
    main()
