"""A least-squares GAN in two dimensions: points on a slanted line. Judged by how far the made points are off."""

import torch
from torch import nn, optim

torch.manual_seed(1)
SLOPE, NOISE_DIM, BATCH = 0.5, 4, 64


def real_points(n):
    x = torch.randn(n, 1)
    return torch.cat([x, SLOPE * x + 0.05 * torch.randn(n, 1)], 1)


def mlp(inputs, outputs):
    return nn.Sequential(
        nn.Linear(inputs, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2), nn.Linear(32, outputs)
    )


G, D = mlp(NOISE_DIM, 2), mlp(2, 1)
opt_g = optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.9))
opt_d = optim.Adam(D.parameters(), lr=4e-3, betas=(0.5, 0.9))
mse = nn.MSELoss()

for it in range(300):
    # critic
    real = real_points(BATCH)
    fake = G(torch.randn(BATCH, NOISE_DIM))
    d_real = D(real)
    d_fake = D(fake.detach())
    d_loss = mse(d_real, torch.ones_like(d_real)) + mse(d_fake, torch.zeros_like(d_fake))
    opt_d.zero_grad()
    d_loss.backward()
    opt_d.step()
    # generator
    g_score = D(fake)
    g_loss = mse(g_score, torch.ones_like(g_score))
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()
    if it % 100 == 0:
        print("iter %d D %.3f G %.3f" % (it, d_loss.item(), g_loss.item()))

with torch.no_grad():
    made = G(torch.randn(800, NOISE_DIM))
width = made[:, 0].std().item()
distance = (made[:, 1] - SLOPE * made[:, 0]).abs().mean().item()
print(f"width {width:.2f} of 1, from the line {distance:.3f}, both errors {abs(width - 1) + distance:.3f}")
