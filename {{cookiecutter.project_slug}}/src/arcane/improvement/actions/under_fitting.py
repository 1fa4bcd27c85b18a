"""Actions against under-fitting, in RECIPE 5.1's order."""

from ...config import Params
from ...spec import Modality
from .action import Action, Change, Context, any_of
from .discovered import pretrain, tune_what_matters

WIDEST = 8.0
STEADY_PEAK = 3e-3
"""One-cycle's peak rate for Adam: ten times the recipe's constant 3e-4, since warm-up and decay allow it."""
DEEPEST = {"mlp": 4, "resnet": 4, "wavenet": 2, "attention": 4}
REGULARISING: dict[str, float | str | None] = {
    "model.dropout": 0.0,
    "train.weight_decay": 0.0,
    "train.label_smoothing": 0.0,
    "train.mixup": 0.0,
    "train.cutmix": 0.0,
    "train.augmentation": "none",
    "train.patience": None,
}
"""What holds the training error up, and what it is without."""

FOLLOWS: dict[Modality, dict[str, str]] = {
    "image": {"linear": "resnet", "mlp": "resnet", "lenet": "resnet"},
    "sequence": {"linear": "wavenet", "mlp": "wavenet", "lstm": "wavenet", "conv1d": "wavenet", "wavenet": "attention"},
    "tabular": {"linear": "mlp"},
}
"""What follows an architecture, by modality (RECIPE 2.1)."""

NORMALISED = frozenset({"resnet", "wavenet"})
"""Deep ones that need batch norm, and with it bear a one-cycle schedule's high rates. On MNIST-1D, 19 epochs at 3e-4, a
WaveNet had a validation error hardly below a linear model's without batch norm, 13 % with it, and 3 % with both."""


def another_architecture(params: Params, context: Context) -> Change:
    """The next one, trained as it is known to need; after the last, the same but twice as deep."""
    name = params.model.name
    following = FOLLOWS[context.spec.modality].get(name)
    if following in NORMALISED:
        return {"model.name": following, "model.normalization": "batch", **one_cycle(params, context)}
    if following:
        return {"model.name": following}
    depth = params.model.depth * 2
    if depth > DEEPEST.get(name, 1) or context.spec.modality == "sequence":
        return {}
    return {"model.depth": depth, "model.normalization": "batch"}


def has_another(params: Params, context: Context) -> bool:
    return bool(another_architecture(params, context))


def one_cycle(params: Params, context: Context) -> Change:
    peak = max(params.train.learning_rate, STEADY_PEAK if params.train.optimizer != "sgd" else 0.1)
    return {"train.schedule": "one-cycle", "train.learning_rate": peak}


UNDER_FITTING: tuple[Action, ...] = (
    Action(
        "bigger-model",
        "under-fitting",
        "A model that cannot fit its training data needs more capacity before anything else.",
        lambda params, context: {"model.width": params.model.width * 2},
        lambda params, context: params.model.name != "linear" and params.model.width * 2 <= WIDEST,
        order=1,
        cost="a training of about four times the arithmetic",
    ),
    Action(
        "pre-trained-weights",
        "under-fitting",
        "Weights that learnt a like problem are a better start than random ones, above all where data is little.",
        applies=lambda params, context: params.model.pretrained is None and params.model.name != "linear",
        order=2,
        cost="a training, and one on a like data set where no weights lie at hand",
        discover=pretrain,
    ),
    Action(
        "less-regularisation",
        "under-fitting",
        "Regularisation holds the training error up; it has no place while the model under-fits.",
        lambda params, context: REGULARISING,
        lambda params, context: any_of(params, tuple(REGULARISING)),
        order=3,
    ),
    Action(
        "another-architecture",
        "under-fitting",
        "The next architecture for such data trains further: a residual network for images, a WaveNet-like one or "
        "attention for sequences, a deeper perceptron for tables.",
        another_architecture,
        has_another,
        order=5,
        cost="a training, often of a larger network",
    ),
    Action(
        "schedule",
        "under-fitting",
        "A one-cycle schedule with a higher peak rate gets further in the same number of epochs than a constant rate.",
        one_cycle,
        lambda params, context: params.train.schedule != "one-cycle",
        order=6.1,
    ),
    Action(
        "longer-training",
        "under-fitting",
        "The training error may still be falling when training ends.",
        lambda params, context: {"train.epochs": params.train.epochs * 2},
        order=6.2,
        cost="a training of twice the length",
    ),
    Action(
        "tune",
        "under-fitting",
        "A short search over what the error is most sensitive to finds what single changes miss.",
        order=6.3,
        cost="about five trainings",
        discover=tune_what_matters,
    ),
)
