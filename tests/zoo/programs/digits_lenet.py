import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset

TRAIN_ROWS = 1300


class Digits(Dataset):
    """Eight by eight pictures, kept as bytes; scaled when one is asked for."""

    def __init__(self, rows, train=False):
        bunch = load_digits()
        generator = torch.Generator().manual_seed(11)
        order = torch.randperm(len(bunch.target), generator=generator)
        order = order[:rows] if train else order[rows:]
        self.images = (torch.tensor(bunch.images) * 15).to(torch.uint8)[order]
        self.targets = torch.tensor(bunch.target)[order]
        self.train = train

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, index):
        image = self.images[index]
        image = image.float() / 255
        image = (image - 0.287) / 0.353
        if self.train:
            image = torch.roll(image, int(torch.randint(-1, 2, (1,))), dims=1)
        return image.unsqueeze(0), self.targets[index]


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(24)
        self.fc1 = nn.Linear(24 * 2 * 2, 48)
        self.fc2 = nn.Linear(48, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = x.flatten(1)
        x = F.relu(self.fc1(x))
        x = F.dropout(x, p=0.25, training=self.training)
        return self.fc2(x)


torch.manual_seed(3)
train_loader = DataLoader(Digits(TRAIN_ROWS, train=True), batch_size=50, shuffle=True)
val_loader = DataLoader(Digits(TRAIN_ROWS), batch_size=100)
model = LeNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)

for epoch in range(5):
    model.train()
    for images, targets in train_loader:
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(images), targets)
        loss.backward()
        optimizer.step()
    scheduler.step()

    model.eval()
    hits, seen = 0, 0
    with torch.no_grad():
        for images, targets in val_loader:
            hits += (model(images).argmax(1) == targets).sum().item()
            seen += len(targets)
    print(f"Epoch {epoch + 1}: val acc {hits / seen:.4f}")
