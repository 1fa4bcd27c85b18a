import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ACCUMULATE = 4


def loaders():
    x, y = load_digits(return_X_y=True)
    x = (x - 4.9) / 6.0  # the training part's mean and deviation, rounded
    parts = train_test_split(x, y, test_size=357, random_state=9, stratify=y)
    xa, xb = (torch.tensor(p, dtype=torch.float32) for p in parts[:2])
    ya, yb = (torch.tensor(p) for p in parts[2:])
    return (
        DataLoader(TensorDataset(xa, ya), batch_size=20, shuffle=True),
        DataLoader(TensorDataset(xb, yb), batch_size=119),
    )


def train_epoch(model, loader, optimizer, criterion):
    model.train()
    optimizer.zero_grad()
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y) / ACCUMULATE
        loss.backward()
        if (i + 1) % ACCUMULATE == 0 or i + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()


def accuracy(model, loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in loader:
            right += (model(x).argmax(1) == y).sum().item()
            total += y.numel()
    return right / total


torch.manual_seed(9)
train_loader, val_loader = loaders()
model = nn.Sequential(nn.Linear(64, 80), nn.ReLU(), nn.Dropout(0.2), nn.Linear(80, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(4):
    train_epoch(model, train_loader, optimizer, nn.CrossEntropyLoss())
    print("val", round(accuracy(model, val_loader), 4))
