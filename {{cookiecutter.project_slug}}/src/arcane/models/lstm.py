"""A recurrent network with one hidden layer: the first model for sequences (RECIPE 2.1)."""

from collections.abc import Sequence

from torch import Tensor, nn

from ..config import Model
from ..spec import Spec
from .absent import Sequences
from .layers import normalised, scaled

UNITS = 128


def lstm(params: Model, spec: Spec, absent: Sequence[bool] = ()) -> nn.Module:
    """An LSTM of 128 units, `depth` layers, whose hidden state's mean over the steps goes to one dense layer.

    The mean, not the last state: gradients then reach every step at once, and where a pattern stands matters less.
    The cell has its own tanh and sigmoids (Hochreiter and Schmidhuber 1997), whatever `activation` says.
    """
    units = scaled(UNITS, params.width)
    head = [*normalised(params, units, images=False), *([nn.Dropout(params.dropout)] if params.dropout else [])]
    body = Recurrent(spec.shape[0] + sum(absent), units, params.depth)
    return Sequences(absent, body, nn.Sequential(*head, nn.Linear(units, spec.outputs)))


class Recurrent(nn.Module):
    """Hidden states of an LSTM. It reads forwards, so padding at the end reaches no step of the sequence's own."""

    def __init__(self, channels: int, units: int, layers: int):
        super().__init__()
        self.lstm = nn.LSTM(channels, units, layers, batch_first=True)

    def forward(self, inputs: Tensor, steps: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """`[N, C, L]` to `[N, units, L]`."""
        return self.lstm(inputs.transpose(1, 2))[0].transpose(1, 2), steps
