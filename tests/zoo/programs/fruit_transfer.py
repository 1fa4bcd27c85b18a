"""Ripe or not? A torchvision network with weights from a local file, a new classifier, the recipe of its weights."""

import logging
import tempfile

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.models import SqueezeNet1_0_Weights, squeezenet1_0
from torchvision.transforms import functional as TF

log = logging.getLogger("fruit")
WEIGHTS = SqueezeNet1_0_Weights.IMAGENET1K_V1


def provide_weights(folder):
    """Stands for a download."""
    torch.manual_seed(0)
    path = f"{folder}/squeezenet1_0.pth"
    torch.save(squeezenet1_0().state_dict(), path)
    return path


class Fruit(Dataset):
    """uint8 pictures [40, 40, 3] of a round thing, green or reddish."""

    def __init__(self, n, seed, train):
        rng = np.random.default_rng(seed)
        yy, xx = np.mgrid[:40, :40]
        self.labels = rng.integers(0, 2, n)
        self.pictures = np.empty((n, 40, 40, 3), dtype=np.uint8)
        for i, ripe in enumerate(self.labels):
            cy, cx, r = rng.uniform(14, 26), rng.uniform(14, 26), rng.uniform(9, 13)
            inside = (yy - cy) ** 2 + (xx - cx) ** 2 < r**2
            colour = np.array([190, 90, 60]) if ripe else np.array([110, 150, 60])
            picture = np.where(inside[..., None], colour + rng.normal(0, 12, 3), rng.uniform(90, 160))
            self.pictures[i] = (picture + rng.normal(0, 15, picture.shape)).clip(0, 255)
        self.train = train

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        picture = torch.from_numpy(self.pictures[i]).permute(2, 0, 1)
        if self.train and torch.rand(()) < 0.5:
            picture = TF.hflip(picture)
        recipe = WEIGHTS.transforms()
        picture = TF.convert_image_dtype(picture, torch.float32)
        picture = TF.normalize(picture, mean=recipe.mean, std=recipe.std)
        return picture, torch.tensor(self.labels[i])


def load_network(path, classes):
    network = squeezenet1_0()
    network.load_state_dict(torch.load(path, map_location="cpu"))
    for parameter in network.parameters():
        parameter.requires_grad = False
    network.classifier = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(512), nn.Dropout(0.2), nn.Linear(512, classes)
    )
    return network


def main():
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as folder:
        network = load_network(provide_weights(folder), classes=2)
    torch.manual_seed(130)
    train_loader = DataLoader(Fruit(80, seed=1, train=True), batch_size=16, shuffle=True)
    test_loader = DataLoader(Fruit(48, seed=2, train=False), batch_size=24)
    optimizer = torch.optim.Adam(network.classifier.parameters(), lr=3e-3)
    for epoch in range(4):
        network.train()
        for pictures, labels in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(pictures), labels)
            loss.backward()
            optimizer.step()
        log.info("epoch %d, last loss %.3f", epoch, loss.item())

    network.eval()
    hits = 0
    with torch.no_grad():
        for pictures, labels in test_loader:
            hits += (network(pictures).argmax(1) == labels).sum().item()
    print("test accuracy", hits / len(test_loader.dataset))


if __name__ == "__main__":
    main()
