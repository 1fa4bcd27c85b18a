"""Wine by Lightning: a data module, batch norm, and a rate that falls on a plateau."""

import logging
import warnings

import lightning as L
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore")


class WineData(L.LightningDataModule):
    def __init__(self, batch_size: int = 20):
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage=None):
        x, y = load_wine(return_X_y=True)
        x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=58, random_state=3, stratify=y)
        mean, std = x_train.mean(0), x_train.std(0)
        self.train = TensorDataset(torch.tensor((x_train - mean) / std).float(), torch.tensor(y_train))
        self.val = TensorDataset(torch.tensor((x_val - mean) / std).float(), torch.tensor(y_val))

    def train_dataloader(self):
        return DataLoader(self.train, batch_size=self.batch_size, shuffle=True, drop_last=True)

    def val_dataloader(self):
        return DataLoader(self.val, batch_size=self.batch_size)


class WineNet(L.LightningModule):
    def __init__(self, lr: float = 0.01):
        super().__init__()
        self.save_hyperparameters()
        self.fc1 = nn.Linear(13, 24, bias=False)
        self.bn1 = nn.BatchNorm1d(24)
        self.fc2 = nn.Linear(24, 3)

    def forward(self, x):
        return self.fc2(F.relu(self.bn1(self.fc1(x))))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        self.log("val_loss", F.cross_entropy(logits, y), batch_size=len(y))
        self.log("val_acc", (logits.argmax(1) == y).float().mean(), batch_size=len(y))

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val_loss"}}


if __name__ == "__main__":
    L.seed_everything(3, verbose=False)
    trainer = L.Trainer(
        max_epochs=12,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(WineNet(), datamodule=WineData())
    print(f"val_loss {trainer.callback_metrics['val_loss'].item():.4f}")
    print(f"val_acc {trainer.callback_metrics['val_acc'].item():.4f}")
