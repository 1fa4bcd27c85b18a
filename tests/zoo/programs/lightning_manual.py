"""Manual optimisation in Lightning: two optimisers for a regressor of mean and spread."""

import logging
import warnings

import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore")


class MeanAndSpread(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.mean = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))
        self.spread = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1), nn.Softplus())
        self.squared = 0.0
        self.count = 0

    def training_step(self, batch, batch_idx):
        x, y = batch
        first, second = self.optimizers()
        mean_loss = nn.functional.mse_loss(self.mean(x), y)
        first.zero_grad()
        self.manual_backward(mean_loss)
        first.step()
        residual = (y - self.mean(x).detach()).abs()
        spread_loss = nn.functional.mse_loss(self.spread(x), residual)
        second.zero_grad()
        self.manual_backward(spread_loss)
        second.step()

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.squared += ((self.mean(x) - y) ** 2).sum().item()
        self.count += len(y)

    def on_validation_epoch_start(self):
        self.squared, self.count = 0.0, 0

    def configure_optimizers(self):
        first = torch.optim.Adam(self.mean.parameters(), lr=1e-2)
        second = torch.optim.Adam(self.spread.parameters(), lr=1e-2)
        return first, second


L.seed_everything(8, verbose=False)
x = torch.randn(900, 2)
y = x[:, :1] * x[:, 1:] + 0.3 * x[:, :1] * torch.randn(900, 1)
train = DataLoader(TensorDataset(x[:700], y[:700]), batch_size=50, shuffle=True)
val = DataLoader(TensorDataset(x[700:], y[700:]), batch_size=100)
model = MeanAndSpread()
trainer = L.Trainer(
    max_epochs=8,
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(model, train, val)
variance = y[700:].var().item()
print(f"share unexplained {model.squared / model.count / variance:.3f}")
