"""Residual perceptron with a trainer: weight decay in groups, warm-up and cosine by step, the best checkpoint."""

import copy
import math
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


@dataclass
class Config:
    features: int = 20
    classes: int = 4
    width: int = 48
    depth: int = 3
    dropout: float = 0.1
    batch_size: int = 32
    epochs: int = 8
    lr: float = 3e-3
    warmup: int = 20
    weight_decay: float = 0.05
    max_norm: float = 1.0
    seed: int = 17


class Block(nn.Module):
    def __init__(self, width, dropout):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return x + self.dropout(self.down(nn.functional.gelu(self.up(self.norm(x)))))


class ResidualMLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.stem = nn.Linear(config.features, config.width)
        self.blocks = nn.ModuleList([Block(config.width, config.dropout) for _ in range(config.depth)])
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.classes)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def parameter_groups(model, weight_decay):
    decay = [p for p in model.parameters() if p.ndim >= 2]
    rest = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": decay, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


class Trainer:
    def __init__(self, config, model, train_set, val_set):
        self.config, self.model = config, model
        self.train_loader = DataLoader(train_set, batch_size=config.batch_size, shuffle=True, drop_last=True)
        self.val_loader = DataLoader(val_set, batch_size=256)
        self.optimizer = torch.optim.AdamW(parameter_groups(model, config.weight_decay), lr=config.lr)
        self.total_steps = config.epochs * len(self.train_loader)
        self.scheduler = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self.rate)
        self.best, self.best_state = math.inf, None

    def rate(self, step):
        if step < self.config.warmup:
            return (step + 1) / self.config.warmup
        progress = (step - self.config.warmup) / (self.total_steps - self.config.warmup)
        return 0.5 * (1 + math.cos(math.pi * progress))

    def train_epoch(self):
        self.model.train()
        for x, y in self.train_loader:
            self.optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(self.model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_norm)
            self.optimizer.step()
            self.scheduler.step()

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        loss, correct, n = 0.0, 0, 0
        for x, y in self.val_loader:
            logits = self.model(x)
            loss += nn.functional.cross_entropy(logits, y, reduction="sum").item()
            correct += (logits.argmax(-1) == y).sum().item()
            n += len(y)
        return loss / n, correct / n

    def fit(self):
        for epoch in range(self.config.epochs):
            self.train_epoch()
            loss, accuracy = self.evaluate()
            if loss < self.best:
                self.best, self.best_state = loss, copy.deepcopy(self.model.state_dict())
            print(f"epoch {epoch}: val loss {loss:.4f}, val accuracy {accuracy:.4f}")
        self.model.load_state_dict(self.best_state)
        return self.evaluate()


def main():
    config = Config()
    torch.manual_seed(config.seed)
    x, y = make_classification(
        1500, config.features, n_informative=12, n_classes=config.classes, class_sep=1.6, random_state=config.seed
    )
    data = TensorDataset(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y))
    train_set, val_set = random_split(data, [1200, 300])
    mean, std = train_set[:][0].mean(0), train_set[:][0].std(0)
    data.tensors = ((data.tensors[0] - mean) / std, data.tensors[1])
    model = ResidualMLP(config)
    trainer = Trainer(config, model, train_set, val_set)
    loss, accuracy = trainer.fit()
    print(f"best: val loss {loss:.4f}, val accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
