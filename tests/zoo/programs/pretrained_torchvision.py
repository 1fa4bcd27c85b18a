"""Transfer from a torchvision network whose weights lie in a local file, here made on the spot."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1
from torchvision.transforms import functional as TF


def store(path):
    torch.manual_seed(0)
    torch.save(squeezenet1_1().state_dict(), path)


def stripes(n, rng):
    """uint8 images [n, 3, 48, 48] with stripes that lie (0) or stand (1)."""
    t = np.arange(48)
    labels = rng.integers(0, 2, n)
    images = np.empty((n, 3, 48, 48), dtype=np.uint8)
    for i, label in enumerate(labels):
        wave = 120 + 90 * np.sin(t * rng.uniform(0.5, 0.9) + rng.uniform(0, 6))
        plane = np.tile(wave, (48, 1)) if label else np.tile(wave[:, None], (1, 48))
        images[i] = np.clip(plane + rng.normal(0, 12, (3, 48, 48)), 0, 255)
    return torch.from_numpy(images), torch.from_numpy(labels)


path = Path(tempfile.mkdtemp()) / "squeezenet1_1.pth"
store(path)
recipe = SqueezeNet1_1_Weights.IMAGENET1K_V1.transforms()
network = squeezenet1_1()
network.load_state_dict(torch.load(path))
network.requires_grad_(False)
network.eval()


def preprocess(images):
    return TF.normalize(images.float() / 255.0, mean=recipe.mean, std=recipe.std)


@torch.no_grad()
def extract(images):
    """Features by network.features, averaged over places."""
    return torch.cat([network.features(preprocess(part)).mean(dim=(2, 3)) for part in images.split(40)])


torch.manual_seed(1)
rng = np.random.default_rng(1)
train_images, train_labels = stripes(120, rng)
val_images, val_labels = stripes(60, rng)
train_features, val_features = extract(train_images), extract(val_images)
mean, std = train_features.mean(0), train_features.std(0) + 1e-6
train_features, val_features = (train_features - mean) / std, (val_features - mean) / std
head = nn.Linear(512, 2)
optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.1)
for _epoch in range(10):
    for rows in torch.randperm(120).split(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(train_features[rows]), train_labels[rows]).backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (head(val_features).argmax(1) == val_labels).float().mean().item()
print(f"stripes told apart: {accuracy:.3f}")
