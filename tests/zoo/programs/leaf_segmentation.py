"""Which pixels belong to the leaf? Dice plus cross-entropy, flips of picture and mask together, mean IoU."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


def photograph(rng, size=24):
    """A uint8 picture [24, 24, 3] with one bright leaf on mottled ground, and its mask."""
    yy, xx = np.mgrid[:size, :size]
    cy, cx = rng.uniform(7, size - 7, 2)
    a, b, turn = rng.uniform(4, 8), rng.uniform(2.5, 4), rng.uniform(0, np.pi)
    u = (xx - cx) * np.cos(turn) + (yy - cy) * np.sin(turn)
    v = (yy - cy) * np.cos(turn) - (xx - cx) * np.sin(turn)
    mask = (u / a) ** 2 + (v / b) ** 2 < 1
    ground = rng.normal([110, 85, 60], 18, (size, size, 3))
    leaf = rng.normal([90, 140, 65], 18, (size, size, 3))
    picture = np.where(mask[..., None], leaf, ground) + rng.normal(0, 10)
    return picture.clip(0, 255).astype(np.uint8), mask


class LeafDataset(Dataset):
    def __init__(self, n, seed, transform=None):
        rng = np.random.default_rng(seed)
        self.pictures, self.masks = zip(*(photograph(rng) for _ in range(n)), strict=True)
        self.transform = transform

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        picture = torch.from_numpy(self.pictures[index]).permute(2, 0, 1).float() / 255
        mask = torch.from_numpy(self.masks[index]).float()[None]
        if self.transform is not None:
            picture, mask = self.transform(picture, mask)
        return picture, mask


def random_flips(picture, mask):
    if torch.rand(()) < 0.5:
        picture, mask = picture.flip(-1), mask.flip(-1)
    if torch.rand(()) < 0.5:
        picture, mask = picture.flip(-2), mask.flip(-2)
    return picture, mask


class TinyUNet(nn.Module):
    def __init__(self, width=10):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.42, 0.36, 0.24]).view(3, 1, 1))
        self.register_buffer("std", torch.tensor([0.08, 0.10, 0.08]).view(3, 1, 1))
        self.down = self.block(3, width)
        self.bottom = self.block(width, 2 * width)
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.join = self.block(2 * width, width)
        self.last = nn.Conv2d(width, 1, 1)

    def block(self, cin, cout):
        return nn.Sequential(
            nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)
        )

    def forward(self, x):
        x = (x - self.mean) / self.std
        skip = self.down(x)
        deep = self.bottom(F.max_pool2d(skip, 2))
        return self.last(self.join(torch.cat([skip, self.up(deep)], dim=1)))


class DiceBCE(nn.Module):
    def __init__(self, smooth=1.0):
        super().__init__()
        self.smooth = smooth

    def forward(self, logits, mask):
        bce = F.binary_cross_entropy_with_logits(logits, mask)
        p = torch.sigmoid(logits)
        overlap = (p * mask).sum(dim=(1, 2, 3))
        dice = (2 * overlap + self.smooth) / (p.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3)) + self.smooth)
        return bce + (1 - dice).mean()


@torch.no_grad()
def mean_iou(model, loader):
    model.eval()
    ious = []
    for pictures, masks in loader:
        found, true = model(pictures) > 0, masks.bool()
        ious.append((found & true).sum(dim=(1, 2, 3)) / (found | true).sum(dim=(1, 2, 3)))
    return torch.cat(ious).mean().item()


def main():
    torch.manual_seed(14)
    train_loader = DataLoader(LeafDataset(160, seed=3, transform=random_flips), batch_size=16, shuffle=True)
    val_loader = DataLoader(LeafDataset(50, seed=4), batch_size=20)
    model, criterion = TinyUNet(), DiceBCE()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(5):
        model.train()
        for pictures, masks in train_loader:
            loss = criterion(model(pictures), masks)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch + 1}, IoU {mean_iou(model, val_loader):.4f}")


if __name__ == "__main__":
    main()
