"""Monthly sales of a shop: the next month from the twelve before, split by time."""

import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(8)
months = np.arange(240)
units = 200 + 60 * np.sin(np.pi * months / 6) + 25 * np.sin(0.4 * np.pi * months) + rng.normal(0, 8, 240)

WINDOW = 12
SPLIT = 180


def windows(series):
    x = np.stack([series[i : i + WINDOW] for i in range(len(series) - WINDOW)])
    y = series[WINDOW:]
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)


level, spread = units[:SPLIT].mean(), units[:SPLIT].std()
past = (units[:SPLIT] - level) / spread
future = (units[SPLIT:] - level) / spread
x_train, y_train = windows(past)
x_test, y_test = windows(future)

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(WINDOW, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-3)
loss_function = nn.L1Loss()

for epoch in range(60):
    permutation = torch.randperm(len(x_train))
    for start in range(0, len(x_train), 24):
        rows = permutation[start : start + 24]
        forecast = model(x_train[rows])
        loss = loss_function(forecast, y_train[rows])
        model.zero_grad()
        loss.backward()
        optimizer.step()

with torch.inference_mode():
    mae = (model(x_test) - y_test).abs().mean().item()
naive = (x_test[:, -1] - y_test).abs().mean().item()
print(f"mean absolute error: last month {naive * spread:.1f}, network {mae * spread:.1f} units")
