"""Arrows to the left, to the right, or up; training images are moved and get noise, which changes no label."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


def draw(direction):
    image = torch.zeros(12, 12)
    image[6, 2:10] = 1.0  # the shaft, then the point at its left end
    for i in range(1, 4):
        image[6 - i, 2 + i] = image[6 + i, 2 + i] = 1.0
    if direction == 1:
        image = image.flip(1)
    elif direction == 2:
        image = image.T.flip(1)
    return image


class Arrows(Dataset):
    def __init__(self, n, seed, transform=None):
        generator = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(0, 3, (n,), generator=generator)
        self.images = torch.stack([draw(int(k)) for k in self.labels])
        self.images = self.images + 0.4 * torch.randn(n, 12, 12, generator=generator)
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = self.images[i][None]
        if self.transform is not None:
            image = self.transform(image)
        return (image - 0.1) / 0.5, self.labels[i]


def augment(image):
    dy, dx = torch.randint(-1, 2, (2,)).tolist()
    return image.roll((dy, dx), dims=(1, 2)) + 0.1 * torch.randn_like(image)


torch.manual_seed(7)
train_loader = DataLoader(Arrows(400, 1, augment), batch_size=40, shuffle=True)
val_loader = DataLoader(Arrows(150, 2), batch_size=75)
model = nn.Sequential(
    nn.Conv2d(1, 12, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(12 * 16, 32), nn.ReLU(), nn.Linear(32, 3)
)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for _epoch in range(8):
    model.train()
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
model.eval()
right = 0
with torch.no_grad():
    for images, labels in val_loader:
        right += (model(images).argmax(1) == labels).sum().item()
print(f"validation accuracy {right / len(val_loader.dataset):.3f}")
