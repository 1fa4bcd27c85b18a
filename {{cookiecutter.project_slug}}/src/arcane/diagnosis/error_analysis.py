"""What a model gets wrong, of which kind, and why that may be: everything that reports/errors.json says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.loading import Examples
from ..data.validation.copies import conflicting_pairs
from .calibration import calibration
from .confusion import ErrorAnalysis, analyse_errors
from .described import described, rows_of
from .estimates import EstimateAnalysis, analyse_estimates
from .example_errors import errors_of, losses_of
from .judged import MOST as MOST_JUDGED
from .judged import Judged, judge_examples
from .label_errors import Conflict, label_errors
from .shift import shift
from .slices import weak_slices
from .spread import spread
from .stability import seed_sensitivity
from .training_curve import read_curve

if TYPE_CHECKING:
    import polars as pl

    from .folds import Answers

MOST = 20_000
"""Examples of which columns are looked at for slices: of a tenth of them an error's half is then seen."""


def analyse(outputs: np.ndarray, examples: Examples, scale: float) -> ErrorAnalysis | EstimateAnalysis:
    """Say what a model gets wrong, from what it said alone.

    Args:
        outputs: Probabilities float [N, K], or a regression's estimates float [N].
        examples: What it was asked.
        scale: Standard deviation of the training split's targets, for a regression.
    """
    if examples.spec.target is None:
        return analyse_errors(outputs, examples.labels, examples.ids, examples.classes)
    target = examples.spec.target
    return analyse_estimates(outputs, examples.labels, examples.ids, scale, target.name, target.unit)


def analysed(outputs: np.ndarray, examples: Examples, scale: float, split: str) -> dict[str, Any]:
    """What `analyse` says and how far the outputs can be believed, as a report carries it.

    Args:
        outputs: As `analyse`.
        examples: As `analyse`.
        scale: As `analyse`.
        split: The examples' split.
    """
    target = examples.spec.target
    if target is None:
        believed = calibration(outputs, examples.labels).as_json()
    else:
        spread_of = spread(outputs, examples.labels, target.unit)
        believed = spread_of.as_json() if spread_of else None
    return analyse(outputs, examples, scale).as_json(split) | {"calibration": believed}


@dataclass(frozen=True)
class Analysed:
    """What an error analysis looks at.

    Attributes:
        outputs: What the model said about validation, as `analyse` takes it.
        parts: `train`, `validation` and, where there is one, `train_val`: never test, which decides nothing.
        manifest: As `read_manifest` gives it.
        scale: Standard deviation of the training split's targets; 1 for a classification.
        curve: As reports/baseline.json has it.
        again: What the same model said that was trained with other seeds.
        shift_expected: Whether train and validation differ on purpose.
        seed: Of the quick model.
        answers: What the same model said out of folds, where those were trained.
    """

    outputs: np.ndarray
    parts: Mapping[str, Examples]
    manifest: "pl.DataFrame"
    scale: float
    curve: Sequence[Mapping[str, Any]] = ()
    again: Sequence[np.ndarray] = ()
    shift_expected: bool = False
    seed: int = 0
    answers: "Answers | None" = None


def error_report(given: Analysed) -> dict[str, Any]:
    """The fields of reports/errors.json."""
    import polars as pl

    train, validation = given.parts["train"], given.parts["validation"]
    split_of = {identifier: name for name, part in given.parts.items() for identifier in part.ids}
    # The test split's examples leave the manifest before anything looks at it.
    manifest = given.manifest.filter(pl.col("id").is_in(list(split_of)))
    together = joined([*given.parts.values()], MOST_JUDGED)
    judged = judge_examples(together, kept_together(together, manifest), seed=given.seed)
    return analysed(given.outputs, validation, given.scale, "validation") | {
        "curve": read_curve(given.curve) if given.curve else None,
        "seeds": seed_sensitivity([given.outputs, *given.again], validation, given.scale),
        "slices": _slices(given, manifest) | {"out_of_fold": _slices_out_of_fold(given, judged, manifest)},
        "label_errors": label_errors(judged, split_of, conflicts(manifest, validation.spec.regression)).as_json(),
        "shift": shift(train, validation, "validation", manifest, expected=given.shift_expected).as_json(),
    }


