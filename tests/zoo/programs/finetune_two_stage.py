"""Learns the digits 0 to 4, saves, and fine-tunes for 5 to 9 with few labels: first the head, then everything."""

import tempfile
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn


def backbone():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
    )


def fit(model, optimizer, x, y, epochs, frozen=None):
    for _ in range(epochs):
        model.train()
        if frozen is not None:
            frozen.eval()  # its batch norm keeps what it has
        for rows in torch.randperm(len(x)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()


torch.manual_seed(19)
digits = load_digits()
images, labels = torch.tensor(digits.images).float().unsqueeze(1), torch.tensor(digits.target)
low, high = labels < 5, labels >= 5
source_x, source_y = images[low], labels[low]
MEAN, STD = source_x.mean(), source_x.std()

pretrained = backbone()
source = nn.Sequential(pretrained, nn.Linear(128, 5))
source_optimizer = torch.optim.Adam(source.parameters(), lr=3e-3)
fit(source, source_optimizer, (source_x - MEAN) / STD, source_y, epochs=3)
path = Path(tempfile.mkdtemp()) / "backbone.pt"
torch.save(pretrained.state_dict(), path)

target_x, target_y = images[high], labels[high] - 5
target_x = (target_x - MEAN) / STD  # as the backbone knows them
train_x, train_y, test_x, test_y = target_x[:120], target_y[:120], target_x[400:], target_y[400:]

body = backbone()
body.load_state_dict(torch.load(path))
model = nn.Sequential(body, nn.Linear(128, 5))
for parameter in body.parameters():
    parameter.requires_grad = False
optimizer = torch.optim.Adam(model[1].parameters(), lr=1e-2)
fit(model, optimizer, train_x, train_y, epochs=10, frozen=body)
print(f"head alone: {accuracy(model, test_x, test_y):.3f}")

for parameter in body.parameters():
    parameter.requires_grad = True
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
fit(model, optimizer, train_x, train_y, epochs=10)
print(f"all layers: {accuracy(model, test_x, test_y):.3f}")
