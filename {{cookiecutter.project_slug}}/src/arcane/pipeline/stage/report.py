"""Open the test split, and write the page."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...files import digest, folder_digest, read_json, replacing, write_json
from ...report.words import stated_with_interval
from ..context import SCHEMA, Context, Result
from ..findings import record_verdict
from .baseline import MODEL_FILES
from .diagnose import ERRORS
from .improve import IMPROVEMENT
from .measured import baseline_error, evaluated, groups_by_split

if TYPE_CHECKING:
    from ...data.rates import Measured


def report(context: Context) -> Result:
    from ...report.page import render_page

    metrics = final_metrics(context)
    write_json(context.root / "reports" / "metrics.json", metrics)
    page = render_page(context.root)
    context.record.journal.metrics(
        {f"{split}_error": error["value"] for split, error in metrics["errors"].items()}
        | {f"{split}_rmse": error["rmse"]["value"] for split, error in metrics["errors"].items() if "rmse" in error}
        | {"validation_overfit": metrics["validation_overfit"]["value"], "parameters": metrics["parameters"]}
    )
    record_verdict(context.record.journal, metrics)
    for path in (page, *sorted((context.root / "reports").glob("*.json"))):
        context.record.journal.artifact(path, "reports")
    return Result(f"test error {stated_with_interval(metrics['errors']['test'])}; {page.relative_to(context.root)}")


def final_metrics(context: Context) -> dict[str, Any]:
    """Open the test split: measure the baselines, the first network and the best one on it, and count the opening."""
    from ...data.loading import load_splits, measured_splits
    from ...diagnosis.baselines import kept_errors
    from ...diagnosis.decomposition import decompose
    from ...diagnosis.error_analysis import analysed
    from ...diagnosis.goal import REFERENCES, claim_of, judge, label_noise, placed, read_references
    from ...training.inference import load_model

    root, params = context.root, context.project.params
    parts = load_splits(root, (*measured_splits(root), "test"))
    test = parts["test"]
    groups = groups_by_split(root, parts)
    tasks: dict[str, Any] = {name: load_model(root / "models" / name, context.project) for name in ("baseline", "best")}
    held_out = {name: parts[name] for name in ("validation", "test")}
    models: dict[str, dict[str, Any]] = {
        name: {split: baseline_error(tasks["baseline"], each[split], groups[split]).as_json() for split in held_out}
        for name, each in kept_errors(root, parts["train"], held_out, params.seed).items()
    }
    outputs, errors = {}, {}
    for name, task in tasks.items():
        description = read_json(root / "models" / name / "model.json")
        outputs[name], errors[name] = evaluated(task, parts, groups)
        models[name] = {split: errors[name][split].as_json() for split in ("validation", "test")}
        models[name] |= {"parameters": description["parameters"]}
    best = errors["best"]
    analysis = analysed(outputs["best"]["test"], test, tasks["best"].statistics.target_std, "test")
    claim = claim_of(params.goal, test.spec.regression)
    decomposition = decompose(claim, best["train"], best["validation"], best.get("train_val"), best["test"])
    overfit = decomposition.validation_overfit
    assert overfit is not None  # as the test error was given
    # A model may be measured before it was diagnosed or improved: by a test, or by hand.
    tried, found_before = (read_json(root / file) if (root / file).is_file() else {} for file in (IMPROVEMENT, ERRORS))
    model_digest, split_digest = folder_digest(root / "models" / "best", MODEL_FILES), digest(*test.ids)
    openings = count_opening(root / "reports" / "test_ledger.jsonl", model_digest, split_digest, best["test"])
    return {
        **{name: value for name, value in analysis.items() if name not in ("split", "error")},
        "schema": SCHEMA,
        **decomposition.as_json(),
        "parts": {name: part.as_json() for name, part in decomposition.parts.items()},
        "goal": judge(params.goal, best["validation"], label_noise(found_before)).as_json(),
        "references": placed(best["test"], read_references(root / REFERENCES)),
        "versions": read_json(root / "models" / "best" / "model.json")["versions"],
        "models": models,
        "parameters": models["best"]["parameters"],
        "validation_overfit": overfit.as_json() | {"asked": times_asked(tried)},
        "test": {"model_digest": model_digest, "split_digest": split_digest, "openings": openings},
    }


def times_asked(improvement: "Mapping[str, Any]") -> int:
    """How many models' validation errors were compared by the improvement loop, its starting point among them.

    Each is a chance to take luck for progress: test − validation tells what that came to.
    """
    return 1 + len(improvement.get("rounds", []))


def count_opening(ledger: Path, model: str, split: str, error: "Measured") -> int:
    """Write down that a model met a test split, once for the same pair; returns which opening of this split it was."""
    import json

    from ...data.rates import Rate

    lines = ledger.read_text(encoding="utf-8").splitlines() if ledger.exists() else []
    opened = [entry for entry in map(json.loads, lines) if entry["split"] == split]
    for number, entry in enumerate(opened, start=1):
        if entry["model"] == model:
            return number
    met = {"wrong": error.wrong} if isinstance(error, Rate) else {"value": error.value}
    entry = {"model": model, "split": split, "n": error.n, **met}
    with replacing(ledger) as file:
        file.writelines(line + "\n" for line in [*lines, json.dumps(entry, sort_keys=True)])
    return len(opened) + 1
