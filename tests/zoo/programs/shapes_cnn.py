"""Draw circles, squares and crosses; tell them apart."""

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

SIZE = 16
CLASSES = ["circle", "square", "cross"]


def draw(kind, rng):
    canvas = rng.integers(0, 60, (SIZE, SIZE))
    r = rng.integers(3, 6)
    cx, cy = rng.integers(r, SIZE - r, 2)
    yy, xx = np.mgrid[:SIZE, :SIZE]
    if kind == "circle":
        mask = np.abs(np.hypot(xx - cx, yy - cy) - r) < 0.8
    elif kind == "square":
        mask = np.maximum(abs(xx - cx), abs(yy - cy)) == r
    else:
        mask = (np.minimum(abs(xx - cx), abs(yy - cy)) == 0) & (np.maximum(abs(xx - cx), abs(yy - cy)) <= r)
    canvas[mask] = rng.integers(150, 256)
    return canvas.astype(np.uint8)


class Shapes(Dataset):
    def __init__(self, n, seed, augment=False):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, len(CLASSES), n)
        self.images = np.stack([draw(CLASSES[k], rng) for k in self.labels])
        self.augment = augment

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        img = torch.from_numpy(self.images[i]).float().unsqueeze(0)
        img = (img / 255.0 - 0.2) / 0.25
        if self.augment and torch.rand(1) < 0.5:
            img = img.flip(-1)
        return img, int(self.labels[i])


def build_model():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 24, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24 * 2 * 2, len(CLASSES)),
    )


def train(model, loader, optimizer, criterion):
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        outputs = model(images)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()


def test(model, loader):
    model.eval()
    good, n = 0, 0
    with torch.no_grad():
        for images, labels in loader:
            outputs = model(images)
            predicted = outputs.max(1).indices
            good += (predicted == labels).sum().item()
            n += labels.size(0)
    return good / n


if __name__ == "__main__":
    torch.manual_seed(0)
    train_loader = DataLoader(Shapes(600, 0, augment=True), batch_size=40, shuffle=True)
    test_loader = DataLoader(Shapes(250, 1), batch_size=100)
    model = build_model()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(7):
        train(model, train_loader, optimizer, criterion)
        print(f"epoch {epoch}: accuracy {test(model, test_loader):.3f}")
