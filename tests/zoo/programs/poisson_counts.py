"""Counts with a log rate: Poisson regression by a small network."""

import logging
from itertools import pairwise

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger(__name__)


def simulate(n=1200):
    x = torch.randn(n, 3)
    rate = torch.exp(0.5 + 0.6 * x[:, 0] - 0.5 * x[:, 1] + 0.3 * x[:, 0] * x[:, 2])
    return x, torch.poisson(rate)


class CountNet(nn.Module):
    def __init__(self, inputs, hidden=(32, 16)):
        super().__init__()
        widths = [inputs, *hidden]
        layers = []
        for a, b in pairwise(widths):
            layers += [nn.Linear(a, b), nn.Softplus()]
        self.layers = nn.Sequential(*layers)
        self.log_rate = nn.Linear(widths[-1], 1)

    def forward(self, x):
        return self.log_rate(self.layers(x)).squeeze(1)


def mean_deviance(model, loader, criterion):
    model.eval()
    with torch.no_grad():
        losses = [criterion(model(x), y) * len(y) for x, y in loader]
    return sum(losses).item() / len(loader.dataset)


torch.manual_seed(16)
train_set, val_set = random_split(TensorDataset(*simulate()), [900, 300])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=70)
model = CountNet(3)
criterion = nn.PoissonNLLLoss(log_input=True, full=True)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
start = mean_deviance(model, val_loader, criterion)
for _ in range(12):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
end = mean_deviance(model, val_loader, criterion)
log.info("start %.3f", start)
print(f"validation negative log-likelihood {end:.3f}")
