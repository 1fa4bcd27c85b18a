"""Networks by name, and their parts. Knows shapes and sizes; must not know data, training or tasks.

A new one is a function `(params, spec, absent) -> nn.Module` in a file of its own and a line in `MODELS`.
"""

import difflib
from collections.abc import Callable, Sequence

from torch import nn

from ..config import Model
from ..errors import UserError
from ..spec import Modality, Spec
from .attention import attention
from .conv1d import conv1d
from .initialisation import initialise
from .lenet import lenet
from .lstm import lstm
from .resnet import resnet
from .simple import linear, mlp
from .wavenet import wavenet

Builder = Callable[[Model, Spec, Sequence[bool]], nn.Module]


def torchvision(name: str) -> Builder:
    """torchvision's network of that name; its import costs a second, which only those pay who use it."""

    def build(params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
        from .torchvision_resnet import torchvision_resnet

        return torchvision_resnet(name, params, spec, absent)

    return build


TORCHVISION: dict[str, Builder] = {name: torchvision(name) for name in ("resnet18", "resnet34", "resnet50")}
ANY: dict[str, Builder] = {"linear": linear, "mlp": mlp}
MODELS: dict[Modality, dict[str, Builder]] = {
    "image": {"lenet": lenet, "resnet": resnet, **TORCHVISION, **ANY},
    "sequence": {"lstm": lstm, "conv1d": conv1d, "wavenet": wavenet, "attention": attention, **ANY},
    "tabular": ANY,
}


def build_model(params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
    """The network that `params` names, with fresh weights drawn from torch's global generator.

    Args:
        params: Name and sizes, the `model` part of `params.yaml`.
        spec: What an example is, and how many outputs there are.
        absent: Whether each channel or column lacks values in the training split (`Statistics.absent`); where it does,
            the network gets an indicator beside it.

    Returns:
        A module from float `[N, *spec.shape]`, about zero mean and unit variance, NaN where something is absent,
        categories as their codes, to `[N, spec.outputs]`: logits, or one estimate in standard deviations.

    Raises:
        UserError: The name is unknown (the nearest is offered) or of another modality.
    """
    fitting = MODELS[spec.modality]
    if params.name not in fitting:
        known = ", ".join(fitting)
        if params.name in model_names():
            raise UserError(f"model.name is `{params.name}`, which does not read {spec.modality} data; for it: {known}")
        near = difflib.get_close_matches(params.name, fitting, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`? known" if near else "known"
        raise UserError(f"model.name is `{params.name}`, which is unknown; {hint}: {known}")
    network = fitting[params.name](params, spec, absent)
    initialise(network, params.activation)
    return network


def model_names(modality: Modality | None = None) -> tuple[str, ...]:
    """The names that `model.name` may take, for one modality or any."""
    found = MODELS.values() if modality is None else [MODELS[modality]]
    return tuple(dict.fromkeys(name for models in found for name in models))


def count_parameters(module: nn.Module) -> int:
    """How many numbers training may change."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
