"""How many cells are in the picture? A fully convolutional net whose density map adds up to the count."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SIZE = 20


def render(count, rng):
    yy, xx = np.mgrid[0:SIZE, 0:SIZE]
    picture = rng.normal(30, 5, (SIZE, SIZE))
    for _ in range(count):
        cy, cx = rng.uniform(1.5, SIZE - 2.5, 2)
        picture += 100 * np.exp(-((yy - cy) ** 2 + (xx - cx) ** 2) / 2)
    return picture.clip(0, 255).astype(np.uint8)


def make_pictures(n, seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 8, n)
    return np.stack([render(c, rng) for c in counts]), counts


class Cells(Dataset):
    def __init__(self, pictures, counts, mean, std, augment=False):
        self.pictures, self.counts = pictures, counts
        self.mean, self.std = mean, std
        self.augment = augment

    def __len__(self):
        return len(self.counts)

    def __getitem__(self, i):
        picture = self.pictures[i].astype(np.float32)
        if self.augment:
            picture = np.rot90(picture, k=int(torch.randint(4, ()))).copy()
            if torch.rand(()) < 0.5:
                picture = picture[:, ::-1].copy()
        picture = (picture - self.mean) / self.std
        return torch.from_numpy(picture)[None], torch.tensor(self.counts[i], dtype=torch.float32)


def conv(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU())


class DensityNet(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.features = nn.Sequential(conv(1, width), conv(width, width), nn.MaxPool2d(2), conv(width, 2 * width))
        self.density = nn.Conv2d(2 * width, 1, 1)
        nn.init.constant_(self.density.bias, -3.0)

    def forward(self, x):
        density = nn.functional.softplus(self.density(self.features(x)))
        return density.sum(dim=(1, 2, 3))


def mean_absolute_error(model, loader):
    model.eval()
    total, n = 0.0, 0
    with torch.no_grad():
        for pictures, counts in loader:
            total += (model(pictures) - counts).abs().sum().item()
            n += len(counts)
    return total / n


if __name__ == "__main__":
    torch.manual_seed(12)
    train_pictures, train_counts = make_pictures(500, seed=1)
    test_pictures, test_counts = make_pictures(150, seed=2)
    mean, std = np.float32(train_pictures.mean()), np.float32(train_pictures.std())
    train_set = Cells(train_pictures, train_counts, mean, std, augment=True)
    test_set = Cells(test_pictures, test_counts, mean, std)
    train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
    test_loader = DataLoader(test_set, batch_size=64)

    net = DensityNet()
    criterion = nn.SmoothL1Loss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.4)
    for epoch in range(8):
        net.train()
        for pictures, counts in train_loader:
            optimizer.zero_grad()
            loss = criterion(net(pictures), counts)
            loss.backward()
            optimizer.step()
        scheduler.step()
    print("off by %.3f cells" % mean_absolute_error(net, test_loader))
