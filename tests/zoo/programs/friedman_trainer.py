from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import make_friedman1
from torch import nn


@dataclass
class Config:
    width: int = 48
    depth: int = 2
    lr: float = 5e-3
    weight_decay: float = 1e-4
    epochs: int = 30
    batch_size: int = 40
    seed: int = 13


def make_mlp(inputs: int, cfg: Config) -> nn.Sequential:
    layers: list[nn.Module] = []
    width = inputs
    for _ in range(cfg.depth):
        layers += [nn.Linear(width, cfg.width), nn.GELU()]
        width = cfg.width
    layers.append(nn.Linear(width, 1))
    return nn.Sequential(*layers)


class Trainer:
    def __init__(self, cfg: Config):
        self.cfg = cfg
        torch.manual_seed(cfg.seed)
        self.x, self.y = self.load(600, 0)
        self.x_val, self.y_val = self.load(200, 1)
        self.x_mean, self.x_std = self.x.mean(0), self.x.std(0)
        self.y_mean, self.y_std = self.y.mean(), self.y.std()
        self.model = make_mlp(self.x.shape[1], cfg)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=cfg.lr, weight_decay=cfg.weight_decay)
        steps = cfg.epochs * (len(self.x) // cfg.batch_size)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, T_max=steps)

    @staticmethod
    def load(n, seed):
        x, y = make_friedman1(n_samples=n, n_features=8, noise=0.5, random_state=seed)
        return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)

    def forward(self, x):
        return self.model((x - self.x_mean) / self.x_std)[:, 0]

    def step(self, rows):
        self.optimizer.zero_grad()
        target = (self.y[rows] - self.y_mean) / self.y_std
        loss = (self.forward(self.x[rows]) - target).pow(2).mean()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.item()

    def fit(self):
        for epoch in range(self.cfg.epochs):
            self.model.train()
            order = torch.randperm(len(self.x))
            losses = [self.step(rows) for rows in order.split(self.cfg.batch_size)]
            if epoch % 10 == 9:
                print(f"epoch {epoch + 1}: train {np.mean(losses):.3f}")
        return self

    @torch.no_grad()
    def validate(self):
        self.model.eval()
        predicted = self.forward(self.x_val) * self.y_std + self.y_mean
        return ((predicted - self.y_val) ** 2).mean().item() / self.y_val.var().item()


if __name__ == "__main__":
    trainer = Trainer(Config()).fit()
    print(f"1 - R2 on new data: {trainer.validate():.3f}")
