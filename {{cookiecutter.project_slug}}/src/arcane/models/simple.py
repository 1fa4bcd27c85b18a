"""The simplest networks: a linear model and a multi-layer perceptron, on flattened examples."""

from math import prod

from torch import nn

from ..config import Model
from .layers import hidden, scaled

HIDDEN_UNITS = 128


def linear(params: Model, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Logistic regression on the pixels. It has no sizes: only `name` of the params matters."""
    return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), classes))


def mlp(params: Model, shape: tuple[int, ...], classes: int) -> nn.Module:
    """Two hidden layers of 128 units times `width`, `depth` times over."""
    units = prod(shape)
    parts: list[nn.Module] = [nn.Flatten()]
    for _ in range(2 * params.depth):
        parts += hidden(params, units, scaled(HIDDEN_UNITS, params.width))
        units = scaled(HIDDEN_UNITS, params.width)
    return nn.Sequential(*parts, nn.Linear(units, classes))
