"""The command line: reads arguments, calls the pipeline, and says plainly what went wrong.

Exit codes: 0 done, 1 the input or the data is wrong, 2 usage, 3 the examination found errors. Heavy packages are
imported by the commands that need them, so that `--help` and a wrong argument answer at once.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .config import find_project, parse_override
from .errors import ExaminationError, UserError
from .terminal import Terminal

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Train, examine, diagnose and improve this project's model.",
)
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a parameter, by dotted name")]
terminal = Terminal()


@app.callback()
def options(verbose: Annotated[bool, typer.Option("-v", "--verbose", help="show more")] = False) -> None:
    terminal.verbose = verbose


@app.command()
def run(set: Overrides = None) -> None:
    """Run the whole pipeline, here and now; `--set` writes the value into params.yaml first."""
    project = find_project()
    changes = dict(parse_override(text) for text in set or [])
    project.params.changed(changes, "--set")
    from .pipeline.run import run_here

    run_here(project, changes, terminal)


@app.command()
def stage(name: str) -> None:
    """Run one stage, as DVC calls it."""
    from .pipeline.run import run_stage_alone

    run_stage_alone(find_project(), name, terminal)


PrefectPort = Annotated[int, typer.Option(help="port of the Prefect server")]
MlflowPort = Annotated[int, typer.Option(help="port of the MLflow page")]


@app.command()
def serve(prefect_port: PrefectPort = 4200, mlflow_port: MlflowPort = 5000) -> None:
    """Serve the deployments of prefect.yaml, with the Prefect and MLflow pages, until Ctrl-C."""
    from .pipeline.serve import serve_deployments

    serve_deployments(find_project(), prefect_port, mlflow_port, terminal, worker=True)


@app.command()
def ui(prefect_port: PrefectPort = 4200, mlflow_port: MlflowPort = 5000) -> None:
    """Open the Prefect and MLflow pages; start their servers where they do not run, until Ctrl-C."""
    from .pipeline.serve import serve_deployments

    serve_deployments(find_project(), prefect_port, mlflow_port, terminal, worker=False)


@app.command()
def doctor(
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write the findings here")] = None,
) -> None:
    """Examine this project's task and data for the bugs that only make it a little worse."""
    from .pipeline.run import examine_now

    examine_now(find_project(), json_file, terminal)


@app.command()
def fit(set: Overrides = None) -> None:
    """Train the task once; `--set` holds for this training only."""
    project = find_project()
    params = project.params.changed(dict(parse_override(text) for text in set or []), "--set")
    from .pipeline.run import fit_once

    fit_once(project, params, terminal)


@app.command()
def predict(
    files: list[Path],
    model: Annotated[Path, typer.Option(help="folder of a saved model")] = Path("models/best"),
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write the predictions here")] = None,
) -> None:
    """Say what the best model makes of files: images, or the rows of tables and of files of sequences."""
    project = find_project()
    from .files import write_json
    from .training.inference import predict_files

    predictions = predict_files(files, project.root / model, project)
    for prediction in predictions:
        terminal.console.print(str(prediction), markup=False)
    if json_file:
        write_json(json_file, [{**vars(prediction), "path": str(prediction.path)} for prediction in predictions])


@app.command()
def size(
    budget: Annotated[
        int | None, typer.Option(help="training work: examples seen; a share of improve.budget else")
    ] = None,
    proxy: Annotated[
        str | None, typer.Option(metavar="NAME", help="a like data set, or another project's folder")
    ] = None,
) -> None:
    """Say how much data the goal needs, by the learning curve of this project and of a like one."""
    project = find_project()
    from .pipeline.size import size_now

    size_now(project, budget, proxy, terminal)


@app.command("data.diff")
def data_diff(
    before: Annotated[str, typer.Argument(help="a git revision: a commit, a tag, a branch")] = "HEAD",
    after: Annotated[str, typer.Argument(help="another; a full stop is the data as it lies here")] = ".",
) -> None:
    """Say in words what changed between two versions of the data."""
    project = find_project()
    from .data.difference import difference, sentences
    from .pipeline.versions import data_version

    changed = difference(data_version(project.root, before), data_version(project.root, after))
    for sentence in sentences(changed):
        terminal.console.print(sentence, markup=False)


@app.command()
def report() -> None:
    """Write the report's page again from the reports' numbers, and name it."""
    project = find_project()
    from .report.page import render_page

    terminal.console.print(str(render_page(project.root)), markup=False)


def main() -> None:
    """Run the command line; ends the process."""
    try:
        app(standalone_mode=True)
    except ExaminationError as error:
        fail(str(error), 3)
    except UserError as error:
        fail(str(error), 1)
    except KeyboardInterrupt as stop:
        fail(str(stop) or "stopped; `run` goes on from the last finished stage", 130)


def fail(message: str, code: int) -> None:
    terminal.clear()
    sys.stdout.flush()
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)
