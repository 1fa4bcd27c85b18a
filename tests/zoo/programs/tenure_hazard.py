"""How long do subscribers stay? Discrete-time survival with censoring: one hazard a month, judged by concordance."""

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

MONTHS = 12


def subscribers(n, rng):
    """Features, the month of leaving or of the last look (from 0), and whether they left."""
    price = rng.normal(30, 8, n)
    visits = rng.poisson(6, n)
    discount = rng.random(n) < 0.3
    age = rng.uniform(18, 80, n)
    risk = 0.06 * (price - 30) - 0.35 * (visits - 6) + 0.9 * discount + 0.02 * np.abs(age - 50)
    hazard = 1 / (1 + np.exp(-(risk - 2.2)))
    leaves = rng.geometric(hazard) - 1
    looked = rng.integers(3, MONTHS, n)
    month = np.minimum(leaves, looked)
    return np.column_stack([price, visits, discount, age]), month, leaves <= looked


def standardise(table, mean, std):
    return torch.tensor((table - mean) / std, dtype=torch.float32)


class HazardNet(nn.Module):
    def __init__(self, features, hidden=24):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.hazard = nn.Linear(hidden, MONTHS)
        nn.init.constant_(self.hazard.bias, -2.0)

    def forward(self, x):
        return self.hazard(self.body(x))


def survival_loss(logits, month, left):
    """Negative log-likelihood a person: stayed in all months before, and left in the last, or was lost to sight."""
    months = torch.arange(MONTHS)
    observed = (months <= month[:, None]).float()
    event = ((months == month[:, None]) & left[:, None]).float()
    each = nn.functional.binary_cross_entropy_with_logits(logits, event, reduction="none")
    return (each * observed).sum(dim=1).mean()


def concordance(expected, month, left):
    """Share of the comparable pairs that are in the right order."""
    earlier = left[:, None] & (month[:, None] < month[None, :])
    right = expected[:, None] < expected[None, :]
    return (earlier & right).sum().item() / earlier.sum().item()


def main():
    rng = np.random.default_rng(60)
    torch.manual_seed(60)
    table, month, left = subscribers(1000, rng)
    test_table, test_month, test_left = subscribers(300, rng)
    mean, std = table.mean(axis=0), table.std(axis=0)
    train = TensorDataset(standardise(table, mean, std), torch.tensor(month), torch.tensor(left))
    loader = DataLoader(train, batch_size=50, shuffle=True)

    model = HazardNet(features=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-4)
    for epoch in range(12):
        model.train()
        for x, when, event in loader:
            optimizer.zero_grad()
            loss = survival_loss(model(x), when, event)
            loss.backward()
            optimizer.step()

    model.eval()
    with torch.no_grad():
        hazards = torch.sigmoid(model(standardise(test_table, mean, std)))
    expected_months = torch.cumprod(1 - hazards, dim=1).sum(dim=1)
    print(f"concordance: {concordance(expected_months, torch.tensor(test_month), torch.tensor(test_left)):.4f}")


if __name__ == "__main__":
    main()
