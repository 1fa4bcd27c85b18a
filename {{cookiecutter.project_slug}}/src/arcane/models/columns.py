"""The columns of a table, made fit for a network: numbers filled, categories embedded or one-hot."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..spec import Spec
from .absent import Filled


def embedding_size(levels: int) -> int:
    """How long a category's vector is: `1.6 * levels ** 0.56`, from 1 to 600.

    The rule of fastai (`emb_sz_rule`), fitted there to sizes that did well; the idea of entity embeddings is that of
    Guo and Berkhahn (arXiv:1604.06737).
    """
    return max(1, min(600, round(1.6 * levels**0.56)))


class Columns(nn.Module):
    """Rows of a table as numbers: `[N, F]`, NaN where a value is missing, to `[N, units]`.

    Numbers: zero (the mean) for a missing one, and an indicator beside each column that lacks values in the training
    split. Categories: a learnt vector a level (`embedded`) or one-hot; all zero for an unknown value; a missing one is
    a level of its own where the training split lacks some, else unknown.

    Args:
        spec: Of the table; one without `features` has numbers only.
        absent: Whether each column lacks values in the training split; empty for none.
        embedded: Learn vectors; else one-hot.

    Attributes:
        units: How many numbers come out.
    """

    numbers: Tensor

    def __init__(self, spec: Spec, absent: Sequence[bool], embedded: bool):
        super().__init__()
        lacks = list(absent) or [False] * spec.shape[0]
        self.categories = [place for place, feature in enumerate(spec.features) if feature.kind == "category"]
        numbers = [place for place in range(spec.shape[0]) if place not in set(self.categories)]
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.int64), persistent=False)
        self.filled = Filled([lacks[place] for place in numbers])
        # Codes are 1 + the place of the level; the one after the last is that of a missing value.
        self.levels = [len(spec.features[place].levels) for place in self.categories]
        self.sizes = [count + lacks[place] for count, place in zip(self.levels, self.categories, strict=True)]
        vectors = [nn.Embedding(1 + size, embedding_size(size), padding_idx=0) for size in self.sizes if embedded]
        self.embeddings = nn.ModuleList(vectors) if embedded else None
        widths = [vector.embedding_dim for vector in vectors] if embedded else self.sizes
        self.units = len(numbers) + self.filled.indicators + sum(widths)

    def forward(self, rows: Tensor) -> Tensor:
        parts = [self.filled(rows[:, self.numbers])]
        for place, column in enumerate(self.categories):
            codes = self.codes(rows[:, column], self.levels[place], self.sizes[place])
            if self.embeddings is not None:
                parts.append(self.embeddings[place](codes))
            else:
                parts.append(F.one_hot(codes, 1 + self.sizes[place])[:, 1:].to(rows.dtype))
        return torch.cat(parts, dim=1)

    @staticmethod
    def codes(column: Tensor, levels: int, size: int) -> Tensor:
        """A category's column as int64: 0 for what is no level, `size` for a missing value if that has a level."""
        codes = column.nan_to_num(0.0).round().long()
        codes = torch.where((codes < 0) | (codes > levels), 0, codes)
        return torch.where(column.isnan(), size if size > levels else 0, codes)
