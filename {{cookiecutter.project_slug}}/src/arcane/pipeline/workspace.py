"""The DVC side of a project: the graph in `dvc.yaml`, what is stale, and running one stage inside this process.

DVC does all that it does under `dvc repro` (locks, run cache, `dvc.lock`, the cache of outputs); only the shell that it
would start for a command is replaced by a call, because a process that imports torch costs seconds.
"""

import logging
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import UserError

Outcome = Literal["unchanged", "restored", "ran"]


@dataclass(frozen=True)
class StageSpec:
    """A stage as `dvc.yaml` describes it.

    Attributes:
        name: The stage's name.
        call: The name of the engine's stage that its command runs, or None where the command is another program.
        meta: What the stage tells Prefect (`gpu`, `retries`).
        description: Its `desc`.
    """

    name: str
    call: str | None
    meta: dict[str, Any] = field(default_factory=dict)
    description: str = ""


class Workspace:
    """The project's folder as DVC sees it.

    Args:
        root: The project's root.
        package: The package whose `python -m PACKAGE stage NAME` commands are calls of the engine.

    Raises:
        UserError: `root` is no DVC repository, or `dvc.yaml` cannot be read.
    """

    def __init__(self, root: Path, package: str):
        from dvc.exceptions import DvcException, NotDvcRepoError
        from dvc.repo import Repo

        logging.getLogger("dvc").setLevel(logging.ERROR)
        self.root = root
        self.package = package
        try:
            self.repo = Repo(str(root))
            self._order = self._stages_in_order()
        except NotDvcRepoError:
            raise UserError(
                f"{root}: DVC is not initialised here; run `dvc init` (or `dvc init --no-scm` without git)"
            ) from None
        except DvcException as error:
            raise UserError(f"dvc.yaml: {error}") from error

    def _stages_in_order(self) -> list[Any]:
        from dvc.repo.reproduce import get_active_graph, plan_repro

        return plan_repro(get_active_graph(self.repo.index.graph))

    def stages(self) -> list[StageSpec]:
        """The stages of `dvc.yaml`, each after those that it depends on."""
        return [
            StageSpec(
                self._name(stage), called_stage(stage.cmd, self.package), dict(stage.meta or {}), stage.desc or ""
            )
            for stage in self._order
        ]

    def stale(self) -> list[str]:
        """The names of the stages that `dvc status` calls changed, in order."""
        with self.repo.lock, self.repo.scm_context():
            return [self._name(stage) for stage in self._order if stage.changed()]

    def _name(self, stage: Any) -> str:
        """A stage's name in `dvc.yaml`, or the path of a `.dvc` file; whatever the working directory."""
        return getattr(stage, "name", None) or Path(stage.path).relative_to(self.root).as_posix()

    def reproduce(self, name: str, call: Callable[[str], None]) -> Outcome:
        """Bring one stage up to date: nothing, restore it from the run cache, or run it and commit it to `dvc.lock`.

        Args:
            name: A stage of `dvc.yaml`.
            call: Runs an engine's stage by name; used where the command is `python -m PACKAGE stage NAME`.

        Raises:
            UserError: What the stage raised, a file that no stage makes is gone, or DVC's own complaint (another
                process works on the same outputs).
        """
        from dvc.exceptions import DvcException, ReproductionError
        from dvc.lock import LockError

        self._refuse_missing(name)
        ran: list[str] = []
        try:
            with running_in_process(self.package, call, ran):
                changed = self.repo.reproduce(targets=[name], single_item=True)
        except ReproductionError as error:
            cause = root_cause(error)
            if isinstance(cause, DvcException):
                raise UserError(f"stage `{name}`: {cause}") from error
            raise cause from None
        except LockError as error:
            raise UserError(f"stage `{name}`: another DVC process holds the project ({error})") from error
        return "ran" if ran else "restored" if changed else "unchanged"

    def _refuse_missing(self, name: str) -> None:
        """What DVC itself says in a traceback of its own, where a folder of the project was deleted."""
        made = [out.fs_path for stage in self._order for out in stage.outs]
        for stage in self._order:
            for dep in stage.deps if self._name(stage) == name else ():
                inside = any(Path(dep.fs_path).is_relative_to(path) for path in made)
                if dep.protocol == "local" and not inside and not Path(dep.fs_path).exists():
                    raise UserError(
                        f"stage `{name}` reads {dep.def_path}, which is not there and which no stage makes; bring it "
                        f"back (`git restore {dep.def_path}`), or make it anew"
                    )


def called_stage(command: Any, package: str) -> str | None:
    """The stage that `python -m PACKAGE stage NAME` names, or None for any other command."""
    if not isinstance(command, str):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    match words:
        case ["python", "-m", module, "stage", name] if module in (package, "arcane"):
            return name
    return None


@contextmanager
def running_in_process(package: str, call: Callable[[str], None], ran: list[str]) -> Iterator[None]:
    """Let DVC run the engine's stages by `call` instead of a shell; other commands still get their shell.

    `ran` collects the addresses of the stages whose command ran. DVC has no public hook for this, so the template's
    tests hold that both ways leave the same `dvc.lock`.
    """
    from dvc.stage import run

    shell = run.cmd_run

    def cmd_run(stage: Any, dry: bool = False, run_env: dict[str, str] | None = None) -> None:
        ran.append(stage.addressing)
        name = called_stage(stage.cmd, package)
        if name is None or dry:
            shell(stage, dry=dry, run_env=run_env)
        else:
            call(name)

    run.cmd_run = cmd_run
    try:
        yield
    finally:
        run.cmd_run = shell


def root_cause(error: BaseException) -> BaseException:
    """The first error of a chain of `raise … from …`."""
    while error.__cause__ is not None and not isinstance(error, UserError):
        error = error.__cause__
    return error


def write_overrides(path: Path, changes: dict[str, Any]) -> None:
    """Write new values into a `params.yaml`, keeping its comments and order.

    Args:
        path: The `params.yaml`; every stage, DVC and the next run read the values from there.
        changes: Values by dotted name, already checked.
    """
    from ruamel.yaml import YAML, RoundTripRepresenter

    from ..files import replacing

    class Representer(RoundTripRepresenter):
        """Writes `null` as the file has it, so that a change of one number is a diff of one line."""

    # On a class of our own: registered on ruamel's, it would change what DVC writes into dvc.lock.
    Representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    yaml = YAML()
    yaml.Representer = Representer
    yaml.preserve_quotes = True
    yaml.width = 4096
    tree = yaml.load(path.read_text(encoding="utf-8"))
    for name, value in changes.items():
        *parents, leaf = name.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    with replacing(path) as file:
        yaml.dump(tree, file)
