"""Actions against over-fitting, in RECIPE 5.1's order; the last resorts come last."""

from collections.abc import Callable

from ...config import Params
from ...spec import Modality
from .action import Action, Change, Context
from .discovered import drop_features, tune_regularisation
from .under_fitting import another_architecture, has_another, one_cycle

MIXUP = 0.2
SMOOTHING = 0.1
LATEST_BEST = 0.9
"""Of the epochs: a course whose loss was least later than this has nothing to stop early."""


def _plain(modality: Modality) -> Callable[[Params, Context], bool]:
    return lambda params, context: context.spec.modality == modality and params.train.augmentation == "none"


def _weight_decay(params: Params, context: Context) -> Change:
    decay = 0.05 if params.train.weight_decay == 0 else min(1.0, params.train.weight_decay * 4)
    return {"train.weight_decay": decay} | ({"train.optimizer": "adamw"} if params.train.optimizer == "adam" else {})


def _stop_earlier(params: Params, context: Context) -> Change:
    """As many epochs as the validation loss fell for, smoothed over a tenth of the course; half of them where no
    course is known.

    Not `train.patience`: weights picked by the validation error of their epoch look better on validation than they
    are, and would pass for an improvement. The loss of the incumbent's own course decides here, before the training.
    """
    if not context.course:
        return {"train.epochs": params.train.epochs // 2}
    return {"train.epochs": least_at(context.course)}


def least_at(course: tuple[float, ...]) -> int:
    """The epoch, from 1, at which a smoothed course is least (mean over a tenth of it, centred, cut at the ends)."""
    reach = len(course) // 20
    means = [
        sum(window) / len(window) for i in range(len(course)) if (window := course[max(0, i - reach) : i + reach + 1])
    ]
    return 1 + min(range(len(means)), key=means.__getitem__)


def _can_stop_earlier(params: Params, context: Context) -> bool:
    if params.train.epochs < 10:
        return False
    return not context.course or least_at(context.course) <= LATEST_BEST * len(context.course)


OVER_FITTING: tuple[Action, ...] = (
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
        _plain("image"),
        order=3.1,
    ),
    Action(
        "augmentation-shift-scale-noise",
        "over-fitting",
        "Small shifts in time, changes of scale and noise give sequences that the label survives.",
        lambda params, context: {"train.augmentation": "shift-scale-noise"},
        _plain("sequence"),
        order=3.1,
    ),
    Action(
        "augmentation-swap",
        "over-fitting",
        "Some cells of a row taken from other rows keep the model from leaning on any one column.",
        lambda params, context: {"train.augmentation": "swap"},
        _plain("tabular"),
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
        "augmentation-crop",
        "over-fitting",
        "Stretched parts of sequences show the same thing at another pace.",
        lambda params, context: {"train.augmentation": "crop"},
        lambda params, context: (
            context.spec.modality == "sequence" and params.train.augmentation in ("none", "shift-scale-noise")
        ),
        order=3.2,
    ),
    Action(
        "mixup",
        "over-fitting",
        "Blends of pairs of examples, labels in proportion, make the model linear between what it knows.",
        lambda params, context: {"train.mixup": MIXUP},
        lambda params, context: params.train.mixup == 0,
        order=3.3,
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
        "label-smoothing",
        "over-fitting",
        "Labels a little less than sure keep the outputs, and the weights behind them, from growing without end.",
        lambda params, context: {"train.label_smoothing": SMOOTHING},
        lambda params, context: not context.spec.regression and params.train.label_smoothing == 0,
        order=4.3,
    ),
    Action(
        "another-model",
        "over-fitting",
        "The next architecture for such data often generalises better than the one before.",
        another_architecture,
        has_another,
        order=6,
        cost="a training, often of a larger network",
    ),
    Action(
        "annealing",
        "over-fitting",
        "High rates on the way regularise, and their fall to zero averages out the noise of the last steps.",
        # A cosine from the same rate only trains less: on digits it took a ResNet from 2.8 to 8 %.
        one_cycle,
        lambda params, context: params.train.schedule != "one-cycle",
        order=7,
    ),
    Action(
        "tune-regularisation",
        "over-fitting",
        "How much of each regulariser, and at which learning rate, is a question of degree: a short search answers it.",
        order=7.1,
        cost="about five trainings",
        discover=tune_regularisation,
    ),
    Action(
        "early-stopping",
        "over-fitting",
        "A last resort: fewer epochs leave less time to memorise.",
        _stop_earlier,
        _can_stop_earlier,
        order=8,
        cost="less than a training",
    ),
    Action(
        "remove-features",
        "over-fitting",
        "A last resort: columns that tell nothing about the label only offer something to memorise.",
        applies=lambda params, context: bool(context.spec.features) and len(context.spec.features) > 1,
        order=9,
        discover=drop_features,
    ),
    Action(
        "smaller-model",
        "over-fitting",
        "A last resort: half the width leaves less room to memorise.",
        lambda params, context: {"model.width": params.model.width / 2},
        lambda params, context: params.model.name != "linear" and params.model.width >= 0.5,
        order=10,
        cost="less than a training",
    ),
)
