"""Standardised inputs far beyond one: Student's t with three degrees of freedom has values of ten deviations."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make(n):
    x = torch.distributions.StudentT(3.0).sample((n, 8))
    return x, (x[:, :4].sum(1) - x[:, 4:].sum(1) > 0).long()


def accuracy(model, loader):
    model.eval()
    right, n = 0, 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(1) == y).sum()
            n += len(y)
    return (right / n).item()


torch.manual_seed(60)
(x, y), (x_val, y_val) = make(1200), make(300)
mean, std = x.mean(0), x.std(0)
train = DataLoader(TensorDataset((x - mean) / std, y), 40, shuffle=True)
val = DataLoader(TensorDataset((x_val - mean) / std, y_val), 300)
print("largest input", round(((x - mean) / std).abs().max().item(), 1))
model = nn.Sequential(nn.Linear(8, 32), nn.Hardswish(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for _epoch in range(6):
    model.train()
    for x, y in train:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("validation", round(accuracy(model, val), 3))
