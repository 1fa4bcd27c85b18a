"""Denoising convolutional autoencoder on digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class NoisyDigits(Dataset):
    """Pairs of a noisy and a clean image in [0, 1]; the noise is drawn anew for training, fixed for validation."""

    def __init__(self, images, noise=0.3, fixed=False):
        self.images = torch.as_tensor(images, dtype=torch.float32)[:, None] / 16
        self.noise = noise
        self.frozen = None
        if fixed:
            generator = torch.Generator().manual_seed(0)
            self.frozen = noise * torch.randn(self.images.shape, generator=generator)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        clean = self.images[i]
        noise = self.frozen[i] if self.frozen is not None else self.noise * torch.randn_like(clean)
        return clean + noise, clean


class DenoisingAE(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(2 * width, width, 2, stride=2),
            nn.ReLU(),
            nn.Conv2d(width, 1, 3, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


def run_epoch(model, loader, optimizer=None):
    training = optimizer is not None
    model.train(training)
    total = 0.0
    with torch.set_grad_enabled(training):
        for noisy, clean in loader:
            restored = model(noisy)
            loss = nn.functional.mse_loss(restored, clean)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(clean)
    return total / len(loader.dataset)


if __name__ == "__main__":
    torch.manual_seed(21)
    images = load_digits().images
    images = images[torch.randperm(len(images)).numpy()]
    train_set, valid_set = NoisyDigits(images[:1000]), NoisyDigits(images[1000:1400], fixed=True)
    train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
    valid_loader = DataLoader(valid_set, batch_size=100)
    model = DenoisingAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(6):
        train_loss = run_epoch(model, train_loader, optimizer)
        valid_loss = run_epoch(model, valid_loader)
        print(f"epoch {epoch}: train {train_loss:.4f}, valid {valid_loss:.4f}")
    spread = valid_set.images.var().item()
    print(f"variance of a pixel {spread:.4f}, share not restored {valid_loss / spread:.4f}")
