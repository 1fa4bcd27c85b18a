import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Shapes(Dataset):
    """Bright squares (1) and dim discs (2) on a noisy ground (0), with a mask of classes."""

    def __init__(self, n, seed, augment=False):
        generator = torch.Generator().manual_seed(seed)
        self.augment = augment
        grid_y, grid_x = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
        self.masks = torch.zeros(n, 16, 16, dtype=torch.long)
        for i in range(n):
            top, left, cy, cx = torch.randint(1, 9, (4,), generator=generator).tolist()
            self.masks[i][(grid_y - cy - 3) ** 2 + (grid_x - cx - 3) ** 2 < 10] = 2
            self.masks[i, top : top + 5, left : left + 5] = 1
        level = torch.tensor([-0.6, 1.6, 0.6])
        self.images = (level[self.masks] + 0.3 * torch.randn(n, 16, 16, generator=generator)).unsqueeze(1)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image, mask = self.images[i], self.masks[i]
        if self.augment and torch.rand(()) < 0.5:
            image, mask = image.flip(-1), mask.flip(-1)
        return image, mask


class TinyUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(1, 8, 3, padding=1)
        self.middle = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.Conv2d(24, 3, 3, padding=1)

    def forward(self, x):
        skip = F.relu(self.down(x))
        middle = F.relu(self.middle(F.max_pool2d(skip, 2)))
        middle = F.interpolate(middle, scale_factor=2)
        return self.up(torch.cat([skip, middle], dim=1))


torch.manual_seed(3)
train_loader = DataLoader(Shapes(300, 0, augment=True), batch_size=20, shuffle=True)
val_loader = DataLoader(Shapes(80, 1), batch_size=40)
model = TinyUNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _epoch in range(3):
    model.train()
    for images, masks in train_loader:
        logits = model(images)
        loss = F.cross_entropy(logits, masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
correct, pixels = 0, 0
with torch.no_grad():
    for images, masks in val_loader:
        correct += (model(images).argmax(dim=1) == masks).sum().item()
        pixels += masks.numel()
print(f"pixel accuracy {correct / pixels:.4f}")
