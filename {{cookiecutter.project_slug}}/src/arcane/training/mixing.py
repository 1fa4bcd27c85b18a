"""Mixtures of pairs of training examples, with labels in proportion: mixup (arXiv:1710.09412), CutMix (1905.04899).

torchvision's v2 MixUp and CutMix draw one proportion a batch and want float images; these draw one an example, and mix
sequences and tables too.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from ..config import Train
from ..errors import UserError
from ..spec import Spec


def mix(inputs: Tensor, labels: Tensor, spec: Spec, train: Train) -> tuple[Tensor, Tensor]:
    """Mix each example of a batch with its neighbour in the batch, as `train.mixup` and `train.cutmix` say.

    Both are the alpha of the Beta(alpha, alpha) that a proportion is drawn from; 0 is off, and then the same tensors
    come back. With both, each example gets one of them by a fair draw. Draws come from torch's global generator, which
    `fit` seeds by step.

    Args:
        inputs: A training batch, `[N, *spec.shape]`.
        labels: int64 `[N]`, or float32 targets `[N]`.
        spec: What an example is.
        train: The params.

    Returns:
        Inputs of the same shape and type (a category is taken from either example; what is absent stays absent), and
        float32 targets: shares of the classes `[N, K]`, or mixed numbers `[N]`.

    Raises:
        UserError: CutMix is asked for where there are no images.
    """
    if not (train.mixup or train.cutmix):
        return inputs, labels
    refuse_cutmix(train, spec)
    n, partners = len(inputs), inputs.roll(1, 0)
    kept = torch.ones(n, device=inputs.device)
    cut = torch.zeros(n, dtype=torch.bool, device=inputs.device)
    if train.cutmix:
        cut = torch.rand(n, device=inputs.device) < (0.5 if train.mixup else 1.0)
        boxes = _boxes(_shares(n, train.cutmix, inputs.device), *inputs.shape[2:])
        mixed = torch.where((boxes & cut[:, None, None])[:, None], partners, inputs)
        kept = torch.where(cut, 1 - boxes.float().mean((1, 2)), kept)
    else:
        mixed = inputs
    if train.mixup:
        share = torch.where(cut, 1.0, _shares(n, train.mixup, inputs.device))
        mixed = _blended(mixed, partners, share, spec)
        kept = kept * share
    if spec.regression:
        return mixed, kept * labels + (1 - kept) * labels.roll(1, 0)
    targets = F.one_hot(labels, spec.outputs).float()
    return mixed, kept[:, None] * targets + (1 - kept[:, None]) * targets.roll(1, 0)


def refuse_cutmix(train: Train, spec: Spec) -> None:
    """Stop where CutMix is asked for and there are no images.

    Raises:
        UserError: It is.
    """
    if train.cutmix and spec.modality != "image":
        raise UserError(f"train.cutmix is {train.cutmix:g}, which is for images, not for {spec.modality} data; set 0")


def _shares(n: int, alpha: float, device: torch.device) -> Tensor:
    alphas = torch.full((n,), alpha, device=device)
    return torch.distributions.Beta(alphas, alphas).sample()


def _boxes(kept: Tensor, height: int, width: int) -> Tensor:
    """A box an image, bool `[N, H, W]`, of about `1 - kept` of its area; parts beyond the edge are lost."""
    draws = torch.rand(2, len(kept), device=kept.device)
    side = (1 - kept).sqrt()
    rows, columns = (
        (torch.arange(size, device=kept.device) + 0.5 - draws[axis, :, None] * size).abs() <= side[:, None] * size / 2
        for axis, size in enumerate((height, width))
    )
    return rows[:, :, None] & columns[:, None, :]


def _blended(inputs: Tensor, partners: Tensor, share: Tensor, spec: Spec) -> Tensor:
    share = share.view(-1, *(1,) * (inputs.ndim - 1))
    if spec.modality == "image":
        return (share * inputs + (1 - share) * partners).round_().to(torch.uint8)
    partners = torch.where(inputs.isnan() | partners.isnan(), inputs, partners)
    blended = share * inputs + (1 - share) * partners
    categories = torch.tensor([feature.kind == "category" for feature in spec.features], device=inputs.device)
    if categories.any():
        # Half-way between two codes lies no category.
        chosen = torch.where(torch.rand_like(inputs) < share, inputs, partners)
        blended = torch.where(categories, chosen, blended)
    return blended
