"""The simplest networks: a linear model and a multi-layer perceptron, on flattened examples of any kind."""

from collections.abc import Sequence

from torch import nn

from ..config import Model
from ..spec import Spec
from .absent import Filled
from .columns import Columns
from .layers import hidden, scaled

HIDDEN_UNITS = 128


def linear(params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
    """Logistic or linear regression on the numbers, categories one-hot. It has no sizes: only `name` matters."""
    parts, units = flat(spec, absent, embedded=False)
    return nn.Sequential(*parts, nn.Linear(units, spec.outputs))


def mlp(params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
    """Two hidden layers of 128 units times `width`, `depth` times over; categories as entity embeddings."""
    parts, units = flat(spec, absent, embedded=True)
    for _ in range(2 * params.depth):
        parts += hidden(params, units, scaled(HIDDEN_UNITS, params.width))
        units = scaled(HIDDEN_UNITS, params.width)
    return nn.Sequential(*parts, nn.Linear(units, spec.outputs))


def flat(spec: Spec, absent: Sequence[bool], embedded: bool) -> tuple[list[nn.Module], int]:
    """The layers that make an example one row of numbers, and how many numbers these are."""
    if spec.modality == "tabular":
        columns = Columns(spec, absent, embedded)
        return [columns], columns.units
    if spec.modality == "sequence":
        return [Filled(absent), nn.Flatten()], spec.size + sum(absent) * spec.shape[1]
    return [nn.Flatten()], spec.size
