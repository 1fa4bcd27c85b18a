"""Forecast of a seasonal series, one step ahead; validation is the last part in time."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

WINDOW = 24


def series(n=900, seed=26):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    noise = np.zeros(n)
    for i in range(1, n):
        noise[i] = 0.7 * noise[i - 1] + rng.normal(0, 0.3)
    return 20 + 4 * np.sin(2 * np.pi * t / 24) + 2 * np.sin(2 * np.pi * t / 7) + noise


def windows(values):
    x = np.lib.stride_tricks.sliding_window_view(values, WINDOW)[:-1]
    y = values[WINDOW:]
    return torch.tensor(x.copy(), dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(WINDOW, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


torch.manual_seed(26)
values = series()
past, future = values[:700], values[700:]
mean, std = past.mean(), past.std()
x_train, y_train = windows((past - mean) / std)
x_val, y_val = windows((future - mean) / std)
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)
model = Forecaster()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for _epoch in range(15):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    mae = (model(x_val) - y_val).abs().mean().item()
naive = (x_val[:, -1] - y_val).abs().mean().item()
print(f"mae {mae * std:.3f}, of the last value {naive * std:.3f}")
print(f"ratio {mae / naive:.3f}")
