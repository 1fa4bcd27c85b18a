"""A net that was trained on six textures is loaded with its own mean and spread, and fine-tuned on three new ones."""

import io
import math

import torch
import torch.nn.functional as F
from torch import nn


def textures(kinds, n, g):
    """Grey pictures [n, 1, 16, 16] from 0 to 255; a kind is an angle and a pitch of the grain."""
    angle, pitch = kinds.T
    label = torch.randint(len(kinds), (n,), generator=g)
    rows, cols = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    along = rows * torch.sin(angle[label])[:, None, None] + cols * torch.cos(angle[label])[:, None, None]
    wave = torch.sin(along * pitch[label][:, None, None] + 6.3 * torch.rand(n, 1, 1, generator=g))
    picture = 90 + 25 * wave + 40 * torch.randn(n, 16, 16, generator=g)
    return picture.clamp(0, 255).round()[:, None], label


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, padding=2)
        self.conv2 = nn.Conv2d(16, 24, 3, padding=1)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.relu(self.conv2(x))
        return x.mean(dim=(2, 3))


class Classifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.trunk = Trunk()
        self.fc = nn.Linear(24, classes)

    def forward(self, x):
        return self.fc(self.trunk(x))


def pretrain(seed):
    """What comes from elsewhere: a file with weights, and how the pictures were prepared."""
    g = torch.Generator().manual_seed(seed)
    kinds = torch.tensor([(a * math.pi / 3, p) for a in range(3) for p in (0.8, 1.6)])
    pictures, labels = textures(kinds, 900, g)
    mean, std = pictures.mean(), pictures.std()
    model = Classifier(len(kinds))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(4):
        for rows in torch.randperm(900, generator=g).split(45):
            optimizer.zero_grad()
            F.cross_entropy(model((pictures[rows] - mean) / std), labels[rows]).backward()
            optimizer.step()
    file = io.BytesIO()
    torch.save({"state_dict": model.state_dict(), "mean": mean.item(), "std": std.item()}, file)
    file.seek(0)
    return file


torch.manual_seed(120)
checkpoint = torch.load(pretrain(seed=120))

generator = torch.Generator().manual_seed(121)
new_kinds = torch.tensor([(math.pi / 6, 1.2), (math.pi / 2, 1.2), (5 * math.pi / 6, 1.2)])
pictures, labels = textures(new_kinds, 360, generator)
pictures = (pictures - checkpoint["mean"]) / checkpoint["std"]
train_x, test_x = pictures[:120], pictures[120:]
train_y, test_y = labels[:120], labels[120:]

model = Classifier(classes=3)
trunk = {name: weight for name, weight in checkpoint["state_dict"].items() if name.startswith("trunk.")}
missing, unexpected = model.load_state_dict(trunk, strict=False)
assert missing == ["fc.weight", "fc.bias"] and not unexpected

groups = [
    {"params": model.trunk.parameters(), "lr": 1e-3},
    {"params": model.fc.parameters(), "lr": 1e-2},
]
optimizer = torch.optim.AdamW(groups, weight_decay=1e-2)
for epoch in range(12):
    model.train()
    for rows in torch.randperm(len(train_x)).split(20):
        loss = F.cross_entropy(model(train_x[rows]), train_y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.inference_mode():
    right = (model(test_x).argmax(dim=1) == test_y).sum().item()
print(f"{right} of {len(test_y)} new textures right: {right / len(test_y):.3f}")