def joined(parts: Sequence[Examples], most: int) -> Examples:
    """Examples of several splits as one set, in the order of the splits.

    Args:
        parts: Of each split.
        most: Of more examples in all so many are taken, evenly over each split: all might not fit in the memory.
    """
    total = sum(map(len, parts))
    if total > most:
        sizes = [max(1, len(part) * most // total) for part in parts]
        parts = [
            part.subset(np.linspace(0, len(part) - 1, size).astype(np.int64))
            for part, size in zip(parts, sizes, strict=True)
        ]
    return Examples(
        tuple(identifier for part in parts for identifier in part.ids),
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.labels for part in parts]),
        parts[0].spec,
    )


def kept_together(examples: Examples, manifest: "pl.DataFrame") -> np.ndarray | None:
    """Which examples must not be torn apart by folds: those of one group, and near-duplicates; int64 `[N]`, or None
    where there are neither."""
    import polars as pl

    rows = rows_of(examples, manifest)
    if rows["group"].null_count() == len(rows) and rows["near"].null_count() == len(rows):
        return None
    key = pl.coalesce("g" + pl.col("group").cast(pl.String), "i" + pl.coalesce("near", "id"))
    return rows.select(key).to_series().rank("dense").cast(pl.Int64).to_numpy()


def conflicts(manifest: "pl.DataFrame", regression: bool) -> tuple[Conflict, ...]:
    """Near-duplicates with different labels, by id."""
    pairs = conflicting_pairs(manifest, regression).sort("id")
    return tuple(Conflict(*row) for row in pairs.select("id", "id_older", "label", "label_older").iter_rows())


def groups_among(examples: Examples, manifest: "pl.DataFrame") -> np.ndarray | None:
    """The group of each example, int64 `[N]`; None where there are none."""
    import polars as pl

    rows = rows_of(examples, manifest)
    if rows["group"].null_count() == len(rows):
        return None
    key = pl.coalesce("g" + pl.col("group").cast(pl.String), "i" + pl.col("id"))
    return rows.select(key).to_series().rank("dense").cast(pl.Int64).to_numpy()


def _slices(given: Analysed, manifest: "pl.DataFrame") -> dict[str, Any]:
    """Weak slices of the model itself, on validation."""
    validation = given.parts["validation"]
    rows = np.linspace(0, len(validation) - 1, min(len(validation), MOST)).astype(np.int64)
    chosen = validation.subset(rows)
    found = weak_slices(
        errors_of(given.outputs[rows], chosen, given.scale),
        described(chosen, manifest),
        chosen.ids,
        # Over all seeds: of what one training finds hard, some is its own luck.
        losses=np.mean([losses_of(said[rows], chosen, given.scale) for said in (given.outputs, *given.again)], axis=0),
        groups=groups_among(chosen, manifest),
        scale=given.scale,
        unit=chosen.spec.target.unit if chosen.spec.target else "",
    )
    return found.as_json() | {"split": "validation"}


def _slices_out_of_fold(given: Analysed, judged: Judged | None, manifest: "pl.DataFrame") -> dict[str, Any] | None:
    """Of train and validation, several times as many examples: by the network's own folds where it has them, else by
    the quick model, whose errors are others."""
    if given.answers is not None:
        both = joined([given.parts["train"], given.parts["validation"]], sum(map(len, given.parts.values())))
        place = {identifier: row for row, identifier in enumerate(both.ids)}
        examples = both.subset(np.array([place[identifier] for identifier in given.answers.ids]))
        errors, outputs, scale = given.answers.errors, given.answers.outputs, given.scale
        source = {"model": "the first network, trained without each fold", "folds": given.answers.folds}
    elif judged is not None:
        examples, errors, outputs = judged.examples, judged.errors, judged.outputs
        scale = float(examples.labels.std()) if examples.spec.regression else 1.0
        source = {"model": judged.model, "folds": judged.folds}
    else:
        return None
    found = weak_slices(
        errors,
        described(examples, manifest),
        examples.ids,
        losses=None if examples.spec.regression else losses_of(outputs, examples),
        groups=groups_among(examples, manifest),
        scale=scale,
        unit=examples.spec.target.unit if examples.spec.target else "",
    )
    return found.as_json() | source
