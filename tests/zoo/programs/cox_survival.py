"""Survival times with censoring: Cox's partial likelihood of a small net, over the whole training set at once."""

import numpy as np
import torch
import torch.nn as nn


def patients(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 5))
    risk = 1.2 * x[:, 0] - 0.8 * x[:, 1] + 0.9 * (x[:, 2] > 0) * x[:, 3]
    died = rng.exponential(np.exp(-risk))
    left = rng.exponential(1.5, n)
    time, event = np.minimum(died, left), died <= left
    return torch.tensor(x).float(), torch.tensor(time).float(), torch.tensor(event).float()


def partial_likelihood(log_risk, event):
    """Negative; rows are sorted by falling time, so that everybody before is still at risk."""
    at_risk = torch.logcumsumexp(log_risk, dim=0)
    return -((log_risk - at_risk) * event).sum() / event.sum()


def concordance(log_risk, time, event):
    earlier = (time[:, None] < time[None]) & (event[:, None] > 0)
    right = (log_risk[:, None] > log_risk[None]).float() + 0.5 * (log_risk[:, None] == log_risk[None]).float()
    return (right * earlier).sum().item() / earlier.sum().item()


torch.manual_seed(31)
x, time, event = patients(400, seed=31)
x_test, time_test, event_test = patients(200, seed=32)
order = torch.argsort(time, descending=True)
x, time, event = x[order], time[order], event[order]

net = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1, bias=False))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=1e-3)
for step in range(150):
    net.train()
    optimizer.zero_grad()
    loss = partial_likelihood(net(x)[:, 0], event)
    loss.backward()
    optimizer.step()
    if (step + 1) % 50 == 0:
        net.eval()
        with torch.no_grad():
            index = concordance(net(x_test)[:, 0], time_test, event_test)
        print(f"step {step + 1}: loss {loss.item():.3f}, concordance {index:.3f}")
