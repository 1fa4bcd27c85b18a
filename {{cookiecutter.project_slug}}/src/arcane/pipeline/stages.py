"""The stages: each a plain function that reads and writes what `dvc.yaml` says, whoever calls it.

Wiring only: what a stage decides lives in the rooms below.
"""

from collections.abc import Callable

from ..config import Project, unknown_name
from ..errors import UserError
from .context import Context, Result
from .stage.baseline import baseline
from .stage.diagnose import diagnose
from .stage.examine import examine
from .stage.improve import improve
from .stage.ingest import ingest
from .stage.report import report
from .stage.split import split
from .stage.validate import validate

STAGES: dict[str, Callable[[Context], Result]] = {
    stage.__name__: stage for stage in (ingest, validate, split, examine, baseline, diagnose, improve, report)
}


def run_stage(name: str, context: Context) -> Result:
    """Run the stage called `name`.

    Raises:
        UserError: There is no such stage, `improve.actions` names an unknown action; or what the stage raises.
    """
    if name not in STAGES:
        raise UserError(unknown_name(name, STAGES).replace("parameter", "stage"))
    refuse_unknown_actions(context.project)
    return STAGES[name](context)


def refuse_unknown_actions(project: Project) -> None:
    """Stop before the first stage, and not an hour later in `improve`.

    Raises:
        UserError: `improve.actions` names an action that is not there, or one of actions.py has a name that is taken.
    """
    from ..improvement.actions import choose_actions

    choose_actions(project.module("actions").ACTIONS, project.params.improve.actions)
