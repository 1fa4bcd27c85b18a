"""`compare RUN RUN`: finds two models wherever they are kept, and compares them on the same examples."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Project
from ..errors import UserError
from ..files import digest, folder_digest, write_json
from .context import SCHEMA
from .stage.baseline import MODEL_FILES
from .stage.measured import evaluated
from .stage.report import count_opening

if TYPE_CHECKING:
    from ..diagnosis.comparison import Comparison
    from ..terminal import Terminal

DESCRIPTION, SQLITE = "model.json", "sqlite:///"
LEDGER = Path("reports") / "test_ledger.jsonl"


def compare_now(
    project: Project, runs: tuple[str, str], on_test: bool, json_file: Path | None, terminal: "Terminal"
) -> None:
    """Compare two models, and say and write what came of it.

    Raises:
        UserError: A run is not known, or the models are not about the same classes.
    """
    found = comparison(project, runs, on_test)
    terminal.console.print(found.sentence, markup=False)
    shown = found.flips[:10]
    for flip in shown:
        told = f"  {flip.change:>6}  {flip.id}  {flip.label}: {flip.first} → {flip.second}"
        terminal.console.print(told, markup=False)
    if len(shown) < found.differ:
        terminal.console.print(f"  and {found.differ - len(shown):,} more; --json FILE lists them", markup=False)
    if json_file:
        write_json(json_file, {"schema": SCHEMA, **found.as_json()})


def comparison(project: Project, runs: tuple[str, str], on_test: bool = False) -> "Comparison":
    """Two models on the validation split; on the test split where that is asked for, and then the ledger counts it.

    Raises:
        UserError: A run is not known, or the models are not about the same classes.
    """
    from ..data.loading import groups_of, load_split
    from ..diagnosis.comparison import compare
    from ..training.inference import load_model

    split = "test" if on_test else "validation"
    with model_folder(project, runs[0]) as first, model_folder(project, runs[1]) as second:
        tasks: list[Any] = [load_model(folder, project) for folder in (first, second)]
        digests = [folder_digest(folder, MODEL_FILES) for folder in (first, second)]
    if tasks[0].spec.classes != tasks[1].spec.classes or tasks[0].spec.target != tasks[1].spec.target:
        raise UserError(
            f"{runs[0]} and {runs[1]} do not answer the same question: "
            f"{_question(tasks[0])} against {_question(tasks[1])}"
        )
    examples = load_split(project.root, split)
    if tasks[0].spec.classes != examples.classes:
        raise UserError(
            f"{runs[0]} knows {_question(tasks[0])}, the data now has {len(examples.classes)} classes; train again"
        )
    groups = groups_of(project.root, examples.ids)
    told = [evaluated(task, {split: examples}, {split: groups}) for task in tasks]
    if on_test:
        for task_digest, (_, errors) in zip(digests, told, strict=True):
            count_opening(project.root / LEDGER, task_digest, digest(*examples.ids), errors[split])
    return compare(
        (runs[0], runs[1]),
        (told[0][0][split], told[1][0][split]),
        examples,
        split,
        scale=tasks[0].statistics.target_std,
        groups=groups,
    )


def _question(task: Any) -> str:
    if task.spec.target:
        return f"a number ({task.spec.target.name})"
    return f"{len(task.spec.classes)} classes ({', '.join(task.spec.classes[:5])} …)"


@contextmanager
def model_folder(project: Project, run: str) -> Iterator[Path]:
    """The folder of the model that `run` names; one that had to be fetched is there until the end of the block.

    A run is a folder with a saved model, `baseline` or `best`, a trial's key, a git revision (its `models/best`), or an
    MLflow run: id or name.

    Raises:
        UserError: It is none of these, or its model is not kept any more.
    """
    root = project.root
    here = [Path(run), root / run, root / "models" / run]
    if kept := next((folder for folder in here if (folder / DESCRIPTION).is_file()), None):
        yield kept
        return
    if (trial := trial_model(root, run)) is not None:
        yield trial
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = of_revision(root, run, Path(scratch)) or of_mlflow(project, run, Path(scratch))
        if folder is None:
            raise UserError(
                f"{run}: no run that is known here. Expected a folder with {DESCRIPTION}, `baseline` or `best`, the "
                "key of a trial in .arcane/trials, a git revision whose models/best DVC holds, or an MLflow run's id "
                "or name whose model is kept"
            )
        yield folder


def trial_model(root: Path, key: str) -> Path | None:
    """The model of the one trial whose key begins so; None where there is none, or more than one."""
    if len(key) < 6 or set(key) - set("0123456789abcdef"):
        return None
    found = [
        folder for folder in (root / ".arcane" / "trials").glob(f"{key}*/model") if (folder / DESCRIPTION).is_file()
    ]
    return found[0] if len(found) == 1 else None


def of_revision(root: Path, revision: str, scratch: Path) -> Path | None:
    """`models/best` of a git revision, out of DVC's cache or remote; None where `revision` is none.

    Raises:
        UserError: There is such a revision, and its model cannot be had.
    """
    from .record import git

    if git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        return None
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException

    folder = scratch / "best"
    try:
        files = DVCFileSystem(str(root), rev=revision)
        files.get("models/best", str(folder), recursive=True)
    except (DvcException, FileNotFoundError, OSError) as error:
        raise UserError(
            f"{revision}: its models/best cannot be had ({error}); `dvc fetch --all-commits models/best` brings it "
            "where a remote has it"
        ) from None
    return folder


def of_mlflow(project: Project, run: str, scratch: Path) -> Path | None:
    """The model of an MLflow run: a trial's by its key, else the one that was logged; None where there is none.

    Raises:
        UserError: The tracker does not answer.
    """
    from .tracking import MODEL, tracking_uri

    uri = tracking_uri(project.root, project.params.track.uri)
    if uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).is_file():
        return None  # MLflow would make an empty database
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # a server that is gone would be waited for 4 minutes
    import mlflow

    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(uri)
    try:
        found = _mlflow_run(client, project.name, run)
        if found is None:
            return None
        if (key := found.data.tags.get("trial.key")) and (kept := trial_model(project.root, key)) is not None:
            return kept
        weights = found.data.tags.get(MODEL)  # logged by the first run that ended with them
        for version in client.search_model_versions(f"name='{project.name}'"):
            if version.run_id != found.info.run_id and (weights is None or version.tags.get(MODEL) != weights):
                continue
            fetched = Path(mlflow.artifacts.download_artifacts(version.source, dst_path=str(scratch)))
            for description in sorted(fetched.rglob(DESCRIPTION)):
                return description.parent
    except mlflow.exceptions.MlflowException as error:
        raise UserError(f"{run}: no run here, and the tracker at {uri} does not answer ({error})") from None
    return None


def _mlflow_run(client: Any, experiment: str, run: str) -> Any:
    """The run of this id, else the newest of this name; None where there is none."""
    known = client.get_experiment_by_name(experiment)
    if known is None:
        return None
    quoted = run.replace("'", "")
    for name in ("run_id", "run_name"):
        if found := client.search_runs([known.experiment_id], f"attributes.{name} = '{quoted}'", max_results=1):
            return found[0]
    return None
