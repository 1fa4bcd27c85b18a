"""The improvement actions: small named changes of the params, each with its reason, in the order of RECIPE 5.1.

A new one is an `Action` appended to `ACTIONS`, or to the list of the same name in the person's `actions.py`. Actions
see params and a few facts about the data; they know nothing of trials and acceptance.
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..config import Params
from ..errors import UserError
from ..spec import Modality, Spec

Family = Literal["under-fitting", "over-fitting", "distribution shift"]

Change = Mapping[str, Any]
"""New values by dotted name, `{"model.width": 2.0}`."""


@dataclass(frozen=True)
class Context:
    """What an action may know besides the params.

    Attributes:
        spec: What an example is: modality, shape, classes or target.
        examples: Size of the training split.
    """

    spec: Spec
    examples: int


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
    """

    name: str
    addresses: Family
    why: str
    change: Callable[[Params, Context], Change]
    applies: Callable[[Params, Context], bool] = lambda params, context: True
    order: float = 7.5


_WIDEST = 8.0
_STEADY_PEAK = 3e-3
"""One-cycle's peak rate for Adam: ten times the recipe's constant 3e-4, since warm-up and decay allow it."""


_FOLLOWS: dict[Modality, dict[str, str]] = {
    "image": {"linear": "resnet", "mlp": "resnet", "lenet": "resnet"},
    "sequence": {"linear": "wavenet", "mlp": "wavenet", "lstm": "wavenet", "conv1d": "wavenet", "wavenet": "attention"},
    "tabular": {"linear": "mlp"},
}
"""What follows an architecture, by modality (RECIPE 2.1)."""

_DEEPEST_PERCEPTRON = 4


def _another_architecture(params: Params, context: Context) -> Change:
    name, modality = params.model.name, context.spec.modality
    if modality == "tabular" and name == "mlp":
        depth = params.model.depth * 2
        return {"model.depth": depth, "model.normalization": "batch"} if depth <= _DEEPEST_PERCEPTRON else {}
    following = _FOLLOWS[modality].get(name)
    if following == "resnet":
        return {"model.name": following, "model.normalization": "batch"}
    return {"model.name": following} if following else {}


def _has_another(params: Params, context: Context) -> bool:
    return bool(_another_architecture(params, context))


def _of(modality: Modality) -> Callable[[Params, Context], bool]:
    return lambda params, context: context.spec.modality == modality and params.train.augmentation == "none"


def _schedule(params: Params, context: Context) -> Change:
    peak = max(params.train.learning_rate, _STEADY_PEAK if params.train.optimizer != "sgd" else 0.1)
    return {"train.schedule": "one-cycle", "train.learning_rate": peak}


def _weight_decay(params: Params, context: Context) -> Change:
    decay = 0.05 if params.train.weight_decay == 0 else min(1.0, params.train.weight_decay * 4)
    return {"train.weight_decay": decay} | ({"train.optimizer": "adamw"} if params.train.optimizer == "adam" else {})


def _less_regularisation(params: Params, context: Context) -> Change:
    return {"model.dropout": 0.0, "train.weight_decay": 0.0, "train.augmentation": "none"}


