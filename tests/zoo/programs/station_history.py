"""Temperature at a station for the next three hours, from a day of readings with gaps; a jitted network."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

HISTORY, AHEAD = 24, 3


def record(hours, seed):
    """Hourly temperatures with a daily wave; one reading in thirty is missing."""
    rng = np.random.default_rng(seed)
    noise = np.zeros(hours)
    for t in range(1, hours):
        noise[t] = 0.8 * noise[t - 1] + rng.normal(0, 0.5)
    temperature = 12 + 6 * np.sin(2 * np.pi * np.arange(hours) / 24) + noise
    temperature[rng.random(hours) < 1 / 30] = np.nan
    return temperature


def fill(values):
    """Carry the last reading forward."""
    filled = values.copy()
    for t in range(len(filled)):
        if np.isnan(filled[t]):
            filled[t] = filled[t - 1] if t else 12.0
    return filled


class Windows(Dataset):
    def __init__(self, values, mean, std):
        self.values = torch.tensor((values - mean) / std, dtype=torch.float32)

    def __len__(self):
        return len(self.values) - HISTORY - AHEAD + 1

    def __getitem__(self, i):
        past = self.values[i : i + HISTORY]
        ahead = self.values[i + HISTORY : i + HISTORY + AHEAD]
        return past, ahead


class Forecaster(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 12, kernel_size=5, stride=2)
        self.hidden = nn.Linear(12 * 10, 32)
        self.out = nn.Linear(32, AHEAD)

    def forward(self, x):
        x = torch.relu(self.conv(x.unsqueeze(1)))
        x = torch.relu(self.hidden(x.flatten(1)))
        return self.out(x)


torch.manual_seed(0)
series = fill(record(900, 0))
train_part, test_part = series[:700], series[700:]
mean, std = train_part.mean(), train_part.std()
train_loader = DataLoader(Windows(train_part, mean, std), batch_size=32, shuffle=True)
test_loader = DataLoader(Windows(test_part, mean, std), batch_size=64)
model = torch.jit.script(Forecaster())
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.SmoothL1Loss()
for epoch in range(8):
    model.train()
    for past, ahead in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(past), ahead)
        loss.backward()
        optimizer.step()

model.eval()
squared, n = 0.0, 0
with torch.no_grad():
    for past, ahead in test_loader:
        squared += (model(past) - ahead).pow(2).sum().item()
        n += ahead.numel()
print(f"mean squared error, in variances of the readings: {squared / n:.3f}")
