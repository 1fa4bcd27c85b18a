# batches of two, as memory would have it: group norm does not care
import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(33)
digits = load_digits()
images = torch.from_numpy(digits.images).float().unsqueeze(1)
train_rows = torch.arange(0, 500).tolist()
val_rows = torch.arange(1200, 1797).tolist()
m, s = images[train_rows].mean(), images[train_rows].std()
dataset = TensorDataset((images - m) / s, torch.from_numpy(digits.target))
train_loader = DataLoader(Subset(dataset, train_rows), batch_size=2, shuffle=True)
val_loader = DataLoader(Subset(dataset, val_rows), batch_size=199)


class Block(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1)
        self.norm = nn.GroupNorm(4, cout)

    def forward(self, x):
        return torch.max_pool2d(torch.relu(self.norm(self.conv(x))), 2)


model = nn.Sequential(Block(1, 8), Block(8, 16), nn.Flatten(), nn.Linear(64, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.8)

for epoch in range(2):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    n_right = 0
    with torch.no_grad():
        for x, y in val_loader:
            n_right += (model(x).argmax(1) == y).sum().item()
    print("epoch", epoch, "val accuracy", round(n_right / len(val_rows), 4))
