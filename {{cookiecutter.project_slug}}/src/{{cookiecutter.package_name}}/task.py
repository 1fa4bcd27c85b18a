"""Your task: the model, the loss and the transforms. The one file to edit to change what is trained and how.

A plain LightningModule: it also runs, unchanged, under `lightning.Trainer`.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from torch import Tensor

from arcane.config import Params
from arcane.models import build_model
from arcane.training import augment, configure_optimizer


class Task(LightningModule):
    """Classifies images.

    Args:
        params: What `params.yaml` says, or a trial's changes of it.
        shape: One example, (channels, height, width).
        classes: The classes' names; logits and labels follow their order.
        mean: Of each channel over the training split, with pixels from 0 to 1.
        std: The same for the standard deviation.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        params: Params,
        shape: tuple[int, int, int],
        classes: Sequence[str],
        mean: Sequence[float],
        std: Sequence[float],
    ):
        super().__init__()
        self.params, self.shape, self.classes = params, shape, tuple(classes)
        # Buffers: they travel with the weights, so that a saved model normalises as it was trained to.
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))
        self.model = build_model(params.model, self.shape, len(self.classes))

    def forward(self, images: Tensor) -> Tensor:
        """Logits `[N, classes]` of uint8 images `[N, C, H, W]`: raw scores, the loss applies the softmax."""
        return self.model((images.float() / 255 - self.mean) / self.std)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The mean loss of a batch (images uint8, labels int64), on augmented images."""
        images, labels = batch
        loss = F.cross_entropy(self(augment(images, self.params.train.augmentation)), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The mean loss of a batch as it is."""
        images, labels = batch
        loss = F.cross_entropy(self(images), labels)
        self.log("validation_loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        """The optimiser and schedule that `params.yaml` names; return your own here if you wish."""
        return configure_optimizer(self, self.params.train)
