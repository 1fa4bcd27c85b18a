import torch
from torch import nn

torch.manual_seed(2)
BATCH = 128
NOISE = 4


def real_batch():
    """Points of a two-dimensional Gaussian with a mean of (1.0, -0.5)."""
    return torch.randn(BATCH, 2) * 0.5 + torch.tensor([1.0, -0.5])


generator = nn.Sequential(nn.Linear(NOISE, 16), nn.ReLU(), nn.Linear(16, 2))
discriminator = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
opt_d = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.999))
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)

for step in range(400):
    fake = generator(torch.randn(BATCH, NOISE))

    opt_d.zero_grad()
    d_loss = bce(discriminator(real_batch()), ones) + bce(discriminator(fake.detach()), zeros)
    d_loss.backward()
    opt_d.step()

    opt_g.zero_grad()
    g_loss = bce(discriminator(fake), ones)
    g_loss.backward()
    opt_g.step()

    if step % 100 == 99:
        print(f"{step + 1}: D {d_loss.item():.3f} G {g_loss.item():.3f}")

with torch.no_grad():
    centre = generator(torch.randn(2000, NOISE)).mean(0)
distance = (centre - torch.tensor([1.0, -0.5])).norm().item()
print(f"distance of the means {distance:.3f}")
