"""Whistles of three kinds, as 16-bit samples: log spectrograms and a small convolutional net over time."""

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

RATE, SECONDS = 2000, 0.4
NAMES = ["rising", "falling", "steady"]


def whistle(kind, rng):
    """int16 samples as a recorder gives them."""
    t = np.arange(int(RATE * SECONDS)) / RATE
    start, sweep = rng.uniform(250, 550), rng.uniform(150, 350)
    slope = {"rising": sweep, "falling": -sweep, "steady": 0.0}[kind]
    begin = start + (sweep if kind == "falling" else 0)
    angle = 2 * np.pi * (begin * t + slope * t**2 / (2 * SECONDS))
    loud = rng.uniform(4000, 14000)
    wave = loud * np.sin(angle + rng.uniform(0, 6.28)) + rng.normal(0, 4500, len(t))
    return wave.clip(-32768, 32767).astype(np.int16)


class Whistles(Dataset):
    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.labels = rng.integers(0, len(NAMES), n)
        self.samples = np.stack([whistle(NAMES[label], rng) for label in self.labels])

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return torch.from_numpy(self.samples[i].astype(np.float32) / 32768.0), int(self.labels[i])


class LogSpectrogram(nn.Module):
    def __init__(self, n_fft=64, hop=32):
        super().__init__()
        self.n_fft, self.hop = n_fft, hop
        self.register_buffer("window", torch.hann_window(n_fft))

    def forward(self, wave):
        spectrum = torch.stft(wave, self.n_fft, self.hop, window=self.window, center=False, return_complex=True)
        return torch.log(spectrum.abs().square() + 1e-3)


class WhistleNet(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.front = LogSpectrogram()
        self.mean, self.std = mean, std
        self.conv1 = nn.Conv1d(33, 32, 5, padding=2)
        self.conv2 = nn.Conv1d(32, 32, 5, padding=2)
        self.dropout = nn.Dropout(0.2)
        self.out = nn.Linear(64, len(NAMES))

    def forward(self, wave):
        x = (self.front(wave) - self.mean) / self.std
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        early, late = x.chunk(2, dim=2)
        pooled = torch.cat([early.mean(2), late.mean(2)], dim=1)
        return self.out(self.dropout(pooled))


def augment(wave):
    """Louder or softer, moved a little in time."""
    gain = 0.5 + torch.rand(len(wave), 1)
    moved = torch.roll(wave, int(torch.randint(-60, 61, ())), dims=1)
    return gain * moved


def run_epoch(model, loader, optimizer=None):
    model.train(optimizer is not None)
    loss_sum, hits = 0.0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for wave, label in loader:
            if optimizer is not None:
                wave = augment(wave)
            logits = model(wave)
            loss = nn.functional.cross_entropy(logits, label)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(label)
            hits += (logits.argmax(dim=1) == label).sum().item()
    return loss_sum / len(loader.dataset), hits / len(loader.dataset)


if __name__ == "__main__":
    torch.manual_seed(110)
    train_set, valid_set = Whistles(480, seed=5), Whistles(170, seed=6)
    with torch.no_grad():
        spectra = LogSpectrogram()(torch.stack([wave for wave, _ in train_set]))
    train_loader = DataLoader(train_set, batch_size=24, shuffle=True)
    valid_loader = DataLoader(valid_set, batch_size=50)
    model = WhistleNet(spectra.mean(), spectra.std())
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(5):
        train_loss, train_acc = run_epoch(model, train_loader, optimizer)
        valid_loss, valid_acc = run_epoch(model, valid_loader)
        print(f"{epoch + 1}: train {train_loss:.3f} {train_acc:.3f} valid {valid_loss:.3f} {valid_acc:.3f}")
