import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class ByteImages(Dataset):
    """Keeps uint8 [N, 8, 8] in memory, and makes floats of a row only when asked for it."""

    def __init__(self, images, labels, mean, std):
        assert images.dtype == np.uint8
        self.images, self.labels = images, labels
        self.mean, self.std = mean, std

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.images[i].astype(np.float32)
        image = (image - self.mean) / self.std
        return torch.from_numpy(image)[None], int(self.labels[i])


def accuracy(model, loader):
    model.eval()
    correct, count = 0, 0
    for images, labels in loader:
        with torch.no_grad():
            correct += (model(images).argmax(1) == labels).sum().item()
        count += len(labels)
    return correct / count


digits = load_digits()
images = np.minimum(digits.images * 16, 255).astype(np.uint8)
rng = np.random.default_rng(0)
order = rng.permutation(len(images))
train_rows, val_rows = order[:1200], order[1200:]
mean, std = float(images[train_rows].mean()), float(images[train_rows].std())
train_set = ByteImages(images[train_rows], digits.target[train_rows], mean, std)
val_set = ByteImages(images[val_rows], digits.target[val_rows], mean, std)

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 16, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
train_loader = DataLoader(train_set, batch_size=60, shuffle=True)
val_loader = DataLoader(val_set, batch_size=199)
for epoch in range(5):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        nn.CrossEntropyLoss()(model(x), y).backward()
        optimizer.step()
    print(f"epoch {epoch} val accuracy {accuracy(model, val_loader):.4f}")
