"""The colour and origin of wine as a LightningModule."""

import logging
import warnings

import lightning as L
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore")


class LitWine(L.LightningModule):
    def __init__(self, mean, std, lr=1e-2, epochs=20):
        super().__init__()
        self.lr, self.epochs = lr, epochs
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.encoder = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Dropout(0.2))
        self.classifier = nn.Linear(32, 3)

    def forward(self, x):
        return self.classifier(self.encoder((x - self.mean) / self.std))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        self.log("val_loss", F.cross_entropy(logits, y))
        accuracy = (logits.argmax(dim=1) == y).float().mean()
        self.log("val_acc", accuracy)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.lr)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self.epochs)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "epoch"}}


L.seed_everything(2, verbose=False)
table, cultivar = load_wine(return_X_y=True)
everything = TensorDataset(torch.tensor(table, dtype=torch.float32), torch.tensor(cultivar))
train_set, val_set = random_split(everything, [124, 54], generator=torch.Generator().manual_seed(2))
train_x = torch.stack([x for x, _ in train_set])
module = LitWine(train_x.mean(0), train_x.std(0))
trainer = L.Trainer(
    max_epochs=20,
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
    gradient_clip_val=5.0,
    check_val_every_n_epoch=10,
)
trainer.fit(module, DataLoader(train_set, batch_size=31, shuffle=True), DataLoader(val_set, batch_size=54))
print("val_acc", round(trainer.callback_metrics["val_acc"].item(), 3))
