"""Train the first network."""

import shutil
from pathlib import Path

from ...files import replacing, write_json
from ...report.words import stated
from ..context import SCHEMA, Context, Result
from ..record import version_tags
from .examine import chosen_resolution

MODEL_FILES = ("weights.safetensors", "model.json")


def baseline(context: Context) -> Result:
    from ...training.trials import Trial, run_trial

    params = context.project.params
    tags, resolution = version_tags(context.root, "baseline"), chosen_resolution(context.root)
    trial = Trial("baseline", params, params.seed, tags=tags, resolution=resolution)
    result = run_trial(
        context.root,
        context.record.of_trial(trial),
        on_epoch=lambda epoch: context.voice.progress("epochs", epoch.epoch, params.train.epochs),
    )
    keep_model(result.model, context.root / "models" / "baseline")
    errors = {name: error.as_json() for name, error in result.errors.items()}
    write_json(
        context.root / "reports" / "baseline.json",
        {
            "schema": SCHEMA,
            "params": {"model": params.model.model_dump(mode="json"), "train": params.train.model_dump(mode="json")},
            "parameters": result.parameters,
            "seen": result.seen,
            "curve": [epoch.as_json() for epoch in result.curve],
            "errors": errors,
        },
    )
    train, validation = stated(errors["train"]), stated(errors["validation"])
    return Result(f"{params.model.name}: train error {train}, validation {validation}")


def keep_model(source: Path, folder: Path) -> None:
    """Make `folder` hold the model that lies in `source`, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        if stale.name not in MODEL_FILES:
            shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    for name in MODEL_FILES:
        with replacing(folder / name, "wb") as file:
            file.write((source / name).read_bytes())
