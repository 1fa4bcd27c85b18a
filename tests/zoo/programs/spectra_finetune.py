"""Fine-tune an encoder of spectra, trained on eight known substances, for three new ones with few measurements."""

import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy

CHANNELS = 60


def measure(peaks, n, g):
    """Counts of a detector: a background, the substance's five peaks at some concentration, and noise."""
    kind = torch.randint(0, len(peaks), (n,), generator=g)
    strength = 150 + 200 * torch.rand(n, 1, generator=g)
    grid = torch.arange(CHANNELS)
    shape = torch.exp(-((grid - peaks[:, :, None]) ** 2) / 6.0).sum(1)
    counts = 900 + strength * shape[kind] + 90 * torch.randn(n, CHANNELS, generator=g)
    return counts, kind


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 8, 7, stride=2, padding=3)
        self.fc = nn.Linear(8 * 30, 32)

    def forward(self, spectrum):
        h = torch.relu(self.conv(spectrum.unsqueeze(1)))
        return torch.relu(self.fc(h.flatten(1)))


def pretrain(path, g):
    counts, kind = measure(torch.randint(0, CHANNELS, (8, 5), generator=g), 800, g)
    mean, std = counts.mean(), counts.std()
    encoder, classifier = Encoder(), nn.Linear(32, 8)
    optimizer = torch.optim.Adam([*encoder.parameters(), *classifier.parameters()], lr=3e-3)
    for _ in range(5):
        for rows in torch.randperm(len(kind)).split(40):
            optimizer.zero_grad()
            cross_entropy(classifier(encoder((counts[rows] - mean) / std)), kind[rows]).backward()
            optimizer.step()
    torch.save({"weights": encoder.state_dict(), "mean": mean.item(), "std": std.item()}, path)


torch.manual_seed(0)
generator = torch.Generator().manual_seed(0)
path = Path(tempfile.mkdtemp()) / "encoder.pt"
pretrain(path, generator)

pretrained = torch.load(path)
encoder = Encoder()
encoder.load_state_dict(pretrained["weights"])
model = nn.Sequential(encoder, nn.Linear(32, 3))


def preprocess(counts):
    return (counts - pretrained["mean"]) / pretrained["std"]


new_peaks = torch.randint(0, CHANNELS, (3, 5), generator=generator)
x_train, y_train = measure(new_peaks, 90, generator)
x_test, y_test = measure(new_peaks, 300, generator)
optimizer = torch.optim.Adam(
    [{"params": encoder.parameters(), "lr": 3e-4}, {"params": model[1].parameters(), "lr": 3e-3}]
)
for epoch in range(12):
    for rows in torch.randperm(len(x_train)).split(15):
        optimizer.zero_grad()
        loss = cross_entropy(model(preprocess(x_train[rows])), y_train[rows])
        loss.backward()
        optimizer.step()

with torch.no_grad():
    hits = model(preprocess(x_test)).argmax(1) == y_test
print(f"accuracy on new substances {hits.float().mean().item():.3f}")
