"""Demand by hour and temperature, as a band: the 10 %, 50 % and 90 % quantiles by the pinball loss."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

QUANTILES = (0.1, 0.5, 0.9)


def demand(n, seed):
    rng = np.random.default_rng(seed)
    hour, temperature = rng.integers(0, 24, n), rng.normal(10, 8, n)
    level = 40 + 12 * np.sin(2 * np.pi * (hour - 7) / 24) - 0.8 * temperature
    noise = rng.gamma(2.0, 2.0 + 1.5 * (hour > 16), n)
    inputs = np.stack([np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24), (temperature - 10) / 8], 1)
    return torch.tensor(inputs).float(), torch.tensor(level + noise).float()


class PinballLoss(nn.Module):
    def __init__(self, quantiles):
        super().__init__()
        self.register_buffer("quantiles", torch.tensor(quantiles))

    def forward(self, estimate, target):
        error = target.unsqueeze(1) - estimate
        return torch.maximum(self.quantiles * error, (self.quantiles - 1) * error).mean()


class Bands(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, hidden), nn.ELU(), nn.Linear(hidden, hidden), nn.ELU())
        self.heads = nn.ModuleList([nn.Linear(hidden, 1) for _ in QUANTILES])

    def forward(self, x):
        h = self.body(x)
        return torch.cat([head(h) for head in self.heads], dim=1)


def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--hidden", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--lr", type=float, default=4e-3)
    options = parser.parse_args(argv)
    torch.manual_seed(2)
    x_train, y_train = demand(1500, seed=1)
    x_test, y_test = demand(600, seed=2)
    mean, std = y_train.mean(), y_train.std()
    loader = DataLoader(TensorDataset(x_train, (y_train - mean) / std), batch_size=50, shuffle=True)
    model, criterion = Bands(options.hidden), PinballLoss(QUANTILES)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr)
    for _ in range(options.epochs):
        for x, y in loader:
            loss = criterion(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.inference_mode():
        bands = model(x_test) * std + mean
        below = (y_test.unsqueeze(1) <= bands).float().mean(0)
        pinball = criterion(bands, y_test).item()
    print("share below each:", " ".join(f"{share:.3f}" for share in below.tolist()))
    print(f"pinball loss {pinball:.3f}")


if __name__ == "__main__":
    main()
