"""Split the first network's error into bias, variance and mismatch, and look at its mistakes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import DivergedError
from ...files import read_json, write_json
from ..context import SCHEMA, Context, Result
from ..findings import record_verdict
from ..places import Places
from ..record import version_tags
from .examine import chosen_resolution
from .measured import baseline_error, evaluated, groups_by_split

if TYPE_CHECKING:
    from ...data.loading import Examples
    from ...diagnosis.folds import OutOfFold
    from ...diagnosis.seeds import Plan
    from ...training.trials import TrialResult

ERRORS = Path("reports/errors.json")


def diagnose(context: Context) -> Result:
    from ...data.loading import load_splits, measured_splits
    from ...data.manifest import MANIFEST, read_manifest
    from ...diagnosis.baselines import kept_errors
    from ...diagnosis.decomposition import decompose
    from ...diagnosis.error_analysis import Analysed, error_report
    from ...diagnosis.goal import claim_of, judge, label_noise
    from ...diagnosis.seeds import over_seeds
    from ...training.inference import load_model

    root, params = context.root, context.project.params
    parts = load_splits(root, measured_splits(root))
    validation = parts["validation"]
    task: Any = load_model(root / "models" / "baseline", context.project)
    groups = groups_by_split(root, parts)
    outputs, first = evaluated(task, parts, groups)
    claim = claim_of(params.goal, validation.spec.regression)
    plan, others, folds = trained_again(context, parts)
    errors = over_seeds(first, others)
    decomposition = decompose(claim, errors["train"], errors["validation"], errors.get("train_val"))
    stated_by_folds = folds.decomposed(claim) if folds else None
    leading, decided_by = decomposition, "validation"
    if decomposition.dominant == "undecided" and stated_by_folds and stated_by_folds.dominant != "undecided":
        leading, decided_by = stated_by_folds, "folds"
    analysed = Analysed(
        outputs["validation"],
        parts,
        read_manifest(root / MANIFEST),
        task.statistics.target_std,
        curve=first_curve(root),
        again=[other.validation_outputs for other in others],
        shift_expected=params.data.target_domain is not None,
        seed=params.seed,
        answers=folds.answers if folds else None,
    )
    analysis = error_report(analysed)
    write_json(root / ERRORS, {"schema": SCHEMA, **analysis})
    kept = kept_errors(root, parts["train"], {"validation": validation}, params.seed)
    write_json(
        root / "reports" / "diagnosis.json",
        {
            "schema": SCHEMA,
            **decomposition.as_json(),
            "dominant": leading.dominant,
            "verdict": leading.verdict,
            "decided_by": decided_by,
            "goal": judge(params.goal, errors["validation"], label_noise(analysis)).as_json(),
            "goal_source": params.goal.source,
            "baselines": {
                name: baseline_error(task, each["validation"], groups["validation"]).as_json()
                for name, each in kept.items()
            },
            "folds": folds.as_json(claim) if folds else None,
            "plan": plan.as_json(),
        },
    )
    stated = {**decomposition.as_json(), "dominant": leading.dominant, "verdict": leading.verdict}
    record_verdict(context.record.journal, stated, "baseline.")
    return Result(leading.verdict)


def trained_again(
    context: Context, parts: "Mapping[str, Examples]"
) -> "tuple[Plan, list[TrialResult], OutOfFold | None]":
    """Train more seeds, or folds, as far as `diagnose.share` goes; the improvement loop finds the seeds done."""
    from ...data.loading import groups_of
    from ...data.splits import SPLITS, read_splits
    from ...diagnosis.folds import fold_trials, out_of_fold
    from ...diagnosis.seeds import plan, seed_trials

    root, params = context.root, context.project.params
    assigned = read_splits(root / SPLITS)
    in_fold = assigned["fold"].drop_nulls() if "fold" in assigned.columns else None
    count = 0 if in_fold is None else int(in_fold.max()) + 1  # type: ignore[arg-type]
    planned = plan(params, len(parts["train"]), count, 0 if in_fold is None else len(in_fold))
    if planned.cost == 0:
        return planned, [], None
    tags, resolution = version_tags(root, "diagnose"), chosen_resolution(root)
    seeds, folds = seed_trials(params, planned.seeds, resolution), fold_trials(params, planned.folds, resolution)

    def with_places(places: Places) -> Any:
        futures = [places.submit(context.record.of_trial(replace(trial, tags=tags))) for trial in (*seeds, *folds)]
        results = []
        for done, future in enumerate(futures, 1):
            try:
                results.append(future.result())
            except DivergedError as diverged:  # `improve`, which trains these seeds too, says what to do about it
                context.voice.say(f"  {diverged}")
                results.append(None)
            context.voice.progress("trainings", done, len(futures))
        return results

    results: list[TrialResult | None] = context.with_slots(with_places)
    again = [result for result in results[: len(seeds)] if result is not None]
    out = [result for result in results[len(seeds) :] if result is not None]
    if not folds or len(out) < len(folds):
        return planned, again, None
    in_order = assigned.filter(assigned["fold"].is_not_null()).sort("fold", "id")["id"]
    return planned, again, out_of_fold(out, groups_of(root, in_order), in_order.to_list())


def first_curve(root: Path) -> "list[dict[str, Any]]":
    """The first network's course, an entry an epoch; none where `baseline` has not written it."""
    path = root / "reports" / "baseline.json"
    return read_json(path)["curve"] if path.is_file() else []
