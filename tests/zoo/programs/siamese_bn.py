"""Same digit or not: a shared tower, the absolute difference, one logit."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Pairs(Dataset):
    def __init__(self, x, y, n, seed):
        generator = torch.Generator().manual_seed(seed)
        self.x = x
        self.left = torch.randint(0, len(x), (n,), generator=generator)
        self.right = torch.empty_like(self.left)
        for i, anchor in enumerate(self.left):
            same = y == y[anchor]
            pool = torch.nonzero(same if i % 2 else ~same).flatten()
            self.right[i] = pool[torch.randint(0, len(pool), (1,), generator=generator)]
        self.same = (y[self.left] == y[self.right]).float()

    def __len__(self):
        return len(self.left)

    def __getitem__(self, i):
        return (self.x[self.left[i]], self.x[self.right[i]]), self.same[i]


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(
            nn.Linear(64, 64, bias=False),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.Linear(64, 24, bias=False),
            nn.BatchNorm1d(24),
        )
        self.judge = nn.Linear(24, 1)

    def forward(self, left, right):
        difference = (self.tower(left) - self.tower(right)).abs()
        return self.judge(difference).squeeze(1)


torch.manual_seed(48)
digits = load_digits()
x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
perm = torch.randperm(len(x))
fit, held = perm[:1200], perm[1200:]
train_loader = DataLoader(Pairs(x[fit], y[fit], 1200, 1), batch_size=60, shuffle=True)
val_loader = DataLoader(Pairs(x[held], y[held], 400, 2), batch_size=100)
model = Siamese()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
criterion = nn.BCEWithLogitsLoss()
for _epoch in range(6):
    model.train()
    for (left, right), same in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(left, right), same)
        loss.backward()
        optimizer.step()
model.eval()
right_answers = 0
with torch.no_grad():
    for (left, right), same in val_loader:
        right_answers += ((model(left, right) > 0) == same.bool()).sum().item()
print(f"pairs judged right {right_answers / 400:.3f}")
