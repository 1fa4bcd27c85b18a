"""What is absent in an example (NaN: a missing value, or the padding of a shorter sequence), made fit for a network."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Filled(nn.Module):
    """Zero, which is the training split's mean, in place of what is absent, and beside it an indicator that says so.

    A channel or column that lacks nothing in the training split gets no indicator: it would be a constant.

    Args:
        absent: Whether each channel or column lacks values in the training split; empty for none.
    """

    where: Tensor

    def __init__(self, absent: Sequence[bool]):
        super().__init__()
        lacking = [index for index, lacks in enumerate(absent) if lacks]
        self.indicators = len(lacking)
        self.register_buffer("where", torch.tensor(lacking, dtype=torch.int64), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[N, C, ...]` with NaN to `[N, C + indicators, ...]` without."""
        missing = inputs.isnan()
        filled = inputs.masked_fill(missing, 0.0)
        if not self.indicators:
            return filled
        return torch.cat([filled, missing[:, self.where].to(filled.dtype)], dim=1)


class Sequences(nn.Module):
    """Fills what is absent, runs the body, takes the mean over each sequence's own steps, and gives the head's outputs.

    Padding therefore changes nothing: a sequence gives the same outputs however far it is padded.

    Args:
        absent: As for `Filled`; without any the sequences are taken as equally long.
        body: From `[N, C + indicators, L]` and the steps, bool `[N, L]` or None, to features and their steps:
            `[N, features, L']` and bool `[N, L']` or None.
        head: From `[N, features]` to the outputs.
    """

    def __init__(self, absent: Sequence[bool], body: nn.Module, head: nn.Module):
        super().__init__()
        self.filled, self.body, self.head = Filled(absent), body, head
        self.of_any_length = any(absent)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[N, C, L]` to `[N, outputs]`."""
        steps = present_steps(inputs) if self.of_any_length else None
        filled = self.filled(inputs)
        if steps is not None:
            filled = filled * steps[:, None]  # an indicator is for what is missing inside, not for the padding
        features, steps = self.body(filled, steps)
        return self.head(mean_over(features, steps))


def present_steps(inputs: Tensor) -> Tensor:
    """Which steps belong to each sequence: all up to the last that has a value in any channel.

    Args:
        inputs: `[N, C, L]`, NaN where something is absent.

    Returns:
        bool `[N, L]`; of a sequence without any value the first step, so that a mean over steps exists.
    """
    there = ~inputs.isnan().all(1)
    there[:, 0] = True
    return there.flip(1).cumsum(1).flip(1) > 0


def mean_over(features: Tensor, steps: Tensor | None) -> Tensor:
    """The mean of `[N, features, L]` over the steps, bool `[N, L]` (None: all)."""
    if steps is None:
        return features.mean(2)
    own = steps[:, None].to(features.dtype)
    return (features * own).sum(2) / own.sum(2)
