"""Look for the invisible bugs in the task before it is trained, and choose the images' size."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import Project
from ...errors import ExaminationError
from ...files import read_json, write_json
from ...report.words import percent
from ..context import SCHEMA, Context, Result
from ..places import Places
from ..record import version_tags

if TYPE_CHECKING:
    from ...diagnosis.examine import Examination

RESOLUTION = Path("reports/resolution.json")


def examination(project: Project) -> "Examination":
    """Examine the project's task on its training split; the validation split only shows what both share."""
    from ...data.loading import load_splits
    from ...diagnosis.examine import examine as examine_task
    from ...diagnosis.limits import settings
    from ...training.trials import make_task, torch_threads

    params = project.params
    given = settings(params.doctor.thresholds, params.doctor.silence)
    parts = load_splits(project.root, ("train", "validation"))
    train, validation = parts["train"], parts["validation"]
    with torch_threads(params.run.threads):
        task = make_task(project, params, train, params.seed)
        return examine_task(
            task,
            train,
            seed=params.seed,
            accept=params.data.accept,
            root=project.root,
            validation=validation,
            settings=given,
        )


def examine(context: Context) -> Result:
    from ...data.findings import stop_message

    examined = examination(context.project)
    # The seconds are the machine's, not the data's: they go to the tracker, and the file stays the same bytes.
    write_json(context.root / "reports" / "examination.json", {"schema": SCHEMA, **examined.as_json(), "seconds": None})
    if examined.errors:
        raise ExaminationError(stop_message(examined.errors))
    looked = {"chosen": None} | resolution_swept(context)
    write_json(context.root / RESOLUTION, {"schema": SCHEMA, **looked})
    return Result("; ".join(filter(None, (examined.verdict, looked.get("sentence")))))


def resolution_swept(context: Context) -> dict[str, Any]:
    """What the sweep over image sizes found, where `data.resolution` asks for one."""
    from ...data.assets import ASSETS, read_assets
    from ...diagnosis.resolution import sweep

    params = context.project.params
    if params.data.resolution != "sweep":
        return {}
    shape, tags = read_assets(context.root / ASSETS).spec.shape, version_tags(context.root, "examine")

    def with_places(places: Places) -> Any:
        return sweep(
            params,
            shape,
            lambda trial: places.submit(context.record.of_trial(replace(trial, tags=tags))),
            percent,
            lambda done, total: context.voice.progress("trainings", done, total),
        )

    return context.with_slots(with_places).as_json()


def chosen_resolution(root: Path) -> int | None:
    """Pixels a side that the sweep chose for trials; None for the images as they are packed."""
    return read_json(root / RESOLUTION)["chosen"]
