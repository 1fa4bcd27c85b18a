"""A convolutional VAE of pictures of bars, with the KL term warmed up. Judged by the negative ELBO of new pictures."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class Bars(Dataset):
    """Binary pictures [1, 8, 8] with three to five bars of some length, all lying or all standing."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        lines = torch.rand(n, 8, generator=g).argsort(1) < torch.randint(3, 6, (n, 1), generator=g)
        begin, end = torch.randint(0, 3, (n, 8, 1), generator=g), torch.randint(5, 9, (n, 8, 1), generator=g)
        place = torch.arange(8)
        pictures = lines[:, :, None] & (begin <= place) & (place < end)
        standing = torch.rand(n, generator=g) < 0.5
        pictures[standing] = pictures[standing].transpose(1, 2).clone()
        self.pictures = pictures[:, None].float()

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, i):
        return self.pictures[i]


class VAE(nn.Module):
    def __init__(self, latent=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.ELU(), nn.Flatten(), nn.Linear(12 * 16, 64), nn.ELU()
        )
        self.to_mu = nn.Linear(64, latent)
        self.to_logvar = nn.Linear(64, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, 12 * 16),
            nn.ELU(),
            nn.Unflatten(1, (12, 4, 4)),
            nn.ConvTranspose2d(12, 12, 4, stride=2, padding=1),
            nn.ELU(),
            nn.Conv2d(12, 1, 3, padding=1),
        )

    def reparameterize(self, mu, logvar, generator=None):
        eps = torch.randn(mu.shape, generator=generator)
        return mu + eps * torch.exp(0.5 * logvar)

    def forward(self, x, generator=None):
        h = self.encoder(2 * x - 1)
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        return self.decoder(self.reparameterize(mu, logvar, generator)), mu, logvar


def elbo_terms(x, logits, mu, logvar):
    """Both per picture: nats of the pixels, and of the code."""
    pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=(1, 2, 3))
    kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum(dim=1)
    return pixels.mean(), kl.mean()


def negative_elbo(model, loader):
    """By one draw of the code for each picture, the same draws each time."""
    model.eval()
    generator = torch.Generator().manual_seed(0)
    total = 0.0
    with torch.no_grad():
        for x in loader:
            pixels, kl = elbo_terms(x, *model(x, generator))
            total += (pixels + kl).item() * len(x)
    return total / len(loader.dataset)


if __name__ == "__main__":
    torch.manual_seed(21)
    train_loader = DataLoader(Bars(800, seed=1), batch_size=40, shuffle=True)
    test_loader = DataLoader(Bars(150, seed=3), batch_size=100)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    epochs = 12
    for epoch in range(epochs):
        model.train()
        beta = min(1.0, (epoch + 1) / 5)
        for x in train_loader:
            pixels, kl = elbo_terms(x, *model(x))
            loss = pixels + beta * kl
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch % 4 == 3:
            print(f"epoch {epoch + 1}: {pixels.item():.2f} + {beta:.1f} * {kl.item():.2f}")
    print(f"negative ELBO {negative_elbo(model, test_loader):.2f}")
