import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset

np.random.seed(7)
torch.manual_seed(7)


class CancerDataset(Dataset):
    def __init__(self, features, labels, mean, std):
        self.features = (features - mean) / std
        self.labels = labels

    def __len__(self):
        return len(self.features)

    def __getitem__(self, index):
        x = torch.tensor(self.features[index], dtype=torch.float32)
        y = torch.tensor(self.labels[index], dtype=torch.float32)
        return x, y


data = load_breast_cancer()
train_x, val_x, train_y, val_y = train_test_split(data.data, data.target, test_size=0.25, random_state=7)
mean, std = train_x.mean(axis=0), train_x.std(axis=0)
train_loader = DataLoader(CancerDataset(train_x, train_y, mean, std), batch_size=32, shuffle=True)
val_loader = DataLoader(CancerDataset(val_x, val_y, mean, std), batch_size=64, shuffle=False)

net = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)

for epoch in range(4):
    net.train()
    running = 0.0
    for xb, yb in train_loader:
        opt.zero_grad()
        out = net(xb).squeeze(1)
        loss = loss_fn(out, yb)
        loss.backward()
        opt.step()
        running += loss.item() * len(xb)

    net.eval()
    correct = 0
    with torch.no_grad():
        for xb, yb in val_loader:
            pred = (torch.sigmoid(net(xb).squeeze(1)) > 0.5).float()
            correct += (pred == yb).sum().item()
    print(f"epoch {epoch + 1} loss {running / len(train_x):.4f} val acc {correct / len(val_x):.4f}")
