"""Digit, and amount of ink, from one trunk; the two losses are weighted by learnt uncertainties."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class TwoHeads(nn.Module):
    def __init__(self, hidden: int = 48):
        super().__init__()
        self.trunk = nn.Linear(64, hidden)
        self.digit = nn.Linear(hidden, 10)
        self.ink = nn.Linear(hidden, 1)
        self.log_variances = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        h = F.relu(self.trunk(x))
        return self.digit(h), self.ink(h).flatten()

    def loss(self, x, digit, ink):
        logits, estimate = self(x)
        losses = torch.stack([F.cross_entropy(logits, digit), F.mse_loss(estimate, ink)])
        return (losses * torch.exp(-self.log_variances) + self.log_variances).sum()


def prepare():
    pixels, digit = load_digits(return_X_y=True)
    x, digit = torch.tensor(pixels, dtype=torch.float32), torch.tensor(digit)
    ink = (x > 8).sum(1).float() + 0.1 * x[:, 20:44].sum(1)
    x_train, x_val = x[:1300], x[1300:]
    centre, scale = x_train.mean(), x_train.std()
    ink = (ink - ink[:1300].mean()) / ink[:1300].std()
    train = TensorDataset((x_train - centre) / scale, digit[:1300], ink[:1300])
    val = TensorDataset((x_val - centre) / scale, digit[1300:], ink[1300:])
    return train, val


def validate(model, loader):
    model.eval()
    right, squared, n = 0, 0.0, 0
    with torch.no_grad():
        for x, digit, ink in loader:
            logits, estimate = model(x)
            right += (logits.argmax(1) == digit).sum().item()
            squared += F.mse_loss(estimate, ink, reduction="sum").item()
            n += len(x)
    return right / n, squared / n


torch.manual_seed(50)
train, val = prepare()
train_loader = DataLoader(train, 32, shuffle=True)
val_loader = DataLoader(val, 128)
model = TwoHeads()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(8):
    model.train()
    for batch in train_loader:
        optimizer.zero_grad()
        loss = model.loss(*batch)
        loss.backward()
        optimizer.step()
accuracy, error = validate(model, val_loader)
print(f"loss {loss.item():.3f}, weights {[round(w, 2) for w in (-model.log_variances).exp().tolist()]}")
print(f"ink unexplained {error:.3f}, digits {accuracy:.3f}")
