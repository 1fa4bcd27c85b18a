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
def options(
    context: typer.Context, verbose: Annotated[bool, typer.Option("-v", "--verbose", help="show more")] = False
) -> None:
    terminal.verbose = verbose
    if context.invoked_subcommand != "doctor":  # that runs a person's program, in the environment as it is
        from .pipeline.servers import keep_off_proxy

        keep_off_proxy()


@app.command()
def run(set: Overrides = None) -> None:
    """Run the whole pipeline, here and now; `--set` writes the value into params.yaml first."""
    project = find_project()
    changes = dict(parse_override(text) for text in set or [])
    project.params.changed(changes, "--set")
    from .pipeline.run import run_here

    run_here(project, changes, terminal)


@app.command()
def improve(
    start: Annotated[
        str | None, typer.Option("--from", metavar="RUN", help="start from this run's model, as `compare` names runs")
    ] = None,
    budget: Annotated[int | None, typer.Option(min=0, help="training work: examples seen")] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="ACTION", help="try this action alone; repeat for more")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be tried, and why; train nothing")] = False,
) -> None:
    """Run the improvement loop; what the options change is written into params.yaml first."""
    project = find_project()
    from .pipeline.improving import changes_for, plan_now

    changes = changes_for(project, start, budget, only or [])
    if dry_run:
        plan_now(project, changes, terminal)
        return
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


@app.command(context_settings={"allow_interspersed_args": False})
def doctor(
    target: Annotated[
        str | None, typer.Argument(help="a training program, or `explain CODE`; this project's task when left out")
    ] = None,
    arguments: Annotated[list[str] | None, typer.Argument(help="the program's own, or the code to explain")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write the findings here")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="stop the program after so many optimiser steps")] = None,
    module: Annotated[bool, typer.Option("-m", help="TARGET is a module's name, run as `python -m` does")] = False,
) -> None:
    """Name the bugs that only make a model a little worse: of this project's task, or of any training program.

    `doctor train.py --epochs 1` runs the program as `python` would, watches it, and reports at its end.
    """
    if target is None:
        from .pipeline.run import examine_now

        examine_now(find_project(), json_file, terminal)
        return
    if target == "explain" and not (module or Path(target).exists()):
        from .diagnosis.catalogue import explain

        if not arguments:
            raise typer.BadParameter("which code? As in `doctor explain loss-expects-logits`")
        terminal.console.print(explain(arguments[0]), markup=False)
        return
    from .diagnosis.watching.command import watch_program

    raise typer.Exit(watch_program(target if module else Path(target), arguments or [], json_file, steps))


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


@app.command()
def search(
    method: Annotated[str | None, typer.Argument(help="manual, grid, random, coarse-to-fine or bayes")] = None,
    file: Annotated[Path | None, typer.Argument(help="of manual: a YAML list of values to try")] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="at most so many; `search.trials` else")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="write what is better beyond noise into params.yaml")] = False,
) -> None:
    """Search hyper-parameters over `search.space`: manual, grid, random, coarse-to-fine or bayes."""
    project = find_project()
    from .pipeline.search import search_now

    search_now(project, method, file, trials, apply, terminal)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="a model's folder, a trial, a revision, an MLflow run")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="another")],
    test: Annotated[bool, typer.Option("--test", help="on the test split, which the ledger counts")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write the comparison here")] = None,
) -> None:
    """Compare two models on the same examples: the difference with its interval, and which examples changed sides."""
    project = find_project()
    from .pipeline.compare import compare_now

    compare_now(project, (first, second), test, json_file, terminal)


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
