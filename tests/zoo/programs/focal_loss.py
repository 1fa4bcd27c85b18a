import torch
import torch.nn.functional as F
from sklearn.metrics import average_precision_score
from torch import nn


class FocalLoss(nn.Module):
    """Lin et al., 2017: easy examples count less."""

    def __init__(self, gamma=2.0, alpha=0.75):
        super().__init__()
        self.gamma, self.alpha = gamma, alpha

    def forward(self, logits, targets):
        bce = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        p_true = torch.exp(-bce)
        weight = torch.where(targets == 1, self.alpha, 1 - self.alpha)
        return (weight * (1 - p_true) ** self.gamma * bce).mean()


def rings(n, generator):
    """One in ten points lies in a ring."""
    y = (torch.rand(n, generator=generator) < 0.1).float()
    radius = torch.where(y == 1, 1.5, 0.6) + 0.25 * torch.randn(n, generator=generator)
    radius = torch.where((y == 0) & (torch.rand(n, generator=generator) < 0.5), radius + 2.0, radius)
    angle = 6.2832 * torch.rand(n, generator=generator)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1), y


generator = torch.Generator().manual_seed(4)
torch.manual_seed(4)
x, y = rings(1500, generator)
x_val, y_val = rings(500, generator)
net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = FocalLoss()
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)

for _epoch in range(10):
    net.train()
    for rows in torch.randperm(len(x), generator=generator).split(75):
        logits = net(x[rows]).squeeze(-1)
        loss = criterion(logits, y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

net.eval()
with torch.no_grad():
    scores = net(x_val).squeeze(-1).sigmoid()
print(f"average precision {average_precision_score(y_val.numpy(), scores.numpy()):.3f}")
