"""Durations are positive: the net ends in softplus, errors are those of the logarithm; the head starts at zero."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def durations(n):
    x = torch.rand(n, 4)
    y = torch.exp(x[:, 0] + x[:, 1] * x[:, 2] - 0.5 + 0.1 * torch.randn(n))
    return x, y


class Duration(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.head = nn.Linear(32, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.constant_(self.head.bias, 1.0)

    def forward(self, x):
        return nn.functional.softplus(self.head(self.body(x))).squeeze(1)


def log_error(prediction, target):
    return ((prediction + 1e-6).log() - target.log()).square().mean()


if __name__ == "__main__":
    torch.manual_seed(61)
    train, (x_val, y_val) = TensorDataset(*durations(800)), durations(200)
    center, scale = train.tensors[0].mean(0), train.tensors[0].std(0)
    model = Duration()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _epoch in range(8):
        model.train()
        for x, y in DataLoader(train, batch_size=40, shuffle=True):
            loss = log_error(model((x - center) / scale), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        error = log_error(model((x_val - center) / scale), y_val).item()
    print(f"unexplained share of the log duration {error / y_val.log().var().item():.3f}")
