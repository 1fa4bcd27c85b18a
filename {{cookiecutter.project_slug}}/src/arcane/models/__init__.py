"""Networks by name, and their parts. Knows shapes and sizes; must not know data, training or tasks.

A new one is a function `(params, shape, classes) -> nn.Module` in a file of its own and a line in `MODELS`.
"""

import difflib
from collections.abc import Callable

from torch import nn

from ..config import Model
from ..errors import UserError
from .initialisation import initialise
from .lenet import lenet
from .resnet import resnet
from .simple import linear, mlp

MODELS: dict[str, Callable[[Model, tuple[int, int, int], int], nn.Module]] = {
    "lenet": lenet,
    "resnet": resnet,
    "linear": linear,
    "mlp": mlp,
}


def build_model(params: Model, shape: tuple[int, int, int], classes: int) -> nn.Module:
    """The network that `params` names, with fresh weights drawn from torch's global generator.

    Args:
        params: Name and sizes, the `model` part of `params.yaml`.
        shape: One example, `(C, H, W)`.
        classes: How many logits come out.

    Returns:
        A module from float `[N, C, H, W]`, about zero mean and unit variance, to logits `[N, classes]`.

    Raises:
        UserError: The name is unknown (the nearest is offered), or `pretrained` is set.
    """
    if params.name not in MODELS:
        near = difflib.get_close_matches(params.name, MODELS, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`? known" if near else "known"
        raise UserError(f"model.name is `{params.name}`, which is unknown; {hint}: {', '.join(MODELS)}")
    if params.pretrained is not None:
        raise UserError("model.pretrained: this version trains from fresh weights only; set it to null")
    network = MODELS[params.name](params, shape, classes)
    initialise(network, params.activation)
    return network


def model_names() -> tuple[str, ...]:
    """The names that `model.name` may take."""
    return tuple(MODELS)


def count_parameters(module: nn.Module) -> int:
    """How many numbers training may change."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
