import torch
from torch import nn


class MeanVariance(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(1, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.mean = nn.Linear(hidden, 1)
        self.raw_variance = nn.Linear(hidden, 1)

    def forward(self, x):
        h = self.trunk(x)
        variance = nn.functional.softplus(self.raw_variance(h)) + 1e-4
        return self.mean(h).squeeze(1), variance.squeeze(1)


def data(n):
    x = torch.rand(n, 1) * 4 - 2
    noise = 0.05 + 0.15 * (x > 0)
    y = torch.sin(2 * x) + noise * torch.randn_like(x)
    return x, y.squeeze(1)


torch.manual_seed(0)
x_train, y_train = data(800)
x_val, y_val = data(300)
model = MeanVariance()
loss_fn = nn.GaussianNLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for _epoch in range(30):
    for batch in torch.randperm(800).chunk(12):
        mean, variance = model(x_train[batch])
        loss = loss_fn(mean, y_train[batch], variance)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()

model.eval()
with torch.no_grad():
    mean, variance = model(x_val)
    nll = loss_fn(mean, y_val, variance).item()
    inside = ((mean - y_val).abs() < 2 * variance.sqrt()).float().mean().item()
print(f"share inside two deviations {inside:.3f}")
print(f"validation nll (below zero is good) {nll:.3f}")
