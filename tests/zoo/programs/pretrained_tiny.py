"""A classifier on the features of a network that was saved with its preprocessing."""

import json
import tempfile
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make_backbone():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
    )


def publish(folder):
    """What somebody else did before: trains on the first half and saves weights and preprocessing."""
    digits = load_digits()
    pixels = torch.tensor(digits.images[:900], dtype=torch.float32)[:, None] / 16.0
    labels = torch.tensor(digits.target[:900])
    mean, std = pixels.mean(), pixels.std()
    model = nn.Sequential(make_backbone(), nn.Linear(32 * 16, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for rows in torch.randperm(900).repeat(2).split(50):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model((pixels[rows] - mean) / std), labels[rows]).backward()
        optimizer.step()
    torch.save(model[0].state_dict(), folder / "backbone.pt")
    (folder / "preprocessing.json").write_text(json.dumps({"scale": 16.0, "mean": mean.item(), "std": std.item()}))


def load_pretrained(folder):
    backbone = make_backbone()
    backbone.load_state_dict(torch.load(folder / "backbone.pt"))
    return backbone, json.loads((folder / "preprocessing.json").read_text())


torch.manual_seed(3)
folder = Path(tempfile.mkdtemp())
publish(folder)

backbone, recipe = load_pretrained(folder)
digits = load_digits()
images = torch.tensor(digits.images[900:], dtype=torch.float32)[:, None] / recipe["scale"]
images = (images - recipe["mean"]) / recipe["std"]
labels = (torch.tensor(digits.target[900:]) % 2).float()  # a new question: odd or even
train = DataLoader(TensorDataset(images[:500], labels[:500]), batch_size=25, shuffle=True)
x_val, y_val = images[500:], labels[500:]
backbone.requires_grad_(False)
backbone.eval()
head = nn.Linear(32 * 16, 1)
optimizer = torch.optim.Adam(head.parameters(), lr=1e-3)
for _ in range(6):
    for x, y in train:
        with torch.no_grad():
            features = backbone(x)
        loss = nn.functional.binary_cross_entropy_with_logits(head(features)[:, 0], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = ((head(backbone(x_val))[:, 0] > 0) == y_val.bool()).float().mean().item()
print(f"odd or even: {accuracy:.3f}")