ACTIONS: tuple[Action, ...] = (
    Action(
        "bigger-model",
        "under-fitting",
        "A model that cannot fit its training data needs more capacity before anything else.",
        lambda params, context: {"model.width": params.model.width * 2},
        lambda params, context: params.model.name != "linear" and params.model.width * 2 <= _WIDEST,
        order=1,
    ),
    Action(
        "less-regularisation",
        "under-fitting",
        "Regularisation holds the training error up; it has no place while the model under-fits.",
        _less_regularisation,
        lambda params, context: bool(params.model.dropout or params.train.weight_decay),
        order=3,
    ),
    Action(
        "another-architecture",
        "under-fitting",
        "The next architecture for such data trains further: a residual network for images, a WaveNet-like one or "
        "attention for sequences, a deeper perceptron for tables.",
        _another_architecture,
        _has_another,
        order=5,
    ),
    Action(
        "schedule",
        "under-fitting",
        "A one-cycle schedule with a higher peak rate gets further in the same number of epochs than a constant rate.",
        _schedule,
        lambda params, context: params.train.schedule != "one-cycle",
        order=6.1,
    ),
    Action(
        "longer-training",
        "under-fitting",
        "The training error may still be falling when training ends.",
        lambda params, context: {"train.epochs": params.train.epochs * 2},
        order=6.2,
    ),
    Action(
        "batch-norm",
        "over-fitting",
        "Batch normalisation regularises through the noise of its batch statistics, and speeds up training.",
        lambda params, context: {"model.normalization": "batch"},
        lambda params, context: params.model.normalization == "none" and params.model.name != "linear",
        order=2,
    ),
    Action(
        "augmentation",
        "over-fitting",
        "Small rotations, shifts and changes of scale give examples that the label survives.",
        lambda params, context: {"train.augmentation": "affine"},
        _of("image"),
        order=3.1,
    ),
    Action(
        "augmentation-shift-scale-noise",
        "over-fitting",
        "Small shifts in time, changes of scale and noise give sequences that the label survives.",
        lambda params, context: {"train.augmentation": "shift-scale-noise"},
        _of("sequence"),
        order=3.1,
    ),
    Action(
        "augmentation-crop-flip",
        "over-fitting",
        "Shifted crops and mirror images multiply photographs; where mirroring changes the meaning it is undone.",
        lambda params, context: {"train.augmentation": "crop-flip"},
        # A crop of 8 x 8 pixels loses what it shows: on digits it took the error from 5 to 21 %.
        lambda params, context: (
            context.spec.modality == "image"
            and params.train.augmentation in ("none", "affine")
            and min(context.spec.shape[1:]) >= 16
        ),
        order=3.2,
    ),
    Action(
        "dropout",
        "over-fitting",
        "Dropping units at random keeps them from relying on each other.",
        lambda params, context: {"model.dropout": min(0.5, params.model.dropout + 0.25)},
        lambda params, context: params.model.dropout < 0.5 and params.model.name != "linear",
        order=4.1,
    ),
    Action(
        "weight-decay",
        "over-fitting",
        "Decay, decoupled from Adam's scaling (AdamW), keeps the weights small.",
        _weight_decay,
        lambda params, context: params.train.weight_decay < 0.5,
        order=4.2,
    ),
    Action(
        "another-model",
        "over-fitting",
        "The next architecture for such data often generalises better than the one before.",
        _another_architecture,
        _has_another,
        order=6,
    ),
    Action(
        "annealing",
        "over-fitting",
        "High rates on the way regularise, and their fall to zero averages out the noise of the last steps.",
        # A cosine from the same rate only trains less: on digits it took a ResNet from 2.8 to 8 %.
        _schedule,
        lambda params, context: params.train.schedule != "one-cycle",
        order=7,
    ),
    Action(
        "early-stopping",
        "over-fitting",
        "A last resort: half the epochs leave less time to memorise.",
        lambda params, context: {"train.epochs": params.train.epochs // 2},
        lambda params, context: params.train.epochs >= 10,
        order=8,
    ),
    Action(
        "smaller-model",
        "over-fitting",
        "A last resort: half the width leaves less room to memorise.",
        lambda params, context: {"model.width": params.model.width / 2},
        lambda params, context: params.model.name != "linear" and params.model.width >= 0.5,
        order=10,
    ),
)
"""The engine's actions."""


def choose_actions(own: Sequence[Action] = (), wanted: Sequence[str] | None = None) -> tuple[Action, ...]:
    """The actions of a run, in the order in which a family tries them.

    Args:
        own: The person's actions; they join their family by their `order`.
        wanted: `improve.actions`: only these, in this order; None for all in the recipe's order.

    Raises:
        UserError: A name is unknown (the nearest is offered), or a person's action has a name that is taken.
    """
    known = {action.name: action for action in ACTIONS}
    for action in own:
        if action.name in known:
            raise UserError(f"actions.py: an action named `{action.name}` is there already; give yours another name")
        known[action.name] = action
    if wanted is None:
        return tuple(sorted(known.values(), key=lambda action: action.order))
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(sorted(known))}"
            raise UserError(f"params.yaml: improve.actions: unknown action `{name}`: {hint}")
    return tuple(known[name] for name in dict.fromkeys(wanted))


def apply(action: Action, params: Params, context: Context) -> Params | None:
    """The params after `action`, or None where it does not apply or would change nothing.

    Raises:
        UserError: The action names an unknown parameter or gives a value that does not fit.
    """
    if not action.applies(params, context):
        return None
    try:
        changed = params.changed(action.change(params, context))
    except UserError as error:
        raise UserError(f"action `{action.name}`: {error}") from None
    return None if changed == params else changed


def changes(before: Params, after: Params) -> dict[str, list[Any]]:
    """What differs under `model` and `train`: `[old, new]` by dotted name."""
    return {
        f"{section}.{name}": [old, new]
        for section in ("model", "train")
        for name, old in getattr(before, section).model_dump(mode="json").items()
        if (new := getattr(after, section).model_dump(mode="json")[name]) != old
    }
