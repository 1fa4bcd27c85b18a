"""A generative adversarial net learns waves of one pitch at any phase. How much of what it makes is at that pitch?"""

import math

import torch
import torch.nn as nn

LENGTH, LATENT, PITCH, BATCH = 24, 8, 2, 64


def real_waves(n):
    t = torch.arange(LENGTH) / LENGTH
    phase = 2 * math.pi * torch.rand(n, 1)
    size = 0.6 + 0.3 * torch.rand(n, 1)
    return size * torch.sin(2 * math.pi * PITCH * t + phase) + 0.02 * torch.randn(n, LENGTH)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(LATENT, 64, bias=False),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.Linear(64, 64, bias=False),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.Linear(64, LENGTH),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(LENGTH, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
        )

    def forward(self, x):
        return self.net(x).squeeze(1)


def share_at_pitch(waves):
    power = torch.fft.rfft(waves).abs().square()
    return (power[:, PITCH].sum() / power.sum()).item()


torch.manual_seed(9)
data = real_waves(2048)
netG, netD = Generator(), Discriminator()
optG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
optD = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
criterion = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(BATCH), torch.zeros(BATCH)

for epoch in range(7):
    netG.train()
    for rows in torch.randperm(len(data)).split(BATCH):
        # the discriminator: log D(x) + log(1 - D(G(z)))
        netD.zero_grad()
        fake = netG(torch.randn(BATCH, LATENT))
        lossD = criterion(netD(data[rows]), ones) + criterion(netD(fake.detach()), zeros)
        lossD.backward()
        optD.step()
        # the generator: log D(G(z))
        netG.zero_grad()
        lossG = criterion(netD(fake), ones)
        lossG.backward()
        optG.step()
    netG.eval()
    with torch.no_grad():
        made = netG(torch.randn(500, LATENT))
    print(f"[{epoch}] D {lossD.item():.3f} G {lossG.item():.3f} share at the pitch {share_at_pitch(made):.3f}")
