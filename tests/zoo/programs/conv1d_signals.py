import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Signals(Dataset):
    """A bump, a step or a burst somewhere in noise."""

    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, 3, n)
        self.signals = np.empty((n, 1, 40), dtype=np.float32)
        t = np.arange(40)
        for i, label in enumerate(self.labels):
            place = rng.integers(10, 30)
            if label == 0:
                shape = np.exp(-((t - place) ** 2) / 8)
            elif label == 1:
                shape = (t > place).astype(float)
            else:
                shape = np.sin(t * 1.5) * (np.abs(t - place) < 6)
            self.signals[i, 0] = 2 * shape + rng.normal(0, 0.3, 40)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return torch.from_numpy(self.signals[i]), int(self.labels[i])


def block(cin, cout):
    return nn.Sequential(
        nn.Conv1d(cin, cout, 5, padding=2, bias=False), nn.BatchNorm1d(cout), nn.ReLU(), nn.MaxPool1d(2)
    )


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(block(1, 8), block(8, 16))
        self.out = nn.Linear(16, 3)

    def forward(self, x):
        return self.out(self.blocks(x).amax(dim=2))


torch.manual_seed(0)
train_dl = DataLoader(Signals(500, 0), 32, shuffle=True)
val_dl = DataLoader(Signals(200, 1), 64)
net = Net()
optim = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
for epoch in range(4):
    net.train()
    for xb, yb in train_dl:
        loss = nn.functional.cross_entropy(net(xb), yb)
        optim.zero_grad()
        loss.backward()
        optim.step()
    net.eval()
    ok = 0
    with torch.no_grad():
        for xb, yb in val_dl:
            ok += int((net(xb).argmax(1) == yb).sum())
    print(f"epoch {epoch}, validation {ok}/{len(val_dl.dataset)} = {ok / len(val_dl.dataset):.3f}")
