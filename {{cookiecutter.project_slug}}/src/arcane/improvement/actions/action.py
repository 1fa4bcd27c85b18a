"""What an improvement action is, and what it may know: params and a few facts, or, for the few that must look before
they can say what to change, the means to look."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ...config import Params
from ...spec import Spec

if TYPE_CHECKING:
    import numpy as np

    from ...data.loading import Examples
    from ...training.trials import Trial

Family = Literal["under-fitting", "over-fitting", "distribution shift"]

Change = Mapping[str, Any]
"""New values by dotted name, `{"model.width": 2.0}`."""


@dataclass(frozen=True)
class Context:
    """What an action may know besides the params.

    Attributes:
        spec: What an example is: modality, shape, classes or target.
        examples: Size of the training split.
        course: The incumbent's validation loss after each epoch; empty where it is not known.
    """

    spec: Spec
    examples: int
    course: tuple[float, ...] = ()


@dataclass(frozen=True)
class Means:
    """What an action that has to look first may use.

    Attributes:
        submit: Starts a trial; its future has `result()`.
        budget: Examples that its trials may see.
        train: The training split.
        validation: The validation split.
        predict: The incumbent's outputs for inputs `[N, *spec.shape]`, as `training.inference.predict` gives them.
        proxy: Trains these params on a like data set and returns the saved model's folder, relative to the project's,
            and the examples seen; None where there is no such data set.
    """

    submit: "Callable[[Trial], Any]"
    budget: int
    train: "Examples"
    validation: "Examples"
    predict: "Callable[[np.ndarray], np.ndarray] | None" = None
    proxy: "Callable[[Params], tuple[str, int] | None] | None" = None


@dataclass(frozen=True)
class Discovery:
    """What an action found out.

    Attributes:
        change: New values by dotted name; empty where there is nothing to do.
        spent: Examples that its trials saw.
        asked: How many outcomes on validation it chose among: whoever judges the change must allow for that. Trials
            that ended early for being far behind are none.
        said: What it saw, in a sentence.
        trials: Trainings that it started.
    """

    change: Change
    spent: int = 0
    asked: int = 1
    said: str = ""
    trials: int = 0


def nothing(params: Params, context: Context) -> Change:
    """The change of an action that has to look first."""
    return {}


@dataclass(frozen=True)
class Action:
    """One thing to try.

    Attributes:
        name: Unique; reports, the logbook and `improve.actions` use it.
        addresses: The family of causes that it answers.
        why: One sentence: what is expected of it.
        change: From params and context to new values by dotted name; an empty one means that there is nothing to do.
        applies: Whether it makes sense for these params.
        order: Place within its family, RECIPE 5.1's number; 7.5 puts it after tuning and before the last resorts.
        cost: What it costs, in words; "a training" for one of the same length.
        discover: For an action that cannot say what to change before it has trained or measured something: looks, and
            says. Such an action has no `change`.
    """

    name: str
    addresses: Family
    why: str
    change: Callable[[Params, Context], Change] = nothing
    applies: Callable[[Params, Context], bool] = lambda params, context: True
    order: float = 7.5
    cost: str = "a training"
    discover: Callable[[Params, Context, Means], Discovery] | None = None


def any_of(params: Params, names: Sequence[str]) -> bool:
    """Whether one of these values is set to anything but zero, null, `none` or an empty list."""
    return any(params.value(name) not in (0, None, "none", ()) for name in names)
