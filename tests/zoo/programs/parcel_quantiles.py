"""Days until a parcel arrives, as quantiles that cannot cross. Pinball loss against that of constant quantiles."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

QUANTILES = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])


class Table:
    def __init__(self, rows, seed):
        rng = np.random.default_rng(seed)
        self.distance = rng.gamma(2.0, 300.0, rows)
        self.weight = rng.exponential(4.0, rows)
        self.express = rng.random(rows) < 0.35
        self.month = rng.integers(1, 13, rows)
        typical = 1.0 + self.distance / 250 + 0.1 * self.weight + 1.5 * np.isin(self.month, (11, 12))
        typical = np.where(self.express, 0.5 * typical, typical)
        self.days = typical * rng.gamma(6.0, 1 / 6.0, rows)

    def features(self):
        late = np.isin(self.month, (11, 12))
        columns = [np.log(self.distance), np.log1p(self.weight), self.express, late]
        return torch.tensor(np.column_stack(columns), dtype=torch.float32)

    def targets(self):
        return torch.tensor(self.days, dtype=torch.float32)


class Scaler:
    def fit(self, x):
        self.mean, self.std = x.mean(dim=0), x.std(dim=0)
        return self

    def __call__(self, x):
        return (x - self.mean) / self.std


class QuantileNet(nn.Module):
    """The lowest quantile, and positive steps to the next ones."""

    def __init__(self, n_features):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(n_features, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU())
        self.base = nn.Linear(32, 1)
        self.steps = nn.Linear(32, len(QUANTILES) - 1)

    def forward(self, x):
        h = self.hidden(x)
        steps = F.softplus(self.steps(h))
        return torch.cat([self.base(h), self.base(h) + steps.cumsum(dim=1)], dim=1)


def pinball(predicted, days):
    error = days[:, None] - predicted
    return torch.maximum(QUANTILES * error, (QUANTILES - 1) * error).mean()


train, valid = Table(1500, seed=1), Table(400, seed=2)
scaler = Scaler().fit(train.features())
x_train, x_valid = scaler(train.features()), scaler(valid.features())
y_train, y_valid = train.targets(), valid.targets()

torch.manual_seed(19)
model = QuantileNet(x_train.shape[1])
optimizer = torch.optim.NAdam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.85)
for epoch in range(12):
    model.train()
    order = torch.randperm(len(x_train))
    for rows in order.split(50):
        loss = pinball(model(x_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()

model.eval()
with torch.no_grad():
    bands = model(x_valid)
    score = pinball(bands, y_valid).item()
constant = pinball(torch.quantile(y_train, QUANTILES).expand(len(y_valid), -1), y_valid).item()
inside = ((bands[:, 0] < y_valid) & (y_valid < bands[:, -1])).float().mean().item()
print(f"{inside:.0%} lie between the outer quantiles")
print(f"pinball loss {score:.3f}, as a share of that of constants: {score / constant:.3f}")
