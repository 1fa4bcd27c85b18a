"""What a study keeps: every proposal before it is trained, every outcome when it is told, in an Optuna storage.

A journal file or any database that Optuna reads (its dashboard too). A kill at any instant loses nothing that was
told, and changes no proposal. Only one process writes a study at a time; its caller sees to that.
"""

import math
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import UserError
from .methods import Tried, Values
from .space import Space

if TYPE_CHECKING:
    import optuna


class Store:
    """One study in a storage.

    Args:
        place: A database's URL (`sqlite:///search.db`), or the path of a journal file; None keeps it in memory.
        name: Of the study: what shapes its course is in it, so that another search is another study.
        space: Of its trials.

    Raises:
        UserError: The storage cannot be opened.
    """

    def __init__(self, place: str | Path | None, name: str, space: Space):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.space = space
        self.distributions = {each.name: each.distribution() for each in space}
        try:
            self.storage = storage_at(place)
            self.study = optuna.create_study(study_name=name, storage=self.storage, load_if_exists=True)
        except Exception as error:
            if isinstance(error, KeyboardInterrupt | UserError):
                raise
            raise UserError(
                f"search.storage: {place} cannot be opened ({' '.join(str(error).split())[:200]}); expected a "
                "database's URL such as sqlite:///search.db, or null for a file of this project"
            ) from None
        self.ids: dict[int, int] = {}

    def proposed(self, number: int, values: Values) -> None:
        """Keep a proposal before it is trained: one write, whole or not at all."""
        from optuna.trial import TrialState, create_trial

        trial = create_trial(state=TrialState.RUNNING, params=dict(values), distributions=self.distributions)
        self.ids[number] = self.storage.create_new_trial(self.study._study_id, template_trial=trial)

    def told(self, tried: Tried) -> None:
        """Keep an outcome; the number of its trial was proposed before."""
        from optuna.trial import TrialState

        trial = self.ids[tried.number]
        for seen, error in tried.rungs:
            self.storage.set_trial_intermediate_value(trial, seen, error)
        state = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "diverged": TrialState.FAIL}[tried.state]
        values = None if tried.state == "diverged" else [tried.error]
        self.storage.set_trial_state_values(trial, state, values)

    def kept(self) -> tuple[list[Tried], dict[int, Values]]:
        """What earlier runs left: the trials told, in order, and the proposals of those that were still running."""
        told: list[Tried] = []
        running: dict[int, Values] = {}
        for trial in self.storage.get_all_trials(self.study._study_id):
            self.ids[trial.number] = trial._trial_id
            values = {each.name: trial.params[each.name] for each in self.space}
            if trial.state.is_finished():
                told.append(_tried(trial, values))
            else:
                running[trial.number] = values
        return told, running

    def importance(self) -> dict[str, float]:
        """How much each parameter decides whether a trial is among the better ones, as shares, largest first; empty
        where there are too few trials to say.

        PED-ANOVA (S. Watanabe et al., IJCAI 2023, arXiv:2304.10255). Not Optuna's fANOVA, which takes a range on the
        logarithm for an even one: of 9 studies in which the learning rate decides most it named it first in 1.
        """
        import optuna

        complete = [trial for trial in self.study.trials if trial.value is not None and trial.state.name == "COMPLETE"]
        if len(complete) < max(20, 4 * len(self.space)) or len({trial.value for trial in complete}) < 2:
            return {}
        with warnings.catch_warnings(), suppress(ValueError, RuntimeError):
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            evaluator = optuna.importance.PedAnovaImportanceEvaluator()
            found = optuna.importance.get_param_importances(self.study, evaluator=evaluator)
            return {name: round(float(share), 6) for name, share in found.items()}
        return {}


def _tried(trial: "optuna.trial.FrozenTrial", values: dict[str, Any]) -> Tried:
    state = {"COMPLETE": "complete", "PRUNED": "pruned"}.get(trial.state.name, "diverged")
    rungs = tuple(sorted(trial.intermediate_values.items()))
    error = math.inf if state == "diverged" or trial.value is None else float(trial.value)
    return Tried(trial.number, values, state, error, rungs)


def storage_at(place: str | Path | None) -> "optuna.storages.BaseStorage":
    """The storage at a URL, a path or in memory."""
    import optuna
    from optuna.storages.journal import JournalFileBackend

    if place is None:
        return optuna.storages.InMemoryStorage()
    if "://" in str(place):
        return optuna.storages.RDBStorage(str(place))
    path = Path(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    mend(path)
    return optuna.storages.JournalStorage(JournalFileBackend(str(path)))


def mend(path: Path) -> None:
    """Bring a journal into order after a kill: a torn last line goes, and the lock of a process that is no more.

    Optuna itself would wait 30 s for the lock, and refuse the file once a line follows the torn one.
    """
    for left in path.parent.glob(f"{path.name}.lock*"):
        left.unlink(missing_ok=True)
    if not path.is_file():
        return
    with path.open("r+b") as file:
        content = file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(whole)
