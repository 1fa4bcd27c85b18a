"""Supervised contrastive learning of short signals: all views of a class together, then nearest neighbours."""

import torch
import torch.nn.functional as F
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

CLASSES = 5


def make_signals(n, generator):
    t = torch.linspace(0, 1, 40)
    kind = torch.randint(CLASSES, (n,), generator=generator)
    pitch = torch.tensor([2.0, 3.0, 4.0, 3.0, 4.0])[kind, None]
    overtone = torch.tensor([0.0, 0.0, 0.0, 0.8, 0.8])[kind, None]
    phase = 6.28 * torch.rand(n, 1, generator=generator)
    clean = torch.sin(6.28 * pitch * t + phase) + overtone * torch.sin(12.56 * pitch * t + phase)
    return 5 + 2 * (clean + 0.4 * torch.randn(n, 40, generator=generator)), kind


class Encoder(nn.Module):
    def __init__(self, width=24, out=16):
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv1d(1, width, 7, padding=3),
            nn.GELU(),
            nn.MaxPool1d(2),
            nn.Conv1d(width, width, 7, padding=3),
            nn.GELU(),
            nn.AdaptiveAvgPool1d(4),
        )
        self.projection = nn.Linear(4 * width, out)

    def forward(self, signals):
        h = self.convs(signals.unsqueeze(1))
        return F.normalize(self.projection(h.flatten(1)), dim=1)


def random_view(signals):
    """A shift, a gain for each signal and a little noise."""
    shift = int(torch.randint(-8, 9, ()))
    gain = 0.8 + 0.4 * torch.rand(len(signals), 1)
    return gain * signals.roll(shift, dims=1) + 0.1 * torch.randn_like(signals)


def supervised_contrastive(z, kinds, temperature=0.2):
    similarity = z @ z.T / temperature
    itself = torch.eye(len(z), dtype=torch.bool)
    same = (kinds[:, None] == kinds[None, :]) & ~itself
    log_share = similarity - similarity.masked_fill(itself, float("-inf")).logsumexp(dim=1, keepdim=True)
    return -((log_share * same).sum(1) / same.sum(1)).mean()


def main():
    torch.manual_seed(33)
    generator = torch.Generator().manual_seed(33)
    train_x, train_y = make_signals(500, generator)
    test_x, test_y = make_signals(250, generator)
    mean, std = train_x.mean(), train_x.std()
    train_x, test_x = (train_x - mean) / std, (test_x - mean) / std

    encoder = Encoder()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)
    for epoch in range(8):
        encoder.train()
        for rows in torch.randperm(len(train_x)).split(50):
            views = torch.cat([random_view(train_x[rows]), random_view(train_x[rows])])
            loss = supervised_contrastive(encoder(views), train_y[rows].repeat(2))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    encoder.eval()
    with torch.no_grad():
        known, asked = encoder(train_x), encoder(test_x)
    judge = KNeighborsClassifier(n_neighbors=5).fit(known.numpy(), train_y.numpy())
    print(f"last loss {loss.item():.3f}, nearest neighbours right {judge.score(asked.numpy(), test_y.numpy()):.3f}")


if __name__ == "__main__":
    main()
