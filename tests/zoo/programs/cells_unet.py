"""Mark the bright cells in noisy pictures: a small U-net, judged by intersection over union."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Cells(Dataset):
    """Pictures of 16 by 16 with two round cells each, and the mask of the cells."""

    def __init__(self, n, seed, train):
        g = torch.Generator().manual_seed(seed)
        yy, xx = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
        centre = torch.randint(3, 13, (n, 2, 2), generator=g)
        radius = torch.randint(2, 4, (n, 2), generator=g)
        square = (yy - centre[..., 0, None, None]) ** 2 + (xx - centre[..., 1, None, None]) ** 2
        self.masks = (square <= radius[..., None, None] ** 2).any(1).float()
        self.pictures = 0.9 * self.masks + 0.5 * torch.randn(n, 16, 16, generator=g) + 0.2
        self.train = train

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, i):
        picture, mask = (self.pictures[i] - 0.36) / 0.61, self.masks[i]
        if self.train and torch.rand(()) < 0.5:
            picture, mask = picture.flip(1), mask.flip(1)
        return picture[None], mask[None]


def block(channels_in, channels_out):
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = block(1, 8)
        self.down2 = block(8, 16)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.merge = block(16, 8)
        self.head = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        fine = self.down1(x)
        coarse = self.down2(F.max_pool2d(fine, 2))
        joined = torch.cat([fine, self.up(coarse)], dim=1)
        return self.head(self.merge(joined))


def dice_loss(logits, masks):
    probability = torch.sigmoid(logits)
    overlap = (probability * masks).sum((1, 2, 3))
    size = probability.sum((1, 2, 3)) + masks.sum((1, 2, 3))
    return (1 - (2 * overlap + 1) / (size + 1)).mean()


torch.manual_seed(0)
train_loader = DataLoader(Cells(240, 1, True), batch_size=24, shuffle=True)
valid_loader = DataLoader(Cells(96, 2, False), batch_size=48)
net = UNet()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)

for epoch in range(5):
    net.train()
    for pictures, masks in train_loader:
        optimizer.zero_grad()
        logits = net(pictures)
        loss = F.binary_cross_entropy_with_logits(logits, masks) + dice_loss(logits, masks)
        loss.backward()
        optimizer.step()

    net.eval()
    inter, union = 0.0, 0.0
    with torch.no_grad():
        for pictures, masks in valid_loader:
            marked = net(pictures) > 0
            truth = masks > 0.5
            inter += (marked & truth).sum().item()
            union += (marked | truth).sum().item()
    print(f"epoch {epoch} loss {loss.item():.3f} IoU {inter / union:.3f}")
