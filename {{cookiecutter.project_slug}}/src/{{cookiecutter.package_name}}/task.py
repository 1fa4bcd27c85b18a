"""Your task: the model, the loss and the transforms. The one file to edit to change what is trained and how.

A plain LightningModule: it also runs, unchanged, under `lightning.Trainer`.
"""

from typing import Any

import torch
import torch.nn.functional as F
from lightning.pytorch import LightningModule
from torch import Tensor

from arcane.config import Params
from arcane.models import build_model
from arcane.spec import Spec, Statistics
from arcane.training import augment, configure_optimizer, mix


class Task(LightningModule):
    """Tells classes apart; estimates a number where the data has a target instead.

    Args:
        params: What `params.yaml` says, or a trial's changes of it.
        spec: What an example is; logits and labels follow the order of its classes.
        statistics: Of the training split, which inputs and targets are normalised by.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, params: Params, spec: Spec, statistics: Statistics):
        super().__init__()
        self.params, self.spec, self.statistics = params, spec, statistics
        by_channel = (1, -1) + (1,) * (len(spec.shape) - 1)
        # Buffers: they travel with the weights, so that a saved model normalises as it was trained to.
        self.register_buffer("mean", torch.tensor(statistics.mean, dtype=torch.float32).view(by_channel))
        self.register_buffer("std", torch.tensor(statistics.std, dtype=torch.float32).view(by_channel))
        self.model = build_model(params.model, spec, statistics.absent)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits `[N, classes]`, raw scores (the loss applies the softmax); or estimates `[N]` in the target's unit.

        Inputs are uint8 images `[N, C, H, W]`, or float32 `[N, *spec.shape]` where NaN, which the model fills, is what
        is absent.
        """
        numbers = inputs.float() / 255 if self.spec.modality == "image" else inputs
        outputs = self.model((numbers - self.mean) / self.std)
        if self.spec.regression:
            return outputs[:, 0].float() * self.statistics.target_std + self.statistics.target_mean
        return outputs

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The mean over a batch: cross entropy (labels int64, or shares of the classes where examples are mixed), or
        the squared error of standardised targets."""
        if self.spec.regression:
            scale = self.statistics.target_std
            return F.mse_loss(outputs / scale, labels / scale)
        smoothing = self.params.train.label_smoothing if self.training else 0.0
        return F.cross_entropy(outputs, labels, label_smoothing=smoothing)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch, on augmented (and, where `params.yaml` says so, mixed) inputs."""
        inputs, labels = batch
        inputs = augment(inputs, self.params.train.augmentation)
        inputs, labels = mix(inputs, labels, self.spec, self.params.train)
        loss = self.loss(self(inputs), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The loss of a batch as it is."""
        inputs, labels = batch
        loss = self.loss(self(inputs), labels)
        self.log("validation_loss", loss)
        return loss

    def configure_optimizers(self) -> Any:
        """The optimiser and schedule that `params.yaml` names; return your own here if you wish."""
        return configure_optimizer(self, self.params.train)
