"""Fit a damped wave from noisy points with a small tanh network."""

import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def wave(t):
    return torch.exp(-0.3 * t) * torch.cos(2 * math.pi * 0.5 * t)


torch.manual_seed(5)
t = torch.rand(500, 1) * 5
y = wave(t) + 0.05 * torch.randn_like(t)
dataset = TensorDataset(t, y)
train_part, val_part = random_split(dataset, [400, 100])
train_loader = DataLoader(train_part, batch_size=25, shuffle=True)
val_loader = DataLoader(val_part, batch_size=100)


class WaveNet(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.register_buffer("shift", torch.tensor(2.5))
        self.register_buffer("spread", torch.tensor(1.45))
        self.inp = nn.Linear(1, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, 1)

    def forward(self, t):
        t = (t - self.shift) / self.spread
        h = torch.tanh(self.inp(t))
        h = torch.tanh(self.mid(h))
        return self.out(h)


model = WaveNet()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.95)

for epoch in range(40):
    for tb, yb in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(tb), yb)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    scheduler.step()

squares, n = 0.0, 0
with torch.no_grad():
    for tb, yb in val_loader:
        squares += ((model(tb) - yb) ** 2).sum().item()
        n += len(yb)
print(f"val rmse {math.sqrt(squares / n):.3f}")
