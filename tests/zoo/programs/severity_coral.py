"""Five grades of severity, in order: one score and four thresholds (CORAL). Judged by the mean distance in grades."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

GRADES = 5


def patients(n, seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 10, generator=g)
    hidden = x[:, 0] + 0.8 * x[:, 1] * x[:, 2] - 0.6 * x[:, 3].abs() + 0.2 * torch.randn(n, generator=g)
    return x, torch.bucketize(hidden, torch.tensor([-1.4, -0.7, 0.0, 0.7]))


def levels(grade):
    """Grade 3 of 5 becomes 1, 1, 1, 0."""
    return (grade[:, None] > torch.arange(GRADES - 1)).float()


class Coral(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU())
        self.score = nn.Linear(48, 1, bias=False)
        self.thresholds = nn.Parameter(torch.linspace(1.0, -1.0, GRADES - 1))

    def forward(self, x):
        return self.score(self.features(x)) + self.thresholds

    def grade(self, x):
        return (self.forward(x) > 0).sum(dim=1)


torch.manual_seed(6)
train_loader = DataLoader(TensorDataset(*patients(1000, 1)), batch_size=50, shuffle=True)
x_valid, y_valid = patients(400, 2)
model = Coral()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.BCEWithLogitsLoss()

for epoch in range(15):
    model.train()
    for x, grade in train_loader:
        loss = loss_fn(model(x), levels(grade))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

model.eval()
with torch.no_grad():
    off = (model.grade(x_valid) - y_valid).abs().float().mean()
print(f"mean distance {off.item():.3f}")
