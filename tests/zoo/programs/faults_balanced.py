"""Faults of a pump are rare: each batch holds as many rows of each kind. Judged by the mean recall of the kinds."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

KINDS = ("fine", "leak", "bearing", "cavitation")
SHARES = (0.88, 0.05, 0.04, 0.03)


def readings(n, rng):
    """Pressure in bar, flow in litres, temperature in degrees, vibration in three bands."""
    kind = rng.choice(len(KINDS), size=n, p=SHARES)
    table = rng.normal([6.0, 120.0, 55.0, 1.0, 0.6, 0.3], [0.5, 9.0, 4.0, 0.2, 0.12, 0.08], (n, 6))
    table[kind == 1] += np.array([-1.0, 8.0, 0.0, 0.0, 0.0, 0.0])
    table[kind == 2] += np.array([0.0, 0.0, 5.0, 0.1, 0.3, 0.0])
    table[kind == 3] += np.array([-0.5, -12.0, 0.0, 0.0, 0.1, 0.2])
    return table.astype(np.float32), kind.astype(np.int64)


class PumpDataset(Dataset):
    def __init__(self, table, kind, mean, std):
        self.table = (table - mean) / std
        self.kind = kind

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return torch.from_numpy(self.table[i]), int(self.kind[i])


class BalancedBatches(Sampler):
    """Index lists with `each` rows of every kind, drawn with replacement."""

    def __init__(self, kind, each, batches, generator):
        self.places = [torch.from_numpy(np.flatnonzero(kind == k)) for k in range(len(KINDS))]
        self.each, self.batches, self.generator = each, batches, generator

    def __len__(self):
        return self.batches

    def __iter__(self):
        for _ in range(self.batches):
            rows = [p[torch.randint(len(p), (self.each,), generator=self.generator)] for p in self.places]
            yield torch.cat(rows).tolist()


class PumpNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(6, 32)
        self.norm = nn.LayerNorm(32)
        self.fc2 = nn.Linear(32, 32)
        self.fc3 = nn.Linear(32, len(KINDS))

    def forward(self, x):
        x = torch.relu(self.norm(self.fc1(x)))
        x = torch.relu(self.fc2(x))
        return self.fc3(nn.functional.dropout(x, 0.2, training=self.training))


def confusion_matrix(model, loader):
    model.eval()
    matrix = torch.zeros(len(KINDS), len(KINDS), dtype=torch.long)
    with torch.no_grad():
        for x, kind in loader:
            guess = model(x).argmax(dim=1)
            matrix.index_put_((kind, guess), torch.ones(len(kind), dtype=torch.long), accumulate=True)
    return matrix


if __name__ == "__main__":
    torch.manual_seed(90)
    rng = np.random.default_rng(90)
    train_table, train_kind = readings(2500, rng)
    test_table, test_kind = readings(1500, rng)
    mean, std = train_table.mean(0), train_table.std(0)
    train_set = PumpDataset(train_table, train_kind, mean, std)
    test_set = PumpDataset(test_table, test_kind, mean, std)
    batches = BalancedBatches(train_kind, each=12, batches=50, generator=torch.Generator().manual_seed(90))
    train_loader = DataLoader(train_set, batch_sampler=batches)
    test_loader = DataLoader(test_set, batch_size=200)

    model = PumpNet()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(4):
        model.train()
        for x, kind in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(x), kind)
            loss.backward()
            optimizer.step()

    matrix = confusion_matrix(model, test_loader)
    recalls = matrix.diagonal() / matrix.sum(dim=1)
    for name, recall in zip(KINDS, recalls, strict=True):
        print(f"{name:11s} {recall:.3f}")
    print(f"mean recall {recalls.mean():.4f}")
