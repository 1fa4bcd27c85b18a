"""Strength of concrete from its recipe: early stopping, the best weights restored, one look at the test rows."""

import copy

import numpy as np
import torch
from torch import nn


class EarlyStopping:
    def __init__(self, patience):
        self.patience = patience
        self.best = float("inf")
        self.bad_epochs = 0
        self.state = None

    def step(self, value, model):
        if value < self.best:
            self.best, self.bad_epochs = value, 0
            self.state = copy.deepcopy(model.state_dict())
        else:
            self.bad_epochs += 1
        return self.bad_epochs >= self.patience

    def restore(self, model):
        model.load_state_dict(self.state)


def mix_concrete(n, rng):
    cement = rng.uniform(100, 540, n)
    slag = rng.choice([0.0, 1.0], n) * rng.uniform(20, 350, n)
    water = rng.uniform(130, 240, n)
    sand = rng.uniform(600, 990, n)
    age = rng.choice([3, 7, 14, 28, 56, 90], n)
    binder = cement + 0.6 * slag
    strength = 28 * (binder / water) ** 1.1 * (0.35 + 0.22 * np.log(age)) / 2 + 0.01 * (sand - 800)
    return np.column_stack([cement, slag, water, sand, age]), strength + rng.normal(0, 2.5, n)


def split(n, rng, shares=(0.6, 0.2)):
    order = rng.permutation(n)
    first, second = int(shares[0] * n), int(sum(shares) * n)
    return order[:first], order[first:second], order[second:]


def evaluate(model, x, y, loss_fn):
    model.eval()
    with torch.no_grad():
        return loss_fn(model(x), y).item()


rng = np.random.default_rng(70)
torch.manual_seed(70)
recipe, strength = mix_concrete(1000, rng)
recipe[:, 4] = np.log(recipe[:, 4])
train, val, test = split(len(recipe), rng)

x_mean, x_std = recipe[train].mean(axis=0), recipe[train].std(axis=0)
y_mean, y_std = strength[train].mean(), strength[train].std()
x = torch.from_numpy(((recipe - x_mean) / x_std).astype(np.float32))
y = torch.from_numpy(((strength - y_mean) / y_std).astype(np.float32)).unsqueeze(1)

model = nn.Sequential(
    nn.Linear(5, 48),
    nn.ReLU(),
    nn.Dropout(0.05),
    nn.Linear(48, 24),
    nn.ReLU(),
    nn.Linear(24, 1),
)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=1e-4)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
stopper = EarlyStopping(patience=8)

for epoch in range(40):
    model.train()
    shuffled = torch.from_numpy(rng.permutation(train))
    for rows in shuffled.split(40):
        loss = loss_fn(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    val_loss = evaluate(model, x[val], y[val], loss_fn)
    scheduler.step(val_loss)
    if stopper.step(val_loss, model):
        break

stopper.restore(model)
print(f"stopped after epoch {epoch + 1}, best validation {stopper.best:.4f}")
rmse = evaluate(model, x[test], y[test], loss_fn) ** 0.5 * y_std
print(f"test RMSE {rmse:.2f} MPa")
