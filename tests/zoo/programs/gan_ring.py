"""A generative adversarial net that learns a ring of points; judged by how far its points are from the ring."""

import torch
import torch.nn as nn

LATENT = 8
STEPS = 350
BATCH = 128


def ring(n):
    angle = 2 * torch.pi * torch.rand(n)
    radius = 1.0 + 0.05 * torch.randn(n)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(LATENT, 48), nn.LeakyReLU(0.2), nn.Linear(48, 48), nn.LeakyReLU(0.2), nn.Linear(48, 2)
        )

    def forward(self, noise):
        return self.main(noise)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Linear(2, 48), nn.LeakyReLU(0.2), nn.Linear(48, 48), nn.LeakyReLU(0.2), nn.Linear(48, 1), nn.Sigmoid()
        )

    def forward(self, points):
        return self.main(points).view(-1)


torch.manual_seed(999)
netG, netD = Generator(), Discriminator()
criterion = nn.BCELoss()
optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
optimizerG = torch.optim.Adam(netG.parameters(), lr=1e-3, betas=(0.5, 0.999))
real_label, fake_label = 1.0, 0.0

for i in range(STEPS):
    # (1) Update D: maximise log(D(x)) + log(1 - D(G(z)))
    netD.zero_grad()
    real = ring(BATCH)
    label = torch.full((BATCH,), real_label)
    errD_real = criterion(netD(real), label)
    errD_real.backward()
    noise = torch.randn(BATCH, LATENT)
    fake = netG(noise)
    label.fill_(fake_label)
    errD_fake = criterion(netD(fake.detach()), label)
    errD_fake.backward()
    optimizerD.step()

    # (2) Update G: maximise log(D(G(z)))
    netG.zero_grad()
    label.fill_(real_label)
    errG = criterion(netD(fake), label)
    errG.backward()
    optimizerG.step()

    if i % 175 == 174:
        print(f"[{i + 1}/{STEPS}] Loss_D: {(errD_real + errD_fake).item():.4f} Loss_G: {errG.item():.4f}")

netG.eval()
with torch.no_grad():
    points = netG(torch.randn(1000, LATENT))
off = (points.norm(dim=1) - 1).abs().mean().item()
print(f"spread {points.std().item():.3f}, mean distance from the ring {off:.3f}")
