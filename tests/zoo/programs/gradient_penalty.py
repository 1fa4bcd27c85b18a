"""A critic with a gradient penalty (Gulrajani et al., 2017): estimates how far two clouds of points lie apart."""

import torch
from torch import nn

torch.manual_seed(3)
critic = nn.Sequential(nn.Linear(2, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))
optimizer = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.9))
SHIFT = torch.tensor([1.5, 2.0])  # the distance of the clouds is its length, 2.5


def sample(n=64):
    return 0.3 * torch.randn(n, 2) + SHIFT, 0.3 * torch.randn(n, 2)


def penalty(real, fake):
    share = torch.rand(len(real), 1)
    between = (share * real + (1 - share) * fake).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((gradient.norm(dim=1) - 1) ** 2).mean()


for iteration in range(250):
    real, fake = sample()
    loss = critic(fake).mean() - critic(real).mean() + 10.0 * penalty(real, fake)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if iteration % 50 == 49:
        print(f"iteration {iteration + 1}: {loss.item():.3f}")

with torch.no_grad():
    real, fake = sample(1000)
    distance = (critic(real).mean() - critic(fake).mean()).item()
print(f"error of the distance {abs(distance - SHIFT.norm().item()):.3f}")
