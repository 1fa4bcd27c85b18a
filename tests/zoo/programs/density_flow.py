# An affine-coupling flow; its loss, a negative log density, falls below zero
import torch
from torch import nn

torch.manual_seed(25)


class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 2))

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        if self.flip:
            a, b = b, a
        log_scale, shift = self.net(a).chunk(2, dim=1)
        log_scale = 2.0 * torch.tanh(log_scale)
        b = b * log_scale.exp() + shift
        joined = torch.cat([b, a] if self.flip else [a, b], dim=1)
        return joined, log_scale.squeeze(1)


class Flow(nn.Module):
    def __init__(self, n=4):
        super().__init__()
        self.steps = nn.ModuleList([Coupling(i % 2 == 1) for i in range(n)])

    def log_prob(self, x):
        total = torch.zeros(len(x))
        for step in self.steps:
            x, log_det = step(x)
            total = total + log_det
        base = torch.distributions.Normal(0.0, 1.0).log_prob(x).sum(dim=1)
        return base + total


def crescent(n):
    a = 0.3 * torch.randn(n, 1)
    b = 2 * a**2 - 0.2 + 0.05 * torch.randn(n, 1)
    return torch.cat([a, b], dim=1)


train, val = crescent(1000), crescent(400)
flow = Flow()
optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
for epoch in range(14):
    for rows in torch.randperm(len(train)).split(100):
        loss = -flow.log_prob(train[rows]).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), 10.0)
        optimizer.step()
    if epoch % 4 == 1:
        print(f"epoch {epoch}: {loss.item():.3f}")
flow.eval()
with torch.no_grad():
    print(f"validation negative log density {-flow.log_prob(val).mean().item():.3f}")
