"""Self-supervised: two views of each digit, NT-Xent over the batch, then a linear probe on frozen features."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

TEMPERATURE = 0.2


def augment(images, generator):
    """Shifts each image by up to a pixel and adds noise; [N, 1, 8, 8]."""
    padded = F.pad(images, (1, 1, 1, 1))
    rows = torch.randint(0, 3, (len(images),), generator=generator)
    columns = torch.randint(0, 3, (len(images),), generator=generator)
    out = torch.stack([p[:, r : r + 8, c : c + 8] for p, r, c in zip(padded, rows, columns, strict=True)])
    return out + 0.1 * torch.randn(out.shape, generator=generator)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.projector = nn.Sequential(nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 16))

    def forward(self, x):
        return F.normalize(self.projector(self.features(x)), dim=1)


def nt_xent(z1, z2):
    z = torch.cat([z1, z2])
    similarity = z @ z.T / TEMPERATURE
    similarity.fill_diagonal_(float("-inf"))
    n = len(z1)
    positives = torch.cat([torch.arange(n, 2 * n), torch.arange(n)])
    return F.cross_entropy(similarity, positives)


torch.manual_seed(6)
generator = torch.Generator().manual_seed(6)
X, y = load_digits(return_X_y=True)
X = torch.tensor(X, dtype=torch.float32).view(-1, 1, 8, 8) / 16
order = torch.randperm(len(X), generator=generator)
X, y = X[order], torch.tensor(y)[order]
X_train, X_test, y_train, y_test = X[:900], X[900:1300], y[:900], y[900:1300]
mean, std = X_train.mean(), X_train.std()
X_train, X_test = (X_train - mean) / std, (X_test - mean) / std

encoder = Encoder()
optimizer = torch.optim.Adam(encoder.parameters(), lr=2e-3)
for epoch in range(3):
    losses = []
    for rows in torch.randperm(len(X_train), generator=generator).split(100):
        view1, view2 = augment(X_train[rows], generator), augment(X_train[rows], generator)
        loss = nt_xent(encoder(view1), encoder(view2))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"epoch {epoch}: NT-Xent {sum(losses) / len(losses):.3f}")

encoder.eval()
with torch.no_grad():
    z_train, z_test = encoder.features(X_train).numpy(), encoder.features(X_test).numpy()
probe = LogisticRegression(max_iter=300, C=0.1).fit(z_train[:200], y_train[:200])
print(f"linear probe with 200 labels: accuracy {probe.score(z_test, y_test):.3f}")
