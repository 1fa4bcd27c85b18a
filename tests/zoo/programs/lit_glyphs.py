"""Noisy five-by-five letters with Lightning: a data module, label smoothing and cosine annealing."""

import logging
import warnings

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
warnings.filterwarnings("ignore")

GLYPHS = {
    "A": "01110 10001 11111 10001 10001",
    "C": "01111 10000 10000 10000 01111",
    "E": "11111 10000 11110 10000 11111",
    "H": "10001 10001 11111 10001 10001",
    "T": "11111 00100 00100 00100 00100",
    "X": "10001 01010 00100 01010 10001",
}


class Glyphs(Dataset):
    def __init__(self, n, seed, noise=0.35):
        generator = torch.Generator().manual_seed(seed)
        shapes = torch.tensor([[float(c) for c in g.replace(" ", "")] for g in GLYPHS.values()]).view(-1, 5, 5)
        self.labels = torch.randint(len(shapes), (n,), generator=generator)
        canvas = torch.zeros(n, 1, 8, 8)
        corner = torch.randint(0, 4, (n, 2), generator=generator)
        for i, (row, col) in enumerate(corner.tolist()):
            canvas[i, 0, row : row + 5, col : col + 5] = shapes[self.labels[i]]
        self.images = canvas + noise * torch.randn(canvas.shape, generator=generator)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]


class GlyphData(pl.LightningDataModule):
    def __init__(self, batch_size=40):
        super().__init__()
        self.batch_size = batch_size

    def setup(self, stage=None):
        self.train_set, self.val_set = Glyphs(600, seed=1), Glyphs(210, seed=2)
        self.mean, self.std = self.train_set.images.mean(), self.train_set.images.std()

    def collate(self, batch):
        images, labels = zip(*batch, strict=True)
        return (torch.stack(images) - self.mean) / self.std, torch.stack(labels)

    def train_dataloader(self):
        return DataLoader(self.train_set, self.batch_size, shuffle=True, collate_fn=self.collate)

    def val_dataloader(self):
        return DataLoader(self.val_set, self.batch_size, collate_fn=self.collate)


class LitGlyphNet(pl.LightningModule):
    def __init__(self, lr=6e-3, epochs=4):
        super().__init__()
        self.save_hyperparameters()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 24, 3, padding=1, bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(),
            nn.AdaptiveMaxPool2d(2),
        )
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(24 * 4, len(GLYPHS))

    def forward(self, x):
        return self.head(self.drop(self.body(x).flatten(1)))

    def training_step(self, batch, batch_idx):
        images, labels = batch
        loss = F.cross_entropy(self(images), labels, label_smoothing=0.05)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        logits = self(images)
        hits = (logits.argmax(dim=-1) == labels).float().mean()
        self.log("val_acc", hits, on_epoch=True, batch_size=len(labels))
        self.log("val_loss", F.cross_entropy(logits, labels), on_epoch=True, batch_size=len(labels))

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.lr, weight_decay=0.01)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=self.hparams.epochs)
        return [optimizer], [scheduler]


def main():
    pl.seed_everything(5, verbose=False)
    module = LitGlyphNet()
    trainer = pl.Trainer(
        max_epochs=module.hparams.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, datamodule=GlyphData())
    print(f"val_acc={trainer.callback_metrics['val_acc']:.3f}")


if __name__ == "__main__":
    main()
