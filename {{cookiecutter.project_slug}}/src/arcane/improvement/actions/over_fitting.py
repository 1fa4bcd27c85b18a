"""Actions against over-fitting, in RECIPE 5.1's order; the last resorts come last."""

import math
from collections.abc import Callable

from ...config import Params
from ...spec import Modality
from .action import Action, Change, Context
from .discovered import drop_features, tune_regularisation
from .under_fitting import another_architecture, has_another, one_cycle

MIXUP = 0.2
MOMENTUM = 0.9
"""Of `training.optimisers`, which imports torch; it makes each of SGD's steps ten times as long."""
SMOOTHING = 0.1
FORGOTTEN, MOST_FORGOTTEN = 1.0, 4.0
"""Of the logarithm of the weights, over a training. On 500 digits as a table, 30 % of them with wrong labels, 0.5, 1, 2
and 8 took the error from 21 % to 17.5, 15, 10 and 15 %."""
MOST_DECAY = 100.0
LATEST_BEST = 0.9
"""Of the epochs: a course whose loss was least later than this has nothing to stop early."""


def _plain(modality: Modality) -> Callable[[Params, Context], bool]:
    return lambda params, context: context.spec.modality == modality and params.train.augmentation == "none"


def _forgotten(params: Params, context: Context) -> float:
    """What a decay of 1 takes off the logarithm of a weight over the whole training: rate times steps."""
    train = params.train
    rate = train.learning_rate * (1 / (1 - MOMENTUM) if train.optimizer == "sgd" else 1.0)
    return rate * train.epochs * math.ceil(context.examples / train.batch_size)


def _weight_decay(params: Params, context: Context) -> Change:
    """A decay by which weights would shrink by `e ** -FORGOTTEN` over the training; four times that which is there.

    What a decay does goes with rate and steps (X. Wang and L. Aitchison, arXiv:2405.13698): 0.05, AdamW's usual value
    in long trainings, changed nothing in one of 480 steps at 1e-3.
    """
    decay = _decoupled(params) * 4 or FORGOTTEN / _forgotten(params, context)
    decay = float(f"{min(MOST_DECAY, decay):.2g}")
    return {"train.weight_decay": decay} | ({"train.optimizer": "adamw"} if params.train.optimizer == "adam" else {})


def _decoupled(params: Params) -> float:
    """The decay that is there; Adam's own L2 is scaled by its gradients, and no measure of it."""
    return 0.0 if params.train.optimizer == "adam" else params.train.weight_decay


def _can_decay(params: Params, context: Context) -> bool:
    decay = _decoupled(params)
    return decay < MOST_DECAY and decay * _forgotten(params, context) < MOST_FORGOTTEN


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
        order=4.5,
    ),
    Action(
        "mixup",
        "over-fitting",
        "Blends of pairs of examples, labels in proportion, make the model linear between what it knows.",
        lambda params, context: {"train.mixup": MIXUP},
        lambda params, context: params.train.mixup == 0,
        order=4.4,
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
        _can_decay,
        order=4.2,
    ),
    Action(
        "label-smoothing",
        "over-fitting",
        "Labels a little less than sure keep the outputs, and the weights behind them, from growing without end.",
        lambda params, context: {"train.label_smoothing": SMOOTHING},
        lambda params, context: not context.spec.regression and params.train.label_smoothing == 0,
        order=4.05,
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
        "longer-annealing",
        "over-fitting",
        "A rate that falls more slowly averages more of the steps' noise out, and often generalises better.",
        # On MNIST-1D twice the epochs of a one-cycle schedule took a WaveNet from 3.5 to 2.1 %.
        lambda params, context: {"train.epochs": params.train.epochs * 2},
        lambda params, context: params.train.schedule != "constant",
        order=7.05,
        cost="a training of twice the length",
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
